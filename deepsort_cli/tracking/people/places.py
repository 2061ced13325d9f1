"""Where cameras are: who cannot be the same person, as nobody is in two places at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from deepsort_cli.tracking.people.person import Person


@dataclass(frozen=True)
class Places:
    """How cameras lie to each other.

    Attributes:
        overlapping: pairs of cameras that see the same place, so that a person may be in both at once.
        seconds: travel time between two cameras at least, by pair; in no particular order.
        usual_seconds: that of all other pairs that do not overlap.
    """

    overlapping: Collection[frozenset[str]] = frozenset()
    seconds: Mapping[frozenset[str], float] = field(default_factory=dict)
    usual_seconds: float = 0.0

    def allow(self, person: Person, camera: str, since: float) -> bool:
        """Whether a person may be one who is in a camera since some moment, going by when they were where."""
        return all(self._allows(other, camera, since - last) for other, last in person.seen.items())

    def _allows(self, other: str, camera: str, between: float) -> bool:
        pair = frozenset((other, camera))
        if pair in self.overlapping:
            return True
        least = 0.0 if other == camera else self.seconds.get(pair, self.usual_seconds)
        return between > 0 and between >= least
