"""How the camera moved between two frames, measured on the background.

The motion is a similarity (shift, rotation, zoom). Where nothing can be measured (no texture, a cut), the answer is
None and the tracker goes on as if the camera stood still.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from deepsort_cli.core.images import shrunk
from deepsort_cli.core.types import FloatArray, Image
from deepsort_cli.perception.settings import CameraMotionSettings

GreyImage = npt.NDArray[np.uint8]

MOST_CORNERS, LEAST_CORNERS = 200, 12
LEAST_AGREEING = 0.4
"""Part of the corners followed that must move alike: after a cut they go anywhere."""
TOLERANCE = 1.5
"""Pixels of the small image by which corners that move alike may differ."""
LARGEST_SHIFT, LARGEST_ZOOM, LARGEST_TURN = 0.5, 1.3, math.radians(20)
"""Beyond this from one frame to the next (shift in image sides) it is an error rather than a movement."""
ECC_STEPS, ECC_PRECISION, LEAST_CORRELATION = 50, 1e-3, 0.6
MARGIN = 0.1
"""People's boxes are hidden from the estimate with this margin, in box sides."""


class CameraMotion:
    """Estimates the camera's motion from one frame to the next. May be called from several threads at once.

    `flow` follows corners from frame to frame (Shi and Tomasi 1994, pyramidal Lucas-Kanade) and fits the motion that
    most of them share (RANSAC). `ecc` aligns the images as wholes by their correlation (Evangelidis and Psarakis 2008),
    without zoom; slower, but it needs no corners.
    """

    def __init__(self, settings: CameraMotionSettings) -> None:
        self.method = settings.method
        self._size = settings.size
        self._estimate = {"flow": _by_flow, "ecc": _by_ecc}[settings.method]

    def shrink(self, image: Image) -> GreyImage:
        """A (H, W, 3) BGR frame as the small grey image that `__call__` compares."""
        small = shrunk(image, self._size / max(image.shape[:2]))
        return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), dtype=np.uint8)

    def __call__(
        self, previous: GreyImage, current: GreyImage, shape: tuple[int, int], boxes: FloatArray | None = None
    ) -> FloatArray | None:
        """The motion that takes the background of one frame to where it is in the next.

        Args:
            previous, current: the frames, from `shrink`.
            shape: (height, width) of the frames in pixels.
            boxes: (N, 4) x1 y1 x2 y2 in the current frame of what moves by itself, in pixels; it is left out.

        Returns:
            (2, 3) float64 similarity M in pixels: a point (x, y) of the background goes to M @ (x, y, 1). None where
            nothing can be measured.
        """
        if previous.shape != current.shape:
            return None
        factors = np.array([shape[1] / current.shape[1], shape[0] / current.shape[0]])
        mask = _background(current.shape, boxes, factors)
        try:
            motion = self._estimate(previous, current, mask)
        except cv2.error:  # images without any structure
            return None
        if motion is None or not _is_plausible(motion, current.shape):
            return None
        # OpenCV counts from the middle of the first pixel, boxes from its corner.
        linear, shift = motion[:, :2], motion[:, 2]
        half = np.full(2, 0.5)
        return np.column_stack([linear, (shift + half - linear @ half) * factors])


def _background(shape: tuple[int, ...], boxes: FloatArray | None, factors: FloatArray) -> npt.NDArray[np.uint8]:
    """A mask of the small image, 255 outside all boxes; all 255 where they leave too little."""
    mask = np.full(shape, 255, dtype=np.uint8)
    if boxes is None or len(boxes) == 0:
        return mask
    boxes = boxes[np.isfinite(boxes).all(axis=1)]
    margin = np.tile((boxes[:, 2:] - boxes[:, :2]) * MARGIN, 2) * (-1, -1, 1, 1)
    height, width = shape
    scaled = np.clip((boxes + margin) / np.tile(factors, 2), 0, (width, height, width, height))
    for x1, y1, x2, y2 in np.rint(scaled).astype(int).tolist():
        mask[y1:y2, x1:x2] = 0
    return mask if np.count_nonzero(mask) >= 0.1 * mask.size else np.full(shape, 255, dtype=np.uint8)


def _by_flow(previous: GreyImage, current: GreyImage, mask: npt.NDArray[np.uint8]) -> FloatArray | None:
    # Corners are chosen in the current frame, because its people are known, and followed back in time.
    distance = max(3.0, min(current.shape) / 40)
    corners: Any = cv2.goodFeaturesToTrack(current, MOST_CORNERS, 0.01, distance, mask=mask)
    if corners is None or len(corners) < LEAST_CORNERS:
        return None
    before, found, _ = cv2.calcOpticalFlowPyrLK(current, previous, corners, None)  # type: ignore[call-overload]
    good = found.ravel() == 1
    if good.sum() < LEAST_CORNERS:
        return None
    motion, agreeing = cv2.estimateAffinePartial2D(
        before[good], corners[good], method=cv2.RANSAC, ransacReprojThreshold=TOLERANCE
    )
    if motion is None or agreeing.sum() < max(LEAST_CORNERS, LEAST_AGREEING * len(corners)):
        return None
    return np.asarray(motion, dtype=np.float64)


def _by_ecc(previous: GreyImage, current: GreyImage, mask: npt.NDArray[np.uint8]) -> FloatArray | None:
    # A shift found by phase correlation first: by itself, the method only finds what is near.
    window = cv2.createHanningWindow(current.shape[::-1], cv2.CV_32F)
    (dx, dy), _ = cv2.phaseCorrelate(previous.astype(np.float32), current.astype(np.float32), window)
    start = np.array([[1, 0, dx], [0, 1, dy]], dtype=np.float32)
    steps = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ECC_STEPS, ECC_PRECISION)
    correlation, motion = cv2.findTransformECC(previous, current, start, cv2.MOTION_EUCLIDEAN, steps, mask, 5)
    return np.asarray(motion, dtype=np.float64) if correlation >= LEAST_CORRELATION else None


def _is_plausible(motion: FloatArray, shape: tuple[int, ...]) -> bool:
    if not np.isfinite(motion).all():
        return False
    zoom = math.hypot(motion[0, 0], motion[1, 0])
    turn = math.atan2(motion[1, 0], motion[0, 0])
    middle = np.array([shape[1] / 2, shape[0] / 2])
    shift = np.abs(motion[:, :2] @ middle + motion[:, 2] - middle) / (shape[1], shape[0])
    return bool(
        1 / LARGEST_ZOOM <= zoom <= LARGEST_ZOOM and abs(turn) <= LARGEST_TURN and (shift <= LARGEST_SHIFT).all()
    )
