"""`deepsort train`."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import typer

from deepsort_cli.cli.options import Flags, command_app, examples
from deepsort_cli.cli.requirements import require_torch
from deepsort_cli.settings.train import TrainSettings

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

    from deepsort_cli.cli.train_closing import close, summary
    from deepsort_cli.cli.train_display import TrainDisplay
    from deepsort_cli.workflows.train import run_train

    with TrainDisplay(report, settings.training.resume) as display:
        result = run_train(settings, display)
    close(report, result, settings)
    report.result(summary(result))
