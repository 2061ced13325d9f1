"""Box geometry."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

from deepsort_cli.core.boxes import covered, iou, overlapping, tlwh_to_xyxy, xyxy_to_tlwh

boxes = arrays(float, st.tuples(st.integers(0, 5), st.just(4)), elements=st.integers(0, 30).map(float))


@settings(max_examples=50, deadline=None)
@given(boxes)
def test_conversions_are_inverse(tlwh: np.ndarray) -> None:
    assert_allclose(xyxy_to_tlwh(tlwh_to_xyxy(tlwh)), tlwh)


@settings(max_examples=50, deadline=None)
@given(boxes, boxes)
def test_iou_counts_pixels(a: np.ndarray, b: np.ndarray) -> None:
    """Against masks on an integer grid."""

    def mask(box: np.ndarray) -> np.ndarray:
        grid = np.zeros((64, 64), bool)
        left, top, width, height = box.astype(int)
        grid[top : top + height, left : left + width] = True
        return grid

    expected = np.zeros((len(a), len(b)))
    for i, first in enumerate(a):
        for j, second in enumerate(b):
            union = (mask(first) | mask(second)).sum()
            expected[i, j] = (mask(first) & mask(second)).sum() / union if union else 0.0
    assert_allclose(iou(a, b), expected)
    margin = np.arange(len(a), dtype=float)
    for i, by in enumerate(np.outer(margin, [-1, -1, 2, 2])):
        assert_allclose(iou(a, b, margin)[i : i + 1], iou(a[i : i + 1] + by, b + by))


def test_who_is_hidden_by_whom() -> None:
    """The second stands half before the first; the third is alone."""
    boxes = np.array([[0.0, 0, 10, 20], [5, 5, 15, 30], [50, 0, 60, 20]])
    np.testing.assert_allclose(covered(boxes), [0.375, 0, 0])
    assert overlapping(boxes).tolist() == [[True, True, False], [True, True, False], [False, False, True]]
    assert covered(np.empty((0, 4))).shape == (0,)
