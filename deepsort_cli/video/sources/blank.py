"""Frames without images."""

from __future__ import annotations

from collections.abc import Iterator

from deepsort_cli.core.mot import DEFAULT_FPS, SequenceInfo
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
