"""Embeddings that say nothing: not numbers, of length zero, or the same for every image."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.looks import measured

Features = npt.NDArray[np.floating[Any]]
LEAST_IMAGES = 3
"""Images from which on equal embeddings are no accident."""
SAME = 1e-5
"""Largest cosine distance of embeddings that differ by rounding only."""
FEW_DIFFERENT = 0.5
"""Share of different embeddings below which something is wrong with the model or the pictures."""


def fault_of(features: Features) -> str | None:
    """What is broken about the (N, D) embeddings of N different images, in words; None where nothing is."""
    count = len(features)
    bad = int(np.sum(~np.isfinite(features).all(axis=1)))
    if bad:
        return f"{bad:,} of {count:,} embeddings hold NaN or infinite values"
    lengths = np.linalg.norm(features.astype(np.float64), axis=1)
    zero = int(np.sum(lengths == 0))
    if zero:
        return f"{zero:,} of {count:,} embeddings are zero"
    if count < LEAST_IMAGES:
        return None
    unit = features / lengths[:, None]
    # Half the squared distance of unit vectors is their cosine distance, exact where that is tiny.
    largest = float(np.max(np.sum((unit - unit[0]) ** 2, axis=1)) / 2)
    if largest < SAME:
        return f"all {count:,} embeddings are the same (the largest cosine distance is {largest:.1g})"
    return None


def num_different(features: Features) -> int:
    """How many of (N, D) embeddings differ from each other in direction, by more than rounding."""
    if not len(features):
        return 0
    features, lengths = measured(features)
    lengths = np.maximum(lengths, 1e-12)
    axis = np.random.default_rng(0).standard_normal(features.shape[1])
    # Equal embeddings have equal shadows on any line, different ones hardly ever.
    shadows = np.sort((features @ axis) / lengths)
    return 1 + int(np.sum(np.diff(shadows) > 1e-6 * np.sqrt(features.shape[1])))
