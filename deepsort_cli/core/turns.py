"""Several streams of items through the same few worker threads, in fair turns."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType
from typing import Any, Generic, TypeVar

S = TypeVar("S")
T = TypeVar("T")

POLL_SECONDS = 0.5
"""Waits are cut into pieces of this length: one without limit could not be interrupted by Ctrl-C everywhere."""

_END = object()


class FairPool(Generic[S, T]):
    """Worker threads that several lanes of items share: whoever is free takes the next item of the next lane.

    A lane gives its results in the order of its items. `wait` says which lane has one, in turns as well, so that no
    lane holds another up: not one whose items are slow to come, nor one whose results cannot be taken yet. What is
    under way is bounded per lane. Use it as a context manager; leaving it closes all lanes.

    Args:
        workers: how many items are worked on at once.
    """

    def __init__(self, workers: int) -> None:
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)  # workers wait for items
        self._results = threading.Condition(self._lock)  # whoever takes results waits for them
        self._lanes: list[Lane[S, T]] = []
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._run, name=f"perceive {number}", daemon=True) for number in range(workers)
        ]

    def __enter__(self) -> FairPool[S, T]:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for lane in list(self._lanes):
            lane.close()
        with self._lock:
            self._stopped = True
            self._work.notify_all()
        for thread in self._threads:
            thread.join()

    def open(
        self,
        function: Callable[[S], T],
        items: Iterable[S],
        *,
        in_flight: int,
        ahead: int = 1,
        arrival: Callable[[], None] | None = None,
        takes: Callable[[], bool] = lambda: True,
    ) -> Lane[S, T]:
        """Begin with another lane.

        Args:
            function: what the workers do with an item.
            items: read by a thread of the lane's own, `ahead` items ahead; with `arrival` by the workers themselves.
            in_flight: how many items may be worked on or wait as results at once.
            arrival: returns when the next item can be had at once, or when there is none any more. Then a worker takes
                it at the moment it begins with it, so that it is the newest there is.
            takes: whether a result could be taken now; call `nudge` when that becomes true.
        """
        lane = Lane(self, function, items, in_flight, ahead, arrival, takes)
        with self._lock:
            self._lanes.append(lane)
        lane._thread.start()
        return lane

    def wait(self, timeout: float, order: Callable[[Lane[S, T]], tuple[float, ...]] | None = None) -> Lane[S, T] | None:
        """The next lane in turn that has something to give, see `Lane.take`; None if none has within `timeout` s.

        Args:
            order: where results of several lanes are to come in an order of their own: what is least of a lane, when
                all of them have something to give, comes next. It may `Lane.peek`.
        """
        deadline = time.monotonic() + timeout
        with self._lock:
            while True:
                chosen = self._in_turn() if order is None else self._in_order(order)
                if chosen is not None:
                    self._last_in_turn(chosen)
                    return chosen
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._results.wait(min(left, POLL_SECONDS))

    def nudge(self) -> None:
        """A lane's `takes` may have become true."""
        with self._lock:
            self._results.notify()

    def _in_turn(self) -> Lane[S, T] | None:
        return next((lane for lane in self._lanes if lane._given in lane._done and lane._takes()), None)

    def _in_order(self, order: Callable[[Lane[S, T]], tuple[float, ...]]) -> Lane[S, T] | None:
        if not self._lanes or not all(lane._given in lane._done for lane in self._lanes):
            return None
        first = min(self._lanes, key=order)
        return first if first._takes() else None

    def _last_in_turn(self, lane: Lane[S, T]) -> None:
        self._lanes.remove(lane)
        self._lanes.append(lane)

    # Workers

    def _run(self) -> None:
        while (lane := self._next()) is not None:
            number, item = lane._started - 1, _END
            outcome: tuple[Any, BaseException | None] = (_END, None)
            try:
                item = lane._get()
            except StopIteration:
                pass
            except BaseException as error:  # handed to whoever takes the results, whatever it is
                outcome = (None, error)
            with self._lock:
                lane._taking = False
                lane._ended = item is _END
                lane._space.notify()
                self._work.notify()
            if item is not _END:
                try:
                    outcome = (lane._function(item), None)  # type: ignore[arg-type]
                except BaseException as error:
                    outcome = (None, error)
            with self._lock:
                lane._done[number] = outcome
                lane._busy -= 1
                self._results.notify()
                if lane._closed:
                    self._results.notify_all()  # it waits to be closed

    def _next(self) -> Lane[S, T] | None:
        """The next lane in turn with an item that may be begun; None at the end."""
        with self._lock:
            while not self._stopped:
                chosen = min((lane for lane in self._lanes if lane._is_ready()), key=_turn, default=None)
                if chosen is not None:
                    chosen._taking = True
                    chosen._started += 1
                    chosen._busy += 1
                    chosen._turn = 1 + max(lane._turn for lane in self._lanes)
                    chosen._get = chosen._waiting.popleft()
                    return chosen
                self._work.wait()
            return None


