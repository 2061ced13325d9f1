"""Settings of `deepsort eval`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from deepsort_cli.evaluation.settings import (
    EvaluationDataSettings,
    EvaluationSettings,
    ExtractionSettings,
    ReportSettings,
)
from deepsort_cli.perception.settings import RuntimeSettings
from deepsort_cli.settings.loader import CommandSettings


class EvalSettings(CommandSettings):
    """Everything `deepsort eval` can be told."""

    checkpoint: Path | None = Field(
        None,
        description="Model: ONNX or checkpoint. Default: best of the newest finished run in runs/, or bundled.",
    )
    against: Path | None = Field(None, description="A second model, compared with the first on the same data.")
    data: EvaluationDataSettings = Field(EvaluationDataSettings(), description="Query and gallery.")
    extraction: ExtractionSettings = Field(ExtractionSettings(), description="Computing embeddings.")
    evaluation: EvaluationSettings = Field(EvaluationSettings(), description="Distances and figures.")
    runtime: RuntimeSettings = Field(RuntimeSettings(), description="Where the model runs.")
    report: ReportSettings = Field(ReportSettings(), description="The report folder.")
