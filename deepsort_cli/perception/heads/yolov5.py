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
    are_unit,
    cells,
    corners,
    objectness_times_class,
    scaled,
)

NAME = "yolov5"
STRIDES = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32), (16, 32))
"""Of the usual models, of P6, of P2 and of the tiny ones."""


def _match(seen: Seen) -> Match | None:
    position = seen.only_table()
    if position is None:
        return None
    array = seen.outputs[position].value
    rows, columns = array.shape[1:]
    usual = rows in [3 * cells(seen.size, strides) for strides in STRIDES]
    if columns < 5 + max(seen.named, 1) or not (seen.forced or usual):
        return None
    classes = seen.named or columns - 5
    activation = activation_of(array[0, :, 4 : 5 + classes], NAME)
    unit = are_unit(array[0, :, :4])

    def read(outputs: Outputs, floor: float) -> Scored:
        return objectness_times_class(outputs[position][0], 4, classes, floor, activation)

    def locate(outputs: Outputs, index: IntArray, size: Size) -> FloatArray:
        return corners(scaled(outputs[position][0][index, :4].astype(np.float64), size, unit=unit))

    return Match(2, Head(NAME, classes, read, locate))


HEADS = (Format(NAME, "(1, 3n, 5 + C): cx cy w h, objectness, class probabilities (YOLOv5, v7)", _match),)
