"""Frames made fit for an encoder: one size for all, even sides, not wider than wanted."""

from __future__ import annotations

import math
from fractions import Fraction

import cv2
import numpy as np

from deepsort_cli.core.types import Image


def written_size(width: int, height: int, max_side: int | None, shape: Fraction = Fraction(1)) -> tuple[int, int]:
    """Width and height of the written video for frames of this size; even where that is another one.

    Args:
        max_side: longest side wanted; None for any.
        shape: width / height of the frames' pixels, where those of the video are to be square; else 1.
    """
    pixel = float(shape)
    wide, high = width * max(pixel, 1.0), height / min(pixel, 1.0)  # never smaller by that
    scale = min(1.0, (max_side or math.inf) / max(wide, high))
    if shape == 1 and scale == 1:
        return width, height
    return max(2, round(wide * scale / 2) * 2), max(2, round(high * scale / 2) * 2)


def fit(image: Image, width: int, height: int) -> Image:
    """The image at this size, scaled to fit with black bars; itself where it has the size already."""
    if image.shape[:2] == (height, width):
        return image
    scale = min(width / image.shape[1], height / image.shape[0])
    inner = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    canvas = np.zeros((height, width, 3), dtype=np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner, interpolation=cv2.INTER_AREA)
    return canvas


def even(image: Image) -> Image:
    """The image with its last column or row repeated where needed: 4:2:0 video has even sides."""
    odd_y, odd_x = image.shape[0] % 2, image.shape[1] % 2
    if not odd_y and not odd_x:
        return image
    return np.asarray(cv2.copyMakeBorder(image, 0, odd_y, 0, odd_x, cv2.BORDER_REPLICATE), dtype=np.uint8)
