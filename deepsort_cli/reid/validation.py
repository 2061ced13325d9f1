"""Validation during training: retrieval figures, and noticing a model that learns the wrong thing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from deepsort_cli.core.events import Listener
from deepsort_cli.core.preprocess import Float32Array, Preprocess
from deepsort_cli.core.types import FloatArray, Image
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.evaluation.bootstrap import Interval
from deepsort_cli.evaluation.chance import Chance, luck
from deepsort_cli.evaluation.ranking import rank
from deepsort_cli.reid.backbones import Backbone
from deepsort_cli.reid.certainty import Trial, signed
from deepsort_cli.reid.crops import Crops
from deepsort_cli.reid.distributed import Ranks, total
from deepsort_cli.reid.extract import extract_features
from deepsort_cli.reid.settings import LossSettings

METRICS = ("mAP", "rank1", "rank5", "mINP")

COLLAPSE_ADVICE = (
    "the triplet loss has collapsed: it stays at the margin ({triplet:.3f}) and identities are not found across "
    "cameras (mAP {mAP:.1f} %) while cross-entropy falls. Set `loss.normalize_features`=true, lower `optimizer.lr` or "
    "lengthen `scheduler.warmup_epochs`, turn on `augment.jitter`, or start from trained weights (`model.pretrained`)."
)


@dataclass(frozen=True)
class Validated:
    """What a validation found.

    Attributes:
        figures: `METRICS`, fractions.
        ap: (Q,) average precision of each query, NaN where it has no match.
        features: (Q + G, D) of queries and gallery, of unit length.
    """

    figures: dict[str, float]
    ap: FloatArray
    features: Float32Array


class _Share(Sequence[Image]):
    """Every `world`-th image, starting with the `rank`-th."""

    def __init__(self, crops: Crops, rows: range):
        self.crops, self.rows = crops, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i):  # type: ignore[no-untyped-def]
        rows = self.rows[i]
        return [self.crops[row] for row in rows] if isinstance(rows, range) else self.crops[rows]


def validate(
    model: Backbone,
    crops: Crops,
    query: Manifest,
    gallery: Manifest,
    preprocess: Preprocess,
    *,
    batch_size: int,
    device: torch.device,
    ranks: Ranks,
    listener: Listener,
) -> Validated:
    """How well a model finds people, by cosine distance; the processes share the work and all return the same.

    Args:
        crops: those of the queries, followed by those of the gallery.
        preprocess: the input size, which may be smaller than what the crops are kept for.
    """
    rows = range(ranks.rank, len(crops), ranks.world)
    part = extract_features(
        model,
        _Share(crops, rows),
        preprocess,
        batch_size=batch_size,
        device=device,
        on_batch=lambda done: listener.progress("validating", done, len(rows)),
    )
    features = np.zeros((len(crops), part.shape[1]), dtype=np.float32)
    features[rows.start :: rows.step] = part
    features = total(torch.from_numpy(features).to(device), ranks).cpu().numpy()
    return ranking_metrics(features, query, gallery)


def ranking_metrics(features: np.ndarray, query: Manifest, gallery: Manifest) -> Validated:
    """The same from the (Q + G, D) features of queries and gallery."""
    q, g = features[: len(query)], features[len(query) :]
    result = rank(q, g, query.pids, gallery.pids, query.camids, gallery.camids)
    figures = {
        "mAP": float(result.mAP),
        "rank1": float(result.rank(1)),
        "rank5": float(result.rank(5)),
        "mINP": float(result.mINP),
    }
    return Validated(figures, result.ap, features)


def best_row(history: Sequence[Mapping[str, float]], *, random_start: bool = False) -> Mapping[str, float]:
    """The row whose weights are worth keeping; the last row where nothing was validated.

    Where nothing was validated, epoch 0 is there only if the start is to be kept. Else that of the highest mAP, the
    earlier of two equal ones; but the start only where no epoch equals it, epochs at half size only until one at full
    size was validated, and random weights only until any epoch was.

    Args:
        random_start: whether epoch 0 stands for random weights.
    """
    found = [row for row in history if "mAP" in row]
    if not found:
        return history[0] if history[0]["epoch"] == 0 else history[-1]
    if any(row["epoch"] > 0 for row in found):
        if random_start:
            found = [row for row in found if row["epoch"] > 0]
        largest = max(row.get("height", 0) for row in found if row["epoch"] > 0)
        found = [row for row in found if row.get("height", 0) >= largest]
    return max(found, key=lambda row: (row["mAP"], row["epoch"] > 0))


def verdicts(
    history: Sequence[Mapping[str, float]],
    best: Mapping[str, float],
    chance: Chance | None,
    *,
    random_start: bool,
    people: int,
    gain: Interval | None = None,
    trial: Trial | None = None,
) -> list[str]:
    """What speaks against the result of a run that is over, as sentences; empty where it improved on its start.

    Args:
        best: what `best_row` chose.
        chance: None without validation.
        people: how many the run was validated on; the fewer, the further chance itself goes up and down.
        gain: of the best epoch over the start; None where it is not known.
        trial: what learning from halves of the people did, where it was tried.
    """
    found = _about_loss(history, random_start)
    if chance is None and trial is not None:
        if not trial.helped:
            found.append(
                f"training did not help to find the other half (mAP {signed(trial.gain)}): best.pth holds the "
                "weights of the start, and last.pth what was learned from all"
            )
        return found
    if chance is None:
        said = "nothing was validated: best.pth holds the weights of the last epoch, however good they are"
        if not random_start:
            said += ". Few people can make trained weights worse: compare with the start on others (`deepsort eval`)"
        return [*found, said]
    start = next((row for row in history if row["epoch"] == 0 and "mAP" in row), None)
    trained = [row["mAP"] for row in history if row["epoch"] > 0 and "mAP" in row]
    if not trained:
        return found
    reached = best["mAP"] if best["epoch"] > 0 else max(trained)
    if start is not None and reached <= start["mAP"]:
        if random_start:
            what = "do not use this model. Train on more people, or start from trained weights (`model.pretrained`)"
        elif best["epoch"] == 0:
            what = "best.pth holds the weights of the start"
        else:
            what = "training has not helped as far as these people can tell"
        found.append(
            f"no epoch found people better than the {'untrained network' if random_start else 'start'} did (mAP "
            f"{start['mAP']:.1%} at the start, {reached:.1%} at best after it): {what}"
        )
    elif gain is not None and best["epoch"] > 0 and gain.low <= 0:
        found.append(
            f"the best epoch cannot be told apart from the {'untrained network' if random_start else 'start'}: mAP "
            f"{signed(gain)} on {people} people"
        )
    if best["mAP"] <= chance.mAP:
        found.append(f"the best epoch is no better than chance (mAP {best['mAP']:.1%}, chance {chance.mAP:.1%})")
    elif best["mAP"] <= chance.mAP + luck(chance.mAP, people):
        found.append(
            f"the best epoch is hardly better than chance (mAP {best['mAP']:.1%}, chance {chance.mAP:.1%}), and "
            f"{people} people are too few to tell that from luck"
        )
    return found


def _about_loss(history: Sequence[Mapping[str, float]], random_start: bool) -> list[str]:
    trained = [row for row in history if row["epoch"] > 0 and "loss" in row]
    losses = [row["loss"] for row in trained]
    if len(losses) < 2 or losses[-1] < losses[0]:
        return []
    first, last = (row.get("accuracy", 0.0) for row in (trained[0], trained[-1]))
    if last > first or last == 1:
        return []
    start = "Start from trained weights (`model.pretrained`), train" if random_start else "Train"
    return [
        f"the loss did not fall (epoch 1: {losses[0]:.3g}, the last: {losses[-1]:.3g}): the network has not learned to "
        f"tell even the people of the training apart. {start} for longer, or change `optimizer.lr`"
    ]


def has_collapsed(history: Sequence[Mapping[str, float]], settings: LossSettings, chance: float) -> bool:
    """Whether the last row shows the trap of batch-hard triplets: all features at one point, cross-entropy alone falls.

    Then hardest positive and negative are equally far, so the loss is just above the margin (log 2 for the soft
    margin), and retrieval across cameras stays near chance, while the classifier learns backgrounds. A loss far above
    the margin is no collapse: features are still apart, only in the wrong order.
    """
    trained = [row for row in history if row["epoch"] > 0]
    if len(trained) < 3 or not settings.triplet_weight or "mAP" not in history[-1]:
        return False
    if chance == 1:  # one person alone: whatever is found is right
        return False
    first, last = trained[0], trained[-1]
    point = math.log(2) if settings.triplet_margin is None else settings.triplet_margin
    skill = (last["mAP"] - chance) / (1 - chance)
    at_margin = 0.97 * point < last["triplet"] < 1.15 * point
    return at_margin and last["ce"] < 0.75 * first["ce"] and skill < 0.02
