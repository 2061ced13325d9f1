"""`deepsort finetune`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepsort_cli.cli.console import Reporter
from deepsort_cli.cli.options import (
    Config,
    Flags,
    HelpAll,
    Json,
    PrintConfig,
    Quiet,
    Set,
    Verbose,
    command_app,
    examples,
)
from deepsort_cli.cli.requirements import require_torch
from deepsort_cli.settings.finetune import FinetuneSettings

if TYPE_CHECKING:
    from deepsort_cli.reid.finetune import Prepared
    from deepsort_cli.reid.trainer import TrainResult

app = command_app()
flags = Flags(FinetuneSettings)


@app.command(
    epilog=examples(
        "deepsort finetune osnet.pth --target people/ --train",
        "deepsort finetune osnet.pth --target people/ --output prepared.pth",
    ),
    daily=(
        "--target --test-root --output --overwrite --train --epochs --freeze-epochs --batch-size --lr --output-dir "
        "--device"
    ),
)
def finetune(
    ctx: typer.Context,
    checkpoint: Annotated[
        Path | None,
        typer.Argument(help="Checkpoint to start from: ours, torchreid's, fast-reid's.", show_default=False),
    ] = None,
    target: Annotated[Path | None, flags("target_dataset.root", "--target", "--root", panel="Data")] = None,
    test_root: Annotated[Path | None, flags("target_dataset.test_root", "--test-root", panel="Data")] = None,
    val_ratio: Annotated[float | None, flags("target_dataset.val_ratio", "--val-ratio", panel="Data")] = None,
    layout: Annotated[
        str | None, flags("target_dataset.scan.layout", "--layout", panel="Data", metavar="LAYOUT")
    ] = None,
    pattern: Annotated[
        str | None, flags("target_dataset.scan.pattern", "--pattern", panel="Data", metavar="REGEX")
    ] = None,
    allow_links: Annotated[
        list[Path] | None, flags("target_dataset.scan.link_sources", "--allow-links", panel="Data", metavar="DIR")
    ] = None,
    ignore_camera: Annotated[
        bool | None, flags("target_dataset.ignore_camera", "--ignore-camera/--use-camera", panel="Data")
    ] = None,
    output: Annotated[Path | None, flags("output_path", "--output", "-o", panel="Checkpoint")] = None,
    overwrite: Annotated[bool | None, flags("overwrite", "--overwrite/--no-overwrite", panel="Checkpoint")] = None,
    reset_classifier: Annotated[
        bool | None, flags("reset.classifier", "--reset-classifier/--keep-classifier", panel="Checkpoint")
    ] = None,
    reset_bnneck: Annotated[
        bool | None, flags("reset.bnneck", "--reset-bnneck/--keep-bnneck", panel="Checkpoint")
    ] = None,
    reset_fc: Annotated[bool | None, flags("reset.fc", "--reset-fc/--keep-fc", panel="Checkpoint")] = None,
    neck: Annotated[str | None, flags("model.neck", "--neck", panel="Checkpoint", metavar="bnneck|none")] = None,
    height: Annotated[int | None, flags("model.height", "--height", panel="Checkpoint")] = None,
    width: Annotated[int | None, flags("model.width", "--width", panel="Checkpoint")] = None,
    train: Annotated[bool | None, flags("train", "--train/--no-train", panel="Training")] = None,
    epochs: Annotated[int | None, flags("training.epochs", "--epochs", panel="Training")] = None,
    freeze_epochs: Annotated[int | None, flags("training.freeze_epochs", "--freeze-epochs", panel="Training")] = None,
    batch_size: Annotated[int | None, flags("training.batch_size", "--batch-size", panel="Training")] = None,
    lr: Annotated[float | None, flags("optimizer.lr", "--lr", panel="Training")] = None,
    seed: Annotated[int | None, flags("training.seed", "--seed", panel="Training")] = None,
    output_dir: Annotated[Path | None, flags("training.output_dir", "--output-dir", panel="Training")] = None,
    name: Annotated[str | None, flags("training.name", "--name", panel="Training")] = None,
    device: Annotated[str | None, flags("training.device", "--device", panel="Training")] = None,
    amp: Annotated[str | None, flags("training.amp", "--amp", panel="Training", metavar="auto|off|bf16|fp16")] = None,
    workers: Annotated[int | None, flags("training.workers", "--workers", panel="Training")] = None,
    config: Config = None,
    set_: Set = None,
    print_config: PrintConfig = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    help_all: HelpAll = False,
) -> None:
    """Prepare a checkpoint for other data: the same backbone, a fresh classifier for the people there.

    With [bold]--train[/bold] it goes straight on: the head learns alone at first, then the backbone slowly with it.
    [bold]--verbose[/bold] lists every tensor.
    """
    settings, report = flags.start(ctx, source_checkpoint=checkpoint)
    require_torch("fine-tuning")

    from deepsort_cli.cli.train_closing import close, tell
    from deepsort_cli.cli.train_display import TrainDisplay
    from deepsort_cli.reid.finetune import prepare
    from deepsort_cli.reid.trainer import train as run_training

    result = None
    with TrainDisplay(report) as display:
        prepared = prepare(settings, display)
        _show(prepared, report)
        if settings.train:
            result = run_training(prepared.config, display)
    if result is None:
        command = {"train it": prepared.train_command(), "or": "add --train --overwrite to this command"}
        tell(report, f"prepared: {prepared.path}", command)
    else:
        close(report, result, prepared.config)
    report.result(_summary(prepared, result))


def _show(prepared: Prepared, report: Reporter) -> None:
    from rich.table import Table

    source, info = prepared.source, prepared.info
    necks = [
        f"{model.neck} (embedding {model.neck_feature} it)" if model.neck == "bnneck" else model.neck
        for model in (source, info)
    ]
    report.info(f"{source.name} from a {source.source} checkpoint, neck {' → '.join(necks)}")
    table = Table("part", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("kept", "re-initialised", "ignored"):
        table.add_column(name, justify="right")
    for part, counts in prepared.tensors.parts().items():
        table.add_row(part, *(str(counts.get(what, "")) for what in ("kept", "fresh", "ignored")))
    report.show(table)
    for name in prepared.tensors.kept:
        report.detail(f"kept            {name}")
    for name, why in prepared.tensors.fresh:
        report.detail(f"re-initialised  {name} ({why})")
    for name, why in prepared.tensors.ignored:
        report.detail(f"ignored         {name} ({why})")
    held_out = f", {prepared.held_out} more are held out to validate on" if prepared.held_out else ""
    report.info(
        f"classifier for {prepared.identities} identities ({prepared.images:,} images of "
        f"{prepared.config.data.root}){held_out}"
    )
    for remark in prepared.remarks:
        report.warn(remark)


def _summary(prepared: Prepared, result: TrainResult | None) -> dict[str, Any]:
    def with_reasons(found: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
        return [{"tensor": name, "reason": why} for name, why in found]

    summary: dict[str, Any] = {
        "output": str(prepared.path),
        "model": prepared.info.name,
        "source_format": prepared.source.source,
        "identities": prepared.identities,
        "held_out_identities": prepared.held_out,
        "images": prepared.images,
        "kept": list(prepared.tensors.kept),
        "reinitialised": with_reasons(prepared.tensors.fresh),
        "ignored": with_reasons(prepared.tensors.ignored),
        "remarks": list(prepared.remarks),
        "train_command": prepared.train_command(),
        "training": None,
    }
    if result is not None:
        summary["training"] = {
            "folder": str(result.folder),
            "epochs": result.epochs,
            "best": dict(result.best),
            "last": dict(result.last),
            "start": None if result.start is None else dict(result.start),
            "chance": None if result.chance is None else {"mAP": result.chance.mAP, "rank1": result.chance.rank1},
            "warnings": list(result.warnings),
            "best_checkpoint": str(result.folder / "checkpoints" / "best.pth"),
            "seconds": round(result.seconds, 1),
        }
    return summary
