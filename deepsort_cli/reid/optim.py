"""Parameter groups, frozen layers, and the course of the learning rate."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn

from deepsort_cli.core.errors import InputError
from deepsort_cli.reid.backbones import NEVER_TRAINED, Backbone
from deepsort_cli.reid.settings import OptimizerSettings, SchedulerSettings, TrainingSettings


@dataclass(frozen=True)
class Group:
    """Parameters that share a learning rate and a weight decay.

    Attributes:
        label: what they have in common, for people.
        names: of the parameters.
        size: number of values.
        lr: highest learning rate, 0 when frozen.
        weight_decay: 0 for normalisation and biases.
        frozen: not trained for now.
    """

    label: str
    names: tuple[str, ...]
    size: int
    lr: float
    weight_decay: float
    frozen: bool


def freeze(model: Backbone, settings: TrainingSettings) -> list[str]:
    """Stop training the parameters named by `freeze` and `freeze_feature_layers`; return their names.

    Raises:
        InputError: a pattern matches no parameter, or nothing is left to train.
    """
    names = [name for name, _ in model.named_parameters()]
    frozen = set().union(*(_matching(pattern, names, "training.freeze") for pattern in settings.freeze))
    if settings.freeze_feature_layers:
        frozen |= {name for name in names if model.is_feature_layer(name)}
    parameters = dict(model.named_parameters())
    chosen = [name for name in names if name in frozen and parameters[name].requires_grad]
    for name in chosen:
        parameters[name].requires_grad_(False)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise InputError("training.freeze leaves nothing to train. Remove a pattern.")
    return chosen


def train_mode(model: nn.Module) -> None:
    """Training mode, but BatchNorm layers whose parameters are all frozen keep their running statistics."""
    model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and not any(
            parameter.requires_grad for parameter in module.parameters()
        ):
            module.eval()


def parameter_groups(model: Backbone, settings: OptimizerSettings) -> tuple[list[dict[str, Any]], list[Group]]:
    """Parameter groups for an optimizer, by learning rate multiplier and weight decay, and their description.

    Normalisation parameters and biases (all one-dimensional ones) get no weight decay (Goyal et al. 2017).
    The bias of BNNeck is never trained and belongs to no group.

    Raises:
        InputError: a pattern of `layer_lr_multipliers` matches no parameter.
    """
    named = {name: parameter for name, parameter in model.named_parameters() if name not in NEVER_TRAINED}
    matches = {
        pattern: _matching(pattern, named, "optimizer.layer_lr_multipliers")
        for pattern in settings.layer_lr_multipliers
    }
    sorted_out: dict[tuple[str | None, bool, bool], list[str]] = {}
    for name, parameter in named.items():
        pattern = next((pattern for pattern, found in matches.items() if name in found), None)
        sorted_out.setdefault((pattern, parameter.ndim > 1, not parameter.requires_grad), []).append(name)
    groups, described = [], []
    for (pattern, is_weight, frozen), names in sorted_out.items():
        multiplier = 1.0 if pattern is None else settings.layer_lr_multipliers[pattern]
        decay = settings.weight_decay if is_weight else 0.0
        parameters = [named[name] for name in names]
        groups.append({"params": parameters, "weight_decay": decay, "multiplier": multiplier})
        kind = "weights" if is_weight else "norms and biases"
        label = kind if pattern is None else f"{kind} of {pattern}"
        size = sum(parameter.numel() for parameter in parameters)
        described.append(Group(label, tuple(names), size, settings.highest_lr * multiplier, decay, frozen))
    return groups, described


def build_optimizer(groups: list[dict[str, Any]], settings: OptimizerSettings) -> torch.optim.Optimizer:
    """Adam, AdamW or SGD with momentum, as one fused operation: hundreds of small tensors are slow one by one."""
    if settings.name == "sgd":
        return torch.optim.SGD(groups, lr=settings.highest_lr, momentum=settings.momentum, fused=True)
    if settings.name == "adamw":
        return torch.optim.AdamW(groups, lr=settings.highest_lr, fused=True)
    return torch.optim.Adam(groups, lr=settings.highest_lr, fused=True)


def lr_factor(settings: SchedulerSettings, epoch: float, epochs: int) -> float:
    """The learning rate at a moment of the run, as a factor on its highest value.

    Args:
        epoch: finished epochs, with fraction.
        epochs: of the whole run.
    """
    warmup = min(10.0, epochs / 10) if settings.warmup_epochs is None else settings.warmup_epochs
    ramp = 1.0
    if epoch < warmup:
        ramp = settings.warmup_factor + (1 - settings.warmup_factor) * epoch / warmup
    if settings.name == "multistep":
        return ramp * settings.gamma ** bisect_right(sorted(settings.milestones), epoch)
    if epoch < warmup:
        return ramp
    progress = min(1.0, (epoch - warmup) / max(epochs - warmup, 1e-9))
    return settings.final_factor + (1 - settings.final_factor) * 0.5 * (1 + math.cos(math.pi * progress))


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Give every group its share of `lr`."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["multiplier"]


def _matching(pattern: str, names: Iterable[str], key: str) -> set[str]:
    names = list(names)
    found = {name for name in names if fnmatchcase(name, pattern)}
    if found:
        return found
    wider = next(
        (guess for guess in (f"{pattern}*", f"*{pattern}*") if any(fnmatchcase(n, guess) for n in names)), None
    )
    hint = f" Did you mean {wider!r}?" if wider else f" Names look like {names[0]} and {names[-1]}."
    raise InputError(f"{key}: {pattern!r} matches no parameter of the model.{hint}")
