"""How long an archive will still take."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

LEAST = 0.005
"""Share of the work that has to be done before anything can be said."""


class Outlook:
    """Seconds left, from how much of the work was done since the first worker was ready.

    Work is counted in bytes of video; in frames where no more than some of each video are tracked.
    """

    def __init__(
        self, sizes: Mapping[int, int], most: int | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin.

        Args:
            sizes: number of a video → its bytes.
            most: frames of a video that are tracked at most; None: all.
            now: the clock, in seconds.
        """
        self._sizes = {number: max(size, 1) for number, size in sizes.items()}
        self._most = most
        self._now = now
        self._begin: float | None = None
        self._totals: dict[int, int] = {}
        self._parts: dict[int, float] = {}

    def at(self, number: int, frames: int, total: int | None) -> None:
        """A video is so far."""
        if self._begin is None:
            self._begin = self._now()
        if total:
            self._totals[number] = total
        self._parts[number] = min(1.0, frames / total) if total else 0.0

    def ended(self, number: int) -> None:
        """A video is done with."""
        self._parts[number] = 1.0

    def left(self) -> float | None:
        """Seconds until all is done; None where too little is done to tell."""
        work = self._work()
        total = sum(work.values())
        done = sum(work[number] * part for number, part in self._parts.items())
        if self._begin is None or done < LEAST * total:
            return None
        return (self._now() - self._begin) * (total - done) / done

    def _work(self) -> Mapping[int, float]:
        """Number of a video → how much work it is."""
        if self._most is None:
            return self._sizes
        whole = [total / self._sizes[number] for number, total in self._totals.items() if total < self._most]
        frames_per_byte = max(whole, default=math.inf)  # as long as none is shorter, all are taken to be long enough
        return {
            number: self._totals.get(number, min(self._most, size * frames_per_byte))
            for number, size in self._sizes.items()
        }
