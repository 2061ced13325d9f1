"""What comes of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.settings.tune import FIGURES, JUDGEMENT
from deepsort_cli.workflows.tune.study import Trial

Figures = dict[str, dict[str, float]]
"""Of each piece, by its name."""

NO_TRUTH = (
    "no ground truth is given: settings are judged by facts that need none. These tell bad settings from good ones, "
    "but what a search ends with may be worse than a preset that fits (docs/TUNING.md). Look at it before you use it"
)


@dataclass(frozen=True)
class BestSoFar:
    """Told when settings were found that are better than all before.

    Attributes:
        search: which of the searches; empty for the one whose result counts.
        trial: the settings.
        start: the objective of the settings that the search began with.
    """

    search: str
    trial: Trial
    start: float


@dataclass(frozen=True)
class Fold:
    """What a search without some pieces found, and how good that is on them.

    Attributes:
        name: of the pieces left out.
        values: the best settings of the others.
        start, found: the objective on what was left out, of the settings begun with and of those found.
        seen: the gain on the pieces searched.
    """

    name: str
    values: Mapping[str, Any]
    start: float
    found: float
    seen: float

    @property
    def gain(self) -> float:
        return self.found - self.start


@dataclass(frozen=True)
class Tuned:
    """What came of a study.

    Attributes:
        folder: where it is kept.
        sequences: their names.
        pieces: names of the sequences, or of the halves of the only one.
        objective: weight of each figure, as `Score` calls it; `total` alone where there is no ground truth.
        base: the settings that the search began with.
        start: their figures.
        best: the best settings; None before the first trial.
        trials: all trials.
        importances: how much is due to each key.
        folds: the cross-validation; empty where there was none.
        finished: neither interrupted nor stopped.
        outputs: files written.
    """

    folder: Path
    sequences: tuple[str, ...]
    pieces: tuple[str, ...]
    objective: Mapping[str, float]
    base: TrackSettings
    start: Figures
    best: Trial | None
    trials: Sequence[Trial]
    importances: Mapping[str, float]
    folds: Sequence[Fold] = ()
    finished: bool = False
    outputs: tuple[Path, ...] = field(default=())

    @property
    def shown(self) -> dict[str, str]:
        """The figures to show → how they are called."""
        return JUDGEMENT if "total" in self.objective else {name: name for name in FIGURES.values()}

    @property
    def judged_by_truth(self) -> bool:
        """There was ground truth."""
        return "total" not in self.objective

    @property
    def gain(self) -> float:
        """Of the best settings on the pieces they were chosen on."""
        return 0.0 if self.best is None else self.best.objective - mean_objective(self.start)

    @property
    def believed(self) -> float | None:
        """The gain to expect on other sequences: on those that the settings were not chosen on. None: not known."""
        return sum(fold.gain for fold in self.folds) / len(self.folds) if self.folds else None


def mean_objective(figures: Mapping[str, Mapping[str, float]]) -> float:
    return sum(one["objective"] for one in figures.values()) / len(figures)