class Lane(Generic[S, T]):
    """One stream of items through a `FairPool`, which makes it."""

    def __init__(
        self,
        pool: FairPool[S, T],
        function: Callable[[S], T],
        items: Iterable[S],
        in_flight: int,
        ahead: int,
        arrival: Callable[[], None] | None,
        takes: Callable[[], bool],
    ) -> None:
        self._pool = pool
        self._function = function
        self._items = items
        self._in_flight, self._ahead = in_flight, ahead
        self._arrival = arrival
        self._takes = takes
        self._space = threading.Condition(pool._lock)  # the lane's own thread waits for room
        self._waiting: deque[Callable[[], S]] = deque()
        self._get: Callable[[], S]
        self._done: dict[int, tuple[Any, BaseException | None]] = {}
        self._started = self._given = self._busy = self._turn = 0
        self._taking = self._ended = self._closed = False
        self._thread = threading.Thread(target=self._feed, name="feed", daemon=True)

    def take(self) -> T | None:
        """The next result, when `FairPool.wait` has named this lane; None at the end.

        Raises:
            BaseException: what reading the item or working on it raised. Close the lane then.
        """
        with self._pool._lock:
            value, error = self._done.pop(self._given)
            self._given += 1
            self._pool._work.notify()
        if error is not None:
            raise error
        return None if value is _END else value

    def peek(self) -> T | None:
        """What `take` is going to return, where there is something to take; None also where it is going to raise."""
        value, error = self._done[self._given]
        return None if value is _END or error is not None else value

    def close(self) -> None:
        """Begin nothing more, and wait for what is under way. What still waits for an item has to be ended first."""
        with self._pool._lock:
            self._closed = True
            self._waiting.clear()
            self._space.notify()
        self._thread.join()
        with self._pool._lock:
            while self._busy:
                self._pool._results.wait(POLL_SECONDS)
            if self in self._pool._lanes:
                self._pool._lanes.remove(self)

    def _is_ready(self) -> bool:
        under_way = self._started - self._given
        return bool(self._waiting) and not self._taking and not self._closed and under_way < self._in_flight

    # The lane's own thread

    def _feed(self) -> None:
        try:
            if self._arrival is None:
                for item in self._items:
                    if not self._put(partial(_same, item), self._ahead):
                        return
            else:
                iterator = iter(self._items)
                while True:
                    self._arrival()
                    if not self._put(iterator.__next__, 1) or not self._wait_until_taken():
                        return
            self._put(partial(_fail, StopIteration()), self._ahead)
        except BaseException as error:  # comes after the items before it
            self._put(partial(_fail, error), self._ahead)

    def _put(self, get: Callable[[], S], most: int) -> bool:
        """Offer an item to the workers as soon as there are fewer than `most`; false when the lane is closed."""
        with self._pool._lock:
            while len(self._waiting) >= most and not self._closed:
                self._space.wait()
            if self._closed:
                return False
            self._waiting.append(get)
            self._pool._work.notify()
            return True

    def _wait_until_taken(self) -> bool:
        """False when there is nothing more to come."""
        with self._pool._lock:
            while (self._waiting or self._taking) and not self._closed:
                self._space.wait()
            return not (self._closed or self._ended)


def _turn(lane: Lane[Any, Any]) -> int:
    return lane._turn


def _same(item: S) -> S:
    return item


def _fail(error: BaseException) -> Any:
    raise error
