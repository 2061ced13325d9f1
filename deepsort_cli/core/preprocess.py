"""The one preprocessing of Re-ID crops: tracking, evaluation, validation and export's verification all use it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from deepsort_cli.core.settings import Settings
from deepsort_cli.core.types import FloatArray, Image

Deviation = Annotated[float, Field(gt=0)]
BoolArray = npt.NDArray[np.bool_]
Float32Array = npt.NDArray[np.float32]

INTERPOLATION = {"nearest": 0, "bilinear": 1, "bicubic": 2, "area": 3}
"""Name → OpenCV's interpolation flag (cv2.INTER_NEAREST, …), spelt out because cv2 is imported late."""


class Preprocess(Settings):
    """How a person crop becomes the input of a Re-ID network. The defaults are those of OSNet and most others."""

    height: int = Field(256, ge=1, le=4096, description="Input height in pixels.")
    width: int = Field(128, ge=1, le=4096, description="Input width in pixels.")
    mean: tuple[float, float, float] = Field(
        (0.485, 0.456, 0.406), description="Channel means of pixels in 0-1, in the channel order."
    )
    std: tuple[Deviation, Deviation, Deviation] = Field(
        (0.229, 0.224, 0.225), description="Channel standard deviations of pixels in 0-1."
    )
    channel_order: Literal["RGB", "BGR"] = Field("RGB", description="Channel order the network expects.")
    resize: Literal["nearest", "bilinear", "bicubic", "area"] = Field("bilinear", description="Interpolation.")

    def crop(self, image: Image, boxes: FloatArray) -> tuple[Image, BoolArray]:
        """Cut boxes out of an image and resize them.

        Args:
            image: (H, W, 3) uint8 BGR.
            boxes: (N, 4) x1 y1 x2 y2 in pixels; they are clipped to the image and rounded to whole pixels.

        Returns:
            (N, height, width, 3) uint8 BGR crops, and (N,) whether a box covers anything of the image. Where it does
            not (outside, no area, NaN) the crop is black, so that rows stay aligned with the boxes.
        """
        boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
        height, width = image.shape[:2]
        finite: BoolArray = np.asarray(np.isfinite(boxes).all(axis=1))
        clipped = np.where(finite[:, None], boxes, 0.0)
        clipped = np.clip(clipped, 0.0, (width, height, width, height))
        visible: BoolArray = finite & (clipped[:, 2] > clipped[:, 0]) & (clipped[:, 3] > clipped[:, 1])
        # Rounding may close a thin box: give it back the one pixel it lies in.
        start = np.minimum(np.rint(clipped[:, :2]), (width - 1, height - 1)).astype(np.int64)
        stop = np.maximum(np.rint(clipped[:, 2:]).astype(np.int64), start + 1)
        pieces = [
            image[y1:y2, x1:x2] if seen else None
            for (x1, y1), (x2, y2), seen in zip(start.tolist(), stop.tolist(), visible.tolist(), strict=True)
        ]
        return self._resize(pieces), visible

    def resize_crops(self, crops: Sequence[Image]) -> Image:
        """Resize BGR crops of any size to (N, height, width, 3) uint8.

        Raises:
            ValueError: a crop is not a non-empty (h, w, 3) uint8 array.
        """
        for crop in crops:
            if crop.ndim != 3 or crop.shape[2] != 3 or crop.dtype != np.uint8 or crop.size == 0:
                raise ValueError(f"a crop must be a non-empty (h, w, 3) uint8 array, got {crop.shape} {crop.dtype}")
        return self._resize(crops)

    def _resize(self, pieces: Sequence[Image | None]) -> Image:
        import cv2

        resized = np.empty((len(pieces), self.height, self.width, 3), dtype=np.uint8)
        flag = INTERPOLATION[self.resize]
        for target, piece in zip(resized, pieces, strict=True):
            if piece is None:
                target[:] = 0
            else:
                cv2.resize(piece, (self.width, self.height), dst=target, interpolation=flag)
        return resized

    def batch(self, crops: Image) -> Float32Array:
        """Normalise resized crops for the network.

        Args:
            crops: (N, height, width, 3) uint8 BGR, from `crop` or `resize_crops`.

        Returns:
            (N, 3, height, width) float32, contiguous: (pixel / 255 − mean) / std in the network's channel order.
        """
        import cv2

        std = np.asarray(self.std)[:, None, None]
        scale = (1.0 / (255.0 * std)).astype(np.float32)
        offset = (-np.asarray(self.mean)[:, None, None] / std).astype(np.float32)
        batch = np.empty((len(crops), 3, self.height, self.width), dtype=np.float32)
        # Crop by crop, so that the three passes over its pixels find them in the CPU's cache.
        planes = np.empty(batch.shape[1:], dtype=np.uint8)
        bgr = list(planes[::-1] if self.channel_order == "RGB" else planes)
        for crop, target in zip(crops, batch, strict=True):
            cv2.split(crop, bgr)
            np.copyto(target, planes)
            target *= scale
            target += offset
        return batch
