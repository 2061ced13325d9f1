"""The same work on many files, in several processes."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import TypeVar

from deepsort_cli.core.cpus import available_cpus, can_start_processes
from deepsort_cli.core.errors import RunError
from deepsort_cli.core.signals import endings_held_back, leave_endings_to_parent, unreachable_by_endings

Progress = Callable[[int, int], None]
"""Called with the number of files done and the total."""

Result = TypeVar("Result")

CHUNK = 256
"""Files handed to a worker at a time."""

SERIAL_BELOW = 1500
"""Fewer files than this are worked on in this process: starting others costs more than it saves."""


def for_each_file(
    work: Callable[[str], Result], paths: Sequence[str], workers: int = 0, progress: Progress | None = None
) -> list[Result]:
    """Call `work` on every path. Processes, because Pillow decodes JPEG with Python's lock held.

    Args:
        work: a function (or a partial of one) that other processes can import.
        paths: what to call it on.
        workers: processes; 0 means one per CPU this program may use.
        progress: called now and then.

    Returns:
        the results in the order of `paths`.

    Raises:
        RunError: a worker process died.
    """
    chunks = [paths[i : i + CHUNK] for i in range(0, len(paths), CHUNK)]
    workers = min(workers or available_cpus(), len(chunks))
    done: list[Result] = []

    def collect(results: list[Result]) -> None:
        done.extend(results)
        if progress:
            progress(len(done), len(paths))

    if workers <= 1 or len(paths) < SERIAL_BELOW or not can_start_processes():
        for chunk in chunks:
            collect([work(path) for path in chunk])
        return done
    # Forked workers start in milliseconds; elsewhere the system's own way is the safe one.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin)
    try:
        # Ctrl-C would leave the others waiting for ever where it hits one half-started.
        with warnings.catch_warnings(), endings_held_back(), unreachable_by_endings():
            # Python warns that a fork beside threads may deadlock; these children only read and decode files.
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                pending = executor.map(partial(_work_on_chunk, work), chunks)
            except OSError as error:
                raise RunError(
                    f"{workers} processes cannot be started ({error.strerror or error}). Try `data.scan.workers`=1."
                ) from None
        for results in pending:
            collect(results)
    except BrokenProcessPool:
        raise RunError(
            "A process that reads images died, perhaps for lack of memory. Try `data.scan.workers`=1, or "
            "free some memory."
        ) from None
    finally:
        executor.shutdown(cancel_futures=True)
    return done


def _begin() -> None:
    """In a worker process: it ends with its parent, however that ends, and not before."""
    leave_endings_to_parent()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work_on_chunk(work: Callable[[str], Result], paths: Sequence[str]) -> list[Result]:
    return [work(path) for path in paths]
