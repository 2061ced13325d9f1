"""Distances of same-person and different-person pairs, counted in bins: ROC curve, equal error rate, thresholds.

A gallery of 16,000 images and 3,400 queries form 54 million pairs. Only their counts per bin of distance are kept,
and these per cluster of identities, so that a bootstrap can resample identities without seeing the pairs again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.evaluation.ranking import Features, Ranker

BINS = 2000
"""Bins over the range of distances: a width of 0.001 for cosine distance."""
MAX_CLUSTERS = 1024
"""Identities are resampled one by one up to this number, in groups beyond it, which bounds memory."""

Counts = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class PairCounts:
    """How many pairs lie in each bin of distance, per cluster of query identities.

    Attributes:
        positive: (clusters, BINS) pairs of one person in two cameras: the correct matches of the protocol.
        negative: (clusters, BINS) pairs of two persons, in any cameras.
        positive_same_camera: (clusters, BINS) pairs of one person in one camera, which the protocol leaves out.
        negative_same_camera: (clusters, BINS) pairs of two persons in one camera.
        edges: (BINS + 1,) distances between which the bins lie.
    """

    positive: Counts
    negative: Counts
    positive_same_camera: Counts
    negative_same_camera: Counts
    edges: FloatArray

    @property
    def reach(self) -> float:
        """The distance below which 99 % of the pairs of two persons lie, rounded up to a bin; 0 without such pairs."""
        below = np.cumsum(self.negative.sum(axis=0, dtype=np.int64))
        return float(self.edges[1 + np.searchsorted(below, 0.99 * below[-1])]) if below[-1] else 0.0

    def curve(self, *, same_camera: bool = False, weights: FloatArray | None = None) -> RocCurve:
        """The ROC curve over all clusters.

        Args:
            same_camera: of pairs within one camera, which is what a tracker compares.
            weights: (B, clusters) how often each cluster counts, for B curves at once; None counts each once.
        """
        positive = self.positive_same_camera if same_camera else self.positive
        negative = self.negative_same_camera if same_camera else self.negative
        if weights is None:
            return RocCurve.of(positive.sum(axis=0), negative.sum(axis=0), self.edges)
        return RocCurve.of(weights @ positive.astype(np.float32), weights @ negative.astype(np.float32), self.edges)


@dataclass(frozen=True)
class RocCurve:
    """True and false positive rates by threshold: a pair is accepted as one person when its distance is below it.

    Attributes:
        threshold: (BINS + 1,) distances, ascending.
        tpr: (..., BINS + 1) fraction of same-person pairs accepted; NaN where there are none.
        fpr: (..., BINS + 1) fraction of different-person pairs accepted; NaN where there are none.
    """

    threshold: FloatArray
    tpr: FloatArray
    fpr: FloatArray

    @classmethod
    def of(cls, positive: npt.NDArray[Any], negative: npt.NDArray[Any], edges: FloatArray) -> RocCurve:
        """From (..., BINS) counts per bin."""
        return cls(edges, _accepted(positive), _accepted(negative))

    def equal_error(self) -> tuple[FloatArray, FloatArray]:
        """(...,) error rate where false accepts and false rejects are equally frequent, and the threshold there.

        Where a whole range of thresholds separates the pairs equally well, the threshold is its middle.
        """
        gap = self.fpr + self.tpr - 1  # rises from −1 to 1
        position = (_first_crossing(gap) + _last_crossing(gap)) / 2
        return (_value_at(self.fpr, position) + 1 - _value_at(self.tpr, position)) / 2, self._threshold_at(position)

    def at_fpr(self, fpr: float) -> tuple[FloatArray, FloatArray]:
        """(...,) true positive rate where a fraction `fpr` of wrong pairs is accepted, and the threshold there."""
        position = _last_crossing(self.fpr - fpr)
        return _value_at(self.tpr, position), self._threshold_at(position)

    def at_threshold(self, threshold: float) -> tuple[float, float]:
        """True and false positive rate of a single curve at a threshold."""
        tpr, fpr = (np.interp(threshold, self.threshold, rate) for rate in (self.tpr, self.fpr))
        return float(tpr), float(fpr)

    def _threshold_at(self, position: FloatArray) -> FloatArray:
        return np.asarray(position * (self.threshold[1] - self.threshold[0]))


class PairCounter:
    """Counts pairs block by block.

    Args:
        ranker: knows which pairs show one person.
        q_camids, g_camids: (Q,), (G,) camera ids.
        clusters: (Q,) cluster of each query, from 0.
        max_distance: upper end of the range of distances.
    """

    def __init__(
        self, ranker: Ranker, q_camids: IntArray, g_camids: IntArray, clusters: IntArray, max_distance: float = 2.0
    ) -> None:
        self._ranker = ranker
        self._q_camids, self._g_camids = q_camids, g_camids
        self._clusters = clusters
        self._edges = np.linspace(0.0, max_distance, BINS + 1)
        self._scale = np.float32(BINS / max_distance)
        size = int(clusters.max()) + 1 if len(clusters) else 0
        # Per kind of pair: [one person in two cameras, one person in one, two persons in two cameras, two in one].
        self._counts = np.zeros((size, 4, BINS), dtype=np.uint32)

    def add(self, rows: slice, distances: Features) -> None:
        """Count the pairs of some queries from their (len(rows), G) distances."""
        same = self._ranker.same_person(rows)
        for i, query in enumerate(range(rows.start, rows.stop)):
            part = slice(same.start[i], same.start[i + 1])
            kind = np.where(self._g_camids == self._q_camids[query], 3 * BINS, 2 * BINS)
            kind[same.column[part]] = np.where(same.same_camera[part], BINS, 0)
            position = (distances[i] * self._scale).astype(np.int64)
            np.clip(position, 0, BINS - 1, out=position)
            counts = np.bincount(position + kind, minlength=4 * BINS)
            self._counts[self._clusters[query]] += counts.reshape(4, BINS).astype(np.uint32)

    def result(self) -> PairCounts:
        two_cameras, one_camera, other, other_same_camera = (self._counts[:, i] for i in range(4))
        return PairCounts(two_cameras, other + other_same_camera, one_camera, other_same_camera, self._edges)


def clusters_of(pids: IntArray) -> IntArray:
    """(Q,) cluster of each query for the bootstrap: its identity, numbered from 0, in at most `MAX_CLUSTERS` groups."""
    return np.asarray(np.unique(pids, return_inverse=True)[1] % MAX_CLUSTERS, dtype=np.int64)


def _accepted(counts: npt.NDArray[Any]) -> FloatArray:
    below = np.cumsum(counts, axis=-1, dtype=np.float64)
    below = np.concatenate([np.zeros_like(below[..., :1]), below], axis=-1)
    with np.errstate(invalid="ignore"):
        return np.asarray(below / below[..., -1:])


def _first_crossing(gap: FloatArray) -> FloatArray:
    """(...,) fractional index at which rising (..., n) values first reach zero; NaN where they are NaN."""
    return _crossing(gap, np.sum(gap < 0, axis=-1) - 1)


def _last_crossing(gap: FloatArray) -> FloatArray:
    """(...,) fractional index at which rising (..., n) values are last zero; NaN where they are NaN."""
    return _crossing(gap, np.sum(gap <= 0, axis=-1) - 1)


def _crossing(gap: FloatArray, before: IntArray) -> FloatArray:
    before = np.clip(before, 0, gap.shape[-1] - 2)[..., None]
    low, high = np.take_along_axis(gap, before, -1), np.take_along_axis(gap, before + 1, -1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.clip(-low / (high - low), 0, 1)
    return np.asarray((before + share)[..., 0])


def _value_at(values: FloatArray, position: FloatArray) -> FloatArray:
    """(...,) values at fractional indices into (..., n), linear between two."""
    known = np.nan_to_num(position)
    before = np.clip(known.astype(np.int64), 0, values.shape[-1] - 2)[..., None]
    low, high = np.take_along_axis(values, before, -1)[..., 0], np.take_along_axis(values, before + 1, -1)[..., 0]
    return np.asarray(low + (position - before[..., 0]) * (high - low))
