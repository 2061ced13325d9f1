"""How long an archive will still take."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping

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
        self._frames_per_byte = math.inf  # as long as no video is shorter, all are taken to be long enough
        self._totals: dict[int, int] = {}
        self._parts: dict[int, float] = {}
        # Sums are kept, not made anew each time: an archive may have very many videos.
        self._work: dict[int, float] = {}
        self._total = self._done = 0.0
        self._weigh(self._sizes)

    def at(self, number: int, frames: int, total: int | None) -> None:
        """A video is so far."""
        if self._begin is None:
            self._begin = self._now()
        if total and self._most is not None and self._totals.get(number) != total:
            self._learn(number, total, self._most)
        self._put(number, min(1.0, frames / total) if total else 0.0)

    def ended(self, number: int) -> None:
        """A video is done with."""
        self._put(number, 1.0)

    def left(self) -> float | None:
        """Seconds until all is done; None where too little is done to tell."""
        if self._begin is None or self._done < LEAST * self._total:
            return None
        return max(0.0, (self._now() - self._begin) * (self._total - self._done) / self._done)

    def _put(self, number: int, part: float) -> None:
        self._done += self._work[number] * (part - self._parts.get(number, 0.0))
        self._parts[number] = part

    def _learn(self, number: int, total: int, most: int) -> None:
        """So many frames of a video are tracked."""
        self._totals[number] = total
        frames_per_byte = total / self._sizes[number]
        longer = frames_per_byte > self._frames_per_byte or math.isinf(self._frames_per_byte)
        if total < most and longer:
            self._frames_per_byte = frames_per_byte
            self._weigh(self._sizes)
        else:
            self._weigh([number])

    def _weigh(self, numbers: Iterable[int]) -> None:
        """Say anew how much work videos are."""
        for number in numbers:
            work: float = self._sizes[number]
            if self._most is not None:
                work = self._totals.get(number, min(self._most, work * self._frames_per_byte))
            more = work - self._work.get(number, 0.0)
            self._work[number] = work
            self._total += more
            self._done += more * self._parts.get(number, 0.0)
