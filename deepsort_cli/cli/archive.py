"""`deepsort track … --output-dir`: what is shown of an archive while it is tracked, and at its end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from deepsort_cli.cli.console import Reporter
from deepsort_cli.cli.encoding import literal
from deepsort_cli.cli.listeners import Bars
from deepsort_cli.cli.wording import worded
from deepsort_cli.core.counted import counted
from deepsort_cli.core.durations import clock_text
from deepsort_cli.core.errors import DeepsortError, RunError
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.workflows.archive import Archive, Planned, Result, Working, run_archive

STATES = {"done": "green", "skipped": "dim", "failed": "red", "to do": "bold"}
ROWS = 40
"""Lines of the table at the end; more are in the index."""


def track_all(settings: TrackSettings, report: Reporter) -> None:
    """Track an archive and print what came of it.

    Raises:
        RunError: a video failed.
        KeyboardInterrupt: after what was tracked until then is printed.
    """
    with _screen(report) as screen:
        try:
            archive = run_archive(settings, screen)
        except (DeepsortError, KeyboardInterrupt):
            if screen.results:
                report.result([result.as_json() for result in screen.results])
            raise
    report.table(_table(archive, settings.archive.dry_run))
    for path in archive.index:
        report.info(f"wrote {path}")
    report.result([result.as_json() for result in archive.results])
    failure = archive.failure()
    if failure is not None:
        raise RunError(failure)


@contextlib.contextmanager
def _screen(report: Reporter) -> Iterator[_Screen]:
    with _Screen(report) as screen:
        yield screen


class _Screen(Bars):
    """On a terminal a line for each worker and one for all; elsewhere a line for each video that is done.

    Attributes:
        results: of the videos that ended, in that order.
    """

    def __init__(self, report: Reporter) -> None:
        super().__init__(report)
        self._planned = Planned(0, 0, 0)
        self.results: list[Result] = []
        self._left: float | None = None
        self._live: Any = None
        self._lines: dict[int, Any] = {}

    def happened(self, event: object) -> None:
        if isinstance(event, Planned):
            self._begin(event)
        elif isinstance(event, Working):
            self._left = event.left
            self._work(event)
        elif isinstance(event, Result):
            self._end(event)

    def __exit__(self, *details: Any) -> None:
        super().__exit__(*details)
        if self._live is not None:
            self._live.stop()

    def _begin(self, planned: Planned) -> None:
        self._planned = planned
        if self.bars is not None:  # of the comparison with what is there
            self.bars.stop()
            self.bars = None
        skipped = f", {planned.skipped:,} done already" if planned.skipped else ""
        self.report.info(f"{counted(planned.to_do, 'video')} to track{skipped}")
        if not self.report.interactive or not planned.to_do:
            return
        from rich.progress import BarColumn, Progress, TextColumn

        self._live = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[counters]}"),
            console=self.report.console,
            transient=True,
        )
        self._all = self._live.add_task("all", total=planned.to_do, counters=self._counters())
        self._live.start()

    def _work(self, event: Working) -> None:
        if self._live is None:
            return
        if event.worker not in self._lines:
            self._lines[event.worker] = self._live.add_task("", total=None, counters="")
        name = literal(_shortened(event.place)) if event.place else "[dim]waits[/dim]"
        where = f"{literal(event.node)} " if event.node else ""
        counters = f"{event.frames:,}" + (f"/{event.total:,}" if event.total else "") + " frames" if event.place else ""
        total = event.total if event.place else 1
        line = self._lines[event.worker]
        self._live.update(line, description=f"{where}{name}", completed=event.frames, total=total, counters=counters)
        self._live.update(self._all, completed=len(self.results), counters=self._counters())

    def _end(self, result: Result) -> None:
        self.results.append(result)
        if len(self.results) == self._planned.to_do:
            self._left = None  # what was left before this one ended
        if self._live is not None:
            self._live.update(self._all, completed=len(self.results), counters=self._counters())
        number = f"[{len(self.results)}/{self._planned.to_do}]"
        if result.state == "failed":
            self.report.warn(f"{number} {result.place}: {result.reason}")
            return
        what = f"{counted(result.people or 0, 'person', 'people')} in {counted(result.frames or 0, 'frame')}"
        left = f", {clock_text(self._left)} left" if self._left is not None and self._live is None else ""
        self.report.info(f"{number} {result.place}: {what}{left}")

    def _counters(self) -> str:
        left = f"  {clock_text(self._left)} left" if self._left is not None else ""
        return f"{len(self.results):,}/{self._planned.to_do:,} done{left}"


def _shortened(place: str) -> str:
    return place if len(place) <= 40 else f"…{place[-39:]}"


def _table(archive: Archive, dry: bool) -> Any:
    """The videos, failures first; all of them after a dry run."""
    from rich.table import Table

    results = archive.results
    counts = {state: sum(result.state == state for result in results) for state in STATES}
    title = ", ".join(f"{count:,} {state}" for state, count in counts.items() if count)
    table = Table(title=f"{literal(str(archive.folder))}: {title}", title_justify="left")
    for heading in ("video", "", "frames", "people", "why"):
        table.add_column(heading, justify="right" if heading in ("frames", "people") else "left", overflow="fold")
    shown = sorted(results, key=lambda result: result.state != "failed")
    for result in shown if dry else shown[:ROWS]:
        numbers = ["" if value is None else f"{value:,}" for value in (result.frames, result.people)]
        state = f"[{STATES[result.state]}]{result.state}[/]" if result.state in STATES else result.state
        table.add_row(literal(result.place), state, *numbers, literal(worded(result.reason)))
    if not dry and len(shown) > ROWS:
        table.add_row(f"… and {len(shown) - ROWS:,} more", "", "", "", "all are in the index")
    return table
