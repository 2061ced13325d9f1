"""Appearance memory: the last features of every track, in ring buffers."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.looks import Features, normalise
from deepsort_cli.core.types import FloatArray, IntArray

_BLOCK = 256
"""Slots whose features lie in one array."""
_FIRST = 64
"""Features of a slot that there is room for at first where the budget is larger than `_AT_ONCE`, or there is none."""
_AT_ONCE = 1000
_ALL = 2**31
"""A budget that no track reaches."""
_ROUNDING = 0.01
"""Radians by which angles between float32 unit features are trusted: near 0 and π the arc cosine magnifies rounding."""
_SHORTEST = 1e-3
"""Features whose mean is shorter than this point everywhere: they have no centre."""


class Gallery:
    """The last `budget` unit features of each track, addressed by slot.

    A slot is a row of a (slots, budget, D) array used as a ring; slots of deleted tracks are used again, so memory
    depends on the largest number of simultaneous tracks only. There is such an array for every 256 slots: more tracks
    add one, and nothing is copied. With `budget` None the rings grow without bound, those of an array together.

    A slot also has a centre, the mean of its features, and the widest angle of any of them to it. An angle is a metric
    on unit features: what is further from the centre than that angle and the threshold together is beyond the threshold
    from every feature, and one product rules it out (`may_match`).

    With `ema_alpha` α a slot holds one feature instead, the running mean e ← normalise(α e + (1 − α) f) of StrongSORT
    (Du et al. 2023), which begins with the first f.
    """

    def __init__(self, budget: int | None, ema_alpha: float | None = None) -> None:
        self.budget = 1 if ema_alpha is not None else None if budget is None else min(budget, _ALL)
        self.ema_alpha = ema_alpha
        self.size = 0
        self._blocks: list[Features] = []
        """(256, capacity, D) each."""
        self._counts: IntArray = np.empty(0, np.int64)
        """Features ever written to each slot; its ring holds the last `capacity` of them."""
        self._centres: Features = np.empty((0, 0), np.float32)
        self._closest: Features = np.empty(0, np.float32)
        """Cosine of the widest angle between a slot's centre and its features."""
        self._centred: IntArray = np.empty(0, np.int64)
        """Features that had been written to each slot when its centre was taken."""
        self._free: list[int] = []

    def set_size(self, size: int) -> None:
        """Fix the feature dimension D at the first features seen.

        Raises:
            InputError: if features of another dimension were seen before.
        """
        if self.size == 0 and size > 0:
            self.size = size
            self._blocks = [self._new_block() for _ in self._blocks]
            self._centres = np.empty((len(self._counts), size), np.float32)
        elif size != self.size:
            raise InputError(
                f"appearance features changed from {self.size} to {size} dimensions within one source. "
                "Use one embedder per tracker, or call reset() before switching."
            )

    def allocate(self, n: int) -> IntArray:
        """Take `n` empty slots."""
        while len(self._free) < n:
            self._add_block()
        slots = np.array([self._free.pop() for _ in range(n)], dtype=np.int64)
        self._counts[slots] = 0
        self._centred[slots] = 0
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
        for number, here, within in self._by_block(slots):
            depth = self._blocks[number].shape[1]
            if depth != self.budget and counts[here].max() >= depth:
                self._deepen(number)
            block = self._blocks[number]
            block[within, counts[here] % block.shape[1]] = features[here]
        self._counts[slots] = counts + 1

    def newest(self, slots: IntArray) -> Features:
        """(M, D) newest feature of each slot; slots must not be empty."""
        newest = np.empty((len(slots), self.size), np.float32)
        last = self._counts[slots] - 1
        for number, here, within in self._by_block(slots):
            block = self._blocks[number]
            newest[here] = block[within, last[here] % block.shape[1]]
        return newest

    def is_empty(self, slots: IntArray) -> npt.NDArray[np.bool_]:
        """(M,) whether each slot holds no feature."""
        return np.asarray(self._counts[slots] == 0)

    def features(self, slot: int) -> Features:
        """(n, D) view of all features of a slot, in ring order."""
        stored: Features = self._blocks[slot // _BLOCK][slot % _BLOCK, : self._counts[slot]]
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
        if len(rows) == 0:
            return np.empty(0)
        blocks = self._blocks
        bounds = np.flatnonzero(np.concatenate([[True], rows[1:] != rows[:-1], [True]]))
        starts, pairs = bounds[:-1], bounds[1:] - bounds[:-1]
        chosen = slots[rows[starts]]
        numbers, within = np.divmod(chosen, _BLOCK)
        stored = self._counts[chosen]
        if self.budget is not None:
            stored = np.minimum(stored, self.budget)
        # The similarities of a pair lie side by side, so that one call finds the largest of every pair.
        per_pair = np.repeat(stored, pairs)
        ends = np.cumsum(per_pair)
        similarity = np.empty(ends[-1], np.float32)
        tracks = (numbers, within, stored, starts, pairs, columns[starts])
        first = 0
        for number, row, count, start, n, column in zip(*(part.tolist() for part in tracks), strict=True):
            last = first + count * n
            kept = blocks[number][row, :count]
            if n == 1:
                kept.dot(features[column], similarity[first:last])
            elif count:
                similarity[first:last] = (kept @ features[columns[start : start + n]].T).T.ravel()
            first = last
        nearest = np.full(len(rows), -np.inf, np.float32)
        filled = per_pair > 0
        if similarity.size:
            nearest[filled] = np.maximum.reduceat(similarity, (ends - per_pair)[filled])
        return np.asarray(1.0 - nearest, np.float64)

    def may_match(
        self, slots: IntArray, features: Features, rows: IntArray, columns: IntArray, threshold: float
    ) -> npt.NDArray[np.bool_]:
        """(P,) mask of the pairs whose distance may be within `threshold`: all that are, and few others.

        Args:
            slots, features, rows, columns: as for `distances`; no slot may be empty.
            threshold: the largest cosine distance that matters.
        """
        tracks, track_of = _distinct(rows, len(slots))
        seen, seen_of = _distinct(columns, len(features))
        chosen = slots[tracks]
        for slot in chosen[self._centred[chosen] != self._counts[chosen]].tolist():
            self._take_centre(slot)
        similarity = self._centres[chosen] @ features[seen].T
        reach = _angles(self._closest[chosen]) + _angles(1.0 - threshold) + _ROUNDING
        least = np.cos(np.minimum(reach, np.pi))
        return np.asarray(similarity[track_of, seen_of] >= least[track_of])

    def _take_centre(self, slot: int) -> None:
        stored = self.features(slot)
        total = np.add.reduce(stored)
        length = math.sqrt(total @ total)
        self._centres[slot] = total / length if length > _SHORTEST * len(stored) else stored[0]
        self._closest[slot] = np.minimum.reduce(stored @ self._centres[slot])
        self._centred[slot] = self._counts[slot]

    def _blended(self, slots: IntArray, features: Features) -> Features:
        """The running means of M slots after one more unit feature each."""
        assert self.ema_alpha is not None
        empty = self.is_empty(slots)[:, None]
        past = np.where(empty, features, self.newest(slots))
        mean, usable = normalise(np.float32(self.ema_alpha) * past + np.float32(1 - self.ema_alpha) * features)
        # Opposite features can cancel out; then the past stays.
        return np.where(usable[:, None], mean, past)

    def _by_block(self, slots: IntArray) -> Iterator[tuple[int, IntArray | slice, IntArray]]:
        """The block numbers of M slots, each with the positions in `slots` it has, and the rows of the block."""
        if len(self._blocks) == 1:
            yield 0, slice(None), slots
            return
        numbers, within = np.divmod(slots, _BLOCK)
        for number in range(len(self._blocks)):
            here = np.flatnonzero(numbers == number)
            if len(here):
                yield number, here, within[here]

    def _new_block(self) -> Features:
        depth = _FIRST if self.budget is None or self.budget > _AT_ONCE else self.budget
        return np.empty((_BLOCK, depth, self.size), np.float32)

    def _deepen(self, number: int) -> None:
        """Twice the room in the rings of a block, but no more than the budget; none of them is full before."""
        block = self._blocks[number]
        depth = block.shape[1]
        more = depth if self.budget is None else min(depth, self.budget - depth)
        self._blocks[number] = np.concatenate([block, np.empty((_BLOCK, more, self.size), np.float32)], axis=1)

    def _add_block(self) -> None:
        before = len(self._counts)
        self._blocks.append(self._new_block())
        nothing = np.zeros(_BLOCK, np.int64)
        self._counts = np.concatenate([self._counts, nothing])
        self._centred = np.concatenate([self._centred, nothing])
        self._closest = np.concatenate([self._closest, np.ones(_BLOCK, np.float32)])
        self._centres = np.concatenate([self._centres, np.zeros((_BLOCK, self.size), np.float32)])
        self._free.extend(range(before + _BLOCK - 1, before - 1, -1))


def _angles(cosines: npt.ArrayLike) -> FloatArray:
    """Radians of cosines, which rounding may have taken beyond ±1."""
    return np.asarray(np.arccos(np.clip(np.asarray(cosines, np.float64), -1.0, 1.0)))


def _distinct(values: IntArray, n: int) -> tuple[IntArray, IntArray]:
    """The distinct ones of some whole numbers below n, ascending, and the position of each value among them."""
    present = np.zeros(n, bool)
    present[values] = True
    return np.flatnonzero(present), (np.cumsum(present) - 1)[values]
