"""The value types of the tracking pipeline."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from deepsort_cli.core import Detections, InputError, Tracks


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
        ({"boxes": np.zeros((2, 4)), "class_ids": [0, 1.7]}, r"a class 1\.7; classes are whole numbers"),
        ({"boxes": np.zeros((2, 4)), "class_ids": [0, "person"]}, r"classes that are no numbers"),
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


ROWS = np.array([[10.0, 20, 30, 60, 0.9, 0], [50, 20, 90, 80, 0.4, 2]])


class Tensor:
    """Stands in for a tensor on a GPU."""

    def __init__(self, values: np.ndarray) -> None:
        self._values = values

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> np.ndarray:
        return self._values


def ultralytics() -> SimpleNamespace:
    """What a model of Ultralytics gives for one picture."""
    boxes = SimpleNamespace(xyxy=Tensor(ROWS[:, :4]), conf=Tensor(ROWS[:, 4]), cls=Tensor(ROWS[:, 5]))
    return SimpleNamespace(boxes=boxes, names={0: "person"})


def same(found: Detections) -> bool:
    return (
        found.boxes.tolist() == ROWS[:, :4].tolist()
        and found.scores.tolist() == ROWS[:, 4].tolist()
        and found.class_ids.tolist() == [0, 2]
    )


def test_detections_of_what_detectors_give() -> None:
    for answer in (ROWS, ROWS.tolist(), ultralytics(), [ultralytics()], ultralytics().boxes, Tensor(ROWS)):
        assert same(Detections.of(answer))
    assert same(Detections.from_ultralytics(ultralytics()))
    rotated = SimpleNamespace(boxes=None, obb=ultralytics().boxes, names={})
    assert same(Detections.of(rotated))
    with pytest.raises(ValueError, match="results without boxes"):
        Detections.of(SimpleNamespace(boxes=None, names={}))
    given = Detections(ROWS[:, :4])
    assert Detections.of(given) is given


def test_rows_with_fewer_columns() -> None:
    assert Detections.from_xyxy(ROWS[:, :4]).scores.tolist() == [1, 1]
    assert Detections.from_xyxy(ROWS[:, :5]).class_ids.tolist() == [0, 0]
    assert len(Detections.from_xyxy([])) == len(Detections.from_xyxy(np.empty((0, 6)))) == 0
    with pytest.raises(ValueError, match=r"shape \(2, 3\); expected \(N, 4\)"):
        Detections.from_xyxy(ROWS[:, :3])


def test_supervision_there_and_back() -> None:
    supervision = pytest.importorskip("supervision")
    given = supervision.Detections(
        xyxy=ROWS[:, :4], confidence=ROWS[:, 4], class_id=ROWS[:, 5].astype(int), data={"class_name": ["a", "b"]}
    )
    assert same(Detections.of(given))
    assert same(Detections.from_supervision(given))
    bare = Detections.of(supervision.Detections(xyxy=ROWS[:, :4]))
    assert (bare.scores.tolist(), bare.class_ids.tolist()) == ([1, 1], [0, 0])
    assert len(Detections.of(supervision.Detections.empty())) == 0

    none = np.zeros(2, np.int64)
    tracks = Tracks(np.array([3, 7]), ROWS[:, :4], ROWS[:, 4], np.array([0, 2]), none, none)
    back = tracks.to_supervision()
    assert isinstance(back, supervision.Detections)
    assert back.tracker_id.tolist() == [3, 7]
    assert same(Detections.of(back))
    assert len(Tracks.empty().to_supervision()) == 0


def test_without_supervision_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(InputError, match="pip install supervision"):
        Tracks.empty().to_supervision()
