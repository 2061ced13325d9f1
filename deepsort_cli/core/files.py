"""Files: written so that an interrupted program leaves either the old one or the whole new one; identified."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from deepsort_cli.core.errors import InputError

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


LONGEST_NAME = 255
"""Bytes that a file name may have, on every file system in use."""


def temporary_beside(target: Path) -> Path:
    """An unused hidden name in the folder of `target`, with the same suffix, for a file that will take its place.

    Create it with `claim`, so that `remove_abandoned` can tell it from one whose writer was killed.
    """
    stem, suffix = _short_name(target)
    return target.with_name(f".{stem}.deepsort-{secrets.token_hex(4)}{suffix}")


def _short_name(target: Path) -> tuple[str, str]:
    """Stem and suffix, shortened where the mark of temporaries would make the name longer than names may be."""
    stem, suffix = target.stem, target.suffix
    if len(os.fsencode(suffix)) > 32:  # a sentence after its full stop, no file type
        suffix = ""
    while len(os.fsencode(f"..deepsort-01234567{stem}{suffix}")) > LONGEST_NAME:
        stem = stem[:-1]
    return stem, suffix


def claim(temporary: Path) -> IO[bytes]:
    """Create a temporary file; as long as the stream is open, `remove_abandoned` leaves it alone.

    Raises:
        OSError: it cannot be created.
    """
    stream = temporary.open("xb", buffering=0)
    if fcntl is not None:
        with contextlib.suppress(OSError):  # not every file system can lock
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return stream


def remove_abandoned(target: Path) -> list[Path]:
    """Delete the temporaries beside `target` that killed programs left behind; those in use are left alone."""
    stem, suffix = _short_name(target)
    name = re.compile(re.escape(f".{stem}.deepsort-") + "[0-9a-f]{8}" + re.escape(suffix))
    try:
        found = sorted(path for path in target.parent.iterdir() if name.fullmatch(path.name))
    except OSError:
        return []
    return [path for path in found if _remove_unlocked(path)]


def _remove_unlocked(path: Path) -> bool:
    try:
        if fcntl is not None:
            with path.open("rb") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails where its writer lives
                path.unlink()
        else:
            path.unlink()  # Windows refuses to delete what is open
    except OSError:
        return False
    return True


@contextlib.contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `target`; on success it takes the target's place, on failure it is removed.

    The temporary name keeps the target's suffix, for writers that choose a format by it.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(target)
    claimed = claim(temporary)
    if fcntl is None:
        claimed.close()  # nothing that is open can be replaced there
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        claimed.close()


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
        InputError: it exists and `overwrite` is off, it is a folder, its name is too long, or its folder cannot be
            written.
    """
    check_output_name(path, option=option)
    if path.is_dir():
        raise InputError(f"{option} {path}: this is a folder. Give a file name, for example {path / 'out'}.")
    if path.exists() and not overwrite:
        raise InputError(f"{option} {path}: the file exists. Pass --overwrite to replace it, or choose another name.")
    check_output_folder(path.parent, option=option)
    if path.exists() and not os.access(path, os.W_OK):
        raise InputError(f"{option} {path}: no permission to write this file.")


def check_output_name(path: Path, *, option: str) -> None:
    """Make sure that a path can be asked for at all.

    Raises:
        InputError: it is longer than the system allows, or holds a NUL character.
    """
    try:
        path.lstat()
    except ValueError:
        raise InputError(f"{option} {str(path)!r}: not a file name. Choose another one.") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise InputError(
                f"{option} {path}: the name is too long; {LONGEST_NAME} bytes are allowed for each part of a path. "
                "Choose a shorter one."
            ) from None


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
