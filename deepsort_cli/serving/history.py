"""Figures of one camera over the last hours, in steps of some seconds: memory does not grow for ever."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from deepsort_cli.core.regions import Counts

STEP_SECONDS = 10
KEPT_HOURS = 12
MOST_POINTS = 720
"""Steps that are answered at once: longer times get longer steps."""


@dataclass
class Step:
    """What was in one step.

    Attributes:
        start: in seconds since 1970.
        frames: how many frames it has.
        people: tracks in them, all added up.
        fps, latency_ms: at its end; None where unknown.
        lines: in and out so far, by name, at its end.
        zones: people inside, by name, at its end.
    """

    start: int
    frames: int = 0
    people: int = 0
    fps: float = 0.0
    latency_ms: float | None = None
    lines: dict[str, tuple[int, int]] = field(default_factory=dict)
    zones: dict[str, int] = field(default_factory=dict)


class History:
    """Takes every frame of a camera, in the order of their times."""

    def __init__(self) -> None:
        self._steps: deque[Step] = deque(maxlen=KEPT_HOURS * 3600 // STEP_SECONDS)
        self._lock = threading.Lock()

    def add(self, time: float, people: int, fps: float, latency_ms: float | None, counts: Counts | None) -> None:
        """Take the next frame, and how the camera is."""
        start = int(time) // STEP_SECONDS * STEP_SECONDS
        with self._lock:
            if not self._steps or self._steps[-1].start < start:
                self._steps.append(Step(start))
            step = self._steps[-1]
            step.frames += 1
            step.people += people
            step.fps, step.latency_ms = fps, latency_ms
            if counts is not None:
                step.lines = {c.line.name: (c.inward, c.outward) for c in counts.lines}
                step.zones = {c.zone.name: c.inside for c in counts.zones}

    def as_json(self, hours: float | None = None) -> dict[str, Any]:
        """The last hours, as `/api/cameras/N/history` answers; None: all that there are."""
        with self._lock:
            steps = list(self._steps)
        if steps and hours is not None:
            steps = [step for step in steps if step.start > steps[-1].start - 3600 * hours]
        stride = max(1, -(-len(steps) // MOST_POINTS))
        groups = [steps[i : i + stride] for i in range(0, len(steps), stride)]
        last = [group[-1] for group in groups]
        lines = {name: None for step in last for name in step.lines}
        zones = {name: None for step in last for name in step.zones}
        return {
            "step_s": STEP_SECONDS * stride,
            "t": [group[0].start for group in groups],
            "people": [_mean(group) for group in groups],
            "fps": [round(step.fps, 1) for step in last],
            "latency_ms": [None if step.latency_ms is None else round(step.latency_ms, 1) for step in last],
            "lines": {
                name: {way: [_at(step, name, i) for step in last] for i, way in enumerate(("in", "out"))}
                for name in lines
            },
            "zones": {name: [step.zones.get(name) for step in last] for name in zones},
        }


def _mean(steps: list[Step]) -> float:
    """People in a frame, on average."""
    return round(sum(step.people for step in steps) / sum(step.frames for step in steps), 2)


def _at(step: Step, name: str, way: int) -> int | None:
    counted = step.lines.get(name)
    return None if counted is None else counted[way]
