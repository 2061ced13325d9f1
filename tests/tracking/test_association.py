"""Hungarian matching with a threshold, and the cascade."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from deepsort_cli.tracking.association import CLAMP, cascade, lonely_pairs, match, settled_rows, weighted_cost


class Table:
    """Costs from a (T, N) table, which remembers what it was asked for."""

    def __init__(self, table: np.ndarray, threshold: float = 0.5) -> None:
        self.table, self.threshold = np.asarray(table), threshold
        self.asked: list[tuple[int, int]] = []

    def promising(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return self.table[rows, columns] <= self.threshold

    def __call__(self, rows: np.ndarray, columns: np.ndarray, promising: np.ndarray) -> np.ndarray:
        self.asked += zip(rows.tolist(), columns.tolist(), strict=True)
        hopeful = np.isin(rows, rows[promising])
        return np.where(hopeful, self.table[rows, columns], np.inf)


costs = st.tuples(st.integers(1, 4), st.integers(1, 4)).flatmap(
    lambda shape: arrays(float, shape, elements=st.floats(0, 1))
)


@settings(max_examples=100, deadline=None)
@given(costs)
def test_match_minimises_the_clamped_cost(cost: np.ndarray) -> None:
    threshold = 0.5
    rows, columns, unmatched = match(cost, threshold)
    assert (cost[rows, columns] <= threshold).all()
    assert sorted([*columns, *unmatched]) == list(range(cost.shape[1]))
    clamped = np.where(cost > threshold, threshold + CLAMP, cost)
    small = clamped if cost.shape[0] <= cost.shape[1] else clamped.T
    best = min(
        sum(small[i, j] for i, j in enumerate(choice))
        for choice in itertools.permutations(range(small.shape[1]), small.shape[0])
    )
    refused = min(cost.shape) - len(rows)
    assert abs(cost[rows, columns].sum() + refused * (threshold + CLAMP) - best) < 1e-9


def test_costs_are_clamped_before_solving() -> None:
    """Solved as it stands, the hopeless pair (1, 1) would force the second-best pairs (0, 1) and (1, 0)."""
    rows, columns, unmatched = match(np.array([[0.1, 0.4], [0.45, 100.0]]), threshold=0.5)
    assert (rows.tolist(), columns.tolist(), unmatched.tolist()) == ([0], [0], [1])


def test_order_of_unmatched_columns() -> None:
    """First those the solver left out, then those refused, by row: new ids follow this order."""
    _, _, unmatched = match(np.full((2, 5), np.inf), 0.5)
    assert unmatched.tolist() == [2, 3, 4, 0, 1]
    _, _, unmatched = match(np.full((5, 2), np.inf), 0.5)
    assert unmatched.tolist() == [0, 1]
    _, _, unmatched = match(np.empty((0, 3)), 0.5)
    assert unmatched.tolist() == [0, 1, 2]


def test_cascade_lets_recent_tracks_choose_first() -> None:
    """An older track with the better appearance does not get the detection."""
    table = Table([[0.01], [0.15]])
    ages = np.array([5, 1])
    won, taken, unmatched = cascade(ages, 1, np.array([0, 1]), np.array([0, 0]), table, threshold=0.2, max_age=30)
    assert (won.tolist(), taken.tolist(), unmatched.tolist()) == ([1], [0], [])
    assert table.asked == [(1, 0)], "costs of pairs that can no longer be matched must not be computed"


def test_cascade_ends_at_max_age() -> None:
    pair = (np.array([0]), np.array([0]))
    for age, matched in [(30, 1), (31, 0)]:
        won, _, _ = cascade(np.array([age]), 1, *pair, Table([[0.0]]), threshold=0.2, max_age=30)
        assert len(won) == matched


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 30), st.integers(1, 12), st.floats(0.02, 0.6), st.integers(0, 2**32 - 1))
def test_cascade_equals_one_level_after_the_other(n: int, m: int, density: float, seed: int) -> None:
    """Matches, and the order of what is left, with many levels in which nothing matches."""
    rng = np.random.default_rng(seed)
    ages = rng.integers(1, 25, n)
    cost = np.where(rng.random((n, m)) < density, rng.random((n, m)), np.inf)
    rows, columns = np.nonzero(np.isfinite(cost))
    found = cascade(ages, m, rows, columns, Table(cost), threshold=0.5, max_age=20)
    won, taken, unmatched = [], [], np.arange(m)
    for age in range(1, 21):
        level = np.flatnonzero(ages == age)
        if len(level) and len(unmatched):
            i, j, left = match(cost[level][:, unmatched], 0.5)
            won += level[i].tolist()
            taken += unmatched[j].tolist()
            unmatched = unmatched[left]
    assert [part.tolist() for part in found] == [won, taken, unmatched.tolist()]


def test_lonely_pairs() -> None:
    rows, columns = np.array([0, 1, 1, 2, 3]), np.array([0, 1, 2, 3, 3])
    assert lonely_pairs(rows, columns, 4, 4).tolist() == [True, False, False, False, False]


pairs = arrays(float, st.integers(1, 20), elements=st.floats(0, 2))


@settings(max_examples=100, deadline=None)
@given(pairs, st.floats(0, 1), st.floats(0.01, 1), st.data())
def test_weighted_cost(appearance: np.ndarray, weight: float, threshold: float, data: st.DataObject) -> None:
    """λ ranks and does not admit: admissible is what appearance alone admits; λ = 0 and 1 are the two distances."""
    gate = 9.4877
    motion = data.draw(arrays(float, appearance.shape, elements=st.floats(0, 40)))
    cost = weighted_cost(appearance, motion, weight, threshold, gate)
    fits = appearance <= threshold
    assert ((cost <= threshold) == fits).all()
    np.testing.assert_allclose(weighted_cost(appearance, motion, 0, threshold, gate)[fits], appearance[fits])
    alone = weighted_cost(appearance, motion, 1, threshold, gate)
    np.testing.assert_allclose(alone[fits], threshold * np.minimum(motion[fits] / gate, 1))
    nearer = weighted_cost(appearance, motion / 2, weight, threshold, gate)
    assert (nearer <= cost).all()


@pytest.mark.filterwarnings("error")
def test_motion_alone_ranks_no_pair_without_a_look() -> None:
    """Its distance is infinite, and infinity times no weight is no number."""
    cost = weighted_cost(np.array([0.1, np.inf]), np.array([1.0, 1.0]), 1.0, threshold=0.2, gate=9.4877)
    assert cost[1] == np.inf


def test_motion_breaks_a_tie_of_looks() -> None:
    looks, motion = np.array([0.1, 0.1]), np.array([1.0, 8.0])
    near, far = weighted_cost(looks, motion, 0.3, threshold=0.2, gate=9.4877)
    assert near < far


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_settled_pairs_match_whatever_they_look_like(n: int, m: int, seed: int) -> None:
    """The cascade and the IoU stage on random looks: a settled pair is a match in one of them."""
    rng = np.random.default_rng(seed)
    overlap = np.where(rng.random((n, m)) < 0.35, rng.random((n, m)), 0)
    gated = (rng.random((n, m)) < 0.25) | (overlap > 0.6)
    settled = settled_rows(gated, 1 - overlap <= 0.7)
    rows, columns = np.nonzero(gated)
    for _ in range(3):
        looks = rng.random((n, m))
        won, taken, unmatched = cascade(np.ones(n, np.int64), m, rows, columns, Table(looks), threshold=0.5, max_age=30)
        left = np.setdiff1d(np.arange(n), won)
        more_rows, more_columns, _ = match(1 - overlap[left][:, unmatched], 0.7)
        matched = dict(zip([*won, *left[more_rows]], [*taken, *unmatched[more_columns]], strict=True))
        for row in np.flatnonzero(settled):
            assert matched[row] == np.flatnonzero(gated[row])[0]


def test_which_pairs_are_settled() -> None:
    gated = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]], bool)
    overlapping = np.array([[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]], bool)
    # The first is alone in both; the second does not overlap; the third overlaps another detection as well.
    assert settled_rows(gated, overlapping).tolist() == [True, False, False, False]
