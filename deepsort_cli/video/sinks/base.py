"""What every sink promises, and the files that sinks write."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.files import claim, temporary_beside, write_failure
from deepsort_cli.core.regions import Counts
from deepsort_cli.core.types import Frame, Tracks

ClassNames = Mapping[int, str]


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

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class TemporaryFile:
    """A file under a hidden name beside its final one, which it gets with `publish`.

    Attributes:
        path: where to write.
        stream: the file itself, open as long as it is written, also where another library writes to `path`.
    """

    def __init__(self, final: Path) -> None:
        """Create it, and the folder where that is missing.

        Raises:
            InputError: `final` is something that must not be replaced: a folder, a device.
            RunError: it cannot be created.
        """
        if final.exists() and not final.is_file():
            raise InputError(f"{final}: not a regular file; choose another name.")
        self._final = final
        self.path = temporary_beside(final)
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            self.stream: IO[bytes] = claim(self.path)
        except OSError as error:
            raise write_error(final, error) from None

    def publish(self) -> None:
        """Give it its final name.

        Raises:
            RunError: that is not possible any more.
        """
        self.stream.close()
        try:
            self.path.replace(self._final)
        except OSError as error:
            raise write_error(self._final, error) from None

    def remove(self) -> None:
        self.stream.close()
        self.path.unlink(missing_ok=True)


def write_error(path: Path, error: Exception) -> RunError:
    """The error that tells why writing `path` failed, from one of the system or of FFmpeg."""
    return write_failure(path, error, begun=True)
