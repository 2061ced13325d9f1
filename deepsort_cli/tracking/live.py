"""The tracks alive, in parallel arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.tracking.association import Mask
from deepsort_cli.tracking.kalman import KalmanState

BEGUN, CONFIRMED, LOOKED = 0, 1, 2
"""Columns of `LiveTracks.frames`."""
FIRST, LAST = 0, 1
"""Columns of `LiveTracks.seconds`."""


@dataclass(slots=True)
class LiveTracks:
    """T tracks, tentative ones included; row t of every array is about the same one.

    Attributes:
        state: of the Kalman filter.
        ids: (T,) int64; with `dense_ids` negative until a track is confirmed.
        confirmed: (T,) whether it is reported.
        frames: (T, 3) int64 numbers of the frames in which it began, was confirmed (0: not yet), and got its newest
            feature.
        seconds: (T, 2) times of its first frame and of the last in which it was matched.
        hits: (T,) int64 detections so far.
        time_since_update: (T,) int64 frames looked at since its last detection.
        scores, class_ids: (T,) of its last detection.
        detection_index: (T,) int64 row of this frame's input, −1 where nothing was matched.
        detected: (T, 4) left, top, width, height of its last detection.
        slots: (T,) int64 where its looks are in the gallery.
    """

    state: KalmanState
    ids: IntArray
    confirmed: Mask
    frames: IntArray
    seconds: FloatArray
    hits: IntArray
    time_since_update: IntArray
    scores: FloatArray
    class_ids: IntArray
    detection_index: IntArray
    detected: FloatArray
    slots: IntArray

    @classmethod
    def none(cls) -> LiveTracks:
        whole = np.empty(0, np.int64)
        return cls(
            state=KalmanState.empty(),
            ids=whole,
            confirmed=np.empty(0, bool),
            frames=np.empty((0, 3), np.int64),
            seconds=np.empty((0, 2)),
            hits=whole,
            time_since_update=whole,
            scores=np.empty(0),
            class_ids=whole,
            detection_index=whole,
            detected=np.empty((0, 4)),
            slots=whole,
        )

    def __len__(self) -> int:
        return len(self.ids)

    def boxes(self, tracks: IntArray) -> FloatArray:
        """(M, 4) left, top, width, height where the filter puts M of them."""
        centre, size = self.state.position[tracks, :2], self.state.position[tracks, 2:]
        # Who shrank while last seen goes on shrinking in predictions, to less than nothing if these are long.
        np.maximum(size, 0.0, out=size)
        size[:, 0] *= size[:, 1]  # the aspect ratio times the height
        return np.concatenate([centre - size / 2, size], axis=1)

    def keep(self, alive: Mask) -> None:
        """Forget all others, in place; those that stay move up."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name)[alive])

    def add(self, new: LiveTracks) -> None:
        """Put others behind them, in place."""
        for field in fields(self)[1:]:
            setattr(self, field.name, np.concatenate([getattr(self, field.name), getattr(new, field.name)]))
        self.state = self.state.joined(new.state)
