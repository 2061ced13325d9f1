"""Settings of `deepsort track`."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from deepsort_cli.perception.settings import (
    CameraMotionSettings,
    DetectorSettings,
    EmbedderSettings,
    RuntimeSettings,
)
from deepsort_cli.serving.settings import ServeSettings
from deepsort_cli.settings.loader import CommandSettings
from deepsort_cli.settings.options import Option
from deepsort_cli.tracking.settings import AcrossSettings, CountingSettings, RefinementSettings, TrackerSettings
from deepsort_cli.video.settings import ArchiveSettings, DemoSettings, OutputSettings, SourceSettings


def _written(value: Any) -> str:
    """A value as it is typed."""
    return value if isinstance(value, str) else json.dumps(value)


def as_sources(value: Any) -> Any:
    """A single source may be written without brackets; a camera number may be a number."""
    values = value if isinstance(value, list | tuple) else [value]
    return [str(item) if isinstance(item, int | Path) else item for item in values]


PRESETS: dict[str, dict[str, Any]] = {
    "deepsort": {},
    "strong": {
        "tracker.clock": "time",
        "tracker.max_age": "3s",
        "tracker.ema_alpha": 0.9,
        "tracker.nsa": True,
        "tracker.reentry_age": "30s",
        "tracker.start_score": "auto",
        "tracker.overlap_age": 5,
        "tracker.n_init": 2,
        "tracker.n_init_near": 3,
        "tracker.confirm_first": True,
        "tracker.without_looks.overlap_age": "2s",
        "tracker.without_looks.max_iou_distance": 0.8,
        "tracker.without_looks.n_init": 2,
        "camera_motion.method": "flow",
    },
    "fast": {
        "detector.interval": 2,
        "tracker.clock": "time",
        "tracker.max_age": "3s",
        "tracker.refresh_every": 4,
        "tracker.ema_alpha": 0.9,
        "tracker.nsa": True,
        "tracker.start_score": "auto",
        "tracker.overlap_age": 5,
        "tracker.confirm_first": True,
        "tracker.without_looks.overlap_age": "2s",
        "tracker.without_looks.max_iou_distance": 0.8,
        "tracker.without_looks.n_init": 2,
    },
}
"""What each preset sets, by dotted key. Measured by `benchmarks/tracking_quality.py`; see docs/TRACKING.md."""

INSTEAD_OF = {
    "tracker.without_looks.max_iou_distance": "tracker.max_iou_distance",
    "tracker.without_looks.n_init": "tracker.n_init",
    "tracker.n_init_near": "tracker.n_init",
}
"""What a preset sets for a special case → the usual key: who sets that means it in the special case too."""


SOURCE, DETECTOR, REID, TRACKER, OUTPUT = "Source", "Detector", "Appearance", "Tracker", "Output"
COUNTING, ACROSS, AFTERWARDS, ARCHIVE = "Counting", "People across cameras", "At the end", "Archive"

DAILY_OUTPUTS = {"save_txt", "save_csv"}


def _saved() -> Iterator[Option]:
    """Every other output that is a path in `OutputSettings`, so that a new one has its flag by itself."""
    for name, field in OutputSettings.model_fields.items():
        if name.startswith("save_") and name != "save_video":
            extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
            metavar = str(extra.get("metavar", "FILE"))
            yield Option(f"output.{name}", name, OUTPUT, daily=name in DAILY_OUTPUTS, metavar=metavar)


OPTIONS = (
    Option("preset", "preset", daily=True, short="p"),
    Option("source", "source", SOURCE, daily=True, short="s", metavar="SOURCE", repeat=True),
    Option("detections", "detections", SOURCE, daily=True, metavar="FILE"),
    Option("input.start", "start", SOURCE),
    Option("input.stride", "stride", SOURCE),
    Option("input.max_frames", "max_frames", SOURCE, daily=True),
    Option("detector.model_path", "detector", DETECTOR, daily=True, metavar="MODEL"),
    Option("detector.conf", "conf", DETECTOR, daily=True),
    Option("detector.iou", "iou", DETECTOR),
    Option("detector.classes", "classes", DETECTOR, daily=True, metavar="LIST"),
    Option("detector.imgsz", "imgsz", DETECTOR, metavar="SIZE"),
    Option("detector.agnostic_nms", "agnostic_nms", DETECTOR),
    Option("detector.max_det", "max_det", DETECTOR),
    Option("detector.interval", "detect_every", DETECTOR),
    Option("reid.model_path", "reid", REID, daily=True, metavar="MODEL"),
    Option("tracker.max_cosine_distance", "max_cosine_distance", REID, metavar="DISTANCE|auto"),
    Option("tracker.nn_budget", "nn_budget", REID),
    Option("tracker.max_iou_distance", "max_iou_distance", TRACKER),
    Option("tracker.max_age", "max_age", TRACKER, metavar="FRAMES|Ns"),
    Option("tracker.n_init", "n_init", TRACKER, metavar="FRAMES|Ns"),
    Option("tracker.clock", "clock", TRACKER),
    Option("tracker.gating", "gating", TRACKER),
    Option("tracker.start_score", "start_score", TRACKER, metavar="SCORE|auto"),
    Option("tracker.low_score", "low_score", TRACKER),
    Option("tracker.reentry_age", "reentry", TRACKER, metavar="FRAMES|Ns"),
    Option("tracker.box", "box", TRACKER),
    Option("tracker.dense_ids", "dense_ids", TRACKER),
    Option("camera_motion.method", "camera_motion", TRACKER),
    Option("output.save_video", "save", OUTPUT, daily=True, short="o", metavar="FILE"),
    *_saved(),
    Option("output.audio", "audio", OUTPUT),
    Option("output.emit", "emit", OUTPUT),
    Option("output.display", "display", OUTPUT, daily=True),
    Option("output.show_fps", "show_fps", OUTPUT),
    Option("serve.address", "serve", OUTPUT, daily=True, metavar="[HOST:]PORT"),
    Option("serve.events", "events", OUTPUT, metavar="URL"),
    Option("output.labels", "labels", OUTPUT, daily=True),
    Option("output.overwrite", "overwrite", OUTPUT, daily=True),
    Option("output.rotate", "rotate", OUTPUT, metavar="TIME|SIZE"),
    Option("counting.lines", "line", COUNTING, daily=True, metavar="LINE", repeat=True),
    Option("counting.zones", "zone", COUNTING, daily=True, metavar="ZONE", repeat=True),
    Option("across.enabled", "across", ACROSS, daily=True),
    Option("across.known", "known", ACROSS, daily=True, metavar="DIR"),
    Option("across.people", "people_file", ACROSS, metavar="FILE"),
    Option("across.overlap", "overlap", ACROSS, metavar="1,2|all", repeat=True),
    Option("refinement.interpolate", "interpolate", AFTERWARDS),
    Option("refinement.max_gap", "max_gap", AFTERWARDS),
    Option("refinement.min_length", "min_length", AFTERWARDS),
    Option("refinement.link", "link", AFTERWARDS, daily=True),
    Option("refinement.link_distance", "link_distance", AFTERWARDS),
    Option("refinement.link_gap", "link_gap", AFTERWARDS),
    Option("score", "score", AFTERWARDS, daily=True),
    Option("gt", "gt", AFTERWARDS, metavar="PATH"),
    Option("archive.output_dir", "output_dir", ARCHIVE, daily=True, metavar="DIR"),
    Option("archive.cluster", "cluster", ARCHIVE, metavar="ADDRESS"),
    Option("archive.dry_run", "dry_run", ARCHIVE, negative=""),
    Option("jobs", "jobs", "General", daily=True, metavar="N"),
    Option("runtime.device", "device", "General", daily=True, metavar="DEVICE"),
)
"""The flags and keywords of the command, in the order of its help."""


class TrackSettings(CommandSettings):
    """Everything `deepsort track` can be told."""

    options = OPTIONS

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS
    instead_of: ClassVar[Mapping[str, str]] = INSTEAD_OF

    preset: Literal["deepsort", "strong", "fast"] = Field(
        "deepsort",
        description="deepsort: as in the paper; strong: more accurate; fast: at least twice the frames per second.",
    )
    source: Annotated[tuple[str, ...], BeforeValidator(as_sources)] = Field(
        (),
        description="Camera number, video, image folder or glob, MOT sequence, URL, or demo (demo:1 to demo:4: "
        "cameras of one generated world); repeat for several. "
        "With `archive.output_dir` also a folder, a glob or a text file of videos.",
    )
    detections: Path | None = Field(
        None, description="Stored detections (MOT det.txt, .npy, .npz) to track instead of running a detector."
    )
    score: bool = Field(
        False, description="Score the tracks against ground truth at the end: of a MOT sequence, or of demo scenes."
    )
    gt: Path | None = Field(
        None, description="Ground truth to score against, for a source without its own: a file or a sequence folder."
    )
    jobs: int | None = Field(
        None, ge=1, description="Videos tracked at once; null: as many as there are cores. Cameras always are."
    )
    input: SourceSettings = Field(SourceSettings(), description="Which frames of the source.")
    demo: DemoSettings = Field(DemoSettings(), description="The generated scene, source demo.")
    detector: DetectorSettings = Field(DetectorSettings(), description="The detector.")
    reid: EmbedderSettings = Field(EmbedderSettings(), description="The Re-ID model.")
    camera_motion: CameraMotionSettings = Field(CameraMotionSettings(), description="A moving camera.")
    runtime: RuntimeSettings = Field(RuntimeSettings(), description="Device and threads of the networks.")
    tracker: TrackerSettings = Field(TrackerSettings(), description="The DeepSORT tracker.")
    refinement: RefinementSettings = Field(
        RefinementSettings(), description="What is done to the tracks before they go into tables, at the end."
    )
    counting: CountingSettings = Field(CountingSettings(), description="Lines and zones where people are counted.")
    across: AcrossSettings = Field(AcrossSettings(), description="People known across all sources of the run.")
    output: OutputSettings = Field(OutputSettings(), description="What to write and show.")
    serve: ServeSettings = Field(ServeSettings(), description="The run in a browser.")
    archive: ArchiveSettings = Field(ArchiveSettings(), description="Many videos at once.")

    def overruled(self) -> list[str]:
        """What the preset would set but something stronger (YAML, environment, flags) set otherwise, as key=value.

        A special case that gave way to the usual key is told by that.
        """
        values = self.model_dump(mode="json")

        def given(key: str) -> Any:
            return functools.reduce(lambda inner, part: inner[part], key.split("."), values)

        changed = [key for key, wanted in self.presets[self.preset].items() if given(key) != wanted]
        told = [INSTEAD_OF[key] if key in INSTEAD_OF and given(key) is None else key for key in changed]
        return [f"{key}={_written(given(key))}" for key in dict.fromkeys(told)]

    @model_validator(mode="after")
    def _check_low_score(self) -> TrackSettings:
        conf = self.detector.lowest_confidence(stored=self.detections is not None)
        self.tracker.filled(conf, None)
        return self
