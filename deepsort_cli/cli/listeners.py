"""What a command shows of a workflow while it runs: remarks, warnings, and bars where somebody watches."""

from __future__ import annotations

from types import TracebackType
from typing import Any, TypeVar

from deepsort_cli.cli.console import Reporter
from deepsort_cli.cli.encoding import literal
from deepsort_cli.core.events import Listener

Display = TypeVar("Display", bound="Told")


class Told(Listener):
    """Remarks and warnings on stderr, in the words of the command."""

    def __init__(self, report: Reporter) -> None:
        self.report = report

    def note(self, message: str) -> None:
        self.report.info(message)

    def warn(self, message: str) -> None:
        self.report.warn(message)


class Bars(Told):
    """A bar with the time left for each stage, on a terminal; it appears with the first word of a stage.

    Use it as a context manager.
    """

    def __init__(self, report: Reporter) -> None:
        super().__init__(report)
        self.bars: Any = None
        self.tasks: dict[str, Any] = {}

    def __enter__(self: Display) -> Display:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self.bars is not None:
            self.bars.stop()

    def columns(self) -> tuple[Any, ...]:
        """What a bar shows."""
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

        return TextColumn("{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn(), TimeRemainingColumn()

    def progress(self, stage: str, done: int, total: int | None) -> None:
        if not self.report.interactive:
            return
        if self.bars is None:
            from rich.progress import Progress

            self.bars = Progress(*self.columns(), console=self.report.console, transient=True)
            self.bars.start()
        if stage not in self.tasks:
            self.tasks[stage] = self.bars.add_task(literal(stage), total=total)
        self.bars.update(self.tasks[stage], completed=done, total=total)


class Transfers(Bars):
    """Bars of transfers, in bytes."""

    def columns(self) -> tuple[Any, ...]:
        from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn, TransferSpeedColumn

        return BarColumn(bar_width=30), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()


class Status(Told):
    """One line that says what is being done, on a terminal. Use it as a context manager."""

    def __init__(self, report: Reporter, what: str) -> None:
        super().__init__(report)
        self.status = report.console.status(what) if report.interactive else None

    def __enter__(self) -> Status:
        if self.status is not None:
            self.status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self.status is not None:
            self.status.stop()

    def progress(self, stage: str, done: int, total: int | None) -> None:
        if self.status is not None:
            self.status.update(f"{literal(stage)}: {done:,}" + (f" of {total:,}" if total is not None else ""))
