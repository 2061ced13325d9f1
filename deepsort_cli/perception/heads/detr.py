"""Transformers: class logits and boxes cx cy w h in 0-1 for a few hundred queries; one object, one query.

* `rfdetr`: `dets` (1, k, 4) and `labels` (1, k, C) of roboflow/rf-detr, or logits and boxes of 91 classes: sigmoid,
  COCO's ids, ImageNet's mean and deviation, stretched. Deformable and Conditional DETR of Hugging Face are the same.
  `masks` (1, k, h, w) of its segmentation may stand beside.
* `detr`: `logits` (1, k, C + 1) and `pred_boxes` of facebookresearch/detr, YOLOS and their Hugging Face exports:
  softmax whose last column is no object, COCO's ids, ImageNet's mean and deviation.
* `rtdetr_logits`: `logits` (1, k, C) and `pred_boxes` of RT-DETR and D-FINE from Hugging Face: sigmoid, RGB 0-1,
  stretched.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from deepsort_cli.core.types import FloatArray, IntArray
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
    best_class,
    corners,
    scaled,
    softmax_best,
    tell_maps,
)

RFDETR, DETR, RTDETR = "rfdetr", "detr", "rtdetr_logits"
COCO_IDS = 91


def _match(seen: Seen, name: str) -> Match | None:
    found = _find(seen)
    if found is None:
        return None
    boxes, logits, by_name = found
    if not seen.forced and _kind(seen, boxes, logits) != name:
        return None
    values = seen.outputs[logits].value[0]
    classes = values.shape[1] - (name == DETR)
    if classes < 1:
        return None
    if not np.isfinite(values).all():
        raise Unfit(f"read as {name}, its logits are not finite")
    probable = bool(values.min() >= 0 and values.max() <= 1)

    def read(outputs: Outputs, floor: float) -> Scored:
        scores = outputs[logits][0]
        if name == DETR:
            return softmax_best(scores, floor, background=classes)
        return best_class(scores, floor, "none" if probable else "sigmoid")

    def locate(outputs: Outputs, index: IntArray, size: Size) -> FloatArray:
        found = outputs[boxes][0][index].astype(np.float64)
        return corners(scaled(found, size, unit=None))

    pixels = STRETCHED if name == RTDETR else IMAGENET
    if name == DETR and seen.dynamic:  # trained on pictures that keep their shape
        pixels = replace(IMAGENET, fit="centre")
    doubt = "" if by_name or seen.forced else f"its boxes and logits have no names that tell; they are read as {name}"
    head = Head(name, classes, read, locate, pixels, needs_nms=False, coco91=classes == COCO_IDS, doubt=doubt)
    return Match(3 if by_name else 2, replace(head, tell=tell_maps(seen, len(values))))


def _find(seen: Seen) -> tuple[int, int, bool] | None:
    """Positions of boxes and logits, and whether their names say so. Masks and hidden states may stand beside them."""
    tables = seen.of_rank(3)
    boxes = _called(seen, tables, ("pred_boxes", "dets"))
    logits = _called(seen, tables, ("logits", "pred_logits", "labels"))
    if len(boxes) == 1 and len(logits) == 1:
        by_name = True
    else:
        boxes = [i for i in tables if seen.outputs[i].value.shape[2] == 4]
        logits = [i for i in tables if i not in boxes]
        by_name = False
    if len(boxes) != 1 or len(logits) != 1:
        return None
    box, logit = seen.outputs[boxes[0]].value, seen.outputs[logits[0]].value
    if box.shape[2] != 4 or box.shape[1] != logit.shape[1] or box.shape[1] > MOST_LISTED:
        return None
    if not by_name and not (_within_picture(box) and float(logit.min()) < -0.01):
        return None  # not logits: boxes and probabilities of another head
    return boxes[0], logits[0], by_name


def _called(seen: Seen, tables: list[int], words: tuple[str, ...]) -> list[int]:
    """Outputs called exactly so, else those whose names contain it."""
    return [i for i in tables if seen.outputs[i].name in words] or [i for i in tables if _named(seen, i, words)]


def _named(seen: Seen, position: int, words: tuple[str, ...]) -> bool:
    return any(word in seen.outputs[position].name for word in words)


def _within_picture(boxes: Array) -> bool:
    return bool(boxes.min() >= -0.1 and boxes.max() <= 1.1)


def _kind(seen: Seen, boxes: int, logits: int) -> str:
    """By names and the number of classes; where a model of one's own has another number, by what a grey image gives."""
    values = seen.outputs[logits].value[0]
    if _named(seen, boxes, ("dets",)) and _named(seen, logits, ("labels",)):
        return RFDETR
    if "pixel_mask" in seen.inputs or values.shape[1] == COCO_IDS + 1:
        return DETR
    if values.shape[1] == COCO_IDS:
        return RFDETR
    # Softmax heads answer an empty picture with no object, the last class; in sigmoid heads every class is unlikely.
    if values.shape[1] > 1 and float(np.mean(values.argmax(axis=1) == values.shape[1] - 1)) > 0.9 and values.max() > 0:
        return DETR
    return RTDETR


HEADS = (
    Format(RFDETR, "dets (1, k, 4) cx cy w h in 0-1, labels (1, k, C) logits (RF-DETR)", partial(_match, name=RFDETR)),
    Format(DETR, "pred_boxes (1, k, 4), logits (1, k, C + 1), the last no object (DETR)", partial(_match, name=DETR)),
    Format(RTDETR, "pred_boxes (1, k, 4), logits (1, k, C) (RT-DETR, D-FINE)", partial(_match, name=RTDETR)),
)
