"""Tracks held back until the end of a run, refined, and only then given to other sinks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.boxes import tlwh_to_xyxy, xyxy_to_tlwh
from deepsort_cli.core.looks import Features, LookRecord
from deepsort_cli.core.regions import Counts
from deepsort_cli.core.row_data import aligned, in_turn
from deepsort_cli.core.types import FloatArray, Frame, IntArray, Tracks
from deepsort_cli.video.sinks.base import Sink

_COLUMNS = ("ids", "boxes", "scores", "class_ids", "time_since_update", "detection_index")

Refine = Callable[[FloatArray], FloatArray]
"""Takes and gives (N, 7) rows `frame, id, left, top, width, height, x`; frames count what was tracked from 1, rows
filled in have the x of the row before their gap."""
Link = Callable[[FloatArray, FloatArray, IntArray, IntArray, Features], IntArray]
"""From such rows, their (N,) seconds and classes, and (K,) positions of rows with their (K, D) looks: the (N,) new
ids."""


class RefinedSink(Sink):
    """Holds tracks back until the end, has them linked and refined, and then gives them to other sinks frame by frame.

    Every track has the person that it has at its end from its first row on: nothing has to wait here. Of several who
    would be one person in a frame, it is the one seen there, and the oldest of these, as while tracking.
    Linked tracks keep their own people, who may be several under one id.

    Rows filled in by the refinement have no score, no detection and nothing that one would carry; their
    `time_since_update` is counted from the track's last row before them. Of the looks that tracks bring, those in a
    `LookRecord` are kept and given on.
    """

    def __init__(
        self, refine: Refine, sinks: Sequence[Sink], *, link: Link | None = None, written: Sequence[Sink] = ()
    ) -> None:
        """Prepare.

        Args:
            refine: changes the rows.
            sinks: take frames without images; closed with this one.
            link: changes the ids before that.
            written: sinks that get frames as they come; they are told which ids have changed.
        """
        self._refine = refine
        self._sinks = sinks
        self._link = link
        self._written = written
        self._frames: list[tuple[Frame, Tracks, Counts | None]] = []
        self._rows = 0
        self._looks = LookRecord()
        self._closed = False

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        if tracks.features is not None:
            here = np.arange(self._rows, self._rows + len(tracks))[:, None]
            self._looks.add(tracks.ids, here.astype(np.float64), tracks.features)
            tracks = tracks.with_features(None)
        self._rows += len(tracks)
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
        where, looks = self._looks.table()
        seen = where.reshape(-1).astype(np.int64)
        if self._link is not None:
            table[:, 1] = self._linked(table, everything.class_ids, seen, looks)
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
        people, names = _people(given)
        if people is not None:
            _, begun, track = np.unique(everything.ids, return_index=True, return_inverse=True)
            again = _again(refined[:, 0], people[origin], late > 0, begun[track][origin])
            all_tracks = all_tracks.with_people(
                np.where(again, -1, people[origin]), None if names is None else np.where(again, "", names[origin])
            )
        look = np.full(len(everything), -1)
        look[seen] = np.arange(len(seen))
        look = np.where(late > 0, -1, look[origin])
        ends = np.searchsorted(refined[:, 0], np.arange(1, len(given) + 2))
        frames = [slice(*pair) for pair in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]
        return [_with_looks(all_tracks[rows], look[rows], looks) for rows in frames]

    def _linked(self, table: FloatArray, classes: IntArray, seen: IntArray, looks: Features) -> IntArray:
        """The new ids of all rows, which sinks that are already written are told as well."""
        assert self._link is not None
        frames = [frame for frame, _, _ in self._frames]
        numbers = table[:, 0].astype(np.int64) - 1
        ids = self._link(table, np.array([frame.time for frame in frames])[numbers], classes, seen, looks)
        old = table[:, 1].astype(np.int64)
        changed = np.flatnonzero(ids != old)
        indices = np.array([frame.index for frame in frames])[numbers]
        for sink in self._written:
            sink.rename(indices[changed], old[changed], ids[changed])
        return ids


def _people(given: Sequence[Tracks]) -> tuple[IntArray | None, npt.NDArray[np.str_] | None]:
    """Person and name of all rows of all frames, those from before the decision included."""
    if any(tracks.people is None for tracks in given):
        return None, None
    ids = np.concatenate([tracks.ids for tracks in given])
    people = np.concatenate([tracks.people for tracks in given if tracks.people is not None])
    decided = people > 0
    found = dict(zip(ids[decided].tolist(), people[decided].tolist(), strict=True))
    people = np.array([found.get(track_id, -1) for track_id in ids.tolist()], np.int64)
    if any(tracks.names is None for tracks in given):
        return people, None
    names = np.concatenate([tracks.names for tracks in given if tracks.names is not None])
    known = names != ""
    called = dict(zip(ids[known].tolist(), names[known].tolist(), strict=True))
    return people, np.array([called.get(track_id, "") for track_id in ids.tolist()], np.str_)


def _again(
    frames: FloatArray, people: IntArray, filled: npt.NDArray[np.bool_], begun: IntArray
) -> npt.NDArray[np.bool_]:
    """(N,) rows of a person who is in the same frame already: in a row that is not filled in, or of an older track.

    Args:
        frames, people: (N,) of each row, −1 for nobody.
        filled: (N,) whether it is filled in.
        begun: (N,) what is less for older tracks.
    """
    order = np.lexsort((begun, filled, people, frames))
    same = (np.diff(frames[order]) == 0) & (np.diff(people[order]) == 0) & (people[order][1:] > 0)
    again = np.zeros(len(frames), bool)
    again[order[1:]] = same
    return again


def _with_looks(tracks: Tracks, look: IntArray, looks: Features) -> Tracks:
    """Tracks with the features at these positions, −1 for none."""
    if not (look >= 0).any():
        return tracks
    return tracks.with_features(np.where((look >= 0)[:, None], looks[look], np.float32(np.nan)))
