from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsort_cli.core.errors import InputError
from deepsort_cli.perception.heads import STRIDES, Head, cells_of, grid, recognise

SHAPE = (64, 96)
CELLS = 8 * 12 + 4 * 6 + 2 * 3


def layouts(boxes: np.ndarray, scores: np.ndarray, class_ids: np.ndarray, at: np.ndarray, classes: int) -> dict:
    """The same detections as each format stores them. `at` are the grid cells they sit in; boxes are cx cy w h."""
    probabilities = np.zeros((len(boxes), classes))
    probabilities[np.arange(len(boxes)), class_ids] = 1.0

    v8 = np.zeros((1, 4 + classes, CELLS), np.float32)
    v8[0, :4, at] = boxes
    v8[0, 4:, at] = probabilities * scores[:, None]

    v5 = np.zeros((1, 3 * CELLS, 5 + classes), np.float32)
    v5[0, at + CELLS] = np.concatenate([boxes, scores[:, None], probabilities], axis=1)

    cells, strides = [], []
    for stride in STRIDES:
        for y in range(SHAPE[0] // stride):
            for x in range(SHAPE[1] // stride):
                cells.append((x, y))
                strides.append(stride)
    stride = np.array(strides)[at, None]
    raw = np.concatenate([boxes[:, :2] / stride - np.array(cells)[at], np.log(boxes[:, 2:] / stride)], axis=1)
    yolox = np.zeros((1, CELLS, 5 + classes), np.float32)
    yolox[0, at] = np.concatenate([raw, scores[:, None], probabilities], axis=1)
    decoded = yolox.copy()
    decoded[0, at, :4] = boxes

    end_to_end = np.zeros((1, 300, 6), np.float32)
    corners = np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], axis=1)
    end_to_end[0, : len(boxes)] = np.concatenate([corners, scores[:, None], class_ids[:, None]], axis=1)
    return {
        Head("yolov8", classes): v8,
        Head("yolov8", classes, transposed=True): v8.transpose(0, 2, 1),
        Head("yolov5", classes): v5,
        Head("yolox", classes): yolox,
        Head("yolox", classes, decoded=True): decoded,
        Head("yolov10", None): end_to_end,
    }


def test_grid_covers_the_input_row_by_row() -> None:
    assert cells_of(SHAPE) == CELLS
    assert cells_of((640, 640)) == 8400
    assert cells_of((416, 416)) == 3549
    cells, strides = grid(SHAPE)
    assert cells[:13].tolist() == [[x, 0] for x in range(12)] + [[0, 1]]
    assert strides[[0, 95, 96, 119, 120, 125]].tolist() == [8, 8, 16, 16, 32, 32]


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(0, 8),
    classes=st.integers(1, 9),
    conf=st.sampled_from([0.05, 0.3, 0.7]),
    wanted=st.none() | st.sets(st.integers(0, 8), min_size=1),
    seed=st.integers(0, 2**32 - 1),
)
def test_all_formats_tell_the_same(count: int, classes: int, conf: float, wanted: set[int] | None, seed: int) -> None:
    rng = np.random.default_rng(seed)
    wanted = None if wanted is None else {number for number in wanted if number < classes} or {0}
    at = rng.permutation(CELLS)[:count]
    boxes = rng.uniform([10, 10, 2, 2], [80, 50, 60, 60], (count, 4))
    scores = rng.uniform(0.0, 1.0, count)
    class_ids = rng.integers(0, classes, count)
    expected = scores.astype(np.float32) >= conf
    if wanted is not None:
        expected &= np.isin(class_ids, list(wanted))
    for head, output in layouts(boxes, scores, class_ids, at, classes).items():
        found, found_scores, found_ids = head.decode(output, SHAPE, conf, None if wanted is None else frozenset(wanted))
        order, reference = np.argsort(found_scores), np.flatnonzero(expected)[np.argsort(scores[expected])]
        np.testing.assert_allclose(found_scores[order], scores[reference], atol=1e-6, err_msg=head.name)
        np.testing.assert_array_equal(found_ids[order], class_ids[reference], err_msg=head.name)
        half = boxes[reference, 2:] / 2
        corners = np.concatenate([boxes[reference, :2] - half, boxes[reference, :2] + half], axis=1)
        np.testing.assert_allclose(found[order], corners, atol=1e-3, err_msg=head.name)
        assert found.dtype == np.float64
        assert found_ids.dtype == np.int64


def test_a_box_counts_as_its_best_class_even_when_another_is_wanted() -> None:
    v8 = np.zeros((1, 6, CELLS), np.float32)
    v8[0, :, 3] = [30, 30, 10, 10, 0.5, 0.9]
    v5 = np.zeros((1, 3 * CELLS, 7), np.float32)
    v5[0, 3] = [30, 30, 10, 10, 1.0, 0.5, 0.9]
    for head, output in ((Head("yolov8", 2), v8), (Head("yolov5", 2), v5)):
        assert len(head.decode(output, SHAPE, 0.3, frozenset({0}))[0]) == 0
        assert len(head.decode(output, SHAPE, 0.3, frozenset({1}))[0]) == 1


