"""Which motions of pictures keep shapes: shifts, rotations, zooms."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.types import FloatArray

ROUNDING = 1e-3
"""What rows may differ from those of a rotation, as a part of the zoom."""
SMALLEST = 1e-6
"""The least zoom; less makes a point of the picture."""


def are_similarities(motions: FloatArray) -> npt.NDArray[np.bool_]:
    """(…,) whether (…, 2, 3) finite matrices [A | t] are rotations times a positive scale with a translation."""
    a, b, c, d = (motions[..., row, column] for row in (0, 1) for column in (0, 1))
    zoom = np.hypot(a, c)
    uneven = np.maximum(np.abs(a - d), np.abs(b + c))
    return np.asarray((zoom >= SMALLEST) & (uneven <= ROUNDING * zoom))
