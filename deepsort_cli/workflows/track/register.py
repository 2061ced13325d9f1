"""The register of a run: who is known by name, who is kept for the next run, and what was decided about whom."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from pathlib import Path

import numpy as np

from deepsort_cli.core import Frame, InputError, Tracks
from deepsort_cli.core.events import Listener
from deepsort_cli.core.files import behind_link, check_output_file, remove_abandoned
from deepsort_cli.core.looks import ENROLLED
from deepsort_cli.core.streams import close_all
from deepsort_cli.data.known import described
from deepsort_cli.evaluation.enrolment import Enrolment, calibrate
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.tracking.people import Decision, PeopleGallery
from deepsort_cli.tracking.people.person import MOST_LOOKS
from deepsort_cli.video.outputs import asked_for
from deepsort_cli.workflows.track.enrol import Enrolled, appearance_of, enrol, expected, feature_model, summary
from deepsort_cli.workflows.track.kept import KeptPeople, enrolled_looks
from deepsort_cli.workflows.track.parts import Parts
from deepsort_cli.workflows.track.people_page import Page, write_page
from deepsort_cli.workflows.track.portraits import Portraits

PAGE = "output.save_people"
MOST_DECISIONS = 1_000
"""Decisions that the page shows: the last ones."""


class Register:
    """What a run knows and keeps of people beside the gallery that tells them apart.

    Attributes:
        limit: the largest distance at which a track is somebody of enrolled pictures; None: that of the gallery's rule.
    """

    def __init__(
        self, settings: TrackSettings, parts: Parts, gallery: PeopleGallery, listener: Listener, *, by_clock: bool
    ) -> None:
        """Begin without anybody; `open` reads what there is.

        Args:
            by_clock: moments are seconds since the epoch, not of a recording.
        """
        self._settings, self._parts, self._gallery, self._listener = settings, parts, gallery, listener
        self._by_clock = by_clock
        self._page = settings.output.save_people
        self._kept: KeptPeople | None = None
        self._portraits = Portraits()
        self._decisions: deque[Decision] = deque(maxlen=MOST_DECISIONS)
        self._decided = 0
        self._checked = False
        self._found: Enrolment | None = None
        self._began = time.time()
        self.limit: float | None = settings.across.known_distance

    def open(self, opened: contextlib.ExitStack) -> None:
        """Read the file of people and the folder of known ones, and see that all that is to be written can be.

        Args:
            opened: closed at the end of the run; until then nobody else can use the file.

        Raises:
            InputError: something cannot be used.
        """
        across = self._settings.across
        self._check_page()
        if across.people is not None:
            model = feature_model(self._parts, key="across.people")
            self._kept = KeptPeople(across, model, self._listener, opened)
            self._kept.restore(self._gallery, self._portraits)
        earlier = {} if self._kept is None else enrolled_looks(self._kept.before)
        if across.known is not None:
            self._enrol(across.known, earlier)
        elif earlier:
            names = tuple(earlier)
            self._found = calibrate(names, [earlier[name] for name in names], self._usual)
            self._listener.note(f"{summary(self._found)} {expected(self._found)}")
        if self._found is not None and self.limit is None:
            self.limit = self._found.threshold
        if self._page is not None or self._kept is not None:
            self._gallery.decided = self._took

    @property
    def _usual(self) -> float:
        return self._parts.tracker.appearance_threshold

    def _check_page(self) -> None:
        """Refuse a page that cannot be written, or that says nothing."""
        path, output = self._page, self._settings.output
        if path is None:
            return
        if path.suffix.lower() not in (".html", ".htm"):
            raise InputError(f"`{PAGE}` {path}: the file is a page; give it a name that ends in .html.")
        for other in asked_for(output):
            if other.key != PAGE and Path(getattr(output, other.field)).resolve() == path.resolve():
                raise InputError(f"`{PAGE}` {path}: `{other.key}` writes the same file.")
        check_output_file(path, overwrite=output.overwrite, key=PAGE)
        for left in remove_abandoned(behind_link(path)):
            self._listener.note(f"removed {left}, left behind by a run that was killed")

    def _enrol(self, root: Path, earlier: dict[str, np.ndarray]) -> None:
        """Let the gallery know the people of a folder; who is in the file as well has the folder's pictures now."""
        appearance = appearance_of(self._parts, self._settings.reid, self._settings.runtime, key="across.known")
        known: Enrolled = enrol(root, appearance.embed, self._usual, self._listener, also=earlier)
        people = {person.name: person for person in self._gallery.people.values() if person.name}
        for name, features, picture in zip(known.names, known.features, known.portraits, strict=True):
            if name in people:
                people[name].looks.pop(ENROLLED, None)
            spread = np.unique(np.linspace(0, len(features) - 1, min(len(features), MOST_LOOKS)).round().astype(int))
            person = self._gallery.enrol(name, features[spread])
            self._portraits.put(person.number, picture, stays=True)
        self._found = known.found
        others = sorted(set(earlier) - set(known.names))
        if others and self._kept is not None:
            self._listener.note(
                f"{described(others)} known from {self._kept.path} alone, as no folder of that name is in {root} any "
                f"more. To forget somebody: deepsort people forget {self._kept.path} NAME"
            )

    def _took(self, decision: Decision) -> None:
        self._decisions.append(decision)
        self._decided += 1
        if self._kept is not None:
            self._kept.joined(decision.person)

    def check(self, tracks: Tracks) -> None:
        """Refuse features that cannot be compared with those that are known: a function may give any.

        Raises:
            InputError: they have another length.
        """
        if self._checked or tracks.features is None or not len(tracks):
            return
        self._checked = True
        here = tracks.features.shape[1]
        for person in self._gallery.people.values():
            for looks in person.looks.values():
                size = looks.features().shape[1]
                if size != here:
                    raise InputError(
                        f"the features of this run have {here} numbers, those of known people {size}, so that they "
                        "cannot be compared. Use the model that those were made with, or begin another file of people."
                    )

    def saw(self, frame: Frame, tracks: Tracks) -> None:
        """Take the next frame of a source, with its tracks and their people."""
        if self._page is None and self._kept is None:
            return
        self._portraits.see(frame, tracks)
        if self._kept is not None and tracks.people is not None:
            self._kept.saw(tracks.people[tracks.people > 0].tolist())
            self._kept.write_if_due(self._gallery, self._portraits)

    def finish(self) -> None:
        """Write the file of people and the page.

        Raises:
            RunError: one of them cannot be written, or both; the other is.
        """
        page, kept = self._page, self._kept
        writes = [] if page is None else [lambda: self._write_page(page)]
        if kept is not None:
            writes.append(lambda: kept.write(self._gallery, self._portraits))
        close_all(writes)

    def _write_page(self, path: Path) -> None:
        names = {person.number: person.name for person in self._gallery.people.values()}
        names |= {decision.person: decision.name for decision in self._decisions if decision.name}
        page = Page(
            decisions=tuple(self._decisions),
            decided=self._decided,
            names=names,
            found=self._found,
            limit=self.limit,
            known=str(self._settings.across.known or self._settings.across.people or ""),
            by_clock=self._by_clock,
            began=self._began,
        )
        write_page(path, page, self._portraits)
        self._listener.note(f"wrote {path}")
