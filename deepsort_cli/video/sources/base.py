"""What every source has in common."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from deepsort_cli.core.counted import counted
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.mot import SequenceInfo
from deepsort_cli.core.types import Frame, Media
from deepsort_cli.video.scene import GroundTruth
from deepsort_cli.video.settings import SourceSettings

Warn = Callable[[str], None]


def silent(message: str) -> None:
    """Takes warnings that nobody wants."""


class Source(ABC):
    """Frames in order; a context manager that can be iterated once.

    Attributes:
        kind: camera, stream, video, image, images, sequence or demo.
        name: short name, fit for file names.
        width, height: size of all frames in pixels; 0 where unknown because no pixels are read.
        fps: frames per second of the source itself, on average.
        frame_count: number of frames that will be yielded; None where it is not known.
        frame_count_exact: they were counted. Else the number is what a file's header lets one expect: good for a
            progress bar, and for nothing else; the frames end when iteration ends.
        is_live: frames arrive in real time; they are numbered in the order they are yielded.
        skipped: of a live source, frames passed over so far for newer ones.
        reconnects: how often it was lost and found again.
        connected: whether it is there now.
        sequence: `seqinfo.ini` of a MOTChallenge sequence.
        ground_truth_file: its `gt/gt.txt`, where there is one.
        media: the container behind a recorded video; of a stream the shape of its pixels, where they are not square.
        files: what is read of it on this machine, its ground truth included: nothing may be written there.
        place: what it looks at, where that is known: sources of equal places see the same.
    """

    kind: str
    is_live = False
    skipped = reconnects = 0
    connected = True
    sequence: SequenceInfo | None = None
    ground_truth_file: Path | None = None
    media: Media | None = None
    files: Sequence[Path] = ()
    place: str | None = None

    def __init__(
        self,
        name: str,
        size: tuple[int, int],
        fps: float,
        settings: SourceSettings,
        total: int | None,
        *,
        exact: bool = True,
    ) -> None:
        """Set what the attributes say.

        Args:
            total: how many frames the source has in all, before `settings` choose among them; None if unknown.
            exact: that is counted, not estimated.
        """
        self.name = re.sub(r"[^\w.-]+", "_", name)[:80].strip("._") or "source"  # fit for file names with endings
        self.width, self.height = size
        self.fps = settings.fps or fps
        self.settings = settings
        self.frame_count = settings.max_frames
        self.frame_count_exact = exact and total is not None
        if total is not None:
            left = max(0, math.ceil((total - settings.start) / settings.stride))
            self.frame_count = min(left, settings.max_frames or left)

    @property
    def output_fps(self) -> float:
        """Frames per second of what is yielded, on average."""
        return self.fps / self.settings.stride

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]: ...

    def ground_truth(self, index: int) -> GroundTruth | None:
        """Who really is where in a frame; known for the demo scene only."""
        return None

    def wait(self) -> None:  # noqa: B027 (most never wait)
        """Return when the next frame can be had at once, or when none comes any more."""

    def stop(self) -> None:  # noqa: B027 (most never wait)
        """Let an iteration in another thread that waits for more data end."""

    def close(self) -> None:  # noqa: B027 (most have nothing to release)
        """Release the camera, file or connection."""

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _indices(self, total: int) -> range:
        """The frame indices to yield of a source with `total` frames."""
        start, stride = self.settings.start, self.settings.stride
        chosen = range(start, total, stride)
        return chosen[: self.settings.max_frames]

    def _check_start(self, total: int, what: str) -> None:
        if self.settings.start >= total:
            raise InputError(f"`input.start` {self.settings.start}: {what} has only {counted(total, 'frame')}.")
