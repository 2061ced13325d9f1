"""Results beside ground truth."""

from __future__ import annotations

import numpy as np

from deepsort_cli.core.types import Tracks
from deepsort_cli.video.scene import GroundTruth
from deepsort_cli.video.sinks import (
    ComparisonSink,
)

from .helpers import at, frame


class TestComparison:
    def test_ground_truth_of_the_frames_tracked(self) -> None:
        truth = np.array([[f, 1, 0, 0, 9, 9, 1, 1, 1] for f in range(1, 11)], dtype=float)
        sink = ComparisonSink("street", truth, lambda index: None)
        for index in (2, 4):
            sink.write(frame(index), at({5: 1.0049}))
        found = sink.comparison()
        assert found.name == "street"
        assert found.ground_truth[:, 0].tolist() == [3, 5]
        assert found.left_out == 8
        assert found.results.tolist() == [[f, 5, 1, 10, 20, 50, 1, -1, -1, -1] for f in (3, 5)]

    def test_exact_ground_truth_is_asked_for_frame_by_frame(self) -> None:
        def truth_of(index: int) -> GroundTruth:
            boxes = np.array([[index, 0, index + 9.123, 20.0], [0, 0, 1, 1]])
            return GroundTruth(np.array([1, 2]), boxes, np.array([0.55555, 0.0]))

        sink = ComparisonSink("demo", None, truth_of)
        sink.write(frame(3), Tracks.empty())
        found = sink.comparison()
        assert found.results.shape == (0, 10)
        assert found.ground_truth.tolist() == [[4, 1, 3, 0, 9.12, 20, 1, 1, 0.5556], [4, 2, 0, 0, 1, 1, 0, 1, 0]]
        assert found.left_out == 0
