"""All rows of a run in memory, as one structured array."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.regions import Counts
from deepsort_cli.core.types import Frame, Tracks
from deepsort_cli.video.sinks.base import Sink

ROW = np.dtype(
    [
        ("source", np.int32),
        ("frame", np.int64),
        ("time", np.float64),
        ("id", np.int64),
        ("x1", np.float64),
        ("y1", np.float64),
        ("x2", np.float64),
        ("y2", np.float64),
        ("score", np.float64),
        ("class_id", np.int64),
        ("time_since_update", np.int64),
    ]
)
"""The columns of `CsvSink`, without rounding, and the position of the source; frames count from 1. 84 bytes a row."""


class RowsSink(Sink):
    """Keeps a row per track and frame."""

    def __init__(self) -> None:
        self._rows: list[npt.NDArray[np.void]] = []

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        if not len(tracks):
            return
        rows = np.empty(len(tracks), ROW)
        rows["source"], rows["frame"], rows["time"] = 0, frame.index + 1, frame.time
        rows["id"], rows["score"] = tracks.ids, tracks.scores
        rows["x1"], rows["y1"], rows["x2"], rows["y2"] = tracks.boxes.T
        rows["class_id"], rows["time_since_update"] = tracks.class_ids, tracks.time_since_update
        self._rows.append(rows)

    def close(self) -> None:
        """Nothing to finish: `table` gives what came."""

    def table(self) -> npt.NDArray[np.void]:
        """(N,) rows of `ROW`, in the order of the frames; `source` is 0."""
        return np.concatenate([np.empty(0, ROW), *self._rows])
