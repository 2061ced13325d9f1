"""DeepSORT from a folder of person crops to people tracked in live video.

Every verb of the command line is one call here, with the same defaults, the same errors and the same results:

>>> import deepsort_cli as deepsort
>>> run = deepsort.track("street.mp4", detector="yolox_nano", preset="strong", save="out.mp4")
>>> for frame, tracks in run:
...     print(frame.index, frame.time, tracks.ids, tracks.boxes)
>>> print(run.summary)

Keywords are the flags with underscores (`max_frames=60`, `save_txt="a.txt"`, `reid="none"`); everything else goes by
section (`tracker={"n_init": 2}` or `tracker=TrackerSettings(n_init=2)`). `detector` and `reid` may also be functions:

>>> def people(image):  # (H, W, 3) uint8 BGR
...     return [[100, 80, 160, 240, 0.9]]  # x1 y1 x2 y2, score, class; or what supervision or Ultralytics give
>>> rows = deepsort.track("street.mp4", detector=people, reid="none").finish().table()

The tracker alone, for detections from anywhere:

>>> tracker = deepsort.Tracker(deepsort.TrackerSettings(max_age=30))
>>> tracks = tracker.update([[100, 80, 160, 240, 0.9]])

Nothing heavy is imported before it is used. Errors that a user can cause are `InputError` and `RunError`, both a
`DeepsortError`; what a run has to say goes to the logger `deepsort`, or to a `Listener`.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

__version__ = "0.1.0"

# Newer builds of ONNX Runtime would note every session, with a number of this machine, in the user's cache folder for
# Microsoft. They look here when they are imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_HOMES = {
    "CameraMotionSettings": "perception.settings",
    "DeepsortError": "core.errors",
    "Detections": "core.types",
    "DetectorSettings": "perception.settings",
    "EmbedderSettings": "perception.settings",
    "Frame": "core.types",
    "InputError": "core.errors",
    "Listener": "core.events",
    "OutputSettings": "video.settings",
    "RunError": "core.errors",
    "Tracker": "tracking.tracker",
    "TrackerSettings": "tracking.settings",
    "Tracks": "core.types",
    "calibrate": "workflows.calibrate",
    "evaluate": "workflows.evaluate",
    "export": "workflows.export",
    "finetune": "workflows.finetune",
    "models": "workflows.models",
    "people": "workflows.people",
    "refine": "workflows.refine",
    "reorganize": "workflows.reorganize",
    "scan": "workflows.scan",
    "score": "workflows.score",
    "track": "workflows.track",
    "track_archive": "workflows.archive",
    "train": "workflows.train",
    "tune": "workflows.tune",
}
"""Public name → the module of this package that defines it."""

__all__ = sorted(_HOMES)  # noqa: PLE0605 (names are listed once, above)


def __getattr__(name: str) -> Any:
    """A public name, imported when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
