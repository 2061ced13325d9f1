"""DeepSORT: Kalman filter, appearance gallery, matching cascade. NumPy and SciPy only.

from deepsort_cli.core import Detections
from deepsort_cli.tracking import Tracker, TrackerSettings

tracker = Tracker(TrackerSettings(max_age=30))
tracks = tracker.update(Detections(boxes=boxes, scores=scores, features=features))

With features on demand, and a camera that moves:

tracker = Tracker(TrackerSettings(refresh_every=10))
tracks = tracker.update(found, camera_motion=motion, embed=lambda positions: embedder(image, found.boxes[positions]))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepsort_cli.tracking.settings import TrackerSettings

if TYPE_CHECKING:
    from deepsort_cli.tracking.observation import Embed
    from deepsort_cli.tracking.tracker import Tracker

__all__ = ["Embed", "Tracker", "TrackerSettings"]


def __getattr__(name: str) -> Any:
    # NumPy and SciPy are loaded with the first tracker, not with the settings that `--help` reads.
    if name == "Tracker":
        from deepsort_cli.tracking.tracker import Tracker

        return Tracker
    if name == "Embed":
        from deepsort_cli.tracking.observation import Embed

        return Embed
    raise AttributeError(name)
