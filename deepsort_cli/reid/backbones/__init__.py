"""The networks that are trained: one module per family.

A module's class derives from `Backbone` and is made known by `@register`; being in this package is all else it takes.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import lru_cache

from torch import Tensor

from deepsort_cli.core.errors import InputError
from deepsort_cli.reid.backbones.base import (
    HEAD,
    NEVER_TRAINED,
    REGISTERED,
    Backbone,
    Neck,
    NeckFeature,
    count_macs,
    count_parameters,
    part_of,
    register,
)

__all__ = [
    "HEAD",
    "NEVER_TRAINED",
    "Backbone",
    "Neck",
    "NeckFeature",
    "backbones",
    "build_backbone",
    "count_macs",
    "count_parameters",
    "part_of",
    "recognise",
    "register",
]


@lru_cache(maxsize=1)
def _import_all() -> None:
    for found in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{found.name}")


def backbones() -> Mapping[str, type[Backbone]]:
    """Name → class of every network there is."""
    _import_all()
    return REGISTERED


def build_backbone(
    name: str,
    num_classes: int = 0,
    feature_dim: int = 512,
    neck: Neck = "none",
    neck_feature: NeckFeature = "after",
    cosine_scale: float | None = None,
) -> Backbone:
    """A network with its first random weights; arguments as of `Backbone`, which its class gets by name.

    Raises:
        InputError: unknown name.
    """
    known = backbones()
    if name not in known:
        raise InputError(f"unknown model {name!r}. Choose one of {', '.join(known)}.")
    return known[name](
        name,
        num_classes=num_classes,
        feature_dim=feature_dim,
        neck=neck,
        neck_feature=neck_feature,
        cosine_scale=cosine_scale,
    )


def recognise(state: Mapping[str, Tensor]) -> str:
    """The name of the network in a file of another program.

    Raises:
        InputError: none that is known here.
    """
    for kind in dict.fromkeys(backbones().values()):
        name = kind.recognise(state)
        if name is not None:
            return name
    raise InputError(f"wrong architecture, none of {', '.join(backbones())}.")
