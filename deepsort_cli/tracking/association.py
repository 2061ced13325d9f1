"""Assignment of detections to tracks: Hungarian matching with a threshold, the matching cascade, the IoU stage.

The order in which unmatched detections come out of each stage is that of the canonical implementation: it decides which
of several new tracks gets which id.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from deepsort_cli.core.types import FloatArray, IntArray

CLAMP = 1e-5
"""What a cost above the threshold counts beyond the threshold while solving."""

Mask = npt.NDArray[np.bool_]


class Costs(Protocol):
    """Costs of pairs of tracks and detections, given by their rows (P,) and columns (P,), ordered by row."""

    def promising(self, rows: IntArray, columns: IntArray) -> Mask:
        """(P,) mask of the pairs that may be admissible: all that are, and, at little cost, few others."""

    def __call__(self, rows: IntArray, columns: IntArray, promising: Mask) -> FloatArray:
        """(P,) costs; in a row without a promising pair anything beyond the threshold will do."""


_FEW_LEVELS = 6
"""Levels that are cheaper to go through one by one than to look through together."""
_NONE = np.empty(0, np.int64)


def match(cost: FloatArray, threshold: float) -> tuple[IntArray, IntArray, IntArray]:
    """Minimum-cost assignment in which no pair may cost more than `threshold`.

    Larger costs are clamped just above the threshold before solving and their pairs refused afterwards. (Refusing
    without clamping would let one hopeless pair distort the choice among good ones.)

    Args:
        cost: (n, m) costs; inf is allowed.
        threshold: the largest admissible cost.

    Returns:
        Matched rows, matched columns, and the unmatched columns in canonical order: those left out by the solver,
        then those refused, by row.
    """
    n, m = cost.shape
    if n == 0 or m == 0:
        return _NONE, _NONE, np.arange(m)
    admissible = cost <= threshold
    if not admissible.any():
        return _NONE, _NONE, _order_when_nothing_matches(n, m)
    rows, columns = linear_sum_assignment(np.where(admissible, cost, threshold + CLAMP))
    good = admissible[rows, columns]
    left_out = np.ones(m, dtype=bool)
    left_out[columns] = False
    return rows[good], columns[good], np.concatenate([np.flatnonzero(left_out), columns[~good]])


def _order_when_nothing_matches(n: int, m: int) -> IntArray:
    """Unmatched columns of a constant (n, m) cost: the solver pairs row i with column i, and all are refused."""
    paired = min(n, m)
    return np.concatenate([np.arange(paired, m), np.arange(paired)])


def cascade(
    ages: IntArray,
    n_detections: int,
    rows: IntArray,
    columns: IntArray,
    costs: Costs,
    threshold: float,
    max_age: int,
) -> tuple[IntArray, IntArray, IntArray]:
    """DeepSORT's matching cascade: tracks seen most recently choose first.

    The first level, those seen in the previous frame, has most of the tracks and takes most of the detections. What
    it leaves is looked through once for all other levels; a level without a promising pair then costs nothing.

    Args:
        ages: (T,) frames since the last update of each candidate track, 1 for those seen in the previous frame.
        n_detections: number N of detections.
        rows, columns: (P,) the pairs (track, detection) that the motion gate admits, ordered by row.
        costs: gives the costs of some of these pairs; it is asked only for pairs that can still be matched.
        threshold: largest admissible cost.
        max_age: number of levels.

    Returns:
        Matched tracks, matched detections, and the unmatched detections in canonical order.
    """
    matched_tracks, matched_detections, unmatched = [_NONE], [_NONE], np.arange(n_detections)
    promising = np.ones(len(rows), bool)
    hopeful: set[int] = set()
    passed = 0
    sizes = np.bincount(ages[ages <= max_age])
    for number, age in enumerate(np.flatnonzero(sizes).tolist()):
        if len(unmatched) == 0:
            break
        if number == 1:
            free = _positions(unmatched, n_detections) >= 0
            left = np.flatnonzero(free.take(columns) & (ages >= age).take(rows))
            rows, columns = rows.take(left), columns.take(left)
            hopeful = _values(ages.take(rows))
            promising = np.ones(len(rows), bool)
            if len(hopeful) > _FEW_LEVELS:
                promising = costs.promising(rows, columns)
                hopeful = _values(ages.take(rows[promising]))
        if number > 0 and age not in hopeful:
            passed += min(int(sizes[age]), len(unmatched))
            continue
        unmatched, passed = _passed_over(unmatched, passed), 0
        level = np.flatnonzero(ages == age)
        row_of, column_of = _positions(level, len(ages)).take(rows), _positions(unmatched, n_detections).take(columns)
        pairs = np.flatnonzero((row_of >= 0) & (column_of >= 0))
        cost = np.full((len(level), len(unmatched)), np.inf)
        if len(pairs):
            found = costs(rows.take(pairs), columns.take(pairs), promising.take(pairs))
            cost[row_of.take(pairs), column_of.take(pairs)] = found
        won, taken, left_over = match(cost, threshold)
        matched_tracks.append(level[won])
        matched_detections.append(unmatched[taken])
        unmatched = unmatched[left_over]
    return np.concatenate(matched_tracks), np.concatenate(matched_detections), _passed_over(unmatched, passed)


def _positions(chosen: IntArray, n: int) -> IntArray:
    """(n,) the position in `chosen` of each number below n, −1 where it is not there."""
    positions = np.full(n, -1)
    positions[chosen] = np.arange(len(chosen))
    return positions


def _values(numbers: IntArray) -> set[int]:
    """The distinct ones of some small whole numbers."""
    return set(np.flatnonzero(np.bincount(numbers)).tolist())


def _passed_over(unmatched: IntArray, tracks: int) -> IntArray:
    """The order of unmatched detections after levels with so many tracks in all have matched none of them.

    Each level with n tracks leaves m detections in the order n, …, m − 1, 0, …, n − 1 (`_order_when_nothing_matches`);
    several in turn do what one with the sum of their tracks, each counted as m at most, would do.
    """
    if tracks == 0 or len(unmatched) == 0:
        return unmatched
    start = tracks % len(unmatched)
    return np.concatenate([unmatched[start:], unmatched[:start]])


def lonely_pairs(
    rows: IntArray, columns: IntArray, n_rows: int, n_columns: int
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(P,) mask of pairs that compete with no other pair, neither for their row nor for their column.

    Such a pair is matched if and only if its cost is admissible, whatever that cost is: any assignment without it
    becomes cheaper by putting it in. One gallery feature within the threshold therefore decides it.
    """
    per_row = np.bincount(rows, minlength=n_rows)
    per_column = np.bincount(columns, minlength=n_columns)
    return np.asarray((per_row[rows] == 1) & (per_column[columns] == 1))


