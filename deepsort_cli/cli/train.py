"""`deepsort train`."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
from deepsort_cli.settings.train import TrainSettings

if TYPE_CHECKING:
    from deepsort_cli.reid.trainer import TrainResult

app = command_app()
flags = Flags(TrainSettings)


@app.command(
    epilog=examples(
        "deepsort train --root people/",
        "deepsort train --root market1501/bounding_box_train --test-root market1501 --model osnet_x1_0",
        "deepsort train --root people/ --pretrained osnet.pth --epochs 30 --set augment.grayscale=0.1",
    ),
    daily="--root --test-root --model --pretrained --epochs --batch-size --lr --output-dir --resume --device",
)
def train(
    ctx: typer.Context,
    root: Annotated[Path | None, flags("data.root", "--root", panel="Data")] = None,
    test_root: Annotated[Path | None, flags("data.test_root", "--test-root", panel="Data")] = None,
    val_ratio: Annotated[float | None, flags("data.val_ratio", "--val-ratio", panel="Data")] = None,
    layout: Annotated[str | None, flags("data.scan.layout", "--layout", panel="Data", metavar="LAYOUT")] = None,
    pattern: Annotated[str | None, flags("data.scan.pattern", "--pattern", panel="Data", metavar="REGEX")] = None,
    allow_links: Annotated[
        list[Path] | None, flags("data.scan.link_sources", "--allow-links", panel="Data", metavar="DIR")
    ] = None,
    ignore_camera: Annotated[
        bool | None, flags("data.ignore_camera", "--ignore-camera/--use-camera", panel="Data")
    ] = None,
    model: Annotated[str | None, flags("model.name", "--model", panel="Model")] = None,
    pretrained: Annotated[
        Path | None, flags("model.pretrained", "--pretrained", panel="Model", metavar="auto|none|NAME|PATH")
    ] = None,
    height: Annotated[int | None, flags("model.input.height", "--height", panel="Model")] = None,
    width: Annotated[int | None, flags("model.input.width", "--width", panel="Model")] = None,
    epochs: Annotated[int | None, flags("training.epochs", "--epochs", panel="Training")] = None,
    batch_size: Annotated[int | None, flags("training.batch_size", "--batch-size", panel="Training")] = None,
    lr: Annotated[float | None, flags("optimizer.lr", "--lr", panel="Training")] = None,
    seed: Annotated[int | None, flags("training.seed", "--seed", panel="Training")] = None,
    output_dir: Annotated[Path | None, flags("training.output_dir", "--output-dir", "-o", panel="Run")] = None,
    name: Annotated[str | None, flags("training.name", "--name", panel="Run")] = None,
    resume: Annotated[str | None, flags("training.resume", "--resume", panel="Run", metavar="auto|never|PATH")] = None,
    device: Annotated[str | None, flags("training.device", "--device", panel="Hardware")] = None,
    amp: Annotated[str | None, flags("training.amp", "--amp", panel="Hardware", metavar="auto|off|bf16|fp16")] = None,
    workers: Annotated[int | None, flags("training.workers", "--workers", panel="Hardware")] = None,
    config: Config = None,
    set_: Set = None,
    print_config: PrintConfig = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    help_all: HelpAll = False,
) -> None:
    """Train a Re-ID model on a folder of person crops. The same command continues an interrupted run.

    With several GPUs: [bold]torchrun --nproc-per-node N -m deepsort_cli train …[/bold]
    """
    settings, report = flags.start(ctx)
    require_torch("training")
    if os.environ.get("RANK", "0") != "0":
        report = replace(report, quiet=True, json=False)  # torchrun starts several of us; the first one speaks

    from deepsort_cli.cli.train_closing import close
    from deepsort_cli.cli.train_display import TrainDisplay
    from deepsort_cli.reid.trainer import train as run_training

    with TrainDisplay(report) as display:
        result = run_training(settings, display)
    close(report, result, settings)
    report.result(_summary(result))


def _summary(result: TrainResult) -> dict[str, Any]:
    checkpoints = result.folder / "checkpoints"
    return {
        "folder": str(result.folder),
        "epochs": result.epochs,
        "best": dict(result.best),
        "last": dict(result.last),
        "start": None if result.start is None else dict(result.start),
        "chance": None if result.chance is None else {"mAP": result.chance.mAP, "rank1": result.chance.rank1},
        "best_checkpoint": str(checkpoints / "best.pth"),
        "last_checkpoint": str(checkpoints / "last.pth"),
        "held_out_identities": result.held_out,
        "resumed_epoch": result.resumed_epoch,
        "seconds": round(result.seconds, 1),
        "images_per_second": round(result.images_per_second, 1),
        "warnings": list(result.warnings),
    }
