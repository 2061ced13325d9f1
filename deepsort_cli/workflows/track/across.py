"""Which person every track of a run is: the gallery of people, and the clock that all its sources share."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

from deepsort_cli.core import Frame, InputError, Tracks
from deepsort_cli.core.counted import counted
from deepsort_cli.core.events import Listener
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.tracking.people import PeopleGallery, Places
from deepsort_cli.video.sources import Source
from deepsort_cli.workflows.track.parts import Parts
from deepsort_cli.workflows.track.register import Register

MIXED = (
    "`{}`: {} is recorded and {} is live, so that nothing says what happened at the same time. Give either "
    "recordings or cameras and streams."
)


class Across:
    """People known across the sources of a run.

    Recordings are taken to begin at the same moment, unless `across.starts` says when each did; cameras and streams
    go by the clock on the wall, when their frames came.

    Attributes:
        in_order: frames have to come in the order of their moments, as those of recordings can.
        gallery: everybody seen until now.
        register: who is known by name, and what is kept of people.
    """

    def __init__(
        self,
        settings: TrackSettings,
        sources: Sequence[Source],
        names: Sequence[str],
        parts: Parts,
        listener: Listener,
        opened: contextlib.ExitStack,
    ) -> None:
        """Begin with those who are known.

        Args:
            sources, names: of the run, in the order in which they were given.
            parts: of the run.
            listener: is told who is known.
            opened: is closed at the end of the run.

        Raises:
            InputError: recordings and cameras together, settings that do not fit the sources, or known people that
                cannot be used.
        """
        self._settings = settings.across
        self.in_order = not _all_live(sources, names, settings.across.asked_by)
        self._starts = _starts(settings.across.starts, names, recorded=self.in_order)
        self._place = {name: position for position, name in enumerate(names)}
        self._wall = time.time() - time.monotonic()
        places = _places(settings, sources, names)
        _tell(settings, sources, names, places, listener)
        rule = settings.across.rule(parts.tracker.appearance_threshold)
        self.gallery = PeopleGallery(rule, places)
        self.register = Register(settings, parts, self.gallery, listener, by_clock=not self.in_order)
        self.register.open(opened)

    def moment(self, frame: Frame) -> float:
        """When a frame was taken: seconds after the first recording began, or since the epoch."""
        if frame.arrived is not None:
            return self._wall + frame.arrived
        return self._starts[frame.source] + frame.time

    def order(self, frame: Frame) -> tuple[float, ...]:
        """What is less of frames that come first."""
        return self.moment(frame), self._place[frame.source]

    def admits(self) -> float:
        """How far a picture of somebody, from who knows which camera, may be from their looks."""
        known = self.register.limit
        return self.gallery.limit if known is None else known

    def __call__(self, frame: Frame, tracks: Tracks, threshold: float) -> Tracks:
        """The tracks of the next frame, with their people; `threshold` is the appearance threshold now."""
        self.register.check(tracks)
        rule = self._settings.rule(threshold)
        limit = self.register.limit
        self.gallery.rule = rule if limit is None else rule._replace(enrolled=limit)
        tracks = self.gallery.see(frame.source, self.moment(frame), tracks)
        self.register.saw(frame, tracks)
        return tracks


def _places(settings: TrackSettings, sources: Sequence[Source], names: Sequence[str]) -> Places:
    """How the sources lie to each other: as the settings say, and as sources know themselves."""
    known = {name: source.place for name, source in zip(names, sources, strict=True)}
    return Places.of(settings.across, names).knowing(known)


def _tell(
    settings: TrackSettings, sources: Sequence[Source], names: Sequence[str], places: Places, listener: Listener
) -> None:
    """What is taken for granted about several sources."""
    if len(names) == 1:
        return
    listener.note(f"people keep one number in all {len(names)} sources; {places.in_words(names)}")
    if not sources[0].is_live:
        began = "as `across.starts` says" if settings.across.starts else "as if all began at once (`across.starts`)"
        unheard = "" if settings.jobs is None else "; `jobs` changes nothing"
        listener.note(f"{len(names)} recordings are tracked together, in the order of their times, {began}{unheard}")
    if settings.refinement.link:
        listener.note("`refinement.link`: linked tracks have new ids, but the people that they had while tracking")


def _all_live(sources: Sequence[Source], names: Sequence[str], key: str) -> bool:
    """Whether all sources are live; some must not be."""
    live = [name for source, name in zip(sources, names, strict=True) if source.is_live]
    if live and len(live) < len(names):
        recorded = next(name for name in names if name not in live)
        raise InputError(MIXED.format(key, recorded, live[0]))
    return bool(live)


def _starts(starts: Sequence[float], names: Sequence[str], *, recorded: bool) -> dict[str, float]:
    """When each source began."""
    if not starts:
        return dict.fromkeys(names, 0.0)
    if not recorded:
        raise InputError("`across.starts`: cameras and streams go by the clock on the wall. Leave it out.")
    if len(starts) != len(names):
        given = counted(len(starts), "moment")
        raise InputError(f"`across.starts`: {given} for {counted(len(names), 'source')}. Give one for each.")
    return dict(zip(names, starts, strict=True))
