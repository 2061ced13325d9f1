"""`deepsort eval`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from deepsort_cli.cli.console import Reporter, result_console
from deepsort_cli.cli.options import Flags, command_app, examples
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

    from deepsort_cli.workflows.evaluate import Listener, run_evaluation

    with _progress(report) as progress:
        outcome = run_evaluation(
            settings.checkpoint,
            settings.data,
            settings.evaluation,
            against=settings.against,
            extraction=settings.extraction,
            runtime=settings.runtime,
            report=settings.report,
            listener=Listener(progress, report.info, report.warn),
        )
    report.result(outcome.figures, outcome.text(result_console(100).width))
    report.info(f"report: {outcome.folder / 'report.html'}")


@contextlib.contextmanager
def _progress(report: Reporter) -> Iterator[Callable[[str, int, int], None]]:
    """One bar per stage, with the time left; silent where nobody watches."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=report.console,
        disable=not report.interactive,
        transient=True,
    )
    tasks = {}

    def advance(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=total)
        bars.update(tasks[stage], completed=done, total=total)

    with bars:
        yield advance
