"""Several sources at once: who is tracked when, and what happens when one of them fails."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from deepsort_cli.core import Frame, Tracks
from deepsort_cli.core.errors import DeepsortError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.streams import all_of
from deepsort_cli.core.turns import FairPool, Lane
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.workflows.track.across import Across
from deepsort_cli.workflows.track.events import Ending, Summary
from deepsort_cli.workflows.track.one_source import OneSource, Task
from deepsort_cli.workflows.track.parts import Parts
from deepsort_cli.workflows.track.perceive import Glance, Perceived

TICK_SECONDS = 0.5

Pool = FairPool[Glance, Perceived]


class Together:
    """The sources of a run under way: cameras and streams all at once, recordings some at a time.

    They share the networks and the workers, in fair turns. One that fails is closed, told and hurts no other; its error
    is raised when the others are done.

    Attributes:
        current: the source of the frame given last.
        is_left: nobody wants further frames.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        parts: Parts,
        settings: TrackSettings,
        listener: Listener,
        *,
        at_once: int,
        told: Callable[[OneSource, Summary], None],
        across: Across | None = None,
    ) -> None:
        """Prepare.

        Args:
            at_once: how many recordings are tracked at once.
            told: takes the summary of every source that was tracked, when all its outputs are closed.
            across: says which person a track is. Then frames of recordings come in the order of their times.
        """
        self._across = across
        self._parts, self._settings, self._listener = parts, settings, listener
        self._at_once, self._told = at_once, told
        self._alone = len(tasks) == 1
        self._waiting = deque(sorted(tasks, key=lambda task: not task.source.is_live))
        self._running: list[OneSource] = []
        self._failure: BaseException | None = None
        self._ticked = time.monotonic()
        self.current: OneSource | None = None
        self.is_left = False

    def leave(self) -> None:
        """Give no further frames: the iteration ends as if its loop had been left."""
        self.is_left = True

    def frames(self, *, shared: bool) -> Iterator[tuple[Frame, Tracks]]:
        """Track frame by frame. Leaving the iteration, however that happens, closes all outputs.

        Raises:
            DeepsortError: of the first source that failed.
            KeyboardInterrupt: Ctrl-C, after everything was closed properly.
        """
        ending: Ending = "end"
        pool: Pool = FairPool(self._parts.workers)
        with pool:
            try:
                self._start_more(pool, shared)
                while self._running and ending == "end":
                    if self.is_left:
                        ending = "stopped"
                        break
                    one = self._next(pool)
                    if one is None:
                        continue
                    item = self._step(one)
                    if item is None:
                        self._start_more(pool, shared)
                        continue
                    self.current = one
                    yield item
                    ending = "quit" if one.quits else "end"
            except KeyboardInterrupt:
                ending = "interrupted"
            except GeneratorExit:
                ending = "stopped"
            except BaseException as error:  # of the program itself, or of a function of the caller's
                self._abandon(error)
                raise
            earlier, self._failure = self._failure, None
            self._finish_all(ending)
        failure = self._failure or (earlier if ending in ("end", "quit") else None)
        if failure is not None:
            raise failure
        if ending == "interrupted":
            raise KeyboardInterrupt

    def _start_more(self, pool: Pool, shared: bool) -> None:
        """Start what may run beside what runs already."""
        while self._waiting:
            recorded = sum(not one.task.source.is_live for one in self._running)
            if not self._waiting[0].source.is_live and recorded >= self._at_once:
                return
            task = self._waiting.popleft()
            one = OneSource(task, self._parts, self._settings, self._listener, self._across)
            self._running.append(one)
            self.current = self.current or one
            try:
                one.start(pool, shared=shared, alone=self._alone)
            except (DeepsortError, OSError) as error:
                self._end(one, "failed", error)

    def _next(self, pool: Pool) -> OneSource | None:
        """The source whose turn it is; None where none has a frame."""
        in_order = self._across is not None and self._across.in_order
        lane = pool.wait(TICK_SECONDS, self._order if in_order else None)
        if time.monotonic() >= self._ticked + TICK_SECONDS:
            self._ticked = time.monotonic()
            for one in self._running:
                one.tick()
        return next((one for one in self._running if one.lane is lane), None)

    def _order(self, lane: Lane[Glance, Perceived]) -> tuple[float, ...]:
        """Frames of earlier moments first; of one moment, in the order of the sources. The end of a source is none."""
        assert self._across is not None
        seen = lane.peek()
        return (-1.0,) if seen is None else self._across.order(seen.frame)

    def _step(self, one: OneSource) -> tuple[Frame, Tracks] | None:
        """The next frame of a source; None where that was all."""
        try:
            item = one.step()
        except (DeepsortError, OSError) as error:
            self._end(one, "failed", error)
            return None
        if item is None:
            self._end(one, "end")
        return item

    def _end(self, one: OneSource, ending: Ending, error: BaseException | None = None) -> None:
        """Close a source and tell what came of it."""
        self._running.remove(one)
        try:
            one.finish(error)
        except (DeepsortError, OSError) as failure:
            ending, error = "failed", failure if error is None else all_of([error, failure])
        if error is not None:
            self._failure = self._failure or error
            if self._alone:  # the error says it all
                return
            self._listener.warn(f"{one.task.name}: failed, what is written is kept; the others go on. {error}")
        self._told(one, one.summary(ending, error))

    def _finish_all(self, ending: Ending) -> None:
        for one in self._running:
            one.task.source.stop()  # all of them first: a camera that does not answer takes a while
        with contextlib.ExitStack() as stack:  # whatever happens meanwhile, all are closed
            for one in reversed(self._running):
                stack.callback(self._end, one, ending)

    def _abandon(self, error: BaseException) -> None:
        """Close everything because of an error that is nobody's but the program's."""
        for one in self._running:
            one.task.source.stop()
        for one in self._running:
            with contextlib.suppress(DeepsortError, OSError):
                one.finish(error)
