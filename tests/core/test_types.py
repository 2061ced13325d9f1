"""The value types of the tracking pipeline."""

from __future__ import annotations

import numpy as np
import pytest

from deepsort_cli.core import Detections, Tracks


def test_defaults_are_filled_in() -> None:
    detections = Detections(np.array([[0, 0, 1, 1], [1, 1, 2, 2]]))
    assert detections.scores.tolist() == [1.0, 1.0]
    assert detections.class_ids.tolist() == [0, 0]
    assert detections.boxes.dtype == np.float64


def test_slicing_takes_every_array() -> None:
    detections = Detections(
        np.arange(12).reshape(3, 4), np.array([0.1, 0.2, 0.3]), np.array([1, 2, 3]), np.eye(3, dtype=np.float32)
    )
    for index in (slice(1, 3), np.array([False, True, True]), [1, 2]):
        part = detections[index]
        assert part.scores.tolist() == [0.2, 0.3]
        assert part.class_ids.tolist() == [2, 3]
        assert part.features is not None
        assert part.features.argmax(axis=1).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"boxes": np.zeros((2, 5))}, r"\(N, 4\)"),
        ({"boxes": np.zeros(4)}, r"\(N, 4\)"),
        ({"boxes": np.zeros((2, 4)), "scores": np.zeros(3)}, r"scores must have shape \(2,\)"),
        ({"boxes": np.zeros((2, 4)), "class_ids": np.zeros(1)}, r"class_ids must have shape \(2,\)"),
        ({"boxes": np.zeros((2, 4)), "features": np.zeros((1, 8))}, r"features must have shape \(2, D\)"),
        ({"boxes": np.zeros((2, 4)), "features": np.zeros(2)}, r"features must have shape \(2, D\)"),
    ],
)
def test_arrays_that_do_not_agree(fields: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Detections(**fields)


def test_empty() -> None:
    assert len(Detections.empty()) == 0
    assert len(Detections([], features=[])) == 0  # type: ignore[arg-type]
    assert len(Tracks.empty()) == 0
    assert len(Tracks.empty()[:0]) == 0
