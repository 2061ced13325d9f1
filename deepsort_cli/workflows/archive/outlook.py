"""How long an archive will still take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

LEAST = 0.005
"""Share of the work that has to be done before anything can be said."""


class Outlook:
    """Seconds left, from how much of the work was done in the seconds so far; work is counted in bytes of video."""

    def __init__(self, sizes: Mapping[int, int], now: Callable[[], float] = time.monotonic) -> None:
        """Begin.

        Args:
            sizes: number of a video → its bytes.
            now: the clock, in seconds.
        """
        self._sizes = {number: max(size, 1) for number, size in sizes.items()}
        self._total = sum(self._sizes.values())
        self._now = now
        self._begin = now()
        self._done = 0.0
        self._parts: dict[int, float] = {}

    def at(self, number: int, frames: int, total: int | None) -> None:
        """A video is so far."""
        self._parts[number] = self._sizes[number] * min(1.0, frames / total) if total else 0.0

    def ended(self, number: int) -> None:
        """A video is done with."""
        self._parts.pop(number, None)
        self._done += self._sizes[number]

    def left(self) -> float | None:
        """Seconds until all is done; None where too little is done to tell."""
        done = self._done + sum(self._parts.values())
        if done < LEAST * self._total:
            return None
        return (self._now() - self._begin) * (self._total - done) / done
