"""Settings of `deepsort refine`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from deepsort_cli.settings.loader import CommandSettings
from deepsort_cli.settings.options import Option
from deepsort_cli.tracking.settings import RefinementSettings

LINKING = "Linking"

OPTIONS = (
    Option("output", "output", "Refinement", short="o", metavar="FILE"),
    Option("refinement.interpolate", "interpolate", "Refinement"),
    Option("refinement.max_gap", "max_gap", "Refinement"),
    Option("refinement.min_length", "min_length", "Refinement"),
    Option("refinement.link", "link", LINKING),
    Option("looks", "looks", LINKING, metavar="FILE"),
    Option("refinement.link_distance", "link_distance", LINKING),
    Option("refinement.link_gap", "link_gap", LINKING),
    Option("fps", "fps", LINKING),
    Option("overwrite", "overwrite", "Refinement"),
)
"""The flags and keywords of the command, in the order of its help."""


class RefineSettings(CommandSettings):
    """Everything `deepsort refine` can be told."""

    options = OPTIONS

    results: Path | None = Field(None, description="Tracking results to refine, as MOTChallenge text.")
    output: Path | None = Field(None, description="Where to write the refined results.")
    refinement: RefinementSettings = Field(RefinementSettings(), description="What to do to the tracks.")
    looks: Path | None = Field(
        None, description="What the tracks looked like, as `output.save_looks` of the run wrote it; for linking."
    )
    fps: float | None = Field(
        None, gt=0, le=1000, description="Frames per second of the results; null: as `looks` says, else 25."
    )
    overwrite: bool = Field(False, description="Replace outputs that exist; the output may then be the input itself.")
