"""Detectors: plain callables from a BGR image to `Detections`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

import cv2
import numpy as np

from deepsort_cli.core.boxes import iou, xyxy_to_tlwh
from deepsort_cli.core.errors import DeepsortError, InputError
from deepsort_cli.core.types import Detections, FloatArray, Image, IntArray
from deepsort_cli.perception.classes import COCO_NAMES, names_for, parse_literal, parse_names, select_classes
from deepsort_cli.perception.heads import recognise
from deepsort_cli.perception.letterbox import GREY, Letterbox
from deepsort_cli.perception.nms import nms
from deepsort_cli.perception.runtime import Session, open_session
from deepsort_cli.perception.settings import DetectorSettings, RuntimeSettings

DEFAULT_SIZE = 640
DEFAULT_STRIDE = 32
DEFAULT_IOU, HOG_IOU = 0.45, 0.2
HOG_PERSON = (0.48, 0.7)
"""Width and height of the person as parts of hog's window: near the best F1 on PETS09-S2L1."""
HOG_SLOPE, HOG_OFFSET = 1.8, -1.0


class Detector(Protocol):
    """Finds objects in one image.

    Attributes:
        name: what to call it in messages.
        class_names: name by class number.
    """

    name: str
    class_names: dict[int, str]

    def __call__(self, image: Image) -> Detections:
        """Detections in a (H, W, 3) uint8 BGR image: boxes clipped to it, by descending score, without features."""
        ...


def open_detector(settings: DetectorSettings | None = None, runtime: RuntimeSettings | None = None) -> Detector:
    """The detector the settings name: OpenCV's people detector (`hog`, the default) or an ONNX model.

    Raises:
        InputError: the model cannot be used, or a setting does not fit it.
    """
    settings = settings or DetectorSettings()
    if settings.model_path is None or settings.is_hog:
        return HogDetector(settings)
    return OnnxDetector(open_session(settings.model_path, runtime), settings)


class OnnxDetector:
    """Any ONNX detector whose output `heads` knows. May be called from several threads at once.

    Attributes:
        name: the model's file name.
        class_names: name by class number, from the model's metadata or COCO.
        head: the output format found.
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
        is_yolox = self.head.name == "yolox"
        self._letterbox = Letterbox(rgb=not is_yolox, scale=1.0 if is_yolox else 1 / 255, centred=not is_yolox)

    def __call__(self, image: Image) -> Detections:
        size = self._input_shape(image)
        blob, geometry = self._letterbox(image, size)
        output = self._session.run(blob)[self.head.output]
        boxes, scores, class_ids = self.head.decode(output, size, self._conf, self._wanted)
        finite = np.isfinite(boxes).all(axis=1)
        if not finite.all():
            boxes, scores, class_ids = boxes[finite], scores[finite], class_ids[finite]
        if self.head.needs_nms:
            keep = nms(boxes, scores, class_ids, self._iou)
        else:
            keep = np.argsort(-scores, kind="stable")
        keep = keep[: self._max_det]
        return _clipped(geometry.to_image(boxes[keep]), scores[keep], class_ids[keep], image)

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


def _clipped(boxes: FloatArray, scores: FloatArray, class_ids: IntArray, image: Image) -> Detections:
    """Detections with boxes cut at the image's edge; those with nothing left inside go."""
    height, width = image.shape[:2]
    boxes = np.clip(boxes, 0.0, (width, height, width, height))
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return Detections(boxes[inside], scores[inside], class_ids[inside])


class HogDetector:
    """OpenCV's upright people detector: HOG features and a linear SVM (Dalal & Triggs 2005). Needs no model file.

    May be called from several threads at once. Its 64×128 search window shows a person with a margin; boxes are cut
    back to the person. A score is the logistic of the SVM's margin, fitted to the share of boxes that are right
    (IoU ≥ 0.5) in PETS09-S2L1: 0.27 at the SVM's own boundary, 0.69 at margin 1, 0.93 at margin 2.
    """

    def __init__(self, settings: DetectorSettings) -> None:
        self.name = "hog"
        self.device = "cpu"
        self.class_names = {0: "person"}
        self._iou = HOG_IOU if settings.iou is None else settings.iou
        self._conf = settings.lowest_confidence()
        self._max_det = settings.max_det
        self._stride = (settings.hog_stride, settings.hog_stride)
        self._scale = settings.hog_scale
        select_classes(self.class_names, settings.classes)
        if settings.imgsz:
            raise InputError("--imgsz: the hog detector searches all sizes. Leave --imgsz out, or name an ONNX model.")
        if not hasattr(cv2, "HOGDescriptor"):
            raise InputError("the hog detector needs opencv-python 4.x: pip install 'opencv-python<5'.")
        self._hog = cv2.HOGDescriptor()
        self._hog.setSVMDetector(np.asarray(cv2.HOGDescriptor.getDefaultPeopleDetector()))

    def __call__(self, image: Image) -> Detections:
        padded, top, left = _at_least(image, *self._hog.winSize[::-1])
        # Well below the boundary a window is never a person: there the search stops, whatever the confidence asked.
        lowest = min(max(self._conf, 0.05), 1 - 1e-9)
        found, distances = self._hog.detectMultiScale(
            padded,
            hitThreshold=(math.log(lowest / (1 - lowest)) - HOG_OFFSET) / HOG_SLOPE,
            winStride=self._stride,
            padding=(8, 8),
            scale=self._scale,
            groupThreshold=0,
        )
        if len(found) == 0:
            return Detections.empty()
        # OpenCV's threads report windows in any order.
        order = np.lexsort(np.asarray(found).T)
        windows = np.asarray(found, dtype=np.float64)[order]
        margins = np.asarray(distances, dtype=np.float64).ravel()[order]
        sizes = windows[:, 2:] * HOG_PERSON
        corners = windows[:, :2] + windows[:, 2:] / 2 - sizes / 2 - (left, top)
        boxes = np.concatenate([corners, corners + sizes], axis=1)
        scores = 1.0 / (1.0 + np.exp(-(HOG_SLOPE * margins + HOG_OFFSET)))
        class_ids = np.zeros(len(boxes), dtype=np.int64)
        keep = nms(boxes, scores, class_ids, self._iou)[: self._max_det]
        return _clipped(_averaged(keep, boxes, scores), scores[keep], class_ids[keep], image)


def _averaged(keep: IntArray, boxes: FloatArray, scores: FloatArray) -> FloatArray:
    """The boxes kept, each averaged with those it overlaps by half or more, weighted by score.

    The search goes in steps, and which window of a group is best changes from frame to frame: averaging takes about a
    third of that jitter away.
    """
    overlap = iou(xyxy_to_tlwh(boxes[keep]), xyxy_to_tlwh(boxes))
    weights = np.where(overlap >= 0.5, scores, 0.0)
    return np.asarray(weights @ boxes / weights.sum(axis=1, keepdims=True))


def _at_least(image: Image, height: int, width: int) -> tuple[Image, int, int]:
    """The image with its edges repeated until it holds one search window; and how much was added at top and left."""
    missing_y, missing_x = max(0, height - image.shape[0]), max(0, width - image.shape[1])
    if not missing_y and not missing_x:
        return image, 0, 0
    top, left = missing_y // 2, missing_x // 2
    padded = cv2.copyMakeBorder(image, top, missing_y - top, left, missing_x - left, cv2.BORDER_REPLICATE)
    return np.asarray(padded, dtype=np.uint8), top, left
