"""The DeepSORT tracker (Wojke, Bewley, Paulus 2017), with the state of all tracks in arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.boxes import iou, tlwh_to_xyxy, xyxy_to_tlwh
from deepsort_cli.core.types import Detections, FloatArray, IntArray, Tracks
from deepsort_cli.tracking import kalman
from deepsort_cli.tracking.association import cascade, lonely_pairs, match
from deepsort_cli.tracking.gallery import Features, Gallery, normalise
from deepsort_cli.tracking.settings import TrackerSettings

LARGEST_COORDINATE = 1e7
"""Boxes beyond this many pixels are ignored: their squares would drown the rest of the arithmetic."""
SMALLEST_SIDE = 1e-3
"""Boxes narrower or lower than this many pixels are ignored: they have no aspect ratio."""


class Tracker:
    """Gives detections of successive frames a lasting identity.

    Each frame, every track is predicted; confirmed tracks compete for detections by appearance, the most recently seen
    first (matching cascade, admitted by the motion gate); unconfirmed tracks and those just lost compete for the rest
    by IoU. Detections left over begin tentative tracks.

    Decisions are those of the reference implementation. Two shortcuts that cannot change them save most of the work:
    appearance is compared only for pairs that the motion gate admits, and a pair without a rival is decided by the
    first gallery feature found within the threshold.

    Example:
        >>> import numpy as np
        >>> tracker = Tracker(TrackerSettings(n_init=1))
        >>> tracks = tracker.update(Detections(boxes=np.array([[10.0, 10.0, 50.0, 90.0]])))
        >>> tracks.ids.tolist(), tracks.boxes.round().tolist()
        ([1], [[10.0, 10.0, 50.0, 90.0]])
    """

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        self.settings = settings or TrackerSettings()
        self.reset()

    def reset(self) -> None:
        """Forget everything; ids start from 1 again. Call it between videos."""
        self._next_id = 1
        self._state = kalman.KalmanState.empty()
        self._ids: IntArray = np.empty(0, np.int64)
        self._confirmed: npt.NDArray[np.bool_] = np.empty(0, bool)
        self._hits: IntArray = np.empty(0, np.int64)
        self._time_since_update: IntArray = np.empty(0, np.int64)
        self._scores: FloatArray = np.empty(0)
        self._class_ids: IntArray = np.empty(0, np.int64)
        self._detection_index: IntArray = np.empty(0, np.int64)
        self._slots: IntArray = np.empty(0, np.int64)
        self._gallery = Gallery(self.settings.nn_budget)

    def __len__(self) -> int:
        """Number of tracks alive, tentative ones included."""
        return len(self._ids)

    def update(self, detections: Detections) -> Tracks:
        """Track one frame.

        Boxes that are not finite, have no area, or lie beyond ±10⁷ pixels are ignored. A feature that is not finite or
        of length zero counts as unknown appearance: its detection can only be matched by IoU. With `features` None
        that holds for all.

        Args:
            detections: what was found in this frame; call with `Detections.empty()` when nothing was.

        Returns:
            Confirmed tracks matched in this frame or in the previous one. The latter carry a predicted box and
            `detection_index` −1; drop them with `tracks[tracks.time_since_update == 0]`.

        Raises:
            InputError: if features change their dimension before `reset()`.
        """
        usable = _usable_rows(detections.boxes)
        boxes = xyxy_to_tlwh(detections.boxes[usable])
        measurements = _measurements(boxes)
        features, known = self._prepare_features(detections, usable)

        kalman.predict(self._state)
        self._time_since_update += 1
        self._detection_index[:] = -1

        tracks, columns, unmatched = self._associate(boxes, measurements, features, known)
        self._update_matched(tracks, columns, usable, detections, measurements)
        self._remember(self._slots[tracks], columns, features, known)
        self._delete_lost()
        self._begin(unmatched, usable, detections, measurements, features, known)
        return self._report()

    def _prepare_features(
        self, detections: Detections, usable: IntArray
    ) -> tuple[Features | None, npt.NDArray[np.bool_]]:
        if detections.features is None or len(usable) == 0:
            return None, np.zeros(len(usable), bool)
        self._gallery.set_size(detections.features.shape[1])
        return normalise(detections.features[usable])

    def _associate(
        self,
        boxes: FloatArray,
        measurements: FloatArray,
        features: Features | None,
        known: npt.NDArray[np.bool_],
    ) -> tuple[IntArray, IntArray, IntArray]:
        """Matched tracks, their detections (columns of `measurements`), and the unmatched detections, in order."""
        confirmed = np.flatnonzero(self._confirmed)
        won, taken, unmatched = self._match_by_appearance(confirmed, measurements, features, known)

        # The reference lists leftover tracks in the iteration order of a Python set, which for small sets of large
        # integers is not ascending. The order of rows decides ties in the solver, hence the order of new ids.
        leftover = np.array(list(set(confirmed.tolist()) - set(won.tolist())), dtype=np.int64)
        just_lost = leftover[self._time_since_update[leftover] == 1]
        candidates = np.concatenate([np.flatnonzero(~self._confirmed), just_lost])
        # Left, top, width, height, as in the reference: many costs tie, and the solver's choice among them hangs on the
        # last bit of this arithmetic.
        overlap = iou(_boxes(self._state.position[candidates]), boxes[unmatched])
        rows, columns, rest = match(1.0 - overlap, self.settings.max_iou_distance)
        return (
            np.concatenate([won, candidates[rows]]),
            np.concatenate([taken, unmatched[columns]]),
            unmatched[rest],
        )

    def _match_by_appearance(
        self,
        confirmed: IntArray,
        measurements: FloatArray,
        features: Features | None,
        known: npt.NDArray[np.bool_],
    ) -> tuple[IntArray, IntArray, IntArray]:
        """The matching cascade over confirmed tracks. Tracks come back as positions among all tracks."""
        settings = self.settings
        state, slots = self._state[confirmed], self._slots[confirmed]
        n = len(measurements)
        rows = columns = np.empty(0, np.int64)
        if features is not None and len(confirmed):
            if settings.gating:
                rows, columns = kalman.gated_pairs(state, measurements)
            else:
                rows, columns = np.divmod(np.arange(len(confirmed) * n), n)
            comparable = known[columns] & ~self._gallery.is_empty(slots)[rows]
            rows, columns = rows[comparable], columns[comparable]

        def distances(rows: IntArray, columns: IntArray) -> FloatArray:
            assert features is not None
            costs = np.full(len(rows), np.inf)
            undecided = np.ones(len(rows), bool)
            lonely = np.flatnonzero(lonely_pairs(rows, columns, len(confirmed), n))
            newest = self._gallery.newest(slots[rows[lonely]])
            quick = 1.0 - np.einsum("pd,pd->p", newest, features[columns[lonely]])
            decided = quick <= settings.max_cosine_distance
            costs[lonely[decided]] = quick[decided]
            undecided[lonely[decided]] = False
            costs[undecided] = self._gallery.distances(slots, features, rows[undecided], columns[undecided])
            return costs

        won, taken, unmatched = cascade(
            self._time_since_update[confirmed],
            n,
            rows,
            columns,
            distances,
            settings.max_cosine_distance,
            settings.max_age,
        )
        return confirmed[won], taken, unmatched

    def _update_matched(
        self,
        tracks: IntArray,
        columns: IntArray,
        usable: IntArray,
        detections: Detections,
        measurements: FloatArray,
    ) -> None:
        kalman.update(self._state, tracks, measurements[columns])
        inputs = usable[columns]
        self._hits[tracks] += 1
        self._time_since_update[tracks] = 0
        self._detection_index[tracks] = inputs
        self._scores[tracks] = detections.scores[inputs]
        self._class_ids[tracks] = detections.class_ids[inputs]
        self._confirmed[tracks] |= self._hits[tracks] >= self.settings.n_init

    def _remember(
        self, slots: IntArray, columns: IntArray, features: Features | None, known: npt.NDArray[np.bool_]
    ) -> None:
        if features is not None:
            keep = known[columns]
            self._gallery.append(slots[keep], features[columns[keep]])

    def _delete_lost(self) -> None:
        """A tentative track dies on its first miss, a confirmed one after `max_age` frames without a detection."""
        limit = np.where(self._confirmed, self.settings.max_age, 0)
        alive = self._time_since_update <= limit
        if alive.all():
            return
        self._gallery.release(self._slots[~alive])
        self._state = self._state[alive]
        for name in _PER_TRACK:
            setattr(self, name, getattr(self, name)[alive])

    def _begin(
        self,
        columns: IntArray,
        usable: IntArray,
        detections: Detections,
        measurements: FloatArray,
        features: Features | None,
        known: npt.NDArray[np.bool_],
    ) -> None:
        n = len(columns)
        if n == 0:
            return
        inputs = usable[columns]
        slots = self._gallery.allocate(n)
        self._state = self._state.joined(kalman.initiate(measurements[columns]))
        new = {
            "_ids": np.arange(self._next_id, self._next_id + n),
            "_confirmed": np.full(n, self.settings.n_init <= 1),
            "_hits": np.ones(n, np.int64),
            "_time_since_update": np.zeros(n, np.int64),
            "_scores": detections.scores[inputs],
            "_class_ids": detections.class_ids[inputs],
            "_detection_index": inputs,
            "_slots": slots,
        }
        for name in _PER_TRACK:
            setattr(self, name, np.concatenate([getattr(self, name), new[name]]))
        self._next_id += n
        self._remember(slots, columns, features, known)

    def _report(self) -> Tracks:
        shown = np.flatnonzero(self._confirmed & (self._time_since_update <= 1))
        return Tracks(
            ids=self._ids[shown],
            boxes=tlwh_to_xyxy(_boxes(self._state.position[shown])),
            scores=self._scores[shown],
            class_ids=self._class_ids[shown],
            time_since_update=self._time_since_update[shown],
            detection_index=self._detection_index[shown],
        )


_PER_TRACK = (
    "_ids",
    "_confirmed",
    "_hits",
    "_time_since_update",
    "_scores",
    "_class_ids",
    "_detection_index",
    "_slots",
)


def _usable_rows(boxes: FloatArray) -> IntArray:
    """Positions of the (N, 4) boxes that can be tracked."""
    with np.errstate(invalid="ignore", over="ignore"):
        sized = np.all(boxes[:, 2:] - boxes[:, :2] >= SMALLEST_SIDE, axis=1)
        near = np.all(np.abs(boxes) <= LARGEST_COORDINATE, axis=1)
    return np.flatnonzero(sized & near)


def _measurements(boxes: FloatArray) -> FloatArray:
    """Left, top, width, height → centre x, centre y, width / height, height."""
    size = boxes[:, 2:]
    return np.concatenate([boxes[:, :2] + size / 2, size[:, :1] / size[:, 1:], size[:, 1:]], axis=1)


def _boxes(positions: FloatArray) -> FloatArray:
    """Centre x, centre y, width / height, height → left, top, width, height."""
    size = np.stack([positions[:, 2] * positions[:, 3], positions[:, 3]], axis=1)
    return np.concatenate([positions[:, :2] - size / 2, size], axis=1)
