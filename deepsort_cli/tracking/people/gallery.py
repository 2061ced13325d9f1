"""The people of a run: every track of every camera gets the person that it belongs to, or becomes a new one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from deepsort_cli.core.boxes import covered, overlapping
from deepsort_cli.core.looks import ENROLLED, Features, normalise
from deepsort_cli.core.types import FloatArray, IntArray, Tracks
from deepsort_cli.tracking.association import match
from deepsort_cli.tracking.people.decision import Decision, Nearness
from deepsort_cli.tracking.people.person import LookSet, Person
from deepsort_cli.tracking.people.places import Places
from deepsort_cli.tracking.people.strangers import Strangers
from deepsort_cli.tracking.settings import SURE_UNLIKE, UNRIVALLED, PeopleRule

UNDECIDED = -1
LOOK_SECONDS = 0.2
"""Time between two looks of a track that are taken: those of successive frames say nothing new."""
ROUNDING = 1e-6
MOST_COVERED = 0.4
"""Part of a box behind others, beyond which they are what one would look at."""
FEWEST_RIVALS = 3
"""People that must be known for the nearest to stand out among them."""
MOST_PEOPLE = 2000
"""People without a name that are remembered; who was not seen for longest is forgotten first."""
FORGET_EVERY = 256
"""Tracks after whose beginning is looked who can be forgotten."""
MOST_TRAILS = 20_000
"""Tracks whose person is remembered, should they come back under their id."""
FORGET_SECONDS = 60.0
"""After which a track that is gone is nobody's any more, where it was not decided whose."""


@dataclass
class _Trail:
    """A track of one camera, as far as it is known here."""

    number: int
    track: int
    since: float
    class_id: int
    last: float
    person: Person | None = None
    looked: float = -np.inf
    mature: bool = False
    """It has as many looks as decide in any case."""
    looks: LookSet = field(default_factory=LookSet)


class _Newest(NamedTuple):
    """The newest frame of a camera: its moment, and the seconds since the one before."""

    moment: float
    gap: float = 0.0


