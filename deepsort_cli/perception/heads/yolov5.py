"""YOLOv5 and v7, three boxes in every cell: (1, 3n, 5 + C), cx cy w h, objectness and class probabilities.

Coefficients of masks (v5's and v7's segmentation) or COCO's key points (yolov7-pose, one class) may follow.

Sources: the export tools of ultralytics/yolov5 and WongKinYiu/yolov7; models with a fourth stride of 64 are P6.
"""

from __future__ import annotations

import numpy as np

from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.perception.heads.base import (
    COCO_KEYPOINTS,
    UNIT_LIMIT,
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
    tell_columns,
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
    posed = not seen.named and columns == 6 + 3 * COCO_KEYPOINTS and float(np.abs(array[0, :, 6:]).max()) > UNIT_LIMIT
    classes = seen.named or (1 if posed else max(columns - 5 - seen.masks, 1))
    activation = activation_of(array[0, :, 4 : 5 + classes], NAME)
    unit = unit_of(array[0, :, :4])

    def read(outputs: Outputs, floor: float) -> Scored:
        return objectness_times_class(outputs[position][0], 4, classes, floor, activation)

    def locate(outputs: Outputs, index: IntArray, size: Size) -> FloatArray:
        return corners(scaled(outputs[position][0][index, :4].astype(np.float64), size, unit=unit))

    tell = tell_columns(seen, lambda outputs: np.asarray(outputs[position][0]), 5 + classes, columns)
    return Match(2, Head(NAME, classes, read, locate, tell=tell))


HEADS = (Format(NAME, "(1, 3n, 5 + C): cx cy w h, objectness, class probabilities (YOLOv5, v7)", _match),)
