from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from deepsort_cli.perception.nms import nms


def naive_nms(boxes: np.ndarray, scores: np.ndarray, class_ids: np.ndarray, threshold: float) -> list[int]:
    """Greedy suppression, one pair at a time."""
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        if all(class_ids[i] != class_ids[j] or naive_iou(boxes[i], boxes[j]) <= threshold for j in kept):
            kept.append(i)
    return kept


def naive_iou(a: np.ndarray, b: np.ndarray) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    overlap = width * height
    return overlap / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - overlap)


# Whole numbers: no IoU comes so close to a threshold that rounding decides.
corners = hnp.arrays(np.int64, st.tuples(st.integers(0, 25), st.just(4)), elements=st.integers(-20, 20))


@settings(max_examples=150, deadline=None)
@given(corners, st.sampled_from([0.0, 0.3001, 0.4999, 0.6999, 1.0]), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_agrees_with_the_naive_loop(boxes: np.ndarray, threshold: float, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    boxes = np.concatenate([np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], axis=1)
    boxes = boxes.astype(np.float64)
    scores = rng.choice([0.0, 0.25, 0.5, 0.75, 1.0], len(boxes))  # with ties
    class_ids = rng.integers(0, classes, len(boxes))
    kept = nms(boxes, scores, class_ids, threshold)
    assert kept.dtype == np.int64
    assert kept.tolist() == naive_nms(boxes, scores, class_ids, threshold)


def test_keeps_the_best_of_each_class() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [0, 0, 10, 10], [50, 50, 60, 60]], dtype=float)
    scores = np.array([0.6, 0.9, 0.8, 0.7])
    assert nms(boxes, scores, np.array([0, 0, 1, 0]), 0.5).tolist() == [1, 2, 3]


@pytest.mark.parametrize("shift", [-1e7, 0.0, 1e7])
def test_classes_stay_apart_wherever_the_boxes_lie(shift: float) -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 10]], dtype=float) + shift
    assert nms(boxes, np.array([0.5, 0.9]), np.array([0, 70]), 0.0).tolist() == [1, 0]
    assert nms(boxes, np.array([0.5, 0.9]), np.array([3, 3]), 0.9).tolist() == [1]


def test_nothing_in_nothing_out() -> None:
    kept = nms(np.empty((0, 4)), np.empty(0), np.empty(0, np.int64), 0.5)
    assert kept.shape == (0,)
    assert kept.dtype == np.int64


def test_without_classes_all_boxes_suppress_each_other() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 11], [50, 50, 60, 60]], dtype=float)
    scores, classes = np.array([0.6, 0.9, 0.5]), np.array([0, 1, 0])
    assert nms(boxes, scores, classes, 0.5).tolist() == [1, 0, 2]
    assert nms(boxes, scores, None, 0.5).tolist() == [1, 2]
