"""Box geometry on (N, 4) float64 arrays of pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.types import FloatArray, Image


def tlwh_to_xyxy(boxes: FloatArray) -> FloatArray:
    """Left, top, width, height → x1, y1, x2, y2."""
    boxes = np.asarray(boxes, dtype=np.float64)
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def xyxy_to_tlwh(boxes: FloatArray) -> FloatArray:
    """x1, y1, x2, y2 → left, top, width, height."""
    boxes = np.asarray(boxes, dtype=np.float64)
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def cut(image: Image, box: Sequence[float]) -> Image | None:
    """The part of an image inside a box x1 y1 x2 y2, as a view; None where nothing of it is inside."""
    height, width = image.shape[:2]
    left, top = max(0, math.floor(box[0])), max(0, math.floor(box[1]))
    right, bottom = min(width, math.ceil(box[2])), min(height, math.ceil(box[3]))
    return image[top:bottom, left:right] if right > left and bottom > top else None


def iou(a: FloatArray, b: FloatArray, margin: FloatArray | None = None) -> FloatArray:
    """(N, M) intersection over union of two sets of left, top, width, height boxes; 0 where the union is empty.

    Args:
        margin: (N,) pixels by which all sides of both boxes of a pair are moved outwards first; None: not at all.
    """
    right, others_right = a[:, 0] + a[:, 2], b[:, 0] + b[:, 2]
    if margin is None:
        beside = (a[:, :1] < others_right) & (b[:, 0] < right[:, None])
    else:
        both = 2 * margin[:, None]
        beside = (a[:, :1] - others_right < both) & (b[:, 0] - right[:, None] < both)
    # Of many boxes few share any width: the rest of the arithmetic is for those.
    pairs = np.flatnonzero(beside)
    rows, columns = np.divmod(pairs, len(b))
    overlap = np.zeros((len(a), len(b)))
    overlap.ravel()[pairs] = _iou_of_pairs(
        a.take(rows, axis=0), b.take(columns, axis=0), 0.0 if margin is None else 2 * margin.take(rows)
    )
    return overlap


def _iou_of_pairs(a: FloatArray, b: FloatArray, growth: FloatArray | float) -> FloatArray:
    """(P,) intersection over union of P pairs of left, top, width, height boxes, made so much wider and higher."""
    width, height = (
        np.minimum(a[:, side] + a[:, side + 2], b[:, side] + b[:, side + 2])
        - np.maximum(a[:, side], b[:, side])
        + growth
        for side in (0, 1)
    )
    intersection = np.maximum(width, 0.0) * np.maximum(height, 0.0)
    areas = (a[:, 2] + growth) * (a[:, 3] + growth) + (b[:, 2] + growth) * (b[:, 3] + growth)
    union = areas - intersection
    overlap: FloatArray = np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)
    return overlap


def covered(boxes: FloatArray) -> FloatArray:
    """(T,) the largest part of each of (T, 4) boxes that lies behind another: one that reaches further down."""
    shared = _shared(boxes)
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    area = np.maximum(sides[:, 0] * sides[:, 1], 1e-9)
    in_front = boxes[None, :, 3] > boxes[:, None, 3]
    return np.asarray(np.where(in_front, shared, 0.0).max(axis=1, initial=0.0) / area)


def overlapping(boxes: FloatArray) -> npt.NDArray[np.bool_]:
    """(T, T) which of (T, 4) boxes overlap; each overlaps itself."""
    return np.asarray(_shared(boxes) > 0)


def _shared(boxes: FloatArray) -> FloatArray:
    """(T, T) area that boxes share."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    sides = np.maximum(high - low, 0.0)
    return np.asarray(sides[..., 0] * sides[..., 1])
