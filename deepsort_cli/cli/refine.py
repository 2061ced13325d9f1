"""`deepsort refine`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepsort_cli.cli.encoding import literal
from deepsort_cli.cli.options import Flags, command_app, examples
from deepsort_cli.settings.refine import RefineSettings

if TYPE_CHECKING:
    from deepsort_cli.tracking.refinement import KnownPerson

app = command_app()
flags = Flags(RefineSettings)

MOST_SHOWN = 50
"""People in the table; --json has all."""


@flags.command(
    app,
    epilog=examples(
        "deepsort refine out.txt -o refined.txt --interpolate linear",
        "deepsort refine out.txt -o refined.txt --interpolate gaussian --max-gap 20 --min-length 10",
        "deepsort refine out.txt -o refined.txt --link --looks looks.npz",
        "deepsort refine --across a.jsonl b.jsonl --looks a.npz --looks b.npz -o people",
    ),
)
def refine(
    ctx: typer.Context,
    results: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Tracking results, as MOTChallenge text; with --across JSON Lines or CSV of every camera.",
            show_default=False,
        ),
    ] = None,
    **_: Any,
) -> None:
    """Link finished tracks, fill their gaps, smooth their boxes, drop tracks that are too short.

    Every missing frame of a gap is filled, also where tracking skipped frames with --stride. Ids stay as they are,
    but with --link, which gives every person one: it needs to know what tracks looked like, which
    deepsort track --save-looks looks.npz writes down.

    With --across it finds out who is who in the tracks of several cameras, from what they looked like, where and when
    they were, and writes copies of their files into a folder, in which `person` is the same for all tracks of one.
    """
    settings, report = flags.start(ctx, results=results or None)

    from deepsort_cli.cli.listeners import Told
    from deepsort_cli.workflows.refine import run_refine

    done = run_refine(settings, Told(report))
    data = asdict(done)
    data = {name: value for name, value in data.items() if value is not None}
    if done.across is not None:
        report.table(_table(done.across.people))
    report.result({**data, "output": str(settings.output)})


def _table(people: list[KnownPerson]) -> Any:
    from rich import box
    from rich.table import Table

    named = any(person.name for person in people)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("person", *(("name",) if named else ()), "first s", "last s", "tracks"):
        table.add_column(heading, justify="right" if heading.endswith("s") and heading != "tracks" else "left")
    for person in people[:MOST_SHOWN]:
        tracks = "; ".join(f"{name}: {', '.join(map(str, ids))}" for name, ids in person.tracks.items())
        name = (literal(person.name),) if named else ()
        table.add_row(str(person.person), *name, f"{person.first:.1f}", f"{person.last:.1f}", literal(tracks))
    if len(people) > MOST_SHOWN:
        table.caption = f"… and {len(people) - MOST_SHOWN} more (--json has all)"
    return table