class PeopleGallery:
    """Which person each track belongs to, over all cameras, decided as looks come in.

    A new track is compared with everybody who may be there: nobody is in a camera twice at once, nor in two cameras at
    once that do not overlap, nor there sooner than one can walk (`Places`). How unlike they are is the cosine distance
    between the means of their looks, as a part of the largest admitted: within one camera, between two, or with
    enrolled looks (`PeopleRule`). Where people who are seen at once, and so are different, look alike, less than that
    is admitted (`Strangers`), unless somebody stands out among all that are known. Who is alike enough belongs
    together, all new tracks of a frame at once at the least total cost. Tracks that are like nobody are new people.
    Tracks of different classes, say a person and a car, are never one.
    Where a comparison could still go either way it waits for more looks, `rule.looks` at most. What was decided for a
    track stays.

    Memory is bounded: 8 looks of a person in each camera, and 2000 people beside those with a name.

    Moments have to come in order, at least those of one camera.

    Attributes:
        rule: how alike is alike enough; may be replaced between frames.
        people: everybody, by number.
        decided: is told when a track gets its person.
    """

    def __init__(self, rule: PeopleRule, places: Places | None = None) -> None:
        """Begin with nobody.

        Args:
            rule: how alike is alike enough.
            places: how cameras lie to each other; None: none overlap, and it takes no time from one to another.
        """
        self.rule = rule
        self.people: dict[int, Person] = {}
        self.decided: Callable[[Decision], None] | None = None
        self._places = places or Places()
        self._strangers = Strangers()
        self._trails: dict[tuple[str, int], _Trail] = {}
        self._newest: dict[str, _Newest] = {}
        self._next = 1
        self._begun = 0

    @property
    def limit(self) -> float:
        """How far looks of one person in two cameras may be apart, going by all that is known of strangers by now."""
        return self.rule.limits("one", "another", self._strangers.limit())[0]

    def enrol(self, name: str, features: Features) -> Person:
        """Add a person known by name, with looks of no camera; more looks where the name is known already.

        Args:
            name: not empty.
            features: (N, D) of any length; one that is not finite or of length zero is left out.

        Raises:
            ValueError: no name, or no usable look.
        """
        unit, usable = normalise(np.asarray(features, np.float32))
        if not name or not usable.any():
            raise ValueError("a person needs a name and a look")
        person = next((person for person in self.people.values() if person.name == name), None)
        person = person or self._add(name=name)
        looks = person.looks.setdefault(ENROLLED, LookSet())
        for feature in unit[usable]:
            looks.add(feature)
        return person

    def restore(self, person: Person) -> None:
        """Take a person of an earlier run, who keeps the number.

        Raises:
            ValueError: the number is somebody's already.
        """
        if person.number in self.people:
            raise ValueError(f"person {person.number} is there already")
        self.people[person.number] = person
        self._next = max(self._next, person.number + 1)

    @property
    def next_number(self) -> int:
        """The number of the next new person."""
        return self._next

    def begin_at(self, number: int) -> None:
        """Give no new person a number below this one: those have been somebody's."""
        self._next = max(self._next, number)

    @property
    def named(self) -> bool:
        """Whether anybody has a name."""
        return any(person.name for person in self.people.values())

    def see(self, camera: str, moment: float, tracks: Tracks) -> Tracks:
        """The tracks of the next frame of a camera, with `people`, and with `names` where anybody has one.

        Args:
            camera: its name.
            moment: when the frame was taken, in seconds, on a clock that all cameras share.
            tracks: with `features`, NaN where unknown; None: of nobody.
        """
        trails = [self._trail(camera, moment, tracks, i) for i in range(len(tracks))]
        found = [trail for trail, age in zip(trails, tracks.time_since_update.tolist(), strict=True) if age == 0]
        self._newest[camera] = _Newest(moment, moment - self._newest.get(camera, _Newest(moment)).moment)
        self._note(camera, moment, found)  # first who is known to be here: nobody else can be them
        looked = self._look(camera, moment, tracks, trails)
        if any(trails[i].person is None for i in looked):
            self._decide(camera, [trail for trail in trails if trail.person is None and len(trail.looks)])
        self._compare_strangers(camera, [trails[i] for i in looked], trails, tracks)
        self._note(camera, moment, found)
        return self._reported(trails, tracks)

    @staticmethod
    def _note(camera: str, moment: float, found: list[_Trail]) -> None:
        """Note when those of the tracks found in a frame whose person is known were last seen."""
        for trail in found:
            if trail.person is not None:
                trail.person.seen[camera] = moment

    def _reported(self, trails: list[_Trail], tracks: Tracks) -> Tracks:
        """Tracks with their people. Of two that would be one person at once, it is only the older of the two."""
        people = [UNDECIDED if trail.person is None else trail.person.number for trail in trails]
        taken: set[int] = set()
        for i in sorted(range(len(trails)), key=lambda i: trails[i].number):
            if people[i] in taken:
                people[i] = UNDECIDED
            elif people[i] != UNDECIDED:
                taken.add(people[i])
        names = None
        if self.named:
            names = np.array([self.people[person].name if person in self.people else "" for person in people], np.str_)
        return tracks.with_people(np.array(people, np.int64), names)

    def _add(self, name: str = "", class_id: int | None = None) -> Person:
        person = self.people[self._next] = Person(self._next, name, class_id)
        self._next += 1
        return person

    def _trail(self, camera: str, moment: float, tracks: Tracks, i: int) -> _Trail:
        key = (camera, int(tracks.ids[i]))
        trail = self._trails.get(key)
        if trail is None:
            self._begun += 1
            if self._begun % FORGET_EVERY == 0:
                self._forget(moment)
            trail = self._trails[key] = _Trail(self._begun, key[1], moment, int(tracks.class_ids[i]), moment)
        trail.last = moment
        return trail

    def _look(self, camera: str, moment: float, tracks: Tracks, trails: list[_Trail]) -> list[int]:
        """Keep what is new of the looks of tracks; returns whose that was."""
        if tracks.features is None or not len(tracks):
            return []
        due = [i for i, trail in enumerate(trails) if moment - trail.looked > LOOK_SECONDS - ROUNDING]
        if not due:
            return []
        unit, usable = normalise(tracks.features)
        clear = usable & (covered(tracks.boxes) <= MOST_COVERED)
        looked = [i for i in due if clear[i]]
        for i in looked:
            trail = trails[i]
            trail.looked = moment
            trail.looks.add(unit[i])
            if trail.person is not None:
                trail.person.looks.setdefault(camera, LookSet()).add(unit[i])
        return looked

    def _compare_strangers(self, camera: str, looked: list[_Trail], trails: list[_Trail], tracks: Tracks) -> None:
        """Learn how alike people look from a track that has enough looks for the first time."""
        grown = [trail for trail in looked if not trail.mature and trail.looks.came >= self.rule.looks]
        if not grown:
            return
        apart = ~overlapping(tracks.boxes)
        for trail in grown:
            i = next(i for i, other in enumerate(trails) if other is trail)
            # Who came back after a long time has no looks any more until the next clear one.
            seen = [other for j, other in enumerate(trails) if other.mature and len(other.looks) and apart[i, j]]
            means = [other.looks.mean() for other in seen]
            if means:
                self._strangers.add(1.0 - np.array(means) @ trail.looks.mean())
            self._strangers.follow(camera, trail.looks.mean())
            trail.mature = True

    def _decide(self, camera: str, undecided: list[_Trail]) -> None:
        """Give tracks their people, or new ones, where that is clear by now."""
        people = [person for person in self.people.values() if any(map(len, person.looks.values()))]
        cost = self._costs(camera, undecided, people)
        rows, columns, _ = match(cost, 1.0)
        partner = dict(zip(rows.tolist(), columns.tolist(), strict=True))
        for i, trail in enumerate(undecided):
            alike, unlike = self.rule.sure(trail.looks.came)
            if i in partner:
                if cost[i, partner[i]] <= alike:
                    self._tell(camera, trail, people, cost[i], partner[i])
                    self._join(camera, trail, people[partner[i]])
            elif trail.looks.came >= self.rule.looks or cost[i].min(initial=np.inf) > unlike:
                self._tell(camera, trail, people, cost[i], None)
                self._join(camera, trail, self._add(class_id=trail.class_id))

    def _costs(self, camera: str, undecided: list[_Trail], people: list[Person]) -> FloatArray:
        """(U, P) how unlike tracks and people are, 1 being as much as is admitted; inf where they cannot be one."""
        if not people:
            return np.empty((len(undecided), 0))
        strangers = self._strangers.limit()
        pairs = [
            (j, other, looks.mean())
            for j, person in enumerate(people)
            for other, looks in person.looks.items()
            if len(looks)
        ]
        limits = np.array([self.rule.limits(other, camera, strangers) for _, other, _ in pairs])
        similarity = np.array([trail.looks.mean() for trail in undecided]) @ np.array([mean for *_, mean in pairs]).T
        distances = np.maximum(1.0 - similarity.astype(np.float64), 0.0)
        owners = np.array([j for j, *_ in pairs])
        nearest, usual, most = (
            _least(values, owners, len(people))
            for values in (distances, distances / limits[:, 0], distances / limits[:, 1])
        )
        cost = np.minimum(usual, np.maximum(most, nearest / (UNRIVALLED * _next_nearest(nearest))))
        for i, j in np.argwhere(cost <= SURE_UNLIKE).tolist():  # beyond, nothing depends on it
            if not self._may_be(camera, undecided[i], people[j]):
                cost[i, j] = np.inf
        return cost

    def _may_be(self, camera: str, trail: _Trail, person: Person) -> bool:
        """Whether a track may be a person, whatever both look like."""
        return (
            person.class_id in (None, trail.class_id)
            and self._places.allow(person, camera, trail.since)
            and not self._elsewhere(person, camera)
        )

    def _elsewhere(self, person: Person, camera: str) -> bool:
        """Whether a person is, as far as is known, still in another camera that does not see the same place.

        Frames of cameras do not come at the same moments: who was in the newest one of a camera is taken to be there
        until the next is due, with as long again for one that is late. Who was in the last frame of a camera that
        sends no more is not held there.
        """
        now = self._newest[camera].moment
        return any(
            last == newest.moment and now - last <= 2 * newest.gap
            for other, last in person.seen.items()
            if other != camera and (newest := self._newest.get(other)) and self._places.least(camera, other) is not None
        )

    def _tell(self, camera: str, trail: _Trail, people: list[Person], cost: FloatArray, chosen: int | None) -> None:
        """Say that a track is about to become the `chosen` of the people, or the next new one."""
        if self.decided is None:
            return
        order = (place for place in np.argsort(cost, kind="stable").tolist() if place != chosen)
        other = next((place for place in order if self._may_be(camera, trail, people[place])), None)
        near = [
            None if place is None else self._nearness(camera, trail, people[place], accepted=place == chosen)
            for place in (chosen, other)
        ]
        person = None if chosen is None else people[chosen]
        number, name = (self._next, "") if person is None else (person.number, person.name)
        self.decided(Decision(camera, trail.track, trail.looked, trail.looks.came, number, name, *near))

    def _nearness(self, camera: str, trail: _Trail, person: Person, *, accepted: bool) -> Nearness:
        """How near a track is to the nearest looks of a person; who was accepted beyond the usual limit stands out."""
        found = []
        for other, looks in person.looks.items():
            if len(looks):
                distance = max(float(1 - trail.looks.mean() @ looks.mean()), 0.0)
                usual, most = self.rule.limits(other, camera, self._strangers.limit())
                limit = most if accepted and distance > usual else usual
                found.append(Nearness(person.number, distance, limit, other))
        return min(found, key=lambda one: one.share)

    def _join(self, camera: str, trail: _Trail, person: Person) -> None:
        trail.person = person
        person.looks.setdefault(camera, LookSet()).add_all(trail.looks)

    def _forget(self, now: float) -> None:
        """Forget looks of tracks that are gone, and who is gone for longest."""
        kept = []
        for key, trail in self._trails.items():
            if now - trail.last > FORGET_SECONDS:
                trail.looks = LookSet()
                if trail.person is None:
                    continue
            kept.append((key, trail))
        self._trails = dict(sorted(kept, key=lambda item: item[1].last)[-MOST_TRAILS:])
        unnamed = sorted(
            (person for person in self.people.values() if not person.name),
            key=lambda person: (person.last, person.before),
        )
        for person in unnamed[: max(0, len(unnamed) - MOST_PEOPLE)]:
            del self.people[person.number]


def _least(values: FloatArray, owners: IntArray, count: int) -> FloatArray:
    """(U, P) the least of (U, K) values of each of P owners, who all have one, (K,) ascending."""
    return np.asarray(np.minimum.reduceat(values, np.searchsorted(owners, np.arange(count)), axis=1))


def _next_nearest(distances: FloatArray) -> FloatArray:
    """(U, P) the least distance to anybody else, also to who cannot be there; hardly any where three are not known."""
    if distances.shape[1] < FEWEST_RIVALS:
        return np.full(distances.shape, ROUNDING)
    ordered = np.sort(distances, axis=1)
    return np.maximum(np.where(distances <= ordered[:, :1], ordered[:, 1:2], ordered[:, :1]), ROUNDING)
