"""NanoDet and PicoDet: every side's distance from a cell is a distribution over 0 to 7 strides (distribution focal
loss).

Li et al., Generalized Focal Loss, 2020. A candidate has C class probabilities and 4 × 8 values, whose softmax says how
probable each distance is; the mean, times the stride, is the distance.

* `nanodet`: one output (1, n, C + 32) of RangiLyu/nanodet, the cells of strides 8 to 64 (NanoDet-plus, whose cells
  begin at (x, y) · stride) or 8 to 32 (NanoDet, from their middle); or OpenCV zoo's two outputs for every stride, in
  turns, with cells measured from the middle of their pixels. BGR with ImageNet's mean and deviation, centred on black.
* `picodet`: C class probabilities of every stride, then the distances of every stride, from the middle of cells
  (PaddleDetection, `export.benchmark=True`). RGB with ImageNet's mean and deviation, stretched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.perception.classes import COCO_NAMES
from deepsort_cli.perception.heads.base import (
    IMAGENET,
    Activation,
    Array,
    Format,
    Head,
    Match,
    Outputs,
    Scored,
    Seen,
    Size,
    activation_of,
    best_class,
    table,
)
from deepsort_cli.perception.letterbox import Pixels

NANODET, PICODET = "nanodet", "picodet"
STRIDES = (8, 16, 32, 64)
BINS = 8
BOX = 4 * BINS
SHOWN = {
    NANODET: Pixels(rgb=False, mean=(103.53, 116.28, 123.675), std=(57.375, 57.12, 58.395), padding=0),
    PICODET: IMAGENET,
}


@dataclass(frozen=True)
class Level:
    """The outputs of one stride: positions of class scores and distances (the same where one table holds both)."""

    scores: int
    boxes: int
    stride: int
    columns: int


def _shape_of(rows: int, size: Size, stride: int) -> int | None:
    """How many columns a grid of this stride with this many cells has; None where it cannot be one."""
    for up in (stride - 1, 0):
        height, width = (size[0] + up) // stride, (size[1] + up) // stride
        if height * width == rows:
            return width
    return None


def _distances(values: Array) -> FloatArray:
    """(N, 32) → (N, 4) expected distances in strides: left, top, right, bottom."""
    powers = values.reshape(len(values), 4, BINS).astype(np.float64)
    powers = np.exp(powers - powers.max(axis=2, keepdims=True))
    return np.asarray((powers / powers.sum(axis=2, keepdims=True)) @ np.arange(BINS))


def _boxes(values: Array, cell: IntArray, columns: IntArray, stride: FloatArray, offset: FloatArray) -> FloatArray:
    """Boxes around points `offset` strides behind the corners of cells."""
    y, x = np.divmod(cell, columns)
    points = (np.stack([x, y], axis=1) + offset[:, None]) * stride[:, None]
    reach = _distances(values) * stride[:, None]
    return np.concatenate([points - reach[:, :2], points + reach[:, 2:]], axis=1)


# --- one table --------------------------------------------------------------------------------------------------------


def _match_table(seen: Seen) -> Match | None:
    position = seen.only_table()
    if position is None:
        return None
    array = seen.outputs[position].value
    rows, columns = array.shape[1:]
    classes = columns - BOX
    strides = next((some for some in (STRIDES, STRIDES[:3]) if _cells_up(seen.size, some) == rows), None)
    if strides is None or classes < 1:
        return None
    if not seen.forced and classes != (seen.named or len(COCO_NAMES)) and not _ends_in_distances(array[0], classes):
        return None
    activation = activation_of(array[0, :, :classes], NANODET)
    head = Head(
        NANODET,
        classes,
        partial(_read_table, position=position, classes=classes, activation=activation),
        partial(_locate_table, position=position, classes=classes, strides=strides),
        SHOWN[NANODET],
    )
    return Match(3, head)


def _ends_in_distances(rows: Array, classes: int) -> bool:
    """Whether probabilities come first, where other heads have boxes, and then values that are none."""
    first, last = rows[:, :classes], rows[:, classes:]
    return bool(first.min() >= 0 and first.max() <= 1 and last.min() < -0.05)


def _cells_up(size: Size, strides: Sequence[int]) -> int:
    return sum(-(-size[0] // stride) * -(-size[1] // stride) for stride in strides)


def _read_table(outputs: Outputs, floor: float, *, position: int, classes: int, activation: Activation) -> Scored:
    return best_class(outputs[position][0][:, :classes], floor, activation)


def _locate_table(
    outputs: Outputs, index: IntArray, size: Size, *, position: int, classes: int, strides: tuple[int, ...]
) -> FloatArray:
    widths = np.array([-(-size[1] // stride) for stride in strides])
    counts = np.array([-(-size[0] // stride) for stride in strides]) * widths
    starts = np.concatenate([[0], np.cumsum(counts)])
    level = np.searchsorted(starts, index, side="right") - 1
    step = np.array(strides, dtype=np.float64)[level]
    offset = np.full(len(index), 0.0 if strides == STRIDES else 0.5)
    values = outputs[position][0][index, classes : classes + BOX]
    return _boxes(values, index - starts[level], widths[level], step, offset)


# --- two outputs for every stride -------------------------------------------------------------------------------------


def _levels(seen: Seen) -> tuple[list[Level], bool] | None:
    """The outputs by stride, and whether they come in turns; None where they are not such."""
    outputs = seen.outputs
    if len(outputs) not in (6, 8) or any(output.value.ndim not in (2, 3) for output in outputs):
        return None
    tables = [table(output.value) for output in outputs]
    if sum(values.shape[1] == BOX for values in tables) < len(outputs) // 2:
        return None
    half = len(outputs) // 2
    for turns in (True, False):
        pairs = [(2 * i, 2 * i + 1) if turns else (i, i + half) for i in range(half)]
        pairs = [(a, b) if tables[b].shape[1] == BOX else (b, a) for a, b in pairs]
        levels = [_level(tables, pair, seen.size) for pair in pairs]
        if all(level is not None for level in levels):
            return [level for level in levels if level is not None], turns
    return None


def _level(tables: Sequence[Array], pair: tuple[int, int], size: Size) -> Level | None:
    scores, boxes = pair
    rows = len(tables[scores])
    if len(tables[boxes]) != rows or tables[boxes].shape[1] != BOX:
        return None
    for stride in STRIDES:
        columns = _shape_of(rows, size, stride)
        if columns is not None:
            return Level(scores, boxes, stride, columns)
    return None


def _match_levels(seen: Seen, name: str) -> Match | None:
    found = _levels(seen)
    if found is None:
        return None
    levels, turns = found
    named = any("dis_pred" in output.name for output in seen.outputs)  # NanoDet of old, whose outputs may be grouped
    if not seen.forced and (turns or named) != (name == NANODET):
        return None
    classes = {table(seen.outputs[level.scores].value).shape[1] for level in levels}
    if len(classes) != 1:
        return None
    everything = np.concatenate([table(seen.outputs[level.scores].value) for level in levels])
    activation = activation_of(everything, name)
    read = partial(_read_levels, levels=levels, activation=activation)
    locate = partial(_locate_levels, levels=levels, pixel_middle=name == NANODET)
    return Match(2, Head(name, classes.pop(), read, locate, SHOWN[name]))


def _read_levels(outputs: Outputs, floor: float, *, levels: list[Level], activation: Activation) -> Scored:
    parts, start = [], 0
    for level in levels:
        scores = table(outputs[level.scores])
        found = best_class(scores, floor, activation)
        parts.append(Scored(found.rows + start, found.scores, found.class_ids))
        start += len(scores)
    return Scored(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _locate_levels(
    outputs: Outputs, index: IntArray, size: Size, *, levels: list[Level], pixel_middle: bool
) -> FloatArray:
    boxes, start = np.empty((len(index), 4)), 0
    for level in levels:
        values = table(outputs[level.boxes])
        here = (index >= start) & (index < start + len(values))
        cell = index[here] - start
        columns = np.full(len(cell), _shape_of(len(values), size, level.stride) or level.columns)
        step = np.full(len(cell), float(level.stride))
        offset = np.full(len(cell), 0.5 * (level.stride - 1) / level.stride if pixel_middle else 0.5)
        boxes[here] = _boxes(values[cell], cell, columns, step, offset)
        start += len(values)
    return boxes


def _match_nanodet(seen: Seen) -> Match | None:
    return _match_table(seen) or _match_levels(seen, NANODET)


HEADS = (
    Format(NANODET, "(1, n, C + 32), or (1, n, C) and (1, n, 32) in turns for every stride", _match_nanodet),
    Format(
        PICODET, "(1, n, C) for every stride, then (1, n, 32) for every stride", partial(_match_levels, name=PICODET)
    ),
)
