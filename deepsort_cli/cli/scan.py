"""`deepsort scan`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import typer

from deepsort_cli.cli.encoding import literal
from deepsort_cli.cli.options import Flags, command_app, examples
from deepsort_cli.cli.wording import worded
from deepsort_cli.settings.scan import ScanCommandSettings

if TYPE_CHECKING:
    from rich.console import RenderableType

    from deepsort_cli.data.finding import Finding
    from deepsort_cli.data.result import ScanResult

app = command_app()
flags = Flags(ScanCommandSettings)

INVALID_FOUND = 2
"""Exit code of --fail-on-invalid."""

STYLES = {"error": "bold red", "warning": "yellow", "info": "cyan"}


@flags.command(
    app,
    epilog=examples(
        "deepsort scan --root market1501",
        "deepsort scan --root people/ --html report.html",
        "deepsort scan --root train/ --test-root test/ --fail-on-invalid",
    ),
)
def scan(
    ctx: typer.Context,
    **_: Any,
) -> None:
    """Check a Re-ID dataset: what would crash or silently spoil a training, and what to do about it."""
    settings, report = flags.start(ctx)

    from deepsort_cli.cli.listeners import Bars
    from deepsort_cli.workflows.scan import run_scan

    with Bars(report) as bars:
        found = run_scan(settings, bars)
    if report.json:
        report.result(found.summary())
    report.table(*_report(found.result, found.findings, report.verbose))
    reasons = found.failures if settings.report.fail_on_invalid else []
    if reasons:
        report.warn(f"{', '.join(reasons)} (`report.fail_on_invalid`).")
        raise typer.Exit(INVALID_FOUND)


def _report(result: ScanResult, findings: Sequence[Finding], verbose: bool) -> Iterator[RenderableType]:
    """The report of a scan, from the whole to the detail."""
    from rich.padding import Padding
    from rich.table import Table

    from deepsort_cli.core.files import printable
    from deepsort_cli.data.finding import count_reasons
    from deepsort_cli.data.summary import summarise_parts

    when = f"remembered from {result.created}" if result.from_cache else f"scanned in {result.seconds:.1f} s"
    yield f"[bold]{literal(printable(str(result.root)))}[/bold]"
    yield f"[dim]{when}, fingerprint {result.fingerprint[:12]}[/dim]"
    rows = summarise_parts(result)
    heads = {"junk": "pid −1", "distractors": "pid 0"}
    odd = [name for name in heads if any(getattr(row, name) for row in rows)]
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")  # fits 80 columns
    for name in ("part", "layout"):
        table.add_column(name)
    for name in ("identities", "images", "cameras", "per id", "median", *map(heads.__getitem__, odd)):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            literal(printable(row.folder or result.root.resolve().name)),
            row.layout,
            f"{row.identities:,}",
            f"{row.images:,}",
            "none" if row.cameras is None else str(row.cameras),
            f"{row.smallest}–{row.largest}",
            f"{row.median:g}",
            *(f"{getattr(row, name):,}" for name in odd),
        )
    yield Padding(table, (1, 0), expand=False)
    for what, problems in (("invalid files", result.invalid), ("other files", result.skipped)):
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in count_reasons(problems).items())
        yield f"{what}: [bold]{len(problems):,}[/bold]" + (f" ({reasons})" if reasons else "")
    if len(result.manifest) < len(result.images):
        yield f"left out with small identities: [bold]{len(result.images) - len(result.manifest):,}[/bold] images"
    if not findings:
        yield "\nNothing found that needs a word."
        return
    yield "\n[bold]Findings[/bold]"
    shown = None if verbose else 3
    for finding in findings:
        style = STYLES[finding.severity]
        count = f": [bold]{finding.count:,}[/bold]" if finding.count else ""
        yield f"[{style}]{finding.severity:>8}[/{style}]  {literal(worded(finding.title))}{count}"
        for example in finding.examples[:shown]:
            yield Padding(f"[dim]{literal(example)}[/dim]", (0, 0, 0, 10), expand=False)
        if shown and len(finding.examples) > shown:
            yield Padding(
                f"[dim]… and {len(finding.examples) - shown:,} more (-v lists all)[/dim]", (0, 0, 0, 10), expand=False
            )
        yield Padding(f"→ {literal(worded(finding.remedy))}", (0, 0, 0, 10), expand=False)
