"""What linking goes by where tracks are read from a file: a record of their looks, and when frames were."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepsort_cli.core.box_tables import BoxTable
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.looks import Looks
from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.tracking.linking import Known
from deepsort_cli.tracking.settings import LinkOptions

SAME_PLACE = 0.5
"""Least median overlap (IoU) of the boxes of looks with those of the rows they belong to."""


@dataclass(frozen=True)
class Evidence:
    """What is known about the tracks of a file.

    Attributes:
        path: the file of looks, for messages.
        looks: what it says.
        fps: frames per second.
        options: of linking.
    """

    path: Path
    looks: Looks
    fps: float
    options: LinkOptions

    def of(self, boxes: BoxTable) -> Known:
        """Times of all rows, and the looks of those that have one.

        Raises:
            InputError: the looks are not those of these tracks.
        """
        rows, which = matching(self.path, self.looks, boxes)
        return Known((boxes.values[:, 0] - 1) / self.fps, rows, self.looks.features[which])


def matching(path: Path, looks: Looks, boxes: BoxTable) -> tuple[IntArray, IntArray]:
    """(K,) rows of tracks that have a look, and the positions of those looks.

    Args:
        path: the file of looks, for messages.

    Raises:
        InputError: the looks are not those of these tracks.
    """
    rows, which = _belonging(looks, boxes)
    if len(boxes) and not len(rows):
        raise InputError(
            f"`looks` {path}: none of its {len(looks.table):,} looks has frame and id of a row of {boxes.path}. Give "
            "the file of the same run."
        )
    overlap = _overlap(looks.table[which, 2:6], boxes.values[rows, 2:6])
    if len(overlap) and np.median(overlap) < SAME_PLACE:
        raise InputError(
            f"`looks` {path}: its boxes are elsewhere than those of {boxes.path} in the same frames with the same ids. "
            "Give the file of the same run."
        )
    return rows, which


def _belonging(looks: Looks, boxes: BoxTable) -> tuple[IntArray, IntArray]:
    place = {one: number for number, one in enumerate(boxes.ids)}
    frames, ids = looks.table[:, 0], looks.table[:, 1]
    track = np.array([place.get(int(one), -1) for one in ids.tolist()], dtype=np.int64)
    # One number for frame and track: there are at most ten million frames.
    wanted = np.where(track >= 0, frames.astype(np.int64) * (len(place) + 1) + track, -1)
    keys = boxes.values[:, 0].astype(np.int64) * (len(place) + 1) + boxes.values[:, 1].astype(np.int64)
    _, rows, which = np.intersect1d(keys, wanted, return_indices=True)
    return rows.astype(np.int64), which.astype(np.int64)


def _overlap(first: FloatArray, second: FloatArray) -> FloatArray:
    """(K,) IoU of K pairs of boxes left, top, width, height."""
    low = np.maximum(first[:, :2], second[:, :2])
    high = np.minimum(first[:, :2] + first[:, 2:], second[:, :2] + second[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    union = np.prod(first[:, 2:], axis=1) + np.prod(second[:, 2:], axis=1) - shared
    return np.asarray(shared / np.maximum(union, 1e-9))
