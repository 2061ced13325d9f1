"""Times as people write them: 30m, 12h, 7d."""

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
