"""Scan a Re-ID dataset: which images are usable, who is on them, and what is wrong with the rest."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import compress
from pathlib import Path

import numpy as np

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.images import is_image_name
from deepsort_cli.core.types import IntArray
from deepsort_cli.data.duplicates import near_pairs
from deepsort_cli.data.files import Listing, Problem, list_files
from deepsort_cli.data.findings import better_root
from deepsort_cli.data.images import NO_CAMERA, THUMB_SIZE, Limits, check_image, thumbnail
from deepsort_cli.data.layouts import Label, arrange, number_cameras, split_parts
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.data.memory import recall, remember
from deepsort_cli.data.result import ScanResult, count_reasons
from deepsort_cli.data.settings import SCAN_DEFAULTS, ScanSettings
from deepsort_cli.data.workers import Progress, for_each_file


def scan_dataset(
    root: Path,
    settings: ScanSettings = SCAN_DEFAULTS,
    *,
    compare: bool = False,
    progress: Progress | None = None,
    comparing: Progress | None = None,
) -> ScanResult:
    """Check every file of a dataset, or remember what the last scan of the same files found.

    Args:
        root: a folder of identity folders, a folder of flat names, or one that holds such parts (train, query, …).
        settings: what to check.
        compare: also look for near-duplicates, where the settings allow it.
        progress: called with the number of files done and the total while files are checked.
        comparing: the same while pictures are compared.

    Raises:
        InputError: `root` is no readable folder.
        RunError: a worker process died.
    """
    root = Path(root)
    check_root(root)
    start = time.perf_counter()
    listing = list_files(root, settings.link_sources, settings.cache_dir)
    fingerprint = listing.fingerprint()
    result, notes = recall(listing, fingerprint, root, settings)
    compare = compare and settings.near_duplicates
    if result is not None and (result.near is not None or not compare):
        return replace(result, from_cache=True, notes=tuple(notes))
    if result is None:
        result = _check_files(root, listing, fingerprint, settings, progress)
    if compare:
        result = replace(result, near=find_near_duplicates(result, listing, comparing))
    result = replace(result, seconds=time.perf_counter() - start, notes=tuple(notes))
    return remember(result, listing) if settings.use_cache else result


def find_near_duplicates(result: ScanResult, listing: Listing, progress: Progress | None = None) -> IntArray:
    """(M, 2) positions of nearly equal images that differ in identity, camera or side of the split.

    Byte-identical files are compared once, junk (pid −1) not at all.
    """
    images = result.images
    _, first = np.unique(result.digests, return_index=True)
    first = np.sort(first[images.pids[first] >= 0])
    files = [listing.real_path(images.paths[i]) for i in first]
    thumbs = for_each_file(thumbnail, files, result.settings.workers, progress)
    first = first[np.array([bool(thumb) for thumb in thumbs], dtype=bool)]
    stacked = np.frombuffer(b"".join(thumbs), dtype=np.uint8).reshape(len(first), THUMB_SIZE[0] * THUMB_SIZE[1])
    tested = np.array([part.is_test for part in result.parts] or [False])[result.part_of[first]]
    cameras = images.camids[first] * images.has_cameras
    pairs: IntArray = first[near_pairs(stacked, np.stack([images.pids[first], cameras, tested], axis=1))]
    return pairs


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
    return usable_manifest(scan_dataset(root, settings, progress=progress), notify)


def usable_manifest(result: ScanResult, notify: Callable[[str], None] | None) -> Manifest:
    """The manifest of a scan, with a word on what is missing from it."""
    manifest = result.manifest
    if len(manifest) == 0:
        reasons = ", ".join(f"{count} {reason}" for reason, count in count_reasons(result.invalid).items())
        raise InputError(
            f"{result.root}: no usable image ({reasons or 'it holds no image files'}). {better_root(result.invalid)} "
            f"`deepsort scan --root {result.root}` tells more."
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


def _check_files(
    root: Path, listing: Listing, fingerprint: str, settings: ScanSettings, progress: Progress | None
) -> ScanResult:
    """Judge every file by name and place first, then read those that could be images of the dataset."""
    invalid = list(listing.problems)
    skipped: list[Problem] = []
    candidates: list[str] = []
    broken = {problem.path for problem in listing.problems}
    for path in listing.paths:
        if path in broken:
            continue
        if path.startswith(".") or "/." in path:
            skipped.append(Problem(path, "hidden"))
        elif not is_image_name(path):
            skipped.append(Problem(path, "other_file"))
        else:
            candidates.append(path)
    parts, part_of, outside = arrange(candidates, settings.layout)
    skipped += [Problem(path, "other_folder") for path in outside]
    paths: list[str] = []
    labels: list[Label] = []
    for path, index in part_of.items():
        part = parts[index]
        label = part.label(path)
        if not part.is_place_for(path):
            invalid.append(Problem(path, "misplaced", f"expected {part.layout.place}"))
        elif label is None:
            invalid.append(Problem(path, "unparsed_name", f"not a {part.layout.name} name"))
        else:
            paths.append(path)
            labels.append(label)
    limits = Limits(settings.paranoid, settings.min_side, settings.max_pixels)
    files = [listing.real_path(path) for path in paths]
    verdicts = for_each_file(partial(check_image, limits=limits), files, settings.workers, progress)
    invalid += [
        Problem(path, verdict.reason, verdict.detail, verdict.digest.hex())
        for path, verdict in zip(paths, verdicts, strict=True)
        if verdict.reason
    ]
    good = [not verdict.reason for verdict in verdicts]
    paths = list(compress(paths, good))
    labels = list(compress(labels, good))
    verdicts = list(compress(verdicts, good))
    cameras, has_cameras = number_cameras([label.camera for label in labels])
    no_camera = [NO_CAMERA if label.camera is None else 0 for label in labels]
    images = Manifest(
        root=root,
        paths=tuple(paths),
        pids=np.array([label.pid for label in labels], dtype=np.int64),
        camids=cameras,
        has_cameras=has_cameras,
        fingerprint=fingerprint,
    )
    return ScanResult(
        images=images,
        parts=parts,
        part_of=np.array([part_of[path] for path in paths], dtype=np.int64),
        shapes=np.array([verdict[2:4] for verdict in verdicts], dtype=np.int64).reshape(-1, 2),
        flags=np.array([verdict.flags for verdict in verdicts], dtype=np.int64) | np.array(no_camera, np.int64),
        digests=np.frombuffer(b"".join([verdict.digest for verdict in verdicts]), dtype="V8"),
        near=None,
        invalid=tuple(sorted(invalid)),
        skipped=tuple(sorted(skipped)),
        settings=settings,
        created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    )
