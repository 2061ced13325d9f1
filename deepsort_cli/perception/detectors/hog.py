"""OpenCV's people detector, which needs no model file."""

from __future__ import annotations

import math

import cv2
import numpy as np

from deepsort_cli.core.boxes import iou, xyxy_to_tlwh
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.types import Detections, FloatArray, Image, IntArray
from deepsort_cli.perception.classes import select_classes
from deepsort_cli.perception.detectors.clipping import clipped
from deepsort_cli.perception.detectors.tally import FLOOR, DetectionCounts, Tally
from deepsort_cli.perception.nms import nms
from deepsort_cli.perception.settings import DetectorSettings

HOG_IOU = 0.2
HOG_PERSON = (0.48, 0.7)
"""Width and height of the person as parts of hog's window: near the best F1 on PETS09-S2L1."""
HOG_SLOPE, HOG_OFFSET = 1.8, -1.0


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
        self.tally = Tally(max(self._conf, FLOOR), self.class_names)
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
        lowest = min(max(self._conf, FLOOR), 1 - 1e-9)
        found, distances = self._hog.detectMultiScale(
            padded,
            hitThreshold=(math.log(lowest / (1 - lowest)) - HOG_OFFSET) / HOG_SLOPE,
            winStride=self._stride,
            padding=(8, 8),
            scale=self._scale,
            groupThreshold=0,
        )
        if len(found) == 0:
            self.tally.add(DetectionCounts(frames=1))
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
        # The search stops at the confidence asked for, so there is nothing below it to count.
        _, counts = self.tally.choose(scores, class_ids, 0.0, None)
        best = nms(boxes, scores, class_ids, self._iou)
        keep = best[: self._max_det]
        kept = clipped(_averaged(keep, boxes, scores), scores[keep], class_ids[keep], image)
        self.tally.add(counts.resolved(len(best), len(keep), len(kept)))
        return kept


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
