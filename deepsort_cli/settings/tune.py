"""Settings of `deepsort tune`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator

from deepsort_cli.core.settings import CommaStrings, Settings
from deepsort_cli.perception.settings import (
    CameraMotionSettings,
    DetectorSettings,
    EmbedderSettings,
    RuntimeSettings,
)
from deepsort_cli.settings.loader import CommandSettings
from deepsort_cli.settings.options import Option
from deepsort_cli.settings.track import INSTEAD_OF, PRESETS, as_sources
from deepsort_cli.tracking.settings import TrackerSettings
from deepsort_cli.video.settings import DemoSettings, SourceSettings

FIGURES = {"hota": "HOTA", "idf1": "IDF1", "mota": "MOTA", "deta": "DetA", "assa": "AssA"}
"""What an objective may be made of → how it is written."""


JUDGEMENT = {"total": "judgement", "found": "found", "agreement": "agreement", "joined": "joined"}
"""What settings are judged by where there is no ground truth → how it is shown; see `evaluation.proxy`."""


def read_objective(text: str) -> dict[str, float]:
    """The weight of each figure in an objective, adding up to 1: `hota`, or a mix as `hota=1,idf1=1`.

    Raises:
        ValueError: it is none.
    """
    weights: dict[str, float] = {}
    for part in text.lower().split(","):
        name, equals, number = (piece.strip() for piece in part.partition("="))
        if name not in FIGURES or name in weights:
            raise ValueError(
                f"expected {', '.join(FIGURES)}, or a mix as hota=1,idf1=1, not {part.strip() or 'nothing'}"
            )
        try:
            weights[name] = float(number) if equals else 1.0
        except ValueError:
            raise ValueError(f"expected a number as weight of {name}, not {number}") from None
        if not 0 < weights[name] < 1e6:
            raise ValueError(f"expected a weight of {name} above 0, not {number}")
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


class SearchSettings(Settings):
    """How is searched, and for what."""

    objective: str = Field(
        "hota", description="What is made as large as possible: hota, idf1, mota, or a mix as hota=1,idf1=1."
    )
    trials: int = Field(100, ge=4, le=100_000, description="Settings tried; those tried before in the folder count.")
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of the search.")
    cross_validate: bool = Field(
        True, description="Also search without each sequence in turn, and see how good the result is on that one."
    )
    at_once: int = Field(
        1,
        ge=1,
        le=1000,
        description="Trials suggested before the first of them has ended, so that more workers have something to do; "
        "each then learns from fewer. Results depend on it.",
    )
    keep: CommaStrings = Field((), description="Keys that stay as they are, e.g. tracker.n_init.")

    @field_validator("objective")
    @classmethod
    def _check_objective(cls, value: str) -> str:
        read_objective(value)
        return value.lower().replace(" ", "")


OPTIONS = (
    Option("source", "source", "Source", short="s", metavar="SOURCE", repeat=True),
    Option("gt", "gt", "Source", metavar="PATH", repeat=True),
    Option("input.start", "start", "Source"),
    Option("input.stride", "stride", "Source"),
    Option("input.max_frames", "max_frames", "Source"),
    Option("detector.model_path", "detector", "Models", metavar="MODEL"),
    Option("detector.classes", "classes", "Models", metavar="LIST"),
    Option("reid.model_path", "reid", "Models", metavar="MODEL"),
    Option("preset", "preset", "Search", short="p"),
    Option("search.objective", "objective", "Search"),
    Option("search.trials", "trials", "Search"),
    Option("search.keep", "keep", "Search", metavar="KEYS"),
    Option("search.cross_validate", "cross_validate", "Search"),
    Option("search.seed", "seed", "Search"),
    Option("output_dir", "output_dir", "Output", short="o", metavar="DIR"),
    Option("jobs", "jobs", "General", metavar="N"),
    Option("cluster", "cluster", "General", metavar="ADDRESS"),
    Option("runtime.device", "device", "General", metavar="DEVICE"),
)
"""The flags and keywords of the command, in the order of its help."""


class TuneSettings(CommandSettings):
    """Everything `deepsort tune` can be told."""

    options = OPTIONS
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS
    instead_of: ClassVar[Mapping[str, str]] = INSTEAD_OF

    preset: Literal["deepsort", "strong", "fast"] = Field(
        "deepsort",
        description="deepsort: as in the paper; strong: more accurate; fast: at least twice the frames per second.",
    )
    source: Annotated[tuple[str, ...], BeforeValidator(as_sources)] = Field(
        (),
        description="Video, MOT sequence or a folder of these, detections, or a recording (.npz); repeat for several.",
    )
    gt: Annotated[tuple[Path, ...], BeforeValidator(as_sources)] = Field(
        (),
        description="Ground truth of each source, in their order, or one folder for all; not for those with their own.",
    )
    output_dir: Path = Field(
        Path("runs/tune"), description="Folder of the study; one that is there already is continued."
    )
    jobs: int | None = Field(
        None, ge=1, description="Processes that try settings; null: one, or all there is room for on a cluster."
    )
    cluster: str | None = Field(
        None, description="Share the trials among the machines of a Ray cluster: auto, or ray://HOST:10001."
    )
    input: SourceSettings = Field(SourceSettings(), description="Which frames of the sources.")
    demo: DemoSettings = Field(DemoSettings(), description="The generated scene, source demo.")
    detector: DetectorSettings = Field(DetectorSettings(), description="The detector.")
    reid: EmbedderSettings = Field(EmbedderSettings(), description="The Re-ID model.")
    camera_motion: CameraMotionSettings = Field(CameraMotionSettings(), description="A moving camera.")
    runtime: RuntimeSettings = Field(RuntimeSettings(), description="Device and threads of the networks.")
    tracker: TrackerSettings = Field(TrackerSettings(), description="The tracker, where the search begins.")
    search: SearchSettings = Field(SearchSettings(), description="The search.")
