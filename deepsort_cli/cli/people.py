"""`deepsort people`: who is in a file of people; to export, forget and rename them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepsort_cli.cli.encoding import literal
from deepsort_cli.cli.options import Flags, command_app, examples
from deepsort_cli.core.counted import counted
from deepsort_cli.settings.people import PeopleSettings

if TYPE_CHECKING:
    from deepsort_cli.workflows.people import PeopleDone

app = command_app()
flags = Flags(PeopleSettings)


@flags.command(
    app,
    epilog=examples(
        "deepsort track 0 --people-file people.npz --known staff",
        "deepsort people list people.npz",
        "deepsort people rename people.npz 7 Ann",
        "deepsort people forget people.npz 3 Ann",
        "deepsort people forget people.npz --older-than 7d",
        "deepsort people export people.npz -o exported",
    ),
)
def people(
    ctx: typer.Context,
    action: Annotated[str, typer.Argument(help="list, export, forget or rename.", metavar="ACTION")],
    file: Annotated[Path, typer.Argument(help="File of people, as --people-file of a run keeps it.", metavar="FILE")],
    who: Annotated[
        list[str] | None,
        typer.Argument(
            help="People by number or name; of rename, a person and the new name.", metavar="WHO", show_default=False
        ),
    ] = None,
    **_: Any,
) -> None:
    """List, export, forget or rename the people that deepsort track --people-file keeps between runs.

    The file holds what people looked like (features of their clothes and build, and a small picture of each), when and
    by which camera they were seen. It recognises no faces; still these are personal data, for which laws apply: keep
    the file safe, and forget people when the purpose is fulfilled. Who is forgotten is gone from the file.
    """
    settings, report = flags.start(ctx, action=action, file=file, who=who)

    from deepsort_cli.cli.listeners import Told
    from deepsort_cli.workflows.people import run_people

    done = run_people(settings, Told(report))
    if settings.action in ("list", "rename"):
        report.table(_table(done), *([] if settings.action == "rename" else [_about(done)]))
    data = asdict(done)
    report.result({**data, "written": [str(path) for path in done.written]})


def _about(done: PeopleDone) -> str:
    shown = len(done.people)
    of = "" if shown == done.left else f"{shown:,} of "
    people = f"{of}{counted(done.left, 'person', 'people')}"
    return literal(f"{people}, features of {done.model}, written {_local(done.updated)}")


def _table(done: PeopleDone) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    numbers = ("person", "tracks", "looks")
    for heading in ("person", "name", "last seen", "first seen", "tracks", "looks", "cameras"):
        table.add_column(heading, justify="right" if heading in numbers else "left")
    for one in done.people:
        looks = f"{one['looks']:,}" + (f" ({one['enrolled']} enrolled)" if one["enrolled"] else "")
        table.add_row(
            str(one["person"]),
            literal(one["name"]),
            _local(one["last"]),
            _local(one["first"]),
            f"{one['tracks']:,}",
            looks,
            literal(", ".join(one["cameras"])),
        )
    return table


def _local(moment: str | None) -> str:
    """A moment by this machine's clock."""
    from datetime import datetime

    return "never" if moment is None else datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")
