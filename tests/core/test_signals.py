"""Signals that ask a program to end."""

from __future__ import annotations

import os
import pty
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from deepsort_cli.core.signals import ENDINGS, endings_held_back, leave_endings_to_parent, on_hang_up

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ENDINGS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDINGS)
def test_an_ending_arrives_when_the_block_is_over(number: signal.Signals) -> None:
    came = []
    signal.signal(number, lambda which, frame: came.append(which))
    with endings_held_back():
        os.kill(os.getpid(), number)
        assert not came
    assert came == [number]


def test_what_is_ignored_stays_so_and_other_threads_hold_nothing_back() -> None:
    leave_endings_to_parent()
    with endings_held_back():
        for number in ENDINGS:
            os.kill(os.getpid(), number)
    assert {signal.getsignal(number) for number in ENDINGS} == {signal.SIG_IGN}
    on_hang_up(lambda: pytest.fail("nohup goes on"))
    os.kill(os.getpid(), signal.SIGHUP)
    passed = []

    def other() -> None:
        with endings_held_back():
            passed.append(True)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert passed


def test_a_lost_terminal_is_written_to_no_more_and_heard_once() -> None:
    """Both the shell and the kernel send the signal."""
    child, terminal = pty.fork()
    if child == 0:  # on a terminal of its own, which the parent closes
        heard, code = [], 99
        try:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)  # another test may have left it ignored
            on_hang_up(lambda: heard.append(True))
            os.write(1, b"ready")
            end = time.monotonic() + 300
            while not heard and time.monotonic() < end:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGHUP)
            os.write(1, b"to nobody")
            os.write(2, b"to nobody")
            code = len(heard)
        finally:
            os._exit(code)
    assert os.read(terminal, 5) == b"ready"
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


@pytest.mark.parametrize(
    ("after", "number"),
    [(1, signal.SIGTERM), (len(ENDINGS) + 1, signal.SIGINT)],
    ids=["when the block begins", "when it is over"],
)
def test_one_that_comes_while_handlers_are_changed_leaves_none_deaf(
    after: int, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    came: list[int] = []

    def stop(which: int, frame: object) -> None:
        came.append(which)
        raise KeyboardInterrupt

    for ending in ENDINGS:
        signal.signal(ending, stop)
    usual, changes = signal.signal, 0

    def change(which: int, handler: Any) -> Any:
        nonlocal changes
        before = usual(which, handler)
        changes += 1
        if changes == after:
            signal.raise_signal(number)
        return before

    with monkeypatch.context() as patch:
        patch.setattr(signal, "signal", change)
        with pytest.raises(KeyboardInterrupt), endings_held_back():
            pass
    assert came == [number]
    for ending in ENDINGS:
        came.clear()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(ending)
        assert came == [ending]
