"""What `deepsort train` shows while it runs. Imported late: what it shows needs PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import rich.progress
from rich.console import Group as Stack
from rich.console import RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from deepsort_cli.cli.console import Reporter
from deepsort_cli.reid.learner import OPTIONAL_LOSSES
from deepsort_cli.reid.optim import Group
from deepsort_cli.reid.progress import Progress, RunPlan, StepReport


class TrainDisplay(Progress):
    """Bars and figures on a terminal, one line per epoch elsewhere. Use it as a context manager."""

    def __init__(self, report: Reporter):
        self.report = report
        self.folder: Path | None = None
        self.bars = rich.progress.Progress(
            rich.progress.TextColumn("{task.description}"),
            rich.progress.BarColumn(),
            rich.progress.TimeElapsedColumn(),
            rich.progress.TextColumn("[dim]left[/dim]"),
            rich.progress.TimeRemainingColumn(),
            console=report.console,
            speed_estimate_period=600,
        )
        self.run_bar = self.bars.add_task("epoch", total=1, visible=False)
        self.epoch_bar = self.bars.add_task("step", total=1, visible=False)
        self.work_bar = self.bars.add_task("preparing", total=None)
        self.figures: RenderableType = Text()
        self.best = "none yet"
        self.live = Live(get_renderable=self._view, console=report.console, refresh_per_second=4, transient=True)

    def __enter__(self) -> TrainDisplay:
        if self.report.interactive:
            self.live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.live.stop()
        if kind is KeyboardInterrupt and self.folder is not None:
            self.report.info(f"saved in {self.folder}; the same command continues")

    def _view(self) -> RenderableType:
        return Stack(self.bars, self.figures)

    def working(self, what: str, done: int, of: int) -> None:
        self.bars.update(self.work_bar, description=what, completed=done, total=of or None, visible=done < of or not of)

    def started(self, plan: RunPlan) -> None:
        self.folder = plan.folder
        self.epochs = plan.epochs
        facts = Table.grid(padding=(0, 2))
        for name, text in (
            ("run", str(plan.folder)),
            ("start", plan.start),
            ("model", plan.model),
            ("train", plan.data[0]),
            ("validate", plan.data[1]),
            ("device", plan.hardware),
            ("length", f"{plan.epochs} epochs of about {plan.steps} steps"),
        ):
            facts.add_row(f"[bold]{name}[/bold]", escape(text))
        self.report.show(facts)
        self.report.show(_group_table(plan.groups))
        self.bars.update(self.work_bar, visible=False)
        self.bars.update(self.run_bar, total=plan.epochs, completed=plan.first_epoch, visible=True)
        self.bars.update(self.epoch_bar, total=plan.steps, visible=True)
        for bar in (self.run_bar, self.epoch_bar):
            self.bars.reset(bar, completed=plan.first_epoch if bar == self.run_bar else 0)

    def step(self, report: StepReport) -> None:
        self.bars.update(self.work_bar, visible=False)
        done = report.epoch - 1 + report.step / report.steps
        self.bars.update(self.run_bar, completed=done, description=f"epoch {report.epoch}/{self.epochs}")
        described = f"step {report.step}/{report.steps}"
        self.bars.update(self.epoch_bar, total=report.steps, completed=report.step, description=described)
        values = report.figures
        self.figures = _columns(
            {
                "loss": f"{values['loss']:.3f}",
                "cross-entropy": f"{values['ce']:.3f}",
                "triplet": f"{values['triplet']:.3f}",
                **{name: f"{values[name]:.3f}" for name in OPTIONAL_LOSSES if values[name]},
                "accuracy": f"{values['accuracy']:.0%}",
                "active triplets": f"{values['active']:.0%}",
                "lr": f"{report.lr:.2e}",
                "images/s": f"{report.images_per_second:,.0f}",
                "waiting for data": f"{report.wait:.1%}",
                "best mAP": self.best,
            }
        )

    def epoch(self, row: Mapping[str, float], best: Mapping[str, float], seconds: float) -> None:
        if "mAP" in best:
            self.best = f"{best['mAP']:.1%}"
        validated = f"  mAP {row['mAP']:.1%}  rank 1 {row['rank1']:.1%}" if "mAP" in row else ""
        marked = "  best" if validated and best is row else ""
        self.bars.reset(self.epoch_bar, description="step")
        optional = "".join(f"{name} {row[name]:.3f}  " for name in OPTIONAL_LOSSES if row[name])
        line = (
            f"epoch {row['epoch']:>3}/{self.epochs}  loss {row['loss']:.3f}  ce {row['ce']:.3f}  "
            f"triplet {row['triplet']:.3f}  {optional}accuracy {row['accuracy']:.1%}  active {row['active']:.0%}  "
            f"lr {row['lr']:.1e}  {seconds:.1f} s{validated}{marked}"
        )
        if not self.report.quiet:
            self.report.console.print(line, soft_wrap=True)  # one line per epoch in log files too

    def note(self, text: str) -> None:
        self.report.info(text)

    def warn(self, text: str) -> None:
        self.report.warn(text)


def _group_table(groups: tuple[Group, ...]) -> Table:
    """Parameters and learning rates per group."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("parameters")
    for name in ("tensors", "values", "highest lr", "weight decay", ""):
        table.add_column(name, justify="right")
    for group in groups:
        rate, decay = f"{group.lr:g}", f"{group.weight_decay:g}"
        frozen = "frozen" if group.frozen else ""
        style = "dim" if frozen else ""
        table.add_row(escape(group.label), f"{len(group.names)}", f"{group.size:,}", rate, decay, frozen, style=style)
    return table


def _columns(values: Mapping[str, str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in values:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row(*values.values())
    return table
