"""What was seen in every frame, for tracking it again without pictures or networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.recording import Origin, RecordingWriter
from deepsort_cli.core.regions import Counts
from deepsort_cli.core.types import Detections, FloatArray, Frame, Tracks
from deepsort_cli.video.sinks.base import ClassNames, Job, Output, Say, Sink, TemporaryFile, write_error


class RecordingSink(Sink):
    """Records detections, embeddings, times and camera motion; `core.recording` says how they are stored."""

    def __init__(
        self, path: Path, origin: Origin, class_names: ClassNames | None = None, note: Say = lambda message: None
    ) -> None:
        self._path = path
        self._note = note
        self._left_out: set[str] = set()
        self._file = TemporaryFile(path)
        self._writer = RecordingWriter(path.parent, origin, {} if class_names is None else class_names)
        self._closed = False

    def see(self, frame: Frame, detections: Detections | None, motion: FloatArray | None) -> None:
        """Take what was seen in a frame; `detections` is None where the detector did not look.

        Raises:
            RunError: the disk is full, or the folder gone.
        """
        new = set() if detections is None else detections.data.keys() - self._left_out
        if new:
            self._left_out |= new
            self._note(f"`output.save_detections`: a recording has no {', '.join(sorted(new))} of detections")
        try:
            self._writer.add(frame, detections, motion)
        except OSError as error:
            raise write_error(self._path, error, whole=True) from None

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        """Tracks are not recorded: they can be made again."""

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            if len(self._writer):
                self._writer.write(self._file.stream)
                self._file.publish()
        except OSError as error:
            raise write_error(self._path, error, whole=True) from None
        finally:
            self._writer.close()
            self._file.remove()


def _check(job: Job) -> None:
    if job.path.suffix.lower() != ".npz":
        raise InputError(
            f"`{job.output.key}` {job.path}: the name of a recording ends in .npz. Try {job.path.with_suffix('.npz')}."
        )


def _open(job: Job) -> RecordingSink:
    source = job.source
    facts: dict[str, Any] = {
        "source": source.name,
        "kind": source.kind,
        "fps": source.fps,
        "width": source.width,
        "height": source.height,
        "stride": source.settings.stride,
    }
    return RecordingSink(job.path, Origin(**facts | dict(job.facts)), job.class_names, job.note)


OUTPUTS = (Output("save_detections", "detections", _open, _check),)
