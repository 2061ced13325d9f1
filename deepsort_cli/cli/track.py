"""`deepsort track`."""

from __future__ import annotations

from typing import Annotated

import typer

from deepsort_cli.cli.options import Config, Flags, Json, PrintConfig, Quiet, Set, Verbose, command_app
from deepsort_cli.settings.track import TrackSettings

app = command_app()
flags = Flags(TrackSettings)


@app.command()
def track(
    ctx: typer.Context,
    max_age: Annotated[int | None, flags("tracker.max_age", "--max-age", panel="Tracker")] = None,
    max_cosine_distance: Annotated[
        float | None, flags("tracker.max_cosine_distance", "--max-cosine-distance", panel="Tracker")
    ] = None,
    config: Config = None,
    set_: Set = None,
    print_config: PrintConfig = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Track people in video."""
    settings, report = flags.start(ctx)
    report.info(repr(settings))
