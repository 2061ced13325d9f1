"""Dividing a dataset for training, validation and evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from deepsort_cli.core.errors import InputError
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.data.scan import check_root, part_folders, scan_dataset, usable_manifest
from deepsort_cli.data.settings import SCAN_DEFAULTS, ScanSettings
from deepsort_cli.data.workers import Progress


def split_by_identity(manifest: Manifest, val_ratio: float, seed: int) -> tuple[Manifest, Manifest, Manifest]:
    """Hold out whole identities for validation and divide them into queries and gallery.

    As in Market-1501 there is one query per identity and camera, and every query finds an image of its identity in
    the gallery under another camera (any other image where the dataset has no cameras). Identities that cannot
    offer that stay in training. Distractors (pid 0) and junk images (pid −1) are left out.

    Args:
        manifest: the images to divide.
        val_ratio: share of the identities to hold out, 0 < val_ratio < 1; at least one.
        seed: chooses the identities and the queries.

    Returns:
        train, query, gallery.

    Raises:
        InputError: `val_ratio` is out of range, or no identity can be held out with another left to train on.
    """
    if not 0.0 < val_ratio < 1.0:
        raise InputError(f"val_ratio {val_ratio}: expected a share between 0 and 1, for example 0.1.")
    named = np.flatnonzero(manifest.pids > 0)
    named = named[np.argsort(manifest.pids[named], kind="stable")]
    people, starts = np.unique(manifest.pids[named], return_index=True)
    images_of = dict(zip(people.tolist(), np.split(named, starts[1:]), strict=False))
    able = [pid for pid in images_of if _can_validate(manifest, images_of[pid])]
    if not able or len(people) < 2:
        what = "seen by two cameras" if manifest.has_cameras else "with two images"
        remedy = ", pass --ignore-camera to match images of one camera as well" if manifest.has_cameras else ""
        raise InputError(
            f"{manifest.root}: no identity can be held out for validation: {len(people)} identities, "
            f"{len(able)} of them {what}. Give a test folder instead{remedy}, or add images."
        )
    rng = np.random.default_rng(seed)
    wanted = min(max(1, round(val_ratio * len(people))), len(able), len(people) - 1)
    held_out = np.sort(rng.choice(able, size=wanted, replace=False))
    query: list[int] = []
    gallery: list[int] = []
    for pid in held_out:
        chosen = _choose_queries(manifest, images_of[int(pid)], rng)
        query += chosen
        gallery += [int(i) for i in images_of[int(pid)] if i not in chosen]
    train = np.sort(named[~np.isin(manifest.pids[named], held_out)])
    return manifest[train], manifest[sorted(query)], manifest[sorted(gallery)]


def load_query_gallery(
    root: Path,
    settings: ScanSettings = SCAN_DEFAULTS,
    *,
    progress: Progress | None = None,
    notify: Callable[[str], None] | None = None,
) -> tuple[Manifest, Manifest]:
    """The query and the gallery of a folder that holds both, as Market-1501 does.

    Raises:
        InputError: `root` is no readable folder, lacks one of the two, or one holds no usable image.
        RunError: a worker process died.
    """
    root = Path(root)
    check_root(root)
    folders = {role: folder for folder, role in part_folders(root).items()}
    missing = [role for role in ("query", "gallery") if role not in folders]
    if missing:
        raise InputError(
            f"{root}: no {' and no '.join(missing)} folder in it. "
            "Expected `query` and `bounding_box_test` (or `gallery`)."
        )
    settings = settings.model_copy(update={"drop_small": False})  # one query per identity is as it should be
    query = usable_manifest(scan_dataset(root / folders["query"], settings, progress=progress), notify)
    gallery = usable_manifest(scan_dataset(root / folders["gallery"], settings, progress=progress), notify)
    return query, other_cameras(gallery, query)


def other_cameras(gallery: Manifest, query: Manifest) -> Manifest:
    """The gallery with camera ids that do not collide with the query's where either has none of its own."""
    if gallery.has_cameras and query.has_cameras:
        return gallery
    return replace(gallery, camids=gallery.camids + query.camids.max(initial=0), has_cameras=False)


def without_cameras(images: Manifest, first: int = 1) -> Manifest:
    """The same images, each seen by a camera of its own; their numbers begin with `first`."""
    camids = np.arange(first, first + len(images), dtype=np.int64)
    return replace(images, camids=camids, has_cameras=False)


def _can_validate(manifest: Manifest, images: np.ndarray) -> bool:
    return len(np.unique(manifest.camids[images])) >= 2


def _choose_queries(manifest: Manifest, images: np.ndarray, rng: np.random.Generator) -> list[int]:
    """Positions of the queries of one identity: one per camera, yet one image under another camera stays behind."""
    if not manifest.has_cameras:
        return [int(rng.choice(images))]
    camera_of = manifest.camids
    queries: list[int] = []
    for camera in np.unique(camera_of[images]):
        candidate = [*queries, int(rng.choice(images[camera_of[images] == camera]))]
        left = {int(camera_of[i]) for i in images if i not in candidate}
        if all(left - {int(camera_of[query])} for query in candidate):
            queries = candidate
    return queries
