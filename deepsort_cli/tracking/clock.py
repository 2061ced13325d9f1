"""What passes between frames: one step each, or the time that they tell."""

from __future__ import annotations

import math

from deepsort_cli.core.mot import DEFAULT_FPS
from deepsort_cli.tracking.settings import TrackerSettings

JITTER = 0.1
"""A step this near to whole frames, in frames, is whole: timestamps are rounded (to 1 ms in Matroska and FLV), and
frames of cameras come a little early or late, while what they show moved evenly."""
LONGEST_STEP = 30.0
"""Frames. People do not walk straight on for longer, so no single step predicts further ahead; the paper's longest is
its `max_age`."""


class FrameClock:
    """Counts frames, and seconds where they are told.

    Attributes:
        frame: number of the last frame looked at, from 1; 0 before the first.
        passed: how many frames of time passed from the frame looked at before to this one.
        now: time of the last frame in seconds; without told times, as many as its frames last at `nominal_fps`.
    """

    def __init__(self, settings: TrackerSettings) -> None:
        self.frame = 0
        self.now = 0.0
        self.passed = 0.0
        self._looked = True
        self._settings = settings
        self._fps = settings.nominal_fps or DEFAULT_FPS
        self._unknown = settings.nominal_fps is None and bool(settings.seconds)
        self._begun = False
        self._told = False

    def check(self, time: float | None) -> float | None:
        """A time as `advance` takes it.

        Raises:
            ValueError: it is no finite number, or not later than the last one; times were told of some frames only; or
                none is told though a setting is in seconds, and nobody knows how long a frame lasts.
        """
        if time is None:
            if self._begun and self._told:
                raise ValueError(f"time must be told of every frame or of none; the last one was at {self.now:g} s")
            if self._unknown:
                raise ValueError(
                    f"`tracker.{self._settings.seconds[0]}` is in seconds: tell the time of every frame, "
                    "update(…, time=seconds), or set `tracker.nominal_fps`"
                )
            return None
        try:
            value = float(time)
        except (TypeError, ValueError):
            raise ValueError(f"time must be a number of seconds, got {time!r}") from None
        if not math.isfinite(value):
            raise ValueError(f"time must be a finite number of seconds, got {time}")
        if self._begun and not self._told:
            raise ValueError(f"time must be told of every frame or of none; it was not told before {value:g} s")
        if self._begun and value <= self.now:
            raise ValueError(f"time must be later than that of the frame before, {self.now:.12g} s, got {value:.12g} s")
        return value

    @property
    def begins(self) -> bool:
        """Whether the frame before was looked at, so that the way to the next look begins with the next step."""
        return self._looked

    def advance(self, time: float | None, *, looked: bool) -> float:
        """Go on to the next frame; returns by how many frames of time tracks are to be predicted.

        Args:
            time: of that frame in seconds, as `check` returned it.
            looked: it is a frame that was looked at, so it counts.
        """
        self.frame += looked
        frames = self._frames(time)
        self.passed = frames if self._looked else self.passed + frames
        self.now = self.now + 1 / self._fps if time is None else time
        self._looked, self._begun, self._told = looked, True, time is not None
        return frames

    def _frames(self, time: float | None) -> float:
        """How many frames of time pass until then."""
        if time is None or not self._begun or self._settings.clock == "frames":
            return 1.0
        frames = (time - self.now) * self._fps
        whole = round(frames)
        if whole and abs(frames - whole) <= JITTER:
            frames = float(whole)
        return min(frames, LONGEST_STEP)
