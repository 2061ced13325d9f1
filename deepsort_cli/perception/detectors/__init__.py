"""Detectors: plain callables from a BGR image to `Detections`.

`hog` is OpenCV's people detector, `network` any ONNX detector; `open_detector` opens the one that settings name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from deepsort_cli.core.types import Detections, Image
from deepsort_cli.perception.catalogue import located
from deepsort_cli.perception.detectors.hog import HogDetector
from deepsort_cli.perception.detectors.network import OnnxDetector
from deepsort_cli.perception.detectors.tally import DetectionCounts, Tally
from deepsort_cli.perception.runtime import open_session
from deepsort_cli.perception.settings import DetectorSettings, RuntimeSettings

__all__ = ["DetectionCounts", "Detector", "HogDetector", "OnnxDetector", "Tally", "open_detector"]


class Detector(Protocol):
    """Finds objects in one image.

    Attributes:
        name: what to call it in messages.
        class_names: name by class number.
        tally: what became of its candidates so far, from all threads.
    """

    name: str
    class_names: dict[int, str]
    tally: Tally

    def __call__(self, image: Image) -> Detections:
        """Detections in a (H, W, 3) uint8 BGR image: boxes clipped to it, by descending score, without features."""
        ...


def open_detector(
    settings: DetectorSettings | None = None,
    runtime: RuntimeSettings | None = None,
    warn: Callable[[str], None] = lambda message: None,
) -> Detector:
    """The detector the settings name: OpenCV's people detector (`hog`, the default), one of the catalogue, or a file.

    Args:
        warn: takes what had to be assumed about a model.

    Raises:
        InputError: the model cannot be used, or a setting does not fit it.
        RunError: a model of the catalogue cannot be fetched.
    """
    settings = settings or DetectorSettings()
    if settings.model_path is None or settings.is_hog:
        return HogDetector(settings)
    return OnnxDetector(open_session(located(settings.model_path, "detector"), runtime), settings, warn)
