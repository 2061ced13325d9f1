"""What pairs of tracks and detections cost in the matching cascade: appearance, and motion by its weight."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from deepsort_cli.core.looks import Features
from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.tracking import kalman
from deepsort_cli.tracking.association import Mask, lonely_pairs, weighted_cost
from deepsort_cli.tracking.gallery import Gallery

Motion = Callable[[IntArray, IntArray], FloatArray]
"""Squared Mahalanobis distances of pairs: their rows (P,) and columns (P,) → (P,)."""


_ROUNDING = 1e-5
"""How far a product of the same float32 features may differ when others are computed beside it."""


class AppearanceCosts:
    """Cosine distances between the galleries of T tracks and N detections, for `association.cascade`.

    Two kinds of pairs need not be compared with a whole gallery, because any admissible cost leads to the same matches:
    settled ones, and those without a rival whose newest feature is near enough (`association.lonely_pairs`).
    """

    def __init__(self, gallery: Gallery, slots: IntArray, features: Features, settled: Mask, threshold: float) -> None:
        """Take (T,) slots, none of them empty; (N, D) unit features; a (T,) mask of settled tracks, whose only
        detection may be without a feature; and the largest admissible distance."""
        self._gallery, self._slots, self._features = gallery, slots, features
        self._settled, self._threshold = settled, threshold

    def promising(self, rows: IntArray, columns: IntArray) -> Mask:
        """(P,) mask of the pairs that may be within the threshold."""
        result = self._settled[rows]
        left = np.flatnonzero(~result)
        if len(left):
            near = self._gallery.may_match(self._slots, self._features, rows[left], columns[left], self._threshold)
            left = left[near]
            distances = self._gallery.distances(self._slots, self._features, rows[left], columns[left])
            result[left] = distances <= self._threshold + _ROUNDING
        return result

    def __call__(self, rows: IntArray, columns: IntArray, promising: Mask) -> FloatArray:
        """(P,) distances; 0 where settled, any admissible one without a rival, inf in rows without a promising pair."""
        settled = self._settled[rows]
        if not settled.any():
            return self._unsettled(rows, columns, promising)
        costs = np.zeros(len(rows))
        left = np.flatnonzero(~settled)
        costs[left] = self._unsettled(rows[left], columns[left], promising[left])
        return costs

    def _unsettled(self, rows: IntArray, columns: IntArray, promising: Mask) -> FloatArray:
        costs = np.full(len(rows), np.inf)
        undecided = np.ones(len(rows), bool)
        lonely = np.flatnonzero(lonely_pairs(rows, columns, len(self._slots), len(self._features)))
        if len(lonely):
            newest = self._gallery.newest(self._slots[rows[lonely]])
            quick = 1.0 - np.einsum("pd,pd->p", newest, self._features[columns[lonely]])
            decided = quick <= self._threshold
            costs[lonely[decided]] = quick[decided]
            undecided[lonely[decided]] = False
        if not promising.all():
            hopeful = np.zeros(len(self._slots), bool)
            hopeful[rows[promising]] = True
            undecided &= hopeful[rows]
        costs[undecided] = self._gallery.distances(self._slots, self._features, rows[undecided], columns[undecided])
        return costs


class WeightedCosts:
    """Those of appearance with motion added by its weight (`association.weighted_cost`)."""

    def __init__(self, appearance: AppearanceCosts, motion: Motion, weight: float, threshold: float) -> None:
        self._appearance, self._motion, self._weight, self._threshold = appearance, motion, weight, threshold
        self.promising = appearance.promising

    def __call__(self, rows: IntArray, columns: IntArray, promising: Mask) -> FloatArray:
        """(P,) costs, as `AppearanceCosts`."""
        motion = self._motion(rows, columns)
        appearance = self._appearance(rows, columns, promising)
        return weighted_cost(appearance, motion, self._weight, self._threshold, kalman.GATE)
