"""Settings of `deepsort track`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from deepsort_cli.perception.settings import DetectorSettings, EmbedderSettings, RuntimeSettings
from deepsort_cli.settings.loader import CommandSettings
from deepsort_cli.tracking.settings import TrackerSettings
from deepsort_cli.video.settings import DemoSettings, OutputSettings, SourceSettings


def _one_or_many(value: Any) -> Any:
    """A single source may be written without brackets; a camera number may be a number."""
    values = value if isinstance(value, list | tuple) else [value]
    return [str(item) if isinstance(item, int | Path) else item for item in values]


class TrackerOptions(TrackerSettings):
    """The tracker's settings, with a threshold that may be left to the Re-ID model."""

    max_cosine_distance: float | None = Field(  # type: ignore[assignment]
        None,
        ge=0.0,
        le=2.0,
        description="Largest cosine distance at which an appearance may match; null: the model's own, else 0.2.",
    )

    def resolved(self) -> TrackerSettings:
        """The tracker's own settings; the canonical threshold where none is given."""
        values = self.model_dump()
        if self.max_cosine_distance is None:
            del values["max_cosine_distance"]
        return TrackerSettings(**values)


class TrackSettings(CommandSettings):
    """Everything `deepsort track` can be told."""

    source: Annotated[tuple[str, ...], BeforeValidator(_one_or_many)] = Field(
        (), description="Camera number, video, image folder or glob, MOT sequence, URL, or demo; repeat for several."
    )
    detections: Path | None = Field(
        None, description="Stored detections (MOT det.txt, .npy, .npz) to track instead of running a detector."
    )
    input: SourceSettings = Field(SourceSettings(), description="Which frames of the source.")
    demo: DemoSettings = Field(DemoSettings(), description="The generated scene of `--source demo`.")
    detector: DetectorSettings = Field(DetectorSettings(), description="The detector.")
    reid: EmbedderSettings = Field(EmbedderSettings(), description="The Re-ID model.")
    runtime: RuntimeSettings = Field(RuntimeSettings(), description="Device and threads of the networks.")
    tracker: TrackerOptions = Field(TrackerOptions(), description="The DeepSORT tracker.")
    output: OutputSettings = Field(OutputSettings(), description="What to write and show.")
