"""Sources as recordings: what `calibrate` and `tune` work on. Each is watched once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.files import at_home
from deepsort_cli.core.mot import DEFAULT_FPS, read_seqinfo
from deepsort_cli.core.recording import Origin, Recording, check_times, recording_of, taken
from deepsort_cli.core.types import Frame
from deepsort_cli.perception.stored import StoredDetections
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.video.settings import SourceSettings
from deepsort_cli.workflows.track import Progress, run_track

LOWEST = 0.1
"""Score from which detections are recorded."""
STORED = (".npz", ".npy", ".txt")
"""Endings of files of detections; everything else is watched."""


def is_stored(source: str) -> bool:
    """Whether a source is a file of detections, which need not be found again."""
    path = at_home(source)
    return path.suffix.lower() in STORED and path.is_file()


def load_stored(source: str, wanted: SourceSettings, classes: Sequence[str] = ()) -> Recording:
    """A file of detections as a recording: a recording, or what `--detections` reads.

    Args:
        wanted: which of its frames.
        classes: to keep, see `StoredDetections.choose`; none: all.

    Raises:
        InputError: it cannot be read, or holds nothing of that.
    """
    path = at_home(source)
    try:
        stored = StoredDetections.load(path)
        if classes:
            stored.choose(classes)
        if stored.recording is not None and wanted.fps is None:
            check_times(path, stored.recording)
    except InputError as error:  # here it is the source
        raise InputError(str(error).replace("`detections` ", "`source` ", 1)) from None
    recording = stored.recording if stored.recording is not None else _recording_of(path, stored)
    chosen = (wanted.start, wanted.stride, wanted.max_frames, wanted.fps) != (0, 1, None, None)
    if chosen:
        recording = taken(recording, wanted.start, wanted.stride, wanted.max_frames, wanted.fps)
        if not len(recording):
            raise InputError(f"`source` {path}: holds no frame that `input.start` and `input.stride` leave.")
    if classes and stored.recording is not None:
        keep = stored.chosen(recording.detections.class_ids)
        recording = replace(recording, frame=recording.frame[keep], detections=recording.detections[keep])
    if not len(recording.detections):
        raise InputError(f"`source` {path}: holds no detection{' of what is asked for' if classes or chosen else ''}.")
    return recording


def _recording_of(path: Path, stored: StoredDetections) -> Recording:
    """Detections without times: those of the MOTChallenge sequence they lie in, else of 25 frames per second."""
    folder = next((folder for folder in path.resolve().parents[:2] if (folder / "seqinfo.ini").is_file()), None)
    info = None if folder is None else read_seqinfo(folder)
    fps = DEFAULT_FPS if info is None else info.fps
    length = max(stored.last_frame, 0 if info is None else info.length)
    name = path.stem if info is None else info.name
    width, height = (0, 0) if info is None else (info.width, info.height)
    origin = Origin(source=name, kind="sequence", fps=fps, detector=path.name, width=width, height=height)
    return recording_of(origin, [(Frame(i, None, i / fps), stored.detections(i)) for i in range(length)])


def watch(settings: TrackSettings, listener: Listener) -> Recording:
    """Watch the only source of `settings` to its end, and record it to `output.save_detections`.

    Raises:
        InputError: the source cannot be used, has no end, or nothing was detected in it.
        RunError: no frame came.
        KeyboardInterrupt: after the recording of what was seen until then was written.
    """
    (source,) = settings.source
    path = settings.output.save_detections
    assert path is not None
    with run_track(settings, _Watching(listener)) as run:
        if run.is_endless:
            raise InputError(f"`source` {source}: has no end. Say how much of it to watch: `input.max_frames`=1500.")
        run.finish()
    if not path.exists():
        raise RunError(f"{source}: no frame came, so nothing was recorded.")
    recording = StoredDetections.load(path).recording
    assert recording is not None
    if not len(recording.detections):
        raise InputError(f"`source` {source}: nothing was detected in {len(recording):,} frames. Try another detector.")
    return recording


class _Watching(Listener):
    """Passes on how far the run is, and what speaks against it; what it says of its tracks is of no interest."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def warn(self, message: str) -> None:
        self._listener.warn(message)

    def happened(self, event: object) -> None:
        if isinstance(event, Progress):
            self._listener.progress(f"watching {event.source}", event.frames, event.total)
