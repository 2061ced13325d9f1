"""Settings of `deepsort score`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from deepsort_cli.settings.loader import CommandSettings
from deepsort_cli.settings.options import Option
from deepsort_cli.settings.paths import Paths

OPTIONS = (
    Option("gt", "gt", "Scoring", metavar="PATH", repeat=True),
    Option("results", "results", "Scoring", short="r", metavar="PATH", repeat=True),
    Option("across", "across", "Scoring", negative=""),
    Option("benchmark", "benchmark", "Scoring"),
    Option("gt_class", "gt_class", "Scoring"),
    Option("result_class", "result_class", "Scoring"),
    Option("allow_missing", "allow_missing", "Scoring"),
    Option("csv", "csv", "Scoring", metavar="FILE"),
    Option("overwrite", "overwrite", "Scoring"),
)
"""The flags and keywords of the command, in the order of its help."""


class ScoreSettings(CommandSettings):
    """Everything `deepsort score` can be told."""

    options = OPTIONS

    gt: Paths = Field(
        (),
        description="Ground truth: a sequence folder, a folder of sequence folders, a gt.txt, or KITTI's label_02. "
        "With `across`, repeat it for every camera, or give a folder of all.",
    )
    results: Paths = Field(
        (),
        description="Results: a text file, or a folder of <sequence>.txt files. With `across`, JSON Lines, CSV or text "
        "of every camera in the order of `gt`, or a folder of <camera>.jsonl, .csv or .txt.",
    )
    across: bool = Field(
        False, description="Score cameras as one sequence: ids (`person` of JSON Lines and CSV) hold in all of them."
    )
    allow_missing: bool = Field(False, description="Leave out sequences without results, instead of refusing.")
    benchmark: Literal["MOT15", "MOT16", "MOT17", "MOT20"] | None = Field(
        None, description="Whose official preprocessing applies; by default by the columns of each ground truth."
    )
    gt_class: int | None = Field(
        None, ge=0, description="The class in column 8 of ground truth that counts; null: see docs/TRACKING.md."
    )
    result_class: int | None = Field(
        None, ge=0, description="The class in column 8 of results that counts; null: all of them."
    )
    csv: Path | None = Field(None, description="Also write the scores as a CSV table.")
    overwrite: bool = Field(False, description="Replace outputs that exist.")
