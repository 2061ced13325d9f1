"""Remembering a scan: one JSON file per state of the dataset, named by its fingerprint."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deepsort_cli.core.files import atomic_open
from deepsort_cli.data.files import CACHE_FOLDER

SCANNER_VERSION = 5
"""Raised whenever checks or the form of the cache change; older caches are then rebuilt."""

_HEAD = b'{"checksum":"'

KEPT_STATES = 4
"""Caches of older states of a dataset kept beside the newest."""

KEPT_ELSEWHERE = 50
"""The same for a folder outside of the datasets, which holds those of many and of their parts."""


def user_cache_folder() -> Path | None:
    """The user's own cache folder, for datasets that cannot be written to; None for users without a home."""
    import platformdirs

    try:
        folder = platformdirs.user_cache_path("deepsort", appauthor=False) / "scans"
    except RuntimeError:  # how Python says that it finds no home
        return None
    return folder if folder.is_absolute() else None


def folders(root: Path, cache_dir: Path | None) -> tuple[Path, ...]:
    """Where a scan of `root` may be kept, best first."""
    if cache_dir is not None:
        return (cache_dir,)
    user = user_cache_folder()
    return (root / CACHE_FOLDER,) if user is None else (root / CACHE_FOLDER, user)


def load(folder: Path, fingerprint: str) -> tuple[dict[str, Any] | None, str]:
    """The remembered scan, or None; and a word on why a file that is there cannot be used."""
    path = _file(folder, fingerprint)
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None, ""
    except OSError as error:
        return None, f"The cache {path} cannot be read ({error.strerror})."
    head, body = text[: len(_HEAD) + 40], text[len(_HEAD) + 42 :]
    if head != _HEAD + _checksum(body):
        return None, f"The cache {path} is damaged; it is rebuilt."
    data: dict[str, Any] = json.loads(b"{" + body)
    if data["scanner_version"] != SCANNER_VERSION:
        return None, f"The cache was written by scanner version {data['scanner_version']}; it is rebuilt."
    return (data, "") if data["fingerprint"] == fingerprint else (None, f"The cache {path} is damaged; it is rebuilt.")


def store(folder: Path, fingerprint: str, data: dict[str, Any]) -> None:
    """Write a scan atomically, with its checksum in front, and drop the oldest states.

    Raises:
        RunError: the folder cannot be written, or the disk is full.
    """
    body = json.dumps(data, separators=(",", ":")).encode()[1:]
    with atomic_open(_file(folder, fingerprint), "wb") as stream:
        stream.write(_HEAD + _checksum(body) + b'",' + body)
    kept = KEPT_STATES if folder.name == CACHE_FOLDER else KEPT_ELSEWHERE
    for _, old in sorted(_scans(folder), reverse=True)[kept + 1 :]:
        with contextlib.suppress(OSError):
            old.unlink()


def _checksum(body: bytes) -> bytes:
    return hashlib.sha1(body, usedforsecurity=False).hexdigest().encode()


def _scans(folder: Path) -> Iterator[tuple[float, Path]]:
    for path in folder.glob("scan_*.json"):
        with contextlib.suppress(OSError):  # another scan may just have dropped it
            yield path.stat().st_mtime, path


def _file(folder: Path, fingerprint: str) -> Path:
    return folder / f"scan_{fingerprint}.json"
