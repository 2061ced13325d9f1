"""How long something may last, as settings say it: so many frames that were looked at, or so many seconds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator

ROUNDING = 1e-3
"""Seconds by which a time that was told may be off: many containers round their timestamps to this."""

LONGEST = 10**9
"""Frames; more than any source has."""

_SECONDS = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*s", re.ASCII)


@dataclass(frozen=True, slots=True)
class Age:
    """A number of frames, or of seconds.

    Attributes:
        amount: how many.
        in_seconds: they are seconds.
    """

    amount: float
    in_seconds: bool

    @classmethod
    def of(cls, value: str | int) -> Age:
        """The age that a setting means, as validated."""
        return cls(float(value[:-1]), True) if isinstance(value, str) else cls(value, False)

    @property
    def longest(self) -> float:
        """The amount with what timestamps may be off."""
        return self.amount + ROUNDING if self.in_seconds else self.amount

    @property
    def shortest(self) -> float:
        """The same, the other way."""
        return self.amount - ROUNDING if self.in_seconds else self.amount


def _at_least(minimum: int, *, unset: bool = False) -> BeforeValidator:
    """Reads an age of at least so many frames, or of more than no seconds; written 1.20 s, it becomes 1.2s.

    With `unset` None is as good.
    """

    def read(value: Any) -> str | int | None:
        if value is None and unset:
            return None
        text = value.strip() if isinstance(value, str) else value
        found = _SECONDS.fullmatch(text.lower()) if isinstance(text, str) else None
        if found:
            seconds = float(found[1])
            if not ROUNDING <= seconds <= 1e6:
                raise ValueError("must be from 0.001s to 1000000s")
            return f"{seconds:.12g}s"
        if isinstance(text, str) and re.fullmatch(r"[-+]?\d+", text, re.ASCII):
            text = int(text)
        if isinstance(text, float) and text.is_integer():
            text = int(text)
        if isinstance(text, bool) or not isinstance(text, int):
            raise ValueError("must be a whole number of frames, or seconds as in 1.2s")
        if text < minimum:
            raise ValueError(f"must be at least {minimum}")
        if text > LONGEST:
            raise ValueError(f"must be at most {LONGEST}")
        return text

    return BeforeValidator(read)


FramesOrSeconds = Annotated[str | int, _at_least(1)]
"""An age of one frame or more: `30`, or `1.2s`."""
FramesOrSecondsOrNone = Annotated[str | int, _at_least(0)]
"""The same, or 0."""
FramesOrSecondsOrUnset = Annotated[str | int | None, _at_least(1, unset=True)]
"""An age of one frame or more, or None."""
