"""Settings of `deepsort score`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from deepsort_cli.settings.loader import CommandSettings


class ScoreSettings(CommandSettings):
    """Everything `deepsort score` can be told."""

    gt: Path | None = Field(
        None, description="Ground truth: a sequence folder, a folder of sequence folders, or a gt.txt."
    )
    results: Path | None = Field(None, description="Results: a MOT text file, or a folder of <sequence>.txt files.")
    benchmark: Literal["MOT15", "MOT16", "MOT17", "MOT20"] | None = Field(
        None, description="Whose official preprocessing applies; by default by the columns of each ground truth."
    )
    csv: Path | None = Field(None, description="Also write the scores as a CSV table.")
    overwrite: bool = Field(False, description="Replace outputs that exist.")
