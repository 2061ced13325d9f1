"""Box geometry on (N, 4) float64 arrays of pixels."""

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


def iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """(N, M) intersection over union of two sets of left, top, width, height boxes; 0 where the union is empty."""
    top_left = np.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = np.minimum((a[:, :2] + a[:, 2:])[:, None], (b[:, :2] + b[:, 2:])[None])
    sides = np.maximum(bottom_right - top_left, 0.0)
    intersection = sides[..., 0] * sides[..., 1]
    union = (a[:, 2] * a[:, 3])[:, None] + (b[:, 2] * b[:, 3])[None] - intersection
    overlap: FloatArray = np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)
    return overlap
