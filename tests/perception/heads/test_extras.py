"""Masks, key points and corners that heads tell of, through generated graphs, where they are in the picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest

from deepsort_cli.perception.detectors import open_detector
from deepsort_cli.perception.settings import DetectorSettings

SIZE, CELLS = 96, 144 + 36 + 9
PICTURE = np.zeros((96, 192, 3), np.uint8)
PERSON = (30.0, 12.0, 90.0, 84.0)
"""In the picture; half as wide and high in the input, below a margin where the picture is centred."""
INSIDE = {"centre": (15.0, 30.0, 45.0, 66.0), "corner": (15.0, 6.0, 45.0, 42.0), "stretch": (15.0, 12.0, 45.0, 84.0)}
PLACES = np.array([[30.0, 12], [60, 48], [90, 84]])
"""Where three key points are in the picture; the others lie on the second."""
POSE = {"task": "pose", "names": "{0: 'person'}", "kpt_shape": "[17, 3]"}
Outputs = dict[str, np.ndarray]


def centre(box: tuple[float, ...]) -> np.ndarray:
    x1, y1, x2, y2 = box
    return np.array([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1])


def points(fit: str, numbers: int = 3) -> np.ndarray:
    """(17, numbers) in the input."""
    x1, y1, x2, y2 = INSIDE[fit]
    share = (PLACES[np.minimum(np.arange(17), 2) if numbers else 0] - (30, 12)) / (60, 72)
    share[3:] = 0.5
    found = np.column_stack([x1 + share[:, 0] * (x2 - x1), y1 + share[:, 1] * (y2 - y1), np.linspace(1, 0.5, 17)])
    return found[:, :numbers]


def table(rows: int, at: int, *columns: np.ndarray | float) -> np.ndarray:
    """(1, rows, …) zeros but for one row. Others, also confident, would be told apart by their places."""
    row = np.concatenate([np.atleast_1d(column) for column in columns])
    found = np.zeros((1, rows, len(row)))
    found[0, at] = row
    return found


def one_hot(classes: int, score: float = 0.9) -> np.ndarray:
    return np.eye(classes)[0] * score


def left_half(fit: str, height: int, width: int) -> np.ndarray:
    """Logits over the input: above zero left of the person's middle, in every row."""
    middle = (INSIDE[fit][0] + INSIDE[fit][2]) / 2 * width / SIZE
    return np.broadcast_to(middle - (np.arange(width) + 0.5), (height, width)).copy()


def prototypes(fit: str) -> np.ndarray:
    """(1, 32, 24, 24) of which the second is the left half."""
    maps = np.random.default_rng(0).normal(size=(1, 32, 24, 24))
    maps[0, 1] = left_half(fit, 24, 24)
    return maps


SECOND = np.eye(32)[1]


@dataclass(frozen=True)
class Example:
    outputs: Outputs
    metadata: Mapping[str, str] = field(default_factory=dict)
    numbers: int = 3


def yolov8_pose(numbers: int = 3) -> np.ndarray:
    found = points("centre", numbers).ravel()
    return table(CELLS, 10, centre(INSIDE["centre"]), 0.9, found).transpose(0, 2, 1)


def dets(fit: str, rows: int, at: int) -> np.ndarray:
    return table(rows, at, np.array(INSIDE[fit]), 0.9)


def rfdetr_masks() -> Outputs:
    logits = np.full((1, 30, 91), -8.0)
    logits[0, 10, 1] = 3.0
    masks = np.full((1, 30, 24, 24), -5.0)
    masks[0, 10] = left_half("stretch", 24, 24)
    return {"dets": table(30, 10, centre(INSIDE["stretch"]) / SIZE), "labels": logits, "masks": masks}


def torchvision_masks() -> Outputs:
    masks = np.zeros((2, 1, SIZE, SIZE))
    masks[1, 0] = left_half("centre", SIZE, SIZE) > 0
    boxes = np.array([(60.0, 40, 80, 60), INSIDE["centre"]])
    return {"boxes": boxes, "labels": np.array([3, 1]), "scores": np.array([0.6, 0.9]), "masks": masks}


def torchvision_points() -> Outputs:
    found = {key: value for key, value in torchvision_masks().items() if key != "masks"}
    return found | {"keypoints": np.stack([points("centre") * 0, points("centre")])}


