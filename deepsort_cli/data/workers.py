"""Checking many files at once."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from deepsort_cli.core.errors import RunError
from deepsort_cli.data.images import Limits, Verdict, check_image

Progress = Callable[[int, int], None]

CHUNK = 128
"""Files handed to a worker at a time."""

SERIAL_BELOW = 1000
"""Fewer files than this are checked in this process: starting others costs more than it saves."""


def check_files(
    paths: Sequence[str], limits: Limits, workers: int = 0, progress: Progress | None = None
) -> list[Verdict]:
    """Check files in several processes (Pillow decodes JPEG with Python's lock held, so threads do not help).

    Args:
        paths: absolute paths.
        limits: how far the check goes.
        workers: processes; 0 means one per CPU this program may use.
        progress: called with the number of files done and the total.

    Returns:
        One verdict per path, in the order of `paths`.

    Raises:
        RunError: a worker process died.
    """
    chunks = [paths[i : i + CHUNK] for i in range(0, len(paths), CHUNK)]
    workers = min(workers or available_cpus(), len(chunks))
    done: list[Verdict] = []

    def collect(verdicts: list[Verdict]) -> None:
        done.extend(verdicts)
        if progress:
            progress(len(done), len(paths))

    if workers <= 1 or len(paths) < SERIAL_BELOW:
        for chunk in chunks:
            collect(_check_chunk(chunk, limits))
        return done
    # Forked workers start in milliseconds; elsewhere the system's own way is the safe one.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_ignore_interrupts)
    try:
        with warnings.catch_warnings():
            # Python warns that forking beside threads may deadlock; the children only read files and decode them.
            warnings.simplefilter("ignore", DeprecationWarning)
            results = executor.map(_check_chunk, chunks, itertools.repeat(limits))
        for verdicts in results:
            collect(verdicts)
    except BrokenProcessPool:
        raise RunError(
            "A process that reads images died, perhaps for lack of memory. Try `--workers 1`, or more memory."
        ) from None
    finally:
        executor.shutdown(cancel_futures=True)
    return done


def available_cpus() -> int:
    """CPUs this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _check_chunk(paths: Sequence[str], limits: Limits) -> list[Verdict]:
    return [check_image(path, limits) for path in paths]


def _ignore_interrupts() -> None:
    """Ctrl-C reaches every process of the terminal; only the parent answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
