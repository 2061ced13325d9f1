"""What happens in front of the cameras: who appears, leaves, crosses a line, enters a zone, is recognised."""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from deepsort_cli.core.regions import Counts
from deepsort_cli.core.types import Tracks

Kind = Literal["appeared", "left", "crossed", "entered", "recognised"]
KINDS: tuple[Kind, ...] = ("appeared", "left", "crossed", "entered", "recognised")

KEPT = 2000
"""Events that are kept for those who come late."""
GONE_SECONDS = 2.0
"""How long a track is not reported before it has left."""


@dataclass(frozen=True)
class Event:
    """Something that happened.

    Attributes:
        number: from 1, in the order in which things became known.
        kind: what.
        time: when, in seconds since 1970; see `Camera.began`.
        camera, source: where: position in the run, and name.
        id: of the track.
        person, name: whose it is, as far as is known.
        detail: what else belongs to it: the line and the direction, the zone.
    """

    number: int
    kind: Kind
    time: float
    camera: int
    source: str
    id: int
    person: int | None
    name: str
    detail: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        who = {"id": self.id, "person": self.person, "name": self.name}
        where = {"camera": self.camera, "source": self.source}
        return {"type": self.kind, "time": round(self.time, 3), **where, **who, **self.detail}


class EventLog:
    """The last events of all cameras. Any thread may write and read.

    Attributes:
        totals: how many there were of each kind.
    """

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=KEPT)
        self._lock = threading.Lock()
        self._heard: list[Callable[[], None]] = []
        self._known: set[int] = set()
        self.totals: Counter[str] = Counter()

    @property
    def last(self) -> int:
        """The number of the newest event, 0 before the first."""
        return self._events[-1].number if self._events else 0

    def tell(self, heard: Callable[[], None]) -> None:
        """Have a function called after every new event, in the thread that adds it: it must return at once."""
        self._heard.append(heard)

    def add(self, kind: Kind, time: float, camera: int, source: str, who: _Who, **detail: str) -> None:
        with self._lock:
            event = Event(self.last + 1, kind, time, camera, source, who.id, who.person, who.name, detail)
            self._events.append(event)
            self.totals[kind] += 1
        for heard in self._heard:
            heard()

    def after(self, number: int) -> tuple[list[Event], int]:
        """The events after a number, and how many between are not kept any more."""
        with self._lock:
            found = [event for event in self._events if event.number > number]
        return found, found[0].number - number - 1 if found else 0

    def is_new(self, person: int) -> bool:
        """Whether a person was not heard of before; from now on they were."""
        with self._lock:
            new = person not in self._known
            self._known.add(person)
        return new


@dataclass
class _Who:
    """A track that is in the picture, or was a moment ago."""

    id: int
    seen: float
    person: int | None = None
    name: str = ""


class Comings:
    """Makes events of one camera's tracks."""

    def __init__(self, log: EventLog, camera: int, source: str) -> None:
        self._log, self._camera, self._source = log, camera, source
        self._present: dict[int, _Who] = {}

    def see(self, time: float, tracks: Tracks, counts: Counts | None) -> None:
        """Take the next frame."""
        for i, track_id in enumerate(tracks.ids.tolist()):
            who = self._present.get(track_id)
            if who is None:
                who = self._present[track_id] = _Who(track_id, time)
                recognised = self._identify(who, tracks, i)
                self._add("appeared", time, who)
            else:
                recognised = self._identify(who, tracks, i)
            who.seen = time
            if recognised:
                self._add("recognised", time, who)
        self._pass(time, counts)
        for who in [who for who in self._present.values() if time - who.seen > GONE_SECONDS]:
            self._leave(who)

    def end(self) -> None:
        """The camera has ended: all have left."""
        for who in list(self._present.values()):
            self._leave(who)

    def _leave(self, who: _Who) -> None:
        del self._present[who.id]
        self._add("left", who.seen, who)

    def _pass(self, time: float, counts: Counts | None) -> None:
        for passing in () if counts is None else counts.passings:
            who = self._present.get(passing.id) or _Who(passing.id, time)
            if passing.way == "entered":
                self._add("entered", time, who, zone=passing.region)
            else:
                self._add("crossed", time, who, line=passing.region, direction=passing.way)

    def _identify(self, who: _Who, tracks: Tracks, i: int) -> bool:
        """Note whose a track is; true where it has just turned out to be somebody who is known."""
        person = -1 if tracks.people is None else int(tracks.people[i])
        name = "" if tracks.names is None else str(tracks.names[i])
        decided, named = person >= 0 and who.person is None, bool(name) and not who.name
        if person >= 0:
            who.person = person
        who.name = name or who.name
        known = decided and not self._log.is_new(person)
        return known or named

    def _add(self, kind: Kind, time: float, who: _Who, **detail: str) -> None:
        self._log.add(kind, time, self._camera, self._source, who, **detail)


def server_sent(event: Event, run: str) -> bytes:
    """An event in the form of `text/event-stream`."""
    return f"id: {run}-{event.number}\nevent: {event.kind}\ndata: {json.dumps(event.as_json())}\n\n".encode()


def number_of(last_event_id: str | None, run: str) -> int | None:
    """The number in the id of an event of this run; None in any other."""
    name, _, number = (last_event_id or "").rpartition("-")
    return int(number) if name == run and number.isascii() and number.isdigit() and len(number) < 19 else None


def kinds_of(text: str | None) -> frozenset[Kind]:
    """The kinds that a list with commas names; all of them where there is none.

    Raises:
        ValueError: it names something else, or nothing.
    """
    if text is None:
        return frozenset(KINDS)
    wanted = {word.strip() for word in text.split(",")}
    if unknown := sorted(wanted - set(KINDS)):
        raise ValueError(f"types: {unknown[0]!r:.60} is no kind of event; expected some of {', '.join(KINDS)}")
    return frozenset(kind for kind in KINDS if kind in wanted)
