"""`deepsort refine`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from deepsort_cli.cli.options import Flags, command_app, examples
from deepsort_cli.core.errors import InputError
from deepsort_cli.settings.refine import RefineSettings

app = command_app()
flags = Flags(RefineSettings)


@flags.command(
    app,
    epilog=examples(
        "deepsort refine out.txt -o refined.txt --interpolate linear",
        "deepsort refine out.txt -o refined.txt --interpolate gaussian --max-gap 20 --min-length 10",
    ),
)
def refine(
    ctx: typer.Context,
    results: Annotated[
        Path | None, typer.Argument(help="Tracking results, as MOTChallenge text.", show_default=False)
    ] = None,
    **_: Any,
) -> None:
    """Fill gaps in finished tracks, smooth their boxes, drop tracks that are too short.

    Every missing frame of a gap is filled, also where tracking skipped frames with --stride. Ids stay as they are.
    """
    settings, report = flags.start(ctx, results=results)
    if settings.results is None or settings.output is None:
        missing = "the result file" if settings.results is None else "--output"
        raise InputError(
            f"{missing} is missing. For example: deepsort refine out.txt -o refined.txt --interpolate linear"
        )
    from deepsort_cli.tracking.refinement import refine_file

    done = refine_file(settings.results, settings.output, settings.refinement, overwrite=settings.overwrite)
    report.info(
        f"{done.rows} rows of {done.tracks} tracks: dropped {done.dropped_tracks} tracks, "
        f"filled {done.filled_rows} rows, wrote {done.written_rows} rows"
    )
    report.info(f"wrote {settings.output}")
    report.result({**asdict(done), "output": str(settings.output)})
