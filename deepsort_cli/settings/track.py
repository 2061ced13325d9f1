"""Settings of `deepsort track`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from deepsort_cli.perception.settings import (
    CameraMotionSettings,
    DetectorSettings,
    EmbedderSettings,
    RuntimeSettings,
)
from deepsort_cli.settings.loader import CommandSettings
from deepsort_cli.tracking.settings import CountingSettings, RefinementSettings, TrackerSettings
from deepsort_cli.video.settings import DemoSettings, OutputSettings, SourceSettings


def _one_or_many(value: Any) -> Any:
    """A single source may be written without brackets; a camera number may be a number."""
    values = value if isinstance(value, list | tuple) else [value]
    return [str(item) if isinstance(item, int | Path) else item for item in values]


PRESETS: dict[str, dict[str, Any]] = {
    "deepsort": {},
    "strong": {
        "tracker.ema_alpha": 0.9,
        "tracker.nsa": True,
        "tracker.reentry_age": 300,
        "camera_motion.method": "flow",
    },
    "fast": {
        "detector.interval": 2,
        "tracker.refresh_every": 4,
        "tracker.ema_alpha": 0.9,
        "tracker.nsa": True,
    },
}
"""What each preset sets, by dotted key. Measured by `benchmarks/tracking_quality.py`; see docs/TRACKING.md."""


class TrackSettings(CommandSettings):
    """Everything `deepsort track` can be told."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS

    preset: Literal["deepsort", "strong", "fast"] = Field(
        "deepsort",
        description="deepsort: as in the paper; strong: more accurate; fast: at least twice the frames per second.",
    )
    source: Annotated[tuple[str, ...], BeforeValidator(_one_or_many)] = Field(
        (), description="Camera number, video, image folder or glob, MOT sequence, URL, or demo; repeat for several."
    )
    detections: Path | None = Field(
        None, description="Stored detections (MOT det.txt, .npy, .npz) to track instead of running a detector."
    )
    score: bool = Field(
        False, description="Score the tracks against ground truth at the end: of a MOT sequence, or of the demo scene."
    )
    gt: Path | None = Field(
        None, description="Ground truth to score against, for a source without its own: a file or a sequence folder."
    )
    input: SourceSettings = Field(SourceSettings(), description="Which frames of the source.")
    demo: DemoSettings = Field(DemoSettings(), description="The generated scene of `--source demo`.")
    detector: DetectorSettings = Field(DetectorSettings(), description="The detector.")
    reid: EmbedderSettings = Field(EmbedderSettings(), description="The Re-ID model.")
    camera_motion: CameraMotionSettings = Field(CameraMotionSettings(), description="A moving camera.")
    runtime: RuntimeSettings = Field(RuntimeSettings(), description="Device and threads of the networks.")
    tracker: TrackerSettings = Field(TrackerSettings(), description="The DeepSORT tracker.")
    refinement: RefinementSettings = Field(
        RefinementSettings(), description="What is done to the tracks before they go into tables, at the end."
    )
    counting: CountingSettings = Field(CountingSettings(), description="Lines and zones where people are counted.")
    output: OutputSettings = Field(OutputSettings(), description="What to write and show.")

    def overruled(self) -> list[str]:
        """What the preset would set but something stronger (YAML, environment, flags) set otherwise, as key=value."""
        values = self.model_dump(mode="json")
        found = []
        for key, wanted in self.presets[self.preset].items():
            section, _, name = key.partition(".")
            if values[section][name] != wanted:
                found.append(f"{key}={values[section][name]}")
        return found

    @model_validator(mode="after")
    def _check_low_score(self) -> TrackSettings:
        conf = self.detector.lowest_confidence(stored=self.detections is not None)
        try:
            self.tracker.filled(conf, None)
        except ValueError as error:
            raise ValueError(f"tracker.{error}; null turns it off") from None
        return self
