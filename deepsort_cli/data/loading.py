"""The images that a command works with, and what it should say about them first."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from deepsort_cli.core.counted import counted
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import printable
from deepsort_cli.data.checks import find_in_use
from deepsort_cli.data.checks.unusable import better_root
from deepsort_cli.data.finding import count_reasons
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.data.naming import Names
from deepsort_cli.data.result import ScanResult
from deepsort_cli.data.roots import check_root, has_lists, part_folders
from deepsort_cli.data.scan import scan_dataset
from deepsort_cli.data.settings import SCAN_DEFAULTS, ScanSettings
from deepsort_cli.data.tables import is_table
from deepsort_cli.data.workers import Progress

REFUSED = ("trained_on_test", "split_folders_as_people", "camera_folders_as_people", "query_copies")
"""Findings that make the result meaningless where they are errors; all others are told and no more."""


def advise(
    train: Manifest | None = None,
    query: Manifest | None = None,
    gallery: Manifest | None = None,
    settings: ScanSettings = SCAN_DEFAULTS,
    *,
    ignore_camera: bool = False,
    warn: Callable[[str], None],
) -> None:
    """Say what a scan knows about images before somebody trains on them or evaluates with them.

    Args:
        train: images to train on, distractors and junk included.
        query, gallery: images to evaluate on.
        settings: `accept` holds the codes of findings that shall not stop the command.
        ignore_camera: whether every image is to count as another camera.
        warn: told each finding in a sentence or two.

    Raises:
        InputError: a finding makes the result meaningless and is not accepted, or `accept` holds an unknown code.
    """
    unknown = [code for code in settings.accept if code not in REFUSED]
    if unknown:
        raise InputError(f"`data.scan.accept` {', '.join(unknown)}: only these can be accepted: {', '.join(REFUSED)}.")
    findings = find_in_use(train, query, gallery, settings, ignore_camera=ignore_camera)
    for finding in findings:
        if finding.severity == "error" and finding.code in REFUSED and finding.code not in settings.accept:
            raise InputError(f"{finding.sentence()} To go on all the same: `data.scan.accept`={finding.code}.")
    for finding in findings:
        if finding.severity != "info":
            warn(finding.sentence())


def load_manifest(
    root: Path,
    settings: ScanSettings = SCAN_DEFAULTS,
    *,
    progress: Progress | None = None,
    notify: Callable[[str], None] | None = None,
) -> Manifest:
    """The usable images to train on: of `root`, or of its train part where it is split into parts.

    Args:
        root: the dataset folder, or a CSV.
        settings: what to check.
        progress: called with the number of files done and the total while files are read.
        notify: told in one line what was left out and where the result is kept.

    Raises:
        InputError: `root` is no readable folder, holds no train part, or not one usable image.
        RunError: a worker process died.
    """
    root = Path(root)
    check_root(root)
    names = part_folders(root, settings)
    parts = {role: name for name, role in reversed(names.items())}
    if not parts:
        return usable_manifest(scan_dataset(root, settings, progress=progress), notify)
    if "train" not in parts:
        found = ", ".join(names)
        raise InputError(f"{root}: found {found} but no train part. Give the folder with the images to use.")
    if notify:
        others = [name for name, role in names.items() if role == "train" and name != parts["train"]]
        beside = f" ({', '.join(others)} not used)" if others else ""
        notify(f"Using the {parts['train']} {_kind(root, settings)} of {root}{beside}.")
    if _is_table(root, settings):
        result = scan_dataset(root, settings, progress=progress)
        unsaid = len(result.in_roles(("",)))
        if notify and unsaid:
            notify(
                f"{counted(unsaid, 'image')} of {root} without a split {'is' if unsaid == 1 else 'are'} not used, "
                "because other lines have one. Write train there to use them."
            )
        return usable_manifest(result, notify, ("train",))
    return usable_manifest(scan_dataset(root / parts["train"], settings, progress=progress), notify)


def load_query_gallery(
    root: Path,
    settings: ScanSettings = SCAN_DEFAULTS,
    *,
    progress: Progress | None = None,
    notify: Callable[[str], None] | None = None,
) -> tuple[Manifest, Manifest]:
    """The query and the gallery of a dataset that holds both, as Market-1501 does.

    Raises:
        InputError: `root` is no readable dataset, lacks one of the two, or one holds no usable image.
        RunError: a worker process died.
    """
    root = Path(root)
    check_root(root)
    every = part_folders(root, settings)
    names = {role: name for name, role in reversed(every.items())}
    missing = [role for role in ("query", "gallery") if role not in names]
    if missing:
        raise InputError(
            f"{root}: no {' and no '.join(missing)} folder in it. "
            "Expected `query` and `bounding_box_test` (or `gallery`, `test`, `image_query`, …)."
        )
    settings = settings.model_copy(update={"drop_small": False})  # one query per identity is as it should be
    if _is_table(root, settings):
        result = scan_dataset(root, settings, progress=progress)
        return usable_manifest(result, notify, ("query",)), usable_manifest(result, None, ("gallery",))
    for role in ("query", "gallery"):
        beside = [name for name, of in every.items() if of == role and name != names[role]]
        if notify and beside:
            notify(f"Using the {names[role]} folder of {root} as {role} ({', '.join(beside)} not used).")
    query = usable_manifest(scan_dataset(root / names["query"], settings, progress=progress), notify)
    gallery = usable_manifest(scan_dataset(root / names["gallery"], settings, progress=progress), notify)
    return made_comparable(query, other_cameras(gallery, query))


def other_cameras(gallery: Manifest, query: Manifest) -> Manifest:
    """The gallery with camera ids that do not collide with the query's where either has none of its own."""
    if gallery.has_cameras and query.has_cameras:
        return gallery
    return replace(gallery, camids=gallery.camids + query.camids.max(initial=0), has_cameras=False)


