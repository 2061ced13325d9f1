"""YOLOv5 and v7, three boxes in every cell: (1, 3n, 5 + C), cx cy w h, objectness and class probabilities.

Sources: the export tools of ultralytics/yolov5 and WongKinYiu/yolov7; models with a fourth stride of 64 are P6.
"""

from __future__ import annotations

import numpy as np

from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.perception.heads.base import (
    Format,
    Head,
    Match,
    Outputs,
    Scored,
    Seen,
    Size,
    activation_of,
    corners,
    is_grid,
    objectness_times_class,
    scaled,
    unit_of,
)

NAME = "yolov5"


def _match(seen: Seen) -> Match | None:
    position = seen.only_table()
    if position is None:
        return None
    array = seen.outputs[position].value
    rows, columns = array.shape[1:]
    if columns < 5 + max(seen.named, 1) or not (seen.forced or is_grid(rows, seen.size, boxes=3)):
        return None
    classes = seen.named or max(columns - 5 - seen.masks, 1)
    activation = activation_of(array[0, :, 4 : 5 + classes], NAME)
    unit = unit_of(array[0, :, :4])

    def read(outputs: Outputs, floor: float) -> Scored:
        return objectness_times_class(outputs[position][0], 4, classes, floor, activation)

    def locate(outputs: Outputs, index: IntArray, size: Size) -> FloatArray:
        return corners(scaled(outputs[position][0][index, :4].astype(np.float64), size, unit=unit))

    return Match(2, Head(NAME, classes, read, locate))


HEADS = (Format(NAME, "(1, 3n, 5 + C): cx cy w h, objectness, class probabilities (YOLOv5, v7)", _match),)
