"""How good tracks are, judged without ground truth, by facts that need none.

- **Found.** Of what a detector takes for people, people move now and then, and lamp-posts and flickering shadows do
  not. How often detections of each score move along, compared with those of the highest scores, says how likely each is
  a person; from that follows a Jaccard index as DetA is one: people among what is reported, against everything reported
  and the people missed.
- **Agreement.** Tracking every other frame only is harder, but gives the same identities where tracks are sound. The
  ids of both runs are compared as AssA compares ids with true ones.
- **Joined.** A tracklet (`evaluation.tracklets`) that ends and one that begins soon after, where the first was going,
  with its looks, and with no other candidate, should have one id.

That people seen at once are different needs no figure of its own: a tracker gives them different ids in any case.

The judgement is found² · agreement · (1 + joined) / 2; docs/TUNING.md has how it ranks settings, and where it does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression

from deepsort_cli.core.boxes import xyxy_to_tlwh
from deepsort_cli.core.looks import normalise
from deepsort_cli.core.recording import Recording
from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.evaluation.looks import Memory, compare_looks
from deepsort_cli.evaluation.tracklets import Tracklet, find_tracklets

MOVES, WITHIN, SHORTEST = 0.15, 0.5, 0.3
"""Part of their height by which people move in a second, over so many seconds before and after, at least so many."""
GROUPS = 12
"""Groups of scores, equally large, whose motion is compared."""
USUAL = 0.75
"""The detections whose group is taken as people all: at this quantile."""
LEAST_TRACKLET, ENOUGH_TRACKLETS = 3, 10
LONGEST_GAP = 3.0
"""Seconds between tracklets that may be joined."""
REACH, DRIFT = 0.5, 0.5
"""Heights that a person may be from where it was going, at once and for every second."""
SHRINKS = 0.6
USUAL_DISTANCE = 0.25
"""Cosine distance of one person's looks where it cannot be measured."""
STANDS = 0.5
"""Pixels per frame that the picture shifts at most, at the median, where a camera stands."""

Ids = npt.NDArray[np.int64]
"""(N,) id of every detection of a recording; 0 where it is in no track that is reported."""


@dataclass(frozen=True)
class Judgement:
    """What facts say of tracks; all are fractions."""

    found: float
    agreement: float
    joined: float

    @property
    def total(self) -> float:
        return self.found**2 * self.agreement * (1 + self.joined) / 2


@dataclass(frozen=True)
class Facts:
    """What is known about a recording without labels.

    Attributes:
        likely: (N,) how likely each detection is a person.
        joins: positions of the detections of two tracklets that should have one id.
        half: (N,) whether a detection is in one of every other frame that was looked at.
        tracklets: how many there are.
        moving: the camera moves; None where nobody measured.
    """

    likely: FloatArray
    joins: Sequence[tuple[IntArray, IntArray]]
    half: npt.NDArray[np.bool_]
    tracklets: int
    moving: bool | None

    @property
    def lacking(self) -> str | None:
        """Why these facts cannot judge, in words; None where they can."""
        if self.moving:
            return "its camera moves, and the judgement was found to say little there"
        if self.tracklets < ENOUGH_TRACKLETS:
            return (
                f"{self.tracklets} people or pieces of them are followed without doubt, {ENOUGH_TRACKLETS} are needed"
            )
        return None

    def judge(self, ids: Ids, thinned: Ids) -> Judgement:
        """Judge tracks.

        Args:
            ids: tracking all frames.
            thinned: tracking those of `half` only.
        """
        reported = ids > 0
        everything = np.count_nonzero(reported) + self.likely[~reported].sum()
        found = float(self.likely[reported].sum() / everything) if everything else 0.0
        agreement = same_ids(ids[self.half], thinned[self.half])
        kept = [
            len(np.intersect1d(ids[one][ids[one] > 0], ids[other][ids[other] > 0])) > 0 for one, other in self.joins
        ]
        return Judgement(found, agreement, float(np.mean(kept)) if kept else 1.0)


def gather_facts(recording: Recording) -> Facts:
    """Everything that a recording says without labels."""
    tracklets = [one for one in find_tracklets(recording) if len(one) >= LEAST_TRACKLET]
    look = (np.cumsum(recording.looked) - 1)[np.searchsorted(recording.frames, recording.frame)]
    return Facts(
        likely=_likely_people(recording),
        joins=_joins(recording, tracklets),
        half=look % 2 == 0,
        tracklets=len(tracklets),
        moving=_moves(recording),
    )


def same_ids(first: Ids, second: Ids) -> float:
    """How well the ids of two runs agree on the detections that both report: the AssA of one against the other."""
    both = (first > 0) & (second > 0)
    if not both.any():
        return 0.0
    names, a = np.unique(first, return_inverse=True)
    others, b = np.unique(second, return_inverse=True)
    common = np.zeros((len(names), len(others)))
    np.add.at(common, (a[both], b[both]), 1.0)
    one = np.bincount(a[first > 0], minlength=len(names))[:, None]
    other = np.bincount(b[second > 0], minlength=len(others))[None]
    jaccard = common / np.maximum(one + other - common, 1)
    return float((jaccard * common).sum() / common.sum())


