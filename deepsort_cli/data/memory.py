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
from deepsort_cli.data.files import CACHE_FOLDER, Listing, Problem
from deepsort_cli.data.images import NO_CAMERA, digest_of
from deepsort_cli.data.layouts import Layout, Part
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.data.result import ScanResult
from deepsort_cli.data.settings import ScanSettings

_DECISIVE = ("layout", "pattern", "min_side", "max_pixels", "link_sources")
"""Settings that change which files are valid: another value needs another scan."""

SETTLED = 2_000_000_000
"""Nanoseconds: what file systems count times in, at most."""

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
            continue
        place = _place(folder, listing)
        known_until = int(data["newest"].get(place, -1))
        if _still_holds(data, listing, settings, known_until):
            if _compared_until(listing) > known_until:  # compared once is enough
                with contextlib.suppress(OSError, RunError):
                    cache.store(folder, fingerprint, data | {"newest": _with(data["newest"], place, listing)})
            return _from_json(data, root, settings), notes
    return None, notes


def _place(folder: Path, listing: Listing) -> str:
    """What stands for the dataset's folder in a cache: nothing in its own, which goes with it wherever it is moved."""
    inside = folder.resolve() == listing.root / CACHE_FOLDER
    return "" if inside else digest_of(os.fsencode(listing.root)).hex()


def _with(places: dict[str, int], place: str, listing: Listing) -> dict[str, int]:
    """Place → time from which changes there are still to be compared, for those that a remembered scan holds for."""
    others = [(one, newest) for one, newest in places.items() if one != place]
    return dict([*others[1 - MOST_PLACES :], (place, _compared_until(listing))])


def _compared_until(listing: Listing) -> int:
    """From when on a change is one that was not compared: after the newest one, where that was over when the files
    were listed. Else it may be followed by another of the same time: all files behind a link are as new as the link."""
    newest = max(listing.changed, default=0)
    return newest + 1 if newest + SETTLED < listing.begun else newest


def _is_about(stored: dict[str, Any], listing: Listing) -> bool:
    """Whether a cache, which may have come with a foreign dataset, lists only files found below this root."""
    valid = stored["valid"]["path"]
    if valid != listing.paths and not set(listing.paths).issuperset(valid):
        return False
    return {problem.path for problem in listing.problems}.isdisjoint(valid if listing.problems else ())


def _still_holds(stored: dict[str, Any], listing: Listing, settings: ScanSettings, known_until: int) -> bool:
    """Whether a remembered scan of files with these names and sizes answers what is asked now.

    Files changed since `known_until` (by the file system's clock, so copied ones too) are read again and compared by
    content. So are all files of a place not seen before (−1): of two datasets with equal names and sizes in one cache
    folder, as of pictures without compression, one may be older than the scan of the other.
    """
    had, wanted = stored["options"], _options(settings)
    if any(had.get(key) != wanted[key] for key in _DECISIVE) or (wanted["paranoid"] and not had.get("paranoid")):
        return False
    changed = np.flatnonzero(np.array(listing.changed, dtype=np.int64) >= known_until)
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
    wanted, *fallbacks = cache.folders(result.root, result.settings.cache_dir)
    reason = ""
    for folder in (wanted, *fallbacks):
        try:
            newest = _with({}, _place(folder, listing), listing)
            cache.store(folder, result.fingerprint, _to_json(result, newest))
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
        "people": {str(pid): name for pid, name in images.people.items()},
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
        {int(pid): name for pid, name in data["people"].items()},
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
