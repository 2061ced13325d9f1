"""Recordings of what was seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deepsort_cli.core.recording import Origin
from deepsort_cli.core.types import Detections
from deepsort_cli.video.sinks.recording import RecordingSink

from .helpers import frame_of


def test_what_is_not_recorded_is_told_once(tmp_path: Path) -> None:
    told: list[str] = []
    box = np.array([[1.0, 2, 30, 40]])
    with RecordingSink(tmp_path / "seen.npz", Origin(), note=told.append) as sink:
        for index, data in enumerate([{}, {"team": ["red"]}, {"team": ["red"], "keypoints": np.zeros((1, 3, 2))}, {}]):
            sink.see(frame_of(index), Detections(box, data=data), None)
        sink.see(frame_of(4), None, None)
    assert [line.rpartition(": ")[2] for line in told] == [
        "a recording has no team of detections",
        "a recording has no keypoints of detections",
    ]
    assert (tmp_path / "seen.npz").exists()
