"""Fit images into a detector's input, and its boxes back into the image."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from deepsort_cli.core.types import FloatArray, Image

GREY = 114
"""Value of the padding, in 0-255, that YOLO detectors were trained with."""


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


def fit(image_shape: tuple[int, int], input_shape: tuple[int, int], *, centred: bool) -> Geometry:
    """The largest picture of an image inside an input, its aspect ratio kept.

    Args:
        image_shape: (height, width) of the image.
        input_shape: (height, width) of the network's input.
        centred: padding on both sides and sides rounded, as Ultralytics does; else the picture lies in the top left
            corner and its sides are cut to whole pixels, as YOLOX does.
    """
    image_height, image_width = image_shape
    input_height, input_width = input_shape
    scale = min(input_height / image_height, input_width / image_width)
    whole = round if centred else int
    width = min(max(whole(image_width * scale), 1), input_width)
    height = min(max(whole(image_height * scale), 1), input_height)
    left, top = 0, 0
    if centred:
        left, top = round((input_width - width) / 2 - 0.1), round((input_height - height) / 2 - 0.1)
    return Geometry(image_width, image_height, width, height, left, top)


class Letterbox:
    """Turns images into network inputs. May be called from several threads at once: each has its own buffers.

    Args:
        rgb: swap the channels of BGR images.
        scale: factor applied to pixels, 1/255 or 1.
        centred: see `fit`.
    """

    def __init__(self, *, rgb: bool, scale: float, centred: bool) -> None:
        self.rgb = rgb
        self.scale = scale
        self.centred = centred
        self._local = threading.local()

    def __call__(self, image: Image, input_shape: tuple[int, int]) -> tuple[npt.NDArray[np.float32], Geometry]:
        """Fit a (H, W, 3) uint8 BGR image into (1, 3, *input_shape) float32. This thread's next call overwrites it."""
        key = (image.shape[:2], input_shape)
        if getattr(self._local, "key", None) != key:
            self._local.buffers = _Buffers(
                fit(image.shape[:2], input_shape, centred=self.centred), input_shape, GREY * self.scale, self.rgb
            )
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
        if self.scale != 1.0:
            buffers.picture *= np.float32(self.scale)
        return buffers.blob, buffers.geometry


class _Buffers:
    """The arrays for images of one size; the padding is written once."""

    def __init__(self, geometry: Geometry, input_shape: tuple[int, int], padding: float, rgb: bool) -> None:
        self.geometry = geometry
        self.blob = np.full((1, 3, *input_shape), padding, dtype=np.float32)
        rows = slice(geometry.top, geometry.top + geometry.height)
        columns = slice(geometry.left, geometry.left + geometry.width)
        self.picture = self.blob[0, :, rows, columns]
        self.resized = np.empty((geometry.height, geometry.width, 3), dtype=np.uint8)
        self.planes = np.empty(self.picture.shape, dtype=np.uint8)
        self.bgr = list(self.planes[::-1] if rgb else self.planes)
