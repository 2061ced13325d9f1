"""Settings of the tracker."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from deepsort_cli.core.settings import Settings


def _one_or_many(value: Any) -> Any:
    """A single region may stand without brackets, and its numbers may be a list."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list | tuple):
        if value and all(isinstance(number, int | float) for number in value):
            value = [value]
        return [",".join(map(str, item)) if isinstance(item, list | tuple) else item for item in value]
    return value


Regions = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]
"""Lines or zones as text, `[name=]x1,y1,x2,y2,…`; `core.regions` reads it."""


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


class RefinementSettings(Settings):
    """What is done to finished tracks, when the whole sequence is known."""

    interpolate: Literal["linear", "gaussian"] | None = Field(
        None, description="Fill gaps in tracks: linear, or gaussian, which also smooths the boxes; null: not at all."
    )
    max_gap: int = Field(20, ge=1, description="Longest gap to fill, in missing frames.")
    min_length: int = Field(1, ge=1, description="Drop tracks with boxes in fewer frames than this.")

    @property
    def wanted(self) -> bool:
        """Whether anything is to be done at all."""
        return self.interpolate is not None or self.min_length > 1


class CountingSettings(Settings):
    """Lines and zones in the picture where people are counted by where they stand."""

    lines: Regions = Field((), description="Count who crosses: [name=]x1,y1,x2,y2 in pixels; repeat for several.")
    zones: Regions = Field(
        (), description="Count who is inside: [name=]x1,y1,x2,y2,x3,y3,… around it in pixels; repeat for several."
    )
    margin: float = Field(
        0.05,
        ge=0.0,
        le=1.0,
        description="How far beyond a line or border, in box heights, a step across becomes certain.",
    )
