"""Noticing that a training will not come to anything any more."""

from __future__ import annotations

import math
from pathlib import Path

from deepsort_cli.core.errors import RunError

DIVERGED = 10.0
"""A loss this many times that of the first steps will not come back."""


def check_loss(loss: float, first: float, rate: float, *, epoch: int, step: int, last: Path | None) -> None:
    """Args: see `diverged`; `first` is the loss of the first steps.

    Raises:
        RunError: the loss is no number, or rose out of hand.
    """
    if not math.isfinite(loss):
        raise diverged("the loss is no longer a finite number", rate, epoch=epoch, step=step, last=last)
    if loss > DIVERGED * max(first, 1.0):
        raise diverged(f"the loss rose from {first:.3g} to {loss:.3g}", rate, epoch=epoch, step=step, last=last)


def diverged(what: str, rate: float, *, epoch: int, step: int, last: Path | None) -> RunError:
    """The error to raise.

    Args:
        rate: highest learning rate.
        last: the checkpoint to go on from, which may not exist yet; None in a process that writes none.
    """
    kept = "No checkpoint was written yet."
    if last is not None and last.exists():
        kept = f"The last good state is kept in {last}."
    return RunError(
        f"training diverged: {what} (epoch {epoch}, step {step}). {kept} Lower `optimizer.lr` (now {rate:g}), set "
        "`training.grad_clip`, or turn mixed precision off (`training.amp`=off)."
    )
