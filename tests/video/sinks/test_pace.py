"""Where frames are placed in time."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsort_cli.video.sinks.pace import EvenPace, Pace, exact_rate


def seconds_of(pace: Pace, moments: list[float]) -> list[Fraction]:
    ticks = [pace.place(moment) for moment in moments]
    return [tick * pace.tick for tick in ticks if tick is not None]


def test_decimal_rates_are_recognised() -> None:
    assert exact_rate(29.97002997002997) == Fraction(30000, 1001)
    assert exact_rate(23.976) == Fraction(2997, 125)
    assert exact_rate(14.0) == 14
    assert exact_rate(30000 / 1001 / 7) == Fraction(30000, 7007)


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(25), Fraction(10, 7), Fraction(240), Fraction(1000)])
@pytest.mark.parametrize("start", [0, 7])
def test_a_constant_rate_stays_exact_though_its_times_were_rounded(rate: Fraction, start: int) -> None:
    exact = [Fraction(index) / rate for index in range(200)]
    moments = [round(float((start + index) / rate), 3) for index in range(200)] if rate < 240 else map(float, exact)
    assert seconds_of(Pace(rate), list(moments)) == exact


def test_a_constant_rate_stays_exact_for_hours() -> None:
    rate = Fraction(30000, 1001)
    pace = Pace(rate)
    pace.place(0.0)
    assert pace.place(1_000_000 / float(rate)) * pace.tick == 1_000_000 / rate


def test_any_other_time_is_kept() -> None:
    moments = [3.0, 3.5, 3.547, 4.751]
    assert [float(second) for second in seconds_of(Pace(Fraction(30)), moments)] == pytest.approx(
        [0, 0.5, 0.547, 1.751], abs=2e-5
    )


@given(st.lists(st.floats(0, 1e5), min_size=2, max_size=40), st.sampled_from([Fraction(25), Fraction(30000, 1001)]))
def test_no_clock_loses_a_frame_or_turns_time_back(moments: list[float], rate: Fraction) -> None:
    pace = Pace(rate)
    placed = seconds_of(pace, moments)
    assert len(placed) == len(moments)
    assert placed[0] == 0
    assert all(later - earlier >= Fraction(999, 1_000_000) for earlier, later in itertools.pairwise(placed))


def test_a_clock_that_begins_anew_goes_on_where_it_was() -> None:
    placed = seconds_of(Pace(Fraction(25)), [100.0, 100.04, 100.08, 3.0, 3.04])
    assert [float(second) for second in placed] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])


def test_the_last_frame_lasts_as_long_as_those_before_it() -> None:
    single = Pace(Fraction(25))
    single.place(1.0)
    assert single.last_duration * single.tick == Fraction(1, 25)
    slow = Pace(Fraction(25))
    seconds_of(slow, [0.0, 0.04, 0.24, 0.44, 0.64, 0.84])
    assert float(slow.last_duration * slow.tick) == pytest.approx(0.2)


def test_an_even_pace_drops_and_repeats_but_never_drifts() -> None:
    pace = EvenPace(Fraction(10))
    assert [pace.place(moment) for moment in (5.0, 5.02, 5.1, 5.5, 5.52, 6.0)] == [0, None, 1, 5, None, 10]
    assert (pace.dropped, pace.holes) == (2, 3 + 4)
