"""Tables of finished detections: one row per object, with nothing left to suppress.

* `yolov10`: (1, k, 6 + …) x1 y1 x2 y2, score, class; then masks, key points or an angle. YOLOv10 and v26, and every
  Ultralytics model exported with `nms=True` (ultralytics/engine/exporter.py, class NMSModel); boxes of its OBB models
  are cx cy w h and the angle comes last.
* `yolov7_end2end`: (k, 7) image number, x1 y1 x2 y2, class, score: WongKinYiu/yolov7, `export.py --end2end --max-wh`.
* `yolo_nas_flat`: (k, 7) image number, x1 y1 x2 y2, score, class: super-gradients,
  `export(output_predictions_format=FLAT)`.
* `pinto`: (k, 7) image number, class, score, x1 y1 x2 y2, `batchno_classid_score_x1y1x2y2` of PINTO_model_zoo.
* `paddle`: (k, 6) class, score, x1 y1 x2 y2 and (1,) how many: PicoDet of PaddleDetection with postprocessing, shown
  ImageNet's mean and deviation; `paddle_plain`: the same of PP-YOLOE+ and RT-DETR, shown RGB 0-1.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.perception.extras import Extras, turned_corners
from deepsort_cli.perception.heads.base import (
    IMAGENET,
    MOST_LISTED,
    STRETCHED,
    Array,
    Format,
    Head,
    Match,
    Outputs,
    Scored,
    Seen,
    Size,
    Unfit,
    cells,
    flat,
    hull,
    listed,
    scaled,
    tell_columns,
)
from deepsort_cli.perception.letterbox import Pixels

YOLOV10, YOLOV7, NAS, PINTO = "yolov10", "yolov7_end2end", "yolo_nas_flat", "pinto"
PADDLE, PADDLE_PLAIN = "paddle", "paddle_plain"
WITH_EXTRAS = {38: "32 mask coefficients", 57: "17 key points"}
"""Widths of Ultralytics' tables that speak for themselves, without metadata."""


def _read(outputs: Outputs, floor: float, *, position: int, score: int, label: int) -> Scored:
    rows = _first_image(outputs[position], label)
    return listed(rows[:, score], rows[:, label], floor)


def _locate(outputs: Outputs, index: IntArray, size: Size, *, position: int, label: int, box: int) -> FloatArray:
    rows = _first_image(outputs[position], label)[index, box : box + 4]
    return scaled(rows.astype(np.float64), size, unit=None)


def _first_image(output: Array, label: int) -> Array:
    """Rows of the first picture. Tables of seven columns that begin with the picture's number hold all pictures."""
    if output.ndim == 2 and output.shape[1] == 7:
        rows: Array = output[output[:, 0] == 0]
        return rows
    return flat(output, 2)


def _match_yolov10(seen: Seen) -> Match | None:
    position = seen.only_table()
    if position is None:
        return None
    array = seen.outputs[position].value
    rows, columns = array.shape[1:]
    grids = (cells(seen.size), 3 * cells(seen.size))
    declared = (
        seen.metadata.get("end2end", "").lower() == "true" or "'nms': true" in seen.metadata.get("args", "").lower()
    )
    turned = seen.task == "obb"
    usual = 6 if not turned else 7
    wide = columns in WITH_EXTRAS or (seen.task in ("segment", "pose", "obb") and columns >= usual)
    fits = rows > columns if declared or wide or seen.forced else True
    if rows > MOST_LISTED or columns < 6 or not fits:
        return None
    if not (declared or seen.forced) and (rows in grids or not (columns == 6 or wide)):
        return None
    labels = array[0, :, 5]
    if not (labels == np.floor(labels)).all():
        return None  # a table of class probabilities
    scores = array[0, :, 4]
    if scores.size and not (scores.min() >= -0.01 and scores.max() <= 1.01):
        raise Unfit(f"read as {YOLOV10}, it holds confidences outside 0-1 in column 5")

    def locate(outputs: Outputs, index: IntArray, size: Size) -> FloatArray:
        found = outputs[position][0][index].astype(np.float64)
        boxes = scaled(found[:, :4], size, unit=None)
        return hull(boxes, found[:, -1]) if turned and columns >= 7 else boxes

    def tell_corners(outputs: Outputs, index: IntArray, size: Size) -> Extras:
        found = outputs[position][0][index].astype(np.float64)
        return Extras(corners=turned_corners(scaled(found[:, :4], size, unit=None), found[:, -1]))

    read = partial(_read, position=position, score=4, label=5)
    tell = tell_columns(seen, lambda outputs: np.asarray(outputs[position][0]), 6, columns)
    if turned and columns >= 7:
        tell = tell_corners
    return Match(3 if declared else 2, Head(YOLOV10, None, read, locate, needs_nms=False, tell=tell))


