"""`deepsort refine`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from deepsort_cli.cli.options import Flags, command_app, examples
from deepsort_cli.settings.refine import RefineSettings

app = command_app()
flags = Flags(RefineSettings)


@flags.command(
    app,
    epilog=examples(
        "deepsort refine out.txt -o refined.txt --interpolate linear",
        "deepsort refine out.txt -o refined.txt --interpolate gaussian --max-gap 20 --min-length 10",
        "deepsort refine out.txt -o refined.txt --link --looks looks.npz",
    ),
)
def refine(
    ctx: typer.Context,
    results: Annotated[
        Path | None, typer.Argument(help="Tracking results, as MOTChallenge text.", show_default=False)
    ] = None,
    **_: Any,
) -> None:
    """Link finished tracks, fill their gaps, smooth their boxes, drop tracks that are too short.

    Every missing frame of a gap is filled, also where tracking skipped frames with --stride. Ids stay as they are,
    but with --link, which gives every person one: it needs to know what tracks looked like, which
    deepsort track --save-looks looks.npz writes down.
    """
    settings, report = flags.start(ctx, results=results)

    from deepsort_cli.cli.listeners import Told
    from deepsort_cli.workflows.refine import run_refine

    done = run_refine(settings, Told(report))
    data = asdict(done)
    if done.linking is None:
        del data["linking"]
    report.result({**data, "output": str(settings.output)})
