"""The loss of a training: a sum of named terms with weights.

A term is a class here, made known by `@register`. Its weight, its figure in the history, its column on the screen and
its curve come by themselves. The weight is `loss.<name>_weight` where there is such a setting,
else `loss.weights` has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepsort_cli.core.errors import InputError
from deepsort_cli.reid.loss_functions import Centers, batch_hard_triplets, supervised_contrastive
from deepsort_cli.reid.settings import LossSettings


@dataclass(frozen=True)
class Batch:
    """What a loss is computed from.

    Attributes:
        features: (N, D) float32 of the images of all processes, before BNNeck: distances count between all of them.
        classes: (N,) int64 their identities.
        logits: (n, C) float32 of the images of this process.
        own_classes: (n,) int64 theirs.
    """

    features: Tensor
    classes: Tensor
    logits: Tensor
    own_classes: Tensor


class Loss(nn.Module):
    """A term of the loss.

    Args:
        settings: of all losses; a new one may have keys of its own there.
        classes, dim: number of identities and width of the features.

    Attributes:
        name: in settings, figures and curves.
        title: for people.
        usual_weight: where nothing is said.
        always: whether it is computed, for information, where its weight is 0.
        extras: names of what else `forward` measures, shown beside the losses.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    usual_weight: ClassVar[float] = 0.0
    always: ClassVar[bool] = False
    extras: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: LossSettings, classes: int, dim: int):
        super().__init__()
        self.settings = settings

    def forward(self, batch: Batch) -> tuple[Tensor, ...]:
        """The loss, a scalar with a gradient, and a scalar for each of `extras`."""
        raise NotImplementedError

    def update(self, batch: Batch) -> None:
        """Learn from a batch what is not learned by gradients; called after `forward`."""


Kind = TypeVar("Kind", bound=type[Loss])

REGISTERED: dict[str, type[Loss]] = {}
"""Name → class. The order is that of the sum, on which the last bits of a training depend."""


def register(kind: Kind) -> Kind:
    """Make a loss known."""
    REGISTERED[kind.name] = kind
    return kind


@register
class CrossEntropy(Loss):
    """Label-smoothed cross-entropy of the classifier."""

    name, title = "ce", "cross-entropy"
    usual_weight, always = 1.0, True

    def forward(self, batch: Batch) -> tuple[Tensor, ...]:
        return (F.cross_entropy(batch.logits, batch.own_classes, label_smoothing=self.settings.label_smoothing),)


@register
class Triplet(Loss):
    """Batch-hard triplets; `active` is the share of those whose margin is violated, the rest mean distances."""

    name = title = "triplet"
    always = True
    extras = ("active", "positive", "negative")

    def forward(self, batch: Batch) -> tuple[Tensor, ...]:
        margin, normalize = self.settings.triplet_margin, self.settings.normalize_features
        return batch_hard_triplets(batch.features, batch.classes, margin, normalize)


@register
class Contrastive(Loss):
    """Supervised contrastive loss over all pairs of a batch."""

    name = title = "contrastive"

    def forward(self, batch: Batch) -> tuple[Tensor, ...]:
        return (supervised_contrastive(batch.features, batch.classes, self.settings.contrastive_temperature),)


@register
class Center(Loss):
    """Center loss; its centers follow the features of each batch."""

    name = title = "center"

    def __init__(self, settings: LossSettings, classes: int, dim: int):
        super().__init__(settings, classes, dim)
        self.centers = Centers(classes, dim, settings.center_rate)

    def forward(self, batch: Batch) -> tuple[Tensor, ...]:
        return (self.centers(batch.features, batch.classes),)

    def update(self, batch: Batch) -> None:
        self.centers.update(batch.features, batch.classes)


def figure_names() -> tuple[str, ...]:
    """What a step is measured by: the sum and its terms, accuracy in the batch, and what terms measure beside."""
    extras = (name for kind in REGISTERED.values() for name in kind.extras)
    return ("loss", *REGISTERED, "accuracy", *extras)


def weights_of(settings: LossSettings) -> dict[str, float]:
    """The weight of every loss.

    Raises:
        InputError: `loss.weights` names a loss that does not exist, or nothing is left to learn from.
    """
    unknown = [name for name in settings.weights if name not in REGISTERED]
    if unknown:
        raise InputError(f"`loss.weights`: no loss is called {unknown[0]}. There are {', '.join(REGISTERED)}.")
    found = {
        name: settings.weights.get(name, getattr(settings, f"{name}_weight", kind.usual_weight))
        for name, kind in REGISTERED.items()
    }
    if not any(found.values()):
        raise InputError("`loss.weights`: every weight is 0, so there is nothing to learn from. Give one of them more.")
    return found


class Losses(nn.Module):
    """The weighted sum of the terms, computed in the order they are registered.

    Attributes:
        weights: name → weight, of the terms that are computed.
        terms: name → loss, likewise.

    Raises:
        InputError: see `weights_of`.
    """

    def __init__(self, settings: LossSettings, classes: int, dim: int):
        super().__init__()
        self.names = figure_names()
        self.weights = {
            name: weight for name, weight in weights_of(settings).items() if weight or REGISTERED[name].always
        }
        self.terms = nn.ModuleDict({name: REGISTERED[name](settings, classes, dim) for name in self.weights})

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The loss, and the values of `figure_names()` for this process with a 1 behind them that counts the step."""
        total: Tensor | None = None
        measured: dict[str, Tensor] = {}
        for name, weight in self.weights.items():
            loss = self.terms[name]
            assert isinstance(loss, Loss)
            value, *extras = loss(batch)
            measured |= {name: value, **dict(zip(loss.extras, extras, strict=True))}
            if weight:  # otherwise for information
                total = weight * value if total is None else total + weight * value
            loss.update(batch)
        assert total is not None, "weights_of leaves one at least"
        measured["loss"] = total
        measured["accuracy"] = (batch.logits.argmax(dim=1) == batch.own_classes).float().mean()
        zero = total.new_zeros(())
        figures = [*(measured.get(name, zero) for name in self.names), zero + 1]
        return total, torch.stack([figure.detach() for figure in figures])

    def state(self) -> dict[str, Any]:
        """What terms have learned beside the network: name → state, of those that learn something."""
        found = {name: loss.state_dict() for name, loss in self.terms.items()}
        return {name: state for name, state in found.items() if state}

    def load_state(self, saved: Mapping[str, Any]) -> None:
        """Go on from what `state` gave.

        Raises:
            InputError: a term that learns was turned on or off since.
        """
        now = self.state()
        changed = saved.keys() ^ now.keys()
        if changed:
            raise InputError(
                f"`loss.weights`: {min(changed)} cannot be turned on or off in a run that goes on, because it learns "
                "along. Start a new run: choose another `training.name`."
            )
        for name in now:
            self.terms[name].load_state_dict(saved[name])
