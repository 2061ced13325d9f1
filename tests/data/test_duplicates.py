"""Near-duplicates: every planted pair is found, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from deepsort_cli.data import duplicates
from deepsort_cli.data.duplicates import near_pairs


def pictures(n: int, seed: int = 0) -> np.ndarray:
    """(n, 128) thumbnails with the smooth structure of photographs."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (n, 4, 2))
    return np.kron(coarse, np.ones((4, 4))).reshape(n, 128) * 0.8 + rng.uniform(0, 50, (n, 128))


def naive(thumbs: np.ndarray, labels: np.ndarray, threshold: float) -> set[tuple[int, int]]:
    similarity = np.corrcoef(thumbs.astype(float))
    i, j = np.nonzero(np.triu(similarity >= threshold, 1))
    matters = (labels[i] != labels[j]).any(axis=1)
    return set(zip(i[matters].tolist(), j[matters].tolist(), strict=True))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("exhaustive", [True, False])
def test_agrees_with_comparing_everything(seed: int, exhaustive: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "EXHAUSTIVE_BELOW", 1000 if exhaustive else 10)
    rng = np.random.default_rng(seed)
    base = pictures(400, seed)
    copies = base[:100] + rng.normal(0, 4, (100, 128))
    thumbs = np.clip(np.concatenate([base, copies]), 0, 255).astype(np.uint8)
    labels = np.stack([rng.integers(1, 3, 500), rng.integers(0, 2, 500)], axis=1)
    found = {tuple(pair) for pair in near_pairs(thumbs, labels).tolist()}
    assert found == naive(thumbs, labels, 0.98)
    assert len(found) > 50


def test_only_pairs_that_differ_in_a_label_matter() -> None:
    thumbs = np.repeat(pictures(1).astype(np.uint8), 2, axis=0)
    assert len(near_pairs(thumbs, np.array([[1, 1], [1, 1]]))) == 0
    assert near_pairs(thumbs, np.array([[1, 1], [1, 2]])).tolist() == [[0, 1]]
    assert near_pairs(thumbs, np.array([[1, 1], [2, 1]])).tolist() == [[0, 1]]


def test_flat_pictures_match_nothing() -> None:
    thumbs = np.full((50, 128), 128, dtype=np.uint8)
    thumbs[:, 0] += np.arange(50, dtype=np.uint8) % 3
    assert len(near_pairs(thumbs, np.arange(50)[:, None])) == 0


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_few_pictures(n: int) -> None:
    assert near_pairs(pictures(n).astype(np.uint8), np.arange(n)[:, None]).shape == (0, 2)


def test_thousands_of_equal_pictures_stay_bounded() -> None:
    thumbs = np.repeat(pictures(1).astype(np.uint8), 2000, axis=0)
    pairs = near_pairs(thumbs, np.arange(2000)[:, None])
    assert 1900 < len(pairs) < 2000 * 400
