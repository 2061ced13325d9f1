"""Frames without images: of stored detections, and of recordings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.mot import DEFAULT_FPS, SequenceInfo
from deepsort_cli.core.recording import Recording
from deepsort_cli.core.types import Frame
from deepsort_cli.video.settings import SourceSettings
from deepsort_cli.video.sources.base import Source


class BlankSource(Source):
    """Frames without images, for detections stored in a file where no video is at hand."""

    kind = "sequence"

    def __init__(
        self,
        name: str,
        length: int,
        settings: SourceSettings,
        *,
        fps: float = DEFAULT_FPS,
        size: tuple[int, int] = (0, 0),
        sequence: SequenceInfo | None = None,
    ) -> None:
        super().__init__(name, size, fps, settings, length)
        self.sequence = sequence
        self._check_start(length, self.name)
        self._length = length

    def __iter__(self) -> Iterator[Frame]:
        for index in self._indices(self._length):
            yield Frame(index, None, index / self.fps)


class RecordedSource(Source):
    """The frames of a recording, without images, by the clock of the source that was recorded."""

    kind = "recording"

    def __init__(self, name: str, recording: Recording, settings: SourceSettings) -> None:
        """Raises InputError if `settings` leave nothing of it."""
        origin, frames = recording.origin, recording.frames
        total = int(frames[-1]) + 1 if len(frames) else 0
        super().__init__(name, (origin.width, origin.height), origin.fps, settings, total)
        self._check_start(total, self.name)
        wanted = (frames >= settings.start) & ((frames - settings.start) % settings.stride == 0)
        chosen = np.flatnonzero(wanted)[: settings.max_frames]
        if not len(chosen):
            first = int(frames[frames >= settings.start][0])
            raise InputError(
                f"`input.stride` {settings.stride}: none of these frames from {settings.start} on was recorded of "
                f"{self.name}. Begin with one that was: `input.start`={first}."
            )
        self.frame_count = len(chosen)
        times = recording.times if settings.fps is None else frames / settings.fps
        self._frames = [Frame(int(frames[i]), None, float(times[i])) for i in chosen]

    def __iter__(self) -> Iterator[Frame]:
        yield from self._frames
