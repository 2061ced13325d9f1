"""How alike two different people look here: measured on those who are seen at once, or one after the other."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.looks import Features
from deepsort_cli.tracking.settings import UNLIKE_STRANGERS

BINS = 400
"""Of distances from 0 to 2."""
ALIKE = 0.05
"""Part of all couples seen at once that is more alike than the distance gone by."""
HALF = 0.5
"""The largest distance of one person's looks, as a part of the usual one between tracks that follow each other."""
ENOUGH, MOST_BEFORE = 6, 20
"""Couples of successive tracks that say something; tracks of a camera that the next one is compared with."""
HALF_LIFE = 20_000
"""Couples after which all counts are halved, so that what was long ago, as by daylight, matters less."""

Distances = npt.NDArray[np.floating[Any]]


class Strangers:
    """Distances between people who are different: surely so where one camera sees both at once, else mostly.

    What grows is the number of couples only: distances are counted in bins, and of each camera the last 20 tracks kept.
    """

    def __init__(self) -> None:
        self._beside = np.zeros(BINS)
        self._after = np.zeros(BINS)
        self._before: dict[str, deque[npt.NDArray[np.float32]]] = {}

    def add(self, distances: Distances) -> None:
        """Take the cosine distances of couples seen at once."""
        _count(self._beside, distances)

    def follow(self, camera: str, mean: npt.NDArray[np.float32]) -> None:
        """Take the (D,) mean look of the next track of a camera."""
        before = self._before.setdefault(camera, deque(maxlen=MOST_BEFORE))
        if before:
            earlier: Features = np.array(before)
            _count(self._after, 1.0 - earlier @ mean)
        before.append(mean)

    def limit(self) -> float | None:
        """The largest distance at which looks are one person's, going by others; None as long as nobody knows.

        People seen at once are different, so the most alike of them say it. Tracks that follow each other are somebody
        who comes back now and then, so the median does, which hardly heeds those.
        """
        if self._beside.any():
            return UNLIKE_STRANGERS * _quantile(self._beside, ALIKE)
        return HALF * _quantile(self._after, 0.5) if self._after.sum() >= ENOUGH else None


def _count(counts: npt.NDArray[np.float64], distances: Distances) -> None:
    np.add.at(counts, np.clip((distances * (BINS / 2)).astype(np.int64), 0, BINS - 1), 1)
    if counts.sum() > HALF_LIFE:
        counts /= 2


def _quantile(counts: npt.NDArray[np.float64], part: float) -> float:
    return int(np.searchsorted(np.cumsum(counts), max(part * counts.sum(), 0.5))) * 2 / BINS
