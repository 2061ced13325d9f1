"""Detectors: plain callables from a BGR image to `Detections`."""

from __future__ import annotations

import math
from typing import Protocol

import cv2
import numpy as np

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.types import Detections, FloatArray, Image, IntArray
from deepsort_cli.perception.classes import names_for, parse_names, select_classes
from deepsort_cli.perception.heads import recognise
from deepsort_cli.perception.letterbox import GREY, Letterbox
from deepsort_cli.perception.nms import nms
from deepsort_cli.perception.runtime import Session, open_session
from deepsort_cli.perception.settings import DetectorSettings, RuntimeSettings

DEFAULT_SIZE = 640
STRIDE = 32


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
    if settings.model_path in (None, "", "hog"):
        return HogDetector(settings)
    return OnnxDetector(open_session(str(settings.model_path), runtime), settings)


class OnnxDetector:
    """Any ONNX detector whose output `heads` knows.

    Raises:
        InputError: the model is no detector known, or a setting does not fit it.
    """

    def __init__(self, session: Session, settings: DetectorSettings) -> None:
        self.name = session.path.name
        self._session = session
        self._settings = settings
        self._size, self._rectangular = _input_size(session, settings)
        # One run on a grey image shows the output's real shape, and warms the network up.
        grey = np.full((1, 3, *self._size), GREY / 255, dtype=np.float32)
        try:
            self.head = recognise(session.run(grey), self._size, session.metadata, settings.head)
        except InputError as error:
            prefix = "" if str(error).startswith(str(session.path)) else f"{session.path}: "
            raise InputError(f"{prefix}{error}") from None
        given = parse_names(session.metadata.get("names"))
        count = self.head.classes or (max(given) + 1 if given else 80)
        self.class_names = names_for(count, given)
        self._wanted = select_classes(self.class_names, settings.classes)
        is_yolox = self.head.name == "yolox"
        self._letterbox = Letterbox(rgb=not is_yolox, scale=1.0 if is_yolox else 1 / 255, centred=not is_yolox)

    def __call__(self, image: Image) -> Detections:
        size = self._input_shape(image)
        blob, geometry = self._letterbox(image, size)
        output = self._session.run(blob)[self.head.output]
        boxes, scores, class_ids = self.head.decode(output, size, self._settings.conf, self._wanted)
        if self.head.needs_nms:
            keep = nms(boxes, scores, class_ids, self._settings.iou)
        else:
            keep = np.argsort(-scores, kind="stable")
        keep = keep[: self._settings.max_det]
        return _clipped(geometry.to_image(boxes[keep]), scores[keep], class_ids[keep], image)

    def _input_shape(self, image: Image) -> tuple[int, int]:
        """A model of dynamic size gets no more padding than its stride asks for."""
        if not self._rectangular:
            return self._size
        height, width = image.shape[:2]
        scale = min(self._size[0] / height, self._size[1] / width)
        return (
            min(self._size[0], math.ceil(round(height * scale) / STRIDE) * STRIDE),
            min(self._size[1], math.ceil(round(width * scale) / STRIDE) * STRIDE),
        )


def _input_size(session: Session, settings: DetectorSettings) -> tuple[tuple[int, int], bool]:
    """(height, width) of the input, and whether the model takes other sizes too.

    Raises:
        InputError: imgsz does not fit the model.
    """
    batch, _, height, width = session.input_shape
    if batch not in (1, None):
        raise InputError(f"{session.path}: made for batches of {batch} images. Export it with batch 1 or dynamic.")
    wanted = settings.imgsz
    if wanted:
        wanted = (wanted[0], wanted[-1])
    shown = ",".join(str(side) for side in settings.imgsz)
    if height is not None and width is not None:
        if wanted and wanted != (height, width):
            raise InputError(
                f"--imgsz {shown}: {session.path.name} has a fixed input of {height}×{width}. "
                f"Leave --imgsz out, or export the model with dynamic size."
            )
        return (height, width), False
    if any(side % STRIDE for side in wanted):
        raise InputError(f"--imgsz {shown}: sides must be multiples of {STRIDE}.")
    if not wanted:
        given = parse_names(session.metadata.get("imgsz"))
        sides = [int(value) for value in given.values() if value.isdecimal()]
        wanted = (sides[0], sides[-1]) if sides else (DEFAULT_SIZE, DEFAULT_SIZE)
    return (height or wanted[0], width or wanted[1]), height is None and width is None


