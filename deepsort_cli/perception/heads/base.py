"""What all heads are made of: how pixels go in, how confidences are read, where boxes lie.

A head is two functions over a model's outputs, so that only the few confident rows of thousands are ever decoded:

* `read` gives the candidates of at least some confidence: their rows, scores and classes;
* `locate` gives the boxes of those rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.perception.classes import parse_literal, parse_names
from deepsort_cli.perception.extras import Extras, Tell, from_prototypes
from deepsort_cli.perception.letterbox import Pixels

Array = npt.NDArray[Any]
Outputs = Sequence[Array]
Size = tuple[int, int]
"""(height, width) of the network's input."""

IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
IMAGENET = Pixels(mean=IMAGENET_MEAN, std=IMAGENET_STD, fit="stretch")
STRETCHED = Pixels(fit="stretch")

COCO_KEYPOINTS = 17

MOST_LISTED = 3000
"""A head that has sorted its candidates gives few rows, usually 100 or 300."""


class Scored(NamedTuple):
    """Candidates: (N,) rows they stand in, (N,) float64 scores, (N,) int64 class numbers."""

    rows: IntArray
    scores: FloatArray
    class_ids: IntArray


@dataclass(frozen=True)
class Head:
    """How to use one detector.

    Attributes:
        name: the format; what `detector.head` calls it.
        classes: number of classes, or None where the outputs do not tell.
        read: candidates of at least the given confidence.
        locate: (N, 4) x1 y1 x2 y2 boxes of rows, in pixels of the network's input.
        pixels: what the network wants to be shown.
        needs_nms: whether one object may have several candidates.
        coco91: whether unnamed classes are COCO's ids (1 is the person) rather than positions (0 is the person).
        doubt: what had to be assumed, for a warning; empty where the outputs leave no choice.
        tell: masks, key points or corners of rows; None where there are none.
    """

    name: str
    classes: int | None
    read: Callable[[Outputs, float], Scored]
    locate: Callable[[Outputs, IntArray, Size], FloatArray]
    pixels: Pixels = field(default_factory=Pixels)
    needs_nms: bool = True
    coco91: bool = False
    doubt: str = ""
    tell: Tell | None = None


class Output(NamedTuple):
    """One output of a model: its name in small letters, without `:0`, and its value for a plain grey image."""

    name: str
    value: Array


@dataclass(frozen=True)
class Seen:
    """What is known of a model when its head is looked for.

    Attributes:
        outputs: what it gave for a plain grey image.
        size: (height, width) of that image.
        metadata: its own text properties.
        forced: whether the user named the head, so that shapes need only fit, not speak for it.
        inputs: names of its inputs beside the image.
        dynamic: whether its input may have any height and width.
    """

    outputs: Sequence[Output]
    size: Size
    metadata: Mapping[str, str] = field(default_factory=dict)
    forced: bool = False
    inputs: tuple[str, ...] = ()
    dynamic: bool = False

    @property
    def named(self) -> int:
        """Number of classes the metadata names; 0 where it does not."""
        names = parse_names(self.metadata.get("names"))
        return max(names) + 1 if names else 0

    @property
    def task(self) -> str:
        return self.metadata.get("task", "").strip().lower()

    def find(self, *parts: str, ndim: int | tuple[int, ...] = ()) -> int | None:
        """Position of the only output whose name contains one of the parts; None for none or several."""
        ndims = (ndim,) if isinstance(ndim, int) else ndim
        found = [
            i
            for i, output in enumerate(self.outputs)
            if any(part in output.name for part in parts) and (not ndims or output.value.ndim in ndims)
        ]
        return found[0] if len(found) == 1 else None

    @property
    def masks(self) -> int:
        """How many mask coefficients each row ends in: the channels of the one map beside a single table; 0 without."""
        maps = [output.value for output in self.outputs if output.value.ndim == 4]
        alone = len(maps) == 1 and len(self.outputs) == 2 and min(maps[0].shape[2:]) > 1
        return maps[0].shape[1] if alone else 0

    @property
    def keypoints(self) -> tuple[int, int]:
        """How many key points the metadata speaks of, and how many numbers there are of each: x, y, confidence."""
        shape = parse_literal(self.metadata.get("kpt_shape"))
        if isinstance(shape, list | tuple) and len(shape) == 2 and all(isinstance(n, int) and n > 0 for n in shape):
            return shape[0], shape[1]
        return COCO_KEYPOINTS, 3

    def of_rank(self, ndim: int) -> list[int]:
        return [i for i, output in enumerate(self.outputs) if output.value.ndim == ndim]

    def only_table(self) -> int | None:
        """Position of the only (batch, rows, columns) output; what is beside it must be maps (masks, raw grids)."""
        tables = self.of_rank(3)
        maps = [
            i for i, output in enumerate(self.outputs) if output.value.ndim >= 4 and min(output.value.shape[2:]) > 1
        ]
        return tables[0] if len(tables) == 1 and len(tables) + len(maps) == len(self.outputs) else None


