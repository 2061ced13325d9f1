"""The DeepSORT tracker (Wojke, Bewley, Paulus 2017), with the state of all tracks in arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.boxes import tlwh_to_xyxy
from deepsort_cli.core.row_data import RowData, aligned, picked
from deepsort_cli.core.types import Detections, FloatArray, IntArray, Tracks
from deepsort_cli.tracking import kalman
from deepsort_cli.tracking.ages import Age
from deepsort_cli.tracking.association import Mask
from deepsort_cli.tracking.clock import FrameClock
from deepsort_cli.tracking.gallery import Gallery
from deepsort_cli.tracking.live import BEGUN, CONFIRMED, FIRST, LAST, LOOKED, LiveTracks
from deepsort_cli.tracking.lost import LostGallery
from deepsort_cli.tracking.observation import Embed, Looks, Observation, usable_rows
from deepsort_cli.tracking.rules import Rules
from deepsort_cli.tracking.settings import TrackerSettings
from deepsort_cli.tracking.stages import Stages

_LONG_AGO = -(2**62)
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
    - `n_init_near`: a new track that overlaps a confirmed one is confirmed later than others, since it may be the same
      person, whom the confirmed one finds again in the next frame.
    - `confirm_first` (ByteTrack): tracks that begin in the first frame are confirmed at once.
    - `box`: a track seen in this frame is reported where its detection was, not where the filter puts it.
    - `per_class`: tracks and detections of different classes never match.
    - `dense_ids`: tracks are numbered when they are confirmed, not when they begin, so that ids count those reported.
    - `reentry_age`: a track deleted after `max_age` gets its id back when a new track, at the moment it is confirmed,
      looks like it (`lost.LostGallery`). Ids are reported from then on only, so no reported id ever changes.

    Attributes:
        settings: what it was made with; `compare_by` changes one of them.
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
        self._settings = settings or TrackerSettings()
        self._max_age = Age.of(self.settings.max_age)
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
        self._live = LiveTracks.none()
        self._carried: RowData = {}
        """What detections of the last frame looked at carry along; without rows between them."""
        self._usual_deviation: FloatArray = np.empty(0)
        """How uncertain each track's place was going to be one frame after the last look, in pixels."""
        self._gallery = Gallery(self.settings.nn_budget, self.settings.ema_alpha)
        self._stages = Stages(self.settings, self._live, self._gallery, self._clock)
        self._lost = LostGallery(self._reentry_age.longest)
        self._rules = self._usual_rules

    @property
    def settings(self) -> TrackerSettings:
        return self._settings

    def compare_by(self, max_cosine_distance: float) -> None:
        """Admit looks up to another cosine distance from the next frame on, also after `reset`."""
        self._settings = self._settings.model_copy(update={"max_cosine_distance": max_cosine_distance})
        self._stages.settings = self._settings

    def __len__(self) -> int:
        """Number of tracks alive, tentative ones included."""
        return len(self._live)

    @property
    def unconfirmed(self) -> int:
        """Tracks begun since the last `reset` that were not seen for `n_init` on end, so not reported."""
        return self._died_unconfirmed + int(np.count_nonzero(~self._live.confirmed))

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

        tracks, columns, unmatched = self._stages.match(full, looks, self._rules)
        self._update_matched(tracks, columns, full)
        self._learn(tracks, columns, looks)
        if low is not None:
            self._continue_with(low)
        self._stages.margin = None  # of the tracks before some are deleted
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
        self._live.time_since_update += looked
        if self._max_age.in_seconds:
            expired = self._clock.now - self._live.seconds[:, LAST] > self._max_age.longest
            if by_time and not begins:
                self._usual_deviation = self._usual_deviation[~expired]
            self._delete(expired)
        if motion is not None:
            kalman.move_camera(self._live.state, motion)
        if by_time and begins and frames != 1:
            usual = self._live.state.copy()
            kalman.predict(usual)
            self._usual_deviation = kalman.deviation(usual)
        kalman.predict(self._live.state, frames)
        if by_time and begins and frames == 1 and not looked:
            self._usual_deviation = kalman.deviation(self._live.state)
        self._stages.margin = self._margins() if by_time and looked and self._clock.passed > 1 else None
        self._live.detection_index[:] = -1

    def _margins(self) -> FloatArray:
        """(T,) pixels by which boxes grow before their overlap is measured, where more than a frame passed since the
        last look: a person may have walked as far as the prediction became less certain. Not of tracks that appearance
        can find again."""
        margin = _GROWTH * np.maximum(kalman.deviation(self._live.state) - self._usual_deviation, 0.0)
        margin[self._live.confirmed & ~self._gallery.is_empty(self._live.slots)] = 0.0
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

    def _update_matched(self, tracks: IntArray, columns: IntArray, seen: Observation) -> None:
        live = self._live
        near = self._near_confirmed(tracks, columns, seen)
        confidences = seen.scores[columns] if self.settings.nsa else None
        kalman.update(live.state, tracks, seen.measurements[columns], confidences)
        live.hits[tracks] += 1
        live.time_since_update[tracks] = 0
        live.detection_index[tracks] = seen.inputs[columns]
        live.scores[tracks] = seen.scores[columns]
        live.class_ids[tracks] = seen.class_ids[columns]
        live.detected[tracks] = seen.boxes[columns]
        if self._in_seconds:
            live.seconds[tracks, LAST] = self._clock.now
        enough = self._seen_for(tracks, self._rules.n_init)
        if self._rules.n_init_near is not None:
            enough &= ~near | self._seen_for(tracks, self._rules.n_init_near)
        self._confirm(tracks[enough])

    def _near_confirmed(self, tracks: IntArray, columns: IntArray, seen: Observation) -> Mask:
        """(M,) whether tentative tracks may be people already known: a confirmed track overlaps their detections."""
        near = np.zeros(len(tracks), bool)
        if self._rules.n_init_near is not None:
            new = np.flatnonzero(~self._live.confirmed[tracks])
            near[new] = self._stages.overlap_confirmed(seen, columns[new])
        return near

    def _seen_for(self, tracks: IntArray, least: Age) -> Mask:
        """(M,) whether tracks were seen so often on end, or for so long."""
        if least.in_seconds:
            return np.asarray(self._clock.now - self._live.seconds[tracks, FIRST] >= least.shortest)
        return np.asarray(self._live.hits[tracks] >= least.amount)

    def _confirm(self, tracks: IntArray) -> None:
        """Confirm those of these tracks that are not confirmed yet."""
        new = tracks[~self._live.confirmed[tracks]]
        if len(new):
            self._live.confirmed[new] = True
            self._live.frames[new, CONFIRMED] = self._clock.frame

    def _learn(self, tracks: IntArray, columns: IntArray, looks: Looks) -> None:
        """Add the looks of detections to the galleries of their tracks; embed those that are due."""
        if not looks.possible:
            return
        if looks.lazy:
            assert self.settings.refresh_every is not None
            due = self._clock.frame - self._live.frames[tracks, LOOKED] >= self.settings.refresh_every
            looks.look(columns[due & self._live.confirmed[tracks]])
        keep = looks.known[columns]
        self._gallery.append(self._live.slots[tracks[keep]], looks.features[columns[keep]])
        self._live.frames[tracks[keep], LOOKED] = self._clock.frame

    def _continue_with(self, low: Observation) -> None:
        """Second association: low-scored detections continue confirmed tracks that were seen in the previous frame."""
        tracks, columns, _ = self._stages.match_low(low)
        self._update_matched(tracks, columns, low)

    def _delete_lost(self) -> None:
        """A tentative track dies on its first miss, a confirmed one after `max_age` without a detection."""
        limit = np.where(self._live.confirmed, np.inf if self._max_age.in_seconds else self._max_age.amount, 0)
        self._delete(self._live.time_since_update > limit)

    def _delete(self, dead: Mask) -> None:
        """Delete tracks, and remember the confirmed ones of them where they may return."""
        if not dead.any():
            return
        self._died_unconfirmed += int(np.count_nonzero(dead & ~self._live.confirmed))
        if self._reentry_age.amount:
            self._remember(np.flatnonzero(dead & self._live.confirmed))
        self._gallery.release(self._live.slots[dead])
        self._live.keep(~dead)

    def _remember(self, tracks: IntArray) -> None:
        now = self._clock.now if self._reentry_age.in_seconds else self._clock.frame
        for row in tracks.tolist():
            self._lost.add(
                track_id=int(self._live.ids[row]),
                class_id=int(self._live.class_ids[row]),
                last_seen=self._clock.frame - int(self._live.time_since_update[row]),
                deleted=now,
                features=self._gallery.features(int(self._live.slots[row])),
            )

    def _begin(self, columns: IntArray, seen: Observation) -> IntArray:
        """Begin a track with each of these detections; returns their positions among all tracks."""
        n = len(columns)
        frames = np.empty((n, 3), np.int64)
        frames[:] = self._clock.frame, 0, _LONG_AGO
        self._live.add(
            LiveTracks(
                state=kalman.initiate(seen.measurements[columns]),
                ids=np.arange(self._next_id, self._next_id + n) * (-1 if self.settings.dense_ids else 1),
                confirmed=np.zeros(n, bool),
                frames=frames,
                seconds=np.full((n, 2), self._clock.now),
                hits=np.ones(n, np.int64),
                time_since_update=np.zeros(n, np.int64),
                scores=seen.scores[columns],
                class_ids=seen.class_ids[columns],
                detection_index=seen.inputs[columns],
                detected=seen.boxes[columns],
                slots=self._gallery.allocate(n),
            )
        )
        self._next_id += n
        self.begun += n
        begun = np.arange(len(self) - n, len(self))
        if self.settings.confirm_first and self._clock.frame == 1:
            self._confirm(begun)
        elif self._rules.n_init == Age(1, False):
            self._confirm(begun[~self._near_confirmed(begun, columns, seen)])
        return begun

    def _recognise_returned(self) -> None:
        """Give tracks confirmed in this frame the id of a deleted track that looks like them."""
        if len(self._lost) == 0:
            return
        self._lost.expire(self._clock.now if self._reentry_age.in_seconds else self._clock.frame)
        settings = self.settings
        tracks = np.flatnonzero(self._live.frames[:, CONFIRMED] == self._clock.frame)
        if len(tracks) == 0:
            return
        # No motion gate narrows this search down, so the default is stricter than that of the cascade.
        threshold = settings.reentry_distance
        if threshold is None:
            threshold = settings.appearance_threshold / 2
        found = self._lost.claim(
            [self._gallery.features(slot) for slot in self._live.slots[tracks].tolist()],
            self._live.class_ids[tracks],
            first_seen=self._live.frames[tracks, BEGUN],
            threshold=threshold,
            per_class=settings.per_class,
        )
        for position, old_id in found.items():
            self._live.ids[tracks[position]] = old_id

    def _number_confirmed(self) -> None:
        """Number tracks confirmed in this frame, oldest first; until then ids are negative, and nobody sees them."""
        new = np.flatnonzero(self._live.confirmed & (self._live.ids < 0))
        self._live.ids[new] = self._numbered + 1 + np.arange(len(new))
        self._numbered += len(new)

    def _report(self) -> Tracks:
        live = self._live
        shown = np.flatnonzero(live.confirmed & (live.time_since_update <= 1))
        shown = shown[np.argsort(live.ids[shown])]  # an id that came back is not in its place
        boxes = live.boxes(shown)
        if self.settings.box == "detection":
            seen = live.detection_index[shown] >= 0
            boxes[seen] = live.detected[shown[seen]]
        return Tracks(
            ids=live.ids[shown],
            boxes=tlwh_to_xyxy(boxes),
            scores=live.scores[shown],
            class_ids=live.class_ids[shown],
            time_since_update=live.time_since_update[shown],
            detection_index=live.detection_index[shown],
            data=aligned(self._carried, live.detection_index[shown]),
        )
