"""What a training tells whoever watches it. Deriving from `Progress` and overriding a method is all it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deepsort_cli.evaluation.chance import Chance
from deepsort_cli.reid.optim import Group


@dataclass(frozen=True)
class RunPlan:
    """What is about to happen.

    Attributes:
        folder: the run folder.
        start: one line on where the weights come from.
        model: one line on the network.
        data: one line on images and identities, and one on validation.
        hardware: one line on device, precision and workers.
        steps: steps of one epoch, roughly: it varies by a few with the draw.
        batch: what one step takes.
        epochs: of the whole run.
        first_epoch: finished epochs when resuming.
        groups: parameter groups.
        best: history row of the best epoch so far when resuming.
        why_so_long: why so many epochs, where nobody said how many.
    """

    folder: Path
    start: str
    model: str
    data: tuple[str, ...]
    hardware: str
    steps: int
    batch: str
    epochs: int
    first_epoch: int
    groups: tuple[Group, ...]
    best: Mapping[str, float] | None = None
    why_so_long: str = ""


@dataclass(frozen=True)
class StepReport:
    """Figures of the last few steps.

    Attributes:
        epoch: from 1.
        step, steps: done in this epoch, and its number of steps.
        figures: means since the last report of `FIGURES` (learner): losses, accuracy in the batch, distances.
        lr: learning rate before multipliers.
        images_per_second: over all processes.
        wait: share of the time spent waiting for images.
    """

    epoch: int
    step: int
    steps: int
    figures: Mapping[str, float]
    lr: float
    images_per_second: float
    wait: float


class Progress:
    """A silent watcher."""

    def working(self, what: str, done: int, of: int) -> None:
        """A preparation or validation that takes a while goes on; `of` is 0 when unknown."""

    def started(self, plan: RunPlan) -> None:
        """All checks passed."""

    def validated_start(self, row: Mapping[str, float], chance: Chance | None) -> None:
        """A run that begins was validated before its first step: the row of epoch 0, and figures by chance."""

    def step(self, report: StepReport) -> None:
        """Some steps were done."""

    def epoch(self, row: Mapping[str, float], best: Mapping[str, float], seconds: float) -> None:
        """An epoch is finished and saved: its row of the history, and that of the best epoch so far."""

    def note(self, text: str) -> None:
        """Something worth knowing."""

    def warn(self, text: str) -> None:
        """Something that calls for a decision."""
