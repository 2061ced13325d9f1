"""Iterators that work in threads of their own, and clocks for them."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

S = TypeVar("S")
T = TypeVar("T")

POLL_SECONDS = 0.2


class Ahead(Generic[T]):
    """Runs an iterator in a thread, at most `depth` items ahead of whoever iterates over this.

    Errors in the thread are raised here, after the items before them. Leaving the `with` block stops the thread.
    """

    def __init__(self, items: Iterable[T], depth: int) -> None:
        self._items = items
        self._queue: queue.Queue[tuple[bool, T | BaseException | None]] = queue.Queue(depth)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Ahead[T]:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        while self._thread.is_alive():
            with contextlib.suppress(queue.Empty):
                self._queue.get_nowait()
            self._thread.join(POLL_SECONDS / 10)

    def __iter__(self) -> Iterator[T]:
        while True:
            try:
                is_item, value = self._queue.get(timeout=POLL_SECONDS)
            except queue.Empty:
                if self._stop.is_set():
                    return
                continue
            if is_item:
                yield value  # type: ignore[misc]
            elif value is None:
                return
            else:
                raise value  # type: ignore[misc]

    def _run(self) -> None:
        try:
            for item in self._items:
                if not self._put((True, item)):
                    return
            self._put((False, None))
        except BaseException as error:  # handed to the consumer, whatever it is
            self._put((False, error))

    def _put(self, item: tuple[bool, T | BaseException | None]) -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=POLL_SECONDS)
            except queue.Full:
                continue
            return True
        return False


class InParallel(Generic[S, T]):
    """`map(function, items)` with several threads, results in order.

    At most `workers` items are worked on and `waiting` more are ready for the next free thread. An error is raised here
    at its item's turn.
    """

    def __init__(self, function: Callable[[S], T], items: Iterable[S], workers: int, waiting: int) -> None:
        self._function = function
        self._items = items
        self._in_flight = workers + waiting
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="perceive")

    def __enter__(self) -> InParallel[S, T]:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __iter__(self) -> Iterator[T]:
        pending: deque[Future[T]] = deque()
        items = iter(self._items)
        failure: Exception | None = None
        while True:
            try:
                item = next(items)
            except StopIteration:
                break
            except Exception as error:  # what came before it is finished first
                failure = error
                break
            pending.append(self._pool.submit(self._function, item))
            if len(pending) >= self._in_flight:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
        if failure is not None:
            raise failure


class Behind(Generic[S]):
    """Calls a function in a thread for everything put in, at most `depth` items behind.

    A failure is raised by the next `put`, or on leaving the `with` block, which waits until all is done.
    """

    def __init__(self, function: Callable[[S], None], depth: int) -> None:
        self._function = function
        self._queue: queue.Queue[tuple[S] | None] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Behind[S]:
        self._thread.start()
        return self

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
        if self._error is not None and error is None:
            raise self._error

    def _run(self) -> None:
        try:
            while (item := self._queue.get()) is not None:
                self._function(*item)
        except BaseException as error:  # handed to the thread that puts
            self._error = error


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
