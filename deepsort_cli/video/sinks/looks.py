"""What tracks looked like, kept for linking them later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from deepsort_cli.core.boxes import xyxy_to_tlwh
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.looks import LookRecord, Looks
from deepsort_cli.core.regions import Counts
from deepsort_cli.core.types import Frame, Tracks
from deepsort_cli.video.sinks.base import Job, Output, Say, Sink, write_error


class LooksSink(Sink):
    """A NumPy archive of looks, `core.looks.Looks`, written when it is closed; nothing where no look was known."""

    def __init__(
        self,
        path: Path,
        *,
        fps: float,
        threshold: Callable[[], float | None] = lambda: None,
        place: str | None = None,
        warn: Say = lambda message: None,
    ) -> None:
        """Prepare.

        Args:
            fps: frames per second of the source, where the frames' times do not tell.
            threshold: gives the appearance threshold of the features.
            place: what the source looks at, where that is known.
            warn: is told where there was nothing to write.
        """
        self._path = path
        self._fps = fps
        self._threshold = threshold
        self._place = place
        self._warn = warn
        self._record: LookRecord | None = LookRecord()
        self._people: dict[int, int] = {}
        """By id, as last known."""
        self._first: Frame | None = None
        self._last: Frame | None = None

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        frame = replace(frame, image=None)
        self._first, self._last = self._first or frame, frame
        if tracks.features is None or self._record is None:
            return
        number = np.full(len(tracks), frame.index + 1)
        scores = np.nan_to_num(tracks.scores, nan=-1.0)
        about = np.column_stack([number, tracks.ids, xyxy_to_tlwh(tracks.boxes), scores])
        if tracks.people is not None:
            for track, person in zip(tracks.ids.tolist(), tracks.people.tolist(), strict=True):
                if person > 0 or track not in self._people:  # who is somebody stays so, also beside another of them
                    self._people[track] = person
        self._record.add(tracks.ids, about, tracks.features)

    def close(self) -> None:
        record, self._record = self._record, None
        if record is None or self._first is None or self._last is None:
            return
        if not len(record):
            self._warn(f"{self._path} was not written: of no track is known what it looked like.")
            return
        span = self._last.time - self._first.time
        fps = (self._last.index - self._first.index) / span if span > 0 else self._fps
        try:
            table, features = record.table()
            person = np.array([self._people[int(i)] for i in table[:, 1]], np.int64) if self._people else None
            Looks(table, features, self._threshold(), fps, person, self._place).save(self._path)
        except OSError as error:
            raise write_error(self._path, error, whole=True) from None


def _check(job: Job) -> None:
    if job.path.suffix.lower() != ".npz":
        raise InputError(
            f"`{job.output.key}` {job.path}: the file is a NumPy archive; give it a name that ends in .npz."
        )


OUTPUTS = (
    Output(
        "save_looks",
        "tables",
        lambda job: LooksSink(
            job.path,
            fps=job.source.output_fps,
            threshold=job.threshold,
            place=job.source.place,
            warn=job.warn,
        ),
        check=_check,
    ),
)