def _clipped(boxes: FloatArray, scores: FloatArray, class_ids: IntArray, image: Image) -> Detections:
    """Detections with boxes cut at the image's edge; those with nothing left inside go."""
    height, width = image.shape[:2]
    boxes = np.clip(boxes, 0.0, (width, height, width, height))
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return Detections(boxes[inside], scores[inside], class_ids[inside])


class HogDetector:
    """OpenCV's upright people detector: HOG features and a linear SVM (Dalal & Triggs 2005). Needs no model file.

    Its 64×128 window has a margin around the person; boxes are cut back to the person. Scores are 1 − exp(−margin)
    of the SVM's margin: 0 at the decision boundary, 0.63 at margin 1, towards 1 for clear figures.
    """

    def __init__(self, settings: DetectorSettings) -> None:
        self.name = "hog"
        self.class_names = {0: "person"}
        self._settings = settings
        select_classes(self.class_names, settings.classes)
        if settings.imgsz:
            raise InputError("--imgsz: the hog detector searches all sizes. Leave --imgsz out, or name an ONNX model.")
        if not hasattr(cv2, "HOGDescriptor"):
            raise InputError("the hog detector needs opencv-python 4.x: pip install 'opencv-python<5'.")
        self._hog = cv2.HOGDescriptor()
        self._hog.setSVMDetector(np.asarray(cv2.HOGDescriptor.getDefaultPeopleDetector()))

    def __call__(self, image: Image) -> Detections:
        padded, top, left = _at_least(image, *self._hog.winSize[::-1])
        found, margins = self._hog.detectMultiScale(
            padded,
            hitThreshold=-math.log1p(-min(self._settings.conf, 0.999999)),
            winStride=(self._settings.hog_stride, self._settings.hog_stride),
            padding=(8, 8),
            scale=self._settings.hog_scale,
            groupThreshold=0,
        )
        if len(found) == 0:
            return Detections.empty()
        x, y, width, height = np.asarray(found, dtype=np.float64).T
        centre_x, centre_y = x + width / 2 - left, y + height / 2 - top
        half_width, half_height = width * HOG_SHRINK[0] / 2, height * HOG_SHRINK[1] / 2
        boxes = np.stack(
            [centre_x - half_width, centre_y - half_height, centre_x + half_width, centre_y + half_height], axis=1
        )
        scores = -np.expm1(-np.asarray(margins, dtype=np.float64).ravel())
        class_ids = np.zeros(len(boxes), dtype=np.int64)
        keep = nms(boxes, scores, class_ids, self._settings.iou)[: self._settings.max_det]
        return _clipped(boxes[keep], scores[keep], class_ids[keep], image)


HOG_SHRINK = (0.6, 0.8)
"""Width and height of the person as parts of the window's."""


def _at_least(image: Image, height: int, width: int) -> tuple[Image, int, int]:
    """The image with its edge repeated until it holds one search window; and how much was added at top and left."""
    missing_y, missing_x = max(0, height - image.shape[0]), max(0, width - image.shape[1])
    if not missing_y and not missing_x:
        return image, 0, 0
    top, left = missing_y // 2, missing_x // 2
    padded = cv2.copyMakeBorder(image, top, missing_y - top, left, missing_x - left, cv2.BORDER_REPLICATE)
    return np.asarray(padded, dtype=np.uint8), top, left
