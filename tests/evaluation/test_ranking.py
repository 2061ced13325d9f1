"""The Market-1501 protocol against a hand-made fixture and a plain implementation of its definition."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from deepsort_cli.core.errors import InputError
from deepsort_cli.evaluation import ranking
from deepsort_cli.evaluation.health import num_different
from deepsort_cli.evaluation.ranking import distance_blocks, rank, rank_distances

Q_PIDS, Q_CAMS = np.array([1, 2, 3]), np.array([0, 0, 0])
G_PIDS, G_CAMS = np.array([1, 1, 2, 0, 1, 3, 2, 2]), np.array([0, 1, 1, 2, 2, 0, 0, 3])
DISTANCES = np.array(
    [
        [0.05, 0.3, 0.2, 0.1, 0.4, 0.6, 0.7, 0.8],
        [0.9, 0.5, 0.4, 0.1, 0.6, 0.2, 0.01, 0.7],
        [0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.6, 0.7],
    ]
)


def test_fixture() -> None:
    result = rank_distances(DISTANCES, Q_PIDS, G_PIDS, Q_CAMS, G_CAMS)
    assert_allclose(result.ap, [5 / 12, 1 / 3, math.nan], atol=1e-12)
    assert_allclose(result.ap_trapezoidal, [0.2916667, 0.2166667, math.nan], atol=1e-7)
    assert_allclose(result.inp, [1 / 2, 1 / 3, math.nan], atol=1e-12)
    assert_allclose(result.cmc[:5], [0, 0, 1, 1, 1])
    assert result.mAP == pytest.approx(0.375)
    assert (result.num_valid, result.num_skipped) == (2, 1)
    assert_array_equal(result.valid, [True, True, False])
    assert_array_equal(result.num_matches, [2, 2, 0])
    assert_array_equal(result.num_gallery, [7, 7, 7])
    assert [result.rank(k) for k in (1, 2, 3)] == [0, 0, 1]


@dataclass
class Row:
    ap: float = math.nan
    trapezoidal: float = math.nan
    inp: float = math.nan
    first: int = 0


def naive_row(distances: list[float], pid: int, cam: int, g_pids: list[int], g_cams: list[int]) -> Row:
    """The definition, one step at a time."""
    order = sorted(range(len(distances)), key=lambda j: distances[j])
    hits = [g_pids[j] == pid for j in order if g_pids[j] != -1 and not (g_pids[j] == pid and g_cams[j] == cam)]
    ranks = [i + 1 for i, hit in enumerate(hits) if hit]
    if not ranks or pid == -1:
        return Row()
    steps, halves = [], []
    for k, r in enumerate(ranks, start=1):
        steps.append(k / r)
        halves.append((k / r + ((k - 1) / (r - 1) if r > 1 else 1.0)) / 2)
    return Row(sum(steps) / len(ranks), sum(halves) / len(ranks), len(ranks) / ranks[-1], ranks[0])


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, ...]:
    queries, gallery = draw(st.integers(0, 6)), draw(st.integers(1, 25))
    cameras = draw(st.integers(1, 3))
    levels = draw(st.sampled_from([2, 5, 1000]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    distances = rng.integers(0, levels, (queries, gallery)) / levels
    if draw(st.booleans()):
        distances = distances.astype(np.float32)
    return (
        distances,
        rng.integers(-1, 4, queries),
        rng.integers(-1, 4, gallery),
        rng.integers(0, cameras, queries),
        rng.integers(0, cameras, gallery),
    )


@settings(max_examples=150, deadline=None)
@given(problems(), st.sampled_from([1, 30, 1 << 20]), st.sampled_from([0, 3, 100]))
def test_equals_the_definition(problem: tuple[np.ndarray, ...], block_elements: int, sort_above: int) -> None:
    """Ties, missing matches, one camera, distractors and junk, cut into blocks of any size, by counting or sorting."""
    distances, q_pids, g_pids, q_cams, g_cams = problem
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "BLOCK_ELEMENTS", block_elements)
        patch.setattr(ranking, "SORT_ABOVE", sort_above)
        result = rank_distances(distances, q_pids, g_pids, q_cams, g_cams)
    expected = [
        naive_row(list(row), pid, cam, list(g_pids), list(g_cams))
        for row, pid, cam in zip(distances, q_pids, q_cams, strict=True)
    ]
    assert_allclose(result.ap, [row.ap for row in expected], rtol=0, atol=1e-9)
    assert_allclose(result.ap_trapezoidal, [row.trapezoidal for row in expected], rtol=0, atol=1e-9)
    assert_allclose(result.inp, [row.inp for row in expected], rtol=0, atol=1e-9)
    assert_array_equal(result.first_match, [row.first for row in expected])
    valid = [row for row in expected if row.first]
    assert result.num_valid == len(valid)
    if valid:
        assert result.mAP == pytest.approx(sum(row.ap for row in valid) / len(valid), abs=1e-9)
        for k in (1, result.gallery_size):
            assert result.cmc[k - 1] == pytest.approx(sum(row.first <= k for row in valid) / len(valid), abs=1e-9)
            assert result.rank(k) == pytest.approx(result.cmc[k - 1])
        assert_allclose(result.cmc, [result.rank(k + 1) for k in range(result.gallery_size)])
    else:
        assert math.isnan(result.mAP)
        assert math.isnan(result.rank(1))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_order_of_the_gallery_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    distances = rng.permutation(8 * 40).reshape(8, 40).astype(np.float32)
    q_pids, g_pids = rng.integers(0, 6, 8), rng.integers(-1, 6, 40)
    q_cams, g_cams = rng.integers(0, 3, 8), rng.integers(0, 3, 40)
    shuffled = rng.permutation(40)
    before = rank_distances(distances, q_pids, g_pids, q_cams, g_cams)
    after = rank_distances(distances[:, shuffled], q_pids, g_pids[shuffled], q_cams, g_cams[shuffled])
    for name in ("ap", "ap_trapezoidal", "inp", "first_match", "num_matches", "num_gallery"):
        assert_array_equal(getattr(before, name), getattr(after, name))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_embeddings_are_ranked_by_their_distance(metric: str) -> None:
    rng = np.random.default_rng(0)
    query, gallery = rng.normal(size=(20, 16)), rng.normal(size=(300, 16))
    ids = [rng.integers(0, 10, 20), rng.integers(0, 10, 300), rng.integers(0, 3, 20), rng.integers(0, 3, 300)]
    if metric == "cosine":
        unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (query, gallery)]
        expected = 1 - unit[0] @ unit[1].T
    else:
        expected = np.linalg.norm(query[:, None] - gallery[None], axis=2)
    for rows, block in distance_blocks(query, gallery, metric):
        assert_allclose(block, expected[rows], atol=2e-6)
    result = rank(query, gallery, *ids, metric=metric)
    assert_allclose(result.ap, rank_distances(expected, *ids).ap, atol=1e-9)


def test_zero_embedding_is_as_far_as_an_orthogonal_one() -> None:
    [(_, block)] = distance_blocks(np.zeros((1, 4)), np.eye(4), "cosine")
    assert_allclose(block, 1)


def test_bad_embeddings_are_refused() -> None:
    ids = [np.array([1, 2]), np.array([1, 2]), np.array([0, 0]), np.array([1, 1])]
    good, broken = np.ones((2, 4)), np.array([[1, 2, 3, 4], [1, np.nan, 3, 4]])
    with pytest.raises(InputError, match="1 of 2 gallery embeddings hold NaN"):
        rank(good, broken, *ids)
    with pytest.raises(InputError, match="query embeddings have 4 values, gallery embeddings 5"):
        rank(good, np.ones((2, 5)), *ids)
    with pytest.raises(ValueError, match="one person id and one camera id per row"):
        rank(good, good, ids[0], ids[1], np.array([0]), ids[3])
    with pytest.raises(ValueError, match="one person id per embedding"):
        rank(good, np.ones((3, 4)), *ids)
    with pytest.raises(ValueError, match=r"distances must have shape \(2, 2\)"):
        rank_distances(np.ones((2, 3)), *ids)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e18, 1e37, 1e-30])
def test_embeddings_of_any_size_are_compared_by_direction(scale: float) -> None:
    rng = np.random.default_rng(0)
    query, gallery = (rng.standard_normal((count, 64)).astype(np.float32) for count in (5, 9))
    [(_, usual)] = [(rows, block.copy()) for rows, block in distance_blocks(query, gallery)]
    for larger in (gallery * np.float32(scale), np.r_[gallery[:4], gallery[4:] * np.float32(scale)]):
        [(_, block)] = distance_blocks(query, larger)
        assert_allclose(block, usual, atol=1e-6)
    assert num_different(gallery * np.float32(scale)) == 9
