"""What became of a detector's candidates, counted along the way: what a user needs to know who finds nothing."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from deepsort_cli.core.types import FloatArray, IntArray

FLOOR = 0.05
"""Candidates that score less are no detections in anybody's eyes, and are not counted."""


@dataclass(frozen=True)
class DetectionCounts:
    """Sums over all frames a detector has seen. A candidate is counted in `found` and in one more place.

    Attributes:
        frames: frames looked at.
        found: candidates of any class that score at least `floor`; one object usually gives several.
        below_conf: of the wanted classes, but below the confidence asked for.
        other_class: at least as confident as asked for, but of a class that was not asked for.
        below_conf_other_class: neither.
        broken: boxes that are no numbers.
        suppressed: overlapped a better box (NMS).
        over_limit: beyond `max_det`.
        outside: nothing of the box lies within the picture.
        kept: the detections given.
        best_score: highest score of a candidate of a wanted class, kept or not; 0 without any.
        classes: how many confident candidates there were of each other class, by name.
        floor: lowest score counted.
    """

    frames: int = 0
    found: int = 0
    below_conf: int = 0
    other_class: int = 0
    below_conf_other_class: int = 0
    broken: int = 0
    suppressed: int = 0
    over_limit: int = 0
    outside: int = 0
    kept: int = 0
    best_score: float = 0.0
    classes: Mapping[str, int] = field(default_factory=dict)
    floor: float = FLOOR

    def resolved(self, unsuppressed: int, limited: int, kept: int, *, broken: int = 0) -> DetectionCounts:
        """One frame's counts completed by how many were left after NMS, after the limit, and in the end, and how many
        had boxes that are no numbers."""
        passed = self.found - self.below_conf - self.other_class - self.below_conf_other_class
        return replace(
            self,
            broken=broken,
            suppressed=passed - broken - unsuppressed,
            over_limit=unsuppressed - limited,
            outside=limited - kept,
            kept=kept,
        )


class Tally:
    """`DetectionCounts` of one detector. May be added to from several threads at once.

    Args:
        floor: lowest score the detector looks at.
        names: name by class number.
    """

    def __init__(self, floor: float = FLOOR, names: Mapping[int, str] | None = None) -> None:
        self._lock = threading.Lock()
        self._names = {} if names is None else names  # of functions it grows with their answers
        self._counts = DetectionCounts(floor=floor)
        self._classes: Counter[int] = Counter()

    @property
    def counts(self) -> DetectionCounts:
        """The sums so far."""
        with self._lock:
            named: Counter[str] = Counter()
            for number, count in self._classes.items():
                named[self._names.get(number, f"class {number}")] += count
            return replace(self._counts, classes=dict(named.most_common()))

    def fresh(self) -> Tally:
        """Another one for the same detector, with nothing counted."""
        return Tally(self._counts.floor, self._names)

    def choose(
        self, scores: FloatArray, class_ids: IntArray, conf: float, wanted: frozenset[int] | None
    ) -> tuple[IntArray, DetectionCounts]:
        """Positions of the candidates that are confident and of a wanted class (None: any), and one frame's counts.

        The counts are complete only after `add`.
        """
        confident = scores >= conf
        right = np.ones(len(scores), dtype=bool) if wanted is None else np.isin(class_ids, list(wanted))
        keep = np.flatnonzero(confident & right)
        others = class_ids[confident & ~right]
        if len(others):
            with self._lock:
                self._classes.update(others.tolist())
        return keep, DetectionCounts(
            frames=1,
            found=len(scores),
            below_conf=int(np.count_nonzero(~confident & right)),
            other_class=len(others),
            below_conf_other_class=int(np.count_nonzero(~confident & ~right)),
            best_score=float(scores[right].max(initial=0.0)),
        )

    def add(self, frame: DetectionCounts) -> None:
        """Add the counts of one frame."""
        with self._lock:
            now = self._counts
            self._counts = replace(
                now,
                best_score=max(now.best_score, frame.best_score),
                **{name: getattr(now, name) + getattr(frame, name) for name in SUMS},
            )


SUMS = (
    "frames", "found", "below_conf", "other_class", "below_conf_other_class", "broken", "suppressed", "over_limit",
    "outside", "kept",
)  # fmt: skip
"""The counts that add up over frames."""
