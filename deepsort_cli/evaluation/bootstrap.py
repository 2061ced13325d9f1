"""Confidence intervals by resampling identities: the queries of one person resemble each other and go together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepsort_cli.core.types import FloatArray, IntArray

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % percentile bootstrap interval (Efron 1979); the bounds are NaN where none can be given."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """A figure of one model minus that of another on the same data, and how sure its sign is.

    Attributes:
        interval: the difference and its 95 % interval.
        p_value: two-sided: how often resampling turns the sign, times two. Small means a real difference.
    """

    interval: Interval
    p_value: float


def resample(num_clusters: int, samples: int, seed: int) -> FloatArray:
    """(samples, num_clusters) how often each cluster is drawn when as many as there are are drawn with replacement."""
    if num_clusters == 0:
        return np.zeros((0, 0))
    rng = np.random.default_rng(seed)
    return rng.multinomial(num_clusters, np.full(num_clusters, 1 / num_clusters), size=samples).astype(np.float64)


def resampled_means(values: FloatArray, clusters: IntArray, weights: FloatArray) -> FloatArray:
    """(B,) means of per-query values under resampling; none where all values are of one cluster, which always comes
    out the same however little is known.

    Args:
        values: (Q,) figures; NaN does not count.
        clusters: (Q,) cluster of each query.
        weights: (B, clusters) from `resample`.
    """
    there = ~np.isnan(values)
    sums = np.bincount(clusters[there], values[there], weights.shape[1])
    counts = np.bincount(clusters[there], minlength=weights.shape[1])
    if np.count_nonzero(counts) < 2:
        return np.empty(0)
    with np.errstate(invalid="ignore"):
        return np.asarray((weights @ sums) / (weights @ counts))


def interval(value: float, samples: FloatArray) -> Interval:
    """The percentile interval of a figure from its bootstrap samples, NaN samples left out."""
    samples = samples[~np.isnan(samples)]
    if len(samples) == 0 or np.isnan(value):
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(samples, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high))


def difference(value: float, samples: FloatArray) -> Difference:
    """A difference from its value and its paired bootstrap samples."""
    samples = samples[~np.isnan(samples)]
    if len(samples) == 0:
        return Difference(interval(value, samples), float("nan"))
    # One draw more on each side: a p-value of 0 could not be earned by a finite number of draws.
    below = (np.sum(samples <= 0) + 1) / (len(samples) + 1)
    above = (np.sum(samples >= 0) + 1) / (len(samples) + 1)
    return Difference(interval(value, samples), float(min(1.0, 2 * min(below, above))))
