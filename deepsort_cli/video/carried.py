"""Drawing what tracks carry beside their boxes: masks, key points with a skeleton, corners of turned boxes."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from deepsort_cli.core.masks import Mask
from deepsort_cli.core.row_data import CORNERS, KEYPOINTS, MASKS, is_known
from deepsort_cli.core.types import Image, Tracks
from deepsort_cli.video.colours import Colour, colour_of_track
from deepsort_cli.video.plates import tint

SKELETON = (
    (0, 1), (0, 2), (1, 3), (2, 4),  # nose, eyes, ears
    (5, 6), (5, 7), (7, 9), (6, 8), (8, 10),  # shoulders, elbows, wrists
    (5, 11), (6, 12), (11, 12), (11, 13), (13, 15), (12, 14), (14, 16),  # hips, knees, ankles
)  # fmt: skip
"""Bones between COCO's 17 key points."""
COCO_POINTS = 17
SURE = 0.5
"""Key points of a lower confidence are hidden or guessed, and are not drawn."""
_OPACITY = 110
_FARTHEST = 30_000
"""Pixels from the picture beyond which OpenCV's coordinates would overflow."""


def draw_mask(image: Image, tracks: Tracks, i: int) -> None:
    """Tint the pixels of a track, with a thin border; nothing where it has no mask."""
    mask = _value(tracks, MASKS, i)
    if not isinstance(mask, Mask) or (mask.height, mask.width) != image.shape[:2]:
        return
    left, top, pixels = mask.crop()
    if not pixels.size:
        return
    part = image[top : top + pixels.shape[0], left : left + pixels.shape[1]]
    colour = colour_of_track(tracks, i)
    inside = np.ascontiguousarray(pixels, dtype=np.uint8)
    tint(part, inside * np.uint8(_OPACITY), colour)
    borders, _ = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(part, borders, -1, colour, 1)


def draw_corners(image: Image, tracks: Tracks, i: int, size: float) -> bool:
    """Draw the polygon of a track; False where it has none."""
    corners = _value(tracks, CORNERS, i)
    if corners is None or len(corners) < 3 or not np.isfinite(corners).all():
        return False
    cv2.polylines(image, [_fixed(corners)], True, colour_of_track(tracks, i), _thick(2 * size), cv2.LINE_AA, 4)
    return True


def draw_keypoints(image: Image, tracks: Tracks, i: int, size: float) -> None:
    """Draw the key points of a track as dots; COCO's seventeen with the bones between them."""
    points = _value(tracks, KEYPOINTS, i)
    if points is None:
        return
    seen = np.isfinite(points).all(axis=1) & (points[:, :2] != 0).any(axis=1)
    if points.shape[1] > 2:
        seen &= points[:, 2] >= SURE
    fixed = _fixed(np.nan_to_num(points[:, :2]))
    colour = colour_of_track(tracks, i)
    if len(points) == COCO_POINTS:
        for first, second in SKELETON:
            if seen[first] and seen[second]:
                cv2.line(image, fixed[first], fixed[second], colour, _thick(2 * size), cv2.LINE_AA, 4)
    radius = max(1.5, 3 * size)
    for point in fixed[seen]:
        _dot(image, point, radius, colour)


def _dot(image: Image, point: npt.NDArray[np.int32], radius: float, colour: Colour) -> None:
    """A dot with a light rim, to be seen on its own track's colour as well."""
    centre = (int(point[0]), int(point[1]))
    cv2.circle(image, centre, round(16 * radius), (255, 255, 255), -1, cv2.LINE_AA, 4)
    cv2.circle(image, centre, round(16 * (radius - 1)), colour, -1, cv2.LINE_AA, 4)


def _value(tracks: Tracks, name: str, i: int) -> Any:
    """What a track carries under a name; None where there is nothing in this frame."""
    values = tracks.data.get(name)
    return values[i] if values is not None and is_known(values[i]) else None


def _fixed(points: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    """(N, 2) places, from the corner of the first pixel, in sixteenths from its middle, as OpenCV counts."""
    return np.round((np.clip(points, -_FARTHEST, _FARTHEST) - 0.5) * 16).astype(np.int32)


def _thick(width: float) -> int:
    return max(1, round(width))