class Match(NamedTuple):
    """A head that fits, and how much speaks for it: 3 names or metadata, 2 names and shapes, 1 shapes alone."""

    certainty: int
    head: Head


class Unfit(Exception):
    """The shapes are those of a head, but the values cannot be: says what was expected."""


@dataclass(frozen=True)
class Format:
    """One line of the table of heads.

    Attributes:
        name: what `detector.head` calls it.
        outputs: what it gives, in words, for messages and the documentation.
        match: the head, where what was seen fits; raises `Unfit` where shapes fit and values do not.
    """

    name: str
    outputs: str
    match: Callable[[Seen], Match | None]


# --- grids ------------------------------------------------------------------------------------------------------------


def cells(size: Size, strides: Sequence[int] = (8, 16, 32)) -> int:
    """Number of grid cells of all strides over an input."""
    return sum((size[0] // stride) * (size[1] // stride) for stride in strides)


USUAL_STRIDES = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32), (16, 32))
"""Of the usual models, of P6, of P2 and of the tiny ones."""


def is_grid(rows: int, size: Size, boxes: int = 1) -> bool:
    """Whether so many rows are the cells of an input, with so many boxes in each."""
    return rows in [boxes * cells(size, strides) for strides in USUAL_STRIDES]


@lru_cache(maxsize=16)
def grid(size: Size, strides: tuple[int, ...] = (8, 16, 32), *, up: bool = False) -> tuple[FloatArray, FloatArray]:
    """(n, 2) column and row of every cell and (n,) its stride, stride by stride, row by row.

    Args:
        up: whether a stride that does not divide the input has one more cell for the rest.
    """
    places, steps = [], []
    for stride in strides:
        extra = stride - 1 if up else 0
        rows, columns = (size[0] + extra) // stride, (size[1] + extra) // stride
        y, x = np.divmod(np.arange(rows * columns), columns)
        places.append(np.stack([x, y], axis=1))
        steps.append(np.full(rows * columns, stride))
    return np.concatenate(places).astype(np.float64), np.concatenate(steps).astype(np.float64)


# --- confidences ------------------------------------------------------------------------------------------------------

Activation = Literal["none", "sigmoid", "softmax"]


def activation_of(scores: Array, what: str) -> Activation:
    """How confidences for a plain grey image become probabilities: as they are, or through a sigmoid.

    A grey image holds nothing, so logits lie far below zero nearly everywhere. Written so that NaN fails, too.

    Raises:
        Unfit: the values are neither.
    """
    if not scores.size:
        return "none"
    low, high = float(scores.min()), float(scores.max())
    if low >= -0.01 and high <= 1.01:
        return "none"
    if low >= -1e4 and high <= 50 and float(np.median(scores)) < -1:
        return "sigmoid"
    raise Unfit(f"read as {what}, it holds confidences outside 0-1: from {low:.3g} to {high:.3g}")


def sigmoid(values: Array) -> FloatArray:
    wide = values.astype(np.float64)
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(wide, -700, 700))))


def threshold(floor: float, activation: Activation) -> float:
    """The confidence `floor` in the units of the values before the activation."""
    if activation != "sigmoid":
        return floor
    inside = min(max(floor, 1e-12), 1 - 1e-12)
    return float(np.log(inside / (1 - inside)))


def best_class(scores: Array, floor: float, activation: Activation = "none") -> Scored:
    """Candidates of an (n, C) table of class scores, each as its best class.

    The table may be a view with its axes swapped, as YOLOv8's: it is reduced along whichever axis lies in memory.
    """
    index = np.flatnonzero(scores.max(axis=1) >= threshold(floor, activation))
    rows = scores[index]
    class_ids = rows.argmax(axis=1)
    best = rows[np.arange(len(index)), class_ids]
    return Scored(index, sigmoid(best) if activation == "sigmoid" else best.astype(np.float64), class_ids)


def objectness_times_class(rows: Array, first: int, classes: int, floor: float, activation: Activation) -> Scored:
    """Candidates whose score is objectness × class probability, so objectness alone rules most rows out.

    Args:
        rows: (n, first + 1 + C): objectness in column `first`, class probabilities after it.
    """
    index = np.flatnonzero(rows[:, first] >= threshold(floor, activation))
    survivors = rows[index]
    objectness, probabilities = survivors[:, first], survivors[:, first + 1 : first + 1 + classes]
    class_ids = probabilities.argmax(axis=1)
    best = probabilities[np.arange(len(index)), class_ids]
    if activation == "sigmoid":
        objectness, best = sigmoid(objectness), sigmoid(best)
    scores = objectness * best
    keep = scores >= floor
    return Scored(index[keep], scores[keep].astype(np.float64), class_ids[keep])


def softmax_best(logits: Array, floor: float, background: int) -> Scored:
    """Candidates of (n, C + 1) logits of which one column means no object."""
    wide = logits.astype(np.float64)
    powers = np.exp(wide - wide.max(axis=1, keepdims=True))
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    probabilities[:, background] = -1.0
    return best_class(probabilities, floor)


