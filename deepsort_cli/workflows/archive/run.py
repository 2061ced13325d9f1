"""An archive from its sources to its index."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from deepsort_cli.core.counted import counted
from deepsort_cli.core.cpus import available_cpus
from deepsort_cli.core.errors import DeepsortError, InputError
from deepsort_cli.core.events import Listener, LoggingListener
from deepsort_cli.core.files import KEPT, at_home, held
from deepsort_cli.settings.keywords import from_keywords, with_sources
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.workflows.archive.cluster import check_cluster, workers_on_cluster
from deepsort_cli.workflows.archive.events import Planned, Result, State, Working
from deepsort_cli.workflows.archive.fingerprints import models_of
from deepsort_cli.workflows.archive.index import write_index
from deepsort_cli.workflows.archive.outlook import Outlook
from deepsort_cli.workflows.archive.plan import Item, check_index, check_settings, plan
from deepsort_cli.workflows.archive.records import Folder
from deepsort_cli.workflows.archive.videos import find_videos
from deepsort_cli.workflows.archive.work import Job, Outcome, Tracking, settings_for
from deepsort_cli.workflows.track.parts import Functions, open_parts
from deepsort_cli.workflows.track.run import run_track
from deepsort_cli.workflows.track.sources import open_one
from deepsort_cli.workflows.workers import SHARING_A_DEVICE, Done, Processes, Workers

REHEARSALS = 3
"""Videos that settings are tried on before all are given out."""
UNLOCKED = "this file system knows no locks: make sure that no other run works on `archive.output_dir` {} meanwhile"


@dataclass(frozen=True)
class Archive:
    """What came of an archive.

    Attributes:
        folder: of its results.
        results: of every video, in the order of the sources.
        index: `index.html` and `index.csv`; empty after a dry run.
    """

    folder: Path
    results: list[Result]
    index: list[Path] = field(default_factory=list)

    @property
    def failed(self) -> list[Result]:
        """Those whose video could not be tracked."""
        return [result for result in self.results if result.state == "failed"]

    def failure(self) -> str | None:
        """What failed, in words; None where nothing did."""
        failed = self.failed
        if not failed:
            return None
        lines = [f"{result.place}: {result.reason}" for result in failed[:10]]
        more = [f"… and {len(failed) - 10} more, in {self.folder / 'index.html'}"] if len(failed) > 10 else []
        start = f"{len(failed)} of {counted(len(self.results), 'video')} failed; the next run tries again."
        return "\n".join([start, *lines, *more])


def track_archive(*sources: Any, listener: Listener | None = None, **keywords: Any) -> Archive:
    """Track many videos at once, each with a folder of results: `deepsort track … --output-dir DIR`.

        archive = deepsort.track_archive("videos", output_dir="results", save_txt="tracks.txt", preset="strong")
        for result in archive.results:
            print(result.place, result.state, result.people)

    What is done already is skipped, so that a run that was stopped or killed goes on where it was. Videos are tracked
    by other processes, which know nothing of the calling script.

    Args:
        sources: videos, folders and globs of videos, text files that list videos, MOTChallenge sequences, folders of
            pictures; or one list of them.
        listener: is told what happens: `Planned`, `Working` and `Result`, notes and warnings. None: those go to the
            logger `deepsort`.
        keywords: the flags of `deepsort track` with underscores, `output_dir` among them. Outputs name the file in each
            video's folder.

    Returns:
        what came of every video. Those that failed are in `failed`, with the reason.

    Raises:
        InputError: something asked for cannot be used; nothing was tracked.
        RunError: no process can do the work, or the results cannot be written.
    """
    odd = next((word for word in ("detector", "reid") if callable(keywords.get(word))), None)
    if odd is not None:
        raise InputError(f"`{odd}`: a function stays in its process, and an archive has several. Name a model.")
    settings = from_keywords(TrackSettings, with_sources(sources, keywords))
    return run_archive(settings, listener or LoggingListener())


def run_archive(settings: TrackSettings, listener: Listener) -> Archive:
    """Track what is not done yet, and write the index.

    Args:
        settings: of the archive and of everything else.
        listener: is told `Planned`, `Working` and `Result`, notes, warnings, and how far the comparison with results
            that are there is.

    Raises:
        InputError: something asked for cannot be used; nothing was tracked.
        RunError: no process can do the work, or the results cannot be written.
        KeyboardInterrupt: after what was under way is closed and removed, and the index written.
    """
    check_settings(settings)
    if settings.archive.output_dir is None:
        raise InputError("no folder for results is given: `archive.output_dir`=out")
    folder = Folder.at(at_home(settings.archive.output_dir))
    videos = find_videos(settings.source, folder.path, listener.note)
    models = models_of(settings)

    def decided() -> list[Item]:
        return plan(videos, settings, models, folder, lambda done, total: listener.progress("comparing", done, total))

    if settings.archive.dry_run:
        return Archive(folder.path, [_result(folder, item, "skipped" if item.done else "to do") for item in decided()])
    settings = check_cluster(settings, listener)
    check_index(folder, overwrite=settings.output.overwrite)
    with folder.prepared(), _alone(folder, listener):
        items = decided()
        to_do = [item for item in items if not item.done]
        workers = _rehearsed(settings, folder, to_do, listener) if to_do else 0
        return _Run(settings, folder, items, models, listener).finish(workers)


@contextlib.contextmanager
def _alone(folder: Folder, listener: Listener) -> Iterator[None]:
    """No other run works on the folder meanwhile; what those that were killed left in the making is removed.

    Raises:
        InputError: another run does.
    """
    lock = folder.hidden / "lock"
    with contextlib.ExitStack() as stack:
        try:
            locked = stack.enter_context(held(lock))
        except BlockingIOError:
            raise InputError(
                f"`archive.output_dir` {folder.path}: another run is at work on it. Wait for its end, or choose "
                "another folder."
            ) from None
        if not locked:
            listener.warn(UNLOCKED.format(folder.path))
        folder.begin()
        stack.callback(folder.clean)
        yield


class _Remarks(Listener):
    """Hands on remarks, which are the same for every video; warnings of one belong to it."""

    def __init__(self, listener: Listener) -> None:
        self.note = listener.note  # type: ignore[method-assign]


def _rehearsed(settings: TrackSettings, folder: Folder, items: Sequence[Item], listener: Listener) -> int:
    """Try the settings on a video or two without tracking them, and say how many workers there should be.

    A model that cannot be used, or an output that cannot be, is one error now and not one for every video.

    Raises:
        InputError: the settings suit none of the videos tried.
        RunError: a model cannot be fetched.
    """
    parts = open_parts(settings, Functions(), listener, cpus=1)
    error: InputError | None = None
    tried = 0
    for item in items[: 3 * REHEARSALS]:
        job = Job(item.number, item.video, folder.making(item.number))
        try:
            open_one(item.video.source, settings, parts, Listener()).close()
        except DeepsortError:
            continue  # the video's own fault, told when its turn comes
        try:
            run_track(settings_for(job, settings), _Remarks(listener), parts=parts).close()
            break
        except InputError as found:
            error, tried = error or InputError(str(found).replace(f"{job.folder}/", "")), tried + 1
        if tried == REHEARSALS:
            break
    if error is not None and (tried == REHEARSALS or tried == len(items)):
        raise error
    if settings.jobs or settings.archive.cluster:
        return settings.jobs or 0
    devices = {getattr(part, "device", "cpu") for part in (parts.detector, parts.embedder)}
    return available_cpus() if devices <= {"cpu"} else min(available_cpus(), SHARING_A_DEVICE)


class _Run:
    """One run over an archive."""

    def __init__(
        self, settings: TrackSettings, folder: Folder, items: Sequence[Item], models: dict[str, str], listener: Listener
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._items = items
        self._models = models
        self._listener = listener
        self._failures = {
            place: entry for place, entry in folder.failures().items() if os.path.lexists(entry.get("source", ""))
        }
        self._results: dict[int, Result] = {}
        self._warned: Counter[str] = Counter()

    def finish(self, workers: int) -> Archive:
        """Track all that is to do; the index is written whatever ends it."""
        to_do = [item for item in self._items if not item.done]
        for item in self._items:
            if item.done:
                self._failures.pop(item.video.place, None)
                self._results[item.number] = _result(self._folder, item, "skipped")
        self._outlook = Outlook({item.number: item.size for item in to_do}, self._settings.input.max_frames)
        workers = min(workers, len(to_do)) if workers else len(to_do)
        self._tell_replaced([item for item in to_do if item.replaces])
        self._listener.happened(Planned(len(to_do), len(self._items) - len(to_do), workers))
        try:
            try:
                for outcome in self._outcomes(to_do, workers):
                    self._take(outcome)
            finally:
                self._tell_warnings()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                done = sum(result.state == "done" for result in self._results.values())
                self._listener.note(
                    f"stopped: {done} of {counted(len(to_do), 'video')} tracked. The same command goes on from there."
                )
            if self._results or not isinstance(error, InputError):  # else nothing was begun, and nothing is left
                self._write_index()
            raise
        index = self._write_index()
        return Archive(self._folder.path, [self._results[item.number] for item in self._items], index)

    def _tell_replaced(self, items: Sequence[Item]) -> None:
        """Say that results of other videos go: their places are the same, as they are named from another folder."""
        if not items:
            return
        more = f", and so with {len(items) - 1} more" if len(items) > 1 else ""
        self._listener.warn(
            f"{items[0].video.place}: the results of {items[0].replaces} are replaced by those of "
            f"{items[0].video.source}{more}. To keep both, name both sources in one run, or use another "
            "`archive.output_dir`."
        )

    def _write_index(self) -> list[Path]:
        self._folder.write_failures(self._failures)
        return write_index(self._folder, self._failures)

    def _outcomes(self, to_do: Sequence[Item], workers: int) -> Iterator[Outcome]:
        """What comes of the videos, the largest first, so that no long one is begun when the others are done."""
        largest = sorted(to_do, key=lambda item: -item.size)
        jobs = [Job(item.number, item.video, self._folder.making(item.number)) for item in largest]
        if not jobs:
            return
        with self._workers(workers) as sharing:
            yield from map(_outcome, sharing.share(deque(jobs)))

    def _workers(self, count: int) -> Workers:
        """Those who track."""
        if self._settings.archive.cluster is not None:
            work, note = self._folder.work, self._listener.note
            return workers_on_cluster(self._settings, self._models, work, count, self._watch, note)
        cpus = max(1, available_cpus() // count)
        return Processes(Tracking(self._settings, self._models, cpus), count, self._watch)

    def _watch(self, worker: int, node: str, job: Job | None, frames: int, total: int | None) -> None:
        """Tell what a worker is at."""
        if job is None:
            self._listener.happened(Working(worker, node, left=self._outlook.left()))
            return
        self._outlook.at(job.number, frames, total)
        place = job.video.place
        self._listener.happened(Working(worker, node, place, frames, total, self._outlook.left()))

    def _take(self, outcome: Outcome) -> None:
        """Put results where they belong, or remember why there are none."""
        item = self._items[outcome.number]
        place, name = item.video.place, Path(item.video.source).stem
        self._outlook.ended(outcome.number)
        if outcome.record is not None:
            try:
                self._folder.publish(outcome.folder, place, outcome.record)
            except DeepsortError as error:
                outcome = Outcome(outcome.number, outcome.folder, error=str(error))
        if outcome.record is None:
            message = (outcome.error or "stopped").removeprefix(f"`source` {item.video.source}: ")
            message = message.removeprefix(f"{item.video.source}: ")
            message = message.replace(f" {KEPT}", "")  # not in an archive
            for folder in self._folder.work.glob(f"{outcome.number}-*"):  # of all attempts, also if a worker died
                shutil.rmtree(folder, ignore_errors=True)  # the others may need the room
            self._failures[place] = {"source": item.video.source, "message": message}
            result = replace(_result(self._folder, item, "failed"), reason=message)
        else:
            self._failures.pop(place, None)
            result = replace(_result(self._folder, item, "done"), record=outcome.record)
            for warning in outcome.warnings:
                self._warn(place, warning.removeprefix(f"{name}: "))
        self._results[outcome.number] = result
        self._listener.happened(result)

    def _warn(self, place: str, warning: str) -> None:
        """Hand a warning on; one that is the same for other videos, word by word, only the first time."""
        self._warned[warning] += 1
        if self._warned[warning] == 1:
            self._listener.warn(f"{place}: {warning}")

    def _tell_warnings(self) -> None:
        """Say how many videos a warning was for that was told of the first of them."""
        for warning, times in self._warned.items():
            if times > 1:
                self._listener.warn(f"{counted(times - 1, 'other video')}: {warning}")


def _outcome(done: Done) -> Outcome:
    """What came of a job, also where its workers died."""
    if done.lost:
        return Outcome(done.task.number, done.task.folder, error=done.lost)
    outcome: Outcome = done.result
    return outcome


def _result(folder: Folder, item: Item, state: State) -> Result:
    place = item.video.place
    return Result(item.video.source, place, folder.results(place), state, item.reason, item.record)
