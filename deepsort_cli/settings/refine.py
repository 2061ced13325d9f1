"""Settings of `deepsort refine`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from deepsort_cli.settings.loader import CommandSettings
from deepsort_cli.settings.options import Option
from deepsort_cli.settings.paths import Paths
from deepsort_cli.tracking.settings import CamerasSettings, RefinementSettings

LINKING, ACROSS = "Linking", "People across cameras"

OPTIONS = (
    Option("output", "output", "Refinement", short="o", metavar="FILE"),
    Option("refinement.interpolate", "interpolate", "Refinement"),
    Option("refinement.max_gap", "max_gap", "Refinement"),
    Option("refinement.min_length", "min_length", "Refinement"),
    Option("refinement.link", "link", LINKING),
    Option("looks", "looks", LINKING, metavar="FILE", repeat=True),
    Option("refinement.link_distance", "link_distance", LINKING),
    Option("refinement.link_gap", "link_gap", LINKING),
    Option("fps", "fps", LINKING),
    Option("across.enabled", "across", ACROSS, negative=""),
    Option("across.overlap", "overlap", ACROSS, metavar="1,2|all", repeat=True),
    Option("across.starts", "starts", ACROSS, metavar="SECONDS,…"),
    Option("overwrite", "overwrite", "Refinement"),
)
"""The flags and keywords of the command, in the order of its help."""


class RefineSettings(CommandSettings):
    """Everything `deepsort refine` can be told."""

    options = OPTIONS

    results: Paths = Field(
        (),
        description="Tracking results to refine, as MOTChallenge text; with `across.enabled` JSON Lines or CSV of "
        "every camera.",
    )
    output: Path | None = Field(
        None,
        description="Where to write the refined results; with `across.enabled` a folder for copies with a `person`.",
    )
    refinement: RefinementSettings = Field(RefinementSettings(), description="What to do to the tracks.")
    looks: Paths = Field(
        (),
        description="What the tracks looked like, as `output.save_looks` of the run wrote it; with `across.enabled` "
        "one for each camera, in the same order.",
    )
    across: CamerasSettings = Field(CamerasSettings(), description="Who is who in the tracks of several cameras.")
    fps: float | None = Field(
        None, gt=0, le=1000, description="Frames per second of the results; null: as `looks` says, else 25."
    )
    overwrite: bool = Field(False, description="Replace outputs that exist; the output may then be the input itself.")
