"""`deepsort export` as a library call: checkpoint in, verified ONNX embedder out.

`verification` proves that the file computes what the network does, `measuring` says what it costs and gives,
`recommendation` what the file says of its quality, `crops` are the pictures all of it is done with.
"""

from __future__ import annotations

import platform
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

from deepsort_cli.core.embedder_metadata import EmbedderMetadata
from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.events import Listener, LoggingListener
from deepsort_cli.core.files import atomic_path, check_output_file, file_sha256
from deepsort_cli.core.model_files import onnx_name
from deepsort_cli.core.preprocess import Preprocess
from deepsort_cli.evaluation.evaluate import Evaluation
from deepsort_cli.evaluation.figures import Measured, ModelInfo
from deepsort_cli.evaluation.health import fault_of
from deepsort_cli.evaluation.metrics_file import Quality, quality, read_metrics
from deepsort_cli.reid.backbones import Backbone
from deepsort_cli.reid.bundled import weights_file
from deepsort_cli.reid.checkpoint import CheckpointInfo, load_model
from deepsort_cli.reid.export import check_packages, quantize, write_graph, write_metadata
from deepsort_cli.reid.extract import extract_features
from deepsort_cli.reid.settings import ExportSettings
from deepsort_cli.reid.untrained import is_untrained, model_remarks
from deepsort_cli.settings.export import ExportCommandSettings
from deepsort_cli.settings.keywords import from_keywords
from deepsort_cli.workflows.evaluation_data import Learned
from deepsort_cli.workflows.export.crops import ExportCrops, calibration_batches, collect_crops
from deepsort_cli.workflows.export.measuring import LostPrecision, Timing, benchmark, measure, measure_loss
from deepsort_cli.workflows.export.recommendation import recommend
from deepsort_cli.workflows.export.verification import BATCHES, Check, open_exported, verify


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes:
        path: the file.
        precision: float32, float16 or int8.
        metadata: what the file says about itself.
        crops: which crops it was verified on, in words.
        checks: one per batch size; empty without verification.
        loss: of lower precision, None for float32.
        timings: one per batch size; empty without benchmark.
        warnings: what the user should know.
    """

    path: Path
    precision: str
    metadata: EmbedderMetadata
    crops: str
    checks: tuple[Check, ...]
    loss: LostPrecision | None
    timings: tuple[Timing, ...]
    warnings: tuple[str, ...]


def export(checkpoint: Path | str | None = None, *, listener: Listener | None = None, **keywords: Any) -> Exported:
    """Export a checkpoint, verify the file, and only then give it its name, as `deepsort export` does.

    Args:
        checkpoint: ours, torchreid's or fast-reid's, or the name of bundled weights.
        listener: told what happens, among it every `Check` as it is done; None: remarks go to the logger `deepsort`.
        keywords: the command's flags with underscores (`output=`, `half=True`, `query=`), or whole sections.

    Raises:
        InputError: something given cannot be used; nothing was written.
        RunError: the export or its verification failed; there is no file under the name.
    """
    if checkpoint is not None:
        keywords["checkpoint"] = checkpoint
    return run_export(from_keywords(ExportCommandSettings, keywords), listener or LoggingListener())


def run_export(settings: ExportCommandSettings, listener: Listener) -> Exported:
    """What `export` does, with the settings of `deepsort export`.

    Raises:
        InputError, RunError: see `export`.
    """
    checkpoint, output = _names(settings)
    wanted = settings.export
    check_packages(simplify=wanted.simplify)
    model, info = load_model(checkpoint)
    if output.exists() and output.samefile(checkpoint):
        raise InputError(f"`output_path` {output}: this is the checkpoint itself. Choose another name.")
    read = [] if wanted.metrics is None else [("export.metrics", wanted.metrics)]
    check_output_file(output, overwrite=settings.overwrite, key="output_path", inputs=read)
    sizes = {name: getattr(wanted, name) or getattr(info.preprocess, name) for name in ("height", "width")}
    preprocess = info.preprocess.model_copy(update=sizes)
    stored = None if wanted.metrics is None else read_metrics(wanted.metrics)
    crops = collect_crops(settings.data, wanted, listener)
    fault = fault_of(extract_features(model, crops.crops[: max(BATCHES)], preprocess))
    if fault is not None:
        raise InputError(
            f"{checkpoint}: the model is broken: {fault}, on {crops.origin}. No file was written: export another "
            "checkpoint."
        )
    source = Source(checkpoint, model, info, preprocess, file_sha256(checkpoint))
    with atomic_path(output, follow=True) as temporary:
        done = _write(temporary, source, wanted, crops, stored, listener)
    for warning in done.warnings:
        listener.warn(warning)
    return replace(done, path=output)


@dataclass(frozen=True)
class Source:
    """What is exported: the file, its network, what it says of itself, the input chosen for it, its SHA-256."""

    path: Path
    model: Backbone
    info: CheckpointInfo
    preprocess: Preprocess
    sha256: str

    def metadata(self, settings: ExportSettings) -> EmbedderMetadata:
        """What the exported file says about itself, but for figures and threshold."""
        return EmbedderMetadata(
            **self.preprocess.model_dump(),
            architecture=self.info.name,
            embedding_size=self.model.embedding_size,
            normalized=True,
            training_data=settings.training_data,
            training_fingerprint=self.info.fingerprint,
            training_state=_training_state(self.model, self.info),
            checkpoint_sha256=self.sha256,
            versions=_versions(self.info),
            license=settings.license,
        )


def _names(settings: ExportCommandSettings) -> tuple[Path, Path]:
    """Checkpoint and output, where such names can be used at all.

    Raises:
        InputError: no checkpoint, or no name for an ONNX model.
    """
    if settings.checkpoint is None:
        raise InputError("no checkpoint given. Name one: deepsort export CHECKPOINT.pth")
    output = settings.output_path or onnx_name(settings.checkpoint)
    checkpoint = weights_file(settings.checkpoint)
    if output.suffix.lower() != ".onnx":
        raise InputError(
            f"`output_path` {output}: the name of an ONNX model ends in .onnx. Try {output.with_suffix('.onnx')}."
        )
    return checkpoint, output


def _write(
    path: Path,
    source: Source,
    settings: ExportSettings,
    crops: ExportCrops,
    stored: Quality | None,
    listener: Listener,
) -> Exported:
    """Write, verify and measure a file that has no name yet.

    Raises:
        RunError: it does not compute what the network does.
    """
    model, preprocess = source.model, source.preprocess
    warnings = _warnings(source.path, model, source.info, preprocess, settings, not crops.real)
    metadata = source.metadata(settings)
    batch = settings.batch or (None if settings.dynamic_batch else 1)
    precision = "float16" if settings.half else "int8" if settings.int8 else "float32"
    checks: list[Check] = []
    loss = None
    with tempfile.TemporaryDirectory() as folder:
        exact = Path(folder) / "float32.onnx"
        write_graph(model, preprocess, exact, batch=batch, opset=settings.opset, simplify=settings.simplify)
        write_metadata(exact, metadata)
        if settings.verify:
            checks = verify(exact, model, preprocess, crops.crops, listener)
        ready = exact
        if precision != "float32":
            ready = Path(folder) / f"{precision}.onnx"
            if settings.half:
                write_graph(
                    model, preprocess, ready, batch=batch, opset=settings.opset, simplify=settings.simplify, half=True
                )
            else:
                quantize(exact, ready, calibration_batches(crops.crops, preprocess, batch))
            write_metadata(ready, metadata)
            loss = measure_loss(ready, model, preprocess, crops.crops)
        found: Evaluation | None = None
        if crops.evaluated is not None:
            if source.info.epoch and source.info.fingerprint:
                known = Learned(source.info.fingerprint, source.info.pids).about(crops.evaluated.query)
                warnings += [f"{source.path}: {known}"] if known else []
            found = measure(ready, crops.evaluated, listener)
            if loss is not None:
                before = measure(exact, crops.evaluated, listener)
                loss = replace(loss, mAP_before=before.ranking.mAP, mAP_after=found.ranking.mAP)
        measured = None
        if found is not None:
            measured = quality(Measured(ModelInfo(str(ready), ready.stem, "", model.embedding_size), found))
        size = (preprocess.height, preprocess.width)
        recommended = recommend(settings, source.info, stored, measured, source.sha256, size)
        warnings += recommended.warnings
        metadata = metadata.model_copy(update=recommended.fields())
        write_metadata(ready, metadata)
        path.write_bytes(ready.read_bytes())
    if open_exported(path).metadata != metadata:
        raise RunError("the metadata read back from the file differs from what was written. Please report this.")
    timings = benchmark(path, model, preprocess, crops.crops, batch) if settings.benchmark else []
    return Exported(path, precision, metadata, crops.origin, tuple(checks), loss, tuple(timings), tuple(warnings))


def _warnings(
    checkpoint: Path,
    model: Backbone,
    info: CheckpointInfo,
    preprocess: Preprocess,
    settings: ExportSettings,
    generated: bool,
) -> list[str]:
    warnings = []
    warnings += [f"{checkpoint}: {remark}" for remark in model_remarks(model, info)]
    if info.source != "deepsort" and settings.height is None and settings.width is None:
        warnings.append(
            f"{checkpoint}: does not say its input size; {preprocess.height}×{preprocess.width} is assumed. "
            "Give `export.height` and `export.width` if it was trained with another"
        )
    if settings.int8 and generated:
        warnings.append(
            "int8 was calibrated on generated crops and loses much on real ones: give `data.query` with yours"
        )
    if not settings.verify:
        warnings.append("the file was not verified")
    return warnings


def _training_state(model: Backbone, info: CheckpointInfo) -> Literal["", "untrained", "interrupted", "finished"]:
    """What the file says of its training; files of other programs do not tell more than that there was one."""
    if is_untrained(model, info):
        return "untrained"
    return info.status if info.planned_epochs else ""


def _versions(info: CheckpointInfo) -> dict[str, str]:
    import onnx
    import onnxruntime

    import deepsort_cli

    found = {
        "deepsort": deepsort_cli.__version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "onnx": onnx.__version__,
        "onnxruntime": onnxruntime.__version__,
    }
    trained = {f"trained with {name}": version for name, version in info.versions.items()}
    return found | trained
