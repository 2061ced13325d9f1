"""What `deepsort train` shows while it runs. Imported late: what it shows needs PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import rich.progress
from rich.console import Group as Stack
from rich.console import RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from deepsort_cli.cli.console import Reporter
from deepsort_cli.cli.encoding import literal
from deepsort_cli.cli.listeners import Told
from deepsort_cli.cli.wording import worded
from deepsort_cli.core.counted import counted
from deepsort_cli.reid.events import EpochDone, RunPlan, StartValidated, StepReport
from deepsort_cli.reid.losses import REGISTERED
from deepsort_cli.reid.optim import Group


class TrainDisplay(Told):
    """Bars and figures on a terminal, one line per epoch elsewhere. Use it as a context manager.

    Args:
        resume: `training.resume` of the run.
    """

    def __init__(self, report: Reporter, resume: str = "auto"):
        super().__init__(report)
        self.resume = resume
        self.folder: Path | None = None
        self.bars = rich.progress.Progress(
            rich.progress.TextColumn("{task.description}"),
            rich.progress.BarColumn(bar_width=max(8, min(40, report.console.width - 42))),
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
        self.best = "-"
        self.live = Live(get_renderable=self._view, console=report.console, refresh_per_second=4, transient=True)

    def __enter__(self) -> TrainDisplay:
        if self.report.interactive:
            self.live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.live.stop()
        if kind is KeyboardInterrupt and self.folder is not None:
            self.report.info(self._where_to_go_on(self.folder))

    def _where_to_go_on(self, folder: Path) -> str:
        if not (folder / "checkpoints" / "last.pth").is_file():
            return "stopped before the first save: the same command starts from the beginning"
        how = "the same command" if self.resume == "auto" else "the same command with `training.resume`=auto"
        return worded(f"saved in {folder}; {how} continues")

    def _view(self) -> RenderableType:
        return Stack(self.bars, self.figures)

    def progress(self, stage: str, done: int, total: int | None) -> None:
        going_on = not total or done < total
        self.bars.update(self.work_bar, description=stage, completed=done, total=total or None, visible=going_on)

    def happened(self, event: object) -> None:
        if isinstance(event, RunPlan):
            self.started(event)
        elif isinstance(event, StartValidated):
            self.validated_start(event)
        elif isinstance(event, StepReport):
            self.step(event)
        elif isinstance(event, EpochDone):
            self.epoch(event)

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
            ("length", f"{counted(plan.epochs, 'epoch')} of about {counted(plan.steps, 'step')} with {plan.batch}"),
            *(("" if place else "schedule", line) for place, line in enumerate(plan.schedule)),
        ):
            facts.add_row(f"[bold]{name}[/bold]" if name else "", literal(worded(text)))
        self.report.show(facts)
        self.report.show(_group_table(plan.groups, self.report.console.width))
        self.bars.update(self.work_bar, visible=False)
        self.bars.update(self.run_bar, total=plan.epochs, completed=plan.first_epoch, visible=True)
        self.bars.update(self.epoch_bar, total=plan.steps, visible=True)
        for bar in (self.run_bar, self.epoch_bar):
            self.bars.reset(bar, completed=plan.first_epoch if bar == self.run_bar else 0)

        if plan.best is not None and plan.best["epoch"] > 0 and "mAP" in plan.best:
            self.best = f"{plan.best['mAP']:.1%}"

    def validated_start(self, event: StartValidated) -> None:
        row, chance = event.row, event.chance
        by_chance = "" if chance is None else f"  (by chance {chance.mAP:.1%}, {chance.rank1:.1%})"
        self.report.info(f"where the run starts: mAP {row['mAP']:.1%}  rank 1 {row['rank1']:.1%}{by_chance}")

    def step(self, report: StepReport) -> None:
        self.bars.update(self.work_bar, visible=False)
        done = report.epoch - 1 + report.step / report.steps
        self.bars.update(self.run_bar, completed=done, description=f"epoch {report.epoch}/{self.epochs}")
        described = f"step {report.step}/{report.steps}"
        self.bars.update(self.epoch_bar, total=report.steps, completed=report.step, description=described)
        values = report.figures
        self.figures = _figures(
            (
                Figure("loss", "loss", f"{values['loss']:.3f}"),
                *(
                    Figure(REGISTERED[name].title, name[:3], f"{values[name]:.3f}", min(3 + place, 5))
                    for place, name in enumerate(_shown_losses(values))
                ),
                Figure("accuracy", "acc", f"{values['accuracy']:.0%}", 1),
                Figure("active triplets", "active", f"{values['active']:.0%}", 6),
                Figure("lr", "lr", f"{report.lr:.1e}", 2),
                Figure("images/s", "img/s", f"{report.images_per_second:,.0f}", 1),
                Figure("waiting for data", "wait", f"{report.wait:.0%}", 2),
                Figure("best mAP", "best", self.best),
            ),
            self.report.console.width,
        )

    def epoch(self, event: EpochDone) -> None:
        row, best, seconds = event.row, event.best, event.seconds
        if "mAP" in best and best["epoch"] > 0:
            self.best = f"{best['mAP']:.1%}"
        self.bars.reset(self.epoch_bar, description="step")
        parts = [
            Part(f"epoch {row['epoch']:>3}/{self.epochs}"),
            Part(f"loss {row['loss']:.3f}"),
            *(
                Part(f"{name} {row[name]:.3f}", (5, 4, 6)[min(place, 2)])
                for place, name in enumerate(_shown_losses(row))
            ),
            Part(f"accuracy {row['accuracy']:.1%}", 1),
            Part(f"active {row['active']:.0%}", 7),
            Part(f"lr {row['lr']:.1e}", 3),
            Part(f"{seconds:.1f} s", 2),
        ]
        if "mAP" in row:
            parts += [Part(f"mAP {row['mAP']:.1%}"), Part(f"rank 1 {row['rank1']:.1%}")]
        if "mAP" in row and best is row:
            parts.append(Part("best"))
        if not self.report.quiet:
            # One line per epoch: what fits on a terminal, everything in a log file.
            room = self.report.console.width if self.report.console.is_terminal else None
            self.report.console.print(fit(parts, room), soft_wrap=True)


def _shown_losses(values: Mapping[str, float]) -> list[str]:
    """Names of the losses that are always computed, and of those that have a weight."""
    return [name for name, kind in REGISTERED.items() if kind.always or values.get(name)]


class Part(NamedTuple):
    """A piece of a line; the higher `last`, the sooner it is left out where there is no room."""

    text: str
    last: int = 0


class Figure(NamedTuple):
    """A column of the live table: its head, a shorter one, and when it is left out (see `Part`)."""

    head: str
    short: str
    value: str
    last: int = 0


def fit(parts: Sequence[Part], room: int | None) -> str:
    """The parts in one line of at most `room` characters, None for any length; those with `last` 0 always stay."""
    kept = list(parts)
    while room is not None and len("  ".join(part.text for part in kept)) > room:
        least = max(kept, key=lambda part: part.last)
        if not least.last:
            break
        kept.remove(least)
    return "  ".join(part.text for part in kept)


def _figures(figures: Sequence[Figure], room: int) -> Table:
    """One row under heads: long heads if they fit, else short ones, else fewer columns."""

    def width(columns: Sequence[tuple[str, str]]) -> int:
        return sum(max(len(head), len(value)) + 2 for head, value in columns)

    kept = list(figures)
    columns = [(figure.head, figure.value) for figure in kept]
    while width(columns) > room:
        columns = [(figure.short, figure.value) for figure in kept]
        if width(columns) <= room:
            break
        least = max(kept, key=lambda figure: figure.last)
        if not least.last:
            break
        kept.remove(least)
        columns = [(figure.short, figure.value) for figure in kept]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for head, _ in columns:
        table.add_column(head, justify="right", no_wrap=True)
    table.add_row(*(value for _, value in columns))
    return table


def _group_table(groups: tuple[Group, ...], room: int) -> Table:
    """Parameters and learning rates per group; without the numbers of tensors where there is little room."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    wide = room >= 76
    heads = ["tensors", "values", "highest lr", "weight decay"] if wide else ["values", "lr", "decay"]
    if any(group.frozen for group in groups):
        heads.append("")
    table.add_column("parameters")
    for name in heads:
        table.add_column(name, justify="right", no_wrap=True)
    for group in groups:
        cells = [f"{len(group.names)}"] if wide else []
        cells += [f"{group.size:,}", f"{group.lr:g}", f"{group.weight_decay:g}"]
        cells += ["frozen" if group.frozen else ""] * ("" in heads)
        table.add_row(literal(group.label), *cells, style="dim" if group.frozen else "")
    return table
