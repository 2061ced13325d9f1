"""Scan a Re-ID dataset: which images are usable, who is on them, and what is wrong with the rest."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.types import IntArray
from deepsort_cli.data import cache
from deepsort_cli.data.duplicates import near_pairs
from deepsort_cli.data.files import Listing, Problem, list_files
from deepsort_cli.data.images import Limits, digest_of, read_file
from deepsort_cli.data.layouts import (
    Label,
    Part,
    arrange,
    is_image_name,
    number_cameras,
    read_label,
    right_place,
    split_parts,
)
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.data.settings import SCAN_DEFAULTS, ScanSettings
from deepsort_cli.data.workers import Progress, check_files


@dataclass(frozen=True)
class ScanResult:
    """What a scan found.

    Attributes:
        root: the dataset folder.
        images: all N usable images.
        parts: the folders the dataset is split into; one with an empty name where it is not split.
        part_of: (N,) index into `parts`.
        shapes: (N, 2) int64 width and height in pixels.
        flags: (N,) int64 sums of the flags in `deepsort_cli.data.images`.
        digests: (N,) bytes, 8 bytes of SHA-1 of each image's file.
        near: (M, 2) int64 positions of nearly equal images; None when they were not looked for.
        invalid: image files that cannot be used.
        skipped: files that are no images of this dataset.
        settings: what the scan was told.
        created: when the files were read, ISO 8601.
        seconds: how long that took.
        from_cache: whether that was an earlier scan.
        notes: remarks for the user on how the result came about.
    """

    root: Path
    images: Manifest
    parts: tuple[Part, ...]
    part_of: IntArray
    shapes: IntArray
    flags: IntArray
    digests: npt.NDArray[np.bytes_]
    near: IntArray | None
    invalid: tuple[Problem, ...]
    skipped: tuple[Problem, ...]
    settings: ScanSettings
    created: str = ""
    seconds: float = 0.0
    from_cache: bool = False
    notes: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """SHA-1 over relative paths and sizes of all files."""
        return self.images.fingerprint

    @cached_property
    def manifest(self) -> Manifest:
        """The usable images, without those of small identities where `drop_small` asks for it."""
        if not self.settings.drop_small:
            return self.images
        _, identity, counts = np.unique(
            np.stack([self.part_of, self.images.pids]), axis=1, return_inverse=True, return_counts=True
        )
        return self.images[counts[identity.ravel()] >= self.settings.min_samples]


def scan_dataset(root: Path, settings: ScanSettings = SCAN_DEFAULTS, *, progress: Progress | None = None) -> ScanResult:
    """Check every file of a dataset, or remember what the last scan of the same files found.

    Args:
        root: a folder of identity folders, a folder of flat names, or one that holds such parts (train, query, …).
        settings: what to check.
        progress: called with the number of files done and the total while files are read.

    Raises:
        InputError: `root` is no readable folder.
        RunError: a worker process died.
    """
    root = Path(root)
    check_root(root)
    start = time.perf_counter()
    listing = list_files(root, settings.link_sources, settings.cache_dir)
    fingerprint = listing.fingerprint()
    notes: list[str] = []
    if settings.use_cache and not settings.force_rescan:
        for folder in cache.folders(root, settings.cache_dir):
            stored, note = cache.load(folder, fingerprint)
            notes += [note] if note else []
            if stored is not None and _still_holds(stored, listing, settings):
                return replace(_from_json(stored, root, settings), from_cache=True, notes=tuple(notes))
    result = _scan(root, listing, fingerprint, settings, progress)
    result = replace(result, seconds=time.perf_counter() - start, notes=tuple(notes))
    return _remember(result, listing) if settings.use_cache else result


def load_manifest(
    root: Path,
    settings: ScanSettings = SCAN_DEFAULTS,
    *,
    progress: Progress | None = None,
    notify: Callable[[str], None] | None = None,
) -> Manifest:
    """The usable images to train on: of `root`, or of its train part where it is split into parts.

    Args:
        root: the dataset folder.
        settings: what to check.
        progress: called with the number of files done and the total while files are read.
        notify: told in one line what was left out and where the result is kept.

    Raises:
        InputError: `root` is no readable folder, holds no train part, or not one usable image.
        RunError: a worker process died.
    """
    root = Path(root)
    check_root(root)
    parts = {role: folder for folder, role in part_folders(root).items()}
    if parts:
        if "train" not in parts:
            found = ", ".join(parts.values())
            raise InputError(f"{root}: found {found} but no train folder. Give the folder with the images to use.")
        root = root / parts["train"]
        if notify:
            notify(f"Using the {parts['train']} folder of {root.parent}.")
    return _usable(scan_dataset(root, settings, progress=progress), notify)


def _usable(result: ScanResult, notify: Callable[[str], None] | None) -> Manifest:
    """The manifest of a scan, with a word on what is missing from it."""
    manifest = result.manifest
    if len(manifest) == 0:
        reasons = ", ".join(f"{count} {reason}" for reason, count in count_reasons(result.invalid).items())
        raise InputError(
            f"{result.root}: no usable image ({reasons or 'the folder holds no image files'}). "
            f"Run `deepsort scan --root {result.root}` to see why."
        )
    if notify:
        for note in result.notes:
            notify(note)
        if result.invalid:
            reasons = ", ".join(f"{count} {reason}" for reason, count in count_reasons(result.invalid).items())
            notify(
                f"{len(result.invalid)} files of {result.root} are left out ({reasons}). "
                f"`deepsort scan --root {result.root}` lists them."
            )
        dropped = len(result.images) - len(manifest)
        if dropped:
            notify(f"{dropped} images of identities with fewer than {result.settings.min_samples} images are left out.")
    return manifest


def count_reasons(problems: Sequence[Problem]) -> dict[str, int]:
    """How often each reason occurs, the most frequent first."""
    counts: dict[str, int] = {}
    for problem in problems:
        counts[problem.reason] = counts.get(problem.reason, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def part_folders(root: Path) -> dict[str, str]:
    """Folders directly in `root` that split it into parts: name → role; empty when it is not split."""
    with os.scandir(root) as entries:
        return split_parts(f"{entry.name}/" for entry in entries if entry.is_dir(follow_symlinks=False))


def check_root(root: Path) -> None:
    """Make sure that a dataset folder can be read.

    Raises:
        InputError: it is missing, no folder, or not readable.
    """
    try:
        with os.scandir(root):
            pass
    except FileNotFoundError:
        raise InputError(f"{root}: no such folder. Give the folder that holds the dataset.") from None
    except NotADirectoryError:
        raise InputError(f"{root}: this is a file. Give the folder that holds the dataset.") from None
    except OSError as error:
        raise InputError(f"{root}: cannot be read ({error.strerror}).") from None


def _scan(
    root: Path, listing: Listing, fingerprint: str, settings: ScanSettings, progress: Progress | None
) -> ScanResult:
    """Read all files."""
    invalid = list(listing.problems)
    skipped: list[Problem] = []
    broken = {problem.path for problem in listing.problems}
    candidates: list[str] = []
    for path in listing.paths:
        name = path[path.rfind("/") + 1 :]
        if path in broken:
            continue
        if path.startswith(".") or "/." in path:
            skipped.append(Problem(path, "hidden"))
        elif not is_image_name(name):
            skipped.append(Problem(path, "other_file"))
        else:
            candidates.append(path)
    parts, part_of, outside = arrange(candidates, settings.layout)
    skipped += [Problem(path, "other_folder") for path in outside]
    chosen: list[tuple[str, int, Label]] = []
    for path, part_index in part_of.items():
        part = parts[part_index]
        inner = path[len(part.folder) + 1 :] if part.folder else path
        label = read_label(part.layout, inner)
        if not right_place(part.layout, inner):
            expected = "in an identity folder" if part.layout.name == "folders" else "directly in the dataset's folder"
            invalid.append(Problem(path, "misplaced", f"images of this layout lie {expected}"))
        elif label is None:
            invalid.append(Problem(path, "unparsed_name", f"not a {part.layout.name} name"))
        else:
            chosen.append((path, part_index, label))
    limits = Limits(settings.paranoid, settings.near_duplicates, settings.min_side, settings.max_pixels)
    verdicts = check_files([listing.real_path(path) for path, _, _ in chosen], limits, settings.workers, progress)
    good = [i for i, verdict in enumerate(verdicts) if not verdict.reason]
    for (path, _, _), verdict in zip(chosen, verdicts, strict=True):
        if verdict.reason:
            invalid.append(Problem(path, verdict.reason, verdict.detail))
    cameras, has_cameras = number_cameras([chosen[i][2].camera for i in good])
    images = Manifest(
        root,
        tuple(chosen[i][0] for i in good),
        np.array([chosen[i][2].pid for i in good], dtype=np.int64),
        cameras,
        has_cameras,
        fingerprint,
    )
    thumbs = np.frombuffer(b"".join(verdicts[i].thumb for i in good), dtype=np.uint8)
    return ScanResult(
        root=root,
        images=images,
        parts=parts,
        part_of=np.array([chosen[i][1] for i in good], dtype=np.int64),
        shapes=np.array([verdicts[i][2:4] for i in good], dtype=np.int64).reshape(-1, 2),
        flags=np.array([verdicts[i].flags for i in good], dtype=np.int64),
        digests=np.array([verdicts[i].digest for i in good], dtype="S8"),
        near=near_pairs(thumbs.reshape(len(good), -1)) if settings.near_duplicates else None,
        invalid=tuple(sorted(invalid)),
        skipped=tuple(sorted(skipped)),
        settings=settings,
        created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    )


_DECISIVE = ("layout", "min_side", "max_pixels", "link_sources")
"""Settings that change which files are valid: another value needs another scan."""


def _options(settings: ScanSettings) -> dict[str, Any]:
    return settings.model_dump(mode="json", include={*_DECISIVE, "paranoid", "near_duplicates"})


def _still_holds(stored: dict[str, Any], listing: Listing, settings: ScanSettings) -> bool:
    """Whether a remembered scan of files with these names and sizes answers what is asked now.

    Files changed since (by the file system's clock, so copied ones too) are read again and compared by content.
    """
    had, wanted = stored["options"], _options(settings)
    if any(had[key] != wanted[key] for key in _DECISIVE):
        return False
    if any(wanted[key] and not had[key] for key in ("paranoid", "near_duplicates")):
        return False
    changed = [
        path for path, time_ns in zip(listing.paths, listing.changed, strict=True) if time_ns >= stored["newest"]
    ]
    if not changed:
        return True
    valid = stored["valid"]
    digests = dict(zip(valid["path"], _split_digests(valid["digest"]), strict=True))
    for path in changed:
        if path in digests:
            try:
                if digest_of(read_file(listing.real_path(path))) != digests[path]:
                    return False
            except (OSError, OverflowError):
                return False
    return True


def _remember(result: ScanResult, listing: Listing) -> ScanResult:
    data = _to_json(result, max(listing.changed, default=0))
    wanted, *fallbacks = cache.folders(result.root, result.settings.cache_dir)
    for folder in (wanted, *fallbacks):
        try:
            cache.store(folder, result.fingerprint, data)
        except OSError as error:
            reason = error.strerror or str(error)
            continue
        if folder != wanted:
            note = f"{wanted} cannot be written; the scan is remembered in {folder}."
            return replace(result, notes=(*result.notes, note))
        return result
    return replace(result, notes=(*result.notes, f"The scan cannot be remembered in {wanted} ({reason})."))


def _to_json(result: ScanResult, newest: int) -> dict[str, Any]:
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
    images = Manifest(
        root,
        tuple(valid["path"]),
        np.array(valid["pid"], dtype=np.int64),
        np.array(valid["camera"], dtype=np.int64),
        data["has_cameras"],
        data["fingerprint"],
    )
    return ScanResult(
        root=root,
        images=images,
        parts=tuple(Part.from_json(part) for part in data["parts"]),
        part_of=np.array(valid["part"], dtype=np.int64),
        shapes=np.array([valid["width"], valid["height"]], dtype=np.int64).T,
        flags=np.array(valid["flags"], dtype=np.int64),
        digests=np.frombuffer(bytes.fromhex(valid["digest"]), dtype="S8"),
        near=None if near is None else np.array(near, dtype=np.int64).reshape(-1, 2),
        invalid=tuple(Problem(*problem) for problem in data["invalid"]),
        skipped=tuple(Problem(*problem) for problem in data["skipped"]),
        settings=settings,
        created=data["created"],
        seconds=data["seconds"],
    )


def _split_digests(text: str) -> list[bytes]:
    data = bytes.fromhex(text)
    return [data[i : i + 8] for i in range(0, len(data), 8)]
