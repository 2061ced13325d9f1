"""`deepsort eval`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from deepsort_cli.cli.console import Reporter, result_console
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
from deepsort_cli.core.errors import InputError
from deepsort_cli.settings.evaluate import EvalSettings

app = command_app()
flags = Flags(EvalSettings)


@app.command(
    "eval",
    epilog=examples(
        "deepsort eval reid.onnx --root market1501",
        "deepsort eval best.pth --query query/ --gallery gallery/ --json",
        "deepsort eval new.onnx --against old.onnx --root market1501",
    ),
    daily="--checkpoint --against --device --query --gallery --root --ignore-camera --rerank --output-dir",
)
def evaluate(
    ctx: typer.Context,
    model: Annotated[
        Path | None, typer.Argument(help="Model to evaluate, as --checkpoint.", show_default=False)
    ] = None,
    checkpoint: Annotated[Path | None, flags("checkpoint", "--checkpoint", panel="Model")] = None,
    against: Annotated[Path | None, flags("against", "--against", panel="Model")] = None,
    flip_test: Annotated[
        bool | None, flags("extraction.flip_test", "--flip-test/--no-flip-test", panel="Model")
    ] = None,
    batch_size: Annotated[int | None, flags("extraction.batch_size", "--batch-size", panel="Model")] = None,
    device: Annotated[str | None, flags("runtime.device", "--device", panel="Model")] = None,
    query: Annotated[Path | None, flags("data.query", "--query", panel="Data")] = None,
    gallery: Annotated[Path | None, flags("data.gallery", "--gallery", panel="Data")] = None,
    root: Annotated[Path | None, flags("data.root", "--root", panel="Data")] = None,
    layout: Annotated[str | None, flags("data.scan.layout", "--layout", panel="Data", metavar="LAYOUT")] = None,
    pattern: Annotated[str | None, flags("data.scan.pattern", "--pattern", panel="Data", metavar="REGEX")] = None,
    allow_links: Annotated[
        list[Path] | None, flags("data.scan.link_sources", "--allow-links", panel="Data", metavar="DIR")
    ] = None,
    workers: Annotated[int | None, flags("data.scan.workers", "--workers", panel="Data")] = None,
    val_ratio: Annotated[float | None, flags("data.val_ratio", "--val-ratio", panel="Data")] = None,
    split_seed: Annotated[int | None, flags("data.seed", "--seed", panel="Data")] = None,
    ignore_camera: Annotated[
        bool | None, flags("evaluation.ignore_camera", "--ignore-camera/--use-camera", panel="Data")
    ] = None,
    metric: Annotated[
        str | None, flags("evaluation.metric", "--metric", panel="Figures", metavar="cosine|euclidean")
    ] = None,
    rerank: Annotated[bool | None, flags("evaluation.rerank.enabled", "--rerank/--no-rerank", panel="Figures")] = None,
    ranks: Annotated[str | None, flags("evaluation.ranks", "--ranks", panel="Figures", metavar="K,K,…")] = None,
    bootstrap: Annotated[int | None, flags("evaluation.bootstrap", "--bootstrap", panel="Figures")] = None,
    output_dir: Annotated[Path | None, flags("report.dir", "--output-dir", "-o", panel="Report")] = None,
    plots: Annotated[bool | None, flags("report.plots", "--plots/--no-plots", panel="Report")] = None,
    config: Config = None,
    set_: Set = None,
    print_config: PrintConfig = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    help_all: HelpAll = False,
) -> None:
    """How good is a Re-ID model, on whom does it fail, and which threshold should the tracker use?"""
    if model is not None and checkpoint is not None:
        raise InputError(f"two models are given: {model} and --checkpoint {checkpoint}. To compare them use --against.")
    settings, report = flags.start(ctx, checkpoint=model)

    from deepsort_cli.evaluator import Listener, run_evaluation

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
