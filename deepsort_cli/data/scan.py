"""Scan a Re-ID dataset: which images are usable, who is on them, and what is wrong with the rest."""

from __future__ import annotations

import datetime
import time
from dataclasses import replace
from functools import partial
from itertools import compress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deepsort_cli.core.images import is_image_name
from deepsort_cli.core.types import IntArray
from deepsort_cli.data.duplicates import near_pairs
from deepsort_cli.data.files import Listing, Problem, list_files, list_named
from deepsort_cli.data.images import NO_CAMERA, THUMB_SIZE, Limits, check_image, thumbnail
from deepsort_cli.data.layouts import Label, Layout, Part, arrange, number_cameras
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.data.memory import recall, remember
from deepsort_cli.data.naming import ZERO_PERSON, compile_pattern
from deepsort_cli.data.result import ScanResult
from deepsort_cli.data.roots import check_root, has_lists
from deepsort_cli.data.settings import SCAN_DEFAULTS, ScanSettings
from deepsort_cli.data.tables import LISTS, Table, is_table, read_csv, read_lists
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
        root: a folder of identity folders, a folder of flat names, one that holds such parts (train, query, …) or
            MSMT17's list files, or a CSV that names images.
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
    if settings.pattern:
        compile_pattern(settings.pattern)
    start = time.perf_counter()
    listing, table = list_dataset(root, settings)
    root = root.absolute().parent if is_table(root) else root
    fingerprint = listing.fingerprint(table.digest if table else "")
    result, notes = recall(listing, fingerprint, root, settings)
    compare = compare and settings.near_duplicates
    if result is not None and (result.near is not None or not compare):
        return replace(result, from_cache=True, notes=tuple(notes))
    if result is None:
        placed = _by_table(listing, table) if table else _by_place(listing, settings)
        result = _check_files(root, listing, fingerprint, placed, settings, progress)
    if compare:
        result = replace(result, near=find_near_duplicates(result, listing, comparing))
    result = replace(result, seconds=time.perf_counter() - start, notes=tuple(notes))
    return remember(result, listing) if settings.use_cache else result


def find_near_duplicates(result: ScanResult, listing: Listing, progress: Progress | None = None) -> IntArray:
    """(M, 2) positions of nearly equal images that differ in identity, camera or side of the split.

    Byte-identical files are compared once, junk (pid −1) not at all. Where names carry no camera, queries are compared
    with the gallery images of their own person too: no protocol leaves those out.
    """
    images = result.images
    named = np.flatnonzero(images.pids >= 0)
    _, first = np.unique(result.digests[named], return_index=True)
    first = np.sort(named[first])
    files = [listing.real_path(images.paths[i]) for i in first]
    thumbs = for_each_file(thumbnail, files, result.settings.workers, progress)
    first = first[np.array([bool(thumb) for thumb in thumbs], dtype=bool)]
    stacked = np.frombuffer(b"".join(thumbs), dtype=np.uint8).reshape(len(first), THUMB_SIZE[0] * THUMB_SIZE[1])
    tested = np.array([part.is_test for part in result.parts] or [False])[result.part_of[first]]
    cameras = images.camids[first]
    if not images.has_cameras:
        cameras = np.array([part.role == "query" for part in result.parts] or [False])[result.part_of[first]]
    pairs: IntArray = first[near_pairs(stacked, np.stack([images.pids[first], cameras, tested], axis=1))]
    return pairs


class _Placed(NamedTuple):
    """The files of a dataset, judged by name and place: those to read, with part and label, and the others."""

    parts: tuple[Part, ...]
    paths: list[str]
    part_of: list[int]
    labels: list[Label]
    invalid: list[Problem]
    skipped: list[Problem]
    people: dict[int, str]


