"""Turned frames, and frames that change their size."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import cv2
import numpy as np

from deepsort_cli.core.types import Image
from deepsort_cli.video.sources.base import Warn

Turn = Callable[[Any], Any]

_TURNS: dict[tuple[int, int, int, int], Turn | None] = {
    (1, 0, 0, 1): None,
    (0, 1, -1, 0): lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
    (-1, 0, 0, -1): lambda image: cv2.rotate(image, cv2.ROTATE_180),
    (0, -1, 1, 0): lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
    (-1, 0, 0, 1): lambda image: cv2.flip(image, 1),
    (1, 0, 0, -1): lambda image: cv2.flip(image, 0),
    (0, 1, 1, 0): cv2.transpose,
    (0, -1, -1, 0): lambda image: cv2.rotate(cv2.transpose(image), cv2.ROTATE_180),
}
"""What a display matrix (a, b, c, d) asks for, its entries reduced to signs: x' = a·x + c·y, y' = b·x + d·y."""


def turn_of(matrix: bytes | None) -> tuple[Turn | None, bool]:
    """What to do with the pixels under a display matrix: how to turn them, and whether width and height change places.

    Args:
        matrix: nine 32-bit numbers as FFmpeg gives them; None for none. Turns by other angles than quarters are left
            to those who look at the picture.
    """
    if matrix is None or len(matrix) < 36:
        return None, False
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix[:36])
    largest = max(abs(a), abs(b), abs(c), abs(d), 1)
    signs = tuple(int(np.sign(value)) if abs(value) > largest / 2 else 0 for value in (a, b, c, d))
    turn = _TURNS.get(signs)  # type: ignore[arg-type]
    return turn, turn is not None and signs[0] == 0


class FirstSize:
    """Brings all frames to the size of the first one: scaled to fit, never out of shape, black around. Said once."""

    def __init__(self, shown: str, warn: Warn) -> None:
        self._shown, self._warn = shown, warn
        self._size: tuple[int, int] | None = None
        self._aspect = Fraction(1)
        self._said = False

    def __call__(self, image: Image, aspect: Fraction = Fraction(1)) -> Image:
        """The image, in the first one's size.

        Args:
            aspect: width / height of the image's pixels as shown. Pixels of the result have the first image's.
        """
        height, width = image.shape[:2]
        if self._size is None:
            self._size, self._aspect = (width, height), aspect
        if (width, height) == self._size:
            return image
        if not self._said:
            self._said = True
            self._warn(
                f"{self._shown}: the size changes from {self._size[0]}×{self._size[1]} to {width}×{height}; "
                "frames of another size are fitted into the first one's, boxes are in its pixels."
            )
        full_width, full_height = self._size
        stretch = float(aspect / self._aspect)
        scale = min(full_width / (width * stretch), full_height / height)
        fit = (max(1, round(width * stretch * scale)), max(1, round(height * scale)))
        fit = (min(fit[0], full_width), min(fit[1], full_height))
        shrinks = fit[0] * fit[1] < width * height
        scaled = cv2.resize(image, fit, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        result = np.zeros((full_height, full_width, 3), dtype=np.uint8)
        left, top = (full_width - fit[0]) // 2, (full_height - fit[1]) // 2
        result[top : top + fit[1], left : left + fit[0]] = scaled
        return result
