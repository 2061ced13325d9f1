"""`deepsort export`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepsort_cli.cli.console import Reporter
from deepsort_cli.cli.options import Config, Flags, Json, PrintConfig, Quiet, Set, Verbose, command_app, examples
from deepsort_cli.cli.requirements import require_torch
from deepsort_cli.settings.export import ExportCommandSettings

if TYPE_CHECKING:
    from deepsort_cli.exporter import Exported

app = command_app()
flags = Flags(ExportCommandSettings)


@app.command(
    epilog=examples(
        "deepsort export runs/people/checkpoints/best.pth --output reid.onnx --root market1501",
        "deepsort export best.pth --metrics results/eval_20260101_120000/metrics.json",
        "deepsort export best.pth --int8 --query market1501/query --output reid_int8.onnx",
    )
)
def export(
    ctx: typer.Context,
    checkpoint: Annotated[
        Path | None, typer.Argument(help="Checkpoint to export: ours, torchreid's or fast-reid's.", show_default=False)
    ] = None,
    output: Annotated[Path | None, flags("output_path", "--output", "-o", panel="File")] = None,
    overwrite: Annotated[bool | None, flags("overwrite", "--overwrite/--no-overwrite", panel="File")] = None,
    batch: Annotated[int | None, flags("export.batch", "--batch", panel="File")] = None,
    opset: Annotated[int | None, flags("export.opset", "--opset", panel="File")] = None,
    simplify: Annotated[bool | None, flags("export.simplify", "--simplify/--no-simplify", panel="File")] = None,
    height: Annotated[int | None, flags("export.height", "--height", panel="File")] = None,
    width: Annotated[int | None, flags("export.width", "--width", panel="File")] = None,
    half: Annotated[bool | None, flags("export.half", "--half/--no-half", panel="Precision")] = None,
    int8: Annotated[bool | None, flags("export.int8", "--int8/--no-int8", panel="Precision")] = None,
    threshold: Annotated[float | None, flags("export.threshold", "--threshold", panel="Threshold")] = None,
    metrics: Annotated[Path | None, flags("export.metrics", "--metrics", panel="Threshold")] = None,
    query: Annotated[Path | None, flags("data.query", "--query", panel="Real crops")] = None,
    gallery: Annotated[Path | None, flags("data.gallery", "--gallery", panel="Real crops")] = None,
    root: Annotated[Path | None, flags("data.root", "--root", panel="Real crops")] = None,
    val_ratio: Annotated[float | None, flags("data.val_ratio", "--val-ratio", panel="Real crops")] = None,
    ignore_camera: Annotated[
        bool | None, flags("export.ignore_camera", "--ignore-camera/--use-camera", panel="Real crops")
    ] = None,
    layout: Annotated[str | None, flags("data.scan.layout", "--layout", panel="Real crops", metavar="LAYOUT")] = None,
    pattern: Annotated[str | None, flags("data.scan.pattern", "--pattern", panel="Real crops", metavar="REGEX")] = None,
    allow_links: Annotated[
        list[Path] | None, flags("data.scan.link_sources", "--allow-links", panel="Real crops", metavar="DIR")
    ] = None,
    verify: Annotated[bool | None, flags("export.verify", "--verify/--no-verify", panel="Checks")] = None,
    benchmark: Annotated[bool | None, flags("export.benchmark", "--benchmark/--no-benchmark", panel="Checks")] = None,
    config: Config = None,
    set_: Set = None,
    print_config: PrintConfig = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Turn a checkpoint into an ONNX embedder that the tracker uses as it is, and prove that it gives the same."""
    settings, report = flags.start(ctx, checkpoint=checkpoint)
    require_torch("exporting")

    from deepsort_cli.evaluator import Listener
    from deepsort_cli.exporter import run_export

    with _working(report) as progress:
        exported = run_export(
            settings.checkpoint,
            settings.output_path,
            settings.export,
            settings.data,
            overwrite=settings.overwrite,
            listener=Listener(progress, report.info, report.warn),
        )
    for warning in exported.warnings:
        report.warn(warning)
    _show(exported, report)
    report.result(_summary(exported))


@contextlib.contextmanager
def _working(report: Reporter) -> Iterator[Callable[[str, int, int], None]]:
    """A line that says what is being done, on terminals."""
    if not report.interactive:
        yield lambda stage, done, total: None
        return
    with report.console.status("exporting and verifying") as status:
        yield lambda stage, done, total: status.update(f"{stage}: {done:,} of {total:,}")


def _show(exported: Exported, report: Reporter) -> None:
    from rich.table import Table

    if exported.checks and not report.quiet:
        table = Table("batch", "largest |Δ|", "smallest cosine", "length off by", "", title_justify="left", box=None)
        table.title = f"ONNX Runtime against PyTorch, {exported.crops}"
        for check in exported.checks:
            verdict = "same" if check.passed else "DIFFERENT"
            figures = (f"{check.difference:.1e}", f"{check.cosine:.7f}", f"{check.length:.1e}")
            table.add_row(str(check.batch), *figures, verdict)
        report.table(table)
    if exported.loss is not None:
        loss = exported.loss
        line = (
            f"{exported.precision}: cosine to float32 {loss.mean_cosine:.5f} on average, {loss.min_cosine:.5f} at worst"
        )
        if loss.mAP_before is not None and loss.mAP_after is not None:
            line += f"; mAP {loss.mAP_after:.2%} against {loss.mAP_before:.2%}"
        report.info(f"{line} ({loss.crops} crops)")
    if exported.timings and not report.quiet:
        table = Table("batch", "this file", "PyTorch", "ratio", title_justify="left", box=None)
        table.title = "ms per batch, with preprocessing"
        for timing in exported.timings:
            ratio = f"{timing.pytorch / timing.onnx:.1f}"
            table.add_row(str(timing.batch), f"{timing.onnx:.2f}", f"{timing.pytorch:.2f}", ratio)
        report.table(table)
    metadata = exported.metadata
    threshold = "no threshold"
    if metadata.threshold is not None:
        threshold = f"threshold {metadata.threshold:g} ({metadata.threshold_source})"
    size = f"{exported.path.stat().st_size / 2**20:.1f} MB"
    lines = [
        f"{exported.path}: {metadata.architecture}, {metadata.height}×{metadata.width} → {metadata.embedding_size}, "
        f"{exported.precision}, {size}, {threshold}",
        f"use it: deepsort track --source VIDEO --reid {exported.path}",
    ]
    report.info("\n".join(lines))


def _summary(exported: Exported) -> dict[str, Any]:
    return {
        "output": str(exported.path),
        "bytes": exported.path.stat().st_size,
        "precision": exported.precision,
        "verified": bool(exported.checks),
        "crops": exported.crops,
        "checks": [{**asdict(check), "passed": check.passed} for check in exported.checks],
        "loss": None if exported.loss is None else asdict(exported.loss),
        "benchmark": [asdict(timing) for timing in exported.timings],
        "metadata": exported.metadata.model_dump(mode="json"),
        "warnings": list(exported.warnings),
    }
