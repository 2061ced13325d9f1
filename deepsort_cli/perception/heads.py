"""Output formats of ONNX detectors: recognise one by its shape and metadata, and read boxes out of it.

Formats (n = cells of the grids of strides 8, 16 and 32 over the input, C = classes):

| head | output | boxes | input |
|---|---|---|---|
| yolov8 (v8, v9, v11) | (1, 4 + C, n) | cx cy w h in input pixels | RGB 0-1 |
| yolov5 (v5, v7; v6 where named) | (1, 3n, 5 + C) | cx cy w h in input pixels, objectness | RGB 0-1 |
| yolov10 (v10, v26: end to end, no NMS) | (1, k, 6) | x1 y1 x2 y2, score, class | RGB 0-1 |
| yolox | (1, n, 5 + C) | (xy + cell) · stride, exp(wh) · stride, objectness | BGR 0-255, top-left |

Confidence is tested before boxes are decoded: of thousands of rows only
the few survivors are touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.perception.classes import COCO_NAMES, parse_names

STRIDES = (8, 16, 32)
MOST_END_TO_END = 3000
"""An end-to-end head gives few rows, usually 300."""
HeadName = Literal["yolov5", "yolov8", "yolov10", "yolox"]
Array = npt.NDArray[np.float32]
Candidates = tuple[FloatArray, FloatArray, IntArray]
"""(N, 4) boxes x1 y1 x2 y2 in input pixels, (N,) scores, (N,) class ids."""


@dataclass(frozen=True)
class Head:
    """How to read one model's output.

    Attributes:
        name: the format.
        classes: number of classes, or None where the output does not tell (yolov10).
        output: position of the tensor among the model's outputs.
        transposed: yolov8 only: rows are candidates, (1, n, 4 + C).
        decoded: yolox only: boxes come in input pixels already.
    """

    name: HeadName
    classes: int | None
    output: int = 0
    transposed: bool = False
    decoded: bool = False

    @property
    def needs_nms(self) -> bool:
        return self.name != "yolov10"

    def confidences(self, output: Array) -> Array:
        """The part of an output that holds confidences and class probabilities."""
        rows: Array = output[0]
        if self.name == "yolov10":
            return rows[:, 4]
        assert self.classes is not None
        if self.name == "yolov8":
            return rows[:, 4 : 4 + self.classes] if self.transposed else rows[4 : 4 + self.classes]
        return rows[:, 4 : 5 + self.classes]

    def decode(
        self, output: Array, input_shape: tuple[int, int], conf: float, wanted: frozenset[int] | None
    ) -> Candidates:
        """Boxes with a confidence of at least `conf` whose best class is wanted (None: any).

        Args:
            output: the model's output tensor, (1, …) as in the table above.
            input_shape: (height, width) of the model's input.
        """
        rows = output[0]
        if self.name == "yolov10":
            return _end_to_end(rows, conf, wanted)
        assert self.classes is not None
        if self.name == "yolov8":
            return _without_objectness(rows.T if self.transposed else rows, self.classes, conf, wanted)
        boxes, scores, class_ids, index = _with_objectness(rows, self.classes, conf, wanted)
        if self.name == "yolox" and not self.decoded:
            cells, strides = grid(input_shape)
            stride = strides[index, None]
            boxes = np.concatenate(
                [(boxes[:, :2] + cells[index]) * stride, np.exp(np.minimum(boxes[:, 2:], 20.0)) * stride], axis=1
            )
        return _corners(boxes), scores, class_ids


def cells_of(input_shape: tuple[int, int]) -> int:
    """Number of grid cells of all strides over an input of (height, width)."""
    height, width = input_shape
    return sum((height // stride) * (width // stride) for stride in STRIDES)


@lru_cache(maxsize=8)
def grid(input_shape: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """(n, 2) column and row of every cell and (n,) its stride, in the order of YOLOX's output."""
    cells, strides = [], []
    for stride in STRIDES:
        rows, columns = input_shape[0] // stride, input_shape[1] // stride
        y, x = np.divmod(np.arange(rows * columns), columns)
        cells.append(np.stack([x, y], axis=1))
        strides.append(np.full(rows * columns, stride))
    return np.concatenate(cells).astype(np.float64), np.concatenate(strides).astype(np.float64)


