"""Settings of `deepsort calibrate`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from deepsort_cli.perception.settings import DetectorSettings, EmbedderSettings, RuntimeSettings
from deepsort_cli.settings.loader import CommandSettings
from deepsort_cli.settings.options import Option
from deepsort_cli.settings.track import PRESETS, as_sources
from deepsort_cli.tracking.settings import TrackerSettings
from deepsort_cli.video.settings import DemoSettings, SourceSettings

OPTIONS = (
    Option("source", "source", "Source", short="s", metavar="SOURCE", repeat=True),
    Option("input.start", "start", "Source"),
    Option("input.stride", "stride", "Source"),
    Option("input.max_frames", "max_frames", "Source"),
    Option("detector.model_path", "detector", "Models", metavar="MODEL"),
    Option("detector.classes", "classes", "Models", metavar="LIST"),
    Option("reid.model_path", "reid", "Models", metavar="MODEL"),
    Option("preset", "preset", "Tracker", short="p"),
    Option("tracker.nn_budget", "nn_budget", "Tracker"),
    Option("output", "output", "Output", short="o", metavar="FILE"),
    Option("plot", "plot", "Output", metavar="FILE"),
    Option("overwrite", "overwrite", "Output"),
    Option("runtime.device", "device", "General", metavar="DEVICE"),
)
"""The flags and keywords of the command, in the order of its help."""


class CalibrateSettings(CommandSettings):
    """Everything `deepsort calibrate` can be told."""

    options = OPTIONS
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        name: {key: value for key, value in values.items() if key == "tracker.ema_alpha"}
        for name, values in PRESETS.items()
    }

    preset: Literal["deepsort", "strong", "fast"] = Field(
        "deepsort",
        description="deepsort: as in the paper; strong: more accurate; fast: at least twice the frames per second.",
    )
    source: Annotated[tuple[str, ...], BeforeValidator(as_sources)] = Field(
        (), description="Video, image folder, camera number, URL, or a recording (.npz) of one; repeat for several."
    )
    input: SourceSettings = Field(SourceSettings(), description="Which frames of the source.")
    demo: DemoSettings = Field(DemoSettings(), description="The generated scene, source demo.")
    detector: DetectorSettings = Field(DetectorSettings(), description="The detector.")
    reid: EmbedderSettings = Field(EmbedderSettings(), description="The Re-ID model that is calibrated.")
    runtime: RuntimeSettings = Field(RuntimeSettings(), description="Device and threads of the networks.")
    tracker: TrackerSettings = Field(TrackerSettings(), description="The tracker: nn_budget and ema_alpha matter.")
    output: Path | None = Field(
        None, description="Settings for `config`, .yaml; or a copy of the Re-ID model with the threshold inside, .onnx."
    )
    plot: Path | None = Field(None, description="Picture of the distances, .png.")
    overwrite: bool = Field(False, description="Replace outputs that exist.")
