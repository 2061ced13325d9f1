"""Which picture of a person is the best to remember them by."""

from __future__ import annotations

import cv2
import numpy as np
import simplejpeg

from deepsort_cli.core.types import FloatArray, Image, Tracks

_HEIGHT = 320
"""Pixels that a kept crop is high at most."""
_TALL = 400.0
"""A person this high in the picture is seen as well as a taller one."""


def visible(boxes: FloatArray, width: int, height: int) -> FloatArray:
    """How much of each person can be seen: (T,) shares of the boxes, 0 to 1.

    What lies outside of the picture is not seen, nor what a nearer person hides: one whose box ends lower.

    Args:
        boxes: (T, 4) x1 y1 x2 y2 in pixels.
    """
    boxes = np.nan_to_num(np.asarray(boxes, dtype=np.float64).reshape(-1, 4), posinf=1e6, neginf=-1e6)
    left, top, right, bottom = boxes.T
    area = np.maximum((right - left) * (bottom - top), 1e-9)
    inside = _length(left, right, 0, width) * _length(top, bottom, 0, height) / area
    shared = _length(left[:, None], right[:, None], left, right) * _length(top[:, None], bottom[:, None], top, bottom)
    hidden = np.where(bottom[None] > bottom[:, None], shared, 0.0).max(axis=1, initial=0.0) / area
    share: FloatArray = np.clip(inside - hidden, 0.0, 1.0)
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


def shrunk(crop: Image) -> Image:
    """The crop, at most as large as it is kept."""
    height, width = crop.shape[:2]
    scale = min(1.0, _HEIGHT / height, _HEIGHT / width)
    if scale == 1:
        return np.ascontiguousarray(crop)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def jpeg(image: Image) -> bytes:
    """(H, W, 3) BGR pixels as a JPEG."""
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=88, colorspace="BGR"))


def _length(start: FloatArray, end: FloatArray, low: FloatArray | int, high: FloatArray | int) -> FloatArray:
    """How long the common part of two intervals is."""
    length: FloatArray = np.maximum(np.minimum(end, high) - np.maximum(start, low), 0.0)
    return length