def list_dataset(root: Path, settings: ScanSettings) -> tuple[Listing, Table | None]:
    """The files of a dataset, and the table that says who is on them, where there is one."""
    if is_table(root):
        table = read_csv(root)
        return list_named(root.parent, [entry.path for entry in table.entries], settings.link_sources), table
    listing = list_files(root, settings.link_sources, settings.cache_dir)
    if not has_lists(root, settings):
        return listing, None
    return listing, read_lists(root, [path for path in listing.paths if "/" not in path], listing.paths)


def _by_table(listing: Listing, table: Table) -> _Placed:
    """What a table names; images that it does not name are no part of the dataset."""
    roles = list(dict.fromkeys(entry.role for entry in table.entries))
    parts = tuple(Part(role, role, Layout(table.layout)) for role in roles)
    placed = _Placed(parts, [], [], [], list(listing.problems), [], table.people)
    broken = {problem.path for problem in listing.problems}
    known = set(listing.paths)
    for entry in table.entries:
        if entry.path not in known:
            placed.invalid.append(Problem(entry.path, "missing"))
        elif entry.path not in broken:
            placed.paths.append(entry.path)
            placed.part_of.append(roles.index(entry.role))
            placed.labels.append(entry.label)
    for path in known.difference(placed.paths, broken, LISTS):
        placed.skipped.append(Problem(path, "unlisted" if is_image_name(path) else "other_file"))
    return placed


def _by_place(listing: Listing, settings: ScanSettings) -> _Placed:
    """What lies where the layout of the dataset has images."""
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
    parts, part_of, outside = arrange(candidates, settings.layout, settings.pattern)
    skipped += [Problem(path, "other_folder") for path in outside]
    placed = _Placed(parts, [], [], [], invalid, skipped, {})
    for path, index in part_of.items():
        part = parts[index]
        label = part.label(path)
        if not part.is_place_for(path):
            invalid.append(Problem(path, "misplaced", f"expected {part.layout.place}"))
        elif label is None:
            invalid.append(
                Problem(
                    path,
                    "unparsed_name",
                    "the pattern does not match" if settings.pattern else f"not a {part.layout.name} name",
                )
            )
        else:
            placed.paths.append(path)
            placed.part_of.append(index)
            placed.labels.append(label)
            if label.pid > ZERO_PERSON and label.pid not in placed.people and (name := part.person_name(path)):
                placed.people[label.pid] = name
    return placed


def _check_files(
    root: Path,
    listing: Listing,
    fingerprint: str,
    placed: _Placed,
    settings: ScanSettings,
    progress: Progress | None,
) -> ScanResult:
    """Read the files that could be images of the dataset."""
    paths, labels, invalid = placed.paths, placed.labels, placed.invalid
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
    part_of = list(compress(placed.part_of, good))
    verdicts = list(compress(verdicts, good))
    cameras, has_cameras = number_cameras([label.camera for label in labels])
    digests = np.frombuffer(b"".join([verdict.digest for verdict in verdicts]), dtype="V8")
    unnamed = np.array([label.camera is None for label in labels], dtype=bool)
    images = Manifest(
        root=root,
        paths=tuple(paths),
        pids=np.array([label.pid for label in labels], dtype=np.int64),
        camids=cameras,
        has_cameras=has_cameras,
        fingerprint=fingerprint,
        digests=digests,
        layout=placed.parts[0].layout if len(placed.parts) == 1 else Layout(""),
        unnamed=unnamed if has_cameras and unnamed.any() else None,
        people=placed.people,
    )
    return ScanResult(
        images=images,
        parts=placed.parts,
        part_of=np.array(part_of, dtype=np.int64),
        shapes=np.array([verdict[2:4] for verdict in verdicts], dtype=np.int64).reshape(-1, 2),
        flags=np.array([verdict.flags for verdict in verdicts], dtype=np.int64) | NO_CAMERA * unnamed,
        digests=digests,
        near=None,
        invalid=tuple(sorted(invalid)),
        skipped=tuple(sorted(placed.skipped)),
        settings=settings,
        created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    )
