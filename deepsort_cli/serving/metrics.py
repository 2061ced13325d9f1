"""The figures of a run for Prometheus, in its text format 0.0.4."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from deepsort_cli.serving.events import KINDS
from deepsort_cli.serving.hub import Camera, Hub, Status

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Kind = Literal["gauge", "counter"]
Row = tuple[dict[str, str], float]

OF_CAMERAS: tuple[tuple[str, Kind, str, Callable[[Camera], float]], ...] = (
    ("people", "gauge", "People in the picture now.", lambda camera: camera.status.people),
    ("frames_per_second", "gauge", "Frames tracked per second lately.", lambda camera: camera.status.fps),
    ("frames_total", "counter", "Frames tracked.", lambda camera: camera.status.frames),
    ("frames_skipped_total", "counter", "Frames passed over for newer ones.", lambda camera: camera.status.skipped),
    ("reconnects_total", "counter", "Times it was lost and found again.", lambda camera: camera.status.reconnects),
    ("running", "gauge", "Whether it is being tracked: 0 also while it is lost.", lambda camera: _runs(camera.status)),
)


def _runs(status: Status) -> bool:
    """A camera that is lost has something to say, though it may come back."""
    return status.state == "running" and not status.message


def metrics(hub: Hub, viewers: int) -> str:
    """All figures as text."""
    text = _Text()
    for name, kind, help, figure in OF_CAMERAS:
        text.add(name, kind, help, [(_label(camera), figure(camera)) for camera in hub.cameras])
    text.add("latency_seconds", "gauge", "From a frame's arrival to its tracks, the median lately.", _latencies(hub))
    text.add("line_crossings_total", "counter", "Crossings of a line.", _lines(hub))
    text.add("zone_people", "gauge", "People in a zone now.", _zones(hub, "inside"))
    text.add("zone_entries_total", "counter", "Times that somebody walked into a zone.", _zones(hub, "entered"))
    events: list[Row] = [({"type": kind}, hub.log.totals[kind]) for kind in KINDS]
    text.add("events_total", "counter", "What happened in front of the cameras.", events)
    text.add("viewers", "gauge", "Browsers and programs that look at moving pictures.", [({}, viewers)])
    return str(text)


class _Text:
    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, name: str, kind: Kind, help: str, rows: Sequence[Row]) -> None:
        if rows:
            self._lines += [f"# HELP deepsort_{name} {help}", f"# TYPE deepsort_{name} {kind}"]
        for labels, value in rows:
            inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            self._lines.append(f"deepsort_{name}{{{inner}}} {value:.10g}" if inner else f"deepsort_{name} {value:.10g}")

    def __str__(self) -> str:
        return "\n".join(self._lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _label(camera: Camera) -> dict[str, str]:
    return {"camera": str(camera.index), "source": camera.name}


def _latencies(hub: Hub) -> list[Row]:
    known = [(camera, camera.status.latency_ms) for camera in hub.cameras]
    return [(_label(camera), value / 1e3) for camera, value in known if value is not None]


def _lines(hub: Hub) -> list[Row]:
    return [
        ({**_label(camera), "line": count.line.name, "direction": way}, number)
        for camera in hub.cameras
        for count in (camera.counts.lines if camera.counts else ())
        for way, number in (("in", count.inward), ("out", count.outward))
    ]


def _zones(hub: Hub, figure: Literal["inside", "entered"]) -> list[Row]:
    return [
        ({**_label(camera), "zone": count.zone.name}, getattr(count, figure))
        for camera in hub.cameras
        for count in (camera.counts.zones if camera.counts else ())
    ]
