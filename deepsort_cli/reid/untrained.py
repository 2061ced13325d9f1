"""Weights that no training has touched, seen in the weights themselves: files of any program tell this."""

from __future__ import annotations

from torch import nn

from deepsort_cli.reid.backbones import HEAD, Backbone, part_of
from deepsort_cli.reid.checkpoint import CheckpointInfo


def model_remarks(model: Backbone, info: CheckpointInfo) -> tuple[str, ...]:
    """What to know before using a model, as sentences without a full stop: what its file says and its weights show."""
    remarks = list(info.remarks)
    fresh = fresh_layers(model)
    if fresh == {"all"}:
        if info.status != "untrained":
            remarks.insert(0, "the weights are untrained: its batch normalisation never saw an image")
    else:
        names = {"fc": "fully connected layer", "bnneck": "BNNeck"}
        remarks += [
            f"its {names[name]} is untrained, and the embedding passes through it: train before you rely on it"
            for name in sorted(fresh)
        ]
    return (*remarks, *info.notes)


def is_untrained(model: Backbone, info: CheckpointInfo) -> bool:
    """Whether nothing but random numbers makes up the backbone."""
    return info.status == "untrained" or fresh_layers(model) == {"all"}


def fresh_layers(model: Backbone) -> set[str]:
    """Parts the embedding passes through whose batch normalisation still has its first statistics, mean 0, variance 1.

    Returns:
        {"all"} for a network without any training, else some of `fc` and `bnneck`.
    """
    layers = [
        (part_of(name), _is_fresh(layer))
        for name, layer in model.named_modules()
        if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.running_mean is not None
    ]
    backbone = [fresh for part, fresh in layers if part not in HEAD]
    if backbone and all(backbone):
        return {"all"}
    return {part for part, fresh in layers if fresh and part in model.output_layers}


def _is_fresh(layer: nn.modules.batchnorm._BatchNorm) -> bool:
    mean, variance = layer.running_mean, layer.running_var
    assert mean is not None
    assert variance is not None
    return bool((mean == 0).all() and (variance == 1).all())
