"""A person of the gallery: what they looked like in each camera, and when they were last there."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.looks import Features

MOST_LOOKS = 8
"""Looks kept of a person in one camera, and of a track without a person."""

_Feature = npt.NDArray[np.float32]


class LookSet:
    """Unit features of one person, evenly spread over all that came, 8 at most.

    All are kept until there are 8; from then on every second, every fourth, …
    """

    def __init__(self) -> None:
        self._features: list[_Feature] = []
        self._step = 1
        self._mean: _Feature | None = None
        self.came = 0
        """How many came, those that are not kept included."""

    def __len__(self) -> int:
        return len(self._features)

    def add(self, feature: _Feature) -> None:
        """Take a (D,) unit feature."""
        if self.came % self._step == 0:
            self._features.append(feature)
            self._mean = None
            if len(self._features) > MOST_LOOKS:
                self._features, self._step = self._features[::2], 2 * self._step
        self.came += 1

    def add_all(self, other: LookSet) -> None:
        """Take all that another set has kept, as if each had come now."""
        for feature in other._features:
            self.add(feature)

    def features(self) -> Features:
        """(n, D) the unit features kept, the oldest first."""
        return np.array(self._features, np.float32)

    def mean(self) -> _Feature:
        """(D,) their mean, of unit length. There must be one."""
        if self._mean is None:
            mean = np.mean(self._features, axis=0, dtype=np.float32)
            length = float(np.linalg.norm(mean))
            self._mean = np.asarray(mean / length, np.float32) if length > 0 else self._features[-1]
        return self._mean


@dataclass
class Person:
    """A person, known by their looks.

    Attributes:
        number: from 1, the same in all cameras; never given to anybody else.
        name: empty where unknown.
        class_id: of the first track; None of who was enrolled.
        looks: by camera; those of enrolled pictures under `core.looks.ENROLLED`.
        seen: moment at which they were last seen in each camera, in seconds.
        before: when earlier runs last saw them, on any clock that those share; 0 where none did.
    """

    number: int
    name: str = ""
    class_id: int | None = None
    looks: dict[str, LookSet] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)
    before: float = 0.0

    @property
    def last(self) -> float:
        """When they were last seen anywhere; −inf where they were not."""
        return max(self.seen.values(), default=-np.inf)
