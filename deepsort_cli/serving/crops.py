"""Which picture of a person is the best to remember them by."""

from __future__ import annotations

import cv2
import numpy as np

from deepsort_cli.core.boxes import covered
from deepsort_cli.core.types import FloatArray, Image, Tracks

_TALL = 400.0
"""A person this high in the picture is seen as well as a taller one."""


def visible(boxes: FloatArray, width: int, height: int) -> FloatArray:
    """How much of each person can be seen: (T,) shares of the boxes, 0 to 1.

    What lies outside of the picture is not seen, nor what a nearer person hides: one whose box ends lower.

    Args:
        boxes: (T, 4) x1 y1 x2 y2 in pixels.
    """
    boxes = np.nan_to_num(np.asarray(boxes, dtype=np.float64).reshape(-1, 4), posinf=1e6, neginf=-1e6)
    area, inside = (
        np.prod(np.maximum(sides[:, 2:] - sides[:, :2], 0.0), axis=1)
        for sides in (boxes, np.clip(boxes, 0, (width, height, width, height)))
    )
    share: FloatArray = np.clip(inside / np.maximum(area, 1e-9) - covered(boxes), 0.0, 1.0)
    return share


def promise(tracks: Tracks, share: FloatArray) -> FloatArray:
    """How good a crop of each track can be at best: (T,), by confidence, height, and the share of it that is seen.

    Only tracks with a detection in this frame promise anything: a predicted box may miss the person.
    """
    tall = np.minimum(tracks.boxes[:, 3] - tracks.boxes[:, 1], _TALL)
    best: FloatArray = np.where(tracks.detection_index >= 0, tracks.scores * tall * share**2, 0.0)
    return np.nan_to_num(best)


def sharpness(crop: Image) -> float:
    """0.5 for a blurred crop, towards 1 for one with fine detail: what a promise is multiplied with.

    By the variance of the Laplacian (Pertuz, Puig and Garcia, 2013) at the size that crops are kept in.
    """
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    variance = float(cv2.Laplacian(grey, cv2.CV_16S).var())
    return 0.5 + 0.5 * variance / (variance + 300)