def made_comparable(query: Manifest, gallery: Manifest) -> tuple[Manifest, Manifest]:
    """Two sets that were scanned each for itself, with camera ids such that an image without a camera in its name
    shares one with itself only.

    Each set numbers such images for itself, so that those of the other would seem to come from the same cameras.

    Raises:
        InputError: names of people in the two would be confused, see `naming.Names`.
    """
    people = Names("people")
    for images in (query, gallery):
        for pid, name in images.people.items():
            people.add(name, pid, printable(str(images.root)))
    if not (query.has_cameras and gallery.has_cameras):
        return query, gallery
    numbers: dict[Path, int] = {}
    named = [x.camids if x.unnamed is None else x.camids[~x.unnamed] for x in (query, gallery)]
    following = 1 + int(np.concatenate(named).max(initial=0))

    def numbered(images: Manifest) -> Manifest:
        if images.unnamed is None:
            return images
        camids, folder = images.camids.copy(), images.root.resolve()
        for i in np.flatnonzero(images.unnamed).tolist():
            camids[i] = numbers.setdefault(folder / images.paths[i], following + len(numbers))
        return replace(images, camids=camids)

    return numbered(query), numbered(gallery)


def usable_manifest(
    result: ScanResult, notify: Callable[[str], None] | None, roles: Collection[str] | None = None
) -> Manifest:
    """The manifest of a scan, or of some of its parts, with a word on what is missing from it.

    Raises:
        InputError: it holds no image.
    """
    manifest = result.manifest if roles is None else result.in_roles(roles)
    if len(manifest) == 0:
        reasons = ", ".join(f"{count} {reason}" for reason, count in count_reasons(result.invalid).items())
        which = f" in {' or '.join(roles)}" if roles and len(result.images) else ""
        raise InputError(
            f"{result.root}: no usable image{which} ({reasons or 'it holds no image files'}). "
            f"{better_root(result.invalid)} `deepsort scan` of {result.root} tells more."
        )
    if notify:
        for note in result.notes:
            notify(note)
        if result.invalid:
            reasons = ", ".join(f"{count} {reason}" for reason, count in count_reasons(result.invalid).items())
            notify(
                f"{counted(len(result.invalid), 'file')} of {result.root} left out ({reasons}). "
                "`deepsort scan` of that folder lists them."
            )
        dropped = len(result.images) - len(result.manifest)
        if dropped:
            notify(
                f"{counted(dropped, 'image')} of identities with fewer than {result.settings.min_samples} images left "
                "out."
            )
    return manifest


def _is_table(root: Path, settings: ScanSettings) -> bool:
    return is_table(root) or has_lists(root, settings)


def _kind(root: Path, settings: ScanSettings) -> str:
    return "split" if is_table(root) else "list" if has_lists(root, settings) else "folder"
