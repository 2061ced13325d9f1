"""Settings judged by workers: a task is one piece tracked with some settings, and searches take turns."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deepsort_cli.core.counted import counted
from deepsort_cli.core.errors import RunError
from deepsort_cli.core.events import Listener
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.workflows.tune.pieces import Piece
from deepsort_cli.workflows.tune.results import Figures
from deepsort_cli.workflows.workers import Do, Workers


@dataclass(frozen=True)
class Task:
    """One piece to be tracked.

    Attributes:
        job: what it is a part of.
        piece: its number among all pieces.
        settings: to track it with.
    """

    job: Any
    piece: int
    settings: TrackSettings


@dataclass(frozen=True)
class Judging:
    """How a worker is made that tracks and judges pieces; sent with them, so that no files have to be shared.

    Attributes:
        pieces: all of the study.
        objective: weight of each figure.
    """

    pieces: tuple[Piece, ...]
    objective: Mapping[str, float]

    def open(self) -> Do:
        """Nothing has to be opened."""

        def judge(task: Task, *_: object) -> dict[str, float]:
            figures = self.pieces[task.piece].figures(task.settings)
            objective = sum(weight * figures[name] for name, weight in self.objective.items())
            return {**figures, "objective": objective}

        return judge


@dataclass
class Judges:
    """Workers who judge settings on pieces.

    Attributes:
        workers: they.
        pieces: all of the study.
        listener: told what each machine did.
        by_node: pieces tracked by each machine, where there are several.
    """

    workers: Workers
    pieces: Sequence[Piece]
    listener: Listener
    by_node: Counter[str] = field(default_factory=Counter)

    def figures(self, asked: Sequence[tuple[TrackSettings, Sequence[Piece]]]) -> list[Figures]:
        """The figures of settings on pieces, for each that is asked for."""
        found: list[Figures] = [{} for _ in asked]
        jobs = iter([(number, *one) for number, one in enumerate(asked)])

        def take(number: int, figures: Figures) -> None:
            found[number] = figures

        self.judge(lambda: next(jobs, None), take)
        return found

    def judge(
        self,
        ask: Callable[[], tuple[Any, TrackSettings, Sequence[Piece]] | None],
        take: Callable[[Any, Figures], None],
    ) -> None:
        """Judge settings as long as there are some.

        Args:
            ask: a job, settings and pieces to try these on; None where there is nothing to do before something ends.
            take: is told of a job's end, with the figures of each piece.

        Raises:
            RunError: a piece cannot be tracked: whoever tries it dies.
        """
        waiting: deque[Task] = deque()
        under_way: dict[Any, tuple[Sequence[Piece], dict[int, dict[str, float]]]] = {}

        def fill() -> None:
            while (asked := ask()) is not None:
                job, settings, pieces = asked
                under_way[job] = pieces, {}
                waiting.extend(Task(job, self._number(piece), settings) for piece in pieces)

        fill()
        for done in self.workers.share(waiting):
            task: Task = done.task
            if done.lost:
                raise RunError(f"{self.pieces[task.piece].name}: {done.lost}")
            if done.node:
                self.by_node[done.node] += 1
                self.listener.progress(f"tracking on {done.node}", self.by_node[done.node], None)
            pieces, known = under_way[task.job]
            known[task.piece] = done.result
            if len(known) == len(pieces):
                del under_way[task.job]
                take(task.job, {piece.name: known[self._number(piece)] for piece in pieces})
                fill()

    def _number(self, piece: Piece) -> int:
        return next(number for number, one in enumerate(self.pieces) if one is piece)

    def tell_shares(self) -> None:
        """Say what each machine did, where there were several."""
        for node, count in sorted(self.by_node.items()):
            self.listener.note(f"{node}: {counted(count, 'sequence')} tracked")
