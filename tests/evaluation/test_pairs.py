"""ROC figures from binned pairs against the pairs themselves, and bootstrap intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from deepsort_cli.evaluation import pairs
from deepsort_cli.evaluation.bootstrap import difference, interval, resample, resampled_means
from deepsort_cli.evaluation.pairs import PairCounter, PairCounts, RocCurve, clusters_of
from deepsort_cli.evaluation.ranking import Ranker

BIN = 0.001


def count(
    distances: np.ndarray, q_pids: np.ndarray, g_pids: np.ndarray, q_cams: np.ndarray, g_cams: np.ndarray
) -> PairCounts:
    counter = PairCounter(Ranker(q_pids, g_pids, q_cams, g_cams), q_cams, g_cams, clusters_of(q_pids))
    half = len(distances) // 2
    counter.add(slice(0, half), distances[:half])
    counter.add(slice(half, len(distances)), distances[half:])
    return counter.result()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([2, 1024]))
def test_every_pair_is_counted_once_and_rates_follow(seed: int, max_clusters: int) -> None:
    rng = np.random.default_rng(seed)
    q_pids, g_pids = rng.integers(0, 5, 12), rng.integers(0, 6, 60)
    q_cams, g_cams = rng.integers(0, 3, 12), rng.integers(0, 3, 60)
    same, camera = q_pids[:, None] == g_pids, q_cams[:, None] == g_cams
    distances = rng.normal(np.where(same, 0.4, 0.7), 0.1).clip(0, 1.999)
    distances = ((np.floor(distances / BIN) + 0.5) * BIN).astype(np.float32)  # in the middle of a bin, off its edges
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "MAX_CLUSTERS", max_clusters)
        counts = count(distances, q_pids, g_pids, q_cams, g_cams)
    kinds = [
        (counts.positive, same & ~camera),
        (counts.positive_same_camera, same & camera),
        (counts.negative, ~same),
        (counts.negative_same_camera, ~same & camera),
    ]
    for counted, mask in kinds:
        assert counted.sum() == mask.sum()
        assert_array_equal(counted.sum(axis=0), np.histogram(distances[mask], counts.edges)[0])
    assert len(counts.positive) == min(max_clusters, len(np.unique(q_pids)))
    if (same & ~camera).any():
        curve = counts.curve()
        for threshold in (0.3, 0.5, 0.8):
            tpr, fpr = curve.at_threshold(threshold)
            near = np.abs(distances - threshold) < 2 * BIN
            assert abs(tpr - np.mean(distances[same & ~camera] < threshold)) <= near[same & ~camera].mean() + 1e-9
            assert abs(fpr - np.mean(distances[~same] < threshold)) <= near[~same].mean() + 1e-9


def curve_of(right: np.ndarray, wrong: np.ndarray) -> RocCurve:
    edges = np.linspace(0, 2, 2001)
    return RocCurve.of(np.histogram(right, edges)[0], np.histogram(wrong, edges)[0], edges)


def test_equal_error_rate_of_two_normal_distributions() -> None:
    """Means 0.3 and 0.7, deviations 0.1: they cross at 0.5, two deviations from each."""
    rng = np.random.default_rng(0)
    curve = curve_of(rng.normal(0.3, 0.1, 200_000), rng.normal(0.7, 0.1, 200_000))
    error, threshold = curve.equal_error()
    assert error == pytest.approx(0.02275, abs=0.001)
    assert threshold == pytest.approx(0.5, abs=0.003)
    tpr, threshold = curve.at_fpr(0.00135)  # three deviations below the wrong pairs' mean
    assert threshold == pytest.approx(0.4, abs=0.005)
    assert tpr == pytest.approx(0.8413, abs=0.02)
    assert curve.at_threshold(0.5) == pytest.approx((0.977, 0.023), abs=0.002)


def test_separable_pairs_get_the_middle_of_the_gap() -> None:
    error, threshold = curve_of(np.array([0.1, 0.2]), np.array([0.6, 0.9])).equal_error()
    assert error == pytest.approx(0, abs=1e-12)
    assert threshold == pytest.approx(0.4, abs=2 * BIN)


def test_identical_distributions_are_told_apart_by_chance_only() -> None:
    values = np.random.default_rng(0).uniform(0, 1, 10_000)
    assert curve_of(values, values).equal_error()[0] == pytest.approx(0.5, abs=1e-6)


def test_no_pairs_give_nan() -> None:
    curve = curve_of(np.empty(0), np.array([0.5]))
    assert np.isnan(curve.equal_error()[0])
    assert np.isnan(curve.at_fpr(0.01)[0])


def test_resampled_curves_reduce_to_the_plain_one() -> None:
    rng = np.random.default_rng(3)
    q_pids, g_pids = np.arange(8), np.repeat(np.arange(8), 6)
    distances = rng.uniform(0, 1, (8, 48)).astype(np.float32)
    counts = count(distances, q_pids, g_pids, np.zeros(8, int), np.ones(48, int))
    once = counts.curve(weights=np.ones((3, 8)))
    plain = counts.curve()
    assert once.tpr.shape == (3, 2001)
    assert_allclose(once.equal_error()[1], np.full(3, plain.equal_error()[1]))
    only_first = counts.curve(weights=np.eye(8)[:1])
    alone = RocCurve.of(counts.positive[0], counts.negative[0], counts.edges)
    assert_allclose(only_first.tpr[0], alone.tpr)


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Means of 60 clusters of correlated values: about 95 of 100 intervals hold the true mean."""
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        clusters = np.repeat(np.arange(60), 4)
        values = rng.normal(0.5, 0.2, 60)[clusters] + rng.normal(0, 0.05, 240)
        found = interval(float(values.mean()), resampled_means(values, clusters, resample(60, 400, trial)))
        assert found.low < found.value < found.high
        covered += found.low <= 0.5 <= found.high
    assert 0.88 <= covered / 200 <= 0.99


def test_skipped_queries_do_not_count() -> None:
    values, clusters = np.array([0.2, np.nan, 0.4]), np.array([0, 1, 2])
    assert_allclose(resampled_means(values, clusters, np.array([[1.0, 5.0, 1.0]])), 0.3)
    assert np.isnan(resampled_means(values, clusters, np.array([[0.0, 3.0, 0.0]]))).all()


def test_difference_says_how_sure_its_sign_is() -> None:
    sure = difference(0.1, np.random.default_rng(0).normal(0.1, 0.01, 999))
    assert sure.p_value == pytest.approx(0.002)
    assert sure.interval.low > 0
    unsure = difference(0.0, np.random.default_rng(0).normal(0.0, 0.01, 999))
    assert unsure.p_value > 0.5
    assert np.isnan(difference(0.0, np.empty(0)).p_value)


def test_same_seed_same_samples() -> None:
    assert_array_equal(resample(10, 5, 7), resample(10, 5, 7))
    assert not np.array_equal(resample(10, 5, 7), resample(10, 5, 8))
    assert_array_equal(resample(10, 5, 7).sum(axis=1), 10)
