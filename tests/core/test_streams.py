"""Functions that work in a thread of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.streams import Behind, all_of, close_all


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

    def test_what_both_have_to_say_is_said(self) -> None:
        def fail(number: int) -> None:
            raise RunError("full")

        with pytest.raises(RunError, match="^lost\nfull$"), Behind(fail, depth=4) as behind:
            behind.put(0)
            raise RunError("lost")


def test_all_are_closed_the_last_one_first_and_every_failure_is_said() -> None:
    called: list[int] = []

    def closing(number: int, error: Exception | None = None) -> Callable[[], None]:
        def close() -> None:
            called.append(number)
            if error is not None:
                raise error

        return close

    with pytest.raises(RunError, match="^full\ngone$"):
        close_all(
            [closing(1, RunError("gone")), closing(2), closing(3, RunError("full")), closing(4, RunError("full"))]
        )
    assert called == [4, 3, 2, 1]
    with pytest.raises(InputError, match="^no$"):
        close_all([closing(1), closing(2, InputError("no"))])
    with pytest.raises(ZeroDivisionError):
        close_all([closing(5, RunError("lost")), closing(6, ZeroDivisionError())])
    assert called[-2:] == [6, 5]
    several = all_of([RunError("full"), RunError("full\ngone")])
    assert str(several) == "full\ngone", "each line once"
    assert all_of([several, RunError("gone")]) is several
    for alone in (RunError("twice\ntwice"), RunError("a\u2028name: full\n")):
        assert all_of([alone]) is alone
