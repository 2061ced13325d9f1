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


def row_type(tracks: Tracks) -> np.dtype[np.void]:
    """The fields of rows for such tracks: `person` (−1: undecided) and `name` after `id`, where those are known."""
    known = [("person", np.int64, tracks.people), ("name", object, tracks.names)]
    fields = [(name, ROW[name]) for name in ROW.names or ()]
    after = [name for name, _ in fields].index("id") + 1
    return np.dtype(
        [*fields[:after], *((name, kind) for name, kind, values in known if values is not None), *fields[after:]]
    )


class RowsSink(Sink):
    """Keeps a row per track and frame."""

    def __init__(self) -> None:
        self._type = ROW
        self._rows: list[npt.NDArray[np.void]] = []

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        if not self._rows and tracks.people is not None:
            self._type = row_type(tracks)
        if not len(tracks):
            return
        rows = np.empty(len(tracks), self._type)
        rows["source"], rows["frame"], rows["time"] = 0, frame.index + 1, frame.time
        rows["id"], rows["score"] = tracks.ids, tracks.scores
        rows["x1"], rows["y1"], rows["x2"], rows["y2"] = tracks.boxes.T
        rows["class_id"], rows["time_since_update"] = tracks.class_ids, tracks.time_since_update
        if tracks.people is not None:
            rows["person"] = tracks.people
        if tracks.names is not None:
            rows["name"] = tracks.names
        self._rows.append(rows)

    def close(self) -> None:
        """Nothing to finish: `table` gives what came."""

    def table(self) -> npt.NDArray[np.void]:
        """(N,) rows of `ROW`, and `person` and `name` where those are known, in the order of frames; `source` is 0."""
        return np.concatenate([np.empty(0, self._type), *self._rows])
