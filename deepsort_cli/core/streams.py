"""A function that works in a thread of its own, and clocks."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Generic, TypeVar

from deepsort_cli.core.errors import DeepsortError, RunError

S = TypeVar("S")
T = TypeVar("T")

KNOWN = (DeepsortError, OSError)
"""Errors of the world rather than of the program."""

POLL_SECONDS = 0.2


def close_all(closes: Sequence[Callable[[], None]]) -> None:
    """Call all of them, the last one first, also where some fail.

    Raises:
        RunError: what all that failed have to say, each once.
    """
    failures: list[DeepsortError] = []

    def close(one: Callable[[], None]) -> None:
        try:
            one()
        except DeepsortError as error:
            failures.append(error)

    with contextlib.ExitStack() as stack:  # also after an error of the program's own
        for one in closes:
            stack.callback(close, one)
    if failures:
        raise all_of(failures)


def all_of(errors: Sequence[BaseException]) -> BaseException:
    """The only error; or one that says what all of several say, each line once."""
    if len({str(error) for error in errors}) == 1:
        return errors[0]
    said = "\n".join(dict.fromkeys(line for error in errors for line in str(error).split("\n")))
    return errors[0] if said == str(errors[0]) else RunError(said)


class Behind(Generic[S]):
    """Calls a function in a thread for everything put in, at most `depth` items behind.

    A failure is raised by the next `put`, or on leaving the `with` block, which waits until all is done: together with
    the error that ends the block, where that is another one and none of the program's own.
    """

    def __init__(self, function: Callable[[S], None], depth: int, after: Callable[[], None] = lambda: None) -> None:
        """Prepare; `after` is called in the thread when there is room again, or after a failure."""
        self._function = function
        self._after = after
        self._queue: queue.Queue[tuple[S] | None] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Behind[S]:
        self._thread.start()
        return self

    def has_room(self) -> bool:
        """Whether the next `put` returns, or fails, at once."""
        return self._error is not None or not self._queue.full()

    def put(self, item: S) -> None:
        while self._error is None:
            try:
                self._queue.put((item,), timeout=POLL_SECONDS)
            except queue.Full:
                continue
            return
        raise self._error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._error is None and self._thread.is_alive():
            try:
                self._queue.put(None, timeout=POLL_SECONDS)
            except queue.Full:
                continue
            break
        self._thread.join()
        if self._error is not None and self._error is not error:
            if isinstance(error, KNOWN) and isinstance(self._error, KNOWN):
                raise all_of([error, self._error]) from None
            if error is None:
                raise self._error

    def _run(self) -> None:
        try:
            while (item := self._queue.get()) is not None:
                self._after()
                self._function(*item)
        except BaseException as error:  # handed to the thread that puts
            self._error = error
            self._after()


@contextlib.contextmanager
def clock(seconds: dict[str, float], stage: str) -> Iterator[None]:
    begin = time.perf_counter()
    try:
        yield
    finally:
        seconds[stage] += time.perf_counter() - begin


def timed(items: Iterable[T], seconds: dict[str, float], stage: str) -> Iterator[T]:
    """The same items; the time spent waiting for each is added to `seconds[stage]`."""
    iterator = iter(items)
    while True:
        with clock(seconds, stage):
            item = next(iterator, None)
        if item is None:
            return
        yield item
