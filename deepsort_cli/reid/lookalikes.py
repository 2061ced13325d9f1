"""Folders that may show one person: tracks become folders unseen, and one person often has several tracks.

Two tracks with a picture of one frame are of two people. Two others are suspected where they look more alike than any
two that are known to be of two people, which is what their camera and this network make of different people. How far
apart two sets of looks are is half the squared distance of their means (`tracking.linking`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

import numpy as np
import torch

from deepsort_cli.core.preprocess import BoolArray, Float32Array, Preprocess
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.reid.backbones import Backbone
from deepsort_cli.reid.extract import extract_features

MOST_LOOKS, MOST_PICTURES, MOST_FOLDERS = 12, 2400, 600
"""Pictures looked at, of a folder and in all, and folders beyond which nobody looks."""
FEWEST_TOGETHER = 10
"""Pairs known to be of two people, below which it is not known how alike two people look."""
SHOWN = 5

ADVICE = (
    "{pairs} look more alike than any two folders with pictures of one frame: each pair may be one person, whom the "
    "network would learn to tell from himself. Look at them, and put the pictures of one person into one folder "
    "(crops of linked tracks are, as far as the tracker can tell)"
)


def find_lookalikes(
    parts: Sequence[Manifest], model: Backbone, preprocess: Preprocess, device: torch.device
) -> list[tuple[str, str]]:
    """Pairs of folders that may show one person, the most alike first.

    Args:
        parts: the pictures, in folders named by who is in them; file names that are numbers count as frames of one
            video. Where they are something else, or cameras are known, nothing is found.
        model: before it learns from them.
    """
    if any(part.has_cameras for part in parts):
        return []
    files: dict[str, list[tuple[int, Manifest, int]]] = {}
    for part in parts:
        for i, path in enumerate(map(PurePath, part.paths)):
            if not path.stem.isdecimal() or len(path.parts) != 2:
                return []
            files.setdefault(path.parts[0], []).append((int(path.stem), part, i))
    if not 2 < len(files) <= MOST_FOLDERS:
        return []
    frames = [{number for number, *_ in found} for found in files.values()]
    together = np.array([[not one.isdisjoint(other) for other in frames] for one in frames])
    if np.triu(together, k=1).sum() < FEWEST_TOGETHER:
        return []
    looks = min(MOST_LOOKS, MOST_PICTURES // len(files))
    chosen = [_spread(sorted(found, key=lambda item: item[0]), looks) for found in files.values()]
    paths = [part.file(i) for found in chosen for _, part, i in found]
    features = extract_features(model, paths, preprocess, device=device)
    means = [part.mean(axis=0) for part in np.split(features, np.cumsum([len(found) for found in chosen])[:-1])]
    names = list(files)
    return [(names[i], names[j]) for i, j in suspects(np.array(means), together)]


def suspects(means: Float32Array, together: BoolArray) -> list[tuple[int, int]]:
    """Pairs that are closer than all that are known to be of two people, the closest first.

    Args:
        means: (N, D) mean of the unit-length looks of each folder.
        together: (N, N) which are known to be of two people.
    """
    distances = np.square(means[:, None].astype(np.float64) - means[None]).sum(axis=2) / 2
    nearest = distances[together & ~np.eye(len(means), dtype=bool)].min(initial=np.inf)
    pairs = np.argwhere(np.triu(~together & (distances < nearest), k=1))
    return [(int(i), int(j)) for i, j in sorted(pairs.tolist(), key=lambda pair: distances[pair[0], pair[1]])]


def about(pairs: Sequence[tuple[str, str]]) -> str:
    """What to say of them."""
    shown = ", ".join(f"{one} and {other}" for one, other in pairs[:SHOWN])
    more = f" and {len(pairs) - SHOWN} more pairs" if len(pairs) > SHOWN else ""
    return ADVICE.format(pairs=shown + more)


def _spread(found: list[tuple[int, Manifest, int]], most: int) -> list[tuple[int, Manifest, int]]:
    """So many of them at most, spread evenly."""
    return [found[k] for k in np.linspace(0, len(found) - 1, min(len(found), most)).round().astype(int).tolist()]
