"""When each written frame is shown: the source's own times, as ticks of a video's time base."""

from __future__ import annotations

import math
from collections import deque
from fractions import Fraction
from statistics import median_low

CLOCK = 90_000
"""Ticks per second, about, of videos whose frames lie where they like; that of MPEG and of most cameras."""

SNAP_SECONDS = 0.0011
"""Times this near to a multiple of the frame rate mean it: .mkv and .webm round to milliseconds."""

STEP_SECONDS = 0.001
"""Between two frames at least. Clocks of cameras stand still and jump back; no frame is lost by that."""

JUMP_SECONDS = 1.0
"""A clock that jumps back by more has begun anew."""


def exact_rate(fps: float) -> Fraction:
    """The fraction behind a decimal frame rate: 29.97002997 → 30000/1001, 14.0 → 14."""
    return Fraction(fps).limit_denominator(10_000)


class Pace:
    """Places frames on a time base that holds the nominal rate exactly and any other time to 11 µs.

    The first frame is shown at 0. Frames of a constant rate have exactly its distance.

    Attributes:
        tick: seconds per unit of the time base.
        last: where the last frame was placed, in ticks; −1 before the first.
    """

    def __init__(self, rate: Fraction, *, clock: int = CLOCK) -> None:
        """Prepare.

        Args:
            rate: nominal frames per second.
            clock: how many ticks a second has at most, about.
        """
        fine = max(1, clock // rate.numerator)
        self.tick = Fraction(1, rate.numerator * fine)
        self.last = -1
        self.first_seconds = 0.0
        self._frame = rate.denominator * fine  # ticks
        self._step = min(self._frame, math.ceil(STEP_SECONDS / self.tick))
        self._snap = min(self._frame // 4, math.floor(SNAP_SECONDS / self.tick))
        self._latest = 0.0
        self._lost = 0.0  # seconds that the clock has jumped back
        self._recent: deque[int] = deque(maxlen=15)

    def place(self, seconds: float) -> int | None:
        """The tick of the next frame; None for a frame for which there is no place."""
        if self.last < 0:
            self.first_seconds = self._latest = seconds
        elif seconds < self._latest - JUMP_SECONDS:
            self._lost += self._latest - seconds + float(self._frame * self.tick)
        self._latest = seconds
        tick = self._choose(seconds - self.first_seconds + self._lost)
        if tick is not None:
            if self.last >= 0:
                self._recent.append(tick - self.last)
            self.last = tick
        return tick

    def _choose(self, seconds: float) -> int | None:
        tick = round(seconds / self.tick)
        on_grid = round(tick / self._frame) * self._frame
        if abs(on_grid - tick) <= self._snap:
            tick = on_grid
        return tick if self.last < 0 else max(tick, self.last + self._step)

    @property
    def last_duration(self) -> int:
        """Ticks for which the last frame is shown: as long as those before it usually were."""
        return median_low(self._recent) if self._recent else self._frame


class EvenPace(Pace):
    """Places frames on multiples of a frame's duration, for formats that know nothing else.

    Where a source is slower there are places without a frame, where it is faster there are frames without a place.

    Attributes:
        holes: places without a frame so far.
        dropped: frames without a place so far.
    """

    def __init__(self, rate: Fraction) -> None:
        super().__init__(rate)
        self.tick, self._frame = 1 / rate, 1
        self.holes = self.dropped = 0

    def _choose(self, seconds: float) -> int | None:
        place = round(seconds / self.tick)
        if place <= self.last:
            self.dropped += 1
            return None
        self.holes += place - self.last - 1
        return place

    @property
    def last_duration(self) -> int:
        return 1
