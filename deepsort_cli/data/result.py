"""What a scan of a dataset found."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.types import IntArray
from deepsort_cli.data.files import Problem
from deepsort_cli.data.layouts import Part
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.data.settings import ScanSettings


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

    def in_roles(self, roles: Collection[str]) -> Manifest:
        """The images of `manifest` that lie in parts with one of these roles."""
        kept = np.array([part.role in roles for part in self.parts] or [False])[self.part_of]
        if len(self.manifest) < len(self.images):
            kept &= np.isin(self.images.paths, self.manifest.paths)
        return self.images[kept]

    @cached_property
    def image_set(self) -> frozenset[str]:
        """Paths of the usable images."""
        return frozenset(self.images.paths)
