"""Settings of the tracker."""

from __future__ import annotations

from pydantic import Field

from deepsort_cli.core.settings import Settings


class TrackerSettings(Settings):
    """Parameters of DeepSORT, with the defaults of Wojke et al. 2017."""

    max_cosine_distance: float = Field(
        0.2, ge=0.0, le=2.0, description="Largest cosine distance at which an appearance may match."
    )
    nn_budget: int | None = Field(
        100, ge=1, description="Appearance features kept per track, newest first; null keeps all."
    )
    max_iou_distance: float = Field(0.7, ge=0.0, le=1.0, description="Largest 1 − IoU at which boxes may match.")
    max_age: int = Field(30, ge=1, description="Frames a confirmed track survives without a detection.")
    n_init: int = Field(3, ge=1, description="Detections that confirm a track, the first one included.")
    gating: bool = Field(True, description="Refuse appearance matches that the motion model finds implausible.")
