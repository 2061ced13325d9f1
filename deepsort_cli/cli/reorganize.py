"""`deepsort reorganize`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import typer

from deepsort_cli.cli.options import Flags, command_app, examples
from deepsort_cli.cli.scan import progress_bars
from deepsort_cli.core.errors import InputError
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
    for name, value in (("--src", settings.src), ("--dst", settings.dst)):
        if value is None:
            raise InputError(f"{name} is missing: deepsort reorganize --src DIR --dst DIR")
    assert settings.src is not None and settings.dst is not None

    from deepsort_cli.core.files import printable
    from deepsort_cli.data.finding import count_reasons
    from deepsort_cli.data.reorganize import plan_reorganize, reorganize

    plan = plan_reorganize(settings.src, settings.layout, settings.pattern, settings.link_sources)
    reasons = count_reasons(plan.left_out)
    if reasons:
        left = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
        report.warn(f"{len(plan.left_out)} files stay behind ({left}).")
    for problem in plan.left_out if report.verbose else ():
        report.detail(f"{printable(problem.path)}: {problem.reason}")
    summary = {"identities": plan.identities, "images": len(plan.moves), "left_out": reasons}
    if settings.dry_run:
        for move in plan.moves[: None if report.verbose else SHOWN]:
            report.info(f"{printable(move.source)} → {printable(move.target)}")
        report.result(
            {"dry_run": True, **summary},
            f"Would put {len(plan.moves):,} images of {plan.identities:,} identities into {settings.dst}",
        )
        return
    with progress_bars(report) as stage:
        show = None if stage is None else lambda done, total: stage("placing", done, total)
        outcome = reorganize(plan, settings.dst, settings.mode, progress=show)
    report.result(
        {"dry_run": False, **summary, **asdict(outcome)},
        f"{outcome.made:,} images placed, {outcome.present:,} were there already: "
        f"{plan.identities:,} identities in {settings.dst}",
    )
    if outcome.copied:
        report.info(f"{outcome.copied:,} are copies: no hard links can be made from {settings.src} to {settings.dst}.")
    if settings.mode == "link":
        report.info(f"Links leave the folder, so allow them: --allow-links {settings.src.resolve()}")
