"""Box geometry. Every function takes (N, 4) arrays of pixels and returns float64."""

from __future__ import annotations

import numpy as np

from deepsort_cli.core.types import FloatArray


def tlwh_to_xyxy(boxes: FloatArray) -> FloatArray:
    """Left, top, width, height → x1, y1, x2, y2."""
    boxes = np.asarray(boxes, dtype=np.float64)
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def xyxy_to_tlwh(boxes: FloatArray) -> FloatArray:
    """x1, y1, x2, y2 → left, top, width, height."""
    boxes = np.asarray(boxes, dtype=np.float64)
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def area(boxes: FloatArray) -> FloatArray:
    """(N,) areas of x1 y1 x2 y2 boxes; 0 where a side is negative."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0)
    return np.asarray(sides[:, 0] * sides[:, 1])


def iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """(N, M) intersection over union of two sets of x1 y1 x2 y2 boxes; 0 where the union is empty."""
    corners = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    sides = np.maximum(corners, 0.0)
    intersection = sides[..., 0] * sides[..., 1]
    union = area(a)[:, None] + area(b)[None, :] - intersection
    overlap: FloatArray = np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)
    return overlap
