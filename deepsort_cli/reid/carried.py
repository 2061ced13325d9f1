"""The appearance threshold of trained weights, from that of the weights they began as.

A threshold is measured on many people, whom a training on few has not got. How it stretched distances shows on few,
though: of the pictures of people it did not learn from, the new threshold accepts as many pairs as the start accepts at
its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from deepsort_cli.core.counted import counted
from deepsort_cli.core.preprocess import Float32Array
from deepsort_cli.core.types import FloatArray
from deepsort_cli.evaluation.figures import distance

MOST_PICTURES = 1000
"""Pictures whose pairs are looked at, half a million pairs; of more, so many spread over them."""


@dataclass(frozen=True)
class CarriedThreshold:
    """What a run knows of a threshold.

    Attributes:
        start: that of the weights it began with; None where they have none, and nothing follows.
        share: of the pairs of validation pictures that the start accepts at it; NaN where it lies outside of all their
            distances, None before the first validation.
        value: at which the weights of the last validation accept as many; None where that is not known.
        people: that were looked at.
        same_feature: whether the run puts out the feature that the start did; else its distances are others from the
            first step on, and the start's threshold itself is none of the run's.
        first: where it does not, the `value` of the weights it began with.
    """

    start: float | None = None
    share: float | None = None
    value: float | None = None
    people: int = 0
    same_feature: bool = True
    first: float | None = None

    @classmethod
    def read(cls, saved: Mapping[str, Any] | None) -> CarriedThreshold:
        """From what a checkpoint keeps; those of earlier versions keep nothing."""
        return cls(**(saved or {}))

    def after(
        self, features: Float32Array | None, people: int, of_start: Float32Array | None = None
    ) -> CarriedThreshold:
        """What is known after a validation; the first one is that of the start.

        Args:
            features: (N, D) of unit length, of the validation pictures; None without validation.
            people: whom they show.
            of_start: the same pictures in the feature that the start puts out, where that is another one; for the
                first validation.
        """
        if self.start is None or features is None or len(features) < 2:
            return self
        distances = _pair_distances(features)
        if self.share is None:
            if self.same_feature:
                return replace(self, share=_share_below(distances, self.start), people=people)
            if of_start is None:
                return self
            share = _share_below(_pair_distances(of_start), self.start)
            return replace(self, share=share, people=people, first=_distance_at(distances, share))
        return replace(self, value=_distance_at(distances, self.share))

    def at(self, epoch: int) -> tuple[dict[str, float], str]:
        """The metric of a checkpoint after so many epochs, and where it is from; empty where nothing is known."""
        if self.start is None:
            return {}, ""
        value = self.value if epoch or self.same_feature else self.first
        if self.same_feature and (epoch == 0 or value is None):
            how = "; not measured since" if epoch else ", which these are"
            return {"threshold": self.start}, f"that of the weights it started from{how}"
        if value is None:
            return {}, ""
        people = counted(self.people, "person", "people")
        source = f"accepts as many pairs of {people} not learned from as the start did at its {self.start:g}"
        return {"threshold": distance(value, 3) or value}, source


def mean_of(parts: list[CarriedThreshold]) -> CarriedThreshold | None:
    """What trials on parts of the people say of a training on all: the mean; None where one of them does not know."""
    values = [part.value for part in parts if part.value is not None]
    if not parts or len(values) < len(parts):
        return None
    firsts = [part.first for part in parts if part.first is not None]
    first = float(np.mean(firsts)) if len(firsts) == len(parts) else None
    return replace(parts[0], value=float(np.mean(values)), first=first, people=sum(part.people for part in parts))


def _pair_distances(features: Float32Array) -> FloatArray:
    """The cosine distances of all pairs, ascending."""
    chosen = features[np.linspace(0, len(features) - 1, min(len(features), MOST_PICTURES)).astype(int)]
    similarity = (chosen @ chosen.T)[np.triu_indices(len(chosen), k=1)]
    return np.sort(1 - similarity.astype(np.float64))


def _share_below(distances: FloatArray, threshold: float) -> float:
    if not distances[0] < threshold < distances[-1]:
        return math.nan
    return float(np.interp(threshold, distances, np.linspace(0, 1, len(distances))))


def _distance_at(distances: FloatArray, share: float) -> float | None:
    if math.isnan(share):
        return None
    return float(np.interp(share, np.linspace(0, 1, len(distances)), distances))
