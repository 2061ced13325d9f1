"""What some networks tell of objects beside boxes, masks, key points, turned boxes, and its way into the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.masks import Mask, traced
from deepsort_cli.core.row_data import CORNERS, KEYPOINTS, MASKS, RowData
from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.perception.letterbox import Geometry

Array = npt.NDArray[Any]
Size = tuple[int, int]


@dataclass(frozen=True)
class Extras:
    """Of N objects, in pixels of the network's input.

    Attributes:
        keypoints: (N, K, 2) x y, or (N, K, 3) with a confidence.
        corners: (N, 4, 2) of turned boxes.
        maps: gives the (h, w) map over the whole input of one object, by its row: above 0 where the object is.
    """

    keypoints: FloatArray | None = None
    corners: FloatArray | None = None
    maps: Callable[[int], npt.NDArray[np.float32]] | None = None


Tell = Callable[[Sequence[Array], IntArray, Size], Extras]
"""Outputs, rows and (height, width) of the input → what they tell of the objects in these rows."""


def in_picture(extras: Extras, geometry: Geometry, boxes: FloatArray, size: Size) -> RowData:
    """The same in pixels of the picture.

    Args:
        extras: of N objects.
        geometry: where the picture lies in the input.
        boxes: (N, 4) of the objects in the picture; masks end at them.
        size: (height, width) of the input.
    """
    data: RowData = {}
    if extras.keypoints is not None:
        data[KEYPOINTS] = _moved(extras.keypoints, geometry)
    if extras.corners is not None:
        data[CORNERS] = _moved(extras.corners, geometry)
    if extras.maps is not None:
        data[MASKS] = [_mask(extras.maps(i), geometry, box, size) for i, box in enumerate(boxes)]
    return data


def _moved(points: FloatArray, geometry: Geometry) -> FloatArray:
    """(N, K, ≥ 2) points: x and y moved into the picture, all else as it is."""
    places = geometry.to_image(np.tile(points[..., :2].reshape(-1, 2), 2))[:, :2]
    return np.concatenate([places.reshape(*points.shape[:2], 2), points[..., 2:]], axis=2)


def _mask(values: npt.NDArray[np.float32], geometry: Geometry, box: FloatArray, size: Size) -> Mask:
    coarse = values.shape[1] / size[1], values.shape[0] / size[0]
    scale = coarse[0] * geometry.width / geometry.image_width, coarse[1] * geometry.height / geometry.image_height
    shift = coarse[0] * geometry.left, coarse[1] * geometry.top
    return traced(values, box, (geometry.image_height, geometry.image_width), scale, shift)


def from_prototypes(coefficients: Array, prototypes: Array) -> Callable[[int], npt.NDArray[np.float32]]:
    """Maps of (N, m) coefficients of (m, h, w) prototypes, as YOLACT and YOLO's segmentation make them (logits)."""
    weights = coefficients.astype(np.float32)
    flat = np.asarray(prototypes, np.float32).reshape(len(prototypes), -1)
    return lambda i: np.asarray((weights[i] @ flat).reshape(prototypes.shape[1:]))


def turned_corners(boxes: FloatArray, angles: FloatArray) -> FloatArray:
    """(N, 4, 2) corners of (N, 4) cx cy w h boxes turned by (N,) radians, clockwise as one looks at the picture."""
    cos, sin = np.cos(angles), np.sin(angles)
    along = np.stack([cos, sin], axis=1) * boxes[:, 2:3] / 2
    across = np.stack([-sin, cos], axis=1) * boxes[:, 3:4] / 2
    low, high = boxes[:, :2] - across, boxes[:, :2] + across
    return np.stack([low - along, low + along, high + along, high - along], axis=1)
