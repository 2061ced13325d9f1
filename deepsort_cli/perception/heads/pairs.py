"""Two outputs: boxes of all candidates, and their class scores.

* `yolo_nas`: boxes (1, n, 4) x1 y1 x2 y2 in input pixels, then scores (1, n, C); RGB 0-1 (super-gradients, plain
  export).
* `damo_yolo`: scores (1, n, C), then boxes (1, n, 4); RGB 0-255, in the top left corner (tinyvision/DAMO-YOLO,
  tools/converter.py and tools/demo.py).
* `yolov4`: boxes (1, n, 1, 4) x1 y1 x2 y2 in 0-1 and confs (1, n, C); RGB 0-1, stretched (Tianxiaomo/pytorch-YOLOv4).
* `ssd`: scores (1, n, C + 1), a softmax with the background in the first column, and boxes (1, n, 4) in 0-1; RGB
  (pixel − 127) / 128, stretched (qfgaohao/pytorch-ssd, Ultra-Light-Fast-Generic-Face-Detector).
* `ppdet`: boxes (1, n, 4) and scores (1, C, n): PicoDet and PP-YOLOE of PaddleDetection, exported with decoded boxes
  but without NMS.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.perception.heads.base import (
    IMAGENET,
    STRETCHED,
    Activation,
    Array,
    Format,
    Head,
    Match,
    Outputs,
    Scored,
    Seen,
    Size,
    Unfit,
    activation_of,
    best_class,
    cells,
    corners,
    is_grid,
    numbers,
    scaled,
    table,
    unit_of,
)
from deepsort_cli.perception.letterbox import Pixels

NAS, DAMO, YOLOV4, SSD, PPDET = "yolo_nas", "damo_yolo", "yolov4", "ssd", "ppdet"
RGB_BYTES = Pixels(std=(1.0, 1.0, 1.0), fit="corner", padding=0)
CENTRED_BYTES = Pixels(mean=(127.0,) * 3, std=(128.0,) * 3, fit="stretch")


@dataclass(frozen=True)
class Pair:
    """Where boxes and scores are, and what they hold.

    Attributes:
        boxes, scores: positions among the outputs.
        by_name: whether their names say so.
        transposed: scores are (1, C, n).
    """

    boxes: int
    scores: int
    by_name: bool
    transposed: bool

    def table(self, outputs: Outputs) -> Array:
        scores = table(outputs[self.scores])
        return scores.T if self.transposed else scores


def _pair(seen: Seen) -> Pair | None:
    """The pair, told apart by names, else by widths; None where both could be either."""
    if len(seen.outputs) != 2 or any(output.value.ndim not in (3, 4) for output in seen.outputs):
        return None
    shapes = [output.value.shape for output in seen.outputs]
    if any(len(shape) == 4 and shape[2] != 1 for shape in shapes):
        return None
    named = seen.find("box"), seen.find("score", "conf", "prob", "cls", "class")
    if named[0] is not None and named[1] is not None and named[0] != named[1]:
        boxes, scores = named
        by_name = True
    else:
        narrow = [i for i, shape in enumerate(shapes) if shape[-1] == 4]
        if len(narrow) != 1:
            return None
        boxes, scores, by_name = narrow[0], 1 - narrow[0], False
    assert boxes is not None
    assert scores is not None
    rows = shapes[boxes][1]
    if shapes[boxes][-1] != 4 or rows not in (shapes[scores][1], shapes[scores][-1]):
        return None
    return Pair(boxes, scores, by_name, transposed=shapes[scores][1] != rows)


def _match(seen: Seen, name: str) -> Match | None:
    pair = _pair(seen)
    if pair is None:
        return None
    boxes = table(seen.outputs[pair.boxes].value)
    scores = pair.table([output.value for output in seen.outputs])
    kind = _kind(seen, pair, boxes, scores)
    if not seen.forced and (kind != name or (name in (NAS, DAMO) and not is_grid(len(boxes), seen.size))):
        return None
    if name == SSD:
        background = 0 if scores[:, 0].mean() >= scores[:, -1].mean() else scores.shape[1] - 1
        read, classes = partial(_read_ssd, pair=pair, background=background), scores.shape[1] - 1
    else:
        activation = activation_of(scores, name)
        read, classes = partial(_read, pair=pair, activation=activation), scores.shape[1]
    named = any(seen.find(word) is not None for word in KNOWN_NAMES.get(name, ()))
    doubt = "" if named or seen.forced else DOUBTS.get(name, "")
    known = numbers(boxes)
    centred = len(known) > 0 and _are_centred(known)
    if len(known) and not centred and not seen.forced and _inside_out(known).mean() > 0.2:
        raise Unfit(f"read as {name}, its boxes are neither corners nor centres: many end before they begin")
    locate = partial(_locate, pair=pair, unit=unit_of(boxes), centred=centred)
    return Match(2, Head(name, classes, read, locate, SHOWN[name], needs_nms=True, doubt=doubt))


def _kind(seen: Seen, pair: Pair, boxes: Array, scores: Array) -> str:
    """Which format two outputs are: by their axes, their values, and where nothing else tells, their order."""
    if seen.outputs[pair.boxes].value.ndim == 4:
        return YOLOV4
    if pair.transposed:
        return PPDET
    if scores.shape[1] > 1 and len(scores) and _is_softmax(scores):
        return SSD
    if 3 * cells(seen.size) == len(boxes):
        return YOLOV4
    return NAS if pair.boxes < pair.scores else DAMO


def _is_softmax(scores: Array) -> bool:
    sums = scores.astype(np.float64).sum(axis=1)
    return bool((np.abs(sums - 1) < 0.01).all()) and bool((scores >= 0).all())


def _read(outputs: Outputs, floor: float, *, pair: Pair, activation: Activation) -> Scored:
    return best_class(pair.table(outputs), floor, activation)


def _read_ssd(outputs: Outputs, floor: float, *, pair: Pair, background: int) -> Scored:
    scores = pair.table(outputs)
    return best_class(scores[:, 1:] if background == 0 else scores[:, :-1], floor)


def _inside_out(boxes: Array) -> Array:
    """Which boxes end before they begin, read as corners."""
    ends: Array = (boxes[:, 2] < boxes[:, 0]) | (boxes[:, 3] < boxes[:, 1])
    return ends


def _are_centred(boxes: Array) -> bool:
    """Whether boxes are cx cy w h: read as corners, many of those all over a picture would be turned inside out."""
    return bool(_inside_out(boxes).mean() > 0.05 and (boxes[:, 2:] >= 0).all())


def _locate(
    outputs: Outputs, index: IntArray, size: Size, *, pair: Pair, unit: bool | None, centred: bool
) -> FloatArray:
    boxes = scaled(table(outputs[pair.boxes])[index].astype(np.float64), size, unit=unit)
    return corners(boxes) if centred else boxes


SHOWN = {NAS: Pixels(), DAMO: RGB_BYTES, YOLOV4: STRETCHED, SSD: CENTRED_BYTES, PPDET: IMAGENET}
KNOWN_NAMES: dict[str, tuple[str, ...]] = {NAS: ("pred_bboxes", "pred_boxes"), YOLOV4: ("confs",)}
DOUBTS = {
    NAS: "boxes before scores: read as yolo_nas, which is shown RGB in 0-1",
    DAMO: "scores before boxes: read as damo_yolo, which is shown RGB in 0-255",
}

HEADS = (
    Format(NAS, "boxes (1, n, 4) before scores (1, n, C): x1 y1 x2 y2", partial(_match, name=NAS)),
    Format(DAMO, "scores (1, n, C) before boxes (1, n, 4): x1 y1 x2 y2", partial(_match, name=DAMO)),
    Format(YOLOV4, "boxes (1, n, 1, 4) in 0-1, confs (1, n, C)", partial(_match, name=YOLOV4)),
    Format(SSD, "scores (1, n, C + 1) with a background, boxes (1, n, 4) in 0-1", partial(_match, name=SSD)),
    Format(PPDET, "boxes (1, n, 4), scores (1, C, n) (PicoDet, PP-YOLOE without NMS)", partial(_match, name=PPDET)),
)