def weighted_cost(
    appearance: FloatArray, motion: FloatArray, weight: float, threshold: float, gate: float
) -> FloatArray:
    """Costs of appearance and motion together, (P,) each: eq. 5 of Wojke et al. 2017, made dimensionless.

    Cosine distances and squared Mahalanobis distances have different units. Here each counts in units of its own
    limit, and the sum is scaled back to a cosine distance: c = λ · threshold · min(d²/gate, 1) + (1 − λ) · cosine.
    As in the paper, λ ranks pairs and does not admit them: a pair is admissible where its cosine distance alone is
    within the threshold, whatever λ; others cost inf. Hence every admissible cost is at most the threshold.

    StrongSORT's 0.98 · cosine + 0.02 · d², at its threshold of 0.45, ranks as λ = 0.30 does here.

    Args:
        appearance: cosine distances.
        motion: squared Mahalanobis distances.
        weight: λ from 0 (appearance only) to 1.
        threshold: largest admissible cosine distance.
        gate: the squared Mahalanobis distance that weighs as much as `threshold`.
    """
    admissible = appearance <= threshold
    known = np.where(admissible, appearance, 0.0)  # no weight makes anything of an infinite distance
    cost = weight * threshold * np.minimum(motion / gate, 1.0) + (1.0 - weight) * known
    return np.where(admissible, np.minimum(cost, threshold), np.inf)


def settled_rows(
    gated: np.ndarray[tuple[int, int], np.dtype[np.bool_]], overlapping: np.ndarray[tuple[int, int], np.dtype[np.bool_]]
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Tracks that match their only detection whatever it looks like.

    Such a pair may match by appearance (`gated`) and by overlap (`overlapping`), and neither of the two may match
    anything else in either stage. If its appearance fits, the cascade matches it; if not, the IoU stage does.

    Args:
        gated: (T, N) pairs that appearance may match.
        overlapping: (T, N) pairs that the IoU stage may match.

    Returns:
        (T,) mask of tracks.
    """
    possible = gated | overlapping
    alone = (possible.sum(axis=1) == 1)[:, None] & (possible.sum(axis=0) == 1)
    return np.asarray((gated & overlapping & alone).any(axis=1))
