"""Detectors that are ONNX models."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from deepsort_cli.core.errors import DeepsortError, InputError
from deepsort_cli.core.types import Detections, Image
from deepsort_cli.perception.classes import COCO_NAMES, names_for, parse_literal, parse_names, select_classes
from deepsort_cli.perception.detectors.clipping import clipped
from deepsort_cli.perception.detectors.tally import FLOOR, Tally
from deepsort_cli.perception.heads import recognise
from deepsort_cli.perception.letterbox import GREY, Letterbox
from deepsort_cli.perception.nms import nms
from deepsort_cli.perception.runtime import Session
from deepsort_cli.perception.settings import DetectorSettings

DEFAULT_SIZE = 640
DEFAULT_STRIDE = 32
DEFAULT_IOU = 0.45


class OnnxDetector:
    """Any ONNX detector whose output `heads` knows. May be called from several threads at once.

    Attributes:
        name: the model's file name.
        class_names: name by class number, from the model's metadata or COCO.
        head: the output format found.
        tally: what became of its candidates so far.
        device: where the network runs, for example cpu.

    Raises:
        InputError: the model is no detector known, or a setting does not fit it.
    """

    def __init__(self, session: Session, settings: DetectorSettings) -> None:
        self.name = session.path.name
        self.device = session.device
        self._session = session
        self._conf = settings.lowest_confidence()
        self._iou = DEFAULT_IOU if settings.iou is None else settings.iou
        self._max_det = settings.max_det
        self._stride = _stride(session)
        self._size, self._rectangular = _input_size(session, settings, self._stride)
        # One run on a grey image shows the output's real shape, and warms the network up.
        grey = np.full((1, 3, *self._size), GREY / 255, dtype=np.float32)
        try:
            self.head = recognise(session.run(grey), self._size, session.metadata, settings.head)
        except DeepsortError as error:
            raise InputError(f"{session.path}: {error}") from None
        given = parse_names(session.metadata.get("names"))
        count = self.head.classes or (max(given) + 1 if given else len(COCO_NAMES))
        self.class_names = names_for(count, given)
        self._wanted = select_classes(self.class_names, settings.classes)
        self._floor = min(self._conf, FLOOR)
        self.tally = Tally(self._floor, self.class_names)
        is_yolox = self.head.name == "yolox"
        self._letterbox = Letterbox(rgb=not is_yolox, scale=1.0 if is_yolox else 1 / 255, centred=not is_yolox)

    def __call__(self, image: Image) -> Detections:
        size = self._input_shape(image)
        blob, geometry = self._letterbox(image, size)
        output = self._session.run(blob)[self.head.output]
        boxes, scores, class_ids = self.head.decode(output, size, self._floor, None)
        chosen, counts = self.tally.choose(scores, class_ids, self._conf, self._wanted)
        chosen = chosen[np.isfinite(boxes[chosen]).all(axis=1)]
        boxes, scores, class_ids = boxes[chosen], scores[chosen], class_ids[chosen]
        if self.head.needs_nms:
            keep = nms(boxes, scores, class_ids, self._iou)
        else:
            keep = np.argsort(-scores, kind="stable")
        limited = keep[: self._max_det]
        found = clipped(geometry.to_image(boxes[limited]), scores[limited], class_ids[limited], image)
        self.tally.add(counts.resolved(len(keep), len(limited), len(found)))
        return found

    def _input_shape(self, image: Image) -> tuple[int, int]:
        """(height, width) of the input: a model of dynamic size gets no more padding than its stride asks for."""
        if not self._rectangular:
            return self._size
        height, width = image.shape[:2]
        scale = min(self._size[0] / height, self._size[1] / width)
        return self._whole_strides(height * scale), self._whole_strides(width * scale)

    def _whole_strides(self, side: float) -> int:
        return max(math.ceil(round(side) / self._stride), 1) * self._stride


def _stride(session: Session) -> int:
    """The largest stride of the network, which its input's sides must be multiples of."""
    text = session.metadata.get("stride", "")
    return int(text) if text.isdecimal() and 1 <= int(text) <= 256 else DEFAULT_STRIDE


def _input_size(session: Session, settings: DetectorSettings, stride: int) -> tuple[tuple[int, int], bool]:
    """Largest (height, width) of the input, and whether the model takes smaller ones too.

    Raises:
        InputError: imgsz does not fit the model.
    """
    batch, _, height, width = session.input_shape
    if batch not in (1, None):
        raise InputError(f"{session.path}: made for batches of {batch} images. Export it with batch size 1.")
    shown = ",".join(str(side) for side in settings.imgsz)
    wanted = (settings.imgsz[0], settings.imgsz[-1]) if settings.imgsz else None
    if wanted and wanted != (height or wanted[0], width or wanted[1]):
        raise InputError(
            f"--imgsz {shown}: {session.path.name} has a fixed input of {height or 'any'}×{width or 'any'} "
            f"(height×width). Leave --imgsz out, or export the model with dynamic size."
        )
    if wanted and any(side % stride for side in wanted):
        raise InputError(f"--imgsz {shown}: {session.path.name} needs sides that are multiples of {stride}.")
    if wanted is None:
        wanted = _exported_size(session.metadata) or (DEFAULT_SIZE, DEFAULT_SIZE)
    return (height or wanted[0], width or wanted[1]), height is None and width is None


def _exported_size(metadata: Mapping[str, str]) -> tuple[int, int] | None:
    """(height, width) in the `imgsz` property of Ultralytics models."""
    sides = parse_literal(metadata.get("imgsz"))
    if isinstance(sides, list | tuple) and len(sides) == 2 and all(isinstance(s, int) and 0 < s <= 4096 for s in sides):
        return sides[0], sides[1]
    return None
