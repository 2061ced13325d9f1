"""What a training tells its listener by `happened`, in this order: a `RunPlan` when all checks have passed,
`StartValidated` where the start was, then `StepReport`s and, after each epoch, `EpochDone`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deepsort_cli.evaluation.chance import Chance
from deepsort_cli.reid.optim import Group


@dataclass(frozen=True)
class RunPlan:
    """What is about to happen; all checks passed.

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
        schedule: what was chosen for these data and why, a line each; empty when resuming.
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
    schedule: tuple[str, ...] = ()


@dataclass(frozen=True)
class StepReport:
    """Figures of the last few steps.

    Attributes:
        epoch: from 1.
        step, steps: done in this epoch, and its number of steps.
        figures: means since the last report, by `losses.figure_names()`: losses, accuracy in the batch, distances.
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


@dataclass(frozen=True)
class StartValidated:
    """A run that begins was validated before its first step.

    Attributes:
        row: history row of epoch 0.
        chance: figures of a random ranking; None without validation.
    """

    row: Mapping[str, float]
    chance: Chance | None


@dataclass(frozen=True)
class EpochDone:
    """An epoch is finished and saved.

    Attributes:
        row: its row of the history.
        best: the row of the best epoch so far, the same object where it is this one.
        seconds: it took.
    """

    row: Mapping[str, float]
    best: Mapping[str, float]
    seconds: float
