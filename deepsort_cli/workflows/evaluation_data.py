"""The images of an evaluation, which an export is measured on too."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepsort_cli.core.counted import counted
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener
from deepsort_cli.data.loading import advise, load_manifest, load_query_gallery, made_comparable
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.data.roots import check_root, part_folders
from deepsort_cli.data.splits import split_by_identity, without_cameras
from deepsort_cli.evaluation.settings import EvaluationDataSettings


@dataclass(frozen=True)
class Learned:
    """Whom a model learned from.

    Attributes:
        fingerprint: of the dataset.
        pids: their numbers in it; None where the model's file does not say them.
    """

    fingerprint: str
    pids: Collection[int] | None = None

    def about(self, query: Manifest, *, tested: bool = False) -> str:
        """What to know before the model looks for these people; empty where it may well never have seen them.

        Args:
            tested: whether the dataset itself calls them people to test on, whom no training uses.
        """
        if self.fingerprint != query.fingerprint:
            return ""
        memory = "how well it remembers them, not how well it finds others"
        if self.pids is None:
            if tested:
                return ""
            return (
                f"it comes from a training on this dataset: of people it learned from the figures say {memory}; only "
                "those held out then tell that (the same `data.val_ratio` and seed)"
            )
        people = np.unique(query.pids[query.pids > 0])
        again = int(np.isin(people, list(self.pids)).sum())
        if not again:
            return ""
        which = "the" if again == len(people) else f"{again:,} of the"
        return (
            f"it learned from {which} {counted(len(people), 'person', 'people')} looked for here: the figures, and a "
            f"threshold from them, say {memory}; evaluate on others"
        )


def load_query_and_gallery(
    settings: EvaluationDataSettings, listener: Listener | None = None, *, ignore_camera: bool = False
) -> tuple[Manifest, Manifest]:
    """The query and the gallery that the settings name, and a word on what is wrong with them.

    Raises:
        InputError: none or too much is named, a folder cannot be used, or evaluating on it would mean nothing.
    """
    listener = listener or Listener()
    scan = settings.scan.model_copy(update={"drop_small": False})  # a query folder has one image per identity

    def progress(done: int, total: int) -> None:
        listener.progress("scanning", done, total)

    def load(folder: Path) -> Manifest:
        return load_manifest(folder, scan, progress=progress, notify=listener.note)

    def checked(query: Manifest, gallery: Manifest) -> tuple[Manifest, Manifest]:
        advise(query=query, gallery=gallery, settings=scan, ignore_camera=ignore_camera, warn=listener.warn)
        return query, gallery

    query, gallery, root = settings.query, settings.gallery, settings.root
    if root is not None and (query is not None or gallery is not None):
        raise InputError(
            "`data.root` stands for both sets: give either `data.root`, or `data.query` and `data.gallery`."
        )
    if root is not None:
        if settings.val_ratio is not None:
            whole = load_manifest(root, settings.scan, progress=progress, notify=listener.note)
            advise(gallery=whole, settings=scan, ignore_camera=ignore_camera, warn=listener.warn)
            whole = without_cameras(whole) if ignore_camera else whole
            _, queries, rest = split_by_identity(whole, settings.val_ratio, settings.seed)
            return queries, rest
        check_root(root)
        if not {"query", "gallery"} & set(part_folders(root, scan).values()):
            raise InputError(
                f"`data.root` {root}: holds no query and gallery folders. To evaluate on a share of its "
                "identities, add "
                "for example `data.val_ratio`=0.2; else give `data.query` and `data.gallery`."
            )
        return checked(*load_query_gallery(root, scan, progress=progress, notify=listener.note))
    if settings.val_ratio is not None:
        raise InputError("`data.val_ratio` splits the folder given with `data.root`, which is missing.")
    if query is None or gallery is None:
        missing = " and ".join(f"`data.{name}`" for name in ("query", "gallery") if getattr(settings, name) is None)
        raise InputError(
            f"{missing} missing: give `data.query` and `data.gallery`, or `data.root`, the folder of a "
            "Market-1501-style dataset."
        )
    for key, folder in (("data.query", query), ("data.gallery", gallery)):
        check_root(folder)
        if part_folders(folder, scan):
            raise InputError(
                f"`{key}` {folder}: is a whole dataset. Give one of its folders, or use `data.root`={folder}."
            )
    return checked(*made_comparable(load(query), load(gallery)))
