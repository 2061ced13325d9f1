"""Remembering a scan: one JSON file per state of the dataset, named by its fingerprint."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deepsort_cli.core.files import atomic_open
from deepsort_cli.data.files import CACHE_FOLDER

SCANNER_VERSION = 1
"""Raised whenever checks or the form of the cache change; older caches are then rebuilt."""

KEPT_STATES = 4
"""Caches of older states of a dataset kept beside the newest."""


def user_cache_folder() -> Path:
    """The user's own cache folder, for datasets that cannot be written to."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    return Path(base) / "deepsort" / "scans"


def folders(root: Path, cache_dir: Path | None) -> tuple[Path, ...]:
    """Where a scan of `root` may be kept, best first."""
    return (cache_dir,) if cache_dir is not None else (root / CACHE_FOLDER, user_cache_folder())


def load(folder: Path, fingerprint: str) -> tuple[dict[str, Any] | None, str]:
    """The remembered scan, or None; and a word on why a file that is there cannot be used."""
    path = _file(folder, fingerprint)
    try:
        data = json.loads(path.read_bytes())
        if data["fingerprint"] != fingerprint:
            raise ValueError("it belongs to other files")
        version = data["scanner_version"]
    except FileNotFoundError:
        return None, ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        return None, f"the cache {path} is damaged ({type(error).__name__}: {error}); it is rebuilt"
    if version != SCANNER_VERSION:
        return None, f"the cache was written by scanner version {version}; it is rebuilt"
    return data, ""


def store(folder: Path, fingerprint: str, data: dict[str, Any]) -> None:
    """Write a scan atomically and drop the oldest states.

    Raises:
        OSError: if the folder cannot be written.
    """
    path = _file(folder, fingerprint)
    with atomic_open(path) as stream:
        stream.write(json.dumps(data, separators=(",", ":")))
    others = sorted(_scans(folder), reverse=True)
    for _, old in others[KEPT_STATES + 1 :]:
        with contextlib.suppress(OSError):
            old.unlink()


def _scans(folder: Path) -> Iterator[tuple[float, Path]]:
    for path in folder.glob("scan_*.json"):
        with contextlib.suppress(OSError):  # another scan may just have dropped it
            yield path.stat().st_mtime, path


def _file(folder: Path, fingerprint: str) -> Path:
    return folder / f"scan_{fingerprint}.json"
