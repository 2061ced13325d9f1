"""Separate outputs for boxes, scores and classes of finished detections.

* `mmdeploy`: `dets` (1, k, 5) x1 y1 x2 y2 score and `labels` (1, k): RTMDet and other exports of open-mmlab/mmdeploy;
  `masks` (1, k, H, W) of RTMDet-Ins may stand beside.
* `rtmo`: `dets` (1, k, 5) and `keypoints` (1, k, 17, 3): RTMO of mmpose, and others that mmdeploy exports for poses, as
  rtmlib shows and reads them.
* `efficient_nms`: `num_dets`, `det_boxes`, `det_scores`, `det_classes` (YOLOv6, v7, DAMO-YOLO, with or without the
  prefix: mmyolo), `graph2_num_predictions`, … (YOLO-NAS of super-gradients).
* `rtdetr`: `labels`, `boxes`, `scores`, each (1, k …): RT-DETR, D-FINE, DEIM with `orig_target_sizes`.
* `tensorflow`: `detection_boxes` (1, k, 4) y1 x1 y2 x2 in 0-1, `detection_classes` from 1, `detection_scores`,
  `num_detections`: SSD, EfficientDet and Faster R-CNN of TensorFlow's Object Detection API; TFLite's four outputs
  number classes from 0.
* `torchvision`: `boxes` (k, 4), `labels` (k,) COCO's ids, `scores` (k,); `masks` (k, 1, H, W) of Mask R-CNN or
  `keypoints` (k, 17, 3) of Keypoint R-CNN may stand beside.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.perception.extras import Extras, Tell
from deepsort_cli.perception.heads.base import (
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
    flat,
    listed,
    scaled,
    tell_maps,
)
from deepsort_cli.perception.letterbox import Pixels

MMDEPLOY, NMS, RTDETR, TENSORFLOW, TORCHVISION = "mmdeploy", "efficient_nms", "rtdetr", "tensorflow", "torchvision"
RTMO = "rtmo"
RTMDET = Pixels(rgb=False, mean=(103.53, 116.28, 123.675), std=(57.375, 57.12, 58.395), fit="corner")
RAW_BGR = Pixels(rgb=False, std=(1.0, 1.0, 1.0), fit="corner")
BYTES = Pixels(std=(1.0, 1.0, 1.0), fit="stretch")


def _read(
    outputs: Outputs, floor: float, *, scores: int, labels: int, count: int | None = None, column: int | None = None
) -> Scored:
    """`column`: where the scores stand in a table; `count`: the output that says how many rows are meant."""
    table = outputs[scores]
    values = flat(table, 2)[:, column] if column is not None else flat(table, 1)
    found = listed(values, flat(outputs[labels], 1), floor)
    if count is None:
        return found
    meant = found.rows < int(np.asarray(outputs[count]).reshape(-1)[0])
    return Scored(found.rows[meant], found.scores[meant], found.class_ids[meant])


def _locate(
    outputs: Outputs, index: IntArray, size: Size, *, boxes: int, unit: bool | None = None, swapped: bool = False
) -> FloatArray:
    found = flat(outputs[boxes], 2)[index, :4].astype(np.float64)
    return scaled(found[:, [1, 0, 3, 2]] if swapped else found, size, unit=unit)


def _check(name: str, scores: Array) -> None:
    finite = scores[np.isfinite(scores)] if scores.size else scores
    if finite.size and not (finite.min() >= -1.01 and finite.max() <= 1.01):
        raise Unfit(f"read as {name}, its scores lie outside 0-1: up to {finite.max():.3g}")


def _whole(labels: Array) -> bool:
    return bool((labels == np.floor(labels)).all())


def _match_mmdeploy(seen: Seen) -> Match | None:
    dets, labels = seen.find("dets"), seen.find("labels")
    if dets is None or labels is None:
        tables = [
            i for i, output in enumerate(seen.outputs) if output.value.shape[-1:] == (5,) and output.value.ndim == 3
        ]
        lists = [i for i, output in enumerate(seen.outputs) if output.value.ndim == 2]
        if len(tables) != 1 or len(lists) != 1:
            return None
        dets, labels = tables[0], lists[0]
    table, classes = seen.outputs[dets].value, seen.outputs[labels].value
    if table.shape[-1] != 5 or classes.ndim != table.ndim - 1 or not _whole(classes):
        return None
    _check(MMDEPLOY, flat(table, 2)[:, 4])
    read = partial(_read, scores=dets, labels=labels, column=4)
    doubt = "" if seen.forced else "taken for RTMDet, which is shown BGR with ImageNet's mean and deviation"
    head = Head(MMDEPLOY, None, read, partial(_locate, boxes=dets), RTMDET, needs_nms=False, doubt=doubt)
    head = replace(head, tell=tell_maps(seen, table.shape[-2]))
    return Match(3 if "dets" in seen.outputs[dets].name else 2, head)


def _match_rtmo(seen: Seen) -> Match | None:
    dets, points = seen.find("dets"), seen.find("keypoints")
    if dets is None or points is None or len(seen.outputs) != 2:
        return None
    table, places = seen.outputs[dets].value, seen.outputs[points].value
    if table.ndim != 3 or table.shape[2] != 5 or places.ndim != 4 or places.shape[3] not in (2, 3):
        return None
    _check(RTMO, table[0, :, 4])

    def read(outputs: Outputs, floor: float) -> Scored:
        scores = outputs[dets][0][:, 4]
        return listed(scores, np.zeros(len(scores)), floor)

    head = Head(RTMO, None, read, partial(_locate, boxes=dets), RAW_BGR, needs_nms=False)
    return Match(3, replace(head, tell=_tell_points(points)))


def _tell_points(position: int) -> Tell:
    """Key points in an output of their own: (k, K, 2 or 3), also of a batch."""

    def tell(outputs: Outputs, index: IntArray, size: Size) -> Extras:
        return Extras(keypoints=flat(outputs[position], 3)[index].astype(np.float64))

    return tell


def _match_nms(seen: Seen) -> Match | None:
    count = seen.find("num_det", "num_pred")
    boxes, scores, labels = seen.find("boxes"), seen.find("scores"), seen.find("classes", "labels")
    if count is None:
        return None
    if boxes is None or scores is None or labels is None:
        return None
    if "num_detections" in seen.outputs[count].name or seen.outputs[boxes].value.shape[-1:] != (4,):
        return None
    _check(NMS, flat(seen.outputs[scores].value, 1))
    read = partial(_read, scores=scores, labels=labels, count=count)
    return Match(3, Head(NMS, None, read, partial(_locate, boxes=boxes), Pixels(), needs_nms=False))


def _triple(seen: Seen) -> tuple[int, int, int] | None:
    """Positions of boxes (…, k, 4), scores (…, k) and classes (…, k), by their names, else by what they hold."""
    boxes, scores, labels = seen.find("boxes"), seen.find("scores"), seen.find("labels", "classes")
    if boxes is None or scores is None or labels is None:
        tables = [
            i for i, output in enumerate(seen.outputs) if output.value.shape[-1:] == (4,) and output.value.ndim > 1
        ]
        rest = [i for i in range(len(seen.outputs)) if i not in tables]
        whole = [i for i in rest if seen.outputs[i].value.dtype.kind in "iu"]
        if len(seen.outputs) != 3 or len(tables) != 1 or len(whole) != 1:
            return None
        boxes, labels = tables[0], whole[0]
        scores = next(i for i in rest if i != labels)
    box, score, label = (seen.outputs[i].value for i in (boxes, scores, labels))
    if box.shape[-1] != 4 or score.ndim != box.ndim - 1 or label.ndim != score.ndim or not _whole(label):
        return None
    return boxes, scores, labels


def _match_rtdetr(seen: Seen) -> Match | None:
    found = _triple(seen)
    if found is None or seen.outputs[found[0]].value.ndim != 3 or seen.find("num_det", "num_pred") is not None:
        return None
    boxes, scores, labels = found
    if seen.outputs[boxes].name.startswith("detection_"):
        return None
    _check(RTDETR, flat(seen.outputs[scores].value, 1))
    read = partial(_read, scores=scores, labels=labels)
    certainty = 3 if any("target_size" in name or "orig_size" in name for name in seen.inputs) else 2
    return Match(certainty, Head(RTDETR, None, read, partial(_locate, boxes=boxes), STRETCHED, needs_nms=False))


def _match_torchvision(seen: Seen) -> Match | None:
    found = _triple(seen)
    if found is None or seen.outputs[found[0]].value.ndim != 2:
        return None
    boxes, scores, labels = found
    _check(TORCHVISION, seen.outputs[scores].value)
    read = partial(_read, scores=scores, labels=labels)
    head = Head(TORCHVISION, None, read, partial(_locate, boxes=boxes), Pixels(), needs_nms=False, coco91=True)
    points = next((i for i in seen.of_rank(3) if seen.outputs[i].value.shape[2] == 3), None)
    tell = tell_maps(seen, len(seen.outputs[boxes].value)) if points is None else _tell_points(points)
    return Match(2, replace(head, tell=tell))


def _match_tensorflow(seen: Seen) -> Match | None:
    positions: list[int | None] = [
        next((i for i, output in enumerate(seen.outputs) if output.name == f"detection_{part}"), None)
        for part in ("boxes", "scores", "classes")
    ]
    count = seen.find("num_detections")
    first = 1
    if None in positions:
        positions, count = _tflite(seen)
        first = 0
    if None in positions or count is None:
        return None
    boxes, scores, labels = (int(position) for position in positions if position is not None)
    box, label = seen.outputs[boxes].value, seen.outputs[labels].value
    if box.shape[-1:] != (4,) or not _whole(label):
        raise Unfit(f"read as {TENSORFLOW}, its boxes have shape {box.shape} or its classes are no whole numbers")
    _check(TENSORFLOW, flat(seen.outputs[scores].value, 1))
    plain = partial(_read, scores=scores, labels=labels, count=count)

    def read(outputs: Outputs, floor: float) -> Scored:
        found = plain(outputs, floor)
        return found if first else Scored(found.rows, found.scores, found.class_ids + 1)

    locate = partial(_locate, boxes=boxes, unit=None, swapped=True)
    # The graph resizes by itself: where it takes any size, the picture keeps its shape.
    pixels = replace(BYTES, fit="centre") if seen.dynamic else BYTES
    return Match(3, Head(TENSORFLOW, None, read, locate, pixels, needs_nms=False, coco91=True))


def _tflite(seen: Seen) -> tuple[list[int | None], int | None]:
    """TFLite's four outputs in their fixed order: boxes, classes from 0, scores, how many."""
    names = [output.name for output in seen.outputs]
    if len(names) != 4 or not all("detection_postprocess" in name.replace("-", "_") for name in names):
        return [None], None
    return [0, 2, 1], 3


HEADS = (
    Format(MMDEPLOY, "dets (1, k, 5), labels (1, k): x1 y1 x2 y2 score (RTMDet)", _match_mmdeploy),
    Format(RTMO, "dets (1, k, 5), keypoints (1, k, 17, 3): x1 y1 x2 y2 score; x y confidence", _match_rtmo),
    Format(NMS, "num_dets, det_boxes, det_scores, det_classes; also YOLO-NAS's num_predictions …", _match_nms),
    Format(RTDETR, "labels (1, k), boxes (1, k, 4), scores (1, k) (RT-DETR, D-FINE, DEIM)", _match_rtdetr),
    Format(TENSORFLOW, "detection_boxes, _classes, _scores, num_detections (SSD, EfficientDet)", _match_tensorflow),
    Format(TORCHVISION, "boxes (k, 4), labels (k,), scores (k,)", _match_torchvision),
)
