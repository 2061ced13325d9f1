"""What an archive's folder holds: results, a record of each video, and what is in the making, out of sight."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import atomic_open, check_output_folder, write_failure

RECORD = "summary.json"
THUMBNAIL = "thumbnail.jpg"
HIDDEN = ".deepsort"
"""Folder within an archive's: a lock, failures, and results in the making."""
FAILURES = "failures.json"
RESERVED = frozenset({RECORD, THUMBNAIL})

Record = dict[str, Any]


@dataclass(frozen=True)
class Folder:
    """The folder of an archive.

    Attributes:
        path: of the archive.
        token: of this run, so that what others left behind or still write is never taken for its own.
    """

    path: Path
    token: str

    @classmethod
    def at(cls, path: Path) -> Folder:
        return cls(path.absolute(), secrets.token_hex(4))

    @property
    def hidden(self) -> Path:
        return self.path / HIDDEN

    @property
    def work(self) -> Path:
        """Results in the making."""
        return self.hidden / f"work-{self.token}"

    @contextlib.contextmanager
    def prepared(self) -> Iterator[None]:
        """Create what is missing; where nothing could be begun, remove what was created.

        Raises:
            InputError: it cannot be written.
        """
        missing = [path for path in (self.hidden, self.path, *self.path.parents) if not path.exists()]
        check_output_folder(self.path, key="archive.output_dir")
        check_output_folder(self.hidden, key="archive.output_dir")
        try:
            yield
        except InputError:
            with contextlib.suppress(OSError):
                for path in missing:
                    path.rmdir()  # only if empty: another run may have begun at the same moment, and work there
            raise

    def begin(self) -> None:
        """Remove what runs that were killed have left in the making."""
        for left in self.hidden.glob("work-*"):
            shutil.rmtree(left, ignore_errors=True)
        self.work.mkdir()

    def clean(self) -> None:
        """Remove what is in the making."""
        shutil.rmtree(self.work, ignore_errors=True)

    def making(self, number: int) -> Path:
        """The folder where the results of a run's n-th video are made."""
        return self.work / str(number)

    def results(self, place: str) -> Path:
        """The folder of a video's results.

        Raises:
            InputError: the place leads elsewhere.
        """
        folder = self.path.joinpath(*PurePosixPath(place).parts)
        if not folder.resolve().is_relative_to(self.path.resolve()):
            raise InputError(f"`archive.output_dir` {self.path}: {place} in it is a link to somewhere else. Remove it.")
        return folder

    def record(self, place: str) -> Record | None:
        """What is known about the results of a video; None where nothing is."""
        return _read(self.results(place) / RECORD)

    def records(self) -> Iterator[Record]:
        """All records of finished videos in this folder, by place; one may lie in another's, as sources do."""
        for folder, inner, files in os.walk(self.path):
            record = _read(Path(folder) / RECORD) if RECORD in files else None
            skipped = {HIDDEN, *outputs_of(record)}  # folders of pictures may be huge
            inner[:] = sorted(name for name in inner if name not in skipped)
            if record is not None and record.get("finished"):
                yield record | {"place": Path(folder).relative_to(self.path).as_posix()}

    def write_record(self, place: str, record: Mapping[str, Any]) -> None:
        with atomic_open(self.results(place) / RECORD) as stream:
            json.dump(record, stream, indent=1)
            stream.write("\n")

    def in_the_way(self, place: str, outputs: Sequence[str]) -> Path | None:
        """A file or folder where an output would go, which is not by this archive."""
        folder = self.results(place)
        if not folder.exists():
            return None
        if not folder.is_dir():
            return folder
        own = outputs_of(self.record(place))
        return next((folder / name for name in outputs if name not in own and (folder / name).exists()), None)

    def publish(self, making: Path, place: str, record: Record) -> None:
        """Put what was made for a video where it belongs, in place of earlier results; its record is the last word.

        Killed on the way, the record says that results are unfinished, and which files are the archive's.

        Args:
            making: where they were made.

        Raises:
            RunError: it cannot be written.
        """
        folder = self.results(place)
        made = [*record["outputs"], *([THUMBNAIL] if (making / THUMBNAIL).exists() else [])]
        before = outputs_of(self.record(place))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.write_record(place, record | {"outputs": sorted({*before, *record["outputs"]}), "finished": False})
            for name in {*before, *made}:
                _remove(folder / name)
            for name in made:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (making / name).replace(folder / name)
        except OSError as error:
            raise write_failure(folder, error) from None
        self.write_record(place, record | {"finished": True})
        shutil.rmtree(making, ignore_errors=True)

    def failures(self) -> dict[str, dict[str, str]]:
        """Place → source and message of the videos that failed when they were last tried."""
        found = _read(self.hidden / FAILURES) or {}
        return {place: entry for place, entry in found.items() if isinstance(entry, dict)}

    def write_failures(self, failures: Mapping[str, Mapping[str, str]]) -> None:
        with atomic_open(self.hidden / FAILURES) as stream:
            json.dump(failures, stream, indent=1, sort_keys=True)


def outputs_of(record: Record | None) -> list[str]:
    """The outputs that a record names, within its folder."""
    names = [] if record is None else record.get("outputs", [])
    paths = [PurePosixPath(name) for name in names if isinstance(name, str)]
    return [path.as_posix() for path in paths if path.parts and not path.is_absolute() and ".." not in path.parts]


def _read(path: Path) -> Record | None:
    """A JSON object; None where there is none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
