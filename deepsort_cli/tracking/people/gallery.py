"""The people of a run: every track of every camera gets the person that it belongs to, or becomes a new one."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from deepsort_cli.core.looks import Features, normalise
from deepsort_cli.core.types import FloatArray, Tracks
from deepsort_cli.tracking.association import match
from deepsort_cli.tracking.people.person import NO_CAMERA, LookSet, Person
from deepsort_cli.tracking.people.places import Places
from deepsort_cli.tracking.settings import PeopleRule

UNDECIDED = -1
LOOK_SECONDS = 0.2
"""Time between two looks of a track that are taken: those of successive frames say nothing new."""


@dataclass
class _Trail:
    """A track of one camera, as far as it is known here."""

    since: float
    class_id: int
    person: Person | None = None
    looked: float = -np.inf
    looks: LookSet = field(default_factory=LookSet)
    """Until it has a person."""


class PeopleGallery:
    """Which person each track belongs to, over all cameras, decided as looks come in.

    A new track is compared with everybody who may be there: nobody is in a camera twice at once, nor in two cameras at
    once that do not overlap, nor there sooner than one can walk (`Places`). How unlike they are is the cosine distance
    between the means of their looks, as a multiple of the largest that `PeopleRule` admits: within one camera, between
    two, or with enrolled looks. Who is alike enough belongs together, all new tracks of a frame at once at the least
    total cost. Tracks that are like nobody are new people. Where a comparison could still go either way it waits for
    more looks, `rule.looks` at most. What was decided for a track stays.

    Moments have to come in order, at least those of one camera.

    Attributes:
        rule: how alike is alike enough; may be replaced between frames.
        people: everybody, by number.
    """

    def __init__(self, rule: PeopleRule, places: Places | None = None, *, per_class: bool = False) -> None:
        """Begin with nobody.

        Args:
            rule: how alike is alike enough.
            places: how cameras lie to each other; None: none overlap, and it takes no time from one to another.
            per_class: tracks of different classes never are one.
        """
        self.rule = rule
        self.people: dict[int, Person] = {}
        self._places = places or Places()
        self._per_class = per_class
        self._trails: dict[tuple[str, int], _Trail] = {}
        self._next = 1

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
        looks = person.looks.setdefault(NO_CAMERA, LookSet())
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
        self._look(camera, moment, tracks, trails)
        undecided = [trail for trail in trails if trail.person is None and len(trail.looks)]
        if undecided:
            self._decide(camera, undecided)
        for trail, age in zip(trails, tracks.time_since_update.tolist(), strict=True):
            if trail.person is not None and age == 0:
                trail.person.seen[camera] = moment
        people = [UNDECIDED if trail.person is None else trail.person.number for trail in trails]
        names = ["" if trail.person is None else trail.person.name for trail in trails]
        return tracks.with_people(np.array(people, np.int64), np.array(names, np.str_) if self.named else None)

    def _add(self, name: str = "", class_id: int | None = None) -> Person:
        person = self.people[self._next] = Person(self._next, name, class_id)
        self._next += 1
        return person

    def _trail(self, camera: str, moment: float, tracks: Tracks, i: int) -> _Trail:
        key = (camera, int(tracks.ids[i]))
        if key not in self._trails:
            self._trails[key] = _Trail(moment, int(tracks.class_ids[i]))
        return self._trails[key]

    def _look(self, camera: str, moment: float, tracks: Tracks, trails: list[_Trail]) -> None:
        """Keep what is new of the looks of tracks."""
        if tracks.features is None:
            return
        unit, usable = normalise(tracks.features)
        for i in np.flatnonzero(usable).tolist():
            trail = trails[i]
            if moment - trail.looked < LOOK_SECONDS:
                continue
            trail.looked = moment
            person = trail.person
            looks = trail.looks if person is None else person.looks.setdefault(camera, LookSet())
            looks.add(unit[i])

    def _decide(self, camera: str, undecided: list[_Trail]) -> None:
        """Give tracks their people, or new ones, where that is clear by now."""
        people = list(self.people.values())
        cost = self._costs(camera, undecided, people)
        rows, columns, _ = match(cost, 1.0)
        partner = dict(zip(rows.tolist(), columns.tolist(), strict=True))
        for i, trail in enumerate(undecided):
            doubt = self.rule.doubt(trail.looks.came)
            if i in partner:
                if cost[i, partner[i]] <= 1 - doubt:
                    self._join(camera, trail, people[partner[i]])
            elif cost[i].min(initial=np.inf) > 1 + doubt or doubt == 0:
                self._join(camera, trail, self._add(class_id=trail.class_id))

    def _costs(self, camera: str, undecided: list[_Trail], people: list[Person]) -> FloatArray:
        """(U, P) how unlike tracks and people are, 1 being as much as is admitted; inf where they cannot be one."""
        cost = np.full((len(undecided), len(people)), np.inf)
        for i, trail in enumerate(undecided):
            mean = trail.looks.mean()
            for j, person in enumerate(people):
                if self._per_class and person.class_id not in (None, trail.class_id):
                    continue
                if self._places.allow(person, camera, trail.since):
                    cost[i, j] = min(
                        float(1 - mean @ looks.mean()) / self.rule.limit(other, camera)
                        for other, looks in person.looks.items()
                    )
        return cost

    def _join(self, camera: str, trail: _Trail, person: Person) -> None:
        trail.person = person
        person.looks.setdefault(camera, LookSet()).add_all(trail.looks)
        trail.looks = LookSet()
