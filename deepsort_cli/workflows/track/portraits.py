"""Small pictures of people, cut out of frames: the best of each, and no more memory than that."""

from __future__ import annotations

import cv2
import numpy as np

from deepsort_cli.core.types import FloatArray, Image

HEIGHT, WIDTH = 160, 96
"""The largest size of a portrait in pixels."""
QUALITY = 85
LARGER = 1.3
"""A later picture replaces an earlier one if it has so many times its area, so that few are encoded."""


def portrait(image: Image, box: FloatArray | None = None) -> bytes:
    """A small JPEG of a picture, or of the part of it within a box x1 y1 x2 y2; empty where the box shows nothing."""
    if box is not None:
        height, width = image.shape[:2]
        left, top = np.clip(np.floor(box[:2]), 0, (width, height)).astype(int)
        right, bottom = np.clip(np.ceil(box[2:]), 0, (width, height)).astype(int)
        image = image[top:bottom, left:right]
    if not image.size:
        return b""
    height, width = image.shape[:2]
    scale = min(HEIGHT / height, WIDTH / width, 1.0)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
