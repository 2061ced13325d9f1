"""One video of an archive from its source to finished files in a folder: what every worker does, wherever it runs."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2

import deepsort_cli
from deepsort_cli.core.errors import DeepsortError, InputError
from deepsort_cli.core.events import Listener
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.video.outputs import asked_for
from deepsort_cli.video.settings import ArchiveSettings
from deepsort_cli.workflows.archive.fingerprints import content, footprint, settings_that_matter
from deepsort_cli.workflows.archive.overview import Overview
from deepsort_cli.workflows.archive.records import THUMBNAIL, Record
from deepsort_cli.workflows.archive.videos import Video
from deepsort_cli.workflows.track.events import Progress, Summary
from deepsort_cli.workflows.track.parts import Functions, Parts, open_parts
from deepsort_cli.workflows.track.run import run_track
from deepsort_cli.workflows.workers import Do, Tell

EVERY = 0.25
"""Seconds between two words about how far a video is."""


@dataclass(frozen=True)
class Job:
    """A video to be tracked.

    Attributes:
        number: of the video in this run.
        video: what to track.
        folder: where its files are made; created by the worker. Another one for every attempt: what one that was
            killed has left must not get among the results.
    """

    number: int
    video: Video
    folder: Path

    def attempt(self, word: str) -> Job:
        """The same job with a folder of its own for this attempt."""
        return replace(self, folder=self.folder.with_name(f"{self.number}-{word}"))


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Attributes:
        number: of the job.
        folder: where its files were made.
        record: what is to be known about the results; None where there are none.
        error: why there are none; None also for a job that was stopped.
        warnings: what speaks against the results.
    """

    number: int
    folder: Path
    record: Record | None = None
    error: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tracking:
    """How a worker for the jobs of an archive is made.

    Attributes:
        settings: of the archive.
        models: what records say about them.
        cpus: how many frames the worker perceives at once.
    """

    settings: TrackSettings
    models: dict[str, str]
    cpus: int

    def open(self) -> Do:
        """Open the models.

        Raises:
            InputError: a model cannot be used.
            RunError: a model cannot be fetched.
        """
        worker = Worker(self.settings, self.cpus)

        def track(job: Job, tell: Tell, stopped: Callable[[], bool]) -> Outcome:
            return worker(job.attempt(secrets.token_hex(4)), self.models, tell, stopped)

        return track


@dataclass
class _Collected(Listener):
    """Keeps warnings for the record; remarks are the same for all videos and told before the first."""

    warnings: list[str] = field(default_factory=list)
    last: Progress | None = None

    def warn(self, message: str) -> None:
        self.warnings.append(message)

    def happened(self, event: object) -> None:
        if isinstance(event, Progress):
            self.last = event


class _PassedOn(Listener):
    """Hands what models say on to who hears of the video; nobody does while they are opened, as that was told."""

    to: Listener = Listener()

    def warn(self, message: str) -> None:
        self.to.warn(message)


class Worker:
    """Tracks one video after the other with the same models, opened once.

    Raises:
        InputError: a model cannot be used.
        RunError: a model cannot be fetched.
    """

    def __init__(self, settings: TrackSettings, cpus: int) -> None:
        """Open the models.

        Args:
            settings: of the archive.
            cpus: how many frames may be perceived at once.
        """
        cv2.setNumThreads(1)  # other videos use the other cores
        self._settings = settings
        self._models: dict[str, str] = {}
        self._heard = _PassedOn()
        self._parts: Parts = open_parts(settings, Functions(), self._heard, cpus=cpus)

    def __call__(self, job: Job, models: dict[str, str], tell: Tell, stopped: Callable[[], bool]) -> Outcome:
        """Track a video; whatever goes wrong with it is told in the outcome.

        Args:
            models: what the record says about them.
            tell: hears now and then how far it is.
            stopped: asked after every frame; true ends the work without a result.
        """
        self._heard.to = heard = _Collected()
        self._parts.tell_anew()
        try:
            record = self._track(job, heard, tell, stopped)
        except DeepsortError as error:
            return Outcome(
                job.number, job.folder, error=_without(job.folder, str(error)), warnings=tuple(heard.warnings)
            )
        except Exception as error:  # one video must not end the archive, whatever is wrong with it
            reason = f"{type(error).__name__}: {error}"
            return Outcome(job.number, job.folder, error=_without(job.folder, reason), warnings=tuple(heard.warnings))
        if record is None:
            return Outcome(job.number, job.folder)
        return Outcome(job.number, job.folder, record | {"models": models}, warnings=tuple(heard.warnings))

    def _track(self, job: Job, heard: _Collected, tell: Tell, stopped: Callable[[], bool]) -> Record | None:
        video, overview = job.video, Overview()
        try:
            before = footprint(video)
        except OSError as error:
            raise InputError(f"{video.source}: cannot be read ({error.strerror or error}).") from None
        job.folder.mkdir(parents=True, exist_ok=True)
        run = run_track(settings_for(job, self._settings), heard, parts=self._parts)
        begin = last = time.monotonic()
        with run:
            for frame, tracks in run:
                overview.add(frame, tracks)
                if stopped():
                    return None
                if (now := time.monotonic()) - last >= EVERY and heard.last is not None:
                    last = now
                    tell(heard.last.frames, heard.last.total)
        seen = content(video)
        if footprint(video) != before:
            raise InputError(f"{video.source}: changed while it was tracked. The next run tracks it again.")
        overview.write_thumbnail(job.folder / THUMBNAIL)
        facts = _facts(run.summary, overview, job.folder)
        return {
            "deepsort": deepsort_cli.__version__,
            **facts,
            "source": video.source,
            "place": video.place,
            "warnings": [_without(job.folder, warning) for warning in heard.warnings],
            "seconds": round(time.monotonic() - begin, 3),
            "fingerprint": {**before.as_json(), "content": seen},
            "settings": settings_that_matter(self._settings, video.kind),
        }


def settings_for(job: Job, settings: TrackSettings) -> TrackSettings:
    """The settings of an ordinary run over one video of an archive."""
    outputs = {
        output.field: job.folder / getattr(settings.output, output.field) for output in asked_for(settings.output)
    }
    return settings.model_copy(
        update={
            "source": (job.video.source,),
            "output": settings.output.model_copy(update=outputs),
            "archive": ArchiveSettings(),
        }
    )


def _facts(summary: Summary, overview: Overview, folder: Path) -> dict[str, Any]:
    """What is worth knowing about a video."""
    counts = {} if summary.counts is None else {"counts": summary.counts.as_json()}
    ids = summary.tracks if summary.refined is None else summary.refined  # as the tables have them
    return {
        "kind": summary.kind,
        "frames": summary.frames,
        "people": ids if summary.people is None else summary.people,
        "most": overview.most,
        "rows": summary.rows,
        "duration": round(overview.duration, 3),
        "width": overview.width,
        "height": overview.height,
        "timeline": overview.timeline(),
        "detector": summary.detector,
        "embedder": summary.embedder,
        **counts,
        "outputs": [path.relative_to(folder).as_posix() for path in summary.outputs],
    }


def _without(folder: Path, message: str) -> str:
    """A message that names the results' files, without the hidden folder they are made in."""
    return message.replace(f"{folder}/", "")