KEYPOINTS = {
    "yolov8": Example({"output0": yolov8_pose()}, POSE),
    "yolov8 without confidences": Example({"output0": yolov8_pose(2)}, POSE | {"kpt_shape": "[17, 2]"}, 2),
    "yolov8 without metadata": Example({"output0": yolov8_pose()}),
    "yolov8 with names alone": Example({"output0": yolov8_pose()}, {"names": "{0: 'person'}"}),
    "yolov7": Example(
        {"output": table(3 * CELLS, 10, centre(INSIDE["centre"]), 1.0, 0.9, points("centre").ravel())},
    ),
    "end to end": Example({"output0": table(300, 4, INSIDE["centre"], 0.9, 0.0, points("centre").ravel())}),
    "rtmo": Example(
        {
            "dets": dets("corner", 8, 5),
            "keypoints": table(8, 5, points("corner").ravel()).reshape(1, 8, 17, 3),
        }
    ),
    "torchvision": Example(torchvision_points()),
}
MASKS = {
    "yolov8": Example(
        {
            "output0": table(CELLS, 10, centre(INSIDE["centre"]), one_hot(80), SECOND).transpose(0, 2, 1),
            "output1": prototypes("centre"),
        },
        {"task": "segment"},
    ),
    "yolov5": Example(
        {
            "output0": table(3 * CELLS, 10, centre(INSIDE["centre"]), 1.0, one_hot(80), SECOND),
            "output1": prototypes("centre"),
        }
    ),
    "end to end": Example(
        {"output0": table(300, 4, INSIDE["centre"], 0.9, 0.0, SECOND), "output1": prototypes("centre")}
    ),
    "rfdetr": Example(rfdetr_masks()),
    "torchvision": Example(torchvision_masks()),
    "mmdeploy": Example(
        {
            "dets": dets("corner", 8, 5),
            "labels": np.zeros((1, 8), np.int64),
            "masks": np.tile(left_half("corner", SIZE, SIZE) > 0, (1, 8, 1, 1)) * 1.0,
        }
    ),
}
ANGLE = 0.3
TURNED = np.array([30.0, 48, 20, 32])
DOTA = {"task": "obb", "names": str(["person", "bicycle"])}
CORNERS = {
    "yolov8": Example({"output0": table(CELLS, 10, TURNED, 0.9, 0.0, ANGLE).transpose(0, 2, 1)}, DOTA),
    "end to end": Example({"output0": table(300, 4, TURNED, 0.9, 0.0, ANGLE)}, DOTA),
}


def found_by(constant_model, example: Example):
    path = constant_model(
        *example.outputs.values(),
        outputs=list(example.outputs),
        metadata=example.metadata,
        input_shape=(1, 3, SIZE, SIZE),
    )
    found = open_detector(DetectorSettings(model_path=str(path), conf=0.5))(PICTURE)
    assert len(found) == 1
    return found


@pytest.mark.parametrize("example", KEYPOINTS.values(), ids=KEYPOINTS)
def test_key_points_are_where_they_are_in_the_picture(constant_model, example: Example) -> None:
    found = found_by(constant_model, example)
    np.testing.assert_allclose(found.boxes, [PERSON], atol=1e-3)
    points = found.data["keypoints"]
    assert points.shape == (1, 17, example.numbers)
    np.testing.assert_allclose(points[0, :3, :2], PLACES, atol=1e-3)
    np.testing.assert_allclose(points[0, 3:, :2], np.tile(PLACES[1], (14, 1)), atol=1e-3)
    if example.numbers == 3:
        np.testing.assert_allclose(points[0, :, 2], np.linspace(1, 0.5, 17), atol=1e-5)


@pytest.mark.parametrize("example", MASKS.values(), ids=MASKS)
def test_masks_are_where_they_are_in_the_picture(constant_model, example: Example) -> None:
    """The left half of the person, cut off at the box."""
    found = found_by(constant_model, example)
    np.testing.assert_allclose(found.boxes, [PERSON], atol=1e-3)
    left, top, pixels = found.data["masks"][0].crop()
    assert (left, top, *pixels.shape) == (30, 12, 72, 30)
    assert pixels.all()
    assert (found.data["masks"][0].height, found.data["masks"][0].width) == (96, 192)


@pytest.mark.parametrize("example", CORNERS.values(), ids=CORNERS)
def test_corners_of_turned_boxes(constant_model, example: Example) -> None:
    found = found_by(constant_model, example)
    corners = found.data["corners"][0]
    np.testing.assert_allclose(corners.mean(axis=0), [60, 48], atol=1e-3)
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    np.testing.assert_allclose(sides, [40, 64, 40, 64], atol=1e-3)
    along = corners[1] - corners[0]
    assert np.arctan2(along[1], along[0]) == pytest.approx(ANGLE, abs=1e-5)
    hull = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    np.testing.assert_allclose(found.boxes[0], hull, atol=1e-3)


def test_rows_stay_together_through_suppression_and_limits(constant_model) -> None:
    """Many people, many of them on top of each other, some at the edge or beyond it: each keeps its own points."""
    rng = np.random.default_rng(1)
    rows = np.zeros((1, CELLS, 56))
    centres = rng.uniform(-10, SIZE + 10, (60, 2))
    rows[0, :60, :2], rows[0, :60, 2:4], rows[0, :60, 4] = centres, rng.uniform(8, 30, (60, 2)), rng.uniform(0.3, 1, 60)
    rows[0, :60, 5:] = np.tile(np.column_stack([centres, np.ones(60)]), (1, 17))
    rows[0, 7, 2] = np.nan
    path = constant_model(rows.transpose(0, 2, 1), metadata=POSE, input_shape=(1, 3, SIZE, SIZE))
    for limit in (300, 9):
        found = open_detector(DetectorSettings(model_path=str(path), conf=0.5, max_det=limit))(PICTURE)
        assert 0 < len(found) <= min(limit, 50)
        places = found.data["keypoints"][:, :, :2]
        assert (places == places[:, :1]).all()
        # Where a box was not cut off at the edge, its middle is the point.
        whole = (found.boxes > 0).all(axis=1) & (found.boxes[:, 2] < 192) & (found.boxes[:, 3] < 96)
        assert whole.any()
        middles = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
        np.testing.assert_allclose(middles[whole], places[whole, 0], atol=1e-3)
        scores = {round(score, 5) for score in rows[0, :60, 4]}
        assert {round(score, 5) for score in found.scores.tolist()} <= scores
