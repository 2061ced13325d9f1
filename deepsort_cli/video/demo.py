"""The built-in demo scene: people walk, cross and hide each other on a paved square, and the truth is known exactly.

Everything is drawn here from a seed; no picture is stored. A frame can be asked for by its number alone.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

import cv2
import numpy as np

from deepsort_cli.core.types import FloatArray, Image, IntArray
from deepsort_cli.video.chance import Chance
from deepsort_cli.video.figures import (
    PHASES,
    STRIDES,
    Placement,
    draw_figure,
    dress,
    figure_box,
    paste,
    silhouette,
)
from deepsort_cli.video.settings import DemoSettings

CYCLE = 0.62
"""Body heights walked in one cycle of two steps."""

SETTLE_SECONDS = 0.25
"""How long people take to come to a halt."""

FAR_SIZE, NEAR_SIZE = 0.26, 0.46
"""Height of people at the far and near edge of the walked ground, in picture heights."""

FAR_LINE, NEAR_LINE = 0.40, 0.95
"""Where their feet are, in picture heights from the top."""


@dataclass(frozen=True)
class GroundTruth:
    """Who is where in one frame: the N figures that reach into the picture.

    Attributes:
        ids: (N,) int64 from 1, ascending.
        boxes: (N, 4) float64 x1 y1 x2 y2 around the whole figure, without its shadow, also where it is hidden.
        visibility: (N,) float64, the part of the figure's pixels that is inside the picture and not covered.
    """

    ids: IntArray
    boxes: FloatArray
    visibility: FloatArray


class DemoScene:
    """A seeded scene of walking people; equal settings give equal frames."""

    def __init__(self, settings: DemoSettings) -> None:
        self.settings = settings
        chance = Chance(settings.seed)
        self._floor = _pave(settings.width, settings.height, chance)
        self._clothes = dress(settings.people, chance)
        self._walks = _plan_walks(settings, chance)
        self._shadow = _soft_spot()

    def render(self, index: int) -> Image:
        """Frame `index` (from 0) as a new (H, W, 3) uint8 BGR array."""
        image = self._floor.copy()
        people = self._people(index)
        for _, place in people:
            _cast_shadow(image, place, self._shadow)
        for person, place in people:
            draw_figure(image, self._clothes[person], place)
        return image

    def ground_truth(self, index: int) -> GroundTruth:
        """The exact boxes, ids and visibility in frame `index` (from 0)."""
        width, height = self.settings.width, self.settings.height
        free = np.ones((height, width), dtype=bool)
        found = []
        for person, place in reversed(self._people(index)):  # nearest first
            covered = silhouette(self._clothes[person], place, width, height)
            if covered is None:
                continue
            rows, columns, mask, pixels = covered
            seen = np.count_nonzero(mask & free[rows, columns])
            free[rows, columns] &= ~mask
            found.append((person + 1, figure_box(self._clothes[person], place), seen / pixels))
        found.sort(key=lambda entry: entry[0])
        return GroundTruth(
            ids=np.array([number for number, _, _ in found], dtype=np.int64),
            boxes=np.array([box for _, box, _ in found], dtype=np.float64).reshape(-1, 4),
            visibility=np.array([visible for _, _, visible in found], dtype=np.float64),
        )

    def _people(self, index: int) -> list[tuple[int, Placement]]:
        """Everybody in or near the picture, farthest first."""
        seconds = index / self.settings.fps
        places = [(person, walk.at(seconds)) for person, walk in enumerate(self._walks)]
        near = [
            (person, place)
            for person, place in places
            if -place.height / 2 < place.x < self.settings.width + place.height / 2
        ]
        return sorted(near, key=lambda entry: (entry[1].y, entry[0]))


@dataclass(frozen=True)
class _Leg:
    """A straight part of a walk; `walked` is how many body heights were walked before it."""

    start: float
    seconds: float
    x: tuple[float, float]
    depth: tuple[float, float]
    faces_left: bool
    walked: float


class _Walk:
    """One person's way: walks and stops, laid out by `go`, `wait` and `return_from`."""

    def __init__(self, picture_height: int, x: float, depth: float, speed: float) -> None:
        """Begin at `x` pixels and `depth` (0 far … 1 near), walking `speed` body heights a second."""
        self._height = picture_height
        self._x, self._depth, self._speed = x, depth, speed
        self._legs: list[_Leg] = []
        self._faces_left = False
        self.seconds = 0.0
        self._walked = 0.0

    def size(self, depth: float) -> float:
        """Height in pixels of a person at this depth."""
        return self._height * (FAR_SIZE + (NEAR_SIZE - FAR_SIZE) * depth)

    def go(self, x: float, depth: float) -> None:
        size = (self.size(self._depth) + self.size(depth)) / 2
        self._faces_left = x < self._x
        self._add(abs(x - self._x) / (self._speed * size), x, depth)
        self._walked += _heights_walked(self._legs[-1], 1.0, self)

    def wait(self, seconds: float) -> None:
        self._add(seconds, self._x, self._depth)

    def return_from(self, depth: float, seconds: float) -> None:
        """Stay out of the picture for a while and be at another depth afterwards."""
        self.wait(seconds)
        self._depth = depth

    def _add(self, seconds: float, x: float, depth: float) -> None:
        leg = _Leg(self.seconds, seconds, (self._x, x), (self._depth, depth), self._faces_left, self._walked)
        self._legs.append(leg)
        self.seconds += seconds
        self._x, self._depth = x, depth

    def at(self, seconds: float) -> Placement:
        leg = self._legs[max(0, bisect_right(self._legs, seconds, key=lambda leg: leg.start) - 1)]
        part = min(1.0, (seconds - leg.start) / leg.seconds) if leg.seconds > 0 else 1.0
        x = leg.x[0] + part * (leg.x[1] - leg.x[0])
        depth = leg.depth[0] + part * (leg.depth[1] - leg.depth[0])
        phase = int((leg.walked + _heights_walked(leg, part, self)) / CYCLE * PHASES) % PHASES
        stride = STRIDES
        if leg.x[0] == leg.x[1]:  # waiting: the legs come together, and part again in time
            margin = min(seconds - leg.start, leg.start + leg.seconds - seconds)
            stride = STRIDES - round(STRIDES * min(1.0, max(0.0, margin / SETTLE_SECONDS)))
        y = self._height * (FAR_LINE + (NEAR_LINE - FAR_LINE) * depth)
        return Placement(x, y, self.size(depth), phase, stride, leg.faces_left)


