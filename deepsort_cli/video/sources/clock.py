"""The presentation time of frames, from the container's timestamps."""

from __future__ import annotations

from deepsort_cli.video.sources.base import Warn

MOST_BACK = 0.25
"""Seconds. Timestamps that go back further begin a new piece, as where recordings were joined; less is disorder."""

MOST_AHEAD = 12 * 3600.0
"""Seconds. A longer gap is a counter that ran over (33 bits at 90 kHz last 26.5 hours), not a pause."""


def begins_anew(step: float) -> bool:
    """Whether so many seconds from one timestamp to the next are no time that has passed."""
    return step < -MOST_BACK or step > MOST_AHEAD


class Clock:
    """Seconds since the first frame, always increasing, from timestamps that may be missing, repeat or begin anew.

    Attributes:
        origin: the timestamp at which the time is 0.
        later: the same behind each jump of the timestamps.
        longest: the longest time between two frames so far.
        last: the time of the last frame; None before the first.
    """

    def __init__(self, shown: str, tick: float, warn: Warn) -> None:
        """Start before the first frame.

        Args:
            tick: seconds to the next frame where timestamps do not say.
            warn: is told once of every kind of fault.
        """
        self._shown, self._tick, self._warn = shown, tick, warn
        self.last: float | None = None
        self.longest = 0.0
        self._offset: float | None = None
        self._repeated = False
        self._said: set[str] = set()
        self.origin = 0.0
        self.later: list[float] = []

    def __call__(self, stamp: float | None, following: float | None = None) -> float:
        """The time of the next frame.

        Args:
            stamp: its timestamp in seconds, None where it has none.
            following: the timestamp of the frame behind it, where that is known: damage gives single frames the time
                of a later one.
        """
        guess = 0.0 if self.last is None else self.last + self._tick
        stamp = self._without_stray(stamp, following)
        if stamp is None:
            time, self._repeated = guess, False
            self._say("has frames without timestamps: their times follow from the frame rate")
        elif self._offset is None:
            self._offset = stamp - guess
            self.origin = self._offset
            time = guess
        else:
            time = self._continued(stamp - self._offset, guess)
        if self.last is not None:
            self.longest = max(self.longest, time - self.last)
        self.last = time
        return time

    def _without_stray(self, stamp: float | None, following: float | None) -> float | None:
        """The timestamp, put before the one that follows where only this one is out of order."""
        if stamp is None or following is None or self.last is None or self._offset is None:
            return stamp
        last = self.last + self._offset
        if not last < following < stamp:
            return stamp
        self._say(f"has timestamps that repeat or go back at {self.last:.1f} s: times are put between")
        return (last + following) / 2

    def _continued(self, time: float, guess: float) -> float:
        assert self.last is not None
        assert self._offset is not None
        step = time - self.last
        if begins_anew(step):
            self._say(f"has timestamps that jump by {step:,.1f} s at {self.last:.1f} s: time goes on without the jump")
            self._offset += time - guess
            self.later.append(self._offset)
            return guess
        if step <= 0:
            self._say(f"has timestamps that repeat or go back at {self.last:.1f} s: times are put between")
            # Half a tick leaves the next frame its own time; where many repeat, the frame rate is all there is.
            ahead = self._tick if self._repeated else self._tick / 2
            self._repeated = True
            return self.last + ahead
        self._repeated = False
        return time

    def _say(self, message: str) -> None:
        kind = message[:24]
        if kind not in self._said:
            self._said.add(kind)
            self._warn(f"{self._shown} {message} ({1 / self._tick:.6g} frames per second; `input.fps`=… sets it).")
