"""How sure the figures of a validation are: intervals by resampling the people it was made on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.evaluation.bootstrap import Difference, Interval, difference, interval, resample, resampled_means
from deepsort_cli.reid.carried import CarriedThreshold
from deepsort_cli.reid.settings import FEW_HELD_OUT

SAMPLES, SEED = 1000, 0


@dataclass(frozen=True)
class Certainty:
    """The mAP of a run's best epoch beside that of its start, on the same people. Fractions.

    Attributes:
        people: how many of them can be found.
        best: of the epoch that best.pth is of.
        start: None where the start was not validated.
        difference: best minus start, paired over people; None without a start, or where the best is the start.
    """

    people: int
    best: Interval
    start: Interval | None = None
    difference: Difference | None = None

    @property
    def told_apart(self) -> bool | None:
        """Whether the interval of the difference leaves out 0; None where there is no difference to look at."""
        if self.difference is None:
            return None
        found = self.difference.interval
        return found.low > 0 or found.high < 0

    @property
    def doubt(self) -> str:
        """What to know about these intervals before trusting them; empty with enough people."""
        if self.people >= FEW_HELD_OUT:
            return ""
        return (
            f"{self.people} held-out people say little of others: the intervals know these alone and are too narrow, "
            "and among so few everybody is found more easily. Validate on more (`data.test_root`, `data.val_ratio`)"
        )


@dataclass(frozen=True)
class Trial:
    """What learning from either half did for finding the other, in mAP.

    Attributes:
        people: that were looked for.
        gain: end minus start, paired over people. Fractions.
        threshold: what it says of the threshold of weights that learned from all; None where nothing.
    """

    people: int
    gain: Interval
    threshold: CarriedThreshold | None = None

    @property
    def helped(self) -> bool:
        """Whether what was learned is to be preferred to the start."""
        return self.gain.value > 0

    @property
    def told_apart(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.gain.low > 0 or self.gain.high < 0

    def words(self) -> str:
        """For people."""
        end = "" if self.told_apart else ": cannot be told apart from the start"
        return (
            f"learning from each half of the people changed the mAP on the other by {signed(self.gain)} "
            f"(95 % interval, {self.people} people){end}"
        )

    def saved(self) -> dict[str, float]:
        """As a checkpoint keeps it, but for the threshold."""
        gain = self.gain
        return {"people": self.people, "gain": gain.value, "gain_low": gain.low, "gain_high": gain.high}

    @classmethod
    def of(cls, saved: Mapping[str, Any]) -> Trial:
        """From what a checkpoint keeps."""
        return cls(int(saved["people"]), Interval(saved["gain"], saved["gain_low"], saved["gain_high"]))


class People:
    """The people of a validation, and the draws of them that all its figures share.

    Args:
        pids: (Q,) person of each query.
    """

    def __init__(self, pids: IntArray):
        self.pids = pids
        self._weights: FloatArray | None = None
        self._clusters = np.unique(pids, return_inverse=True)[1].astype(np.int64)

    def interval(self, ap: FloatArray) -> Interval | None:
        """The mean of (Q,) average precisions, NaN for queries without a match; None with fewer than two people."""
        if self.count(ap) < 2:
            return None
        return interval(float(np.nanmean(ap)), self._means(ap))

    def difference(self, ap: FloatArray, before: FloatArray) -> Difference | None:
        """The mean of `ap` − `before`, paired; None with fewer than two people."""
        gained = ap - before
        if self.count(gained) < 2:
            return None
        return difference(float(np.nanmean(gained)), self._means(gained))

    def certainty(self, found: Mapping[str, Sequence[float]]) -> Certainty | None:
        """Of the average precisions of the queries at the `best` epoch and at the `start`, where they are known."""
        if "best" not in found:
            return None
        best = np.asarray(found["best"], dtype=np.float64)
        about = self.interval(best)
        if about is None:
            return None
        if "start" not in found:
            return Certainty(self.count(best), about)
        start = np.asarray(found["start"], dtype=np.float64)
        gain = None if np.array_equal(best, start, equal_nan=True) else self.difference(best, start)
        return Certainty(self.count(best), about, self.interval(start), gain)

    def count(self, ap: FloatArray) -> int:
        """People with a query that can be answered."""
        return len(np.unique(self.pids[~np.isnan(ap)]))

    def _means(self, ap: FloatArray) -> FloatArray:
        if self._weights is None:
            self._weights = resample(int(self._clusters.max()) + 1, SAMPLES, SEED)
        return resampled_means(ap, self._clusters, self._weights)


def signed(gain: Interval) -> str:
    """A difference of two fractions in percentage points, with its interval."""
    return f"{100 * gain.value:+.1f} [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"
