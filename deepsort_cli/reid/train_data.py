"""The images of a run: read, split, checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.types import IntArray
from deepsort_cli.data.loading import advise, load_manifest, load_query_gallery
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.data.splits import HANDFUL, choose_held_out, hold_out, without_cameras
from deepsort_cli.evaluation.protocol import without_distractors
from deepsort_cli.reid.settings import INSTANCES, DataSettings, TrainingSettings

IGNORED_CAMERAS = (
    "cameras are ignored: finding a person again in the same camera counts as well. That is easier, so the validation "
    "figures are higher than they would be between cameras, and not to be compared with published ones."
)


@dataclass(frozen=True)
class TrainData:
    """Attributes:
    train: images to learn from.
    classes: (N,) class of each, 0 … C − 1.
    pids: (C,) the person of each class.
    query, gallery: images to validate on; both None without validation.
    held_out: one line on who is validated on, and why.
    warnings: what the user should know about that.
    """

    train: Manifest
    classes: IntArray
    pids: IntArray
    query: Manifest | None
    gallery: Manifest | None
    held_out: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Manifest, ...]:
        """The pictures of the folder that is learned from: those that are, and those that are held out."""
        others = [part for part in (self.query, self.gallery) if part is not None and part.root == self.train.root]
        return (self.train, *others)

    def identity(self) -> dict[str, Any]:
        """What tells one choice of images from another; kept in checkpoints and compared on resume."""
        images, labels = hashlib.sha1(), hashlib.sha1(self.train.pids.tobytes())
        for part in (self.train, self.query, self.gallery):
            images.update(repr(None if part is None else (part.fingerprint, part.paths)).encode())
            if part is not None and part is not self.train:  # cameras count where people are looked for
                labels.update(np.stack([part.pids, part.camids]).tobytes())
        return {
            "fingerprint": self.train.fingerprint,
            "training images": len(self.train),
            "training identities": len(self.pids),
            "queries": 0 if self.query is None else len(self.query),
            "choice of images": images.hexdigest()[:12],
            "people and cameras on them": labels.hexdigest()[:12],
        }


def load_data(settings: DataSettings, seed: int, listener: Listener, *, halves: bool = False) -> TrainData:
    """Read the dataset and hold out what is validated on.

    Args:
        halves: whether halves of a few people can be tried instead of holding some out, see `reid.halves`.

    Raises:
        InputError: no dataset given, an empty or unreadable one, or nothing to validate on in it.
    """
    if settings.root is None:
        raise InputError("no dataset given. Set `data.root` to a folder of person crops.")

    def scanning(done: int, of: int) -> None:
        listener.progress("checking images", done, of)

    train = load_manifest(settings.root, settings.scan, progress=scanning, notify=listener.note)
    query = gallery = None
    if settings.test_root is not None:
        query, gallery = load_query_gallery(settings.test_root, settings.scan, progress=scanning, notify=listener.note)
        query = without_distractors(query, listener.note)
    advise(train, query, gallery, settings.scan, ignore_camera=settings.ignore_camera, warn=listener.warn)
    train = train[train.pids > 0]  # neither distractors nor junk
    warnings = _about_cameras(train, settings.ignore_camera)
    if settings.ignore_camera:
        train = without_cameras(train)
    if query is not None and gallery is not None:
        if settings.ignore_camera:
            query = without_cameras(query)
            gallery = without_cameras(gallery, 1 + len(query))
        if not _has_match(query, gallery):
            raise InputError(
                f"{settings.test_root}: no query has an image of its person under another camera in the gallery, "
                "so there is nothing to validate on. Set `data.ignore_camera`=true to count every image "
                "as another camera."
            )
        people = len(np.unique(query.pids))
        held_out = f"{people} {'person' if people == 1 else 'people'} of {settings.test_root}"
        if people < HANDFUL:
            warnings.append(f"{held_out} are too few to measure by, {HANDFUL} is the least that means something")
    else:
        choice = choose_held_out(train, settings.val_ratio, halves=halves)
        held_out = choice.reason
        if choice.doubtful:
            warnings.append(choice.reason)
        if choice.identities:
            train, query, gallery = hold_out(train, choice.identities, seed)
    pids, classes = np.unique(train.pids, return_inverse=True)
    return TrainData(train, classes.astype(np.int64), pids, query, gallery, held_out, tuple(warnings))


def fit_batches(data: TrainData, settings: TrainingSettings, processes: int = 1) -> tuple[TrainingSettings, list[str]]:
    """Make sure that batches of P identities with K images can be drawn.

    Returns:
        The settings with a batch size, chosen for the people there are where none is given; remarks.

    Raises:
        InputError: too few identities or images, or a batch that does not divide among the processes.
    """
    if len(data.pids) < 2:
        raise InputError(
            f"{data.train.root}: {len(data.pids)} {'identity' if len(data.pids) == 1 else 'identities'} to train on; "
            "telling people apart takes at least 2. Add people, or hold fewer out (`data.val_ratio`)."
        )
    counts = np.bincount(data.classes)
    if settings.instances is None:
        # A batch size that was given has to hold whole people.
        most = settings.images_per_identity if settings.batch_size else min(INSTANCES, max(int(counts.max()), 2))
        settings = settings.model_copy(update={"instances": most})
    instances = settings.images_per_identity
    if settings.batch_size is None:
        fitting = min(settings.images_per_step // instances, len(data.pids)) // processes * processes
        settings = settings.model_copy(update={"batch_size": max(fitting, 2) * instances})
    batch_size = settings.images_per_step
    identities = batch_size // instances
    if len(data.pids) < identities:
        raise InputError(
            f"{data.train.root}: {len(data.pids)} identities to train on, but a batch of {batch_size} takes "
            f"{identities} with {instances} images each. Use `training.batch_size`={len(data.pids) * instances}, or "
            "none."
        )
    if counts.max() < instances:
        fewer = f"Use `training.instances`={counts.max()}, or add images." if counts.max() > 1 else "Add images."
        raise InputError(
            f"{data.train.root}: no identity has {instances} images to train on, the most is {counts.max()}. {fewer}"
        )
    if batch_size % (processes * instances):
        raise InputError(
            f"`training.batch_size` {batch_size} does not divide among {processes} processes in whole identities of "
            f"{instances} images. Use a multiple of {processes * instances}."
        )
    few = int((counts < instances).sum())
    if not few:
        return settings, []
    return settings, [
        f"{few} of {len(counts)} identities have fewer than {instances} images; theirs are repeated in a batch"
    ]


def _about_cameras(train: Manifest, ignored: bool) -> list[str]:
    if ignored:
        return [IGNORED_CAMERAS]
    if train.has_cameras and len(np.unique(train.camids)) == 1:
        return [
            "all pictures are of one camera: nothing teaches the model how people look under another, so expect less "
            "there"
        ]
    return []


def _has_match(query: Manifest, gallery: Manifest) -> bool:
    seen: dict[int, set[int]] = {}
    for pid, camid in zip(gallery.pids.tolist(), gallery.camids.tolist(), strict=True):
        seen.setdefault(pid, set()).add(camid)
    return any(seen.get(p, set()) - {c} for p, c in zip(query.pids.tolist(), query.camids.tolist(), strict=True))
