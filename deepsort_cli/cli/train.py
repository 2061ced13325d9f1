"""`deepsort train`."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer

from deepsort_cli.cli.options import Flags, command_app, examples
from deepsort_cli.cli.requirements import require_torch
from deepsort_cli.settings.train import TrainSettings

if TYPE_CHECKING:
    from deepsort_cli.reid.train_result import TrainResult

app = command_app()
flags = Flags(TrainSettings)


@flags.command(
    app,
    epilog=examples(
        "deepsort train --root people/",
        "deepsort train --root market1501/bounding_box_train --test-root market1501 --model osnet_x1_0",
        "deepsort train --root people/ --pretrained osnet.pth --epochs 30 --set augment.grayscale=0.1",
    ),
)
def train(
    ctx: typer.Context,
    **_: Any,
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
    from deepsort_cli.workflows.train import run_train

    with TrainDisplay(report, settings.training.resume) as display:
        result = run_train(settings, display)
    close(report, result, settings)
    report.result(_summary(result))


def _summary(result: TrainResult) -> dict[str, Any]:
    from deepsort_cli.cli.train_closing import certainty_summary, trial_summary

    checkpoints = result.folder / "checkpoints"
    return {
        "folder": str(result.folder),
        "epochs": result.epochs,
        "best": dict(result.best),
        "last": dict(result.last),
        "start": None if result.start is None else dict(result.start),
        "chance": None if result.chance is None else {"mAP": result.chance.mAP, "rank1": result.chance.rank1},
        "certainty": certainty_summary(result.certainty),
        "trial": trial_summary(result.trial),
        "best_checkpoint": str(checkpoints / "best.pth"),
        "last_checkpoint": str(checkpoints / "last.pth"),
        "held_out_identities": result.held_out,
        "resumed_epoch": result.resumed_epoch,
        "seconds": round(result.seconds, 1),
        "images_per_second": round(result.images_per_second, 1),
        "warnings": list(result.warnings),
    }
