"""Detectors: from frames to `Detections`; the live ones can also be called with a BGR image.

`hog` is OpenCV's people detector, `network` any ONNX detector; `open_detector` opens the one that settings name.
"""

from __future__ import annotations

from collections.abc import Callable

from deepsort_cli.perception.detectors.base import Detector, ImageDetector
from deepsort_cli.perception.detectors.hog import HogDetector
from deepsort_cli.perception.detectors.network import OnnxDetector
from deepsort_cli.perception.detectors.tally import DetectionCounts, Tally
from deepsort_cli.perception.model_names import located
from deepsort_cli.perception.runtime import open_session
from deepsort_cli.perception.settings import DetectorSettings, RuntimeSettings

__all__ = ["DetectionCounts", "Detector", "HogDetector", "ImageDetector", "OnnxDetector", "Tally", "open_detector"]


def open_detector(
    settings: DetectorSettings | None = None,
    runtime: RuntimeSettings | None = None,
    warn: Callable[[str], None] = lambda message: None,
) -> ImageDetector:
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
