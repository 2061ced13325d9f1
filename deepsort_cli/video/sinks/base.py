"""What every sink promises, and the files that sinks write."""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.files import behind_link, claim, permissions_of, temporary_beside, write_failure
from deepsort_cli.core.regions import Counts
from deepsort_cli.core.types import Frame, IntArray, Tracks
from deepsort_cli.video.settings import OutputSettings
from deepsort_cli.video.sources.base import Source

ClassNames = Mapping[int, str]
Say = Callable[[str], None]


class Sink(ABC):
    """Takes every frame's tracks, in order. `close` finishes the output; leaving the `with` block closes."""

    @abstractmethod
    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        """Take one frame, its tracks and, where people are counted, the counts after it.

        Raises:
            RunError: the output cannot be written any more (disk full, folder gone, …).
        """

    @abstractmethod
    def close(self) -> None:
        """Finish the output. Can be called again."""

    def rename(self, frames: IntArray, old: IntArray, new: IntArray) -> None:  # noqa: B027
        """Tracks written earlier turned out to be others: (N,) indices of frames, their ids there, and the right ones.

        Told once, before `close`, to sinks that get frames as they come. Most have no way back and do nothing.

        Raises:
            RunError: the output cannot be written any more.
        """

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True)
class Output:
    """One kind of output, as a row of the table that `outputs` makes of all modules of this package.

    Attributes:
        field: its path in `OutputSettings`.
        sees: `tables` see tracks, refined where that is wanted; `frames` see tracks and clean frames as they come;
            `pictures` see annotated frames; `detections` see what was found in each frame, by a method `see`; `run`:
            no sink, there is one for all sources, which the run itself writes.
        open: makes the sink; None of those of a `run`.
        check: refuses, before anything is written, what cannot become such an output, with an `InputError`.
        lines: it is written in whole lines, frame by frame, so that it can go to standard output.
        folder: it is a folder, not a file.
        pixels: it needs the frames' images.
        grows: its file grows while it is written; else it is written as a whole at the end.
        bulky: it fills disks, and ends before text when there is little room left.
    """

    field: str
    sees: Literal["tables", "frames", "pictures", "detections", "run"]
    open: Callable[[Job], Sink] | None = None
    check: Callable[[Job], None] = lambda job: None
    lines: bool = False
    folder: bool = False
    pixels: bool = False
    grows: bool = False
    bulky: bool = False

    @property
    def key(self) -> str:
        """Its settings key."""
        return f"output.{self.field}"


@dataclass(frozen=True)
class Job:
    """One output of one source.

    Attributes:
        output: its kind.
        path: where it goes.
        source: what is tracked.
        settings: of all outputs.
        class_names: name by class number.
        facts: what the run's models are, as `core.recording.Origin` calls it.
        warn, note: take what is to be said about it.
        part: it is one of several files, one after the other: one that grows lies under its own name from the
            beginning, in a form that can be used at any time.
        threshold: gives the appearance threshold in force, None without one.
    """

    output: Output
    path: Path
    source: Source
    settings: OutputSettings
    class_names: ClassNames
    facts: Mapping[str, Any]
    warn: Say
    note: Say
    part: bool = False
    threshold: Callable[[], float | None] = lambda: None


class TemporaryFile:
    """A file under a hidden name beside its final one, which it gets with `publish`; or under its final one at once.

    A symbolic link stays, and the file that it leads to is written.

    Attributes:
        path: where to write.
        stream: the file itself, open as long as it is written, also where another library writes to `path`.
    """

    def __init__(self, final: Path, *, in_place: bool = False) -> None:
        """Create it, and the folder where that is missing.

        Args:
            in_place: it has its final name from the beginning; what was there is replaced now.

        Raises:
            InputError: `final` is something that must not be replaced: a folder, a device.
            RunError: it cannot be created.
        """
        if final.exists() and not final.is_file():
            raise InputError(f"{final}: not a regular file; choose another name.")
        self._shown, self._final = final, behind_link(final)
        self.path = self._final if in_place else temporary_beside(self._final)
        try:
            self._final.parent.mkdir(parents=True, exist_ok=True)
            mode = permissions_of(final)
            if in_place:
                self._final.unlink(missing_ok=True)
            self.stream: IO[bytes] = claim(self.path, mode)
        except OSError as error:
            raise write_error(final, error) from None

    def publish(self) -> None:
        """Bring it to the disk and give it its final name.

        Raises:
            RunError: that is not possible any more; where it can still be named, it is.
        """
        failure: OSError | None = None
        try:
            with self.stream:
                os.fsync(self.stream.fileno())
        except OSError as error:
            if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}:  # not every file system can
                failure = error
        try:
            self.path.replace(self._final)
        except OSError as error:
            failure = failure or error
        if failure is not None:
            raise write_error(self._shown, failure) from None

    def remove(self) -> None:
        self.stream.close()
        self.path.unlink(missing_ok=True)

    def give_way(self) -> None:
        """Another file is about to take the final name."""
        self.stream.close()
        if self.path != self._final:
            self.path.unlink(missing_ok=True)


def write_error(path: Path, error: Exception, *, whole: bool = False) -> RunError:
    """The error that tells why writing `path` failed, from one of the system or of FFmpeg.

    Args:
        whole: it is written as a whole or not at all, so that no part of it is kept.
    """
    return write_failure(path, error, begun=not whole)
