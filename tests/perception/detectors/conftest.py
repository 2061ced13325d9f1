"""How well a detector finds what is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepsort_cli.core.boxes import tlwh_to_xyxy
from deepsort_cli.perception.detectors import Detector

Overlap = Callable[[np.ndarray, np.ndarray], np.ndarray]
FoundPeople = Callable[[Detector], tuple[float, float]]


def _overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    inside = np.maximum(sides, 0).prod(axis=2)
    return inside / ((a[:, 2:] - a[:, :2]).prod(axis=1)[:, None] + (b[:, 2:] - b[:, :2]).prod(axis=1) - inside)


@pytest.fixture
def overlap() -> Overlap:
    """(N, M) IoU of x1 y1 x2 y2 boxes."""
    return _overlap


@pytest.fixture
def found_people(shared_data: Path) -> FoundPeople:
    """Recall and precision of a detector on every 60th frame of PETS09-S2L1, one to one, at half overlap."""

    def measure(detector: Detector) -> tuple[float, float]:
        truth = np.loadtxt(shared_data / "mot" / "PETS09-S2L1" / "gt" / "gt.txt", delimiter=",")
        truth = truth[truth[:, 6] > 0]
        video = cv2.VideoCapture(str(shared_data / "video" / "vtest.avi"))
        people = found = matched = 0
        for index in range(795):
            assert video.grab()
            if index % 60:
                continue
            detections = detector(video.retrieve()[1])
            boxes = tlwh_to_xyxy(truth[truth[:, 0] == index + 1][:, 2:6])
            people, found = people + len(boxes), found + len(detections)
            left = _overlap(boxes, detections.boxes)
            while left.size and left.max() >= 0.5:  # best pairs first
                i, j = np.unravel_index(left.argmax(), left.shape)
                left[i], left[:, j] = 0, 0
                matched += 1
        assert people > 70
        return matched / people, matched / found

    return measure
