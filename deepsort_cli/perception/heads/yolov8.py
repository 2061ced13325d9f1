"""Ultralytics YOLOv8, v9, v11, v12, YOLO-World and their like: (1, 4 + C, n), cx cy w h and one probability per class.

Coefficients of masks, key points or the angle of turned boxes (OBB) follow in further rows; a turned box is tracked by
its upright hull and keeps its corners.
The head with rows and columns swapped, (1, n, 4 + C), and the RT-DETR of Ultralytics, (1, 300, 4 + C) with boxes in
0-1 and pictures stretched to a square, are read here, too.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.perception.classes import COCO_NAMES
from deepsort_cli.perception.extras import Extras, Tell, turned_corners
from deepsort_cli.perception.heads.base import (
    COCO_KEYPOINTS,
    MOST_LISTED,
    STRETCHED,
    UNIT_LIMIT,
    Array,
    Format,
    Head,
    Match,
    Outputs,
    Scored,
    Seen,
    Size,
    activation_of,
    are_unit,
    best_class,
    cells,
    corners,
    hull,
    is_grid,
    scaled,
    tell_columns,
    unit_of,
)
from deepsort_cli.perception.letterbox import Pixels

NAME, RTDETR = "yolov8", "rtdetr_ultralytics"
LISTED = (6, 7, 100, 200, 300, 900)
"""Columns of finished objects, and usual numbers of queries."""


def _match(seen: Seen) -> Match | None:
    position = seen.only_table()
    if position is None:
        return None
    rows, columns = seen.outputs[position].value.shape[1:]
    count, named = cells(seen.size), seen.named
    if rows >= 4 + max(named, 1) and (columns > rows or columns == count):
        sure = is_grid(columns, seen.size) or columns > MOST_LISTED or rows == 4 + named or seen.forced
        if not sure and rows in LISTED:
            return None  # a list of objects with its axes swapped, or one class more than objects
        head = _head(seen, position, swapped=False)
        doubt = head.doubt if sure else f"its {columns} columns are no grid of cells; they are read as those of {NAME}"
        return Match(2, replace(head, doubt=doubt))
    # (n, columns): this head swapped, or YOLOX's. The number of classes tells which; YOLOX has at least six columns.
    swapped = (
        columns == 5 or columns == 4 + (named or len(COCO_NAMES)) or (seen.forced and columns >= 4 + max(named, 1))
    )
    if rows == count and swapped:
        return Match(2, _head(seen, position, swapped=True))
    return None


def _match_rtdetr(seen: Seen) -> Match | None:
    position = seen.only_table()
    if position is None:
        return None
    array = seen.outputs[position].value
    rows, columns = array.shape[1:]
    said = "rtdetr" in seen.metadata.get("description", "").lower().replace("-", "")
    fits = columns == 4 + (seen.named or len(COCO_NAMES)) and 10 <= rows <= MOST_LISTED and rows != cells(seen.size)
    if not fits or not (said or seen.forced or (rows > columns and are_unit(array[0, :, :4]))):
        return None
    head = _head(seen, position, swapped=True)
    return Match(
        3 if said else 2,
        Head(RTDETR, head.classes, head.read, head.locate, STRETCHED, needs_nms=False),
    )


def _head(seen: Seen, position: int, *, swapped: bool) -> Head:
    table = _table(seen.outputs[position].value, swapped)
    turned = seen.task == "obb"
    posed = _is_pose(seen, table)
    classes = seen.named or (1 if posed else max(table.shape[1] - 4 - turned - seen.masks, 1))
    doubt = ""
    if not (seen.task or seen.masks or posed) and table.shape[1] > 4 + classes:
        doubt = (
            f"its metadata names {classes} classes, but it has {table.shape[1] - 4}: those without names are ignored"
        )
    activation = activation_of(table[:, 4 : 4 + classes], NAME)
    unit = unit_of(table[:, :4])

    def read(outputs: Outputs, floor: float) -> Scored:
        return best_class(_table(outputs[position], swapped)[:, 4 : 4 + classes], floor, activation)

    def locate(outputs: Outputs, index: IntArray, size: Size) -> FloatArray:
        rows = _table(outputs[position], swapped)[index].astype(np.float64)
        boxes = scaled(rows[:, :4], size, unit=unit)
        return hull(boxes, rows[:, 4 + classes]) if turned else corners(boxes)

    def tell_corners(outputs: Outputs, index: IntArray, size: Size) -> Extras:
        rows = _table(outputs[position], swapped)[index].astype(np.float64)
        return Extras(corners=turned_corners(scaled(rows[:, :4], size, unit=unit), rows[:, 4 + classes]))

    def whole(outputs: Outputs) -> Array:
        return _table(outputs[position], swapped)

    tell: Tell | None = tell_corners if turned else None
    if not turned and (posed or seen.masks):
        tell = tell_columns(seen, whole, 4 + classes, table.shape[1])
    return Head(NAME, classes, read, locate, Pixels(), doubt=doubt, tell=tell)


def _is_pose(seen: Seen, table: Array) -> bool:
    """Whether 51 columns behind one class are key points: by the metadata, or because they are no confidences."""
    if seen.task or seen.named > 1:
        return seen.task == "pose"
    return table.shape[1] == 5 + 3 * COCO_KEYPOINTS and float(np.abs(table[:, 5:]).max(initial=0.0)) > UNIT_LIMIT


def _table(output: Array, swapped: bool) -> Array:
    rows: Array = output[0]
    return rows if swapped else rows.T


HEADS = (
    Format(NAME, "(1, 4 + C, n): cx cy w h, class probabilities; masks, key points or an angle may follow", _match),
    Format(RTDETR, "(1, 300, 4 + C): cx cy w h in 0-1, class probabilities (Ultralytics RT-DETR)", _match_rtdetr),
)
