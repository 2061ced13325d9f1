"""How long after its arrival a frame's tracks are there."""

from __future__ import annotations

from collections import deque

import numpy as np

MOST_MS = 10_000
LATELY = 100


class Latencies:
    """Milliseconds, counted in steps of one up to ten seconds: memory does not grow however long it runs."""

    def __init__(self) -> None:
        self._counts = np.zeros(MOST_MS + 1, dtype=np.int64)
        self._lately: deque[float] = deque(maxlen=LATELY)

    def add(self, seconds: float) -> None:
        milliseconds = max(0.0, 1e3 * seconds)
        self._lately.append(milliseconds)
        self._counts[min(round(milliseconds), MOST_MS)] += 1

    def lately(self, part: float) -> float | None:
        """What this part of the last frames kept to; None before the first."""
        ordered = sorted(self._lately)
        return ordered[min(int(part * len(ordered)), len(ordered) - 1)] if ordered else None

    def overall(self, part: float) -> float | None:
        """What this part of all frames kept to; None before the first."""
        sums = np.cumsum(self._counts)
        return float(np.searchsorted(sums, part * sums[-1])) if sums[-1] else None
