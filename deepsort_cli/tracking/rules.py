"""What depends on whether looks are known."""

from __future__ import annotations

from dataclasses import dataclass

from deepsort_cli.tracking.ages import Age
from deepsort_cli.tracking.settings import TrackerSettings


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds where looks are known, or where they are not.

    Attributes:
        n_init: how often a track is seen until it is confirmed.
        n_init_near: how often at least, where it overlaps a confirmed one; None: as anywhere.
        overlap_age: how long lost tracks choose by overlap together with all other confirmed ones, before tentative
            ones; None: they do not.
        max_iou_distance: largest 1 − IoU at which these may match.
    """

    n_init: Age
    n_init_near: Age | None
    overlap_age: Age | None
    max_iou_distance: float

    @classmethod
    def of(cls, settings: TrackerSettings) -> tuple[Rules, Rules]:
        """Those with looks, and those without."""
        without = settings.without_looks
        n_init = settings.n_init if without.n_init is None else without.n_init
        near = None if settings.n_init_near is None else Age.of(settings.n_init_near)
        age = None if without.overlap_age is None else Age.of(without.overlap_age)
        distance = without.max_iou_distance
        usual = settings.max_iou_distance
        return (
            cls(Age.of(settings.n_init), near, None, usual),
            cls(Age.of(n_init), near if without.n_init is None else None, age, usual if distance is None else distance),
        )
