"""Sparse k-reciprocal re-ranking against a plain, dense reading of the paper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from deepsort_cli.evaluation import ranking
from deepsort_cli.evaluation.ranking import rank, rank_distances
from deepsort_cli.evaluation.rerank import reranked_blocks


def dense(query: np.ndarray, gallery: np.ndarray, k1: int, k2: int, lam: float) -> np.ndarray:
    """Zhong et al. 2017, equations 2 to 12, one image at a time."""
    images = np.concatenate([query, gallery])
    n = len(images)
    squared = ((images[:, None] - images[None]) ** 2).sum(axis=2)
    original = squared / squared.max(axis=1, keepdims=True)
    order = np.argsort(squared, axis=1, kind="stable")

    def mutual(i: int, k: int) -> set[int]:
        return {j for j in order[i, : k + 1].tolist() if i in order[j, : k + 1]}

    encoded = np.zeros((n, n))
    for i in range(n):
        near = mutual(i, k1)
        grown = set(near)
        for j in near:
            theirs = mutual(j, round(k1 / 2))
            if len(theirs & near) > 2 / 3 * len(theirs):
                grown |= theirs
        for j in grown:
            encoded[i, j] = np.exp(-original[i, j])
        encoded[i] /= encoded[i].sum()
    encoded = np.stack([encoded[order[i, :k2]].mean(axis=0) for i in range(n)])
    result = np.empty((len(query), len(gallery)))
    for i in range(len(query)):
        for j in range(len(gallery)):
            a, b = encoded[i], encoded[len(query) + j]
            jaccard = 1 - np.minimum(a, b).sum() / np.maximum(a, b).sum()
            result[i, j] = (1 - lam) * jaccard + lam * original[i, len(query) + j]
    return result


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 5), st.sampled_from([0.0, 0.3, 1.0]))
def test_equals_the_dense_method(seed: int, k1: int, k2: int, lam: float) -> None:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(5, 8))
    query = centres[rng.integers(0, 5, 6)] + 0.5 * rng.normal(size=(6, 8))
    gallery = centres[rng.integers(0, 5, 24)] + 0.5 * rng.normal(size=(24, 8))
    expected = dense(query, gallery, k1, k2, lam)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "BLOCK_ELEMENTS", 100)
        blocks = [block.copy() for _, block in reranked_blocks(query, gallery, "euclidean", k1, k2, lam)]
    assert_allclose(np.concatenate(blocks), expected, atol=2e-5)


def test_more_neighbours_than_images() -> None:
    [(_, block)] = reranked_blocks(np.eye(2), np.eye(2), k1=20, k2=6)
    assert np.isfinite(block).all()


def test_it_helps_where_matches_support_each_other() -> None:
    """A chain of gradually changing looks: far ends are found through the middle."""
    rng = np.random.default_rng(1)
    pids = np.repeat(np.arange(30), 8)
    angle = np.tile(np.linspace(0, 1.0, 8), 30)
    basis = rng.normal(size=(30, 2, 32))
    images = np.cos(angle)[:, None] * basis[pids, 0] + np.sin(angle)[:, None] * basis[pids, 1]
    images += 0.45 * rng.normal(size=images.shape)
    first = np.arange(len(pids)) % 8 == 0
    ids = (pids[first], pids[~first], np.zeros(30), np.ones(30 * 7))
    plain = rank(images[first], images[~first], *ids)
    again = rank_distances(
        np.concatenate([b.copy() for _, b in reranked_blocks(images[first], images[~first], k1=7, k2=3)]), *ids
    )
    assert again.mAP > plain.mAP + 0.02
