"""The loop over a run, which may be ended from anywhere, and what is set for the time of it."""

from __future__ import annotations

import contextlib
import inspect
import threading
from collections.abc import Callable, Generator, Iterator

import cv2

from deepsort_cli.core import Frame, Tracks
from deepsort_cli.core.meanwhile import Meanwhile

Item = tuple[Frame, Tracks]


class Iteration:
    """The frames of a run; dropped, it closes the run's outputs, as a generator does.

    Args:
        frames: the run's generator.
        leave: has the generator end by itself, as soon as it looks.
    """

    def __init__(self, frames: Generator[Item, None, None], leave: Callable[[], None]) -> None:
        self._frames = frames
        self._leave = leave
        self._lock = threading.RLock()

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        with self._lock:
            return next(self._frames)

    def close(self) -> bool:
        """End it. False where a frame is under way, in another thread or beneath a signal handler or a listener.

        It then ends with that frame: waiting for it here, for one who may himself be waited for, could last for ever.
        """
        self._leave()
        if not self._lock.acquire(blocking=False):
            return False
        try:
            if inspect.getgeneratorstate(self._frames) == inspect.GEN_RUNNING:
                return False
            self._frames.close()
            return True
        finally:
            self._lock.release()


@contextlib.contextmanager
def _one_opencv_thread() -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


opencv_single_threaded = Meanwhile(_one_opencv_thread)
"""OpenCV has one thread as long as any run is here; when the last has left, as many as before the first."""