def test_objectness_and_probability_multiply() -> None:
    v5 = np.zeros((1, 3 * CELLS, 6), np.float32)
    v5[0, :2, 4:] = [[0.5, 0.5], [0.9, 0.9]]
    _, scores, _ = Head("yolov5", 1).decode(v5, SHAPE, 0.3, None)
    np.testing.assert_allclose(scores, [0.81], rtol=1e-6)


def ones(*shape: int) -> np.ndarray:
    return np.full(shape, 0.5, np.float32)


PERSON = {"names": "{0: 'person'}"}
THREE = {"names": "{0: 'a', 1: 'b', 2: 'c'}"}


@pytest.mark.parametrize(
    ("shape", "size", "metadata", "head"),
    [
        ((1, 84, 8400), (640, 640), {}, Head("yolov8", 80)),
        ((1, 5, 8400), (640, 640), {}, Head("yolov8", 1)),
        ((1, 84, 3549), (416, 416), {}, Head("yolov8", 80)),
        ((1, 84, 34000), (640, 640), {}, Head("yolov8", 80)),  # with a finer grid beside the usual three
        ((1, 84, 84), (64, 64), {}, Head("yolov8", 80)),
        ((1, 8400, 84), (640, 640), {}, Head("yolov8", 80, transposed=True)),
        ((1, 8400, 7), (640, 640), THREE, Head("yolov8", 3, transposed=True)),
        (
            (1, 116, 8400),
            (640, 640),
            {"task": "segment", "names": str(dict.fromkeys(range(80), "x"))},
            Head("yolov8", 80),
        ),
        ((1, 56, 8400), (640, 640), {"task": "pose"} | PERSON, Head("yolov8", 1)),
        ((1, 25200, 85), (640, 640), {}, Head("yolov5", 80)),
        ((1, 25200, 6), (640, 640), PERSON, Head("yolov5", 1)),
        ((1, 25200, 6), (640, 640), {}, Head("yolov5", 1)),
        ((1, 102000, 85), (1280, 1280), {}, Head("yolov5", 80)),
        ((1, 300, 6), (640, 640), {}, Head("yolov10", None)),
        ((1, 300, 6), (640, 640), {"end2end": "True"}, Head("yolov10", None)),
        ((1, 300, 38), (640, 640), {"end2end": "True", "task": "segment"}, Head("yolov10", None)),
        ((1, 84, 8400), (640, 640), {"end2end": "True"}, Head("yolov8", 80)),
        ((1, 3549, 85), (416, 416), {}, Head("yolox", 80)),
        ((1, 3549, 6), (416, 416), {}, Head("yolox", 1)),
        ((1, 8400, 8), (640, 640), THREE, Head("yolox", 3)),
    ],
)
def test_formats_are_recognised(shape: tuple[int, ...], size: tuple[int, int], metadata: dict, head: Head) -> None:
    assert recognise([ones(*shape)], size, metadata) == head


def test_yolox_that_decodes_its_boxes_itself_is_noticed() -> None:
    output = ones(1, CELLS, 6)
    assert not recognise([output], SHAPE, {}).decoded
    output[0, :, :2] = grid(SHAPE)[0] * grid(SHAPE)[1][:, None]
    assert recognise([output], SHAPE, {}).decoded


def test_the_user_has_the_last_word() -> None:
    assert recognise([ones(1, 8400, 85)], (640, 640), {}).name == "yolox"
    assert recognise([ones(1, 8400, 85)], (640, 640), {}, "yolov5") == Head("yolov5", 80)
    with pytest.raises(InputError, match="not that of a yolov10 detector"):
        recognise([ones(1, 84, 8400)], (640, 640), {}, "yolov10")


def test_the_detection_output_is_found_among_others() -> None:
    outputs = [ones(1, 3, 80, 80, 85), ones(1, 3, 40, 40, 85), ones(1, 25200, 85)]
    assert recognise(outputs, (640, 640), {}) == Head("yolov5", 80, output=2)


@pytest.mark.parametrize(
    ("outputs", "metadata", "words"),
    [
        ([ones(1, 1000)], {}, "classifier"),
        ([ones(1, 1000)], {"task": "classify"}, "classifier"),
        ([ones(1, 512)], {}, "embedder"),
        ([ones(1, 21, 8400)], {"task": "obb"}, "rotated"),
        ([ones(1, 21, 640, 640)], {}, "not that of a detector"),
        ([ones(1, 300, 84)], {}, r"\(1, 300, 84\)"),
        ([ones(4, 84, 8400)], {}, r"\(4, 84, 8400\)"),
        ([ones(1, 3, 8400)], {}, r"\(1, 3, 8400\)"),
        ([ones(1, 8400, 3)], {}, r"\(1, 8400, 3\)"),
        ([ones(1, 10)[:, :0]], {}, "classifier"),
        ([], {}, "not that of a detector|classifier"),
        ([ones(1, 84, 8400) * -9], {}, "outside 0-1"),
        ([ones(1, 84, 8400) * 300], {}, "outside 0-1"),
        ([ones(1, 84, 8400) * np.nan], {}, "outside 0-1"),
    ],
)
def test_other_models_are_refused(outputs: list[np.ndarray], metadata: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        recognise(outputs, (640, 640), metadata)
