"""Pictures of the tracked people, cut out of the frames."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import cv2

from deepsort_cli.core.boxes import cut
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import look
from deepsort_cli.core.regions import Counts
from deepsort_cli.core.types import Frame, IntArray, Tracks
from deepsort_cli.video.sinks.base import Job, Output, Sink, write_error
from deepsort_cli.video.sinks.tables import track_rows

_OWN = re.compile(r"\d+(_p\d+)?")
"""Names of folders of tracks."""


class CropSink(Sink):
    """A JPEG of every matched track in every frame: `<folder>/<id>/<frame>.jpg`. Needs frames before drawing.

    Where people are told apart, folders are called `<id>_p<person>` at the end, once that is decided.
    """

    def __init__(self, folder: Path, *, quality: int = 95) -> None:
        self._folder = folder
        self._options = [cv2.IMWRITE_JPEG_QUALITY, quality]
        self._people: dict[int, set[int]] = {}
        """Who each id was."""

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        if frame.image is None:
            raise ValueError("crops need frames with images")
        if tracks.people is not None:
            for track_id, person in zip(tracks.ids.tolist(), tracks.people.tolist(), strict=True):
                if person > 0:
                    self._people.setdefault(track_id, set()).add(person)
        seen = tracks[tracks.detection_index >= 0]  # a predicted box may miss the person
        for track_id, box, *_ in track_rows(seen):
            crop = cut(frame.image, box)
            if crop is None:
                continue
            path = self._path(track_id, frame.index)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(cv2.imencode(".jpg", crop, self._options)[1].tobytes())
            except OSError as error:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
                raise write_error(path, error) from None

    def rename(self, frames: IntArray, old: IntArray, new: IntArray) -> None:
        """Move pictures into the folders of the right ids."""
        for before, after in set(zip(old.tolist(), new.tolist(), strict=True)):
            if before in self._people:
                self._people.setdefault(after, set()).update(self._people[before])
        moves = []
        for frame, before, after in zip(frames.tolist(), old.tolist(), new.tolist(), strict=True):
            source = self._path(before, frame)
            if source.is_file():
                target = self._path(after, frame)
                moves.append((source, target.with_suffix(".moved"), target))
        try:
            # Two people may change places, so all have to leave before the first arrives.
            for source, between, _ in moves:
                between.parent.mkdir(parents=True, exist_ok=True)
                source.rename(between)
            for _, between, target in moves:
                between.rename(target)
            for folder in {source.parent for source, _, _ in moves}:
                with contextlib.suppress(OSError):
                    folder.rmdir()  # which only an empty one allows
        except OSError as error:
            raise write_error(self._folder, error) from None

    def _path(self, track_id: int, index: int) -> Path:
        return self._folder / f"{track_id:05d}" / f"{index + 1:06d}.jpg"

    def close(self) -> None:
        """Every picture is complete when `write` returns; folders get the names of people."""
        known, self._people = self._people, {}
        for track_id, people in known.items():
            folder = self._path(track_id, 0).parent
            if len(people) > 1 or not folder.is_dir():  # linked tracks of several: the id says it all
                continue
            try:
                folder.rename(folder.with_name(f"{folder.name}_p{people.pop():05d}"))
            except OSError as error:
                raise write_error(folder, error) from None


def remove_old_crops(folder: Path) -> None:
    """Delete what an earlier `CropSink` wrote into `folder`, and nothing else."""
    for picture in folder.glob("[0-9]*/[0-9]*.jpg"):
        if picture.stem.isdecimal() and _OWN.fullmatch(picture.parent.name):
            picture.unlink()
    for inner in folder.glob("[0-9]*"):
        if inner.is_dir() and _OWN.fullmatch(inner.name):
            with contextlib.suppress(OSError):
                inner.rmdir()


def _check(job: Job) -> None:
    look(job.path, key=job.output.key)
    if job.path.is_dir() and any(job.path.iterdir()) and not job.settings.overwrite:
        raise InputError(
            f"`{job.output.key}` {job.path}: the folder is not empty. Set `output.overwrite`=true to replace earlier "
            "crops, or choose another folder."
        )


def _open(job: Job) -> CropSink:
    if job.settings.overwrite:
        remove_old_crops(job.path)
    return CropSink(job.path)


OUTPUTS = (Output("save_crops", "frames", _open, check=_check, folder=True, pixels=True, bulky=True),)
