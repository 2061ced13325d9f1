"""Results kept beside ground truth, for scoring."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from deepsort_cli.core.boxes import xyxy_to_tlwh
from deepsort_cli.core.mot import Comparison
from deepsort_cli.core.regions import Counts
from deepsort_cli.core.types import FloatArray, Frame, Tracks
from deepsort_cli.video.scene import GroundTruth
from deepsort_cli.video.sinks.base import Sink
from deepsort_cli.video.sinks.tables import ground_truth_rows


class ComparisonSink(Sink):
    """Keeps result rows as they are written to text, beside the ground truth of the same frames."""

    def __init__(
        self,
        name: str,
        ground_truth: FloatArray | None,
        truth_of: Callable[[int], GroundTruth | None],
        *,
        across: bool = False,
    ) -> None:
        """Prepare.

        Args:
            ground_truth: the ground truth of the whole sequence, (M, ≥ 7) rows; None to ask `truth_of`.
            truth_of: exact ground truth by frame index.
            across: people are kept, who hold in all sources, in place of ids; below 0 where they are undecided.
        """
        self._name = name
        self._table = ground_truth
        self._truth_of = truth_of
        self._across = across
        self._frames: list[int] = []
        self._results: list[FloatArray] = []
        self._truths: list[FloatArray] = []

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        number = frame.index + 1
        self._frames.append(number)
        rows = np.full((len(tracks), 10), -1.0)
        rows[:, 0], rows[:, 1] = number, tracks.ids
        if self._across and tracks.people is not None:
            rows[:, 1] = np.where(tracks.people >= 0, tracks.people, -1 - tracks.ids)
        rows[:, 2:6] = np.round(xyxy_to_tlwh(tracks.boxes), 2)
        rows[:, 6] = 1
        self._results.append(rows)
        truth = self._truth_of(frame.index) if self._table is None else None
        if truth is not None:
            self._truths.append(ground_truth_rows(frame.index, truth))

    def close(self) -> None:
        """Nothing to finish: `comparison` holds what came."""

    def comparison(self) -> Comparison:
        truth = self._table
        if truth is None:
            truth = np.concatenate([np.empty((0, 9)), *self._truths])
        tracked = np.isin(truth[:, 0], self._frames)
        return Comparison(
            name=self._name,
            results=np.concatenate([np.empty((0, 10)), *self._results]),
            ground_truth=truth[tracked],
            left_out=len(np.unique(truth[~tracked, 0])),
        )
