"""The people of the demo scene: drawn once per pose, then placed into frames at any size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from deepsort_cli.core.types import FloatArray, Image
from deepsort_cli.video.chance import Chance

PHASES = 24
"""Pictures of one walking cycle."""

STRIDES = 3
"""Steps between standing still (0) and walking with a full stride."""

Colour = tuple[int, int, int]

_SIZE = 300
"""Height in pixels of the stored pictures."""

_FINE = 2
"""They are drawn this much larger, so that edges are smooth."""

_TOPS: tuple[Colour, ...] = (
    (52, 64, 206), (178, 96, 32), (60, 140, 70), (40, 178, 236), (150, 70, 130), (226, 226, 222), (66, 60, 58),
    (36, 120, 232), (170, 160, 60), (140, 110, 226), (96, 150, 196), (110, 60, 50),
)  # fmt: skip
_BOTTOMS: tuple[Colour, ...] = (
    (92, 62, 40), (52, 50, 50), (110, 130, 150), (70, 84, 92), (130, 104, 84), (44, 40, 74), (60, 80, 60),
)  # fmt: skip
_SKINS: tuple[Colour, ...] = ((168, 196, 232), (138, 172, 218), (104, 142, 194), (72, 104, 154), (50, 74, 112))
_HAIRS: tuple[Colour, ...] = (
    (28, 30, 36),
    (36, 52, 84),
    (60, 100, 150),
    (90, 150, 196),
    (120, 124, 128),
    (30, 48, 120),
)
_SHOES: tuple[Colour, ...] = ((44, 42, 42), (232, 232, 232), (50, 70, 110), (60, 60, 190))


@dataclass(frozen=True)
class Clothes:
    """What one person looks like. Colours are BGR."""

    top: Colour
    accent: Colour
    bottom: Colour
    shoes: Colour
    skin: Colour
    hair: Colour
    style: str
    """plain, stripes, block, jacket or dress"""
    legs: str
    """trousers, shorts or skirt"""
    head: str
    """short, long, bun or cap"""
    backpack: bool
    build: float
    """Width relative to the usual."""
    stature: float
    """Height relative to the usual."""


def dress(people: int, chance: Chance) -> list[Clothes]:
    """Clothing for so many people; neighbours in the list differ clearly in their top."""
    tops: list[Colour] = []
    while len(tops) < people:
        tops += chance.shuffled(_TOPS)
    clothes = []
    for top in tops[:people]:
        skin = chance.pick(_SKINS)
        style = chance.pick(("plain", "plain", "stripes", "block", "jacket", "dress"))
        accents = [colour for colour in _TOPS if _distance(colour, top) > 150]
        bottoms = [colour for colour in _BOTTOMS if _distance(colour, top) > 60]
        clothes.append(
            Clothes(
                top=top,
                accent=chance.pick(accents),
                bottom=chance.pick(bottoms),
                shoes=chance.pick(_SHOES),
                skin=skin,
                hair=chance.pick([colour for colour in _HAIRS if _distance(colour, skin) > 90]),
                style=style,
                legs="skirt" if style == "dress" else chance.pick(("trousers", "trousers", "trousers", "shorts")),
                head=chance.pick(("long", "bun"))
                if style == "dress"
                else chance.pick(("short", "short", "long", "cap")),
                backpack=style != "dress" and chance.between(0, 1) < 0.3,
                build=chance.between(0.92, 1.1),
                stature=chance.between(0.93, 1.05),
            )
        )
    return clothes


@dataclass(frozen=True)
class Placement:
    """Where a figure stands in a frame, in pixels.

    Attributes:
        x, y: the point on the ground between its feet.
        height: of a person of usual stature.
        phase: step of the walking cycle, 0 to `PHASES` − 1.
        stride: 0 standing to `STRIDES` walking.
        faces_left: which way it looks.
    """

    x: float
    y: float
    height: float
    phase: int
    stride: int
    faces_left: bool


def figure_box(clothes: Clothes, place: Placement) -> FloatArray:
    """(4,) x1 y1 x2 y2 around a figure, without its shadow."""
    x1, y1, x2, y2 = _picture_at(clothes, place).box * _scale(clothes, place)
    if place.faces_left:
        x1, x2 = -x2, -x1
    return np.array([place.x + x1, place.y + y1, place.x + x2, place.y + y2])


def draw_figure(image: Image, clothes: Clothes, place: Placement) -> None:
    """Paint a figure over the image."""
    patch = _patch(clothes, place, image.shape[1], image.shape[0])
    if patch is not None:
        rows, columns, pixels = patch
        paste(image[rows, columns], pixels)


def silhouette(
    clothes: Clothes, place: Placement, width: int, height: int
) -> tuple[slice, slice, npt.NDArray[np.bool_], int] | None:
    """The pixels a figure covers in a frame: rows, columns and mask inside them; and their number with those outside.

    None where it does not reach into the frame.
    """
    patch = _patch(clothes, place, width, height)
    if patch is None:
        return None
    rows, columns, pixels = patch
    mask = pixels[..., 3] >= 128
    covered = int(np.count_nonzero(mask))
    if not covered:  # only the clear border of the picture reaches in
        return None
    whole = _picture_at(clothes, place).opaque * _scale(clothes, place) ** 2
    return rows, columns, mask, max(round(whole), covered)


@dataclass(frozen=True)
class _Picture:
    """One pose of one person looking to the right.

    Attributes:
        pixels: (h, w, 4) premultiplied BGRA with a clear border.
        left, top: where its corner lies, seen from the point on the ground.
        box: (4,) x1 y1 x2 y2 around what is opaque, seen from the point on the ground.
        opaque: number of opaque pixels.
    """

    pixels: npt.NDArray[np.uint8]
    left: float
    top: float
    box: FloatArray
    opaque: int


def _picture_at(clothes: Clothes, place: Placement) -> _Picture:
    return _paint(clothes, place.phase if place.stride else 0, place.stride)


def _scale(clothes: Clothes, place: Placement) -> float:
    return place.height * clothes.stature / _SIZE


def _patch(
    clothes: Clothes, place: Placement, width: int, height: int
) -> tuple[slice, slice, npt.NDArray[np.uint8]] | None:
    """The part of a frame that a figure reaches into, and its premultiplied BGRA pixels there."""
    picture, scale = _picture_at(clothes, place), _scale(clothes, place)
    tall, wide = picture.pixels.shape[:2]
    left, right = scale * picture.left, scale * (picture.left + wide)
    if place.faces_left:
        left, right = -right, -left
    top, bottom = place.y + scale * picture.top, place.y + scale * (picture.top + tall)
    x1, x2 = max(0, math.floor(place.x + left)), min(width, math.ceil(place.x + right))
    y1, y2 = max(0, math.floor(top)), min(height, math.ceil(bottom))
    if x2 <= x1 or y2 <= y1:
        return None
    across = -scale if place.faces_left else scale
    # Coordinates are those of pixel centres.
    move = np.array(
        [
            [across, 0, place.x + across * (picture.left + 0.5) - 0.5 - x1],
            [0, scale, top + scale * 0.5 - 0.5 - y1],
        ]
    )
    pixels = cv2.warpAffine(picture.pixels, move, (x2 - x1, y2 - y1), flags=cv2.INTER_LINEAR)
    return slice(y1, y2), slice(x1, x2), np.asarray(pixels, dtype=np.uint8)


def paste(region: Image, pixels: npt.NDArray[np.uint8]) -> None:
    """Lay premultiplied BGRA pixels over a region of an image, in place."""
    rest = cv2.cvtColor(cv2.bitwise_not(cv2.extractChannel(pixels, 3)), cv2.COLOR_GRAY2BGR)
    cv2.multiply(region, rest, dst=region, scale=1 / 255)
    cv2.add(region, cv2.cvtColor(pixels, cv2.COLOR_BGRA2BGR), dst=region)


_BORDER = 12
"""Pixels around a stored picture's figure at the sides and below."""


