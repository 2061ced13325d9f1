"""Times as people write and read them: 30m, 12h, 7d; 1:05."""

from __future__ import annotations

import re

SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
"""Seconds by unit."""


def seconds_of(text: str) -> float:
    """The seconds of `30m`, `12h`, `7d`, `2w`.

    Raises:
        ValueError: it is no such time, or none at all.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", text)
    if found is None or found[2] not in SECONDS or not float(found[1]):
        raise ValueError("no time: write 30m, 12h, 7d or 2w")
    return float(found[1]) * SECONDS[found[2]]


def clock_text(seconds: float) -> str:
    """Minutes and seconds, with hours where there are any: 1:05, 2:00:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
