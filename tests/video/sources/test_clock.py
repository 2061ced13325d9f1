"""Presentation times from timestamps of all kinds."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsort_cli.video.sources.clock import Clock


def times(stamps: list[float | None], tick: float = 0.1) -> tuple[list[float], list[str], Clock]:
    told: list[str] = []
    clock = Clock("a.mkv", tick, told.append)
    return [clock(stamp) for stamp in stamps], told, clock


def test_timestamps_are_kept_relative_to_the_first() -> None:
    found, told, clock = times([5.0, 5.03, 5.5, 205.5])
    assert found == pytest.approx([0, 0.03, 0.5, 200.5])
    assert told == []
    assert (clock.origin, clock.longest) == (5.0, pytest.approx(200.0))


def test_without_timestamps_the_frame_rate_counts_and_that_is_said_once() -> None:
    found, told, _ = times([None] * 4)
    assert found == pytest.approx([0, 0.1, 0.2, 0.3])
    assert len(told) == 1
    assert "without timestamps" in told[0]
    assert "10 frames per second" in told[0]


def test_a_missing_timestamp_leaves_the_others_alone() -> None:
    assert times([1.0, None, 1.2, 1.3])[0] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert times([None, None, 77.0, 77.1])[0] == pytest.approx([0, 0.1, 0.2, 0.3])


def test_a_repeated_timestamp_does_not_move_those_after_it() -> None:
    found, told, _ = times([0, 0.1, 0.1, 0.2, 0.3])
    assert found == pytest.approx([0, 0.1, 0.15, 0.2, 0.3])
    assert len(told) == 1
    assert "repeat" in told[0]


def test_time_goes_on_where_recordings_were_joined_or_a_counter_ran_over() -> None:
    for second in (0.0, 100.0 - 26.5 * 3600, 100.0 + 26.5 * 3600):
        found, told, clock = times([100.0, 100.1, second, second + 0.2, second + 0.3])
        assert found == pytest.approx([0, 0.1, 0.2, 0.4, 0.5])
        assert len(told) == 1
        assert "jump" in told[0]
        assert clock.origin == 100.0


def test_a_single_stray_timestamp_moves_no_other_frame() -> None:
    stamps = [10.0, 10.1, 10.9, 10.2, 10.3, 10.4]
    told: list[str] = []
    clock = Clock("a.ts", 0.1, told.append)
    found = [clock(stamp, after) for stamp, after in itertools.zip_longest(stamps, stamps[1:])]
    assert found == pytest.approx([0, 0.1, 0.15, 0.2, 0.3, 0.4])
    assert len(told) == 1


@given(st.lists(st.none() | st.floats(-1e6, 1e6), min_size=2, max_size=60))
def test_time_always_moves_on(stamps: list[float | None]) -> None:
    found, told, _ = times(stamps)
    assert found[0] == 0
    assert all(a < b for a, b in itertools.pairwise(found))
    assert len(told) <= 3
    clock = Clock("a.mkv", 0.1, told.append)
    found = [clock(stamp, after) for stamp, after in itertools.zip_longest(stamps, stamps[1:])]
    assert all(a < b for a, b in itertools.pairwise(found))
