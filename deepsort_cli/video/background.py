"""The view of a camera that stands still, without the people who walk through it."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from deepsort_cli.core.types import Image

SAMPLES, LONGEST_SIDE = 15, 1280
"""Frames that the view is made of, and their longest side: 40 MB at most."""
LOOK = 160, 120
"""Size of the pictures that shifts are measured in."""
FAR, BETTER = 0.02, 0.6
"""A shift is farther than this part of the picture, and makes pictures differ by less than this part."""
Picture = npt.NDArray[np.float32]


class Background:
    """Frames spread evenly over a run, however long it is."""

    def __init__(self) -> None:
        self._samples: list[Image] = []
        self._every = 1
        self._count = 0

    def add(self, image: Image) -> None:
        """Look at the next frame; every n-th is kept, and n grows with their number."""
        if self._count % self._every == 0 and len(self._samples) == SAMPLES:
            self._samples = self._samples[::2]
            self._every *= 2
        if self._count % self._every == 0:
            self._samples.append(self._fitted(image))
        self._count += 1

    def _fitted(self, image: Image) -> Image:
        """A copy, of the size of all others."""
        height, width = self._samples[0].shape[:2] if self._samples else image.shape[:2]
        scale = min(1.0, LONGEST_SIDE / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        if size == image.shape[1::-1]:
            return image.copy()
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)

    def picture(self) -> Image:
        """Their median, pixel by pixel; of an even number the lower one."""
        found = np.empty_like(self._samples[0])
        for first in range(0, len(found), 64):  # in stripes, so that little is needed beside the samples
            stripe = np.sort([sample[first : first + 64] for sample in self._samples], axis=0)
            found[first : first + 64] = stripe[(len(stripe) - 1) // 2]
        return found

    def shift(self) -> float:
        """The farthest shift that was seen, against the first sample, as a part of the picture; 0: none.

        A shift is one only if most of the picture agrees better with it than without: people also move, and floors
        repeat themselves.
        """
        small = [cv2.resize(cv2.cvtColor(sample, cv2.COLOR_BGR2GRAY), LOOK) for sample in self._samples]
        first, *others = [picture.astype(np.float32) for picture in small]
        window = cv2.createHanningWindow(LOOK, cv2.CV_32F)
        farthest = 0.0
        for other in others:
            (x, y), _ = cv2.phaseCorrelate(first.copy(), other.copy(), window)  # it may write into what it is given
            moved = max(abs(x) / LOOK[0], abs(y) / LOOK[1])
            if moved > FAR and _unlike(first, other, x, y) < BETTER * _unlike(first, other, 0, 0):
                farthest = max(farthest, moved)
        return farthest


def _unlike(first: Picture, other: Picture, x: float, y: float) -> float:
    """The median difference of grey values where a picture, moved back by (x, y), covers the first."""
    back = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(other, back, LOOK, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=np.nan)
    difference = np.abs(first - moved)
    known = np.isfinite(difference)
    return float(np.median(difference[known])) + 1.0 if known.any() else np.inf
