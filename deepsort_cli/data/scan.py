"""Scan a Re-ID dataset: which images are usable, who is on them, and what is wrong with the rest."""

from __future__ import annotations

import datetime
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.types import IntArray
from deepsort_cli.data import cache
from deepsort_cli.data.duplicates import near_pairs
from deepsort_cli.data.files import Listing, Problem, list_files
from deepsort_cli.data.findings import Finding, better_root, find
from deepsort_cli.data.images import (
    NO_CAMERA,
    THUMB_SIZE,
    Limits,
    Verdict,
    check_image,
    digest_of,
    read_file,
    thumbnail,
)
from deepsort_cli.data.layouts import (
    Label,
    Part,
    arrange,
    is_image_name,
    number_cameras,
    split_parts,
)
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.data.settings import SCAN_DEFAULTS, ScanSettings
from deepsort_cli.data.workers import Progress, for_each_file


@dataclass(frozen=True)
class ScanResult:
    """What a scan found.

    Attributes:
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

    images: Manifest
    parts: tuple[Part, ...]
    part_of: IntArray
    shapes: IntArray
    flags: IntArray
    digests: npt.NDArray[np.void]
    near: IntArray | None
    invalid: tuple[Problem, ...]
    skipped: tuple[Problem, ...]
    settings: ScanSettings
    created: str = ""
    seconds: float = 0.0
    from_cache: bool = False
    notes: tuple[str, ...] = ()

    @property
    def root(self) -> Path:
        """The dataset folder."""
        return self.images.root

    @property
    def fingerprint(self) -> str:
        """SHA-1 over relative paths and sizes of all files."""
        return self.images.fingerprint

    @cached_property
    def manifest(self) -> Manifest:
        """The usable images, without those of small identities to train on where `drop_small` asks for it."""
        if not self.settings.drop_small:
            return self.images
        trained = np.array([part.role in ("train", "") for part in self.parts])[self.part_of]
        people, counts = np.unique(self.images.pids[trained], return_counts=True)
        small = people[(counts < self.settings.min_samples) & (people > 0)]
        return self.images[~(trained & np.isin(self.images.pids, small))]

    @cached_property
    def image_set(self) -> frozenset[str]:
        """Paths of the usable images."""
        return frozenset(self.images.paths)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong with the dataset, the worst first."""
        return find(self)


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
    result, notes = _recall(listing, fingerprint, root, settings)
    compare = compare and settings.near_duplicates
    if result is not None and (result.near is not None or not compare):
        return replace(result, from_cache=True, notes=tuple(notes))
    if result is None:
        result = _check_files(root, listing, fingerprint, settings, progress)
    if compare:
        result = replace(result, near=find_near_duplicates(result, listing, comparing))
    result = replace(result, seconds=time.perf_counter() - start, notes=tuple(notes))
    return _remember(result, listing) if settings.use_cache else result


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


def scan_with_test(
    root: Path,
    test_root: Path | None = None,
    settings: ScanSettings = SCAN_DEFAULTS,
    *,
    stage: Callable[[str, int, int], None] | None = None,
) -> ScanResult:
    """The full audit of a dataset, near-duplicates included, and against a test set kept elsewhere where one is given.

    Args:
        root: the dataset folder.
        test_root: a folder with test images, or None.
        settings: what to check.
        stage: called with what is being done, the number of files done and the total.

    Raises:
        InputError: a folder cannot be read, or one lies inside the other.
        RunError: a worker process died.
    """

    def told(what: str) -> Progress | None:
        return partial(stage, what) if stage else None

    if test_root is None:
        return scan_dataset(root, settings, compare=True, progress=told("checking"), comparing=told("comparing"))
    train = scan_dataset(root, settings, progress=told("checking"))
    test = scan_dataset(test_root, settings, progress=told("checking the test set"))
    both = _join(train, test)
    if not settings.near_duplicates:
        return both
    listing = Listing(both.root)
    for result in (train, test):
        start = os.path.relpath(result.root.resolve(), both.root)
        targets = list_files(result.root, settings.link_sources, settings.cache_dir).targets
        listing.targets.update({f"{start}/{path}": target for path, target in targets.items()})
    return replace(both, near=find_near_duplicates(both, listing, told("comparing")))


