"""Fit images into a detector's input, and its boxes back into the image."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from deepsort_cli.core.types import FloatArray, Image

GREY = 114
"""Value of the padding, in 0-255, that YOLO detectors were trained with."""

Fit = Literal["centre", "corner", "stretch"]


@dataclass(frozen=True)
class Pixels:
    """What a network wants to be shown: (pixel − mean) / std of pixels in 0-255. By default RGB in 0-1.

    Attributes:
        rgb: channel order RGB; else BGR.
        mean, std: by channel, in the network's channel order, in units of 0-255 pixels.
        fit: how an image becomes the network's input, see `fit`.
        padding: value of the pixels around it, in 0-255.
    """

    rgb: bool = True
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (255.0, 255.0, 255.0)
    fit: Fit = "centre"
    padding: int = GREY


@dataclass(frozen=True)
class Geometry:
    """Where an image lies inside a network's input: scaled to `width` × `height` pixels, its corner at (left, top)."""

    image_width: int
    image_height: int
    width: int
    height: int
    left: int
    top: int

    def to_input(self, boxes: FloatArray) -> FloatArray:
        """(N, 4) x1 y1 x2 y2 boxes of the image in pixels of the network's input."""
        return np.asarray(boxes * self._scale() + self._shift())

    def to_image(self, boxes: FloatArray) -> FloatArray:
        """(N, 4) x1 y1 x2 y2 boxes of the network's input in pixels of the image; the inverse of `to_input`."""
        return np.asarray((boxes - self._shift()) / self._scale())

    def _scale(self) -> FloatArray:
        # The sides are rounded to whole pixels, so the two factors differ a little.
        return np.array([self.width / self.image_width, self.height / self.image_height] * 2)

    def _shift(self) -> FloatArray:
        return np.array([self.left, self.top] * 2, dtype=np.float64)


def fit(image_shape: tuple[int, int], input_shape: tuple[int, int], how: Fit) -> Geometry:
    """Where an image goes inside an input.

    Args:
        image_shape: (height, width) of the image.
        input_shape: (height, width) of the network's input.
        how: `centre`: as large as its aspect ratio allows, padding on both sides and sides rounded, as Ultralytics
            does; `corner`: the same in the top left corner and sides cut to whole pixels, as YOLOX does; `stretch`:
            over all of the input.
    """
    image_height, image_width = image_shape
    input_height, input_width = input_shape
    if how == "stretch":
        return Geometry(image_width, image_height, input_width, input_height, 0, 0)
    scale = min(input_height / image_height, input_width / image_width)
    whole = round if how == "centre" else int
    width = min(max(whole(image_width * scale), 1), input_width)
    height = min(max(whole(image_height * scale), 1), input_height)
    left, top = 0, 0
    if how == "centre":
        left, top = round((input_width - width) / 2 - 0.1), round((input_height - height) / 2 - 0.1)
    return Geometry(image_width, image_height, width, height, left, top)


class Letterbox:
    """Turns images into network inputs. May be called from several threads at once: each has its own buffers."""

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels
        self._local = threading.local()

    def __call__(self, image: Image, input_shape: tuple[int, int]) -> tuple[npt.NDArray[np.float32], Geometry]:
        """Fit a (H, W, 3) uint8 BGR image into (1, 3, *input_shape) float32. This thread's next call overwrites it."""
        key = (image.shape[:2], input_shape)
        if getattr(self._local, "key", None) != key:
            self._local.buffers = _Buffers(fit(image.shape[:2], input_shape, self.pixels.fit), input_shape, self.pixels)
            self._local.key = key
        buffers: _Buffers = self._local.buffers
        if image.shape == buffers.resized.shape:
            resized = image
        else:
            resized = buffers.resized
            cv2.resize(image, (resized.shape[1], resized.shape[0]), dst=resized, interpolation=cv2.INTER_LINEAR)
        # Splitting bytes and then widening them is several times faster than cv2.dnn.blobFromImage.
        cv2.split(resized, buffers.bgr)
        np.copyto(buffers.picture, buffers.planes)
        _normalise(buffers.picture, self.pixels)
        return buffers.blob, buffers.geometry


def _normalise(planes: npt.NDArray[np.float32], pixels: Pixels) -> None:
    """(pixel − mean) / std of (…, 3, height, width) pixels, in place."""
    factors = np.array([1 / value for value in pixels.std]).astype(np.float32)
    if len(set(pixels.std)) == 1:
        if pixels.std[0] != 1.0:
            planes *= factors[0]
    else:
        planes *= factors[:, None, None]
    if any(pixels.mean):
        planes -= (np.array(pixels.mean) / np.array(pixels.std)).astype(np.float32)[:, None, None]


class _Buffers:
    """The arrays for images of one size; the padding is written once."""

    def __init__(self, geometry: Geometry, input_shape: tuple[int, int], pixels: Pixels) -> None:
        self.geometry = geometry
        self.blob = np.full((1, 3, *input_shape), pixels.padding, dtype=np.float32)
        _normalise(self.blob, pixels)
        rows = slice(geometry.top, geometry.top + geometry.height)
        columns = slice(geometry.left, geometry.left + geometry.width)
        self.picture = self.blob[0, :, rows, columns]
        self.resized = np.empty((geometry.height, geometry.width, 3), dtype=np.uint8)
        self.planes = np.empty(self.picture.shape, dtype=np.uint8)
        self.bgr = list(self.planes[::-1] if pixels.rgb else self.planes)
