"""What the whole program has only once (filters of warnings, OpenCV's threads, …), changed for a while.

Several threads may want the same at once. If each put back what it had found, the last one would put back what the
first had set, and the program would keep that for ever.
"""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from collections.abc import Callable, Iterator


class Meanwhile:
    """A change that is made as long as anybody is in a `with` block of it: by the first, undone when the last leaves.

    Args:
        change: makes it, and undoes it on leaving.
    """

    def __init__(self, change: Callable[[], contextlib.AbstractContextManager[object]]) -> None:
        self._change = change
        self._renew_lock()
        self._inside = 0
        self._made = contextlib.ExitStack()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew_lock)  # a thread that had it is not there

    def _renew_lock(self) -> None:
        self._lock = threading.RLock()  # the garbage collector may end one block amid the beginning of another

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if not self._inside:
                self._made.enter_context(self._change())
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside:
                    self._made.close()


@contextlib.contextmanager
def _ignored() -> Iterator[None]:
    """`warnings.catch_warnings` would not do: it puts back a list that others may have changed meanwhile, as it would
    put back in another thread's block what it found there."""
    before = warnings.filters
    warnings.filterwarnings("ignore", module=r"PIL(?:\.|\Z)")
    ignored = before[0]
    try:
        yield
    finally:
        for filters in (before, warnings.filters):  # of another one, a block of `catch_warnings` has begun or ended
            with contextlib.suppress(ValueError):
                filters.remove(ignored)  # type: ignore[attr-defined]


without_pillow_warnings = Meanwhile(_ignored)
"""Without Pillow's remarks about what it reads all the same."""