def _join(train: ScanResult, test: ScanResult) -> ScanResult:
    """Two scans as one of the folder that holds both; what is not split is all training, or all gallery."""
    roots = [train.root.resolve(), test.root.resolve()]
    if roots[0].is_relative_to(roots[1]) or roots[1].is_relative_to(roots[0]):
        raise InputError(f"--test-root {test.root} and --root {train.root}: one lies inside the other. Scan that one.")
    common = Path(os.path.commonpath(roots))
    parts: list[Part] = []
    problems: list[list[Problem]] = [[], []]
    paths: list[str] = []
    for result, start, role in zip((train, test), roots, ("train", "gallery"), strict=True):
        prefix = start.relative_to(common).as_posix()
        parts += [Part(f"{prefix}/{part.folder}".rstrip("/"), part.role or role, part.layout) for part in result.parts]
        paths += [f"{prefix}/{path}" for path in result.images.paths]
        for kind, found in zip(problems, (result.invalid, result.skipped), strict=True):
            kind += [problem._replace(path=f"{prefix}/{problem.path}") for problem in found]
    first, second = train.images, test.images
    camids = second.camids if first.has_cameras and second.has_cameras else second.camids + first.camids.max(initial=0)
    return ScanResult(
        images=Manifest(
            common,
            tuple(paths),
            np.concatenate([first.pids, second.pids]),
            np.concatenate([first.camids, camids]),
            first.has_cameras or second.has_cameras,
            hashlib.sha1(f"{first.fingerprint} {second.fingerprint}".encode(), usedforsecurity=False).hexdigest(),
        ),
        parts=tuple(parts),
        part_of=np.concatenate([train.part_of, test.part_of + len(train.parts)]),
        shapes=np.concatenate([train.shapes, test.shapes]),
        flags=np.concatenate([train.flags, test.flags]),
        digests=np.concatenate([train.digests, test.digests]),
        near=None,
        invalid=tuple(problems[0]),
        skipped=tuple(problems[1]),
        settings=train.settings,
        created=max(train.created, test.created),
        seconds=train.seconds + test.seconds,
        from_cache=train.from_cache and test.from_cache,
        notes=(*train.notes, *test.notes),
    )


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
    chosen: list[tuple[str, int, Label]] = []
    for path, index in part_of.items():
        part = parts[index]
        label = part.label(path)
        if not part.is_place_for(path):
            invalid.append(Problem(path, "misplaced", f"expected {part.layout.place}"))
        elif label is None:
            invalid.append(Problem(path, "unparsed_name", f"not a {part.layout.name} name"))
        else:
            chosen.append((path, index, label))
    limits = Limits(settings.paranoid, settings.min_side, settings.max_pixels)
    files = [listing.real_path(path) for path, _, _ in chosen]
    verdicts = for_each_file(partial(check_image, limits=limits), files, settings.workers, progress)
    good: list[tuple[str, int, Label, Verdict]] = []
    for (path, index, label), verdict in zip(chosen, verdicts, strict=True):
        if verdict.reason:
            invalid.append(Problem(path, verdict.reason, verdict.detail))
        else:
            good.append((path, index, label, verdict))
    cameras, has_cameras = number_cameras([label.camera for _, _, label, _ in good])
    images = Manifest(
        root=root,
        paths=tuple(path for path, _, _, _ in good),
        pids=np.array([label.pid for _, _, label, _ in good], dtype=np.int64),
        camids=cameras,
        has_cameras=has_cameras,
        fingerprint=fingerprint,
    )
    return ScanResult(
        images=images,
        parts=parts,
        part_of=np.array([index for _, index, _, _ in good], dtype=np.int64),
        shapes=np.array([verdict[2:4] for _, _, _, verdict in good], dtype=np.int64).reshape(-1, 2),
        flags=np.array(
            [verdict.flags | (NO_CAMERA if label.camera is None else 0) for _, _, label, verdict in good],
            dtype=np.int64,
        ),
        digests=np.array([verdict.digest for _, _, _, verdict in good], dtype="V8"),
        near=None,
        invalid=tuple(sorted(invalid)),
        skipped=tuple(sorted(skipped)),
        settings=settings,
        created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    )


_DECISIVE = ("layout", "min_side", "max_pixels", "link_sources")
"""Settings that change which files are valid: another value needs another scan."""


def _options(settings: ScanSettings) -> dict[str, Any]:
    return settings.model_dump(mode="json", include={*_DECISIVE, "paranoid"})


def _recall(
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
            return _from_json(data, root, settings), notes
    return None, notes


def _is_about(stored: dict[str, Any], listing: Listing) -> bool:
    """Whether a cache, which may have come with a foreign dataset, lists only files found below this root."""
    problems = {problem.path for problem in listing.problems}
    return set(listing.paths).issuperset(stored["valid"]["path"]) and problems.isdisjoint(stored["valid"]["path"])


def _still_holds(stored: dict[str, Any], listing: Listing, settings: ScanSettings) -> bool:
    """Whether a remembered scan of files with these names and sizes answers what is asked now.

    Files changed since (by the file system's clock, so copied ones too) are read again and compared by content.
    """
    had, wanted = stored["options"], _options(settings)
    if any(had[key] != wanted[key] for key in _DECISIVE) or (wanted["paranoid"] and not had["paranoid"]):
        return False
    changed = np.flatnonzero(np.array(listing.changed, dtype=np.int64) >= stored["newest"])
    if len(changed) == 0:
        return True
    digests = bytes.fromhex(stored["valid"]["digest"])
    place = {path: 8 * i for i, path in enumerate(stored["valid"]["path"])}
    for i in changed:
        path = listing.paths[i]
        at = place.get(path)
        try:
            if at is not None and digest_of(read_file(listing.real_path(path))) != digests[at : at + 8]:
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
        images=images,
        parts=tuple(Part.from_json(part) for part in data["parts"]),
        part_of=np.array(valid["part"], dtype=np.int64),
        shapes=np.array([valid["width"], valid["height"]], dtype=np.int64).T,
        flags=np.array(valid["flags"], dtype=np.int64),
        digests=np.frombuffer(bytes.fromhex(valid["digest"]), dtype="V8"),
        near=None if near is None else np.array(near, dtype=np.int64).reshape(-1, 2),
        invalid=tuple(Problem(*problem) for problem in data["invalid"]),
        skipped=tuple(Problem(*problem) for problem in data["skipped"]),
        settings=settings,
        created=data["created"],
        seconds=data["seconds"],
    )
