"""Chance level: the expectation of what `rank` computes, over random orders."""

from __future__ import annotations

import numpy as np
import pytest

from deepsort_cli.evaluation.chance import chance_level
from deepsort_cli.evaluation.ranking import rank_distances


def test_it_is_the_mean_over_random_orders() -> None:
    rng = np.random.default_rng(0)
    q_pids, g_pids = rng.integers(1, 6, 12), rng.integers(-1, 6, 40)
    q_camids, g_camids = rng.integers(1, 3, 12), rng.integers(1, 3, 40)
    found = chance_level(q_pids, g_pids, q_camids, g_camids)
    drawn = [rank_distances(rng.random((12, 40)), q_pids, g_pids, q_camids, g_camids) for _ in range(1500)]
    assert found.mAP == pytest.approx(np.mean([result.mAP for result in drawn]), abs=0.005)
    assert found.rank1 == pytest.approx(np.mean([result.rank(1) for result in drawn]), abs=0.01)


def test_a_lone_person_is_always_found() -> None:
    found = chance_level(np.array([7]), np.array([7, 7, 7]), np.array([1]), np.array([1, 2, 2]))
    assert (found.mAP, found.rank1) == (1.0, 1.0)


def test_no_query_that_can_be_answered() -> None:
    found = chance_level(np.array([7]), np.array([7, 8]), np.array([1]), np.array([1, 2]))
    assert np.isnan(found.mAP)
    assert np.isnan(found.rank1)
