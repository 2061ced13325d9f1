"""How sure a validation is: intervals over people, differences paired over them."""

from __future__ import annotations

import numpy as np
import pytest

from deepsort_cli.reid.certainty import Certainty, People


def of_people(values: np.ndarray) -> tuple[People, np.ndarray]:
    """Two queries each, which find the same."""
    return People(np.repeat(np.arange(len(values)) + 7, 2)), np.repeat(values, 2)


def test_the_interval_is_that_of_people_not_of_queries() -> None:
    values = np.random.default_rng(0).uniform(0, 1, 60)
    people, ap = of_people(values)
    found = people.interval(ap)
    assert found is not None
    assert found.value == pytest.approx(values.mean())
    expected = 1.96 * values.std() / np.sqrt(60)  # as if the second query of a person told nothing new
    assert found.high - found.low == pytest.approx(2 * expected, rel=0.15)


def test_a_difference_is_paired_over_people() -> None:
    rng = np.random.default_rng(1)
    people, start = of_people(rng.uniform(0, 0.8, 60))
    best = start + np.repeat(rng.uniform(0.0, 0.1, 60), 2)
    sure = people.certainty({"start": start.tolist(), "best": best.tolist()})
    assert sure is not None
    assert sure.start is not None
    assert sure.difference is not None
    assert sure.best.low < sure.start.high  # the two intervals overlap, and yet everybody is found better
    assert sure.told_apart is True
    assert sure.difference.interval.value == pytest.approx(0.05, abs=0.01)
    assert sure.doubt == ""


def test_what_cannot_be_told_apart() -> None:
    people, start = of_people(np.linspace(0.2, 0.8, 6))
    gained = np.repeat([0.2, -0.2, 0.1, -0.05, 0.1, -0.1], 2)
    sure = people.certainty({"start": start.tolist(), "best": (start + gained).tolist()})
    assert sure is not None
    assert sure.told_apart is False
    assert "6 held-out people" in sure.doubt


def test_what_is_not_known_is_not_said() -> None:
    people, ap = of_people(np.array([0.5, 0.25]))
    assert people.certainty({}) is None
    assert people.certainty({"start": ap.tolist()}) is None
    found = people.certainty({"best": ap.tolist()})
    assert isinstance(found, Certainty)
    assert (found.start, found.difference, found.told_apart) == (None, None, None)
    same = people.certainty({"best": ap.tolist(), "start": ap.tolist()})
    assert same is not None
    assert same.difference is None  # the best is the start
    ap[:2] = np.nan  # one person alone is left
    assert people.certainty({"best": ap.tolist()}) is None
