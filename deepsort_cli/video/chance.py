"""Random numbers for the demo scene that are the same on every machine and with every NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from deepsort_cli.core.types import FloatArray

Item = TypeVar("Item")


class Chance:
    """Draws plain doubles of PCG64 and derives everything else itself; NumPy keeps only those stable for ever."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.Generator(np.random.PCG64(seed))

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * float(self._generator.random())

    def pick(self, items: Sequence[Item]) -> Item:
        return items[min(len(items) - 1, int(len(items) * self._generator.random()))]

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        order = np.argsort(self._generator.random(len(items)), kind="stable")
        return [items[i] for i in order.tolist()]

    def grid(self, rows: int, columns: int) -> FloatArray:
        """(rows, columns) numbers from 0 to 1."""
        return self._generator.random((rows, columns))
