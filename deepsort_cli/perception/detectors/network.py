"""Detectors that are ONNX models."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from deepsort_cli.core.errors import DeepsortError, InputError, RunError
from deepsort_cli.core.types import Detections, Image
from deepsort_cli.perception.classes import names_for, parse_literal, parse_names, select_classes
from deepsort_cli.perception.detectors.base import ImageDetector
from deepsort_cli.perception.detectors.clipping import clipped
from deepsort_cli.perception.detectors.tally import FLOOR, Tally
from deepsort_cli.perception.extras import in_picture
from deepsort_cli.perception.heads import Output, Seen, recognise
from deepsort_cli.perception.heads.base import Outputs
from deepsort_cli.perception.letterbox import GREY, Letterbox, Pixels
from deepsort_cli.perception.nms import nms
from deepsort_cli.perception.runtime import Session
from deepsort_cli.perception.settings import DetectorSettings, normalisation

DEFAULT_SIZE = 640
USUAL_SQUARES = (640, 416, 320, 512, 384, 560, 576, 800, 1024, 1280, 736, 768, 960, 448, 608, 672, 300, 256, 224, 1536)
USUAL_RECTANGLES = ((384, 640), (480, 640), (288, 480), (256, 320), (544, 960), (736, 1280), (720, 1280), (800, 1333))
"""(height, width) tried, in this order and after the squares, where a model says that it takes any size and fails at
the first."""
DEFAULT_STRIDE = 32
DEFAULT_IOU = 0.45

Warn = Callable[[str], None]
Size = tuple[int, int]


class OnnxDetector(ImageDetector):
    """Any ONNX detector whose outputs `heads` knows. May be called from several threads at once.

    Attributes:
        name: the model's file name.
        class_names: name by class number, from the model's metadata or COCO.
        head: the output format found.
        tally: what became of its candidates so far.
        device: where the network runs, for example cpu.

    Raises:
        InputError: the model is no detector known, or a setting does not fit it.
    """

    def __init__(self, session: Session, settings: DetectorSettings, warn: Warn = lambda message: None) -> None:
        self.name = session.path.name
        self.file = session.path
        self.device = session.device
        self._session = session
        self.conf = settings.lowest_confidence()
        self._iou = DEFAULT_IOU if settings.iou is None else settings.iou
        self._agnostic = settings.agnostic_nms
        self._max_det = settings.max_det
        self._stride = _stride(session)
        sizes = _sizes_to_try(session, settings, self._stride)
        try:
            self._size, outputs = _first_run(session, sizes, warn)
            self.head = recognise(_seen(session, outputs, self._size), settings.head)
        except DeepsortError as error:
            raise InputError(f"{session.path}: {error}") from None
        if self.head.doubt:
            warn(
                f"{self.name}: {self.head.doubt}. Where boxes are wrong or missing, name its head, or what it is "
                "to be shown: `detector.head`, `detector.color`, `detector.scale`, `detector.mean`, `detector.std`."
            )
        if settings.iou is not None and not (self.head.needs_nms or self._agnostic):
            warn(
                f"`detector.iou` changes nothing: {self.name} gives each object once ({self.head.name}). "
                "`detector.agnostic_nms` suppresses overlaps of its boxes."
            )
        self._rectangular = self._takes_rectangles(settings, outputs)
        given = parse_names(session.metadata.get("names"))
        self.class_names = names_for(self.head.classes, given, coco91=self.head.coco91)
        self._wanted = select_classes(self.class_names, settings.classes)
        self._floor = min(self.conf, FLOOR)
        self.tally = Tally(self._floor, self.class_names)
        self._letterbox = Letterbox(_pixels(self.head.pixels, session, settings))
        self._warn, self.told = warn, threading.Event()

    def __call__(self, image: Image) -> Detections:
        size = self._input_shape(image)
        blob, geometry = self._letterbox(image, size)
        outputs: Outputs = self._session.run(blob)
        index, scores, class_ids = self.head.read(outputs, self._floor)
        if not len(index) and not self.told.is_set() and any(map(_holds_nan, outputs)):
            self._tell_broken("confidences")
        chosen, counts = self.tally.choose(scores, class_ids, self.conf, self._wanted)
        rows, scores, class_ids = index[chosen], scores[chosen], class_ids[chosen]
        boxes = self.head.locate(outputs, rows, size)
        finite = np.isfinite(boxes).all(axis=1)
        broken = int(np.count_nonzero(~finite))
        if broken:
            boxes, scores, class_ids, rows = boxes[finite], scores[finite], class_ids[finite], rows[finite]
            self._tell_broken("boxes")
        if self.head.needs_nms or self._agnostic:
            keep = nms(boxes, scores, None if self._agnostic else class_ids, self._iou)
        else:
            keep = np.argsort(-scores, kind="stable")
        limited = keep[: self._max_det]
        found = Detections(geometry.to_image(boxes[limited]), scores[limited], class_ids[limited])
        if self.head.tell is not None:
            extras = self.head.tell(outputs, rows[limited], size)
            found = found.with_data(in_picture(extras, geometry, found.boxes, size))
        found = clipped(found, image)
        self.tally.add(counts.resolved(len(keep), len(limited), len(found), broken=broken))
        return found

    def _tell_broken(self, what: str) -> None:
        """Say once, whatever the source, that the network gives no numbers."""
        if not self.told.is_set():
            self.told.set()
            self._warn(
                f"{self.name}: some of its {what} are no numbers (NaN), and what they are of is not found. The model "
                "is broken, or overflows in half precision: export it again, in float32."
            )

    def _takes_rectangles(self, settings: DetectorSettings, outputs: Outputs) -> bool:
        """Whether the input may follow the shape of the image: tried out, because exports promise more than they hold.

        A graph whose grids are fixed inside fails on another shape, or answers it with as many candidates as before.
        """
        _, _, height, width = self._session.input_shape
        if height is not None or width is not None or len(settings.imgsz) == 2 or self.head.pixels.fit == "stretch":
            return False
        flat = (self._whole_strides(self._size[0] / 2), self._size[1])
        if flat == self._size:
            return False
        try:
            tried = self._session.run(_grey(flat, self._session))
            head = recognise(_seen(self._session, tried, flat), self.head.name)
        except DeepsortError:
            return False
        dense = [i for i, output in enumerate(outputs) if output.ndim == 3 and max(output.shape[1:]) > flat[1]]
        return head.name == self.head.name and all(tried[i].shape != outputs[i].shape for i in dense)

    def _input_shape(self, image: Image) -> Size:
        """(height, width) of the input: a model of dynamic size gets no more padding than its stride asks for."""
        if not self._rectangular:
            return self._size
        height, width = image.shape[:2]
        scale = min(self._size[0] / height, self._size[1] / width)
        return self._whole_strides(height * scale), self._whole_strides(width * scale)

    def _whole_strides(self, side: float) -> int:
        return max(math.ceil(round(side) / self._stride), 1) * self._stride


def _pixels(usual: Pixels, session: Session, settings: DetectorSettings) -> Pixels:
    """What the network is shown: what its head wants, unless the settings or the type of its input say otherwise.

    Raises:
        InputError: a mean, deviation or scale is given for a model that takes whole numbers.
    """
    given = [name for name in ("scale", "mean", "std") if getattr(settings, name) is not None]
    pixels = usual if settings.color is None else replace(usual, rgb=settings.color == "RGB")
    if session.takes_bytes:
        if given:
            raise InputError(
                f"`detector.{given[0]}`: {session.path.name} takes bytes (uint8) and normalises inside. Leave it out."
            )
        return replace(pixels, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    if not given:
        return pixels
    mean, std = normalisation(settings.scale, settings.mean, settings.std, (usual.mean, usual.std))
    return replace(pixels, mean=mean, std=std)


def _first_run(session: Session, sizes: Sequence[Size], warn: Warn) -> tuple[Size, Outputs]:
    """The first size that the model can be run at, and its outputs for a grey image of it; it warms the network up.

    Raises:
        RunError: it fails at all of them, as at the first.
    """
    first: RunError | None = None
    for size in sizes:
        try:
            outputs = session.run(_grey(size, session))
        except RunError as error:
            first = first or error
            continue
        if first is not None:
            warn(
                f"{session.path.name} says that it takes any input size, but fails at {sizes[0][0]}×{sizes[0][1]}; "
                f"{size[0]}×{size[1]} is used. `detector.imgsz` height,width chooses another."
            )
        return size, outputs
    if first is not None and len(sizes) > 1:
        raise RunError(
            f"{first} It fails at all usual sizes: `detector.imgsz` height,width names the one it was made for."
        )
    raise first or RunError("no input size to run it at")


def _holds_nan(output: np.ndarray[Any, Any]) -> bool:
    return output.dtype.kind == "f" and bool(np.isnan(output).any())


def _grey(size: Size, session: Session) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.full((1, 3, *size), GREY if session.takes_bytes else GREY / 255, dtype=np.float32)


def _seen(session: Session, outputs: Outputs, size: Size) -> Seen:
    named = [Output(name, value) for name, value in zip(session.output_names, outputs, strict=True)]
    dynamic = session.input_shape[2] is None and session.input_shape[3] is None
    return Seen(named, size, session.metadata, inputs=session.extra_inputs, dynamic=dynamic)


def _stride(session: Session) -> int:
    """The largest stride of the network, which its input's sides must be multiples of."""
    text = session.metadata.get("stride", "")
    return int(text) if text.isdecimal() and 1 <= int(text) <= 256 else DEFAULT_STRIDE


