"""Iterators and functions that work in threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from deepsort_cli.core.streams import Ahead, Behind, InParallel


class TestAhead:
    def test_order_and_bound(self) -> None:
        produced = 0

        def numbers() -> Iterator[int]:
            nonlocal produced
            for number in range(100):
                produced += 1
                yield number

        taken = []
        with Ahead(numbers(), depth=3) as ahead:
            for number in ahead:
                taken.append(number)
                time.sleep(0.0005)
                assert produced <= len(taken) + 5
        assert taken == list(range(100))

    def test_error_arrives_after_the_items_before_it(self) -> None:
        def numbers() -> Iterator[int]:
            yield 1
            yield 2
            raise ValueError("three")

        taken = []
        with pytest.raises(ValueError, match="three"), Ahead(numbers(), depth=5) as ahead:
            for number in ahead:
                taken.append(number)
        assert taken == [1, 2]

    def test_leaving_early_stops_the_thread(self) -> None:
        def forever() -> Iterator[int]:
            while True:
                yield 0

        with Ahead(forever(), depth=2) as ahead:
            assert next(iter(ahead)) == 0


class TestInParallel:
    def test_results_come_in_order(self) -> None:
        def slow_for_even(number: int) -> int:
            time.sleep(0.002 * (number % 2 == 0))
            return number * number

        with InParallel(slow_for_even, range(40), workers=4, waiting=1) as results:
            assert list(results) == [number * number for number in range(40)]

    def test_works_on_no_more_than_it_may(self) -> None:
        started = 0

        def count(number: int) -> int:
            nonlocal started
            started += 1
            return number

        with InParallel(count, range(1000), workers=2, waiting=1) as results:
            for taken, _ in enumerate(results, 1):
                assert started <= taken + 3
                if taken == 10:
                    break

    def test_error_of_an_item_arrives_at_its_turn(self) -> None:
        taken = []
        with pytest.raises(ZeroDivisionError), InParallel(lambda n: 1 // (n - 3), range(9), 3, 1) as results:
            for result in results:
                taken.append(result)
        assert len(taken) == 3

    def test_error_of_the_items_arrives_after_their_results(self) -> None:
        def items() -> Iterator[int]:
            yield from range(5)
            raise ValueError("no more")

        taken = []
        with pytest.raises(ValueError, match="no more"), InParallel(str, items(), 3, 1) as results:
            for result in results:
                taken.append(result)
        assert taken == ["0", "1", "2", "3", "4"]


class TestBehind:
    def test_everything_is_done_in_order_before_it_ends(self) -> None:
        done: list[int] = []

        def work(number: int) -> None:
            time.sleep(0.001)
            assert threading.current_thread() is not threading.main_thread()
            done.append(number)

        with Behind(work, depth=3) as behind:
            for number in range(50):
                behind.put(number)
                assert number - len(done) <= 5
        assert done == list(range(50))

    def test_failure_is_raised_by_put_or_at_the_end(self) -> None:
        def fail(number: int) -> None:
            raise OSError("full")

        with pytest.raises(OSError, match="full"), Behind(fail, depth=1) as behind:
            for number in range(100):
                behind.put(number)
        with pytest.raises(OSError, match="full"), Behind(fail, depth=4) as behind:
            behind.put(0)

    def test_an_error_of_the_caller_is_not_replaced(self) -> None:
        def fail(number: int) -> None:
            raise OSError("full")

        with pytest.raises(ValueError, match="mine"), Behind(fail, depth=4) as behind:
            behind.put(0)
            raise ValueError("mine")
