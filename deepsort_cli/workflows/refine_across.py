"""`deepsort refine --across`: who is who in the finished tracks of several cameras."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepsort_cli.core.counted import counted
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.files import check_output_file
from deepsort_cli.core.looks import Looks, normalise
from deepsort_cli.core.track_tables import SUFFIXES, UNDECIDED, TrackTable, is_track_table, read_tracks, write_people
from deepsort_cli.core.types import IntArray
from deepsort_cli.settings.refine import RefineSettings
from deepsort_cli.tracking.evidence import matching
from deepsort_cli.tracking.people import Places
from deepsort_cli.tracking.people.clustering import Tracklet, cluster
from deepsort_cli.tracking.refinement import Gathering, KnownPerson, Refinement
from deepsort_cli.tracking.settings import CANONICAL_COSINE_DISTANCE, NOBODY_ALIKE

MOST = 20_000
"""Tracklets at once: a table of their distances takes 1.6 GB."""


@dataclass(frozen=True)
class _Camera:
    """One file of tracks: its name, when it began, its rows and its looks."""

    name: str
    start: float
    table: TrackTable
    looks: Looks

    def tracklets(self) -> tuple[list[int], list[Tracklet]]:
        """Ids of the tracks whose looks are known, and those tracks."""
        unit, usable = normalise(self.looks.features)
        of = np.where(usable, self.looks.table[:, 1], np.nan)
        kinds = self._kinds()
        ids, found = [], []
        for one in np.unique(self.table.ids).tolist():
            looks = unit[of == one]
            mean, sound = normalise(looks.mean(axis=0, keepdims=True)) if len(looks) else (looks, np.zeros(1, bool))
            if sound.all():
                times = self.start + self.table.times[self.table.ids == one]
                ids.append(one)
                found.append(Tracklet(self.name, times.min(), times.max(), mean[0], len(looks), kinds[one]))
        return ids, found

    def _kinds(self) -> dict[int, str]:
        """What each track was taken for in most of its rows, as detectors take one for another now and then."""
        votes: dict[int, Counter[str]] = {}
        for one, kind in zip(self.table.ids.tolist(), self.table.classes, strict=True):
            votes.setdefault(one, Counter())[kind] += 1
        return {one: min(counts, key=lambda kind: (-counts[kind], kind)) for one, counts in votes.items()}


def run_across(settings: RefineSettings, listener: Listener) -> Refinement:
    """Find out who is who in all files, and write copies that say so.

    Raises:
        InputError: something given cannot be used; nothing was written.
        RunError: a copy cannot be written.
    """
    _check(settings)
    cameras = _cameras(settings)
    outputs = _outputs(settings)
    names = [camera.name for camera in cameras]
    places = Places.of(settings.across, names).knowing({camera.name: camera.looks.place for camera in cameras})
    threshold = _threshold(cameras, settings.looks, listener)
    if threshold == 0 and settings.across.distance is None:
        raise InputError(NOBODY_ALIKE.format("across.enabled", "across.distance"))
    rule = settings.across.rule(threshold)
    listener.note(f"people differ where their looks in two cameras are further apart than {rule.across:g} on average")
    if len(cameras) > 1:
        listener.note(f"several files: {places.in_words(names)}")
    if len(cameras) > 1 and not settings.across.starts:
        listener.note("files are taken to begin at the same moment; `across.starts` says when each did")
    found = [camera.tracklets() for camera in cameras]
    tracklets = [one for _, some in found for one in some]
    if len(tracklets) > MOST:
        raise InputError(f"{len(tracklets):,} tracks at once; {MOST:,} can be compared. Give less time at once.")
    numbers = 1 + cluster(tracklets, rule, places)
    people = _of_rows(cameras, [ids for ids, _ in found], numbers)
    called = _names(cameras, people)
    for camera, output, own in zip(cameras, outputs, people, strict=True):
        write_people(camera.table, output, own, [called.get(one, "") for one in own.tolist()])
        listener.note(f"wrote {output}")
    total = sum(len(np.unique(camera.table.ids)) for camera in cameras)
    gathering = Gathering(
        undecided=total - len(tracklets),
        people=_people(cameras, people, called),
        outputs=[str(output) for output in outputs],
    )
    _tell(gathering, total, cameras, listener)
    rows = sum(len(camera.table) for camera in cameras)
    return Refinement(total, rows, 0, 0, rows, across=gathering)


def _check(settings: RefineSettings) -> None:
    """Refuse what does not go with people across files."""
    if settings.refinement.wanted:
        raise InputError(
            "`across.enabled` says who is who, and nothing else. Link, fill gaps or drop short tracks while tracking "
            "(`refinement.link` of deepsort track), whose tables then hold such tracks."
        )
    for path in settings.results:
        if path.suffix.lower() == ".npz":
            raise InputError(f"{path}: a file of looks among those of tracks. Give each with `looks` before it.")
        if not is_track_table(path):
            raise InputError(
                f"{path}: `across.enabled` takes {' or '.join(SUFFIXES)} of `output.save_jsonl` or `output.save_csv`, "
                "which have times and a place for `person`. MOTChallenge text has neither."
            )
    if len(settings.looks) != len(settings.results):
        raise InputError(
            f"`looks`: {counted(len(settings.looks), 'file')} for {counted(len(settings.results), 'file')} of tracks. "
            "What people looked like is all there is to go by: track with `output.save_looks`=looks.npz, and give one "
            "file for each, in the same order."
        )
    names = [path.name for path in settings.results]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{twice}: two of the files are called so, and so would be their copies. Rename one.")
    starts = settings.across.starts
    if starts and len(starts) != len(settings.results):
        raise InputError(
            f"`across.starts`: {counted(len(starts), 'moment')} for {counted(len(settings.results), 'file')}. Give one "
            "for each."
        )


def _outputs(settings: RefineSettings) -> list[Path]:
    """Where copies go, checked."""
    folder = settings.output
    if folder is None:
        raise InputError("`output` is missing. Name a folder for copies of the files, for example `output`=people.")
    if folder.is_file():
        raise InputError(f"`output` {folder}: a file. With `across.enabled` it is a folder for copies of all files.")
    outputs = [folder / path.name for path in settings.results]
    for output in outputs:
        looks = [("looks", path) for path in settings.looks]
        check_output_file(output, overwrite=settings.overwrite, key="output", inputs=looks)
    return outputs


def _cameras(settings: RefineSettings) -> list[_Camera]:
    cameras: list[_Camera] = []
    starts = settings.across.starts or (0.0,) * len(settings.results)
    for path, looks_path, start in zip(settings.results, settings.looks, starts, strict=True):
        table = read_tracks(path)
        looks = Looks.load(looks_path, key="looks")
        matching(looks_path, looks, table.boxes(table.ids))
        if cameras and looks.features.shape[1] != cameras[0].looks.features.shape[1]:
            sizes = f"{cameras[0].looks.features.shape[1]} and {looks.features.shape[1]} numbers"
            raise InputError(
                f"`looks` {looks_path}: features have {sizes} in different files, so they are of different models. "
                "Track all with the same."
            )
        cameras.append(_Camera(path.stem, start, table, looks))
    return cameras


def _threshold(cameras: Sequence[_Camera], paths: Sequence[Path], listener: Listener) -> float:
    """The appearance threshold of the looks; the mean where it was measured for each file."""
    known = {camera.looks.max_cosine_distance for camera in cameras} - {None}
    if not known:
        listener.warn(f"{paths[0]} has no threshold; the paper's {CANONICAL_COSINE_DISTANCE:g} is taken")
        return CANONICAL_COSINE_DISTANCE
    values = [value for value in known if value is not None]
    if len(values) > 1:
        listener.warn(
            f"files were tracked with thresholds of {min(values):g} to {max(values):g}; their mean is taken. Were the "
            "looks made by one model?"
        )
    return float(np.mean(sorted(values)))


def _of_rows(cameras: Sequence[_Camera], ids: Sequence[Sequence[int]], numbers: IntArray) -> list[IntArray]:
    """The person of each row of each file, −1 where undecided."""
    people, begin = [], 0
    for camera, own in zip(cameras, ids, strict=True):
        number = dict(zip(own, numbers[begin : begin + len(own)].tolist(), strict=True))
        people.append(np.array([number.get(one, UNDECIDED) for one in camera.table.ids.tolist()], np.int64))
        begin += len(own)
    return people


def _names(cameras: Sequence[_Camera], people: Sequence[IntArray]) -> dict[int, str]:
    """What a person was called in most rows, of those that had a name."""
    votes: dict[int, Counter[str]] = {}
    for camera, own in zip(cameras, people, strict=True):
        for one, name in zip(own.tolist(), camera.table.names, strict=True):
            if name and one != UNDECIDED:
                votes.setdefault(one, Counter())[name] += 1
    return {one: min(counts, key=lambda name: (-counts[name], name)) for one, counts in votes.items()}


def _people(cameras: Sequence[_Camera], people: Sequence[IntArray], names: dict[int, str]) -> list[KnownPerson]:
    found: dict[int, KnownPerson] = {}
    for camera, own in zip(cameras, people, strict=True):
        for one in np.unique(own[own != UNDECIDED]).tolist():
            times = camera.start + camera.table.times[own == one]
            person = found.setdefault(one, KnownPerson(one, names.get(one, ""), times.min(), times.max(), {}))
            person.first, person.last = min(person.first, times.min()), max(person.last, times.max())
            person.tracks[camera.name] = np.unique(camera.table.ids[own == one]).tolist()
    return [found[one] for one in sorted(found)]


def _tell(gathering: Gathering, total: int, cameras: Sequence[_Camera], listener: Listener) -> None:
    people = gathering.people
    several = sum(len(person.tracks) > 1 for person in people)
    listener.note(
        f"{counted(total, 'track')} of {counted(len(cameras), 'file')}: {counted(len(people), 'person', 'people')}, "
        f"{several} of them in more than one"
    )
    if gathering.undecided:
        listener.warn(f"{counted(gathering.undecided, 'track')} without any look: who that is stays unknown.")
    if any(camera.table.people is not None for camera in cameras):
        listener.note("people that the files told before are replaced")