def _sizes_to_try(session: Session, settings: DetectorSettings, stride: int) -> list[Size]:
    """(height, width) of the input: the one that is fixed or asked for, else what the model may have been made for.

    Raises:
        InputError: imgsz does not fit the model.
    """
    _, _, height, width = session.input_shape
    shown = ",".join(str(side) for side in settings.imgsz)
    wanted = (settings.imgsz[0], settings.imgsz[-1]) if settings.imgsz else None
    if wanted and wanted != (height or wanted[0], width or wanted[1]):
        raise InputError(
            f"`detector.imgsz` {shown}: {session.path.name} has a fixed input of {height or 'any'}×{width or 'any'} "
            f"(height×width). Leave `detector.imgsz` out, or export the model with dynamic size."
        )
    if wanted and (height is None or width is None) and any(side % stride for side in wanted):
        raise InputError(f"`detector.imgsz` {shown}: {session.path.name} needs sides that are multiples of {stride}.")
    wanted = wanted or _exported_size(session.metadata)
    if wanted or (height and width):
        wanted = wanted or (DEFAULT_SIZE, DEFAULT_SIZE)
        return [(height or wanted[0], width or wanted[1])]
    sizes = [(height or side, width or side) for side in USUAL_SQUARES]
    return sizes if height or width else sizes + list(USUAL_RECTANGLES)


def _exported_size(metadata: Mapping[str, str]) -> Size | None:
    """(height, width) in the `imgsz` property of Ultralytics models."""
    sides = parse_literal(metadata.get("imgsz"))
    if isinstance(sides, list | tuple) and len(sides) == 2 and all(isinstance(s, int) and 0 < s <= 4096 for s in sides):
        return sides[0], sides[1]
    return None
