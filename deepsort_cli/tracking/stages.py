"""The stages in which the tracks and the detections of a frame are matched: by appearance, then by overlap."""

from __future__ import annotations

import functools

import numpy as np

from deepsort_cli.core.boxes import iou
from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.tracking import kalman
from deepsort_cli.tracking.ages import Age
from deepsort_cli.tracking.association import Costs, Mask, cascade, match, settled_rows
from deepsort_cli.tracking.clock import FrameClock
from deepsort_cli.tracking.costs import AppearanceCosts, WeightedCosts
from deepsort_cli.tracking.gallery import Gallery
from deepsort_cli.tracking.live import LAST, LiveTracks
from deepsort_cli.tracking.observation import Looks, Observation
from deepsort_cli.tracking.rules import Rules
from deepsort_cli.tracking.settings import TrackerSettings

Matches = tuple[IntArray, IntArray, IntArray]
"""Matched tracks; the detection of each; the detections that are left, in the order in which they begin tracks."""


class Stages:
    """Which detections continue which tracks; looks at the tracks and their galleries, and changes nothing of them.

    Attributes:
        settings: of the tracker; another `max_cosine_distance` may take the place of the one in it.
        margin: (T,) pixels by which boxes grow before their overlap is measured; None: not at all.
    """

    def __init__(self, settings: TrackerSettings, live: LiveTracks, gallery: Gallery, clock: FrameClock) -> None:
        self.settings = settings
        self._live, self._gallery, self._clock = live, gallery, clock
        self._max_age, self._overlap_age = Age.of(settings.max_age), Age.of(settings.overlap_age)
        self.margin: FloatArray | None = None

    def match(self, seen: Observation, looks: Looks, rules: Rules) -> Matches:
        """Match the detections of a frame that take part in everything."""
        if rules.overlap_age is not None:
            return self._match_by_overlap(seen, rules.overlap_age, rules.max_iou_distance)
        live = self._live
        confirmed = np.flatnonzero(live.confirmed)
        won, taken, unmatched = self._match_by_appearance(confirmed, seen, looks)

        # The reference lists leftover tracks in the iteration order of a Python set, which for small sets of large
        # integers is not ascending. The order of rows decides ties in the solver, hence the order of new ids.
        leftover = np.array(list(set(confirmed.tolist()) - set(won.tolist())), dtype=np.int64)
        just_lost = leftover[live.time_since_update[leftover] == 1]
        candidates = np.concatenate([np.flatnonzero(~live.confirmed), just_lost])
        cost = self._overlap_cost(candidates, seen, unmatched)
        rows, columns, rest = match(cost, self.settings.max_iou_distance)
        tracks = np.concatenate([won, candidates[rows]])
        taken = np.concatenate([taken, unmatched[columns]])
        unmatched = unmatched[rest]
        if self._overlap_age.in_seconds or self._overlap_age.amount > 1:
            again, columns, unmatched = self._match_lost(leftover, seen, looks, unmatched)
            tracks, taken = np.concatenate([tracks, again]), np.concatenate([taken, columns])
        return tracks, taken, unmatched

    def match_low(self, low: Observation) -> Matches:
        """Match low-scored ones with the confirmed tracks seen in the previous frame that are still without a match."""
        tracks = np.flatnonzero(self._live.confirmed & (self._live.time_since_update == 1))
        rows, columns, unmatched = match(self._overlap_cost(tracks, low), self.settings.low_iou_distance)
        return tracks[rows], columns, unmatched

    def _match_by_overlap(self, seen: Observation, age: Age, max_iou_distance: float) -> Matches:
        """The same where nothing is known of looks: confirmed tracks choose by overlap, those lost up to `age` too, and
        tentative ones among what these leave."""
        confirmed = np.flatnonzero(self._live.confirmed)
        recent = self._lost_for(confirmed, age) <= age.longest
        candidates = confirmed[recent | (self._live.time_since_update[confirmed] == 1)]
        rows, columns, unmatched = match(self._overlap_cost(candidates, seen), max_iou_distance)
        tentative = np.flatnonzero(~self._live.confirmed)
        cost = self._overlap_cost(tentative, seen, unmatched)
        new_rows, new_columns, rest = match(cost, self.settings.max_iou_distance)
        tracks = np.concatenate([candidates[rows], tentative[new_rows]])
        return tracks, np.concatenate([columns, unmatched[new_columns]]), unmatched[rest]

    def _match_lost(self, leftover: IntArray, seen: Observation, looks: Looks, unmatched: IntArray) -> Matches:
        """Overlap once more, for tracks lost up to `overlap_age`, in pairs of which appearance says nothing."""
        missed = leftover[self._live.time_since_update[leftover] > 1]
        lost = np.sort(missed[self._lost_for(missed, self._overlap_age) <= self._overlap_age.longest])
        cost = self._overlap_cost(lost, seen, unmatched)
        known = looks.known[unmatched] | (looks.lazy and looks.possible)
        cost[np.outer(~self._gallery.is_empty(self._live.slots[lost]), known)] = np.inf
        rows, columns, rest = match(cost, self.settings.max_iou_distance)
        return lost[rows], unmatched[columns], unmatched[rest]

    def overlap_confirmed(self, seen: Observation, columns: IntArray) -> Mask:
        """(M,) whether these detections overlap a confirmed track enough to continue it."""
        cost = self._overlap_cost(np.flatnonzero(self._live.confirmed), seen, columns)
        return np.asarray((cost <= self.settings.max_iou_distance).any(axis=0))

    def _overlap_cost(self, tracks: IntArray, seen: Observation, columns: IntArray | slice = slice(None)) -> FloatArray:
        """(T, N) 1 − IoU of tracks and detections; inf between classes where they are kept apart."""
        # Left, top, width, height, as in the reference: many costs tie, and the solver's choice among them hangs on the
        # last bit of this arithmetic.
        margin = None if self.margin is None else self.margin[tracks]
        cost = 1.0 - iou(self._live.boxes(tracks), seen.boxes[columns], margin)
        if self.settings.per_class:
            cost[self._live.class_ids[tracks][:, None] != seen.class_ids[columns]] = np.inf
        return cost

    def _match_by_appearance(self, confirmed: IntArray, seen: Observation, looks: Looks) -> Matches:
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

        ages = self._live.time_since_update[confirmed]
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
        appearance = AppearanceCosts(self._gallery, self._live.slots[confirmed], looks.features, settled, threshold)
        if settings.motion_weight == 0:
            return appearance
        state = self._live.state[confirmed]
        motion = functools.partial(kalman.squared_mahalanobis, state, seen.measurements)
        return WeightedCosts(appearance, motion, settings.motion_weight, threshold)

    def _comparable_pairs(self, confirmed: IntArray, seen: Observation, looks: Looks) -> tuple[IntArray, IntArray]:
        """Pairs (position in `confirmed`, detection) that motion and class admit and whose track has a look."""
        if not looks.possible or len(confirmed) == 0:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        if self.settings.gating:
            rows, columns = kalman.gated_pairs(self._live.state[confirmed], seen.measurements)
        else:
            rows, columns = np.divmod(np.arange(len(confirmed) * len(seen)), len(seen))
        empty = self._gallery.is_empty(self._live.slots[confirmed])
        if empty.any():
            keep = ~empty[rows]
            rows, columns = rows[keep], columns[keep]
        if self.settings.per_class:
            keep = self._live.class_ids[confirmed][rows] == seen.class_ids[columns]
            rows, columns = rows[keep], columns[keep]
        return rows, columns

    def _settled(self, confirmed: IntArray, rows: IntArray, columns: IntArray, seen: Observation) -> Mask:
        """(T,) mask of confirmed tracks that match their only detection whatever it looks like."""
        gated = np.zeros((len(self._live), len(seen)), bool)
        gated[confirmed[rows], columns] = True
        everyone = np.arange(len(self._live))
        overlapping = self._overlap_cost(everyone, seen) <= self.settings.max_iou_distance
        overlapping[self._live.confirmed & (self._live.time_since_update > 1)] = False
        return settled_rows(gated, overlapping)[confirmed]

    def _lost_for(self, tracks: IntArray, age: Age) -> FloatArray | IntArray:
        """How long ago these tracks were seen last, in the unit of an age."""
        last_seen, missed = self._live.seconds[:, LAST], self._live.time_since_update
        return self._clock.now - last_seen[tracks] if age.in_seconds else missed[tracks]
