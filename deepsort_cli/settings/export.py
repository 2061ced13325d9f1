"""Settings of `deepsort export`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from deepsort_cli.evaluation.settings import EvaluationDataSettings
from deepsort_cli.reid.settings import ExportSettings
from deepsort_cli.settings.loader import CommandSettings
from deepsort_cli.settings.options import Option

OPTIONS = (
    Option("output_path", "output", "File", short="o"),
    Option("overwrite", "overwrite", "File"),
    Option("export.batch", "batch", "File"),
    Option("export.opset", "opset", "File"),
    Option("export.simplify", "simplify", "File"),
    Option("export.height", "height", "File"),
    Option("export.width", "width", "File"),
    Option("export.half", "half", "Precision"),
    Option("export.int8", "int8", "Precision"),
    Option("export.threshold", "threshold", "Threshold"),
    Option("export.metrics", "metrics", "Threshold"),
    Option("data.query", "query", "Real crops"),
    Option("data.gallery", "gallery", "Real crops"),
    Option("data.root", "root", "Real crops"),
    Option("data.val_ratio", "val_ratio", "Real crops"),
    Option("export.ignore_camera", "ignore_camera", "Real crops", negative="use_camera"),
    Option("data.scan.layout", "layout", "Real crops", metavar="LAYOUT"),
    Option("data.scan.pattern", "pattern", "Real crops", metavar="REGEX"),
    Option("data.scan.link_sources", "allow_links", "Real crops", metavar="DIR", repeat=True),
    Option("export.verify", "verify", "Checks"),
    Option("export.benchmark", "benchmark", "Checks"),
)
"""The flags and keywords of the command, in the order of its help."""


class ExportCommandSettings(CommandSettings):
    """Everything `deepsort export` can be told."""

    options = OPTIONS

    checkpoint: Path | None = Field(
        None, description="Checkpoint to export: ours, torchreid's or fast-reid's, or the name of a bundled model."
    )
    output_path: Path | None = Field(None, description="The ONNX file; default: beside the checkpoint, with .onnx.")
    overwrite: bool = Field(False, description="Replace outputs that exist.")
    export: ExportSettings = Field(ExportSettings(), description="The file.")
    data: EvaluationDataSettings = Field(
        EvaluationDataSettings(), description="Real crops to verify and calibrate with, and to measure mAP on."
    )
