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
    # Each side by itself: arrays with pairs of numbers at the end are several times slower.
    width, height = (
        np.minimum((a[:, side] + a[:, side + 2])[:, None], b[:, side] + b[:, side + 2])
        - np.maximum(a[:, None, side], b[:, side])
        for side in (0, 1)
    )
    intersection = np.maximum(width, 0.0) * np.maximum(height, 0.0)
    union = (a[:, 2] * a[:, 3])[:, None] + (b[:, 2] * b[:, 3])[None] - intersection
    overlap: FloatArray = np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)
    return overlap
