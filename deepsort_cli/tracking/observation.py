"""The detections of one frame as the tracker sees them, and what is known of their looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.boxes import xyxy_to_tlwh
from deepsort_cli.core.looks import Features, normalise
from deepsort_cli.core.types import Detections, FloatArray, IntArray

LARGEST_COORDINATE = 1e7
"""Boxes beyond this many pixels are ignored: their squares would drown the rest of the arithmetic."""
SMALLEST_SIDE = 1e-3
"""Boxes narrower or lower than this many pixels are ignored: they have no aspect ratio."""

Embed = Callable[[IntArray], Features]
"""Embeds detections of the frame at hand: (k,) int64 positions in the input → (k, D) float32 features."""


@dataclass(frozen=True, slots=True)
class Observation:
    """N detections of a frame.

    Attributes:
        inputs: (N,) int64 their positions in the caller's detections.
        boxes: (N, 4) left, top, width, height.
        measurements: (N, 4) centre x, centre y, width / height, height.
        scores: (N,) confidences.
        class_ids: (N,) classes.
    """

    inputs: IntArray
    boxes: FloatArray
    measurements: FloatArray
    scores: FloatArray
    class_ids: IntArray

    @classmethod
    def of(cls, detections: Detections, rows: IntArray) -> Observation:
        boxes = xyxy_to_tlwh(detections.boxes[rows])
        return cls(rows, boxes, _measurements(boxes), detections.scores[rows], detections.class_ids[rows])

    def __len__(self) -> int:
        return len(self.inputs)


class Looks:
    """Unit features of the N detections of an observation: given with them, or embedded when asked for.

    Attributes:
        features: (N, D) float32; zeros where unknown.
        known: (N,) whether the feature is known.
        possible: whether features can be known at all.
        lazy: whether features are embedded only when asked for.
        embedded: how many were embedded so far.
    """

    def __init__(
        self,
        seen: Observation,
        features: Features | None,
        embed: Embed | None,
        lazy: bool,
        check_size: Callable[[int], None],
    ) -> None:
        """Take (N', D) features of all the caller's detections, or a way to embed them, or neither.

        `lazy` embeds only what `look` asks for, else all are embedded now. `check_size` is told the number of
        dimensions D and may refuse it.
        """
        self._inputs = seen.inputs
        self._embed = embed
        self._check_size = check_size
        self._asked = np.zeros(len(seen), bool)
        self.features: Features = np.empty((len(seen), 0), np.float32)
        self.known: npt.NDArray[np.bool_] = np.zeros(len(seen), bool)
        self.possible = len(seen) > 0 and (features is not None or embed is not None)
        self.embedded = 0
        if features is not None and len(seen):
            check_size(features.shape[1])
            self.features, self.known = normalise(features[seen.inputs])
        self.lazy = lazy and embed is not None
        if not self.lazy:
            self.look(np.arange(len(seen)))

    def look(self, columns: IntArray) -> None:
        """Embed those of these detections that were not embedded before; does nothing where there is no way to.

        Raises:
            ValueError: the callable returns another shape than one feature per position.
        """
        columns = columns[~self._asked[columns]]
        if self._embed is None or len(columns) == 0:
            return
        positions = self._inputs[columns]
        found = np.asarray(self._embed(positions), dtype=np.float32)
        if found.ndim != 2 or len(found) != len(positions):
            raise ValueError(
                f"embed must return features of shape ({len(positions)}, D), one row per position, got {found.shape}"
            )
        if self.features.shape[1] == 0:
            self.features = np.zeros((len(self._inputs), found.shape[1]), np.float32)
        self._check_size(found.shape[1])
        self.features[columns], self.known[columns] = normalise(found)
        self._asked[columns] = True
        self.embedded += len(columns)


def usable_rows(boxes: FloatArray) -> IntArray:
    """Positions of the (N, 4) boxes x1 y1 x2 y2 that can be tracked."""
    with np.errstate(invalid="ignore", over="ignore"):
        sized = np.all(boxes[:, 2:] - boxes[:, :2] >= SMALLEST_SIDE, axis=1)
        near = np.all(np.abs(boxes) <= LARGEST_COORDINATE, axis=1)
    return np.flatnonzero(sized & near)


def _measurements(boxes: FloatArray) -> FloatArray:
    """Left, top, width, height → centre x, centre y, width / height, height."""
    size = boxes[:, 2:]
    return np.concatenate([boxes[:, :2] + size / 2, size[:, :1] / size[:, 1:], size[:, 1:]], axis=1)
