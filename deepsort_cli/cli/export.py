"""`deepsort export`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepsort_cli.cli.console import Reporter
from deepsort_cli.cli.options import Flags, command_app, examples
from deepsort_cli.cli.requirements import require_torch
from deepsort_cli.settings.export import ExportCommandSettings

if TYPE_CHECKING:
    from deepsort_cli.workflows.export import Exported

app = command_app()
flags = Flags(ExportCommandSettings)


@flags.command(
    app,
    epilog=examples(
        "deepsort export runs/people/checkpoints/best.pth --output reid.onnx --root market1501",
        "deepsort export best.pth --metrics results/eval_20260101_120000/metrics.json",
        "deepsort export best.pth --int8 --query market1501/query --output reid_int8.onnx",
    ),
)
def export(
    ctx: typer.Context,
    checkpoint: Annotated[
        Path | None,
        typer.Argument(
            help="Checkpoint to export: ours, torchreid's or fast-reid's, or the name of a bundled model.",
            show_default=False,
        ),
    ] = None,
    **_: Any,
) -> None:
    """Turn a checkpoint into an ONNX embedder that the tracker uses as it is, and prove that it gives the same."""
    settings, report = flags.start(ctx, checkpoint=checkpoint)
    require_torch("exporting")

    from deepsort_cli.cli.listeners import Status
    from deepsort_cli.workflows.export import run_export

    with Status(report, "exporting and verifying") as status:
        exported = run_export(settings, status)
    _show(exported, report)
    report.result(_summary(exported))


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
