"""The sequences of a study, each with its recording and ground truth, and how they are tracked again."""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.boxes import xyxy_to_tlwh
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.mot import Comparison
from deepsort_cli.core.recording import Recording, every_other
from deepsort_cli.core.types import FloatArray, Frame
from deepsort_cli.evaluation.mot_score import score_comparisons
from deepsort_cli.evaluation.proxy import Facts, Ids, gather_facts
from deepsort_cli.perception.stored import StoredDetections
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.settings.tune import FIGURES
from deepsort_cli.workflows.track.follow import Follower
from deepsort_cli.workflows.track.parts import Parts
from deepsort_cli.workflows.track.perceive import Glance, perceive

MOST_FOLDS = 5


@dataclass(frozen=True)
class Piece:
    """A sequence, or a part of one, that is tracked and scored by itself.

    Attributes:
        name: unique in the study.
        recording: what was seen.
        truth: ground truth of its frames, with the file and form it is from; None without.
    """

    name: str
    recording: Recording
    truth: Comparison | None

    @property
    def fingerprint(self) -> str:
        """Of all that a score depends on beside settings."""
        digest = hashlib.sha256(self.name.encode())
        found = self.recording.detections
        arrays: list[npt.NDArray[np.generic] | None] = [self.recording.frames, self.recording.times, found.boxes]
        arrays += [found.scores, found.class_ids, found.features, self.recording.motions]
        arrays.append(None if self.truth is None else self.truth.ground_truth)
        for array in arrays:
            digest.update(b"none" if array is None else np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]

    def halves(self) -> list[Piece]:
        """Its first and its second half in time."""
        middle = len(self.recording) // 2
        bounds = ((0, middle, "first half"), (middle, len(self.recording), "second half"))
        return [self._part(first, last, f"{self.name}, {what}") for first, last, what in bounds]

    def _part(self, first: int, last: int, name: str) -> Piece:
        recording, truth = self.recording.part(first, last), self.truth
        if truth is not None:
            rows = truth.ground_truth[np.isin(truth.ground_truth[:, 0], recording.frames + 1)]
            truth = Comparison(name, truth.results, rows, 0, truth.truth_path, truth.truth_form)
        return Piece(name, recording, truth)

    def figures(self, settings: TrackSettings) -> dict[str, float]:
        """How good settings are here: the figures of `judged_by`, and `id_switches` where there is ground truth."""
        if self.truth is None:
            return self._judged(settings)
        results, _ = follow(self.recording, settings)
        key = hashlib.sha256(results.tobytes()).digest()  # the rows of all trials would fill the memory
        if key not in self._known:  # many settings give the same tracks
            self._known[key] = self._scored(results)
        return self._known[key]

    def _scored(self, results: FloatArray) -> dict[str, float]:
        truth = self.truth
        assert truth is not None
        compared = Comparison(self.name, results, truth.ground_truth, 0, truth.truth_path, truth.truth_form)
        score = score_comparisons([compared]).scores[0]
        return {name: float(getattr(score, name)) for name in (*FIGURES.values(), "id_switches")}

    @property
    def countable(self) -> bool:
        """Whether it has ground truth that counts."""
        if self.truth is None or not len(self.truth.ground_truth):
            return False
        try:
            self._scored(np.empty((0, 10)))
        except InputError:
            return False
        return True

    def _judged(self, settings: TrackSettings) -> dict[str, float]:
        recording = self.recording
        _, ids = follow(recording, settings)
        _, some = follow(every_other(_numbered(recording)), settings, len(recording.detections))
        found = self.facts.judge(ids, some)
        return {
            "total": found.total,
            "found": found.found,
            "agreement": found.agreement,
            "joined": found.joined,
        }

    @functools.cached_property
    def facts(self) -> Facts:
        """What is known without labels."""
        return gather_facts(self.recording)

    @functools.cached_property
    def _known(self) -> dict[bytes, dict[str, float]]:
        return {}


ROW = "row"
"""The number of a detection in its recording, which travels with it through the tracker."""


def _numbered(recording: Recording) -> Recording:
    found = recording.detections
    if ROW in found.data:
        return recording
    return replace(recording, detections=found.with_data({ROW: np.arange(len(found))}))


def follow(recording: Recording, settings: TrackSettings, count: int | None = None) -> tuple[FloatArray, Ids]:
    """Track a recording as `deepsort track` does.

    Args:
        count: number of the detections of the recording that this one is a part of; None: it is whole.

    Returns:
        (N, 10) result rows, and the id that each detection got, 0 for none.
    """
    recording = _numbered(recording)
    parts = parts_of(recording, settings)
    follower = Follower(parts, None, fps=recording.origin.fps, matched_only=True)
    rows = [np.empty((0, 10))]
    ids = np.zeros(len(recording.detections) if count is None else count, np.int64)
    frames = zip(recording.frames.tolist(), recording.times.tolist(), recording.looked.tolist(), strict=True)
    for index, time, looked in frames:
        tracks = follower(perceive(parts, Glance(Frame(index, None, time), looked, None, None)))
        if not len(tracks):
            continue
        table = np.full((len(tracks), 10), -1.0)
        table[:, 0], table[:, 1], table[:, 6] = index + 1, tracks.ids, 1
        table[:, 2:6] = np.round(xyxy_to_tlwh(tracks.boxes), 2)
        rows.append(table)
        matched = tracks[tracks.detection_index >= 0]  # nothing is where nobody looked
        ids[np.array(matched.data[ROW], np.int64)] = matched.ids
    return np.concatenate(rows), ids


def parts_of(recording: Recording, settings: TrackSettings) -> Parts:
    """The parts of a run over a recording."""
    detector, tracker = settings.detector, settings.tracker
    scores = StoredDetections.of(recording).scores
    conf = scores.keep if detector.conf is None else detector.conf
    # Of classes it has those asked for already; one of them may be missing in a half.
    stored = StoredDetections.of(
        recording, conf=conf if tracker.low_score is None else tracker.low_score, iou=detector.iou
    )
    method = settings.camera_motion.method
    return Parts(
        detector=stored,
        embedder=None,
        own_features=True,
        camera=None,
        recorded_motion=method != "none" and recording.origin.camera_motion == method,
        tracker=tracker.filled(conf, recording.origin.threshold, scores.start),
        interval=1,
        workers=1,
    )


def folds_of(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Groups of pieces that are left out in turn, five at most."""
    count = min(len(pieces), MOST_FOLDS)
    return [list(itertools.islice(pieces, start, None, count)) for start in range(count)]
