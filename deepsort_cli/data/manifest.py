"""The validated list of images that training and evaluation start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.files import printable
from deepsort_cli.core.types import Index, IntArray
from deepsort_cli.data.layouts import Layout
from deepsort_cli.data.naming import ZERO_PERSON


@dataclass(frozen=True)
class Manifest:
    """N valid person crops of one dataset folder.

    Attributes:
        root: the dataset folder.
        paths: N paths relative to `root`, with forward slashes.
        pids: (N,) int64 person ids as named in the dataset; 0 is a distractor, −1 junk.
        camids: (N,) int64 camera ids.
        has_cameras: False where names carry no camera; then every image counts as its own camera.
        fingerprint: SHA-1 over relative paths and sizes of the dataset's files.
        digests: (N,) 8 bytes each, equal for equal files; None where they are not known.
        layout: how the paths are to be read.
        unnamed: (N,) whether an image's name carries no camera while others' do, so that it counts as a camera of its
            own; None where all carry one, or none does.
        people: person id → what the person is called in the dataset, where the id is a number made of the name.
    """

    root: Path
    paths: tuple[str, ...]
    pids: IntArray
    camids: IntArray
    has_cameras: bool
    fingerprint: str
    digests: npt.NDArray[np.void] | None = None
    layout: Layout = field(default_factory=lambda: Layout(""))
    unnamed: npt.NDArray[np.bool_] | None = None
    people: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: Index) -> Manifest:
        """The images at a slice, boolean mask or array of positions."""
        chosen = np.arange(len(self))[index]
        paths = tuple(self.paths[i] for i in chosen)
        digests = None if self.digests is None else self.digests[chosen]
        unnamed = None if self.unnamed is None else self.unnamed[chosen]
        pids, camids = self.pids[chosen], self.camids[chosen]
        return replace(self, paths=paths, pids=pids, camids=camids, digests=digests, unnamed=unnamed)

    def file(self, i: int) -> Path:
        """The absolute path of image `i`."""
        return self.root / self.paths[i]

    def names(self) -> dict[int, str]:
        """Person id → what the person is called in the dataset, printable, of those here whose id is one of ours."""
        called = {ZERO_PERSON: "0", **self.people}
        return {pid: printable(called[pid]) for pid in np.unique(self.pids).tolist() if pid in called}
