"""Drawing into frames: tracks with box, label and fading trail of their own colour, lines and zones with counts.

What detections carry along is drawn as well: masks, key points, corners of turned boxes (`video.carried`).
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import numpy.typing as npt

from deepsort_cli.core.regions import Counts, Line, Zone
from deepsort_cli.core.types import Image, Tracks
from deepsort_cli.video.carried import draw_corners, draw_keypoints, draw_mask
from deepsort_cli.video.colours import Colour, colour_of_track
from deepsort_cli.video.labels import Labels, clamped, text_size
from deepsort_cli.video.plates import plate_of, put, tint
from deepsort_cli.video.settings import OutputSettings
from deepsort_cli.video.trails import Points, Trails

_BANDS = 6
"""Steps of opacity along a trail."""

_REGION: Colour = (0, 190, 255)
"""Amber: no id's colour stays on it for long, and it reads on light and dark ground."""


class Overlay:
    """Draws one source's tracks, frame after frame; remembers where they were for the trails."""

    def __init__(self, settings: OutputSettings, class_names: Mapping[int, str] | None = None) -> None:
        self._settings = settings
        self._labels = Labels(settings, class_names or {})
        self._trails = Trails(settings.trail)

    def draw(
        self,
        image: Image,
        tracks: Tracks,
        *,
        fps: float | None = None,
        counts: Counts | None = None,
        trails: Mapping[int, Points] | None = None,
    ) -> Image:
        """Draw the tracks of the next frame into `image`, in place, and return it.

        Args:
            image: (H, W, 3) uint8 BGR.
            tracks: all tracks to show; those only predicted in this frame get a thin dashed box.
            fps: processing speed to write into the corner; None for none.
            counts: lines and zones to draw, with their counts.
            trails: where the tracks were, by id, the last point last; None: where they were drawn.
        """
        height, width = image.shape[:2]
        size = self._settings.scale * min(height, 0.75 * width) / 576
        if trails is None:
            self._trails.add(tracks)
            trails = self._trails.of(tracks.ids)
        if counts is not None:
            for zone_count in counts.zones:
                _draw_zone(image, zone_count.zone, size)
            for line_count in counts.lines:
                _draw_line(image, line_count.line, size)
        fine = self._fineness(tracks, size)
        for i, line_size in enumerate(fine):
            trail = trails.get(int(tracks.ids[i]), ())
            _draw_trail(image, trail, colour_of_track(tracks, i), line_size)
        # Nearer people, lower in the picture, come last and lie on top.
        order = np.argsort(tracks.boxes[:, 3], kind="stable")
        for i in order.tolist():
            if tracks.data:
                draw_mask(image, tracks, i)
            self._draw_box(image, tracks, i, fine[i])
            if tracks.data:
                draw_keypoints(image, tracks, i, fine[i])
        self._labels.draw(image, tracks, order[::-1].tolist(), size)
        if counts is not None:
            _draw_counts(image, counts, size)
        if fps is not None:
            put(image, plate_of([f"{fps:.1f} fps"], (40, 40, 40), text_size(size)), round(8 * size), round(8 * size))
        return image

    def _fineness(self, tracks: Tracks, size: float) -> list[float]:
        """The size of lines for each track: thinner around what is small in the picture."""
        boxes = np.nan_to_num(tracks.boxes, posinf=0.0, neginf=0.0)
        sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0.0)
        return np.minimum(size, self._settings.scale * sides / 100).clip(0.1).tolist()  # type: ignore[no-any-return]

    def _draw_box(self, image: Image, tracks: Tracks, i: int, size: float) -> None:
        box = clamped(tracks.boxes[i], image)
        if box is None:
            return
        if tracks.data and draw_corners(image, tracks, i, size):
            return
        colour = colour_of_track(tracks, i)
        if tracks.time_since_update[i] > 0:
            _dashed(image, box, colour, max(1, round(size)), max(4, round(7 * size)))
        else:
            cv2.rectangle(image, box[:2], box[2:], colour, max(1, round(2 * size)))


def _draw_trail(image: Image, trail: Points, colour: Colour, size: float) -> None:
    """Blend a line along the last foot points that fades and thins towards the past."""
    points = np.array(trail, dtype=np.float64)
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
    tint(image[y1:y2, x1:x2], opacity, colour)


def _draw_zone(image: Image, zone: Zone, size: float) -> None:
    """A zone's ground tinted and its border drawn."""
    corners = np.round(zone.points).astype(np.int32)
    x1, y1 = np.maximum(corners.min(axis=0), 0)
    x2, y2 = np.minimum(corners.max(axis=0) + 1, image.shape[1::-1])
    if x2 > x1 and y2 > y1:
        opacity = np.zeros((y2 - y1, x2 - x1), dtype=np.uint8)
        cv2.fillPoly(opacity, [corners - (x1, y1)], 40)
        tint(image[y1:y2, x1:x2], opacity, _REGION)
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
    height = text_size(size)
    plates = [
        (plate_of([c.line.name, f"{c.inward} in · {c.outward} out"], _REGION, height), _pixel(np.array(c.line.start)))
        for c in counts.lines
    ]
    for c in counts.zones:
        highest = min(c.zone.points, key=lambda point: (point[1], point[0]))
        texts = [c.zone.name, f"{c.inside} inside · {c.entered} entered · {c.distinct} in all"]
        plates.append((plate_of(texts, _REGION, height), _pixel(np.array(highest))))
    for plate, (x, y) in plates:
        put(image, plate, x, y - plate.shape[0] - max(1, round(2 * size)))


def _pixel(point: npt.NDArray[np.float64]) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


def _smoothed(points: npt.NDArray[np.float64], reach: int = 2) -> npt.NDArray[np.float64]:
    """(N, 2) points, each the mean of its neighbours up to `reach` away; detectors jitter. The ends stay in place."""
    padded = np.concatenate([np.repeat(points[:1], reach, axis=0), points, np.repeat(points[-1:], reach, axis=0)])
    sums = np.cumsum(np.concatenate([np.zeros((1, 2)), padded]), axis=0)
    smooth = (sums[2 * reach + 1 :] - sums[: -2 * reach - 1]) / (2 * reach + 1)
    smooth[-1] = points[-1]
    return np.asarray(smooth)


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
