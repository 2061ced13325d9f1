"""Where tracks were in the last frames, to draw trails."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from deepsort_cli.core.types import IntArray, Tracks

Points = Sequence[tuple[float, float]]
"""x, y in pixels."""

_KEEP_LOST = 90
"""Frames that the trail of a track without news is kept, should it come back."""


class Trails:
    """The last points at which one source's tracks stood: the middles of their boxes' lower edges."""

    def __init__(self, length: int) -> None:
        """Begin; `length` is how many frames are remembered, 0 for none."""
        self._length = length
        self._points: dict[int, deque[tuple[float, float]]] = {}
        self._last_seen: dict[int, int] = {}
        self._frame = 0

    def add(self, tracks: Tracks) -> None:
        """Take the tracks of the next frame."""
        self._frame += 1
        if not self._length:
            return
        for track_id, (left, _, right, bottom) in zip(tracks.ids.tolist(), tracks.boxes.tolist(), strict=True):
            if math.isfinite(left + right + bottom):
                points = self._points.setdefault(track_id, deque(maxlen=self._length))
                points.append(((left + right) / 2, bottom))
                self._last_seen[track_id] = self._frame
        for track_id in [i for i, seen in self._last_seen.items() if self._frame - seen > _KEEP_LOST]:
            del self._last_seen[track_id], self._points[track_id]

    def of(self, ids: IntArray) -> dict[int, Points]:
        """The points of these tracks, by id, the last one last; they do not change any more."""
        return {i: tuple(self._points[i]) for i in ids.tolist() if i in self._points}
