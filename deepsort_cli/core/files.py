"""Files: written so that an interrupted program leaves either the old one or the whole new one; identified."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.urls import hide_secrets

FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file became larger than the system allows",
}
"""Errors that only writing meets, and what they mean."""

LOST = {errno.EROFS: "the disk is read-only", errno.EIO: "the disk does not answer"}
"""Errors after which nothing more can be written there."""


def write_reason(error: BaseException) -> str:
    """Why something could not be written, in words, from an error of the system or of a library."""
    number = getattr(error, "errno", None) or 0
    return {**FULL, **LOST}.get(number) or getattr(error, "strerror", None) or str(error) or type(error).__name__


KEPT = "What was written so far is kept."


def write_failure(path: str | Path, error: BaseException, remedy: str = "", *, begun: bool = False) -> RunError:
    """The error for a file that cannot be written: which, why, and what to do.

    Args:
        remedy: what else helps, in place of another folder.
        begun: a part of it is written, and stays.
    """
    if begun:
        advice = f"{KEPT} Free some space before the next run." if getattr(error, "errno", None) in FULL else KEPT
        return RunError(f"{path}: cannot be written any more: {write_reason(error)}. {advice}")
    space = getattr(error, "errno", None) in FULL
    advice = remedy or ("Free some space, or choose another folder." if space else "Choose another folder.")
    return RunError(f"{path}: cannot be written: {write_reason(error)}. {advice}")


def printable(text: str) -> str:
    """The text with control characters and undecodable bytes escaped: file names may hold anything."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


@contextlib.contextmanager
def held(path: Path) -> Iterator[bool]:
    """Hold a lock file as long as the block runs; false where its file system knows no locks, and nothing is held.

    The lock is gone with the process that held it, however that ended; the file stays only if that was killed.

    Raises:
        BlockingIOError: another process holds it.
        OSError: the file cannot be created.
    """
    while True:
        stream = path.open("a+b")
        try:
            sure = _lock(stream)
        except BaseException:
            stream.close()
            raise
        if not sure or fcntl is None or _is_at(stream, path):
            break
        stream.close()  # whoever held it before has removed the file since it was opened here
    with stream:
        try:
            yield sure
        finally:
            if fcntl is not None:  # elsewhere nothing that is open can be removed
                _forget(path)
    if fcntl is None:
        _forget(path)