def listed(scores: Array, labels: Array, floor: float) -> Scored:
    """Candidates of (k,) scores and (k,) class numbers, as heads give them that have sorted theirs."""
    count = min(len(scores), len(labels))
    index = np.flatnonzero((scores[:count] >= floor) & (labels[:count] >= 0))
    return Scored(index, scores[index].astype(np.float64), np.rint(labels[index]).astype(np.int64))


# --- masks and key points behind the boxes of a table --------------------------------------------------------------


def tell_columns(seen: Seen, rows: Callable[[Outputs], Array], first: int, width: int) -> Tell | None:
    """What the columns of a table from `first` on tell, of `width` columns in all: key points or coefficients of masks.

    Args:
        seen: what is known of the model. Ultralytics' metadata names task and layout; without it, 51 columns are COCO's
            key points.
        rows: the (n, width) table in the outputs.
    """
    left = width - first
    if seen.masks and left == seen.masks:
        beside = next(i for i, output in enumerate(seen.outputs) if output.value.ndim == 4)

        def masks(outputs: Outputs, index: IntArray, size: Size) -> Extras:
            return Extras(maps=from_prototypes(rows(outputs)[index, first:], outputs[beside][0]))

        return masks
    count, numbers = seen.keypoints
    if left != count * numbers or numbers not in (2, 3) or seen.task not in ("pose", ""):
        return None

    def points(outputs: Outputs, index: IntArray, size: Size) -> Extras:
        return Extras(keypoints=rows(outputs)[index, first:].astype(np.float64).reshape(-1, count, numbers))

    return points


def tell_maps(seen: Seen, rows: int, *, names: tuple[str, ...] = ("masks",)) -> Tell | None:
    """Masks in an output of their own, a map over the whole input for each of so many rows: probabilities or logits."""
    position = seen.find(*names)
    if position is None:
        return None
    shape = seen.outputs[position].value.shape
    size = seen.size[0] / seen.size[1]
    if len(shape) not in (3, 4) or rows not in shape[:-2] or min(shape[-2:]) < 2:
        return None
    if shape[-2:] != seen.size and abs(shape[-2] / shape[-1] - size) > 0.02 * size:
        return None  # maps over boxes, as they leave a network's last layer
    values = seen.outputs[position].value
    level = 0.5 if values.dtype.kind != "f" or (values.min(initial=0.0) >= 0 and values.max(initial=1.0) <= 1) else 0.0

    def masks(outputs: Outputs, index: IntArray, size: Size) -> Extras:
        maps = outputs[position].reshape(-1, *outputs[position].shape[-2:])
        return Extras(maps=lambda i: np.asarray(maps[index[i]], np.float32) - np.float32(level))

    return masks


# --- boxes ------------------------------------------------------------------------------------------------------------

UNIT_LIMIT = 2.0


def numbers(boxes: Array) -> Array:
    """The (n, 4) boxes that are numbers: one that is none, of a network that overflows, says nothing of the others."""
    finite = np.isfinite(boxes).all(axis=1)
    return boxes if finite.all() else boxes[finite]


def are_unit(boxes: Array) -> bool:
    """Whether boxes are parts of the picture (0-1) rather than pixels: none of many reaches beyond two pixels."""
    largest = float(np.abs(numbers(boxes)).max(initial=0.0)) if boxes.size else 0.0
    return 0.0 < largest <= UNIT_LIMIT


def unit_of(boxes: Array) -> bool | None:
    """`are_unit`, or None where boxes are all 0, as a model answers a grey image that drops its weak candidates."""
    return are_unit(boxes) if numbers(boxes).any() else None


def scaled(boxes: FloatArray, size: Size, *, unit: bool | None) -> FloatArray:
    """Boxes of parts of the picture in pixels of the input; `unit` None looks at these boxes to tell."""
    if unit or (unit is None and are_unit(boxes)):
        return boxes * np.array([size[1], size[0], size[1], size[0]], dtype=np.float64)
    return boxes


def corners(boxes: FloatArray) -> FloatArray:
    """cx cy w h → x1 y1 x2 y2."""
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def hull(boxes: FloatArray, angles: FloatArray) -> FloatArray:
    """The upright x1 y1 x2 y2 boxes around (N, 4) cx cy w h boxes turned by (N,) radians."""
    cos, sin = np.abs(np.cos(angles)), np.abs(np.sin(angles))
    width, height = boxes[:, 2] * cos + boxes[:, 3] * sin, boxes[:, 2] * sin + boxes[:, 3] * cos
    return corners(np.stack([boxes[:, 0], boxes[:, 1], width, height], axis=1))


def flat(array: Array, ndim: int) -> Array:
    """The first picture of a batch: leading axes go until `ndim` are left."""
    while array.ndim > ndim:
        array = array[0]
    return array


def table(array: Array) -> Array:
    """(n, C) of the first picture, from (n, C), (batch, n, C) or (batch, n, 1, C)."""
    first = array if array.ndim == 2 else array[0]
    return first.reshape(first.shape[0], first.shape[-1])
