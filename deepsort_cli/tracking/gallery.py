"""Appearance memory: the last features of every track, in ring buffers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.types import FloatArray, IntArray

Features = npt.NDArray[np.float32]

_FIRST_SLOTS = 16
_FIRST_UNBOUNDED = 64


def normalise(features: Features) -> tuple[Features, npt.NDArray[np.bool_]]:
    """Scale (N, D) features to unit length.

    Returns:
        The unit features, and an (N,) mask of the usable ones: finite, and not of length zero.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        norms = np.linalg.norm(features, axis=1)
    usable = np.isfinite(norms) & (norms > 0)
    if usable.all():
        return features / norms[:, None], usable
    unit = np.zeros_like(features)
    unit[usable] = features[usable] / norms[usable, None]
    return unit, usable


class Gallery:
    """The last `budget` unit features of each track, addressed by slot.

    A slot is a row of one (slots, budget, D) array used as a ring; slots of deleted tracks are used again, so memory
    depends on the largest number of simultaneous tracks only. With `budget` None the rings grow without bound.

    With `ema_alpha` α a slot holds one feature instead, the running mean e ← normalise(α e + (1 − α) f) of StrongSORT
    (Du et al. 2023), which begins with the first f.
    """

    def __init__(self, budget: int | None, ema_alpha: float | None = None) -> None:
        self.budget = budget if ema_alpha is None else 1
        self.ema_alpha = ema_alpha
        self.size = 0
        self._rings: Features = np.empty((0, 0, 0), np.float32)
        self._counts: IntArray = np.empty(0, np.int64)
        """Features ever written to each slot; the ring holds the last `capacity` of them."""
        self._free: list[int] = []

    def set_size(self, size: int) -> None:
        """Fix the feature dimension D at the first features seen.

        Raises:
            InputError: if features of another dimension were seen before.
        """
        if self.size == 0 and size > 0:
            self.size = size
            self._rings = np.empty((len(self._rings), self._first_capacity(), size), np.float32)
        elif size != self.size:
            raise InputError(
                f"appearance features changed from {self.size} to {size} dimensions within one source. "
                "Use one embedder per tracker, or call reset() before switching."
            )

    def allocate(self, n: int) -> IntArray:
        """Take `n` empty slots."""
        if len(self._free) < n:
            self._grow_slots(n)
        slots = np.array([self._free.pop() for _ in range(n)], dtype=np.int64)
        self._counts[slots] = 0
        return slots

    def release(self, slots: IntArray) -> None:
        """Give the slots of deleted tracks back."""
        self._free.extend(slots.tolist())

    def append(self, slots: IntArray, features: Features) -> None:
        """Add one unit feature to each of M distinct slots; the oldest leaves where the budget is reached."""
        if len(slots) == 0:
            return
        counts = self._counts[slots]
        if self.ema_alpha is not None:
            features = self._blended(slots, features)
        if self.budget is None and counts.max() >= self._rings.shape[1]:
            grown = np.empty((len(self._rings), 2 * self._rings.shape[1], self.size), np.float32)
            grown[:, : self._rings.shape[1]] = self._rings
            self._rings = grown
        self._rings[slots, counts % self._rings.shape[1]] = features
        self._counts[slots] += 1

    def newest(self, slots: IntArray) -> Features:
        """(M, D) newest feature of each slot; slots must not be empty."""
        newest: Features = self._rings[slots, (self._counts[slots] - 1) % self._rings.shape[1]]
        return newest

    def is_empty(self, slots: IntArray) -> npt.NDArray[np.bool_]:
        """(M,) whether each slot holds no feature."""
        return np.asarray(self._counts[slots] == 0)

    def features(self, slot: int) -> Features:
        """(n, D) view of all features of a slot, in ring order."""
        stored: Features = self._rings[slot, : min(int(self._counts[slot]), self._rings.shape[1])]
        return stored

    def distances(self, slots: IntArray, features: Features, rows: IntArray, columns: IntArray) -> FloatArray:
        """Smallest cosine distance between a track's gallery and a detection, for given pairs only.

        Args:
            slots: (T,) slots of the tracks.
            features: (N, D) unit features of the detections.
            rows, columns: (P,) pairs of positions in `slots` and `features`, ordered by row.

        Returns:
            (P,) distances in [0, 2]; inf where a gallery is empty.
        """
        result = np.full(len(rows), np.inf)
        starts = np.flatnonzero(np.diff(rows, prepend=-1))
        ends = np.append(starts, len(rows))[1:]
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            stored = self.features(int(slots[rows[start]]))
            if len(stored):
                result[start:end] = 1.0 - (stored @ features[columns[start:end]].T).max(axis=0)
        return result

    def _blended(self, slots: IntArray, features: Features) -> Features:
        """The running means of M slots after one more unit feature each."""
        assert self.ema_alpha is not None
        empty = self.is_empty(slots)[:, None]
        past = np.where(empty, features, self._rings[slots, 0])
        mean, usable = normalise(np.float32(self.ema_alpha) * past + np.float32(1 - self.ema_alpha) * features)
        # Opposite features can cancel out; then the past stays.
        return np.where(usable[:, None], mean, past)

    def _first_capacity(self) -> int:
        return self.budget if self.budget is not None else _FIRST_UNBOUNDED

    def _grow_slots(self, n: int) -> None:
        before = len(self._counts)
        after = max(_FIRST_SLOTS, 2 * before, before + n)
        rings = np.empty((after, self._rings.shape[1] or self._first_capacity(), self.size), np.float32)
        if self._rings.size:
            rings[:before] = self._rings
        self._rings = rings
        self._counts = np.concatenate([self._counts, np.zeros(after - before, np.int64)])
        self._free.extend(range(after - 1, before - 1, -1))
