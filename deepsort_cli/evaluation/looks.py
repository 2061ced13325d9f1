"""How far apart looks of one person and of two are, measured on a recording without labels.

Within a tracklet (`evaluation.tracklets`) all looks are of one person; two tracklets seen at once are of two. Compared
is what the tracker compares: a detection with the memory of a track, the smallest distance to its last features or the
distance to their running mean, and not one crop with another. Of one person, the memory ends some time before the
detection, as after an occlusion: looks of successive frames are alike whoever it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.counted import counted
from deepsort_cli.core.looks import normalise
from deepsort_cli.core.recording import Recording
from deepsort_cli.core.types import FloatArray
from deepsort_cli.evaluation.bootstrap import Interval, interval, resample
from deepsort_cli.evaluation.pairs import RocCurve
from deepsort_cli.evaluation.tracklets import Tracklet, find_tracklets

BINS = 1000
"""Bins over distances 0 to 2."""
FPR = 0.01
"""Share of the comparisons of two people that the threshold accepts: the criterion of `deepsort eval`."""
APART = 0.5
"""Seconds between the end of a memory and the look compared with it."""
MOST_TRACKLETS, MOST_LOOKS = 400, 12
"""The longest tracklets, and looks of each compared with another, spread over its length."""
LEAST_MEMORY = 3
"""Looks that a memory has at least: a track is confirmed with so many."""
ENOUGH_TRACKLETS, ENOUGH_COUPLES, ENOUGH_COMPARISONS = 5, 10, 300
"""With fewer tracklets of `APART` or more, couples of people seen at once, or comparisons of these, nothing is said."""
SAMPLES, SEED = 500, 0

Features = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Memory:
    """What a track remembers: its last `budget` features (None: all), or their running mean with weight `ema`."""

    budget: int | None = 100
    ema: float | None = None


@dataclass(frozen=True)
class Looks:
    """Distances of detections to memories, counted in bins.

    Attributes:
        same: (T, BINS) of each tracklet with its own memory of earlier.
        different: (C, BINS) of tracklets with the memories of others seen at the same time.
        couples: (C, 2) which tracklets those are.
        edges: (BINS + 1,) distances between which the bins lie.
    """

    same: npt.NDArray[np.uint32]
    different: npt.NDArray[np.uint32]
    couples: npt.NDArray[np.int64]
    edges: FloatArray

    @property
    def tracklets(self) -> int:
        """How many tracklets are long enough to be compared with themselves."""
        return int(np.count_nonzero(self.same.sum(axis=1)))

    @property
    def num_same(self) -> int:
        return int(self.same.sum())

    @property
    def num_different(self) -> int:
        return int(self.different.sum())

    @property
    def lacking(self) -> str | None:
        """What there is too little of to find a threshold, in words; None where there is enough."""
        for found, enough, one, many, what in (
            (self.tracklets, ENOUGH_TRACKLETS, "person", "people", f"followed without doubt for more than {APART:g} s"),
            (len(self.couples), ENOUGH_COUPLES, "couple", None, "of people seen at once, apart from each other"),
            (self.num_different, ENOUGH_COMPARISONS, "comparison", None, "between these"),
        ):
            if found < enough:
                return f"{counted(found, one, many)} {what}, {enough} are needed"
        return None

    def curve(self) -> RocCurve:
        return RocCurve.of(self.same.sum(axis=0), self.different.sum(axis=0), self.edges)

    def threshold(self) -> Interval:
        """The distance below which `FPR` of the comparisons of two people lie, with a bootstrap over tracklets."""
        value = float(self.curve().at_fpr(FPR)[1])
        weights = resample(len(self.same), SAMPLES, SEED)
        pairs = weights[:, self.couples[:, 0]] * weights[:, self.couples[:, 1]]
        counts = pairs @ self.different.astype(np.float32)
        counts = counts[counts.sum(axis=1) > 0]
        flat = np.ones_like(counts)  # the curve's other half is of no meaning here
        return interval(value, RocCurve.of(flat, counts, self.edges).at_fpr(FPR)[1])


def compare_looks(recording: Recording, memory: Memory, tracklets: Sequence[Tracklet] | None = None) -> Looks:
    """Compare the looks of a recording.

    Args:
        recording: with features; those that are no numbers are left out.
        memory: what the tracker remembers of a track.
        tracklets: those of the recording, if they are known.
    """
    features, known = _unit(recording)
    found = find_tracklets(recording) if tracklets is None else tracklets
    kept = [Tracklet(one.rows[known[one.rows]], one.frames[known[one.rows]]) for one in found]
    kept = sorted((one for one in kept if len(one) >= LEAST_MEMORY), key=lambda one: -len(one))[:MOST_TRACKLETS]
    times = recording.times[recording.looked]
    edges = np.linspace(0.0, 2.0, BINS + 1)
    same = [_counted(_own(features[one.rows], times[one.frames], memory), edges) for one in kept]
    memories = [_remembered(features[one.rows], memory) for one in kept]
    couples, different = [], []
    for first, one in enumerate(kept):
        for second, other in enumerate(kept):
            if first != second and _at_once(one, other):
                shown = features[other.rows[_spread(len(other))]]
                couples.append((first, second))
                different.append(_counted(_nearest(memories[first], shown), edges))
    return Looks(
        same=np.array(same, np.uint32).reshape(-1, BINS),
        different=np.array(different, np.uint32).reshape(-1, BINS),
        couples=np.array(couples, np.int64).reshape(-1, 2),
        edges=edges,
    )


def _unit(recording: Recording) -> tuple[Features, npt.NDArray[np.bool_]]:
    features = recording.detections.features
    if features is None:
        return np.empty((len(recording.detections), 0), np.float32), np.zeros(len(recording.detections), bool)
    return normalise(features)


def _own(looks: Features, times: FloatArray, memory: Memory) -> FloatArray:
    """Distances of a tracklet's looks to what it remembered `APART` earlier."""
    means = _means(looks, memory.ema) if memory.ema is not None else looks
    earlier = np.searchsorted(times, times - APART + 1e-6, side="right")
    chosen = np.flatnonzero(earlier >= LEAST_MEMORY)
    chosen = chosen[_spread(len(chosen), 5 * MOST_LOOKS)]
    distances = []
    for position in chosen.tolist():
        end = int(earlier[position])
        start = end - 1 if memory.ema is not None else 0 if memory.budget is None else max(0, end - memory.budget)
        distances.append(_nearest(means[start:end], looks[position : position + 1]))
    return np.concatenate([np.empty(0), *distances])


