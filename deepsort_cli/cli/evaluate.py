"""`deepsort eval`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from deepsort_cli.cli.console import result_console
from deepsort_cli.cli.options import Flags, command_app, examples
from deepsort_cli.cli.wording import worded
from deepsort_cli.core.errors import InputError
from deepsort_cli.settings.evaluate import EvalSettings

app = command_app()
flags = Flags(EvalSettings)


@flags.command(
    app,
    "eval",
    epilog=examples(
        "deepsort eval reid.onnx --root market1501",
        "deepsort eval best.pth --query query/ --gallery gallery/ --json",
        "deepsort eval new.onnx --against old.onnx --root market1501",
    ),
)
def evaluate(
    ctx: typer.Context,
    model: Annotated[
        Path | None, typer.Argument(help="Model to evaluate, as --checkpoint.", show_default=False)
    ] = None,
    **_: Any,
) -> None:
    """How good is a Re-ID model, on whom does it fail, and which threshold should the tracker use?"""
    if model is not None and (other := ctx.params["checkpoint"]) is not None:
        raise InputError(f"two models are given: {model} and --checkpoint {other}. To compare them use --against.")
    settings, report = flags.start(ctx, checkpoint=model)

    from deepsort_cli.cli.listeners import Bars
    from deepsort_cli.workflows.evaluate import run_evaluate

    with Bars(report) as bars:
        done = run_evaluate(settings, bars)
    report.result(done.as_json(), worded(done.text(result_console(100).width)))
    report.info(f"report: {done.folder / 'report.html'}")
