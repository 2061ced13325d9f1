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
from deepsort_cli.perception.settings import EmbedderReading, RuntimeSettings
from deepsort_cli.settings.loader import CommandSettings
from deepsort_cli.settings.options import Option

OPTIONS = (
    Option("checkpoint", "checkpoint", "Model", daily=True),
    Option("against", "against", "Model", daily=True),
    Option("extraction.flip_test", "flip_test", "Model"),
    Option("extraction.batch_size", "batch_size", "Model"),
    Option("runtime.device", "device", "Model", daily=True),
    Option("cluster", "cluster", "Model", metavar="ADDRESS"),
    Option("data.query", "query", "Data", daily=True),
    Option("data.gallery", "gallery", "Data", daily=True),
    Option("data.root", "root", "Data", daily=True),
    Option("data.scan.layout", "layout", "Data", metavar="LAYOUT"),
    Option("data.scan.pattern", "pattern", "Data", metavar="REGEX"),
    Option("data.scan.link_sources", "allow_links", "Data", metavar="DIR", repeat=True),
    Option("data.scan.workers", "workers", "Data"),
    Option("data.val_ratio", "val_ratio", "Data"),
    Option("data.seed", "seed", "Data"),
    Option("evaluation.ignore_camera", "ignore_camera", "Data", daily=True, negative="use_camera"),
    Option("evaluation.metric", "metric", "Figures"),
    Option("evaluation.rerank.enabled", "rerank", "Figures", daily=True),
    Option("evaluation.ranks", "ranks", "Figures", metavar="K,K,…"),
    Option("evaluation.bootstrap", "bootstrap", "Figures"),
    Option("report.dir", "output_dir", "Report", daily=True, short="o"),
    Option("report.plots", "plots", "Report"),
)
"""The flags and keywords of the command, in the order of its help."""


class EvalSettings(CommandSettings):
    """Everything `deepsort eval` can be told."""

    options = OPTIONS

    checkpoint: Path | None = Field(
        None,
        description="Model: ONNX, checkpoint, or the name of a bundled one. Default: best of the newest finished run "
        "in runs/, else the bundled one.",
    )
    against: Path | None = Field(None, description="A second model, compared with the first on the same data.")
    cluster: str | None = Field(
        None, description="Share the embedding among the machines of a Ray cluster: auto, or ray://HOST:10001."
    )
    data: EvaluationDataSettings = Field(EvaluationDataSettings(), description="Query and gallery.")
    extraction: ExtractionSettings = Field(ExtractionSettings(), description="Computing embeddings.")
    evaluation: EvaluationSettings = Field(EvaluationSettings(), description="Distances and figures.")
    reid: EmbedderReading = Field(EmbedderReading(), description="How ONNX models are read, both where there are two.")
    runtime: RuntimeSettings = Field(RuntimeSettings(), description="Where the model runs.")
    report: ReportSettings = Field(ReportSettings(), description="The report folder.")
