"""Short pieces of track that are surely of one person each, found without appearance: motion that leaves no doubt.

A detection continues a tracklet where everything agrees: it is sure, stands alone (no other box covers part of it),
overlaps the place to which the tracklet was moving, and neither has another candidate. A tracklet ends with the first
frame in which that is not so, so it is never guessed who came out of a crowd. From such tracklets two kinds of facts
follow that need no labels: all looks within one are of one person, and two that are seen at once are of two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.boxes import iou, xyxy_to_tlwh
from deepsort_cli.core.recording import Recording
from deepsort_cli.core.types import FloatArray, IntArray

SURE = 0.5
"""Score from which a detection is sure enough."""
CLEAR = 0.15
"""Part of a box that others may cover where it still stands alone."""
CONTINUES, RIVAL = 0.5, 0.2
"""IoU from which a detection continues a tracklet, and from which another one makes that doubtful."""
LARGEST_PAUSE = 2.5
"""Between frames further apart in time than this many usual steps, nothing continues: the picture was cut."""


@dataclass(frozen=True)
class Tracklet:
    """One person for a while.

    Attributes:
        rows: (n,) positions of its detections in the recording, one per frame, ascending.
        frames: (n,) positions of their frames among the recorded ones that were looked at.
    """

    rows: IntArray
    frames: IntArray

    def __len__(self) -> int:
        return len(self.rows)


def find_tracklets(recording: Recording, *, sure: float = SURE, shortest: int = 2) -> list[Tracklet]:
    """The tracklets of a recording with at least `shortest` detections, in the order of their beginnings."""
    boxes = xyxy_to_tlwh(recording.detections.boxes)
    alone = standing_alone(recording, boxes) & (recording.detections.scores >= sure)
    looks = recording.times[recording.looked]
    usual = float(np.median(np.diff(looks))) if len(looks) > 1 else 0.0
    done: list[_Open] = []
    running: list[_Open] = []
    before = -np.inf
    for position, (time, rows) in enumerate(looked_rows(recording)):
        rows = rows[alone[rows]]
        if usual > 0 and time - before > LARGEST_PAUSE * usual and np.isfinite(before):
            done, running = [*done, *running], []
        before = time
        pairs = _continued(running, boxes[rows], boxes)
        taken = {column for _, column in pairs}
        going = {row for row, _ in pairs}
        done += [one for row, one in enumerate(running) if row not in going]
        for row, column in pairs:
            running[row].add(int(rows[column]), position)
        running = [running[row] for row, _ in pairs]
        running += [_Open([int(row)], [position]) for column, row in enumerate(rows) if column not in taken]
    found = [Tracklet(np.array(one.rows), np.array(one.frames)) for one in (*done, *running)]
    return sorted((one for one in found if len(one) >= shortest), key=lambda one: (one.frames[0], one.rows[0]))


def looked_rows(recording: Recording) -> Iterator[tuple[float, IntArray]]:
    """Time and detections, as positions in the recording, of every frame the detector looked at."""
    first = np.searchsorted(recording.frame, recording.frames)
    last = np.searchsorted(recording.frame, recording.frames + 1)
    for position in np.flatnonzero(recording.looked).tolist():
        yield float(recording.times[position]), np.arange(first[position], last[position])


def standing_alone(recording: Recording, boxes: FloatArray) -> npt.NDArray[np.bool_]:
    """(N,) whether other detections of its frame cover no more than `CLEAR` of a box.

    Args:
        boxes: (N, 4) left, top, width, height of all detections.
    """
    alone = np.ones(len(boxes), bool)
    for _, rows in looked_rows(recording):
        if len(rows) > 1:
            covered = _overlaps(boxes[rows]) / np.maximum(boxes[rows, 2] * boxes[rows, 3], 1e-9)[:, None]
            np.fill_diagonal(covered, 0)
            alone[rows] = covered.max(axis=1) <= CLEAR
    return alone


def _overlaps(boxes: FloatArray) -> FloatArray:
    """(n, n) areas that boxes share."""
    low, high = boxes[:, None, :2], (boxes[:, :2] + boxes[:, 2:])[:, None]
    sides = np.minimum(high, high.swapaxes(0, 1)) - np.maximum(low, low.swapaxes(0, 1))
    return np.asarray(np.prod(np.maximum(sides, 0), axis=2))


@dataclass
class _Open:
    rows: list[int]
    frames: list[int]

    def add(self, row: int, frame: int) -> None:
        self.rows.append(row)
        self.frames.append(frame)

    def expected(self, boxes: FloatArray) -> FloatArray:
        """Where it should be in the next frame: as far on as in the last one."""
        here: FloatArray = boxes[self.rows[-1]]
        if len(self.rows) < 2:
            return here
        step = here - boxes[self.rows[-2]]
        expected: FloatArray = here.copy()
        expected[:2] += step[:2] + step[2:] / 2
        return expected


def _continued(running: list[_Open], found: FloatArray, boxes: FloatArray) -> list[tuple[int, int]]:
    """Which tracklet goes on with which detection, where nothing else is possible."""
    if not running or not len(found):
        return []
    overlap = iou(np.array([one.expected(boxes) for one in running]), found)
    pairs = []
    for row, column in zip(*np.nonzero(overlap >= CONTINUES), strict=True):
        rivals = np.concatenate([np.delete(overlap[row], column), np.delete(overlap[:, column], row)])
        if rivals.max(initial=0.0) < RIVAL:
            pairs.append((int(row), int(column)))
    return pairs