class _Canvas:
    """Draws in body heights: x from the middle to the right, y from the head (0) to the ground (1)."""

    def __init__(self) -> None:
        self.unit = _SIZE * _FINE
        border = _BORDER * _FINE
        self.pixels = np.zeros((self.unit + 2 * border, int(0.72 * self.unit) + 2 * border, 4), dtype=np.uint8)
        self._middle, self._top = self.pixels.shape[1] / 2, border

    def shape(self, colour: Colour, points: list[tuple[float, float]]) -> None:
        """A filled polygon."""
        cv2.fillPoly(self.pixels, [self._fixed(points)], (*colour, 255), cv2.LINE_AA, _SHIFT)

    def disc(self, colour: Colour, x: float, y: float, rx: float, ry: float | None = None, angle: float = 0) -> None:
        """A filled ellipse."""
        centre = tuple(self._fixed([(x, y)])[0].tolist())
        axes = (self._length(rx), self._length(ry or rx))
        cv2.ellipse(self.pixels, centre, axes, angle, 0, 360, (*colour, 255), -1, cv2.LINE_AA, _SHIFT)

    def limb(self, colour: Colour, start: tuple[float, float], end: tuple[float, float], r1: float, r2: float) -> None:
        """A tapering rounded limb."""
        dx, dy = end[0] - start[0], end[1] - start[1]
        length = math.hypot(dx, dy) or 1e-6
        nx, ny = -dy / length, dx / length
        self.shape(
            colour,
            [
                (start[0] + nx * r1, start[1] + ny * r1),
                (end[0] + nx * r2, end[1] + ny * r2),
                (end[0] - nx * r2, end[1] - ny * r2),
                (start[0] - nx * r1, start[1] - ny * r1),
            ],
        )
        self.disc(colour, *start, r1)
        self.disc(colour, *end, r2)

    def clip(self, part: _Canvas, mask: npt.NDArray[np.uint8]) -> None:
        """Lay another canvas over this one where `mask` (H, W) is opaque."""
        weight = cv2.cvtColor(mask, cv2.COLOR_GRAY2BGRA)
        weight[..., 3] = mask
        shown = cv2.multiply(part.pixels, weight, scale=1 / 255)
        rest = cv2.merge([255 - shown[..., 3]] * 4)
        cv2.multiply(self.pixels, rest, dst=self.pixels, scale=1 / 255)
        cv2.add(self.pixels, shown, dst=self.pixels)

    def _fixed(self, points: list[tuple[float, float]]) -> npt.NDArray[np.int32]:
        scaled = np.array(points) * self.unit + (self._middle, self._top)
        return np.round(scaled * (1 << _SHIFT)).astype(np.int32)

    def _length(self, value: float) -> int:
        return round(value * self.unit * (1 << _SHIFT))


