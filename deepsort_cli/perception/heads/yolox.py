"""YOLOX and YOLOv6: one box in every cell, (1, n, 5 + C), cx cy w h, objectness and class probabilities.

The two share their shape and differ in what they are shown. YOLOX wants BGR 0-255 in the top left corner, and gives
its boxes undecoded ((xy + cell) · stride, exp(wh) · stride) unless exported with decoding inside
(Megvii-BaseDetection/YOLOX, demo/ONNXRuntime). YOLOv6 wants RGB 0-1, decodes its boxes, and fills the column of
objectness with ones (meituan/YOLOv6, yolov6/models/effidehead.py).
"""

from __future__ import annotations

import numpy as np

from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.perception.classes import COCO_NAMES
from deepsort_cli.perception.heads.base import (
    Array,
    Format,
    Head,
    Match,
    Outputs,
    Scored,
    Seen,
    Size,
    activation_of,
    cells,
    corners,
    grid,
    objectness_times_class,
    scaled,
    unit_of,
)
from deepsort_cli.perception.letterbox import Pixels

YOLOX, YOLOV6 = "yolox", "yolov6"
STRIDES, STRIDES_P6 = (8, 16, 32), (8, 16, 32, 64)
SHOWN = {YOLOX: Pixels(rgb=False, std=(1.0, 1.0, 1.0), fit="corner"), YOLOV6: Pixels()}


def _match_yolox(seen: Seen) -> Match | None:
    return _match(seen, YOLOX)


def _match_yolov6(seen: Seen) -> Match | None:
    return _match(seen, YOLOV6)


def _match(seen: Seen, name: str) -> Match | None:
    position = seen.only_table()
    if position is None:
        return None
    array = seen.outputs[position].value
    rows, columns = array.shape[1:]
    strides = next((some for some in (STRIDES, STRIDES_P6) if cells(seen.size, some) == rows), None)
    swapped_yolov8 = columns == 4 + (seen.named or len(COCO_NAMES))
    if strides is None or columns < 6 or (swapped_yolov8 and not seen.forced):
        return None
    certain = bool((array[0, :, 4] == 1).all())
    if not seen.forced and certain != (name == YOLOV6):
        return None
    activation = activation_of(array[0, :, 4:], name)
    decoded = name == YOLOV6 or _is_decoded(array, seen.size, strides)
    doubt = ""
    if name == YOLOX and decoded and not (seen.forced or columns == 5 + (seen.named or len(COCO_NAMES))):
        doubt = (
            f"its (1, n, {columns}) are read as yolox: box, objectness, {columns - 5} classes; they could be yolov8's "
            f"with axes swapped: box, {columns - 4} classes"
        )
    return Match(2, _head(name, position, strides if not decoded else None, activation, array, doubt))


def _is_decoded(array: Array, size: Size, strides: tuple[int, ...]) -> bool:
    """A grey image tells: offsets within a cell stay small, pixels reach the far corner, and parts of 1 are ordered."""
    places = array[0, :, :2].astype(np.float64)
    finite = np.isfinite(places).all(axis=1)
    places = places[finite]
    if np.abs(places).max(initial=0.0) > min(size) / 2:
        return True
    cell, stride = grid(size, strides)
    expected = ((cell + 0.5) * stride[:, None] / (size[1], size[0]))[finite]
    return bool(places.std() > 0 and np.corrcoef(places.ravel(), expected.ravel())[0, 1] > 0.9)


def _head(name: str, position: int, strides: tuple[int, ...] | None, activation: str, array: Array, doubt: str) -> Head:
    """`strides` None: boxes come decoded."""
    classes = array.shape[2] - 5
    unit = unit_of(array[0, :, :4])

    def read(outputs: Outputs, floor: float) -> Scored:
        return objectness_times_class(outputs[position][0], 4, classes, floor, activation)  # type: ignore[arg-type]

    def locate(outputs: Outputs, index: IntArray, size: Size) -> FloatArray:
        boxes = outputs[position][0][index, :4].astype(np.float64)
        if strides is None:
            return corners(scaled(boxes, size, unit=unit))
        places, steps = grid(size, strides)
        step = steps[index, None]
        centres, sides = (boxes[:, :2] + places[index]) * step, np.exp(np.minimum(boxes[:, 2:], 20.0)) * step
        return corners(np.concatenate([centres, sides], axis=1))

    return Head(name, classes, read, locate, SHOWN[name], doubt=doubt)


HEADS = (
    Format(YOLOX, "(1, n, 5 + C): cx cy w h within cells or decoded, objectness, class probabilities", _match_yolox),
    Format(YOLOV6, "(1, n, 5 + C): cx cy w h decoded, objectness all ones, class probabilities", _match_yolov6),
)
