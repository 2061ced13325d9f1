"""When an output begins a new file: at whole times, or when it has grown large."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deepsort_cli.core.durations import SECONDS

BYTES = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
LONGEST = 86_400
SMALLEST = 10_000


@dataclass(frozen=True)
class Rotation:
    """A new file every so many seconds, or bytes; one of them is None."""

    seconds: int | None = None
    size: int | None = None


def parse_rotation(text: str) -> Rotation:
    """`30s`, `15m`, `1h`, `1d`; `500MB`, `2GB`, `100MiB`.

    Raises:
        ValueError: it is neither, or too short or long to be meant.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", text)
    unit = found[2] if found else ""
    if found and unit in SECONDS:
        seconds = float(found[1]) * SECONDS[unit]
        if seconds != int(seconds) or not 1 <= seconds <= LONGEST:
            raise ValueError("a new file can begin every second up to once a day (1d), at whole seconds")
        return Rotation(seconds=int(seconds))
    if found and unit.lower() in BYTES:
        size = round(float(found[1]) * BYTES[unit.lower()])
        if size < SMALLEST:
            raise ValueError(f"files of less than {SMALLEST // 1000}KB are too small to be worth it")
        return Rotation(size=size)
    hint = f"; {found[1]}m are minutes, {found[1]}MB megabytes" if found and unit == "M" else ""
    raise ValueError(f"neither a time (30s, 15m, 1h, 1d) nor a size (500MB, 2GB){hint}")