def _match_seven(seen: Seen, name: str) -> Match | None:
    """(k, 7): by its name, else by which of the columns holds whole numbers."""
    if len(seen.outputs) != 1:
        return None
    output = seen.outputs[0]
    array = output.value
    if array.shape[-1:] != (7,) or array.ndim not in (2, 3) or (array.ndim == 3 and name != PINTO):
        return None
    columns = {YOLOV7: (6, 5, 1), NAS: (5, 6, 1), PINTO: (2, 1, 3)}
    if "flat_predictions" in output.name:
        said = NAS
    elif "batchno_classid_score" in output.name:
        said = PINTO
    else:
        said = YOLOV7 if output.name == "output" else ""
    if array.ndim == 3 and said != PINTO and not seen.forced:
        return None
    if said and said != name and not seen.forced:
        return None
    score, label, box = columns[name]
    rows = array if array.ndim == 2 else array[0]
    plausible = not len(rows) or bool(
        (rows[:, label] == np.floor(rows[:, label])).all()
        and (rows[:, score] >= 0).all()
        and (rows[:, score] <= 1).all()
    )
    if not plausible:
        if said == name or seen.forced:
            raise Unfit(f"read as {name}, it holds scores outside 0-1 or classes that are no whole numbers")
        return None
    doubt = ""
    if not said and not len(rows) and not seen.forced:
        if name != YOLOV7:
            return None
        doubt = f"its (k, 7) table is read as {YOLOV7}: image, box, class, score ({NAS}: image, box, score, class)"
    read = partial(_read, position=0, score=score, label=label)
    locate = partial(_locate, position=0, label=label, box=box)
    return Match(3 if said else 2, Head(name, None, read, locate, Pixels(), needs_nms=False, doubt=doubt))


def _match_paddle(seen: Seen, name: str) -> Match | None:
    """The table, and how many rows of it each picture has."""
    tables = [i for i, output in enumerate(seen.outputs) if output.value.ndim == 2 and output.value.shape[1] == 6]
    counts = [i for i, output in enumerate(seen.outputs) if output.value.ndim == 1]
    paddle = "scale_factor" in seen.inputs or "im_shape" in seen.inputs
    if not seen.forced and (name == PADDLE_PLAIN) != ("im_shape" in seen.inputs):
        return None
    if len(tables) != 1 or len(counts) + 1 != len(seen.outputs) or not (counts or paddle or seen.forced):
        return None
    rows = seen.outputs[tables[0]].value
    real = rows[rows[:, 0] >= 0]
    if not ((real[:, 0] == np.floor(real[:, 0])).all() and (real[:, 1] >= 0).all() and (real[:, 1] <= 1.01).all()):
        raise Unfit(f"read as {name}, it holds classes that are no whole numbers or scores outside 0-1")
    position, count = tables[0], counts[0] if counts else None

    def of_first(outputs: Outputs) -> Array:
        table = outputs[position]
        return table if count is None or not len(outputs[count]) else table[: int(outputs[count][0])]

    def read(outputs: Outputs, floor: float) -> Scored:
        rows = of_first(outputs)
        return listed(rows[:, 1], rows[:, 0], floor)

    def locate(outputs: Outputs, index: IntArray, size: Size) -> FloatArray:
        return scaled(of_first(outputs)[index, 2:6].astype(np.float64), size, unit=None)

    pixels = IMAGENET if name == PADDLE else STRETCHED
    doubt = (
        "" if seen.forced or name == PADDLE_PLAIN else f"taken for PicoDet; PP-YOLOE+ and RT-DETR are {PADDLE_PLAIN}"
    )
    return Match(3 if paddle else 2, Head(name, None, read, locate, pixels, needs_nms=False, doubt=doubt))


HEADS = (
    Format(YOLOV10, "(1, k, 6 …): x1 y1 x2 y2, score, class; masks, key points or an angle may follow", _match_yolov10),
    Format(YOLOV7, "(k, 7): image, x1 y1 x2 y2, class, score", partial(_match_seven, name=YOLOV7)),
    Format(NAS, "(k, 7): image, x1 y1 x2 y2, score, class", partial(_match_seven, name=NAS)),
    Format(PINTO, "(k, 7): image, class, score, x1 y1 x2 y2", partial(_match_seven, name=PINTO)),
    Format(PADDLE, "(k, 6) and (1,): class, score, x1 y1 x2 y2; how many", partial(_match_paddle, name=PADDLE)),
    Format(
        PADDLE_PLAIN,
        "(k, 6) and (1,): class, score, x1 y1 x2 y2; how many; with the input im_shape",
        partial(_match_paddle, name=PADDLE_PLAIN),
    ),
)
