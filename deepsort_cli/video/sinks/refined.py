"""Tracks held back until the end of a run, refined, and only then given to other sinks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from deepsort_cli.core.boxes import tlwh_to_xyxy, xyxy_to_tlwh
from deepsort_cli.core.regions import Counts
from deepsort_cli.core.row_data import aligned, in_turn
from deepsort_cli.core.types import FloatArray, Frame, Tracks
from deepsort_cli.video.sinks.base import Sink

_COLUMNS = ("ids", "boxes", "scores", "class_ids", "time_since_update", "detection_index")


class RefinedSink(Sink):
    """Holds tracks back until the end, has them refined, and then gives them to other sinks frame by frame.

    Rows filled in by the refinement have no score, no detection and nothing that one would carry; their
    `time_since_update` is counted from the track's last row before them.
    """

    def __init__(self, refine: Callable[[FloatArray], FloatArray], sinks: Sequence[Sink]) -> None:
        """Prepare.

        Args:
            refine: takes and gives (N, 7) rows `frame, id, left, top, width, height, x`; frames count what was tracked
                from 1, rows filled in have the x of the row before their gap.
            sinks: take frames without images; closed with this one.
        """
        self._refine = refine
        self._sinks = sinks
        self._frames: list[tuple[Frame, Tracks, Counts | None]] = []
        self._closed = False

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        self._frames.append((replace(frame, image=None), tracks, counts))

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        with contextlib.ExitStack() as stack:  # closes every sink, also when refining or one of them fails
            for sink in self._sinks:
                stack.callback(sink.close)
            if self._frames:
                for (frame, _, counts), tracks in zip(self._frames, self._refined(), strict=True):
                    for sink in self._sinks:
                        sink.write(frame, tracks, counts)

    def _refined(self) -> list[Tracks]:
        given = [tracks for _, tracks, _ in self._frames]
        columns = {name: np.concatenate([getattr(tracks, name) for tracks in given]) for name in _COLUMNS}
        everything = Tracks(**columns, data=dict(in_turn([(tracks.data, len(tracks)) for tracks in given])))
        numbers = np.repeat(np.arange(1, len(given) + 1), [len(tracks) for tracks in given])
        rows = np.arange(len(everything))
        table = np.column_stack([numbers, everything.ids, xyxy_to_tlwh(everything.boxes), rows])
        refined = self._refine(table)
        origin = refined[:, 6].astype(np.int64)
        late = refined[:, 0].astype(np.int64) - numbers[origin]
        all_tracks = Tracks(
            ids=refined[:, 1].astype(np.int64),
            boxes=tlwh_to_xyxy(refined[:, 2:6]),
            scores=np.where(late > 0, np.nan, everything.scores[origin]),
            class_ids=everything.class_ids[origin],
            time_since_update=everything.time_since_update[origin] + late,
            detection_index=np.where(late > 0, -1, everything.detection_index[origin]),
            data=aligned(everything.data, np.where(late > 0, -1, origin)),
        )
        ends = np.searchsorted(refined[:, 0], np.arange(1, len(given) + 2))
        return [all_tracks[first:last] for first, last in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]
