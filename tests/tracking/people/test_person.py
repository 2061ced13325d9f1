"""Looks kept of a person, and what pictures show of them."""

from __future__ import annotations

import numpy as np
import pytest

from deepsort_cli.tracking.people.person import MOST_LOOKS, LookSet
from deepsort_cli.tracking.people.strangers import Strangers


def test_looks_are_spread_over_all_that_came() -> None:
    looks = LookSet()
    for i in range(1000):
        looks.add(np.array([np.cos(i / 1000), np.sin(i / 1000)], np.float32))
        assert 1 <= len(looks) <= MOST_LOOKS
    kept = np.arctan2(*looks.features().T[::-1])
    assert kept[0] == 0
    assert np.diff(kept).std() < 1e-3
    assert kept[-1] > 0.8
    np.testing.assert_allclose(np.linalg.norm(looks.mean()), 1, atol=1e-6)


def test_opposite_looks_have_a_mean_too() -> None:
    looks = LookSet()
    for sign in (1, -1):
        looks.add(np.array([sign, 0], np.float32))
    assert np.linalg.norm(looks.mean()) == 1


def test_strangers_who_look_alike() -> None:
    """0.9 times what 5 % of those who are seen at once are nearer than."""
    strangers = Strangers()
    assert strangers.limit() is None
    strangers.add(np.array([0.5]))
    assert strangers.limit() == pytest.approx(0.45)
    strangers.add(np.concatenate([np.full(94, 0.8), np.full(5, 0.2)]))
    assert 0.18 <= strangers.limit() <= 0.45  # type: ignore[operator]
    strangers.add(np.full(30_000, 1.5))
    assert strangers.limit() == pytest.approx(1.35)


def test_who_comes_one_after_the_other_tells_it_where_nobody_is_beside_anybody() -> None:
    """Half their usual distance, 1, also where one comes again and again; those of other cameras are not compared."""
    strangers = Strangers()
    looks = np.eye(30, dtype=np.float32)
    for i in range(4):
        assert strangers.limit() is None
        strangers.follow("door", looks[i])
        strangers.follow(f"gate {i}", looks[0])
    for i in range(4, 30):
        strangers.follow("door", looks[0 if i % 3 == 0 else i])
        assert strangers.limit() == pytest.approx(0.5)
    strangers.add(np.array([0.3]))
    assert strangers.limit() == pytest.approx(0.27)
