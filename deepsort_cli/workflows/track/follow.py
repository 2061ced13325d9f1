"""One source's tracker, in the order of the frames, and what is counted about it."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from deepsort_cli.core import Detections, Tracks
from deepsort_cli.core.regions import Counts, Line, Zone
from deepsort_cli.core.streams import clock
from deepsort_cli.core.types import IntArray
from deepsort_cli.perception.detectors.hog import HogDetector
from deepsort_cli.perception.embedders import Features
from deepsort_cli.perception.fate import Fate
from deepsort_cli.perception.functions import FunctionDetector
from deepsort_cli.tracking import Tracker
from deepsort_cli.tracking.counting import RegionCounter
from deepsort_cli.workflows.track.auto_threshold import AutoThreshold
from deepsort_cli.workflows.track.parts import Parts
from deepsort_cli.workflows.track.perceive import Perceived


class Follower:
    """Tracks what was perceived, frame by frame.

    Attributes:
        frames, rows: how many came, and how many track boxes were reported.
        ids: of all tracks reported.
        detected: frames the detector looked at.
        measured: frames whose camera motion could be measured; None where none was to be.
        counts: of lines and zones after the last frame; None where there are none.
        fps: frames per second lately.
        seconds: how long each stage worked.
        auto: measures the appearance threshold while tracking; None: it stays as it is.
    """

    def __init__(
        self,
        parts: Parts,
        counter: RegionCounter | None,
        *,
        fps: float,
        matched_only: bool,
        with_looks: bool = False,
        margin: float = 0.05,
    ) -> None:
        """Begin before the first frame of a source with so many frames per second of its own.

        Args:
            matched_only: report tracks matched in a frame only.
            with_looks: report the features of their detections as well.
            margin: of lines and zones that come later, see `RegionCounter`.
        """
        self._parts = parts
        self._counter, self._margin = counter, margin
        self._matched_only = matched_only
        self._with_looks = with_looks
        self._tracker = Tracker(parts.tracker.at_rate(fps))
        self._meter = _Meter()
        self.auto: AutoThreshold | None = None
        self.frames = self.rows = self.detected = 0
        self.ids: set[int] = set()
        self.measured: int | None = None
        self.counts: Counts | None = None
        self.fps = 0.0
        self.seconds = {"read": 0.0, "detect": 0.0, "embed": 0.0, "camera": 0.0, "track": 0.0, "people": 0.0}

    def count_at(self, lines: Sequence[Line], zones: Sequence[Zone]) -> None:
        """Count at these lines and zones from the next frame on; those that were there before keep their counts."""
        if self._counter is None:
            self._counter = RegionCounter(lines, zones, self._margin)
        else:
            self._counter.change(lines, zones)

    def __call__(self, seen: Perceived) -> Tracks:
        """The tracks to report after the next frame."""
        self.seconds["detect"] += seen.detect_seconds
        self.seconds["embed"] += seen.embed_seconds
        self.detected += seen.detections is not None
        if self._parts.recorded_motion or (self._parts.camera is not None and seen.frame.image is not None):
            self.seconds["camera"] += seen.camera_seconds
            self.measured = (self.measured or 0) + (seen.motion is not None)
        tracks = self._track(seen)
        if self.auto is not None and (found := self.auto(seen)) is not None:
            self._tracker.compare_by(found)
        if self._matched_only:
            tracks = tracks[tracks.time_since_update == 0]
        if self._counter is not None:
            self.counts = self._counter.update(tracks)
        self.ids.update(tracks.ids.tolist())
        self.rows += len(tracks)
        self.frames += 1
        self.fps = self._meter.tick()
        return tracks

    def _track(self, seen: Perceived) -> Tracks:
        """The tracker's own answer. Where features are computed on demand, it asks for them: that is here, too."""
        embedding = {"embed": 0.0}
        known: list[tuple[IntArray, Features]] = []

        def embed(positions: IntArray) -> Features:
            assert self._parts.embedder is not None
            assert seen.frame.image is not None
            assert seen.detections is not None
            with clock(embedding, "embed"):
                features = self._parts.embedder(seen.frame.image, seen.detections.boxes[positions])
            known.append((positions, features))
            return features

        moment = seen.frame.time if self._parts.tracker.needs_time else None
        with clock(self.seconds, "track"):
            if seen.detections is None:
                tracks = self._tracker.coast(seen.motion, moment)
            else:
                on_demand = self._parts.embeds_on_demand and seen.detections.features is None
                tracks = self._tracker.update(seen.detections, seen.motion, embed if on_demand else None, moment)
        self.seconds["track"] -= embedding["embed"]
        self.seconds["embed"] += embedding["embed"]
        return _with_looks(tracks, seen.detections, known) if self._with_looks else tracks

    @property
    def threshold(self) -> float:
        """The appearance threshold in force."""
        return self._tracker.settings.appearance_threshold

    @property
    def embedded(self) -> tuple[int, int]:
        """How many detections were embedded, and how many need not be."""
        if self._parts.embeds_on_demand and not self._parts.brings_features:
            return self._tracker.embedded, self._tracker.seen - self._tracker.embedded
        models = self._parts.embedder is not None and not self._parts.brings_features
        return self._tracker.seen if models else 0, 0

    def fate(self, last_frame: int | None) -> Fate:
        """What became of the detections; `last_frame` is the source's last, from 1, None where it was not reached."""
        detector, tracker = self._parts.detector, self._tracker
        return Fate(
            counts=detector.tally.counts,
            conf=detector.conf,
            stored=detector.stored,
            unusable=tracker.unusable,
            begun=tracker.begun,
            unconfirmed=tracker.unconfirmed,
            held_back=tracker.held_back,
            start_score=tracker.settings.least_start,
            n_init=self._parts.tracker.n_init,
            beyond=0 if last_frame is None else detector.after(last_frame),
            last_resort=isinstance(detector, HogDetector),
            function=isinstance(detector, FunctionDetector),
        )


def _with_looks(tracks: Tracks, detections: Detections | None, embedded: list[tuple[IntArray, Features]]) -> Tracks:
    """Tracks with the features of their detections: those that came with them, or were embedded on demand."""
    if detections is None:
        return tracks
    features = detections.features
    if features is None and embedded:
        features = np.full((len(detections), embedded[0][1].shape[1]), np.nan, np.float32)
        for positions, found in embedded:
            features[positions] = found
    if features is None or not features.shape[1]:
        return tracks
    looks = np.full((len(tracks), features.shape[1]), np.nan, np.float32)
    matched = tracks.detection_index >= 0
    looks[matched] = features[tracks.detection_index[matched]]
    return tracks.with_features(looks)


class _Meter:
    """Frames per second over the last moments."""

    def __init__(self, window: int = 30) -> None:
        self._times: list[float] = []
        self._window = window

    def tick(self) -> float:
        self._times = [*self._times[-self._window :], time.perf_counter()]
        span = self._times[-1] - self._times[0]
        return (len(self._times) - 1) / span if span > 0 else 0.0
