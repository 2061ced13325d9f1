"""Files: written so that an interrupted program leaves either the old one or the whole new one; identified."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from deepsort_cli.core.errors import InputError


def printable(text: str) -> str:
    """The text with control characters and undecodable bytes escaped: file names may hold anything."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


@contextlib.contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `target`; on success it takes the target's place, on failure it is removed.

    The temporary name keeps the target's suffix, for writers that choose a format by it.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}.", suffix=target.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def atomic_open(target: str | Path, mode: str = "w", **options: Any) -> Iterator[IO[Any]]:
    """Like `open(target, mode)`, but the file appears under its name only once it is complete."""
    if "b" not in mode:
        options.setdefault("encoding", "utf-8")
    with atomic_path(target) as temporary, temporary.open(mode, **options) as stream:
        yield stream


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def check_output_file(path: Path, *, overwrite: bool, option: str) -> None:
    """Make sure that a file can be written at `path` before work starts; creates missing parent folders.

    Raises:
        InputError: it exists and `overwrite` is off, it is a folder, or its folder cannot be written.
    """
    if path.is_dir():
        raise InputError(f"{option} {path}: this is a folder. Give a file name, for example {path / 'out'}.")
    if path.exists() and not overwrite:
        raise InputError(f"{option} {path}: the file exists. Pass --overwrite to replace it, or choose another name.")
    check_output_folder(path.parent, option=option)
    if path.exists() and not os.access(path, os.W_OK):
        raise InputError(f"{option} {path}: no permission to write this file.")


def check_output_folder(folder: Path, *, option: str) -> None:
    """Create `folder` if needed and make sure files can be written in it.

    Raises:
        InputError: a parent is a file, or the folder cannot be created or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{option}: {folder} is a file, not a folder. Choose another place.") from None
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{option}: cannot write in {folder} ({reason}). Choose another folder.") from None


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
