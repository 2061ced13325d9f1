"""When a remembered scan still answers, and how a scan is written down."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from deepsort_cli.core.errors import RunError
from deepsort_cli.core.files import write_reason
from deepsort_cli.core.images import read_file
from deepsort_cli.data import cache
from deepsort_cli.data.files import Listing, Problem
from deepsort_cli.data.images import NO_CAMERA, digest_of
from deepsort_cli.data.layouts import Layout, Part
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.data.result import ScanResult
from deepsort_cli.data.settings import ScanSettings

_DECISIVE = ("layout", "pattern", "min_side", "max_pixels", "link_sources")
"""Settings that change which files are valid: another value needs another scan."""

MOST_PLACES = 8
"""Folders with the same names and sizes that one remembered scan answers for: copies, mounts, the dataset moved."""


def _options(settings: ScanSettings) -> dict[str, Any]:
    return settings.model_dump(mode="json", include={*_DECISIVE, "paranoid"})


def recall(
    listing: Listing, fingerprint: str, root: Path, settings: ScanSettings
) -> tuple[ScanResult | None, list[str]]:
    """The remembered scan of these files, or None; and what the user should know about it."""
    notes: list[str] = []
    if not settings.use_cache or settings.force_rescan:
        return None, notes
    for folder in cache.folders(root, settings.cache_dir):
        data, note = cache.load(folder, fingerprint)
        notes += [note] if note else []
        if data is None:
            continue
        if not _is_about(data, listing):
            notes.append(f"The cache in {folder} does not fit the files; it is rebuilt.")
        elif _still_holds(data, listing, settings):
            newest = max(listing.changed, default=0)
            if newest > _known_until(data, listing):  # compared once is enough
                with contextlib.suppress(OSError, RunError):
                    cache.store(folder, fingerprint, data | {"newest": _with(data["newest"], listing)})
            return _from_json(data, root, settings), notes
    return None, notes


def _known_until(stored: dict[str, Any], listing: Listing) -> int:
    """When the newest file in this place had been changed as it was last compared; −1 for a place not seen before."""
    return int(stored["newest"].get(_place(listing), -1))


def _place(listing: Listing) -> str:
    """Stands for the dataset's folder: a dataset that is passed on takes its cache along, but no path of its owner."""
    return digest_of(os.fsencode(listing.root)).hex()


def _with(places: dict[str, int], listing: Listing) -> dict[str, int]:
    """The places that a remembered scan holds for, with this one."""
    here = _place(listing)
    others = [(place, newest) for place, newest in places.items() if place != here]
    return dict([*others[1 - MOST_PLACES :], (here, max(listing.changed, default=0))])


def _is_about(stored: dict[str, Any], listing: Listing) -> bool:
    """Whether a cache, which may have come with a foreign dataset, lists only files found below this root."""
    valid = stored["valid"]["path"]
    if valid != listing.paths and not set(listing.paths).issuperset(valid):
        return False
    return {problem.path for problem in listing.problems}.isdisjoint(valid if listing.problems else ())


def _still_holds(stored: dict[str, Any], listing: Listing, settings: ScanSettings) -> bool:
    """Whether a remembered scan of files with these names and sizes answers what is asked now.

    Files changed since (by the file system's clock, so copied ones too) are read again and compared by content. So are
    all files in a place not seen before: of two datasets with equal names and sizes in one cache folder, as of pictures
    without compression, one may be older than the scan of the other.
    """
    had, wanted = stored["options"], _options(settings)
    if any(had.get(key) != wanted[key] for key in _DECISIVE) or (wanted["paranoid"] and not had.get("paranoid")):
        return False
    changed = np.flatnonzero(np.array(listing.changed, dtype=np.int64) >= _known_until(stored, listing))
    if len(changed) == 0:
        return True
    suspects = {listing.paths[i] for i in changed}
    digests = stored["valid"]["digest"]
    known = {path: digests[16 * i : 16 * i + 16] for i, path in enumerate(stored["valid"]["path"]) if path in suspects}
    known |= {path: digest for path, _, _, digest in stored["invalid"] if digest is not None and path in suspects}
    return all(_digest_now(listing.real_path(path)) == digest for path, digest in known.items())


def _digest_now(file: str) -> str:
    """Digest of a file's contents, in hexadecimal; empty when it cannot be read."""
    try:
        return digest_of(read_file(file, follow_links=False)).hex()
    except (OSError, OverflowError):
        return ""


def remember(result: ScanResult, listing: Listing) -> ScanResult:
    data = _to_json(result, _with({}, listing))
    wanted, *fallbacks = cache.folders(result.root, result.settings.cache_dir)
    reason = ""
    for folder in (wanted, *fallbacks):
        try:
            cache.store(folder, result.fingerprint, data)
        except (OSError, RunError) as error:
            reason = reason or write_reason(error.__cause__ or error)
            continue
        if folder != wanted:
            note = f"{wanted} cannot be written ({reason}); the scan is remembered in {folder}."
            return replace(result, notes=(*result.notes, note))
        return result
    note = f"The scan cannot be remembered in {wanted} ({reason}). Give another folder with data.scan.cache_dir."
    return replace(result, notes=(*result.notes, note))


def _to_json(result: ScanResult, newest: dict[str, int]) -> dict[str, Any]:
    images = result.images
    return {
        "scanner_version": cache.SCANNER_VERSION,
        "fingerprint": result.fingerprint,
        "created": result.created,
        "seconds": round(result.seconds, 3),
        "options": _options(result.settings),
        "newest": newest,
        "parts": [part.to_json() for part in result.parts],
        "has_cameras": images.has_cameras,
        "valid": {
            "path": images.paths,
            "pid": images.pids.tolist(),
            "camera": images.camids.tolist(),
            "part": result.part_of.tolist(),
            "width": result.shapes[:, 0].tolist(),
            "height": result.shapes[:, 1].tolist(),
            "flags": result.flags.tolist(),
            "digest": result.digests.tobytes().hex(),
        },
        "invalid": result.invalid,
        "skipped": result.skipped,
        "near_duplicates": None if result.near is None else result.near.tolist(),
    }


def _from_json(data: dict[str, Any], root: Path, settings: ScanSettings) -> ScanResult:
    valid = data["valid"]
    near = data["near_duplicates"]
    digests = np.frombuffer(bytes.fromhex(valid["digest"]), dtype="V8")
    parts = tuple(Part.from_json(part) for part in data["parts"])
    flags = np.array(valid["flags"], dtype=np.int64)
    unnamed = (flags & NO_CAMERA) > 0
    images = Manifest(
        root,
        tuple(valid["path"]),
        np.array(valid["pid"], dtype=np.int64),
        np.array(valid["camera"], dtype=np.int64),
        data["has_cameras"],
        data["fingerprint"],
        digests,
        parts[0].layout if len(parts) == 1 else Layout(""),
        unnamed if data["has_cameras"] and unnamed.any() else None,
    )
    return ScanResult(
        images=images,
        parts=parts,
        part_of=np.array(valid["part"], dtype=np.int64),
        shapes=np.array([valid["width"], valid["height"]], dtype=np.int64).T,
        flags=flags,
        digests=digests,
        near=None if near is None else np.array(near, dtype=np.int64).reshape(-1, 2),
        invalid=tuple(Problem(*problem) for problem in data["invalid"]),
        skipped=tuple(Problem(*problem) for problem in data["skipped"]),
        settings=settings,
        created=data["created"],
        seconds=data["seconds"],
    )
