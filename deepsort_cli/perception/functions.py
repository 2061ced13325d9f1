"""Functions that users hand in, as a detector and as an embedder.

They are asked for one frame at a time, in the order of the frames, never two at once, and from a thread of their own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.foreign import as_array, class_names_in
from deepsort_cli.core.types import Detections, FloatArray, Image
from deepsort_cli.perception.classes import select_classes
from deepsort_cli.perception.detectors.base import ImageDetector
from deepsort_cli.perception.detectors.selection import Selection
from deepsort_cli.perception.detectors.tally import Tally
from deepsort_cli.perception.embedders import Features
from deepsort_cli.perception.settings import DetectorSettings

Detect = Callable[[Image], Any]
"""A (H, W, 3) uint8 BGR image → what `Detections.of` takes."""
Embed = Callable[[Image, FloatArray], Any]
"""A (H, W, 3) uint8 BGR image and (N, 4) boxes x1 y1 x2 y2 → (N, D) features."""

HEEDED = ("model_path", "conf", "iou", "classes", "interval")
"""Settings of detectors that make sense for functions."""


class FunctionDetector(ImageDetector):
    """A function from image to detections. `detector.conf`, `iou` and `classes`, where given, choose among them.

    Class names are those of its attribute `class_names` or `names`, or come with its answers.

    Args:
        lock: held while the function runs.

    Raises:
        InputError: a setting cannot be heeded.
    """

    in_turn = True

    def __init__(self, function: Detect, settings: DetectorSettings, lock: threading.Lock) -> None:
        self.name = name_of(function)
        self.class_names: dict[int, str] = names_of(function)
        usual = DetectorSettings()
        for name in DetectorSettings.model_fields:
            if name not in HEEDED and getattr(settings, name) != getattr(usual, name):
                raise InputError(f"`detector.{name}`: a function given as detector sees to that itself. Leave it out.")
        self.conf = settings.conf or 0.0
        self.tally = Tally(0.0, self.class_names)
        self._select = Selection(settings.conf, settings.iou, _wanted(self.class_names, settings.classes))
        self._function = function
        self._lock = lock

    def __call__(self, image: Image) -> Detections:
        with self._lock:
            answer = self._function(image)
            try:
                found = Detections.of(answer).copy()  # the function may use its arrays again for the next frame
            except ValueError as error:
                raise InputError(f"`detector`: the answer of {self.name} cannot be used: {error}.") from None
        for number, name in class_names_in(answer).items():
            self.class_names.setdefault(number, name)
        self.has_features = self.has_features or found.features is not None
        return self._select(found, self.tally)


class FunctionEmbedder:
    """A function from image and boxes to features. It is not asked where there is no box.

    Attributes:
        name: what to call it in messages.
        threshold: None: nobody knows which distances its features have.
        file: None: it comes from none.
    """

    in_turn = True
    threshold: float | None = None
    file: Path | None = None

    def __init__(self, function: Embed, lock: threading.Lock) -> None:
        self.name = name_of(function)
        self._function = function
        self._lock = lock

    def __call__(self, image: Image, boxes: FloatArray) -> Features:
        """(N, D) float32 features of boxes in one image.

        Raises:
            InputError: the function answers with another shape.
        """
        if len(boxes) == 0:
            return np.empty((0, 0), np.float32)
        with self._lock:
            answer = self._function(image, boxes)
            try:
                features = np.array(as_array(answer), dtype=np.float32)  # the function may use its array again
            except ValueError as error:
                raise InputError(f"`reid`: the answer of {self.name} cannot be used: {error}.") from None
        if features.ndim != 2 or len(features) != len(boxes) or not features.shape[1]:
            raise InputError(
                f"`reid`: {self.name} answered with an array of shape {features.shape}; expected ({len(boxes)}, D), "
                "one row per box."
            )
        return features


def name_of(function: object) -> str:
    """What to call a function in messages: its name, or that of its class."""
    name = getattr(function, "__name__", type(function).__name__)
    return "the function given" if name == "<lambda>" else str(name)


def names_of(function: object) -> dict[int, str]:
    """Name by class number, of a function that has them as `class_names` or `names`; else empty."""
    for attribute in ("class_names", "names"):
        names = getattr(function, attribute, None)
        if isinstance(names, list | tuple):
            names = dict(enumerate(names))
        if isinstance(names, Mapping):
            return {int(number): str(name) for number, name in names.items()}
    return {}


def _wanted(names: Mapping[int, str], classes: tuple[str, ...]) -> frozenset[int] | None:
    """Numbers of the classes to keep; None keeps all."""
    if not classes or any(item.lower() == "all" for item in classes):
        return None
    if names:
        return select_classes(names, classes)
    named = next((item for item in classes if not item.isdecimal()), None)
    if named is not None:
        raise InputError(
            f"`detector.classes` {named}: the function does not name its classes. Give their numbers, or give the "
            "function an attribute `class_names` as {0: 'person'}."
        )
    return frozenset(int(item) for item in classes)
