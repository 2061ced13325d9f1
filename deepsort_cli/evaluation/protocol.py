"""Query and gallery made ready for the protocol, before any embedding is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from deepsort_cli.core.counted import counted
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.types import IntArray
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.evaluation.ranking import JUNK

DISTRACTOR = 0
"""Person id of gallery images that show nobody of the queries."""


@dataclass(frozen=True)
class Counts:
    """How much data there is.

    Attributes:
        gallery_distractors: gallery images of people that no query shows.
        cameras: of both sets together; 0 where camera ids are not used.
    """

    queries: int
    query_identities: int
    gallery_images: int
    gallery_identities: int
    gallery_distractors: int
    cameras: int


@dataclass(frozen=True)
class EvaluationData:
    """A query and a gallery set without junk, whose camera ids can be compared.

    Attributes:
        query: Q images to look for.
        gallery: G images to look in.
        has_cameras: False where camera ids are not used: then an image is kept only from matching itself.
        notes: what a reader of the figures must know about the data.
    """

    query: Manifest
    gallery: Manifest
    has_cameras: bool
    notes: tuple[str, ...]

    @cached_property
    def names(self) -> dict[int, str]:
        """Person id → name, of people who are known by one."""
        return self.gallery.names() | self.query.names()

    def who(self, pid: int) -> str:
        """A person by name where there is one, else by number."""
        return self.names.get(int(pid), str(pid))

    @cached_property
    def counts(self) -> Counts:
        query, gallery = self.query, self.gallery
        return Counts(
            len(query),
            len(np.unique(query.pids)),
            len(gallery),
            len(np.unique(gallery.pids)),
            int(np.sum(~np.isin(gallery.pids, query.pids))),
            len(np.unique(np.concatenate([query.camids, gallery.camids]))) if self.has_cameras else 0,
        )


def prepare(
    query: Manifest, gallery: Manifest, *, ignore_camera: bool = False, key: str = "evaluation.ignore_camera"
) -> EvaluationData:
    """Take junk and what is no query out, settle what counts as a camera, and make sure that something can be measured.

    Where names carry no camera in one of the sets, or with `ignore_camera`, query and gallery count as different
    cameras; only a file that is in both sets does not match itself.

    Args:
        key: the setting that `ignore_camera` comes from, for messages.

    Raises:
        InputError: a set is empty, no query identity is in the gallery, or none was seen by a second camera.
    """
    notes: list[str] = []
    query, gallery = (_without_junk(name, x, notes) for name, x in (("query", query), ("gallery", gallery)))
    query = without_distractors(query, notes.append)
    for name, images in (("query", query), ("gallery", gallery)):
        if len(images) == 0:
            raise InputError(f"the {name} set {images.root} holds no usable image. Check it with `deepsort scan`.")
    _check_identities(query, gallery, notes)

    has_cameras = query.has_cameras and gallery.has_cameras and not ignore_camera
    if not has_cameras:
        query, gallery = _one_camera_per_file(query, gallery)
        reason = f"`{key}` is on" if ignore_camera else "the file names carry no camera"
        notes.append(
            f"Query and gallery count as different cameras, because {reason}. Figures are higher than under the "
            "cross-camera protocol where one camera took several images of a person."
        )
    skipped = _without_match(query, gallery)
    if skipped.all():
        cameras = np.unique(np.concatenate([query.camids, gallery.camids]))
        seen = f"all images come from camera {cameras[0]}" if len(cameras) == 1 else "nobody was seen by two cameras"
        if not has_cameras:
            raise InputError("no query has a match in the gallery other than itself. Give other images as gallery.")
        raise InputError(
            f"no query has a match under another camera: {seen}. The protocol leaves out matches from the query's own "
            f"camera, so nothing can be measured. Set `{key}`=true to count every image as another camera."
        )
    if skipped.any():
        notes.append(
            f"{counted(int(skipped.sum()), 'query', 'queries')} of {len(query)} without a correct gallery image from "
            f"{'another camera' if has_cameras else 'another file'} {'is' if skipped.sum() == 1 else 'are'} skipped."
        )
    return EvaluationData(query, gallery, has_cameras, tuple(notes))


def _without_junk(name: str, images: Manifest, notes: list[str]) -> Manifest:
    junk = images.pids == JUNK
    if not junk.any():
        return images
    notes.append(f"{counted(int(junk.sum()), 'junk image')} (person id −1) left out of the {name} set.")
    return images[~junk]


def without_distractors(query: Manifest, tell: Callable[[str], None]) -> Manifest:
    """The queries without those of pid 0, who are many people and no one's match, and a word on it.

    Raises:
        InputError: there are no others.
    """
    distractors = query.pids == DISTRACTOR
    if not distractors.any():
        return query
    if distractors.all():
        raise InputError(
            f"the query set {query.root} holds distractors alone (person id {DISTRACTOR}): nobody knows who is on "
            "them, so there is nothing to find. Give people ids from 1 on."
        )
    count = int(distractors.sum())
    tell(
        f"{counted(count, 'distractor')} (person id 0) left out of the query set: nobody knows who is on "
        f"{'it' if count == 1 else 'them'}, so there is nothing to find."
    )
    return query[~distractors]


def _first(pids: IntArray, names: Mapping[int, str]) -> str:
    """The first people, by name where they have one."""
    return ", ".join(names.get(pid, str(pid)) for pid in pids[:5].tolist()) + (", …" if len(pids) > 5 else "")


def _check_identities(query: Manifest, gallery: Manifest, notes: list[str]) -> None:
    identities = np.unique(query.pids)
    missing = identities[~np.isin(identities, gallery.pids)]
    if not len(missing):
        return
    names = gallery.names() | query.names()
    examples = _first(missing, names)
    if len(missing) == len(identities):
        there = _first(np.unique(gallery.pids), names)
        raise InputError(
            f"none of the {len(identities)} query identities ({examples}) is in the gallery (it has {there}). "
            f"Do {query.root} and {gallery.root} belong to the same dataset?"
        )
    images = int(np.isin(query.pids, missing).sum())
    notes.append(
        f"{counted(len(missing), 'query identity', 'query identities')} of {len(identities)} "
        f"({counted(images, 'image')}) not in the gallery: {examples}."
    )


def _one_camera_per_file(query: Manifest, gallery: Manifest) -> tuple[Manifest, Manifest]:
    """Camera ids such that only one and the same file shares a camera with itself."""
    numbers: dict[Path, int] = {}

    def number(images: Manifest) -> IntArray:
        folder = images.root.resolve()
        ids = [numbers.setdefault(folder / path, len(numbers)) for path in images.paths]
        return np.array(ids, dtype=np.int64)

    return replace(query, camids=number(query)), replace(gallery, camids=number(gallery))


def _without_match(query: Manifest, gallery: Manifest) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(Q,) whether no gallery image shows the query's person from another camera."""
    cameras: dict[int, set[int]] = {}
    for pid, camid in zip(gallery.pids.tolist(), gallery.camids.tolist(), strict=True):
        cameras.setdefault(pid, set()).add(camid)
    return np.array(
        [
            not (cameras.get(pid, set()) - {camid})
            for pid, camid in zip(query.pids.tolist(), query.camids.tolist(), strict=True)
        ]
    )
