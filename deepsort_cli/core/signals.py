"""Signals that ask a program to end: Ctrl-C, the SIGTERM of service managers, and the SIGHUP of a lost terminal.

A terminal, `timeout` and service managers send them to all processes of a program; the one that was started answers.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

HANG_UP: signal.Signals | None = getattr(signal, "SIGHUP", None)
"""Windows has none."""

ENDINGS: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGTERM, *(() if HANG_UP is None else (HANG_UP,)))


@contextlib.contextmanager
def unreachable_by_endings() -> Iterator[None]:
    """Processes and threads that are started in the block cannot be reached by them, from their first moment on.

    This process answers them as before, in its other threads or when the block is over; Windows has nothing like it.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)  # one that comes at this moment is answered in it
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def leave_endings_to_parent() -> None:
    """In a process that works for another one: it ends when that says so, and not before.

    Until it has come here they can still end it: start it within `unreachable_by_endings`, and then have it
    `children.killed_with_program`.
    """
    for number in ENDINGS:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def endings_held_back() -> Iterator[None]:
    """These signals arrive when the block is over; only the main thread can see to that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    holding = True
    before: dict[int, Any] = {number: signal.getsignal(number) for number in _heeded()}

    def hold(number: int, frame: FrameType | None) -> None:
        if holding:
            came.append(number)
        elif callable(before[number]):  # it came before all handlers are put back, which may break that off
            before[number](number, frame)
        else:
            signal.signal(number, before[number])
            signal.raise_signal(number)

    try:
        for number in before:
            signal.signal(number, hold)
        yield
    finally:
        holding = False
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])


def on_hang_up(then: Callable[[], None]) -> None:
    """Call `then` once when the terminal or the connection is lost; `nohup` goes on, which ignores the signal."""
    if HANG_UP is None or HANG_UP not in _heeded():
        return
    number = HANG_UP
    terminals = [stream for stream in (1, 2) if os.isatty(stream)]  # a lost one is none any more

    def hang_up(*_: object) -> None:
        signal.signal(number, signal.SIG_IGN)  # shell and kernel both send one
        for stream in terminals:  # what is written to a lost terminal fails, and the files with it
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        then()

    signal.signal(number, hang_up)


def _heeded() -> list[signal.Signals]:
    """Those that are not ignored, and that Python can set again (another library's handlers it cannot)."""
    return [number for number in ENDINGS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
