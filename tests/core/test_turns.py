"""Lanes of items through shared workers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from deepsort_cli.core.turns import FairPool, Lane

WAIT = 300


def taken(pool: FairPool[Any, Any], lanes: int) -> list[tuple[Lane[Any, Any], Any]]:
    """Everything that so many lanes give, in the order in which it is given."""
    found = []
    while lanes:
        lane = pool.wait(WAIT)
        assert lane is not None, "nothing came"
        value = lane.take()
        if value is None:
            lane.close()
            lanes -= 1
        else:
            found.append((lane, value))
    return found


def test_results_of_a_lane_come_in_its_order() -> None:
    def slow_for_even(number: int) -> int:
        time.sleep(0.002 * (number % 2 == 0))
        return number + 1

    with FairPool(4) as pool:
        lanes = [pool.open(slow_for_even, range(begin, begin + 40), in_flight=5, ahead=3) for begin in (0, 100)]
        while not all(0 in lane._done for lane in lanes):  # on a busy machine the first may be far ahead of the second
            time.sleep(0.001)
        found = taken(pool, 2)
    for lane, begin in zip(lanes, (0, 100), strict=True):
        assert [value for one, value in found if one is lane] == list(range(begin + 1, begin + 41))
    turns = [lane is lanes[0] for lane, _ in found]
    assert 30 < sum(turns[:80]) < 50
    assert turns.index(False) < 10, "the second one does not wait for the first"


def test_no_more_is_under_way_than_may_be() -> None:
    read = started = 0

    def numbers() -> Iterator[int]:
        nonlocal read
        for number in range(1000):
            read += 1
            yield number

    def count(number: int) -> int:
        nonlocal started
        started += 1
        return number + 1

    with FairPool(2) as pool:
        lane = pool.open(count, numbers(), in_flight=3, ahead=4)
        for given in range(50):
            assert pool.wait(WAIT) is lane
            time.sleep(0.001)
            assert started <= given + 3
            assert read <= given + 3 + 5
            assert lane.take() == given + 1


@pytest.mark.parametrize("where", ["items", "function"])
def test_an_error_comes_after_what_was_before_it_and_hurts_no_other_lane(where: str) -> None:
    def numbers() -> Iterator[int]:
        yield from range(1, 6)
        if where == "items":
            raise ValueError("no more")
        yield -1

    def work(number: int) -> int:
        if number < 0:
            raise ValueError("no more")
        return number

    with FairPool(3) as pool:
        bad, good = pool.open(work, numbers(), in_flight=4), pool.open(work, range(1, 60), in_flight=4)
        found: dict[Lane[int, int], list[Any]] = {bad: [], good: []}
        while found[good][-1:] != [None]:
            lane = pool.wait(WAIT)
            assert lane is not None
            try:
                found[lane].append(lane.take())
            except ValueError as error:
                assert str(error) == "no more"
                assert found[lane] == [1, 2, 3, 4, 5]
                lane.close()
    assert found[good] == [*range(1, 60), None]


def test_what_arrives_is_taken_when_a_worker_begins_with_it() -> None:
    """Of a camera the newest frame is worked on, not the one that was there when the workers were busy."""
    newest, gate = [0], threading.Event()

    def frames() -> Iterator[int]:
        while True:
            yield newest[0]

    def work(number: int) -> int:
        gate.wait(WAIT)
        return number + 1

    with FairPool(1) as pool:
        lane = pool.open(work, frames(), in_flight=2, arrival=lambda: None)
        other = pool.open(work, iter([100]), in_flight=1)
        time.sleep(0.05)
        newest[0] = 7
        gate.set()
        found = {lane: [], other: []}  # type: ignore[var-annotated]
        while len(found[lane]) < 3 or not found[other]:
            one = pool.wait(WAIT)
            assert one is not None
            found[one].append(one.take())
    assert found[other][0] == 101
    assert found[lane][0] in (1, 8)
    assert set(found[lane][1:]) == {8}


def test_a_lane_that_is_silent_or_cannot_be_taken_from_holds_up_none() -> None:
    silent, full = threading.Event(), [True]
    with FairPool(1) as pool:
        quiet = pool.open(str, iter(lambda: 1, 0), in_flight=2, arrival=lambda: silent.wait(WAIT) and None)
        blocked = pool.open(str, range(9), in_flight=2, takes=lambda: not full[0])
        brisk = pool.open(str, range(30), in_flight=2)
        assert [value for _, value in taken(pool, 1)] == [str(number) for number in range(30)]
        assert pool.wait(0.01) is None
        full[0] = False
        pool.nudge()
        assert pool.wait(WAIT) is blocked
        silent.set()
        quiet.close()
        brisk.close()


def test_leaving_early_ends_all_threads() -> None:
    before = set(threading.enumerate())
    with FairPool(2) as pool:
        lane = pool.open(lambda number: time.sleep(0.01) or number, iter(lambda: 1, 0), in_flight=4, ahead=4)
        assert pool.wait(WAIT) is lane
        assert lane.take() == 1
    assert not set(threading.enumerate()) - before


def test_results_of_all_lanes_in_an_order_of_their_own() -> None:
    """Whoever is slow; a lane that has ended is waited for no more."""

    def slow_for_odd(number: int) -> int:
        time.sleep(0.003 * (number % 2))
        return number

    found = []
    with FairPool(3) as pool:
        lanes = [
            pool.open(slow_for_odd, range(begin, 60, step), in_flight=3) for begin, step in ((0, 2), (1, 2), (5, 10))
        ]
        while lanes:
            lane = pool.wait(WAIT, lambda lane: (-1 if lane.peek() is None else lane.peek(), lanes.index(lane)))
            assert lane is not None
            value = lane.take()
            if value is None:
                lane.close()
                lanes.remove(lane)
            else:
                found.append(value)
    assert found == sorted([*range(60), *range(5, 60, 10)])
