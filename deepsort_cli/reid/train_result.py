"""How a training ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deepsort_cli.evaluation.chance import Chance
from deepsort_cli.reid.certainty import Certainty, Trial


@dataclass(frozen=True)
class TrainResult:
    """How a training ended.

    Attributes:
        folder: the run folder.
        epochs: finished epochs of the whole run.
        best: history row of the epoch that best.pth is of: see `validation.best_row`.
        last: history row of the last epoch.
        start: history row of epoch 0; None where it was not validated.
        chance: figures of a random ranking of the validation images; None without validation.
        certainty: how sure the mAP of the best epoch is, and its difference to the start; None without validation, on
            one person alone, or where a checkpoint of an earlier version does not tell.
        trial: what learning from halves of the people did for finding the others, where nobody was held out; None where
            it was not tried.
        held_out: number of people it was validated on.
        identities: number of people it was trained on.
        seconds: of this call.
        images_per_second: of the training steps of this call, 0 if there were none.
        resumed_epoch: finished epochs this call went on from, None for a fresh start.
        warnings: as given to the listener.
    """

    folder: Path
    epochs: int
    best: Mapping[str, float]
    last: Mapping[str, float]
    start: Mapping[str, float] | None
    chance: Chance | None
    certainty: Certainty | None
    trial: Trial | None
    held_out: int
    identities: int
    seconds: float
    images_per_second: float
    resumed_epoch: int | None
    warnings: tuple[str, ...]
