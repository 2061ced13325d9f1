"""People kept between runs: read from their file at the start of a run, and written back as it goes on."""

from __future__ import annotations

import contextlib
import time

import numpy as np

from deepsort_cli.core.counted import counted
from deepsort_cli.core.durations import seconds_of
from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.files import check_output_file, look
from deepsort_cli.core.looks import ENROLLED
from deepsort_cli.core.people_file import MOST_LOOKS, MOST_PEOPLE, FeatureModel, People, Person, locked
from deepsort_cli.tracking.people import PeopleGallery
from deepsort_cli.tracking.people import Person as Known
from deepsort_cli.tracking.people import gallery as galleries
from deepsort_cli.tracking.people.person import LookSet
from deepsort_cli.tracking.settings import AcrossSettings
from deepsort_cli.workflows.track.portraits import Portraits

KEY = "across.people"
EVERY = 60.0
"""Seconds between two writings while a run goes on."""
SLOWER = 50
"""A writing that takes long is followed by so many times its length without one."""


class KeptPeople:
    """The file of people of a run.

    Attributes:
        path: the file.
        before: what it held at the start.
    """

    def __init__(self, settings: AcrossSettings, model: FeatureModel, listener: Listener, lock: contextlib.ExitStack):
        """Open it, whether there is one or not; nobody else can until `lock` is closed.

        Raises:
            InputError: it is no such file, in use by another run, or its features are of another model.
        """
        path = settings.people
        assert path is not None
        if path.suffix.lower() != ".npz":
            raise InputError(f"`{KEY}` {path}: the file is a NumPy archive; give it a name that ends in .npz.")
        self.path, self._model, self._listener = path, model, listener
        self._keep = None if settings.keep is None else seconds_of(settings.keep)
        check_output_file(path, overwrite=True, key=KEY)
        lock.enter_context(locked(path, key=KEY, warn=listener.warn))
        self.before = People(model)
        if look(path, key=KEY) is not None:
            self.before = self._read()
        self._times = {one.number: (one.first, one.last, one.tracks) for one in self.before.people}
        self._next_writing = time.monotonic() + EVERY
        self._told_full = self._told_room = self._fails = False
        self._written = {one.number for one in self.before.people}

    def _read(self) -> People:
        found = People.load(self.path, key=KEY)
        difference = found.model.difference(self._model) if len(found) else None
        if difference is not None:
            raise InputError(
                f"`{KEY}` {self.path}: its people were seen with {found.model}, this run has {self._model} "
                f"({difference}), and looks of the two cannot be compared. Name that model with `reid.model_path`, or "
                "begin another file."
            )
        sizes = {one.features.shape[1] for one in found.people if len(one.features)}
        if len(sizes) > 1:
            raise InputError(f"`{KEY}` {self.path}: damaged: its features differ in length. Begin another file.")
        gone = [one.number for one in found.people if self._is_past(one.last, one.name)]
        if gone:
            self._listener.note(
                f"{counted(len(gone), 'person', 'people')} of {self.path} forgotten, seen by no run for so long "
                "(`across.keep`)"
            )
        return found.without(gone)

    def _is_past(self, last: float, name: str) -> bool:
        """Whether a person is to be forgotten; one known by name and never seen may still come."""
        return self._keep is not None and last < time.time() - self._keep and not (name and not last)

    def restore(self, gallery: PeopleGallery, portraits: Portraits) -> None:
        """Let the gallery know everybody of the file."""
        for one in self.before.people:
            looks: dict[str, LookSet] = {}
            for camera, feature in zip(one.cameras, one.features, strict=True):
                looks.setdefault(camera, LookSet()).add(feature)
            gallery.restore(Known(one.number, one.name, looks=looks, before=one.last))
            portraits.put(one.number, one.picture, stays=one.enrolled > 0)
        gallery.begin_at(self.before.next_number)
        if len(self.before):
            names = sum(bool(one.name) for one in self.before.people)
            self._listener.note(
                f"{counted(len(self.before), 'person', 'people')} known from {self.path}, {names:,} by name"
            )

    def saw(self, people: list[int]) -> None:
        """Somebody is in a frame now."""
        now = time.time()
        for number in people:
            first, _, tracks = self._times.get(number, (now, now, 0))
            self._times[number] = first or now, now, tracks

    def joined(self, number: int) -> None:
        """A track became this person."""
        now = time.time()
        first, last, tracks = self._times.get(number, (now, now, 0))
        self._times[number] = first, last, tracks + 1

    def write_if_due(self, gallery: PeopleGallery, portraits: Portraits) -> None:
        """Write the file where the last time is some time ago. A disk that is full for a while ends no run for it."""
        began = time.monotonic()
        if began < self._next_writing:
            return
        try:
            self.write(gallery, portraits)
            self._fails = False
        except RunError as error:
            if not self._fails:
                self._listener.warn(f"{error} The run goes on with the file as it was, and tries again.")
            self._fails = True
        took = time.monotonic() - began
        self._next_writing = began + max(EVERY, SLOWER * took)

    def write(self, gallery: PeopleGallery, portraits: Portraits) -> None:
        """Write everybody whom the gallery knows.

        Raises:
            RunError: the file cannot be written; what was there before still is.
        """
        self._tell_room(gallery)
        people = [self._person(one, portraits) for one in sorted(gallery.people.values(), key=lambda one: one.number)]
        people = [one for one in people if len(one.features) and not self._is_past(one.last, one.name)]
        people = self._fitting(people)
        People(self._model, tuple(people), gallery.next_number, time.time()).save(self.path)
        self._written = {one.number for one in people}

    def _tell_room(self, gallery: PeopleGallery) -> None:
        """Say once that people of the file are in it no more, as a run has no room for all of them."""
        gone = len(self._written - gallery.people.keys())
        if gone and not self._told_room:
            self._told_room = True
            self._listener.warn(
                f"`{KEY}` {self.path}: {counted(gone, 'person is', 'people are')} forgotten, and more will be: a run "
                f"knows {galleries.MOST_PEOPLE:,} people without a name, and lets go of who was not seen for longest. "
                "`deepsort people rename` gives names to those to keep; `across.keep`=7d forgets the others in time."
            )

    def _person(self, known: Known, portraits: Portraits) -> Person:
        first, last, tracks = self._times.get(known.number, (0.0, 0.0, 0))
        sets = {camera: looks.features() for camera, looks in known.looks.items() if len(looks)}
        return Person(
            known.number,
            known.name,
            first,
            last,
            tracks,
            np.concatenate(list(sets.values())) if sets else np.empty((0, 0), np.float32),
            tuple(camera for camera, features in sets.items() for _ in features),
            portraits.of_person(known.number),
        )

    def _fitting(self, people: list[Person]) -> list[Person]:
        """As many people as a file may hold: those with a name, and who was seen last."""
        kept: list[Person] = []
        looks = 0
        for one in sorted(people, key=lambda one: (not one.name, -one.last)):
            looks += len(one.features)
            if len(kept) < MOST_PEOPLE and looks <= MOST_LOOKS:
                kept.append(one)
        if len(kept) < len(people) and not self._told_full:
            self._told_full = True
            self._listener.warn(
                f"`{KEY}` {self.path}: full. Who was not seen for longest is left out; `across.keep`=7d would forget "
                "them in time."
            )
        return sorted(kept, key=lambda one: one.number)


def enrolled_looks(people: People) -> dict[str, np.ndarray]:
    """(n, D) looks of enrolled pictures, of everybody who has some and a name."""
    found = {}
    for one in people.people:
        rows = [place for place, camera in enumerate(one.cameras) if camera == ENROLLED]
        if one.name and rows:
            found[one.name] = one.features[rows]
    return found
