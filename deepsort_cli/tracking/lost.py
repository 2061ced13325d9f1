"""Tracks that were deleted but may come back: re-identification after an absence longer than max_age."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from deepsort_cli.core.looks import Features
from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.tracking.association import match

MOST_LOST = 500
"""Tracks remembered at once; the longest gone is forgotten first."""
MOST_FEATURES = 16
"""Features kept of each, spread evenly over its gallery: memory stays below 16 MB at 512 dimensions."""


@dataclass(frozen=True, slots=True)
class LostTrack:
    """A deleted track.

    Attributes:
        track_id: its id.
        class_id: its class.
        last_seen: number of the frame that last matched it.
        deleted: when it was deleted, in the unit of the gallery's age.
        features: (n, D) unit features.
    """

    track_id: int
    class_id: int
    last_seen: int
    deleted: float
    features: Features


class LostGallery:
    """Looks of deleted tracks, for `age` frames or seconds after their deletion; all moments are in the same unit."""

    def __init__(self, age: float) -> None:
        self.age = age
        self._tracks: deque[LostTrack] = deque(maxlen=MOST_LOST)

    def __len__(self) -> int:
        return len(self._tracks)

    def add(self, track_id: int, class_id: int, last_seen: int, deleted: float, features: Features) -> None:
        """Remember a track deleted now; one without features could not be recognised and is not kept."""
        if len(features):
            chosen = np.unique(np.linspace(0, len(features) - 1, min(len(features), MOST_FEATURES)).astype(np.int64))
            self._tracks.append(LostTrack(track_id, class_id, last_seen, deleted, features[chosen]))

    def expire(self, now: float) -> None:
        """Forget tracks deleted longer than `age` ago."""
        while self._tracks and now - self._tracks[0].deleted > self.age:
            self._tracks.popleft()

    def claim(
        self,
        galleries: list[Features],
        class_ids: IntArray,
        first_seen: IntArray,
        threshold: float,
        per_class: bool,
    ) -> dict[int, int]:
        """Recognise M new tracks among the lost ones, one to one at the least total distance, and forget those found.

        The distance between two tracks is the mean, over the features of the new one, of the cosine distance to the
        nearest feature of the lost one.

        Args:
            galleries: features (n, D) of each new track; may be empty.
            class_ids: (M,) their classes.
            first_seen: (M,) numbers of the frames in which they began. A track seen then or later is another person.
            threshold: largest admissible distance.
            per_class: recognise only tracks of the same class.

        Returns:
            The old id of each new track that was recognised, by its position.
        """
        lost = list(self._tracks)
        cost: FloatArray = np.full((len(galleries), len(lost)), np.inf)
        for i, gallery in enumerate(galleries):
            for j, track in enumerate(lost):
                fits = track.last_seen < first_seen[i] and (not per_class or track.class_id == class_ids[i])
                if len(gallery) and fits:
                    cost[i, j] = 1.0 - (track.features @ gallery.T).max(axis=0).mean()
        rows, columns, _ = match(cost, threshold)
        found = {int(row): lost[column].track_id for row, column in zip(rows, columns, strict=True)}
        back = set(found.values())
        self._tracks = deque((track for track in lost if track.track_id not in back), maxlen=MOST_LOST)
        return found
