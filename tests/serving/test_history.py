"""Figures over hours in bounded memory."""

from __future__ import annotations

from deepsort_cli.core.regions import Counts, Line, LineCount, Zone, ZoneCount
from deepsort_cli.serving.history import KEPT_HOURS, MOST_POINTS, STEP_SECONDS, History

GATE, HALL = Line("gate", (0, 0), (9, 9)), Zone("hall", ((0, 0), (9, 0), (9, 9)))


def test_steps_have_the_mean_of_people_and_the_last_of_all_else() -> None:
    history = History()
    for moment, people in ((100.0, 1), (105.0, 2), (109.9, 6), (110.0, 4)):
        counts = Counts((LineCount(GATE, people, 1),), (ZoneCount(HALL, people, 0, 0),))
        history.add(moment, people, 10 + people, None if people < 3 else 40.0 + people, counts)
    assert history.as_json() == {
        "step_s": STEP_SECONDS,
        "t": [100, 110],
        "people": [3.0, 4.0],
        "fps": [16, 14],
        "latency_ms": [46.0, 44.0],
        "lines": {"gate": {"in": [6, 4], "out": [1, 1]}},
        "zones": {"hall": [6, 4]},
    }


def test_regions_that_came_later_are_unknown_before() -> None:
    history = History()
    history.add(0, 0, 1, None, None)
    history.add(10, 0, 1, None, Counts((LineCount(GATE, 3, 0),), ()))
    assert history.as_json()["lines"] == {"gate": {"in": [None, 3], "out": [None, 0]}}


def test_days_take_no_more_than_hours() -> None:
    history = History()
    steps = 3 * KEPT_HOURS * 3600 // STEP_SECONDS
    for step in range(steps):
        history.add(step * STEP_SECONDS, step % 2, 5, None, None)
    answer = history.as_json()
    assert len(answer["t"]) <= MOST_POINTS
    assert answer["t"][-1] + answer["step_s"] == steps * STEP_SECONDS
    assert answer["t"][0] == 2 * KEPT_HOURS * 3600
    assert len(history.as_json(0.5)["t"]) == 1800 // STEP_SECONDS


def test_a_time_that_goes_back_belongs_to_the_newest_step() -> None:
    history = History()
    for moment in (100.0, 50.0, 120.0):
        history.add(moment, 1, 5, None, None)
    assert history.as_json()["t"] == [100, 120]
    assert History().as_json()["t"] == []
