"""`deepsort reorganize`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import typer

from deepsort_cli.cli.options import Flags, command_app, examples
from deepsort_cli.core.counted import counted
from deepsort_cli.settings.reorganize import ReorganizeSettings

app = command_app()
flags = Flags(ReorganizeSettings)

SHOWN = 5


@flags.command(
    app,
    epilog=examples(
        "deepsort reorganize --src market1501/bounding_box_train --dst people/ --dry-run",
        "deepsort reorganize --src market1501/bounding_box_train --dst people/ --mode hardlink",
    ),
)
def reorganize(
    ctx: typer.Context,
    **_: Any,
) -> None:
    """Turn a flat Re-ID dataset (Market-1501, DukeMTMC-reID, MSMT17, CUHK03 names) into id_xxxx folders."""
    settings, report = flags.start(ctx)

    from deepsort_cli.cli.listeners import Bars
    from deepsort_cli.core.files import printable
    from deepsort_cli.data.finding import count_reasons
    from deepsort_cli.workflows.reorganize import run_reorganize

    with Bars(report) as bars:
        done = run_reorganize(settings, bars)
    plan, outcome = done.plan, done.outcome
    for problem in plan.left_out:
        report.detail(f"{printable(problem.path)}: {problem.reason}")
    summary = {"identities": plan.identities, "images": len(plan.moves), "left_out": count_reasons(plan.left_out)}
    if outcome is None:
        for move in plan.moves[: None if report.verbose else SHOWN]:
            report.info(f"{printable(move.source)} → {printable(move.target)}")
        report.result(
            {"dry_run": True, **summary},
            f"Would put {counted(len(plan.moves), 'image')} of "
            f"{counted(plan.identities, 'identity', 'identities')} into {settings.dst}",
        )
        return
    report.result(
        {"dry_run": False, **summary, **asdict(outcome)},
        f"{outcome.made:,} images placed, {outcome.present:,} were there already: "
        f"{plan.identities:,} identities in {settings.dst}",
    )