def _heights_walked(leg: _Leg, part: float, walk: _Walk) -> float:
    """Body heights walked in the first `part` of a leg: the way in pixels over a size that changes evenly."""
    size = walk.size(leg.depth[0])
    growth = walk.size(leg.depth[1]) / size - 1
    heights = abs(leg.x[1] - leg.x[0]) / size
    return heights * (math.log1p(growth * part) / growth if abs(growth) > 1e-9 else part)


def _plan_walks(settings: DemoSettings, chance: Chance) -> list[_Walk]:
    """A way for everybody, long enough for the whole scene.

    People come in pairs from opposite sides and meet inside the picture at nearly the same depth; every second pair
    stops for a moment. Whoever leaves comes back after a while at another depth.
    """
    width, height = settings.width, settings.height
    duration = settings.frames / settings.fps
    pairs = (settings.people + 1) // 2
    depths = chance.shuffled([(i + 0.5) / pairs for i in range(pairs)])
    walks = []
    for person in range(settings.people):
        pair, second = divmod(person, 2)
        if not second:
            meeting_x = width * chance.between(0.25, 0.75)
            meeting_time = 0.8 + (pair * 0.618 % 1.0) * min(4.0, 0.6 * duration)
            stop = chance.between(0.8, 1.6) if pair % 2 else 0.0
        heading = -1 if (pair + second) % 2 else 1
        depth = min(1.0, max(0.0, depths[pair] + (0.03 if second else -0.03)))
        speed = chance.between(0.50, 0.64)
        size = height * (FAR_SIZE + (NEAR_SIZE - FAR_SIZE) * depth)
        walk = _Walk(height, meeting_x - heading * speed * size * meeting_time, depth, speed)
        walk.go(meeting_x - (heading * 0.2 * size if stop else 0.0), depth)
        if stop:
            walk.wait(stop)
        while walk.seconds <= duration:
            outside = 0.4 * height * NEAR_SIZE
            drift = chance.between(-0.12, 0.12)
            depth = min(1.0, max(0.0, depth + drift))
            walk.go(width + outside if heading > 0 else -outside, depth)
            depth = chance.between(0.0, 1.0)
            walk.return_from(depth, chance.between(0.3, 1.2))
            heading = -heading
        walks.append(walk)
    return walks


