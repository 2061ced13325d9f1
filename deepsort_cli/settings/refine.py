"""Settings of `deepsort refine`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from deepsort_cli.settings.loader import CommandSettings
from deepsort_cli.settings.options import Option
from deepsort_cli.tracking.settings import RefinementSettings

OPTIONS = (
    Option("output", "output", "Refinement", short="o", metavar="FILE"),
    Option("refinement.interpolate", "interpolate", "Refinement"),
    Option("refinement.max_gap", "max_gap", "Refinement"),
    Option("refinement.min_length", "min_length", "Refinement"),
    Option("overwrite", "overwrite", "Refinement"),
)
"""The flags and keywords of the command, in the order of its help."""


class RefineSettings(CommandSettings):
    """Everything `deepsort refine` can be told."""

    options = OPTIONS

    results: Path | None = Field(None, description="Tracking results to refine, as MOTChallenge text.")
    output: Path | None = Field(None, description="Where to write the refined results.")
    refinement: RefinementSettings = Field(RefinementSettings(), description="What to do to the tracks.")
    overwrite: bool = Field(False, description="Replace outputs that exist; the output may then be the input itself.")
