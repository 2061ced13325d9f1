"""`deepsort calibrate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepsort_cli.cli.consent import settle_detector
from deepsort_cli.cli.encoding import literal
from deepsort_cli.cli.options import Flags, command_app, examples
from deepsort_cli.settings.calibrate import CalibrateSettings

if TYPE_CHECKING:
    from deepsort_cli.workflows.calibrate import Calibration

app = command_app()
flags = Flags(CalibrateSettings)


@flags.command(
    app,
    epilog=examples(
        "deepsort calibrate street.mp4 --detector yolox_nano --plot looks.png",
        "deepsort calibrate monday.npz tuesday.npz --preset strong --output street.yaml",
        "deepsort calibrate street.mp4 --reid reid.onnx --output reid_street.onnx",
    ),
)
def calibrate(
    ctx: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(help="What to measure on, as --source.", show_default=False, metavar="SOURCE"),
    ] = None,
    **_: Any,
) -> None:
    """Measure the appearance threshold on a video of your own camera, without labels.

    People seen at once are different, and a person followed without doubt stays the same: from such pairs follows
    from which distance on looks are those of two people. Use the result with [bold]track --config[/bold], or write it
    into a copy of the Re-ID model.
    """
    if sources:
        ctx.params["source"] = [*(ctx.params["source"] or ()), *sources]
    settings, report = flags.start(ctx)

    from deepsort_cli.cli.listeners import Bars
    from deepsort_cli.workflows.calibrate import run_calibrate
    from deepsort_cli.workflows.recorded import is_stored

    needed = not all(map(is_stored, settings.source))
    settings = settings.model_copy(update={"detector": settle_detector(settings.detector, report, needed=needed)})
    with Bars(report) as bars:
        done = run_calibrate(settings, bars)
    report.table(_table(done))
    for path in done.outputs:
        report.info(f"wrote {path}")
    report.result(_as_json(done))


def _table(done: Calibration) -> Any:
    from rich.table import Table

    found, looks = done.threshold, done.looks
    own = "none" if done.own is None else f"{done.own:g}"
    table = Table(title=literal(", ".join(done.sources)), title_justify="left", show_header=False)
    table.add_row("threshold", f"[bold]{found.value:.3f}[/bold] (95 % interval {found.low:.3f} to {found.high:.3f})")
    table.add_row("the model's own", f"{own} ({literal(done.model or 'unknown model')})")
    accepted = f"{100 * done.accepted:.0f} % below"
    table.add_row("one person", f"{looks.num_same:,} comparisons in {looks.tracklets} tracklets, {accepted}")
    table.add_row("two people", f"{looks.num_different:,} comparisons of {len(looks.couples):,} couples, 1 % below")
    return table


def _as_json(done: Calibration) -> dict[str, Any]:
    looks = done.looks
    return {
        "max_cosine_distance": done.threshold.value,
        "interval": [done.threshold.low, done.threshold.high],
        "accepted_of_one_person": round(done.accepted, 4),
        "model": done.model,
        "model_threshold": done.own,
        "sources": list(done.sources),
        "tracklets": looks.tracklets,
        "couples": len(looks.couples),
        "comparisons_of_one_person": looks.num_same,
        "comparisons_of_two_people": looks.num_different,
        "outputs": [str(path) for path in done.outputs],
    }
