"""Who hides whom in a picture, by boxes alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.types import FloatArray


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