def recognise(
    outputs: Sequence[Array],
    input_shape: tuple[int, int],
    metadata: Mapping[str, str],
    wanted: str = "auto",
) -> Head:
    """Find the format of a detector from one run of it.

    Args:
        outputs: what the model gave for a plain grey image.
        input_shape: (height, width) of that image.
        metadata: the model's properties; `names`, `task` and `end2end` are used.
        wanted: the format the user named, or auto.

    Raises:
        InputError: the outputs are not those of a detector known here.
    """
    shapes = " and ".join(str(output.shape) for output in outputs)
    kind = OTHER_TASKS.get(metadata.get("task", ""))
    if kind is not None:
        raise InputError(f"this is a {kind}, not a detector of upright boxes. {REMEDY}")
    position = next((i for i, output in enumerate(outputs) if output.ndim == 3 and len(output) == 1), None)
    if position is None:
        if all(output.ndim == 2 for output in outputs):
            raise InputError(f"this is a classifier or an embedder (output {shapes}), not a detector. {REMEDY}")
        raise InputError(f"its output {shapes} is not that of a detector known here. {REMEDY}")
    output = outputs[position]
    head = _by_shape(output.shape[1:], cells_of(input_shape), metadata, wanted)
    if head is None:
        as_what = "a detector known here" if wanted == "auto" else f"a {wanted} detector"
        raise InputError(
            f"its output {shapes} for an input of {input_shape[0]}×{input_shape[1]} is not that of {as_what}. {REMEDY}"
        )
    head = replace(head, output=position)
    confidences = head.confidences(output)
    # Written so that NaN fails, too. Unbounded values are logits, or columns that are no classes.
    if confidences.size and not (confidences.min() >= -0.01 and confidences.max() <= 1.01):
        raise InputError(f"read as {head.name}, its output {shapes} holds confidences outside 0-1. {REMEDY}")
    if head.name == "yolox":
        # A grey image tells the two kinds apart: offsets within a cell stay small, pixels reach the far corner.
        head = replace(head, decoded=bool(np.abs(output[0, :, :2]).max() > min(input_shape) / 2))
    return head


OTHER_TASKS = {
    "classify": "classifier",
    "obb": "detector of rotated boxes",
    "semantic": "segmentation model",
    "depth": "depth model",
}
"""Values of the `task` property that rule a model out. Instances and poses come with upright boxes, so they will do."""

REMEDY = (
    "Give a detector exported with its usual head: YOLOv5 to v11, v10 or v26 end to end, or YOLOX, "
    "in NCHW layout, without extra NMS nodes."
)


def _by_shape(shape: tuple[int, ...], cells: int, metadata: Mapping[str, str], wanted: str) -> Head | None:
    rows, columns = shape
    # Columns beyond the named classes are mask coefficients or key points, which are left alone.
    named = len(parse_names(metadata.get("names")))
    declared = metadata.get("end2end", "").lower() == "true"
    end_to_end = rows > columns >= 6 if declared else columns == 6 and rows not in (cells, 3 * cells)
    if wanted in ("auto", "yolov10") and end_to_end and rows <= MOST_END_TO_END:
        return Head("yolov10", None)
    if wanted in ("auto", "yolov8") and rows >= 4 + max(named, 1) and (columns > rows or columns == cells):
        return Head("yolov8", named or rows - 4)
    if wanted == "yolov5" or (wanted == "auto" and rows >= 3 * cells):
        return Head("yolov5", named or columns - 5) if columns >= 5 + max(named, 1) else None
    if rows != cells:
        return None
    # (n, columns): yolox, or yolov8 with rows and columns swapped. The number of classes tells which.
    swapped = columns == 4 + (named or len(COCO_NAMES))
    if wanted == "yolov8" or (wanted == "auto" and swapped):
        return Head("yolov8", named or columns - 4, transposed=True) if columns >= 4 + max(named, 1) else None
    if wanted in ("auto", "yolox") and columns >= 6:
        return Head("yolox", columns - 5)
    return None


def _without_objectness(rows: Array, classes: int, conf: float, wanted: frozenset[int] | None) -> Candidates:
    """(4 + C, n): first the candidates by the wanted classes alone, then the best class of those."""
    scores = rows[4 : 4 + classes]
    if wanted is None:
        index = np.flatnonzero(scores.max(axis=0) >= conf)
    else:
        index = np.flatnonzero(np.max([scores[number] for number in wanted], axis=0) >= conf)
    survivors = scores[:, index]
    class_ids = survivors.argmax(axis=0)
    best = survivors[class_ids, np.arange(len(index))]
    if wanted is not None:
        keep = np.isin(class_ids, list(wanted))
        index, class_ids, best = index[keep], class_ids[keep], best[keep]
    return _corners(rows[:4, index].T.astype(np.float64)), best.astype(np.float64), class_ids


def _with_objectness(
    rows: Array, classes: int, conf: float, wanted: frozenset[int] | None
) -> tuple[FloatArray, FloatArray, IntArray, IntArray]:
    """(n, 5 + C): a score is objectness × class probability, so objectness alone rules most rows out."""
    index = np.flatnonzero(rows[:, 4] >= conf)
    survivors = rows[index]
    probabilities = survivors[:, 5 : 5 + classes]
    class_ids = probabilities.argmax(axis=1)
    scores = survivors[:, 4] * probabilities[np.arange(len(index)), class_ids]
    keep = scores >= conf
    if wanted is not None:
        keep &= np.isin(class_ids, list(wanted))
    return survivors[keep, :4].astype(np.float64), scores[keep].astype(np.float64), class_ids[keep], index[keep]


def _end_to_end(rows: Array, conf: float, wanted: frozenset[int] | None) -> Candidates:
    """(k, 6): x1 y1 x2 y2, score, class."""
    found = rows[rows[:, 4] >= conf]
    class_ids = found[:, 5].astype(np.int64)
    if wanted is not None:
        keep = np.isin(class_ids, list(wanted))
        found, class_ids = found[keep], class_ids[keep]
    return found[:, :4].astype(np.float64), found[:, 4].astype(np.float64), class_ids


def _corners(boxes: FloatArray) -> FloatArray:
    """cx cy w h → x1 y1 x2 y2."""
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)
