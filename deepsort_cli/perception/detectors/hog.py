"""OpenCV's two people detectors, joined; they need no model file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from deepsort_cli.core.boxes import iou, xyxy_to_tlwh
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.types import Detections, FloatArray, Image
from deepsort_cli.perception.classes import select_classes
from deepsort_cli.perception.detectors.base import ImageDetector
from deepsort_cli.perception.detectors.clipping import clipped
from deepsort_cli.perception.detectors.tally import FLOOR, Tally
from deepsort_cli.perception.nms import nms
from deepsort_cli.perception.settings import DetectorSettings

HOG_IOU = 0.4
HOG_SLOPE, HOG_OFFSET = 1.5, -4.0
HOG_SAME = 0.6
"""IoU from which two windows are taken to show the same person."""
LARGEST = (128, 64)
"""Height and width of the larger of the two windows."""
BIGGEST_ENLARGED = 768 * 576
"""Pixels up to which a small picture is enlarged."""
LOW, BORDER = 2 * LARGEST[0], 32
"""Pictures lower than the first get the second as a border: windows of people as tall as those reach beyond."""


@dataclass(frozen=True)
class _Model:
    """A trained search window.

    Attributes:
        window: width and height in pixels.
        person: width and height of a whole person as parts of the window's.
        floor: the SVM's margin from which a window says anything at all.
    """

    name: str
    window: tuple[int, int]
    person: tuple[float, float]
    floor: float

    def open(self) -> Any:
        """OpenCV's search with this window."""
        hog = cv2.HOGDescriptor(self.window, (16, 16), (8, 8), (8, 8), 9)
        hog.setSVMDetector(np.asarray(getattr(cv2.HOGDescriptor, self.name)()))
        return hog


MODELS = (
    _Model("getDefaultPeopleDetector", (64, 128), (0.55, 0.76), -0.5),
    _Model("getDaimlerPeopleDetector", (48, 96), (0.60, 0.81), 0.3),
)


class HogDetector(ImageDetector):
    """Upright people by HOG features and linear SVMs (Dalal & Triggs 2005), as OpenCV has them. Needs no model file.

    Two SVMs search the picture: INRIA's, with a window of 64×128 pixels, and Daimler's, with 48×96. Their windows show
    a person with a margin; boxes are cut back to the person. What both find is believed more than what one finds: a
    score is the logistic of 1.5 times the sum of how far either SVM's margin is above its floor, less 4. That is about
    the share of boxes that are right (IoU ≥ 0.5), fitted to four kinds of scenes: PETS09-S2L1, TUD-Campus,
    TUD-Stadtmitte and generated ones. May be called from several threads at once.
    """

    def __init__(self, settings: DetectorSettings) -> None:
        self.name = "hog"
        self.device = "cpu"
        self.class_names = {0: "person"}
        self._iou = HOG_IOU if settings.iou is None else settings.iou
        self.conf = settings.lowest_confidence()
        self._max_det = settings.max_det
        self._stride = (settings.hog_stride, settings.hog_stride)
        self._scale = settings.hog_scale
        self.tally = Tally(FLOOR, self.class_names)
        select_classes(self.class_names, settings.classes)
        if settings.imgsz:
            raise InputError(
                "`detector.imgsz`: the hog detector searches all sizes. Leave `detector.imgsz` "
                "out, or name an ONNX model."
            )
        if not hasattr(cv2, "HOGDescriptor"):
            raise InputError("the hog detector needs opencv-python 4.x: pip install 'opencv-python<5'.")
        self._models = [(model, model.open()) for model in MODELS]

    def __call__(self, image: Image) -> Detections:
        boxes, evidence = self._search(image)
        scores = _scored(boxes, evidence)
        class_ids = np.zeros(len(boxes), dtype=np.int64)
        chosen, counts = self.tally.choose(scores, class_ids, self.conf, None)
        boxes, scores, class_ids = _averaged(boxes[chosen], evidence[chosen]), scores[chosen], class_ids[chosen]
        best = nms(boxes, scores, class_ids, self._iou)
        keep = best[: self._max_det]
        kept = clipped(Detections(boxes[keep], scores[keep], class_ids[keep]), image)
        self.tally.add(counts.resolved(len(best), len(keep), len(kept)))
        return kept

    def _search(self, image: Image) -> tuple[FloatArray, FloatArray]:
        """(N, 4) boxes of people, x1 y1 x2 y2, and (N, 2) how far above its floor each model's margin is; 0: not."""
        boxes, evidence = [np.empty((0, 4))], [np.empty((0, len(MODELS)))]
        view = _whole(image)
        for column, (model, hog) in enumerate(self._models):
            windows, margins = hog.detectMultiScale(
                view.image,
                hitThreshold=model.floor,
                winStride=self._stride,
                padding=(8, 8),
                scale=self._scale,
                groupThreshold=0,
            )
            windows = np.asarray(windows, dtype=np.float64).reshape(-1, 4)
            sizes = windows[:, 2:] * model.person
            corners = windows[:, :2] + windows[:, 2:] / 2 - sizes / 2 - view.corner
            boxes.append(np.concatenate([corners, corners + sizes], axis=1) / view.factor)
            above = np.zeros((len(windows), len(MODELS)))
            above[:, column] = np.asarray(margins, dtype=np.float64).ravel() - model.floor
            evidence.append(above)
        return _ordered(np.concatenate(boxes), np.concatenate(evidence))


