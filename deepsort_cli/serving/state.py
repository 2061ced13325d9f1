"""How a run is, as JSON."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any

from deepsort_cli.core.regions import Counts
from deepsort_cli.serving.hub import Camera, Hub


def state_of(hub: Hub, *, writable: bool) -> dict[str, Any]:
    """What `/api/state` answers; `writable`: whoever asks may change something."""
    return {
        "name": hub.name,
        "version": hub.version,
        "started": datetime.fromtimestamp(hub.started, timezone.utc).isoformat(timespec="seconds"),
        "uptime_s": round(time.time() - hub.started, 1),
        "writable": writable,
        "across": hub.across,
        "search": hub.album is not None and hub.describe is not None,
        "people_now": hub.people_now,
        "cameras": [_camera(camera) for camera in hub.cameras],
    }


def _camera(camera: Camera) -> dict[str, Any]:
    status = camera.status
    return {
        "index": camera.index,
        "name": camera.name,
        "live": camera.live,
        "state": status.state,
        "message": status.message,
        "began": round(camera.began, 3),
        "time": None if camera.time is None else round(camera.time, 3),
        "width": camera.size[0],
        "height": camera.size[1],
        "fps": round(status.fps, 1),
        "latency_ms": None if status.latency_ms is None else round(status.latency_ms, 1),
        "frames": status.frames,
        "skipped": status.skipped,
        "reconnects": status.reconnects,
        "people_now": status.people,
        **_regions(camera.counts or Counts((), ())),
    }


def _regions(counts: Counts) -> dict[str, Any]:
    return {
        "lines": [
            {"name": c.line.name, "points": c.line.points, "in": c.inward, "out": c.outward} for c in counts.lines
        ],
        "zones": [
            {
                "name": c.zone.name,
                "points": c.zone.points,
                "inside": c.inside,
                "entered": c.entered,
                "distinct": c.distinct,
            }
            for c in counts.zones
        ],
    }