def _likely_people(recording: Recording) -> FloatArray:
    """(N,) by score: how often detections move along, against those of high scores; never less for a higher score."""
    scores = recording.detections.scores
    moved, alone = _moved(recording)
    if not alone.any():
        return np.ones(len(scores))
    edges = np.unique(np.quantile(scores[alone], np.linspace(0, 1, GROUPS + 1)))
    group = np.clip(np.searchsorted(edges, scores, side="right") - 1, 0, max(len(edges) - 2, 0))
    count = np.bincount(group[alone], minlength=max(len(edges) - 1, 1))
    share = np.bincount(group[alone], moved[alone], minlength=len(count)) / np.maximum(count, 1)
    rising = isotonic_regression(share, weights=np.maximum(count, 1).astype(np.float64)).x
    usual = float(np.quantile(rising[group[alone]], USUAL))
    if usual <= 0:  # nobody moves: nothing is known
        return np.ones(len(scores))
    return np.asarray(np.clip(rising[group] / usual, 0.0, 1.0))


def _moved(recording: Recording) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """(N,) whether a detection moves along, and whether it stands alone, so that this can be seen."""
    boxes = xyxy_to_tlwh(recording.detections.boxes)
    centres = boxes[:, :2] + boxes[:, 2:] / 2
    times = recording.times[recording.looked]
    moved, alone = np.zeros(len(boxes), bool), np.zeros(len(boxes), bool)
    for one in find_tracklets(recording, sure=-math.inf, shortest=1):
        alone[one.rows] = True
        when = times[one.frames]
        first = np.searchsorted(when, when - WITHIN - 1e-6)
        last = np.searchsorted(when, when + WITHIN + 1e-6) - 1
        way = np.linalg.norm(centres[one.rows[last]] - centres[one.rows[first]], axis=1) / boxes[one.rows, 3]
        span = when[last] - when[first]
        moved[one.rows] = (span >= SHORTEST) & (way > MOVES * np.maximum(span, WITHIN))
    return moved, alone


def _joins(recording: Recording, tracklets: Sequence[Tracklet]) -> list[tuple[IntArray, IntArray]]:
    """Tracklets that should have one id: the second begins where the first was going, and no other does."""
    boxes = xyxy_to_tlwh(recording.detections.boxes)
    times = recording.times[recording.looked]
    unit, limit = _looks(recording, tracklets)
    possible: list[tuple[int, int, float]] = []
    for first, one in enumerate(tracklets):
        for second, other in enumerate(tracklets):
            gap = times[other.frames[0]] - times[one.frames[-1]]
            if 0 < gap <= LONGEST_GAP and _reaches(boxes, times, one, other):
                distance = 0.0
                if unit is not None:
                    near = (unit[one.rows[-100:]] @ unit[other.rows[:5]].T).max(axis=0)
                    distance = float(1 - near.mean())
                possible.append((first, second, distance))
    rivals = [pair for pair in possible if unit is None or pair[2] < limit + 0.1]
    return [
        (tracklets[first].rows, tracklets[second].rows)
        for first, second, distance in possible
        if (unit is None or distance < limit) and not any((a == first) != (b == second) for a, b, _ in rivals)
    ]


def _looks(recording: Recording, tracklets: Sequence[Tracklet]) -> tuple[npt.NDArray[np.float32] | None, float]:
    """Unit features where there are any, and the distance below which two looks are of one person."""
    features = recording.detections.features
    if features is None or not np.isfinite(features).any():
        return None, 0.0
    unit, _ = normalise(features)
    looks = compare_looks(recording, Memory(), tracklets)
    return unit, USUAL_DISTANCE if looks.lacking is not None else looks.threshold().value


def _reaches(boxes: FloatArray, times: FloatArray, one: Tracklet, other: Tracklet) -> bool:
    """Whether the second tracklet begins about where the first was going, at about its size."""
    last, next_box = boxes[one.rows[-1]], boxes[other.rows[0]]
    if not SHRINKS <= last[3] / max(next_box[3], 1e-9) <= 1 / SHRINKS:
        return False
    back = min(len(one), 5)
    passed = max(times[one.frames[-1]] - times[one.frames[-back]], 1e-6)
    speed = (last[:2] - boxes[one.rows[-back], :2]) / passed if back > 1 else np.zeros(2)
    gap = times[other.frames[0]] - times[one.frames[-1]]
    off = last[:2] + last[2:] / 2 + speed * gap - next_box[:2] - next_box[2:] / 2
    return bool(np.hypot(*off) <= max(last[3], next_box[3]) * (REACH + DRIFT * gap))


def _moves(recording: Recording) -> bool | None:
    """Whether the camera moves, by the motion that was recorded."""
    if recording.motions is None:
        return None
    known = recording.motions[np.isfinite(recording.motions).all(axis=(1, 2))]
    if not len(known):
        return None
    width, height = recording.origin.width, recording.origin.height
    middle = np.array([width / 2, height / 2])
    shift = np.linalg.norm(known[:, :, :2] @ middle + known[:, :, 2] - middle, axis=1)
    return bool(np.median(shift) > STANDS)