def _ordered(boxes: FloatArray, evidence: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Boxes of the best evidence first: OpenCV's threads report them in any order."""
    order = np.lexsort((*boxes.T, -evidence.sum(axis=1)))
    return boxes[order], evidence[order]


def _scored(boxes: FloatArray, evidence: FloatArray) -> FloatArray:
    """(N,) score of each box: of the best evidence either model has for its person."""
    same = iou(xyxy_to_tlwh(boxes), xyxy_to_tlwh(boxes)) >= HOG_SAME
    total = sum(np.where(same, column, 0.0).max(axis=1, initial=0.0) for column in evidence.T)
    return np.asarray(1.0 / (1.0 + np.exp(-(HOG_SLOPE * total + HOG_OFFSET))))


def _averaged(boxes: FloatArray, evidence: FloatArray) -> FloatArray:
    """Each box averaged with those of the same person, weighted by the odds of each.

    The search goes in steps, and which window of a group is best changes from frame to frame: averaging takes about a
    third of that jitter away.
    """
    same = iou(xyxy_to_tlwh(boxes), xyxy_to_tlwh(boxes)) >= HOG_SAME
    weights = np.where(same, np.exp(HOG_SLOPE * evidence.sum(axis=1)), 0.0)
    return np.asarray(weights @ boxes / weights.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class _View:
    """A copy of the picture to search in: `factor` times its size, whose upper left corner lies at `corner`."""

    image: Image
    factor: float
    corner: tuple[int, int]


def _whole(image: Image) -> _View:
    """The picture; a small one up to twice as large, because the windows find nobody smaller than themselves."""
    height, width = image.shape[:2]
    factor = min(2.0, (BIGGEST_ENLARGED / (height * width)) ** 0.5)
    if factor < 1.25:  # nearly the same people are found, and the search takes longer
        factor = 1.0
    return _bordered(image, factor, BORDER if height * factor < LOW else 0)


def _bordered(image: Image, factor: float, border: int) -> _View:
    """The image resized, with its edges repeated: by `border` pixels or more, until it holds a search window."""
    height, width = (max(1, round(side * factor)) for side in image.shape[:2])
    if factor != 1.0:
        image = np.asarray(
            cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR),
            dtype=np.uint8,
        )
    missing_y, missing_x = (max(2 * border, side - has) for side, has in zip(LARGEST, (height, width), strict=True))
    if not missing_y and not missing_x:
        return _View(image, factor, (0, 0))
    top, left = missing_y // 2, missing_x // 2
    padded = cv2.copyMakeBorder(image, top, missing_y - top, left, missing_x - left, cv2.BORDER_REPLICATE)
    return _View(np.asarray(padded, dtype=np.uint8), factor, (left, top))