_SHIFT = 6


@lru_cache(maxsize=2500)  # some 350 MB at most; a scene of seven people needs 170 pictures
def _paint(clothes: Clothes, phase: int, stride: int) -> _Picture:
    """Draw one pose larger than it is stored, shrink it, and give it roundness."""
    canvas = _Canvas()
    _draw_person(canvas, clothes, 2 * math.pi * phase / PHASES, stride / STRIDES)
    size = (canvas.pixels.shape[1] // _FINE, canvas.pixels.shape[0] // _FINE)
    pixels = _rounded(np.asarray(cv2.resize(canvas.pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8))
    middle, ground = pixels.shape[1] / 2, pixels.shape[0] - _BORDER
    opaque = pixels[..., 3] >= 128
    columns, rows = np.flatnonzero(opaque.any(axis=0)), np.flatnonzero(opaque.any(axis=1))
    x1, y1, x2, y2 = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    clear = 3  # soft edges, and something for interpolation to fade into
    return _Picture(
        np.ascontiguousarray(pixels[y1 - clear : y2 + clear, x1 - clear : x2 + clear]),
        left=x1 - clear - middle,
        top=y1 - clear - ground,
        box=np.array([x1 - middle, y1 - ground, x2 - middle, y2 - ground]),
        opaque=int(np.count_nonzero(opaque)),
    )


def _rounded(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Darken towards the outline and away from the light at the upper left."""
    height, width = pixels.shape[:2]
    opacity = cv2.extractChannel(pixels, 3)
    depth = cv2.distanceTransform((opacity > 127).astype(np.uint8), cv2.DIST_L2, 3)
    light = 0.74 + 0.26 * np.minimum(depth / np.float32(0.035 * height), 1)
    light *= np.linspace(1.08, 0.90, width, dtype=np.float32)[None, :]
    light *= np.linspace(1.04, 0.94, height, dtype=np.float32)[:, None]
    colours = cv2.multiply(cv2.cvtColor(pixels, cv2.COLOR_BGRA2BGR), cv2.merge([light] * 3), dtype=cv2.CV_8U)
    colours = cv2.min(colours, cv2.merge([opacity] * 3))  # premultiplied: no colour is above its opacity
    return np.asarray(cv2.merge([*cv2.split(colours), opacity]), dtype=np.uint8)


def _draw_person(canvas: _Canvas, clothes: Clothes, phase: float, stride: float) -> None:
    """One person looking to the right, far parts first; `phase` of the walk in radians, `stride` from 0 to 1."""
    swing, pace = stride * math.sin(phase), stride * math.cos(phase)
    rest = 0.12 * (1 - stride)
    near, far = _leg(swing + rest, pace), _leg(-swing - rest, -pace)
    # The lower foot stands on the ground: the body rises and sinks with the step.
    drop = 1.0 - max(near.sole, far.sole)

    wide = clothes.build
    hip, shoulder = (0.0, 0.50 + drop), (0.012, 0.195 + drop)
    sleeve = _darker(clothes.accent if clothes.style == "block" else clothes.top, 0.9)
    arm_swing = 0.05 - 0.9 * swing

    _draw_arm(canvas, clothes, (shoulder[0] + 0.045, shoulder[1] + 0.02), -arm_swing, _darker(sleeve, 0.72), 0.72)
    _draw_leg(canvas, clothes, (hip[0] + 0.028, hip[1]), far, 0.70)
    _draw_leg(canvas, clothes, (hip[0] - 0.024, hip[1]), near, 1.0)
    if clothes.backpack:
        canvas.limb(_darker(clothes.accent, 0.8), (-0.105 * wide, 0.24 + drop), (-0.10 * wide, 0.39 + drop), 0.05, 0.06)
    _draw_torso(canvas, clothes, drop)
    _draw_head(canvas, clothes, drop)
    # A darker rim sets the near arm off from the body.
    where = (shoulder[0] - 0.078 * wide, shoulder[1] + 0.018)
    _draw_arm(canvas, clothes, where, arm_swing, _darker(sleeve, 0.62), 0.62, rim=0.006)
    _draw_arm(canvas, clothes, where, arm_swing, sleeve, 1.0)


@dataclass(frozen=True)
class _Leg:
    """Angles of a leg in radians, forwards positive, and how far below the hip's usual height its sole reaches."""

    thigh: float
    shin: float

    @property
    def sole(self) -> float:
        return 0.50 + _THIGH * math.cos(self.thigh) + _SHIN * math.cos(self.shin) + _FOOT


_THIGH, _SHIN, _FOOT = 0.235, 0.235, 0.03


def _leg(swing: float, pace: float) -> _Leg:
    thigh = math.radians(18) * swing
    knee = math.radians(4) + math.radians(38) * max(0.0, pace) ** 1.5
    return _Leg(thigh, thigh - knee)


def _draw_leg(canvas: _Canvas, clothes: Clothes, hip: tuple[float, float], leg: _Leg, light: float) -> None:
    wide = clothes.build
    knee = (hip[0] + _THIGH * math.sin(leg.thigh), hip[1] + _THIGH * math.cos(leg.thigh))
    ankle = (knee[0] + _SHIN * math.sin(leg.shin), knee[1] + _SHIN * math.cos(leg.shin))
    cloth, skin = _darker(clothes.bottom, light), _darker(clothes.skin, light)
    upper, lower = {"trousers": (cloth, cloth), "shorts": (cloth, skin), "skirt": (skin, skin)}[clothes.legs]
    tilt = 0.5 * leg.shin if leg.shin < 0 else leg.shin
    toe = (ankle[0] + 0.062 * math.cos(tilt), ankle[1] + 0.012 - 0.062 * math.sin(tilt))
    canvas.limb(_darker(clothes.shoes, light), (ankle[0] - 0.008, ankle[1] + 0.006), toe, 0.024, 0.016)
    thick = 0.034 if clothes.legs == "trousers" else 0.026
    canvas.limb(lower, knee, (ankle[0], ankle[1] - 0.012), thick * wide, (0.029 if lower is cloth else 0.018) * wide)
    canvas.limb(upper, hip, knee, 0.056 * wide, (0.040 if clothes.legs != "skirt" else 0.028) * wide)


def _draw_arm(
    canvas: _Canvas,
    clothes: Clothes,
    shoulder: tuple[float, float],
    swing: float,
    sleeve: Colour,
    light: float,
    rim: float = 0.0,
) -> None:
    wide = clothes.build
    upper = math.radians(17) * swing
    lower = upper + math.radians(14 + 12 * max(0.0, swing))
    elbow = (shoulder[0] + 0.165 * math.sin(upper), shoulder[1] + 0.165 * math.cos(upper))
    wrist = (elbow[0] + 0.145 * math.sin(lower), elbow[1] + 0.145 * math.cos(lower))
    skin = _darker(clothes.skin, light)
    forearm = sleeve if clothes.style in {"jacket", "block"} else skin
    if not rim:
        canvas.disc(skin, wrist[0] + 0.012 * math.sin(lower), wrist[1] + 0.018, 0.020, 0.024)
    canvas.limb(forearm, elbow, wrist, 0.023 * wide + rim, 0.018 * wide + rim)
    canvas.limb(sleeve, shoulder, elbow, 0.036 * wide + rim, 0.027 * wide + rim)


def _draw_torso(canvas: _Canvas, clothes: Clothes, drop: float) -> None:
    wide = clothes.build
    hem = 0.70 if clothes.style == "dress" else 0.56 if clothes.style == "jacket" else 0.53
    flare = 0.125 if clothes.style == "dress" else 0.085
    outline = [
        (-0.030, 0.150), (-0.075, 0.168), (-0.100, 0.205), (-0.096, 0.300), (-0.080, 0.400), (-0.082, 0.470),
        (-flare, hem), (flare, hem), (0.080, 0.470), (0.078, 0.400), (0.094, 0.300), (0.098, 0.205), (0.078, 0.168),
        (0.040, 0.150),
    ]  # fmt: skip
    points = [(x * wide, y + drop) for x, y in outline]
    if clothes.style != "dress":
        canvas.limb(clothes.bottom, (-0.035 * wide, 0.50 + drop), (0.035 * wide, 0.50 + drop), 0.055, 0.055)
    canvas.limb(_darker(clothes.skin, 0.85), (0.008, 0.12 + drop), (0.008, 0.165 + drop), 0.030, 0.034)
    canvas.shape(clothes.top, points)
    if clothes.style == "plain" and not clothes.backpack:
        return

    mask = _Canvas()
    mask.shape((255, 255, 255), points)
    pattern = _Canvas()
    if clothes.style == "stripes":
        for i in range(9):
            y = 0.185 + 0.04 * i + drop
            pattern.shape(clothes.accent, [(-0.2, y), (0.2, y), (0.2, y + 0.016), (-0.2, y + 0.016)])
    elif clothes.style == "block":
        pattern.shape(clothes.accent, [(-0.2, 0.1 + drop), (0.2, 0.1 + drop), (0.2, 0.29 + drop), (-0.2, 0.29 + drop)])
    elif clothes.style == "jacket":
        pattern.shape(
            clothes.accent, [(0.0, 0.14 + drop), (0.05, 0.14 + drop), (0.052, hem + drop), (0.022, hem + drop)]
        )
    elif clothes.style == "dress":
        pattern.shape(
            clothes.accent, [(-0.2, 0.385 + drop), (0.2, 0.385 + drop), (0.2, 0.41 + drop), (-0.2, 0.41 + drop)]
        )
    if clothes.backpack:
        strap = _darker(clothes.accent, 0.8)
        pattern.limb(strap, (-0.01, 0.15 + drop), (-0.075, 0.36 + drop), 0.013, 0.013)
    canvas.clip(pattern, np.ascontiguousarray(mask.pixels[..., 3]))


def _draw_head(canvas: _Canvas, clothes: Clothes, drop: float) -> None:
    x, y = 0.012, 0.078 + drop
    hair = clothes.hair
    if clothes.head == "long":
        canvas.limb(hair, (x - 0.020, y - 0.01), (x - 0.036, y + 0.088), 0.058, 0.034)
    if clothes.head == "bun":
        canvas.disc(hair, x - 0.052, y - 0.045, 0.028)
    canvas.disc(clothes.skin, x, y, 0.056, 0.068)
    canvas.disc(clothes.skin, x + 0.050, y + 0.012, 0.012, 0.014)  # nose
    # Hair: a cap over the skull that leaves the face free.
    skull = [
        (x + 0.060 * math.cos(a), y - 0.012 + 0.066 * math.sin(a))
        for a in np.linspace(math.pi * 0.75, math.pi * 1.86, 20)
    ]
    canvas.shape(hair, [*skull, (x + 0.022, y - 0.030), (x - 0.008, y + 0.002), (x - 0.020, y + 0.032)])
    if clothes.head == "cap":
        crown = [
            (x + 0.062 * math.cos(a), y - 0.020 + 0.060 * math.sin(a)) for a in np.linspace(math.pi, 2 * math.pi, 20)
        ]
        canvas.shape(clothes.accent, crown)
        canvas.limb(_darker(clothes.accent, 0.8), (x + 0.03, y - 0.022), (x + 0.088, y - 0.016), 0.009, 0.007)


def _darker(colour: Colour, factor: float) -> Colour:
    blue, green, red = (min(255, round(channel * factor)) for channel in colour)
    return blue, green, red


def _distance(a: Colour, b: Colour) -> float:
    return sum(abs(x - y) for x, y in zip(a, b, strict=True))
