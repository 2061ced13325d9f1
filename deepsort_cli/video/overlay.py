"""Drawing into frames: tracks with box, label and fading trail of their own colour, lines and zones with counts."""

from __future__ import annotations

import colorsys
import importlib.util
import math
from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from deepsort_cli.core.regions import Counts, Line, Zone
from deepsort_cli.core.types import Image, Tracks
from deepsort_cli.video.settings import OutputSettings

Colour = tuple[int, int, int]

_GOLDEN = 0.6180339887498949
_BANDS = 6
"""Steps of opacity along a trail."""

_REGION: Colour = (0, 190, 255)
"""Amber: no id's colour stays on it for long, and it reads on light and dark ground."""

_KEEP_LOST = 90
"""Frames that the trail of a track without news is kept, should it come back."""


class Overlay:
    """Draws one source's tracks, frame after frame; remembers where they were for the trails."""

    def __init__(self, settings: OutputSettings, class_names: Mapping[int, str] | None = None) -> None:
        self._settings = settings
        self._names = class_names or {}
        self._trails: dict[int, deque[tuple[float, float]]] = {}
        self._last_seen: dict[int, int] = {}
        self._frame = 0

    def draw(self, image: Image, tracks: Tracks, *, fps: float | None = None, counts: Counts | None = None) -> Image:
        """Draw the tracks of the next frame into `image`, in place, and return it.

        Args:
            image: (H, W, 3) uint8 BGR.
            tracks: all tracks to show; those only predicted in this frame get a thin dashed box.
            fps: processing speed to write into the corner; None for none.
            counts: lines and zones to draw, with their counts.
        """
        self._frame += 1
        height, width = image.shape[:2]
        size = self._settings.scale * min(height, 0.75 * width) / 576
        self._remember(tracks)
        if counts is not None:
            for zone_count in counts.zones:
                _draw_zone(image, zone_count.zone, size)
            for line_count in counts.lines:
                _draw_line(image, line_count.line, size)
        for track_id in tracks.ids.tolist():
            self._draw_trail(image, track_id, size)
        # Nearer people, lower in the picture, come last and lie on top.
        order = np.argsort(tracks.boxes[:, 3], kind="stable")
        for i in order.tolist():
            self._draw_box(image, tracks, i, size)
        for i in order.tolist():
            self._draw_label(image, tracks, i, size)
        if counts is not None:
            _draw_counts(image, counts, size)
        if fps is not None:
            _put(image, _tag([f"{fps:.1f} fps"], (40, 40, 40), _text_size(size)), round(8 * size), round(8 * size))
        return image

    def _remember(self, tracks: Tracks) -> None:
        length = self._settings.trail
        if not length:
            return
        for track_id, (left, _, right, bottom) in zip(tracks.ids.tolist(), tracks.boxes.tolist(), strict=True):
            if math.isfinite(left + right + bottom):
                self._trails.setdefault(track_id, deque(maxlen=length)).append(((left + right) / 2, bottom))
                self._last_seen[track_id] = self._frame
        for track_id in [i for i, seen in self._last_seen.items() if self._frame - seen > _KEEP_LOST]:
            del self._last_seen[track_id], self._trails[track_id]

    def _draw_trail(self, image: Image, track_id: int, size: float) -> None:
        """Blend a line along the last foot points that fades and thins towards the past."""
        points = np.array(self._trails.get(track_id, ()), dtype=np.float64)
        if len(points) < 2:
            return
        points = _smoothed(np.clip(points, -10_000, 10_000))
        margin = 2 + round(3 * size)
        x1, y1 = np.maximum(np.floor(points.min(axis=0)).astype(int) - margin, 0)
        x2, y2 = np.minimum(np.ceil(points.max(axis=0)).astype(int) + margin, image.shape[1::-1])
        if x2 <= x1 or y2 <= y1:
            return
        opacity = np.zeros((y2 - y1, x2 - x1), dtype=np.uint8)
        fixed = np.round((points - (x1, y1)) * 16).astype(np.int32)
        bands = min(_BANDS, len(points) - 1)
        for band in range(bands):
            first, last = (k * (len(points) - 1) // bands for k in (band, band + 1))
            part = (band + 1) / bands
            thickness = max(1, round((1 + 2 * part) * size))
            cv2.polylines(opacity, [fixed[first : last + 1]], False, round(215 * part), thickness, cv2.LINE_AA, 4)
        _tint(image[y1:y2, x1:x2], opacity, colour_of(track_id))

    def _draw_box(self, image: Image, tracks: Tracks, i: int, size: float) -> None:
        box = _clamped(tracks.boxes[i], image)
        if box is None:
            return
        colour = colour_of(int(tracks.ids[i]))
        if tracks.time_since_update[i] > 0:
            _dashed(image, box, colour, max(1, round(size)), max(4, round(7 * size)))
        else:
            cv2.rectangle(image, box[:2], box[2:], colour, max(1, round(2 * size)))

    def _draw_label(self, image: Image, tracks: Tracks, i: int, size: float) -> None:
        box = _clamped(tracks.boxes[i], image)
        if box is None:
            return
        track_id, class_id, score = int(tracks.ids[i]), int(tracks.class_ids[i]), tracks.scores[i]
        texts = [str(track_id)]
        if self._settings.show_class:
            texts.append(self._names.get(class_id, f"class {class_id}"))
        if self._settings.show_score and np.isfinite(score):
            texts.append(f"{100 * min(max(score, 0.0), 1.0):.0f}%")
        tag = _tag(texts, colour_of(track_id), _text_size(size))
        # Above the box where there is room, else inside its upper edge.
        top = box[1] - tag.shape[0] if box[1] >= tag.shape[0] else box[1]
        _put(image, tag, box[0] - max(1, round(2 * size)) // 2, top)


def _draw_zone(image: Image, zone: Zone, size: float) -> None:
    """A zone's ground tinted and its border drawn."""
    corners = np.round(zone.points).astype(np.int32)
    x1, y1 = np.maximum(corners.min(axis=0), 0)
    x2, y2 = np.minimum(corners.max(axis=0) + 1, image.shape[1::-1])
    if x2 > x1 and y2 > y1:
        opacity = np.zeros((y2 - y1, x2 - x1), dtype=np.uint8)
        cv2.fillPoly(opacity, [corners - (x1, y1)], 40)
        _tint(image[y1:y2, x1:x2], opacity, _REGION)
    cv2.polylines(image, [corners], True, _REGION, max(1, round(2 * size)), cv2.LINE_AA)


def _draw_line(image: Image, line: Line, size: float) -> None:
    """A line with an arrow across its middle that points inwards."""
    start, end = np.array(line.start), np.array(line.end)
    along = (end - start) / np.linalg.norm(end - start)
    middle, inwards = (start + end) / 2, np.array([-along[1], along[0]])
    tail, tip = middle - 9 * size * inwards, middle + 16 * size * inwards
    for colour, extra in (((20, 20, 20), 2), (_REGION, 0)):  # dark edges, to be seen on light ground
        thickness = max(1, round(3 * size)) + extra
        cv2.line(image, _pixel(start), _pixel(end), colour, thickness, cv2.LINE_AA)
        cv2.arrowedLine(image, _pixel(tail), _pixel(tip), colour, thickness, cv2.LINE_AA, tipLength=0.45)


def _draw_counts(image: Image, counts: Counts, size: float) -> None:
    """The numbers of every line, at its start, and of every zone, above its highest corner."""
    height = _text_size(size)
    plates = [
        (_tag([c.line.name, f"{c.inward} in · {c.outward} out"], _REGION, height), _pixel(np.array(c.line.start)))
        for c in counts.lines
    ]
    for c in counts.zones:
        highest = min(c.zone.points, key=lambda point: (point[1], point[0]))
        texts = [c.zone.name, f"{c.inside} inside · {c.entered} entered · {c.distinct} in all"]
        plates.append((_tag(texts, _REGION, height), _pixel(np.array(highest))))
    for plate, (x, y) in plates:
        _put(image, plate, x, y - plate.shape[0] - max(1, round(2 * size)))


def _pixel(point: npt.NDArray[np.float64]) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


def _text_size(size: float) -> int:
    return max(9, round(13 * size))


@lru_cache(maxsize=4096)
def colour_of(track_id: int) -> Colour:
    """The BGR colour of an id: hues a golden section apart, so that ids close to each other differ."""
    hue = (track_id * _GOLDEN) % 1.0
    saturation = (0.80, 0.62, 0.95)[track_id // 8 % 3]
    value = (0.95, 1.0, 0.80)[track_id // 5 % 3]
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(255 * blue), round(255 * green), round(255 * red)


def text_colour_on(colour: Colour) -> Colour:
    """White or near black, whichever reads better on a BGR colour (relative luminance, WCAG 2)."""
    linear = [channel / 255 for channel in colour]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in linear]
    luminance = 0.0722 * linear[0] + 0.7152 * linear[1] + 0.2126 * linear[2]
    return (255, 255, 255) if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.06 else (20, 20, 20)


def _tag(texts: list[str], colour: Colour, height: int) -> Image:
    """A coloured plate with texts side by side, the first one bold."""
    last = len(texts) - 1
    return np.hstack([_plate(text, colour, height, i == 0, i == last) for i, text in enumerate(texts)])


@lru_cache(maxsize=4096)
def _plate(text: str, colour: Colour, height: int, is_first: bool, is_last: bool) -> Image:
    """One text on its part of a plate."""
    pad_x, pad_y, gap = round(0.35 * height), max(1, round(0.16 * height)), round(0.45 * height)
    edges = (pad_y, pad_y, pad_x if is_first else gap, pad_x if is_last else 0)
    opacity = cv2.copyMakeBorder(_text_mask(text, height, is_first), *edges, cv2.BORDER_CONSTANT, value=0)
    plate = np.full((*opacity.shape, 3), colour, dtype=np.uint8)
    _tint(plate, np.asarray(opacity, dtype=np.uint8), text_colour_on(colour))
    return plate


@lru_cache(maxsize=2048)
def _text_mask(text: str, height: int, bold: bool) -> npt.NDArray[np.uint8]:
    """(h, w) uint8 opacity of a line of text; h is the same for all texts of one height."""
    font = _font(height, bold)
    ascent, descent = font.getmetrics()
    canvas = PillowImage.new("L", (max(1, math.ceil(font.getlength(text))), ascent + descent))
    ImageDraw.Draw(canvas).text((0, ascent), text, fill=255, font=font, anchor="ls")
    return np.asarray(canvas, dtype=np.uint8)


@lru_cache(maxsize=16)
def _font(height: int, bold: bool) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib brings along: it reads well when small and has most alphabets."""
    found = importlib.util.find_spec("matplotlib")
    if found is not None and found.origin is not None:
        folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
        file = folder / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")
        if file.is_file():
            return ImageFont.truetype(str(file), height)
    font = ImageFont.load_default(height)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _smoothed(points: npt.NDArray[np.float64], reach: int = 2) -> npt.NDArray[np.float64]:
    """(N, 2) points, each the mean of its neighbours up to `reach` away; detectors jitter. The ends stay in place."""
    padded = np.concatenate([np.repeat(points[:1], reach, axis=0), points, np.repeat(points[-1:], reach, axis=0)])
    sums = np.cumsum(np.concatenate([np.zeros((1, 2)), padded]), axis=0)
    smooth = (sums[2 * reach + 1 :] - sums[: -2 * reach - 1]) / (2 * reach + 1)
    smooth[-1] = points[-1]
    return np.asarray(smooth)


def _put(image: Image, plate: Image, left: int, top: int) -> None:
    """Copy a small picture into the image, moved so that as much of it as possible is inside."""
    height, width = image.shape[:2]
    left = max(0, min(left, width - plate.shape[1]))
    top = max(0, min(top, height - plate.shape[0]))
    target = image[top : top + plate.shape[0], left : left + plate.shape[1]]
    target[:] = plate[: target.shape[0], : target.shape[1]]


def _tint(region: Image, opacity: npt.NDArray[np.uint8], colour: Colour) -> None:
    """Blend a colour into a region, in place, by a (h, w) opacity."""
    weight = cv2.cvtColor(opacity, cv2.COLOR_GRAY2BGR)
    cv2.multiply(region, cv2.bitwise_not(weight), dst=region, scale=1 / 255)
    cv2.add(region, cv2.LUT(weight, _shades(colour)), dst=region)


@lru_cache(maxsize=4096)
def _shades(colour: Colour) -> npt.NDArray[np.uint8]:
    """(256, 1, 3): what a colour adds at each opacity."""
    return np.asarray(np.round(np.arange(256)[:, None, None] / 255 * np.array(colour)), dtype=np.uint8)


def _clamped(box: npt.NDArray[np.float64], image: Image) -> tuple[int, int, int, int] | None:
    """The box in whole pixels, cut off shortly outside the image; None where it does not reach into it."""
    height, width = image.shape[:2]
    if not np.isfinite(box).all() or box[0] >= width or box[1] >= height or box[2] <= 0 or box[3] <= 0:
        return None
    x1, y1, x2, y2 = np.clip(np.round(box), (-9, -9, -9, -9), (width + 9, height + 9, width + 9, height + 9)).tolist()
    return int(x1), int(y1), int(x2), int(y2)


def _dashed(image: Image, box: tuple[int, int, int, int], colour: Colour, thickness: int, dash: int) -> None:
    x1, y1, x2, y2 = box
    for x in range(x1, x2, 2 * dash):
        end = min(x + dash, x2)
        cv2.line(image, (x, y1), (end, y1), colour, thickness)
        cv2.line(image, (x, y2), (end, y2), colour, thickness)
    for y in range(y1, y2, 2 * dash):
        end = min(y + dash, y2)
        cv2.line(image, (x1, y), (x1, end), colour, thickness)
        cv2.line(image, (x2, y), (x2, end), colour, thickness)
