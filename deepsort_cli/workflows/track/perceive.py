"""What is seen in a frame: detections, their features, the camera's motion. Runs in several threads at once."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from deepsort_cli.core import Detections, Frame
from deepsort_cli.core.types import FloatArray
from deepsort_cli.perception.camera_motion import GreyImage
from deepsort_cli.perception.embedders import Features
from deepsort_cli.workflows.track.parts import Parts


@dataclass(frozen=True)
class Glance:
    """A frame to be perceived.

    Attributes:
        frame: the frame.
        detects: whether the detector's turn has come.
        before, now: small pictures of the previous frame and this one, where camera motion is to be measured. It needs
            two frames, so each carries the one before it.
    """

    frame: Frame
    detects: bool
    before: GreyImage | None
    now: GreyImage | None


@dataclass(frozen=True)
class Perceived:
    """What was seen in a frame, and the seconds it took. `detections` is None where the detector did not look."""

    frame: Frame
    detections: Detections | None
    motion: FloatArray | None
    detect_seconds: float
    embed_seconds: float
    camera_seconds: float


def glances(parts: Parts, frames: Iterable[Frame]) -> Iterator[Glance]:
    """The frames, in order, with what is to be done with each."""
    before = None
    for position, frame in enumerate(frames):
        now = parts.camera.shrink(frame.image) if parts.camera is not None and frame.image is not None else None
        yield Glance(frame, parts.looks_at(position, frame), before, now)
        before = now


def perceive(parts: Parts, glance: Glance) -> Perceived:
    """Detections, with their features unless those are computed on demand, and camera motion."""
    frame = glance.frame
    times = [time.perf_counter()]
    found = parts.detector.detect(frame) if glance.detects else None
    times.append(time.perf_counter())
    if found is not None and (found.features is None or not parts.own_features):
        found = found.with_features(None if parts.embeds_on_demand else _features(parts, frame, found))
    times.append(time.perf_counter())
    motion = _motion(parts, glance, None if found is None else found.boxes)
    times.append(time.perf_counter())
    return Perceived(frame, found, motion, *np.diff(times).tolist())


def _features(parts: Parts, frame: Frame, found: Detections) -> Features | None:
    """(N, D) features; NaN, unknown, for the low-scored detections, whose appearance is never looked at."""
    if parts.embedder is None or frame.image is None:
        return None
    if parts.tracker.low_score is None:
        return parts.embedder(frame.image, found.boxes)
    full = found.scores >= parts.tracker.full_score
    known = parts.embedder(frame.image, found.boxes[full])
    features = np.full((len(found), known.shape[1]), np.nan, dtype=np.float32)
    features[full] = known
    return features


def _motion(parts: Parts, glance: Glance, boxes: FloatArray | None) -> FloatArray | None:
    image = glance.frame.image
    if parts.recorded_motion and parts.stored is not None:
        return parts.stored.motion(glance.frame.index)
    if parts.camera is None or image is None or glance.before is None or glance.now is None:
        return None
    return parts.camera(glance.before, glance.now, image.shape[:2], boxes)
