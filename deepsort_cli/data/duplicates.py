"""Images that show nearly the same picture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.types import IntArray

NEAR = 0.98
"""Correlation of two 8×16 grey thumbnails from which images count as nearly equal.

Among the 62 million pairs of CUHK03 crops no two people exceed 0.96; an image saved again at JPEG quality 20, at twice
the size, or 15 % brighter stays above 0.98.
"""

EXHAUSTIVE_BELOW = 1000
"""Up to this many images every pair is compared: hashing needs more to learn its axes from."""

_AXES = 24
_TABLES = 10
_NEIGHBOURS = 32
"""In a bucket each image is compared with this many others at most, so that odd data cannot take for ever."""
_BLOCK = 50_000


def near_pairs(thumbs: npt.NDArray[np.uint8], labels: IntArray, threshold: float = NEAR) -> IntArray:
    """Pairs of nearly equal images that do not bear the same labels.

    In large datasets candidates come from random-hyperplane hashing (Charikar 2002) of the whitened principal
    components, so the time grows little faster than N; every candidate is then compared exactly. Flat thumbnails
    (standard deviation below 2 grey levels) have no pattern to compare and are left out.

    Args:
        thumbs: (N, D) uint8 thumbnails.
        labels: (N, L) what makes a pair matter where it differs: identity, camera, side of the split.
        threshold: smallest correlation of a pair.

    Returns:
        (M, 2) int64 positions, i < j, sorted.
    """
    vectors = thumbs.astype(np.float32)
    vectors -= vectors.mean(axis=1, keepdims=True)
    length = np.linalg.norm(vectors, axis=1)
    usable = np.flatnonzero(length > 2.0 * np.sqrt(thumbs.shape[1]))
    if len(usable) < 2:
        return np.empty((0, 2), dtype=np.int64)
    vectors /= np.maximum(length, 1e-6)[:, None]
    found = []
    for i, j in _candidates(vectors[usable] if len(usable) < len(vectors) else vectors):
        i, j = usable[i], usable[j]
        matters = (labels[i] != labels[j]).any(axis=1)
        i, j = i[matters], j[matters]
        for start in range(0, len(i), _BLOCK):
            a, b = i[start : start + _BLOCK], j[start : start + _BLOCK]
            close = np.einsum("nd,nd->n", vectors[a], vectors[b]) >= threshold
            found.append(np.stack([a[close], b[close]], axis=1))
    if not found:
        return np.empty((0, 2), dtype=np.int64)
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def _candidates(vectors: npt.NDArray[np.float32]) -> Iterator[tuple[IntArray, IntArray]]:
    """Positions i, j of pairs that may be nearly equal; a pair may come more than once."""
    if len(vectors) <= EXHAUSTIVE_BELOW:
        yield np.triu_indices(len(vectors), 1)
        return
    for keys in _hash_tables(vectors):
        yield _sharing_a_bucket(keys)


def _hash_tables(vectors: npt.NDArray[np.float32]) -> Iterator[npt.NDArray[np.float32]]:
    """(N,) bucket numbers of unit vectors (N, D), for one hash table after the other."""
    n = len(vectors)
    rng = np.random.default_rng(0)
    sample = vectors[rng.choice(n, size=min(n, 5000), replace=False)]
    variance, axes = np.linalg.eigh(np.cov(sample, rowvar=False))
    whiten = axes[:, -_AXES:] / np.sqrt(np.maximum(variance[-_AXES:], 1e-8))
    whitened = (vectors - sample.mean(axis=0)) @ whiten.astype(np.float32)
    bits = min(int(np.ceil(np.log2(n))) + 1, 24)  # sums of powers of two up to 2²⁴ are exact in float32
    powers = (2.0 ** np.arange(bits)).astype(np.float32)
    for _ in range(_TABLES):
        planes = rng.standard_normal((_AXES, bits)).astype(np.float32)
        yield (whitened @ planes > 0).astype(np.float32) @ powers


def _sharing_a_bucket(keys: npt.NDArray[np.float32]) -> tuple[IntArray, IntArray]:
    """Positions i, j of pairs with equal keys, each image with at most `_NEIGHBOURS` others."""
    order = np.argsort(keys)
    ordered = keys[order]
    first, second = [], []
    for step in range(1, min(_NEIGHBOURS, len(keys) - 1) + 1):
        same = np.flatnonzero(ordered[step:] == ordered[:-step])
        if len(same) == 0:
            break
        first.append(order[same])
        second.append(order[same + step])
    none = np.empty(0, dtype=np.int64)
    return np.concatenate([none, *first]), np.concatenate([none, *second])
