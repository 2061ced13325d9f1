"""The DeepSORT tracker (Wojke, Bewley, Paulus 2017), with the state of all tracks in arrays."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.boxes import iou, tlwh_to_xyxy
from deepsort_cli.core.row_data import RowData, aligned, picked
from deepsort_cli.core.types import Detections, FloatArray, IntArray, Tracks
from deepsort_cli.tracking import kalman
from deepsort_cli.tracking.ages import Age
from deepsort_cli.tracking.association import Costs, Mask, cascade, match, settled_rows
from deepsort_cli.tracking.clock import FrameClock
from deepsort_cli.tracking.costs import AppearanceCosts, WeightedCosts
from deepsort_cli.tracking.gallery import Gallery
from deepsort_cli.tracking.lost import LostGallery
from deepsort_cli.tracking.observation import Embed, Looks, Observation, usable_rows
from deepsort_cli.tracking.rules import Rules
from deepsort_cli.tracking.settings import TrackerSettings

_LONG_AGO = -(2**62)
_BEGUN, _CONFIRMED, _LOOKED = 0, 1, 2
"""Columns of a track's frames."""
_GROWTH = 1.0
"""How far sides of boxes move outwards before overlap is measured, per pixel of deviation beyond that of one frame."""


class Tracker:
    """Gives detections of successive frames a lasting identity.

    Each frame, every track is predicted; confirmed tracks compete for detections by appearance, the most recently seen
    first (matching cascade, admitted by the motion gate); unconfirmed tracks and those just lost compete for the rest
    by IoU. Detections left over begin tentative tracks.

    Decisions are those of the reference implementation. Two shortcuts that cannot change them save most of the work:
    appearance is compared only for pairs that the motion gate admits, and a pair without a rival is decided by the
    first gallery feature found within the threshold.

    What later trackers added is off unless `TrackerSettings` or an argument of `update` turns it on:

    - `time`: tracks are predicted by the time that passed, in place of one step a frame (`kalman.predict`), unless the
      setting `clock` is frames; and what settings give in seconds (`max_age="1.2s"`) is measured by it.
    - `camera_motion` (BoT-SORT, StrongSORT): tracks are carried along when the camera moves.
    - `embed`, with `refresh_every`: appearance is computed only where it can change a decision; see `update`.
    - `motion_weight`: motion helps to rank admissible matches (`association.weighted_cost`).
    - `nsa` (GIAOTracker): confident detections are followed more closely (`kalman.update`).
    - `ema_alpha` (StrongSORT): a running mean instead of a gallery (`gallery.Gallery`).
    - `low_score` (ByteTrack): confirmed tracks seen in the previous frame and still without a match may continue with
      a low-scored box that overlaps. As in ByteTrack, tentative tracks and those lost for longer may not, and such a
      box begins no track. Its feature, if any, is ignored: it mostly shows whoever is in front.
    - `start_score`: only detections scored at least this begin a track; weaker ones may continue any.
    - `overlap_age` (C-BIoU, OC-SORT): where looks are unknown, overlap may continue tracks lost for some frames, after
      those just lost. The paper looks once, in the frame after the last.
    - `without_looks` (SORT's successors, ByteTrack and C-BIoU among them): where no look was ever known, all confirmed
      tracks, lost ones too, choose by overlap at once, before tentative ones.
    - `confirm_first` (ByteTrack): tracks that begin in the first frame are confirmed at once.
    - `box`: a track seen in this frame is reported where its detection was, not where the filter puts it.
    - `per_class`: tracks and detections of different classes never match.
    - `dense_ids`: tracks are numbered when they are confirmed, not when they begin, so that ids count those reported.
    - `reentry_age`: a track deleted after `max_age` gets its id back when a new track, at the moment it is confirmed,
      looks like it (`lost.LostGallery`). Ids are reported from then on only, so no reported id ever changes.

    Attributes:
        settings: what it was made with.
        seen: detections since the last `reset` that could be embedded: usable boxes, low-scored ones left out.
        embedded: how many of them `embed` was asked for; the rest was saved.
        unusable: detections since then whose boxes were ignored, see `update`.
        begun: tracks begun since then, those that were never reported included.
        held_back: detections since then that were left over and, scored below `start_score`, began no track.

    Examples:
        >>> import numpy as np
        >>> tracker = Tracker(TrackerSettings(n_init=1))
        >>> tracks = tracker.update(Detections(boxes=np.array([[10.0, 10.0, 50.0, 90.0]])))
        >>> tracks.ids.tolist(), tracks.boxes.round().tolist()
        ([1], [[10.0, 10.0, 50.0, 90.0]])
    """

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        self.settings = settings or TrackerSettings()
        self._max_age = Age.of(self.settings.max_age)
        self._overlap_age = Age.of(self.settings.overlap_age)
        self._usual_rules, self._rules_without_looks = Rules.of(self.settings)
        self._reentry_age = Age.of(self.settings.reentry_age)
        self._in_seconds = bool(self.settings.seconds)
        self.reset()

    def reset(self) -> None:
        """Forget everything; ids start from 1 again. Call it between videos."""
        self.seen = 0
        self.embedded = 0
        self.unusable = 0
        self.begun = 0
        self.held_back = 0
        self._died_unconfirmed = 0
        self._clock = FrameClock(self.settings)
        self._next_id = 1
        self._numbered = 0
        """How many tracks were numbered when they were confirmed, with `dense_ids`."""
        self._state = kalman.KalmanState.empty()
        self._ids: IntArray = np.empty(0, np.int64)
        self._confirmed: Mask = np.empty(0, bool)
        self._hits: IntArray = np.empty(0, np.int64)
        self._time_since_update: IntArray = np.empty(0, np.int64)
        """Frames looked at since each track's last detection."""
        self._frames: IntArray = np.empty((0, 3), np.int64)
        """Numbers of the frames in which each track began, was confirmed (0: not yet), and got its newest feature."""
        self._seconds: FloatArray = np.empty((0, 2))
        """Times of the first frame of each track and of the last in which it was matched."""
        self._scores: FloatArray = np.empty(0)
        self._class_ids: IntArray = np.empty(0, np.int64)
        self._detection_index: IntArray = np.empty(0, np.int64)
        self._detected: FloatArray = np.empty((0, 4))
        """Left, top, width, height of each track's last detection."""
        self._carried: RowData = {}
        """What detections of the last frame looked at carry along; without rows between them."""
        self._slots: IntArray = np.empty(0, np.int64)
        self._usual_deviation: FloatArray = np.empty(0)
        """How uncertain each track's place was going to be one frame after the last look, in pixels."""
        self._margin: FloatArray | None = None
        self._gallery = Gallery(self.settings.nn_budget, self.settings.ema_alpha)
        self._lost = LostGallery(self._reentry_age.longest)
        self._rules = self._usual_rules

    def __len__(self) -> int:
        """Number of tracks alive, tentative ones included."""
        return len(self._ids)

    @property
    def unconfirmed(self) -> int:
        """Tracks begun since the last `reset` that were not seen for `n_init` on end, so not reported."""
        return self._died_unconfirmed + int(np.count_nonzero(~self._confirmed))

    def update(
        self,
        detections: Any,
        camera_motion: npt.ArrayLike | None = None,
        embed: Embed | None = None,
        time: float | None = None,
    ) -> Tracks:
        """Track one frame.

        Boxes that are not finite, have no area, or lie beyond ±10⁷ pixels are ignored. A feature that is not finite or
        of length zero counts as unknown appearance: its detection can only be matched by IoU. With `features` None
        and no `embed` that holds for all.

        With `embed` and the setting `refresh_every`, detections are embedded only where their appearance can change
        this frame's decisions. A pair of track and detection without any rival, in the cascade or in the IoU stage,
        that overlaps enough for the IoU stage is a match whatever it looks like, and a detection beyond the motion
        gate of every confirmed track is not compared with any. Given the same galleries, the matches are therefore
        exactly those of embedding everything (tracks begun in the same frame may be numbered in another order).
        Galleries differ: beside what decisions asked for, a track is embedded when it is confirmed and whenever its
        newest feature is `refresh_every` frames old, so later decisions are made on fewer features, spread over a
        longer time. Without `refresh_every` everything is embedded, in one call.

        Args:
            detections: what was found in this frame: `Detections` or whatever `Detections.of` takes, an (N, 4) to
                (N, 6) array, supervision `Detections` or Ultralytics `Results`. Call with `Detections.empty()` when
                nothing was.
            camera_motion: (2, 3) similarity [A | t] that takes the previous frame's pixels to this frame's; applied
                to position, velocity and covariance of all tracks before they are predicted. None: the camera rests.
            embed: gives the features, (k, D) float32, of detections by their positions in `detections`, (k,) int64;
                called at most three times per frame.
            time: when the frame was taken, in seconds from anywhere, later in every frame. A step in which
                1 / `nominal_fps` passes (1 / 25 s where that is not set) is predicted as the paper predicts a frame;
                longer ones move further and become less certain. None, of all frames alike: each is such a step.

        Returns:
            Confirmed tracks matched in this frame or in the previous one. The latter carry a predicted box and
            `detection_index` −1; drop them with `tracks[tracks.time_since_update == 0]`.

        Raises:
            InputError: if features change their dimension before `reset()`.
            ValueError: if `detections` or what `embed` returns have another shape, `camera_motion` is no similarity,
                both features and `embed` are given, `time` is not later than that of the frame before, not finite or
                told of some frames only, or nothing tells it though settings are in seconds.
        """
        detections = Detections.of(detections)
        if embed is not None and detections.features is not None:
            raise ValueError("give features with the detections or embed, not both")
        motion = None if camera_motion is None else kalman.similarity(camera_motion)
        time = self._clock.check(time)
        full, low = self._split(detections)
        lazy = self.settings.refresh_every is not None
        looks = Looks(full, detections.features, embed, lazy, self._gallery.set_size)
        known = looks.possible or self._gallery.size > 0
        self._rules = self._usual_rules if known else self._rules_without_looks

        self._move_on(motion, time, looked=True)

        tracks, columns, unmatched = self._associate(full, looks)
        self._update_matched(tracks, columns, full)
        self._learn(tracks, columns, looks)
        if low is not None:
            self._continue_with(low)
        self._delete_lost()
        if (least := self.settings.least_start) is not None:
            sure = full.scores[unmatched] >= least
            self.held_back += int(np.count_nonzero(~sure))
            unmatched = unmatched[sure]
        if len(unmatched):
            begun = self._begin(unmatched, full)
            self._learn(begun, unmatched, looks)
        self._recognise_returned()
        self._number_confirmed()
        self.seen += len(full)
        self.embedded += looks.embedded
        # Names known once stay: whoever reads them every frame finds them also where nobody was detected.
        self._carried = picked(self._carried, slice(0)) | detections.data
        return self._report()

    def coast(self, camera_motion: npt.ArrayLike | None = None, time: float | None = None) -> Tracks:
        """Pass over a frame in which nobody looked: tracks move on as predicted, and none counts as missed.

        For detectors that run on every n-th frame only. Everything the settings count in frames (`max_age`, `n_init`,
        …) counts the frames looked at, those given to `update`; what they say in seconds goes on.

        Args:
            camera_motion, time: as in `update`.

        Returns:
            The tracks of the last `update`, at their predicted places; `detection_index` is −1, and
            `time_since_update` is still that of the last frame looked at.

        Raises:
            ValueError: if `camera_motion` is no similarity, or `time` is not as `update` wants it.
        """
        motion = None if camera_motion is None else kalman.similarity(camera_motion)
        self._move_on(motion, self._clock.check(time), looked=False)
        return self._report()

    def _move_on(self, motion: FloatArray | None, time: float | None, *, looked: bool) -> None:
        """On to the next frame, which may be looked at, with the (2, 3) motion of the camera."""
        begins, by_time = self._clock.begins, time is not None and self.settings.clock != "frames"
        frames = self._clock.advance(time, looked=looked)
        self._time_since_update += looked
        if self._max_age.in_seconds:
            expired = self._clock.now - self._seconds[:, 1] > self._max_age.longest
            if by_time and not begins:
                self._usual_deviation = self._usual_deviation[~expired]
            self._delete(expired)
        if motion is not None:
            kalman.move_camera(self._state, motion)
        if by_time and begins and frames != 1:
            usual = self._state.copy()
            kalman.predict(usual)
            self._usual_deviation = kalman.deviation(usual)
        kalman.predict(self._state, frames)
        if by_time and begins and frames == 1 and not looked:
            self._usual_deviation = kalman.deviation(self._state)
        self._margin = self._margins() if by_time and looked and self._clock.passed > 1 else None
        self._detection_index[:] = -1

    def _margins(self) -> FloatArray:
        """(T,) pixels by which boxes grow before their overlap is measured, where more than a frame passed since the
        last look: a person may have walked as far as the prediction became less certain. Not of tracks that appearance
        can find again."""
        margin = _GROWTH * np.maximum(kalman.deviation(self._state) - self._usual_deviation, 0.0)
        margin[self._confirmed & ~self._gallery.is_empty(self._slots)] = 0.0
        return margin

    def _split(self, detections: Detections) -> tuple[Observation, Observation | None]:
        """The usable detections: those that take part in everything, and those that only continue tracks."""
        usable = usable_rows(detections.boxes)
        self.unusable += len(detections) - len(usable)
        if self.settings.low_score is None:
            return Observation.of(detections, usable), None
        scores = detections.scores[usable]
        full = scores >= self.settings.full_score
        low = ~full & (scores >= self.settings.low_score)
        return Observation.of(detections, usable[full]), Observation.of(detections, usable[low])

    def _associate(self, seen: Observation, looks: Looks) -> tuple[IntArray, IntArray, IntArray]:
        """Matched tracks, their detections (columns of `seen`), and the unmatched detections, in order."""
        if self._rules.overlap_age is not None:
            return self._associate_by_overlap(seen, self._rules.overlap_age)
        confirmed = np.flatnonzero(self._confirmed)
        won, taken, unmatched = self._match_by_appearance(confirmed, seen, looks)

        # The reference lists leftover tracks in the iteration order of a Python set, which for small sets of large
        # integers is not ascending. The order of rows decides ties in the solver, hence the order of new ids.
        leftover = np.array(list(set(confirmed.tolist()) - set(won.tolist())), dtype=np.int64)
        just_lost = leftover[self._time_since_update[leftover] == 1]
        candidates = np.concatenate([np.flatnonzero(~self._confirmed), just_lost])
        cost = self._overlap_cost(candidates, seen, unmatched)
        rows, columns, rest = match(cost, self.settings.max_iou_distance)
        tracks = np.concatenate([won, candidates[rows]])
        taken = np.concatenate([taken, unmatched[columns]])
        unmatched = unmatched[rest]
        if self._overlap_age.in_seconds or self._overlap_age.amount > 1:
            again, columns, unmatched = self._match_lost(leftover, seen, looks, unmatched)
            tracks, taken = np.concatenate([tracks, again]), np.concatenate([taken, columns])
        return tracks, taken, unmatched

    def _associate_by_overlap(self, seen: Observation, age: Age) -> tuple[IntArray, IntArray, IntArray]:
        """The same where nothing is known of looks: confirmed tracks choose by overlap, those lost up to `age` too, and
        tentative ones among what these leave."""
        confirmed = np.flatnonzero(self._confirmed)
        recent = self._lost_for(confirmed, age) <= age.longest
        candidates = confirmed[recent | (self._time_since_update[confirmed] == 1)]
        rows, columns, unmatched = match(self._overlap_cost(candidates, seen), self._rules.max_iou_distance)
        tentative = np.flatnonzero(~self._confirmed)
        cost = self._overlap_cost(tentative, seen, unmatched)
        new_rows, new_columns, rest = match(cost, self.settings.max_iou_distance)
        tracks = np.concatenate([candidates[rows], tentative[new_rows]])
        return tracks, np.concatenate([columns, unmatched[new_columns]]), unmatched[rest]

    def _match_lost(
        self, leftover: IntArray, seen: Observation, looks: Looks, unmatched: IntArray
    ) -> tuple[IntArray, IntArray, IntArray]:
        """Overlap once more, for tracks lost up to `overlap_age`, in pairs of which appearance says nothing."""
        missed = leftover[self._time_since_update[leftover] > 1]
        lost = np.sort(missed[self._lost_for(missed, self._overlap_age) <= self._overlap_age.longest])
        cost = self._overlap_cost(lost, seen, unmatched)
        known = looks.known[unmatched] | (looks.lazy and looks.possible)
        cost[np.outer(~self._gallery.is_empty(self._slots[lost]), known)] = np.inf
        rows, columns, rest = match(cost, self.settings.max_iou_distance)
        return lost[rows], unmatched[columns], unmatched[rest]

    def _overlap_cost(self, tracks: IntArray, seen: Observation, columns: IntArray | slice = slice(None)) -> FloatArray:
        """(T, N) 1 − IoU of tracks and detections; inf between classes where they are kept apart."""
        # Left, top, width, height, as in the reference: many costs tie, and the solver's choice among them hangs on the
        # last bit of this arithmetic.
        margin = None if self._margin is None else self._margin[tracks]
        cost = 1.0 - iou(_boxes(self._state.position[tracks]), seen.boxes[columns], margin)
        if self.settings.per_class:
            cost[self._class_ids[tracks][:, None] != seen.class_ids[columns]] = np.inf
        return cost

    def _match_by_appearance(
        self, confirmed: IntArray, seen: Observation, looks: Looks
    ) -> tuple[IntArray, IntArray, IntArray]:
        """The matching cascade over confirmed tracks. Tracks come back as positions among all tracks."""
        settings = self.settings
        rows, columns = self._comparable_pairs(confirmed, seen, looks)
        settled = np.zeros(len(confirmed), bool)
        if looks.lazy:
            settled = self._settled(confirmed, rows, columns, seen)
            looks.look(np.unique(columns[~settled[rows]]))
        if not looks.known.all():
            keep = looks.known[columns] | settled[rows]
            rows, columns = rows[keep], columns[keep]

        ages = self._time_since_update[confirmed]
        won, taken, unmatched = cascade(
            ages,
            len(seen),
            rows,
            columns,
            self._costs(confirmed, seen, looks, settled),
            settings.appearance_threshold,
            # Tracks beyond an age in seconds are deleted by now.
            int(ages.max(initial=0) if self._max_age.in_seconds else self._max_age.amount),
        )
        return confirmed[won], taken, unmatched

    def _costs(self, confirmed: IntArray, seen: Observation, looks: Looks, settled: Mask) -> Costs:
        """What pairs (position in `confirmed`, detection) cost in the cascade."""
        settings, threshold = self.settings, self.settings.appearance_threshold
        appearance = AppearanceCosts(self._gallery, self._slots[confirmed], looks.features, settled, threshold)
        if settings.motion_weight == 0:
            return appearance
        state = self._state[confirmed]
        motion = functools.partial(kalman.squared_mahalanobis, state, seen.measurements)
        return WeightedCosts(appearance, motion, settings.motion_weight, threshold)

    def _comparable_pairs(self, confirmed: IntArray, seen: Observation, looks: Looks) -> tuple[IntArray, IntArray]:
        """Pairs (position in `confirmed`, detection) that motion and class admit and whose track has a look."""
        if not looks.possible or len(confirmed) == 0:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        if self.settings.gating:
            rows, columns = kalman.gated_pairs(self._state[confirmed], seen.measurements)
        else:
            rows, columns = np.divmod(np.arange(len(confirmed) * len(seen)), len(seen))
        empty = self._gallery.is_empty(self._slots[confirmed])
        if empty.any():
            keep = ~empty[rows]
            rows, columns = rows[keep], columns[keep]
        if self.settings.per_class:
            keep = self._class_ids[confirmed][rows] == seen.class_ids[columns]
            rows, columns = rows[keep], columns[keep]
        return rows, columns

    def _settled(self, confirmed: IntArray, rows: IntArray, columns: IntArray, seen: Observation) -> Mask:
        """(T,) mask of confirmed tracks that match their only detection whatever it looks like."""
        gated = np.zeros((len(self), len(seen)), bool)
        gated[confirmed[rows], columns] = True
        everyone = np.arange(len(self))
        overlapping = self._overlap_cost(everyone, seen) <= self.settings.max_iou_distance
        overlapping[self._confirmed & (self._time_since_update > 1)] = False
        return settled_rows(gated, overlapping)[confirmed]

    def _update_matched(self, tracks: IntArray, columns: IntArray, seen: Observation) -> None:
        confidences = seen.scores[columns] if self.settings.nsa else None
        kalman.update(self._state, tracks, seen.measurements[columns], confidences)
        self._hits[tracks] += 1
        self._time_since_update[tracks] = 0
        self._detection_index[tracks] = seen.inputs[columns]
        self._scores[tracks] = seen.scores[columns]
        self._class_ids[tracks] = seen.class_ids[columns]
        self._detected[tracks] = seen.boxes[columns]
        if self._in_seconds:
            self._seconds[tracks, 1] = self._clock.now
        n_init = self._rules.n_init
        if n_init.in_seconds:
            enough = self._clock.now - self._seconds[tracks, 0] >= n_init.shortest
        else:
            enough = self._hits[tracks] >= n_init.amount
        self._confirm(tracks[enough])

    def _confirm(self, tracks: IntArray) -> None:
        """Confirm those of these tracks that are not confirmed yet."""
        new = tracks[~self._confirmed[tracks]]
        if len(new):
            self._confirmed[new] = True
            self._frames[new, _CONFIRMED] = self._clock.frame

    def _lost_for(self, tracks: IntArray, age: Age) -> FloatArray | IntArray:
        """How long ago these tracks were seen last, in the unit of an age."""
        return self._clock.now - self._seconds[tracks, 1] if age.in_seconds else self._time_since_update[tracks]

    def _learn(self, tracks: IntArray, columns: IntArray, looks: Looks) -> None:
        """Add the looks of detections to the galleries of their tracks; embed those that are due."""
        if not looks.possible:
            return
        if looks.lazy:
            assert self.settings.refresh_every is not None
            due = self._clock.frame - self._frames[tracks, _LOOKED] >= self.settings.refresh_every
            looks.look(columns[due & self._confirmed[tracks]])
        keep = looks.known[columns]
        self._gallery.append(self._slots[tracks[keep]], looks.features[columns[keep]])
        self._frames[tracks[keep], _LOOKED] = self._clock.frame

    def _continue_with(self, low: Observation) -> None:
        """Second association: low-scored detections continue confirmed tracks that were seen in the previous frame."""
        tracks = np.flatnonzero(self._confirmed & (self._time_since_update == 1))
        rows, columns, _ = match(self._overlap_cost(tracks, low), self.settings.low_iou_distance)
        self._update_matched(tracks[rows], columns, low)

    def _delete_lost(self) -> None:
        """A tentative track dies on its first miss, a confirmed one after `max_age` without a detection."""
        limit = np.where(self._confirmed, np.inf if self._max_age.in_seconds else self._max_age.amount, 0)
        self._delete(self._time_since_update > limit)

    def _delete(self, dead: Mask) -> None:
        """Delete tracks, and remember the confirmed ones of them where they may return."""
        if not dead.any():
            return
        self._died_unconfirmed += int(np.count_nonzero(dead & ~self._confirmed))
        if self._reentry_age.amount:
            self._remember(np.flatnonzero(dead & self._confirmed))
        self._gallery.release(self._slots[dead])
        alive = ~dead
        self._state = self._state[alive]
        for name in _PER_TRACK:
            setattr(self, name, getattr(self, name)[alive])

    def _remember(self, tracks: IntArray) -> None:
        now = self._clock.now if self._reentry_age.in_seconds else self._clock.frame
        for row in tracks.tolist():
            self._lost.add(
                track_id=int(self._ids[row]),
                class_id=int(self._class_ids[row]),
                last_seen=self._clock.frame - int(self._time_since_update[row]),
                deleted=now,
                features=self._gallery.features(int(self._slots[row])),
            )

    def _begin(self, columns: IntArray, seen: Observation) -> IntArray:
        """Begin a track with each of these detections; returns their positions among all tracks."""
        n = len(columns)
        frames = np.empty((n, 3), np.int64)
        frames[:] = self._clock.frame, 0, _LONG_AGO
        self._state = self._state.joined(kalman.initiate(seen.measurements[columns]))
        new = {
            "_ids": np.arange(self._next_id, self._next_id + n) * (-1 if self.settings.dense_ids else 1),
            "_confirmed": np.zeros(n, bool),
            "_frames": frames,
            "_seconds": np.full((n, 2), self._clock.now),
            "_hits": np.ones(n, np.int64),
            "_time_since_update": np.zeros(n, np.int64),
            "_scores": seen.scores[columns],
            "_class_ids": seen.class_ids[columns],
            "_detection_index": seen.inputs[columns],
            "_detected": seen.boxes[columns],
            "_slots": self._gallery.allocate(n),
        }
        for name in _PER_TRACK:
            setattr(self, name, np.concatenate([getattr(self, name), new[name]]))
        self._next_id += n
        self.begun += n
        begun = np.arange(len(self) - n, len(self))
        at_once = self.settings.confirm_first and self._clock.frame == 1
        if at_once or self._rules.n_init == Age(1, False):
            self._confirm(begun)
        return begun

    def _recognise_returned(self) -> None:
        """Give tracks confirmed in this frame the id of a deleted track that looks like them."""
        if len(self._lost) == 0:
            return
        self._lost.expire(self._clock.now if self._reentry_age.in_seconds else self._clock.frame)
        settings = self.settings
        tracks = np.flatnonzero(self._frames[:, _CONFIRMED] == self._clock.frame)
        if len(tracks) == 0:
            return
        # No motion gate narrows this search down, so the default is stricter than that of the cascade.
        threshold = settings.reentry_distance
        if threshold is None:
            threshold = settings.appearance_threshold / 2
        found = self._lost.claim(
            [self._gallery.features(slot) for slot in self._slots[tracks].tolist()],
            self._class_ids[tracks],
            first_seen=self._frames[tracks, _BEGUN],
            threshold=threshold,
            per_class=settings.per_class,
        )
        for position, old_id in found.items():
            self._ids[tracks[position]] = old_id

    def _number_confirmed(self) -> None:
        """Number tracks confirmed in this frame, oldest first; until then ids are negative, and nobody sees them."""
        new = np.flatnonzero(self._confirmed & (self._ids < 0))
        self._ids[new] = self._numbered + 1 + np.arange(len(new))
        self._numbered += len(new)

    def _report(self) -> Tracks:
        shown = np.flatnonzero(self._confirmed & (self._time_since_update <= 1))
        shown = shown[np.argsort(self._ids[shown])]  # an id that came back is not in its place
        boxes = _boxes(self._state.position[shown])
        if self.settings.box == "detection":
            seen = self._detection_index[shown] >= 0
            boxes[seen] = self._detected[shown[seen]]
        return Tracks(
            ids=self._ids[shown],
            boxes=tlwh_to_xyxy(boxes),
            scores=self._scores[shown],
            class_ids=self._class_ids[shown],
            time_since_update=self._time_since_update[shown],
            detection_index=self._detection_index[shown],
            data=aligned(self._carried, self._detection_index[shown]),
        )


_PER_TRACK = (
    "_ids",
    "_confirmed",
    "_frames",
    "_seconds",
    "_hits",
    "_time_since_update",
    "_scores",
    "_class_ids",
    "_detection_index",
    "_detected",
    "_slots",
)


def _boxes(positions: FloatArray) -> FloatArray:
    """Centre x, centre y, width / height, height → left, top, width, height."""
    size = np.stack([positions[:, 2] * positions[:, 3], positions[:, 3]], axis=1)
    return np.concatenate([positions[:, :2] - size / 2, size], axis=1)