def _remembered(looks: Features, memory: Memory) -> Features:
    if memory.ema is not None:
        return _means(looks, memory.ema)[-1:]
    return looks if memory.budget is None else looks[-memory.budget :]


def _means(looks: Features, alpha: float) -> Features:
    """(n, D) running means after each look, as `tracking.gallery` makes them."""
    means = [looks[0]]
    for look in looks[1:]:
        mean = alpha * means[-1] + (1 - alpha) * look
        length = np.linalg.norm(mean)
        means.append(mean / length if length > 0 else means[-1])
    return np.array(means, np.float32)


def _nearest(memory: Features, looks: Features) -> FloatArray:
    return np.asarray(1.0 - (memory @ looks.T).max(axis=0), np.float64)


def _counted(distances: FloatArray, edges: FloatArray) -> npt.NDArray[np.int64]:
    return np.histogram(np.clip(distances, 0.0, 2.0), edges)[0]


def _at_once(one: Tracklet, other: Tracklet) -> bool:
    """Frames of a tracklet follow each other, so two that overlap in time have a frame in common."""
    return bool(one.frames[0] <= other.frames[-1] and other.frames[0] <= one.frames[-1])


def _spread(count: int, most: int = MOST_LOOKS) -> npt.NDArray[np.int64]:
    """Positions spread evenly over `count`, at most `most` of them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))