def _pave(width: int, height: int, chance: Chance) -> Image:
    """A square paved with slabs that shrink with distance, under soft uneven light."""
    vanishing = -0.55 * height
    y = np.arange(height, dtype=np.float64)[:, None] + 0.5
    x = np.arange(width, dtype=np.float64)[None, :] + 0.5
    distance = height / (y - vanishing)
    slab = 0.105  # side of a slab, in picture heights at the lower edge
    across = (x - width / 2) / height * distance / slab / (height / (height - vanishing))
    along = distance * 22.0
    row = np.floor(along).astype(np.int64)
    across = across + 0.5 * (row % 2)
    column = np.floor(across).astype(np.int64)

    tones = chance.grid(61, 67)
    tone = tones[row % 61, column % 67]
    joint_x = np.abs(across - np.round(across)) * slab * height / distance * 1.0
    per_row = np.abs(np.gradient(along[:, 0]))[:, None]
    joint_y = np.abs(along - np.round(along)) / per_row
    joint = np.minimum(joint_x, joint_y) / (0.0022 * height)
    joints = np.clip(1.3 - joint, 0.0, 1.0)

    light = 198 + 9 * (tone - 0.5) - 20 * joints
    for cells, strength in ((3, 16.0), (9, 8.0), (40, 4.0)):
        noise = chance.grid(cells, math.ceil(cells * width / height) + 1)
        light = light + strength * (cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) - 0.5)
    light = light + 4.0 * (chance.grid(height, width) - 0.5)
    radius = np.hypot((x - 0.42 * width) / width, (y - 0.40 * height) / height)
    light = light * (1.05 - 0.26 * radius**2)
    tint = np.array([0.955, 0.985, 1.0])
    return np.asarray(np.clip(light[..., None] * tint, 0, 255), dtype=np.uint8)


def _soft_spot() -> np.ndarray:
    """A (64, 256) uint8 opacity of a soft oval."""
    y, x = np.mgrid[-1:1:64j, -1:1:256j]
    return np.asarray(255 * np.clip(1 - np.hypot(x, y), 0, 1) ** 1.2, dtype=np.uint8)


def _cast_shadow(image: Image, place: Placement, spot: np.ndarray) -> None:
    """Darken the ground under and to the right of a figure: the light comes from the upper left."""
    height, width = image.shape[:2]
    wide, tall = 0.62 * place.height, 0.115 * place.height
    left, top = place.x - 0.24 * place.height, place.y - 0.55 * tall
    x1, y1 = max(0, math.floor(left)), max(0, math.floor(top))
    x2, y2 = min(width, math.ceil(left + wide)), min(height, math.ceil(top + tall))
    if x2 <= x1 or y2 <= y1:
        return
    sx, sy = wide / spot.shape[1], tall / spot.shape[0]
    move = np.array([[sx, 0, left - x1], [0, sy, top - y1]])
    opacity = cv2.warpAffine(spot, move, (x2 - x1, y2 - y1))
    black = np.zeros((y2 - y1, x2 - x1, 4), dtype=np.uint8)
    black[..., 3] = opacity // 2
    paste(image[y1:y2, x1:x2], black)
