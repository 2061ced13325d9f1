"""How alike two different people look here: measured on those who are seen at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

BINS = 400
"""Of distances from 0 to 2."""
ALIKE = 0.05
"""Part of all couples of different people that is more alike than the distance gone by."""
HALF_LIFE = 20_000
"""Couples after which all counts are halved, so that what was long ago, as by daylight, matters less."""


class Strangers:
    """Distances between people who are surely different, since one camera sees both at once.

    The number of couples is all that grows; distances are counted in bins.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(BINS)

    def add(self, distances: npt.NDArray[np.floating[Any]]) -> None:
        """Take the cosine distances of some couples."""
        bins = np.clip((distances * (BINS / 2)).astype(np.int64), 0, BINS - 1)
        np.add.at(self._counts, bins, 1)
        if self._counts.sum() > HALF_LIFE:
            self._counts /= 2

    def alike(self) -> float | None:
        """The distance of the couples most alike; None as long as nobody was seen beside anybody."""
        total = self._counts.sum()
        if not total:
            return None
        return int(np.searchsorted(np.cumsum(self._counts), max(ALIKE * total, 0.5))) * 2 / BINS
