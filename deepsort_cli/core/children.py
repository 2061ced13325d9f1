"""Processes that leave endings to this one (`signals.leave_endings_to_parent`), and the end of the program."""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing.util  # noqa: F401 (what it does at the end is registered before what is registered here)
import os
import threading
import weakref
from multiprocessing.process import BaseProcess

_workers: weakref.WeakSet[BaseProcess] = weakref.WeakSet()
_ended = threading.Event()


def killed_with_program(process: BaseProcess) -> None:
    """Kill a process that leaves endings to this one, if it still runs when the program ends.

    As where the thread that would have ended it is a daemon, which nobody waits for: `multiprocessing` sends SIGTERM,
    and waits for ever.
    """
    _workers.add(process)
    if _ended.is_set():
        process.kill()


def _kill_workers() -> None:
    _ended.set()
    for process in list(_workers):
        with contextlib.suppress(ValueError):  # it was closed
            process.kill()
            process.join()


atexit.register(_kill_workers)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_workers.clear)  # they are the parent's
