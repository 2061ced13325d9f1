"""Settings of `deepsort export`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from deepsort_cli.evaluation.settings import EvaluationDataSettings
from deepsort_cli.reid.settings import ExportSettings
from deepsort_cli.settings.loader import CommandSettings


class ExportCommandSettings(CommandSettings):
    """Everything `deepsort export` can be told."""

    checkpoint: Path | None = Field(None, description="Checkpoint to export: ours, torchreid's or fast-reid's.")
    output_path: Path | None = Field(None, description="The ONNX file; default: beside the checkpoint, with .onnx.")
    overwrite: bool = Field(False, description="Replace outputs that exist.")
    export: ExportSettings = Field(ExportSettings(), description="The file.")
    data: EvaluationDataSettings = Field(
        EvaluationDataSettings(), description="Real crops to verify and calibrate with, and to measure mAP on."
    )
