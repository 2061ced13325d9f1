"""Dividing a dataset for training, validation and evaluation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deepsort_cli.core.errors import InputError
from deepsort_cli.data.manifest import Manifest


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
