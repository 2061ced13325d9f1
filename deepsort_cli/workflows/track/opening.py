"""All sources of a run opened at once: cameras that do not answer cost their time-out once, not one after the other."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from deepsort_cli.core import InputError
from deepsort_cli.core.errors import DeepsortError
from deepsort_cli.core.events import Listener
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.video.sources import Source
from deepsort_cli.workflows.track.parts import Parts
from deepsort_cli.workflows.track.sources import open_one

AT_ONCE = 16
"""Sources that are opened at the same time."""
GRACE = 1.0
"""Seconds that others have to fail as well once one has, so that they are told together."""
MOST_TOLD = 5


def open_all(specs: Sequence[str | None], settings: TrackSettings, parts: Parts, listener: Listener) -> list[Source]:
    """The sources, in their order; what is to be said about each is said in that order.

    Raises:
        InputError: some cannot be used; those that were opened are closed.
    """
    if len(specs) == 1:
        return [open_one(specs[0], settings, parts, listener)]
    openings = [_Opening(spec) for spec in specs]
    waiting: queue.SimpleQueue[_Opening] = queue.SimpleQueue()
    for opening in openings:
        waiting.put(opening)

    def work() -> None:
        while not waiting.empty():
            try:
                waiting.get_nowait().open(settings, parts)
            except queue.Empty:
                return

    for _ in range(min(AT_ONCE, len(specs))):
        threading.Thread(target=work, name="open", daemon=True).start()
    try:
        return [opening.source_of(openings, listener) for opening in openings]
    except BaseException:
        for opening in openings:
            opening.abandon()
        raise


@dataclass
class _Opening(Listener):
    """A source that is being opened. What is to be said about it waits for its turn, and later is handed on at once."""

    spec: str | None
    source: Source | None = None
    error: BaseException | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    _said: list[tuple[str, str]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _told: Listener | None = None
    _abandoned: bool = False

    def note(self, message: str) -> None:
        self._say("note", message)

    def warn(self, message: str) -> None:
        self._say("warn", message)

    def _say(self, how: str, message: str) -> None:
        with self._lock:
            if self._told is None:
                self._said.append((how, message))
                return
        getattr(self._told, how)(message)

    def open(self, settings: TrackSettings, parts: Parts) -> None:
        """Open it, in a thread; where nobody waits any more, it is closed again."""
        if self._abandoned:
            return
        try:
            source = open_one(self.spec, settings, parts, self)
        except BaseException as error:  # it is raised where somebody waits
            self.error = error
        else:
            with self._lock:
                if self._abandoned:
                    source.close()
                self.source = source
        self.ended.set()

    def abandon(self) -> None:
        """Nobody wants it any more."""
        with self._lock:
            self._abandoned = True
            if self.source is not None:
                self.source.close()

    def source_of(self, all_of_them: Sequence[_Opening], listener: Listener) -> Source:
        """The source, as soon as it is open.

        Raises:
            InputError: it cannot be used; others that cannot either are named as well.
        """
        self.ended.wait()
        with self._lock:
            self._told = listener
        for how, message in self._said:
            getattr(listener, how)(message)
        if self.error is not None:
            raise _together(self, all_of_them)
        assert self.source is not None
        return self.source


def _together(first: _Opening, openings: Sequence[_Opening]) -> BaseException:
    """The error of one source with those of others, in their order."""
    assert first.error is not None
    if not isinstance(first.error, InputError):
        return first.error
    until = time.monotonic() + GRACE
    for opening in openings:
        opening.ended.wait(max(0.0, until - time.monotonic()))
    messages = [str(one.error) for one in openings if isinstance(one.error, DeepsortError)]
    if len(messages) == 1:
        return first.error
    more = [f"… and {len(messages) - MOST_TOLD} more sources."] if len(messages) > MOST_TOLD else []
    return InputError("\n".join([*dict.fromkeys(messages[:MOST_TOLD]), *more]))
