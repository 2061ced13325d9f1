"""Functions that users hand in as detector and embedder."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsort_cli.core import Detections, Frame, InputError
from deepsort_cli.perception.functions import FunctionDetector, FunctionEmbedder
from deepsort_cli.perception.settings import DetectorSettings

IMAGE = np.zeros((100, 200, 3), np.uint8)
ROWS = [[10, 10, 40, 90, 0.9, 0], [60, 10, 90, 90, 0.2, 2]]


def detector(answer: Any, *, names: Any = None, **settings: Any) -> FunctionDetector:
    function = SimpleNamespace() if names is None else SimpleNamespace(names=names)

    class Model:
        def __init__(self) -> None:
            self.__dict__.update(vars(function))

        def __call__(self, image: np.ndarray) -> Any:
            assert image is IMAGE
            return answer

    return FunctionDetector(Model(), DetectorSettings(**settings), threading.Lock())


def found(answer: Any, **settings: Any) -> list[float]:
    """The scores of what is left of an answer."""
    return detector(answer, **settings).detect(Frame(0, IMAGE, 0.0)).scores.tolist()


@pytest.mark.filterwarnings("error")
def test_everything_is_kept_unless_settings_say_otherwise() -> None:
    overlapping = [[10, 10, 40, 90, 0.9], [11, 10, 41, 90, 0.8]]
    assert found(ROWS) == [0.9, 0.2]
    assert found(ROWS, conf=0.5) == [0.9]
    assert found(ROWS, classes="2") == found(ROWS, names={0: "person", 2: "car"}, classes="car") == [0.2]
    assert found(ROWS, names=["person", "bicycle", "car"], classes="all") == [0.9, 0.2]
    assert found(overlapping) == [0.9, 0.8]
    assert found(overlapping, iou=0.5) == [0.9]
    assert found([[-np.inf, np.inf, np.inf, np.inf, 1.0], *overlapping], iou=0.5) == [1.0, 0.9]
    assert found(np.empty((0, 6))) == []


def test_what_became_of_its_answers_is_counted() -> None:
    model = detector(ROWS, conf=0.5)
    model(IMAGE)
    assert (model.tally.counts.found, model.tally.counts.below_conf, model.tally.counts.kept) == (2, 1, 1)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (np.zeros((3, 7)), "(3, 7)"),
        (np.zeros(4), "(4,)"),
        (np.zeros((1, 2, 6)), "(1, 2, 6)"),
        (None, "None"),
        ("boxes", "str"),
        ([[1, 2], [3]], "list"),
        ([[0, 0, 9, 9, 1, float("nan")]], "classes that are no numbers"),
        ([[0, 0, 9, 9, 0, 0.9]], "a class 0.9; classes are whole numbers, in an array behind the score"),
        ([[0, 0, 9, 9, 1, 1e30]], "a class 1e+30; classes are whole"),
        ([[0, 0, 9, 9, float("nan")]], "scores that are no numbers"),
        (np.array([[0, 0, 9, 9j]]), "holds no table of numbers"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_answer_is_one_error_that_names_its_shape(answer: Any, words: str) -> None:
    with pytest.raises(InputError, match="`detector`: the answer of Model cannot be used") as error:
        found(answer)
    assert words in str(error.value)


def test_settings_that_a_function_cannot_heed_are_refused() -> None:
    with pytest.raises(InputError, match=r"`detector\.imgsz`: a function given as detector"):
        detector(ROWS, imgsz=640)
    with pytest.raises(InputError, match=r"`detector\.classes` dragon: .*no class of this name"):
        detector(ROWS, names={0: "person"}, classes="dragon")
    with pytest.raises(InputError, match="does not name its classes"):
        detector(ROWS, classes="person")


def test_class_names_come_with_answers() -> None:
    answer = SimpleNamespace(
        xyxy=np.array(ROWS)[:, :4], confidence=None, class_id=np.array([0, 2]), data={"class_name": ["person", "car"]}
    )
    model = detector(answer)
    assert model(IMAGE).class_ids.tolist() == [0, 2]
    assert model.class_names == {0: "person", 2: "car"}


def test_features_of_its_own_are_noticed() -> None:
    model = detector(Detections(np.array([[0.0, 0, 9, 9]]), features=np.ones((1, 3), np.float32)))
    assert not model.has_features
    assert model(IMAGE).features is not None
    assert model.has_features


def test_an_embedder_answers_a_row_per_box() -> None:
    boxes = np.array(ROWS)[:, :4]
    embed = FunctionEmbedder(lambda image, boxes: boxes[:, :3].tolist(), threading.Lock())
    assert embed(IMAGE, boxes).dtype == np.float32
    assert embed(IMAGE, boxes).tolist() == boxes[:, :3].tolist()
    assert len(embed(IMAGE, boxes[:0])) == 0
    for answer in (np.ones((1, 3)), np.ones(2), np.ones((2, 0))):
        wrong = FunctionEmbedder(lambda image, boxes, answer=answer: answer, threading.Lock())
        with pytest.raises(InputError) as error:
            wrong(IMAGE, boxes)
        assert f"an array of shape {answer.shape}; expected (2, D)" in str(error.value)


@given(st.lists(st.tuples(st.integers(0, 60), st.floats(0, 1), st.integers(0, 2)), max_size=12), st.booleans())
def test_what_is_kept_keeps_what_it_carries(rows: list[tuple[int, float, int]], array: bool) -> None:
    """Confidence, class and NMS choose; every value still belongs to its box."""
    left = np.array([row[0] for row in rows], float)
    boxes = np.stack([left, left * 0, left + 20, left * 0 + 40], axis=1)
    marks = [f"{i}" for i in range(len(rows))]
    data = {"mark": np.array(marks) if array else marks, "keypoints": np.tile(left[:, None, None], (1, 3, 2))}
    answer = Detections(boxes, [row[1] for row in rows], [row[2] for row in rows], data=data)  # type: ignore[arg-type]
    wanted = DetectorSettings(conf=0.3, iou=0.4, classes=("0", "1"))
    found = FunctionDetector(lambda image: answer, wanted, threading.Lock())(IMAGE)
    assert len(found.data["mark"]) == len(found.data["keypoints"]) == len(found)
    for i, mark in enumerate(found.data["mark"]):
        assert (found.boxes[i, 0], found.scores[i], found.class_ids[i]) == rows[int(mark)]
        assert (found.data["keypoints"][i] == found.boxes[i, 0]).all()


def test_arrays_that_functions_use_again_for_the_next_frame_change_nothing() -> None:
    rows, features = np.array(ROWS, float), np.ones((2, 4), np.float32)
    model = detector(rows)
    embedder = FunctionEmbedder(lambda image, boxes: features, threading.Lock())
    seen, known = model(IMAGE), embedder(IMAGE, rows[:, :4])
    rows[:], features[:] = 0, 0
    assert seen.boxes.tolist() == [row[:4] for row in ROWS]
    assert seen.scores.tolist() == [0.9, 0.2]
    assert known.tolist() == [[1.0] * 4] * 2