def _forget(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _is_at(stream: IO[bytes], path: Path) -> bool:
    """Whether an open file is the one that has this name."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except OSError:
        return False


def _lock(stream: IO[bytes]) -> bool:
    try:
        if fcntl is not None:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            stream.seek(0)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK, errno.EDEADLOCK):
            raise BlockingIOError(error.errno, os.strerror(error.errno)) from None
        return False
    return True


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


def claim(temporary: Path, mode: int | None = None) -> IO[bytes]:
    """Create a temporary file; as long as the stream is open, `remove_abandoned` leaves it alone.

    Args:
        mode: its permissions, where it takes the place of a file that is there: `permissions_of`.

    Raises:
        OSError: it cannot be created.
    """
    stream = temporary.open("xb", buffering=0)
    if mode is not None:
        with contextlib.suppress(OSError):  # file systems without permissions
            temporary.chmod(mode)
    if fcntl is not None:
        with contextlib.suppress(OSError):  # not every file system can lock
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return stream


def permissions_of(target: Path) -> int | None:
    """Those of the file that is going to be replaced, so that what others may not read stays so; None without one.

    Its owner may read and write it at least: the new one is read while it is made.
    """
    try:
        return stat.S_IMODE(target.stat().st_mode) & 0o777 | stat.S_IRUSR | stat.S_IWUSR
    except OSError:
        return None


def remove_abandoned(target: Path, between: str = "") -> list[Path]:
    """Delete the temporaries beside `target` that killed programs left behind; those in use are left alone.

    Those of writers that follow links lie beside what a link leads to.

    Args:
        between: a regular expression of what may stand between the target's stem and suffix.
    """
    stem, suffix = _short_name(target)
    name = re.compile(re.escape(f".{stem}") + between + r"\.deepsort-[0-9a-f]{8}" + re.escape(suffix))
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


def behind_link(path: Path) -> Path:
    """The file that a symbolic link leads to, there or not; what is no link, or leads in circles, is itself."""
    try:
        return path.resolve() if path.is_symlink() else path
    except (OSError, RuntimeError):
        return path


def look(path: Path, *, key: str, shown: str | None = None) -> os.stat_result | None:
    """What is at `path`, links followed; None where nothing is. Use it for paths that users write.

    Args:
        key: the setting the path was given with, for the message.
        shown: how the message calls the path, where it may not be shown as it is.

    Raises:
        InputError: the system takes no such name (too long, with a zero byte), or does not let one look; or it is the
            address of something on a network.
    """
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        _refuse_address(path, key)
        return None
    except ValueError:
        raise InputError(f"`{key}`: a zero byte in a file name. Check what was typed.") from None
    except OSError as error:
        place = str(path) if shown is None else shown
        if error.errno == errno.ENAMETOOLONG:
            longest = max(len(os.fsencode(part)) for part in path.parts)
            raise InputError(
                f"`{key}` {_shortened(place)}: the name is too long for this system "
                f"({longest} bytes; most allow 255). Choose a shorter one."
            ) from None
        if error.errno == errno.ELOOP:
            raise InputError(f"`{key}` {place}: a link that leads back to itself.") from None
        raise InputError(f"`{key}` {place}: cannot be read ({error.strerror or error}).") from None


def _refuse_address(path: Path, key: str) -> None:
    """`rtsp://camera/1` as a path is `rtsp:/camera/1`; nobody means a folder of that name unless it is there."""
    scheme = path.parts[0] if path.parts else ""
    if key == "source" or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]+:", scheme) or Path(scheme).exists():
        return
    raise InputError(f"`{key}` {hide_secrets(str(path))}: an address; only a file on this machine can be named.")


def at_home(name: str | Path) -> Path:
    """The path that a user wrote, with `~` made a home folder; where no such user is known, it is part of the name."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def is_file(path: Path) -> bool:
    """There is such a file; false also for what cannot be a file's name."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_same_file(first: Path, second: Path) -> bool:
    """Both exist and are one file; false also for what cannot be a file's name."""
    try:
        return first.samefile(second)
    except (OSError, ValueError):
        return False


def _shortened(name: str) -> str:
    return name if len(name) <= 80 else f"{name[:60]}…{name[-16:]}"


@contextlib.contextmanager
def atomic_path(target: str | Path, *, private: bool = False, follow: bool = False) -> Iterator[Path]:
    """Give a temporary path beside `target`; on success it takes the target's place, on failure it is removed.

    The temporary name keeps the target's suffix, for writers that choose a format by it.

    Args:
        private: it is for its owner only, unless a file that it replaces is for others as well.
        follow: a symbolic link stays, and what it leads to is replaced: where a user named this very file. Else the
            link itself is, so that nothing outside of a folder of ours changes.

    Raises:
        RunError: the disk is full or read-only, or the folder cannot be written; what was there before is still there.
    """
    target = behind_link(Path(target)) if follow else Path(target)
    temporary = temporary_beside(target)
    with _told_as_failure(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        claimed = claim(temporary, permissions_of(target))
        mode = _private_mode(target) if private else stat.S_IMODE(os.fstat(claimed.fileno()).st_mode)
        if private:
            with contextlib.suppress(PermissionError):
                temporary.chmod(0o600)
    if fcntl is None:
        claimed.close()  # nothing that is open can be replaced there
    try:
        yield temporary
        with _told_as_failure(target):
            with temporary.open("rb") as written, _ignore_unsyncable():
                os.fsync(written.fileno())
            with contextlib.suppress(PermissionError):  # file systems without permissions
                temporary.chmod(mode)
            temporary.replace(target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in FULL | LOST:
            raise write_failure(target, error) from error
        raise
    finally:
        claimed.close()


@contextlib.contextmanager
def _told_as_failure(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise write_failure(target, error) from error


@contextlib.contextmanager
def _ignore_unsyncable() -> Iterator[None]:
    """Some network and container file systems have no fsync."""
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}:
            raise


@contextlib.contextmanager
def atomic_open(
    target: str | Path, mode: str = "w", *, private: bool = False, follow: bool = False, **options: Any
) -> Iterator[IO[Any]]:
    """Like `open(target, mode)`, but the file appears under its name only once it is complete.

    Args:
        private, follow: see `atomic_path`.
        options: of `open`.
    """
    if "b" not in mode:
        options.setdefault("encoding", "utf-8")
    with atomic_path(target, private=private, follow=follow) as temporary, temporary.open(mode, **options) as stream:
        yield stream


def _private_mode(target: Path) -> int:
    """The permissions of the file that is there; without one, those of its owner alone."""
    try:
        return stat.S_IMODE(target.stat().st_mode) & 0o666
    except OSError:
        return 0o600


Inputs = Iterable[tuple[str, Path]]
"""Files that are read, each with the key of the setting that names it."""


def refuse_input(path: Path, inputs: Inputs, *, key: str) -> None:
    """Refuse to write where something is read from, by whatever name: it would be gone, also with `overwrite`.

    A folder is refused where something in a folder of it is read, as crops of tracks lie: earlier ones are replaced.

    Args:
        key: the setting the path was given with, for messages.

    Raises:
        InputError: naming both settings.
    """
    if path.is_dir():
        for inner, other in {file.parent: other for other, file in inputs}.items():
            if is_same_file(path, inner.resolve().parent):
                raise InputError(f"`{key}` {path}: `{other}` reads {inner} in this folder. Choose another one.")
    elif is_file(path):
        for other, file in inputs:
            if is_same_file(path, file):
                raise InputError(f"`{key}` {path}: `{other}` reads this file. Choose another name.")


def check_output_file(path: Path, *, overwrite: bool, key: str, inputs: Inputs = ()) -> None:
    """Make sure that a file can be written at `path` before work starts; creates missing parent folders.

    A symbolic link stands for the file that it leads to, which may be missing; see `follow` of `atomic_path`.

    Args:
        overwrite: whether a file may be replaced; the setting for that is called `overwrite`, beside the path's.
        key: the setting the path was given with, for messages.
        inputs: files that are read, and never replaced.

    Raises:
        InputError: it exists and `overwrite` is off, it is read, it is a folder, its name is too long, or its folder
            cannot be written.
    """
    _refuse_stdout(path, key)
    found = look(path, key=key)
    if found is not None and stat.S_ISDIR(found.st_mode):
        raise InputError(f"`{key}` {path}: this is a folder. Give a file name, for example {path / 'out'}.")
    if found is not None and (not stat.S_ISREG(found.st_mode) or _is_open_file(path)):
        raise InputError(f"`{key}` {path}: a device or a pipe, which a file would take the place of. Give a file name.")
    refuse_input(path, inputs, key=key)
    if found is not None and not overwrite:
        beside = ".".join([*key.split(".")[:-1], "overwrite"])
        raise InputError(f"`{key}` {path}: the file exists. Set `{beside}`=true to replace it, or choose another name.")
    file = behind_link(path)
    if file != path and not file.parent.is_dir():
        raise InputError(f"`{key}` {path}: a link to {file}, where there is no such folder. Choose another name.")
    check_output_folder(file.parent, key=key)
    look(path, key=key)  # the length of a name counts only where its folder is
    if found is not None and not os.access(path, os.W_OK):
        raise InputError(f"`{key}` {path}: no permission to write this file.")


def _refuse_stdout(path: Path, key: str) -> None:
    """Where - means standard output, it does not come here; elsewhere nobody means a file of that name."""
    if str(path) == "-":
        raise InputError(f"`{key}` -: this is not written to standard output. Give it a name.")


def _is_open_file(path: Path) -> bool:
    """`/dev/stdout` and the like lead to whatever is open under a number, a file perhaps."""
    return path.parent in (Path("/dev"), Path("/dev/fd")) or Path("/proc") in path.parents


def check_output_folder(folder: Path, *, key: str) -> None:
    """Create `folder` if needed and make sure files can be written in it.

    Args:
        key: the setting the folder was given with, for messages.

    Raises:
        InputError: a parent is a file, or the folder cannot be created or written.
        RunError: the disk is full.
    """
    _refuse_stdout(folder, key)
    look(folder, key=key)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as stream:
            stream.write(bytes(4096))  # an empty file fits on a full disk
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"`{key}`: {folder} is a file, not a folder. Choose another place.") from None
    except OSError as error:
        if error.errno in FULL:
            raise write_failure(folder, error) from None
        reason = error.strerror or error
        raise InputError(f"`{key}`: cannot write in {folder} ({reason}). Choose another folder.") from None


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
