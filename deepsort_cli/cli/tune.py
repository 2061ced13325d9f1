"""`deepsort tune`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepsort_cli.cli.consent import settle_detector
from deepsort_cli.cli.encoding import literal
from deepsort_cli.cli.listeners import Bars
from deepsort_cli.cli.options import Flags, command_app, examples
from deepsort_cli.cli.requirements import require_package
from deepsort_cli.settings.tune import TuneSettings

if TYPE_CHECKING:
    from deepsort_cli.workflows.tune import Tuned

app = command_app()
flags = Flags(TuneSettings)


@flags.command(
    app,
    epilog=examples(
        "deepsort tune street.mp4 --gt street.txt --detector yolox_nano --trials 200",
        "deepsort tune MOT17/train --preset strong --objective hota=1,idf1=1",
        "deepsort track other.mp4 --config runs/tune/best.yaml",
    ),
)
def tune(
    ctx: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(help="What to tune on, as --source.", show_default=False, metavar="SOURCE"),
    ] = None,
    **_: Any,
) -> None:
    """Search the settings that track your sequences best, and say how much of the gain to believe.

    Each source is watched once; then settings are tried on what was seen, without networks, against ground truth. The
    search is kept in a folder: after Ctrl-C, or with more --trials, the same command goes on with it. Needs the extra
    \\[tune]: pip install 'deepsort-cli\\[tune]', or in a clone: pip install '.\\[tune]'
    """
    if sources:
        ctx.params["source"] = [*(ctx.params["source"] or ()), *sources]
    settings, report = flags.start(ctx)
    require_package("optuna", "tuning", "tune")

    from deepsort_cli.workflows.recorded import is_stored
    from deepsort_cli.workflows.tune import run_tune
    from deepsort_cli.workflows.tune.outputs import as_json

    needed = not all(map(is_stored, settings.source))
    settings = settings.model_copy(update={"detector": settle_detector(settings.detector, report, needed=needed)})
    with _Screen(report) as screen:
        done = run_tune(settings, screen)
    report.table(*_tables(done))
    report.result(as_json(done))


class _Screen(Bars):
    """Bars, and a line for settings that are better than all before."""

    def happened(self, event: object) -> None:
        from deepsort_cli.workflows.tune import BestSoFar

        if isinstance(event, BestSoFar):
            trial = event.trial
            where = f"{event.search}: " if event.search else ""
            gain = 100 * (trial.objective - event.start)
            self.report.info(f"{where}trial {trial.number}: {100 * trial.objective:.2f} ({gain:+.2f})")


def _tables(done: Tuned) -> list[Any]:
    from rich.table import Table

    from deepsort_cli.workflows.tune.page import verdict, word

    assert done.best is not None
    figures = Table("sequence", "settings", title="what was found", title_justify="left", box=None, pad_edge=False)
    for name in (*done.shown.values(), *(("IDSW",) if done.judged_by_truth else ())):
        figures.add_column(name, justify="right")
    for piece in done.pieces:
        for what, found in (("begun with", done.start[piece]), ("best", done.best.figures[piece])):
            numbers = [f"{100 * found[name]:.1f}" for name in done.shown]
            if done.judged_by_truth:
                numbers.append(f"{found['id_switches']:.0f}")
            figures.add_row(literal(piece), what, *numbers)
    keys = Table("key", "begun with", "best", box=None, pad_edge=False)
    from deepsort_cli.workflows.tune.space import value_at

    for key, value in done.best.values.items():
        keys.add_row(key, literal(word(value_at(done.base, key))), f"[bold]{literal(word(value))}[/bold]")
    return [figures, "", keys, "", literal(verdict(done))]
