"""Pauses at random lines, which show what goes well only because threads are usually in time for each other.

    python -m pytest --pauses=0.004 tests/serving tests/video/sources

pauses at four of a thousand lines that the program and its tests run, in every thread of the test process, mostly for
milliseconds, now and then for a second. A test that fails then is wrong, or has found what is.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
PLACES = tuple(str(REPOSITORY / name) for name in ("deepsort_cli", "tests"))
LENGTHS, WEIGHTS = (0.001, 0.02, 0.2, 1.0), (50, 40, 9, 1)
"""Seconds, and how often of a hundred times."""
FULL = 200
"""How often a line is run before pauses at it become rarer: loops over bytes and numbers would hold up everything."""

Tracer = Callable[[FrameType, str, Any], Any]


def pause_at_random(share: float) -> None:
    """From now on, pause at this share of all lines, in all threads.

    Args:
        share: between 0 and 1.
    """
    dice, sleep = random.Random(), time.sleep  # tests replace the one, and seed the other's module
    wanted: dict[str, bool] = {}
    times: dict[tuple[str, int], int] = {}

    def at_line(frame: FrameType, event: str, _: Any) -> Tracer:
        if event == "line":
            line = frame.f_code.co_filename, frame.f_lineno
            count = times[line] = times.get(line, 0) + 1
            if dice.random() * max(1, count / FULL) < share:
                sleep(dice.choices(LENGTHS, WEIGHTS)[0])
        return at_line

    def at_call(frame: FrameType, event: str, _: Any) -> Tracer | None:
        name = frame.f_code.co_filename
        if name not in wanted:
            wanted[name] = name.startswith(PLACES)
        return at_line if wanted[name] else None

    threading.settrace(at_call)
    sys.settrace(at_call)
