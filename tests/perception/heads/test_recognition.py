"""Which head a model of real size has, and which models are refused."""

from __future__ import annotations

import re

import numpy as np
import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.perception.heads import Head, Output, Seen, recognise
from deepsort_cli.perception.heads.base import cells, grid

PERSON = {"names": "{0: 'person'}"}
THREE = {"names": "{0: 'a', 1: 'b', 2: 'c'}"}
EIGHTY = {"names": str(dict.fromkeys(range(80), "x"))}


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def find(outputs: dict[str, np.ndarray], size: int = 640, metadata: dict | None = None, wanted: str = "auto") -> Head:
    return recognise(Seen([Output(*item) for item in outputs.items()], (size, size), metadata or {}), wanted)


@pytest.mark.parametrize(
    ("shape", "size", "metadata", "name", "classes"),
    [
        ((1, 84, 8400), 640, {}, "yolov8", 80),
        ((1, 5, 8400), 640, {}, "yolov8", 1),
        ((1, 84, 3549), 416, {}, "yolov8", 80),
        ((1, 84, 34000), 640, {}, "yolov8", 80),  # with a finer grid beside the usual three
        ((1, 84, 84), 64, {}, "yolov8", 80),
        ((1, 8400, 84), 640, {}, "yolov8", 80),
        ((1, 8400, 7), 640, THREE, "yolov8", 3),
        ((1, 8400, 5), 640, {}, "yolov8", 1),  # with its axes swapped; YOLOX has a class beside its objectness
        ((1, 116, 8400), 640, {"task": "segment"} | EIGHTY, "yolov8", 80),
        ((1, 56, 8400), 640, {"task": "pose"} | PERSON, "yolov8", 1),
        ((1, 84, 8400), 640, {"end2end": "True"}, "yolov8", 80),
        ((1, 25200, 85), 640, {}, "yolov5", 80),
        ((1, 25200, 6), 640, PERSON, "yolov5", 1),
        ((1, 25200, 6), 640, {}, "yolov5", 1),
        ((1, 102000, 85), 1280, {}, "yolov5", 80),
        ((1, 25200, 117), 640, EIGHTY, "yolov5", 80),
        ((1, 300, 6), 640, {}, "yolov10", None),
        ((1, 300, 6), 640, {"end2end": "True"}, "yolov10", None),
        ((1, 300, 38), 640, {"end2end": "True", "task": "segment"}, "yolov10", None),
        ((1, 300, 38), 640, {}, "yolov10", None),
        ((1, 300, 57), 640, {}, "yolov10", None),
        ((1, 100, 9), 640, {"end2end": "True", "task": "pose"}, "yolov10", None),
        ((1, 3549, 85), 416, {}, "yolox", 80),
        ((1, 3549, 6), 416, {}, "yolox", 1),
        ((1, 8400, 8), 640, THREE, "yolox", 3),
        ((1, 3598, 112), 416, {}, "nanodet", 80),
        ((1, 2125, 112), 320, {}, "nanodet", 80),
        ((1, 2100, 112), 320, {}, "nanodet", 80),
        ((1, 2125, 33), 320, PERSON, "nanodet", 1),
    ],
)
def test_one_table_is_recognised(
    shape: tuple[int, ...], size: int, metadata: dict, name: str, classes: int | None
) -> None:
    head = find({"output0": zeros(*shape)}, size, metadata)
    assert (head.name, head.classes) == (name, classes)


@pytest.mark.parametrize("name", ["output", "graph2_flat_predictions", "batchno_classid_score_x1y1x2y2"])
def test_seven_columns_go_by_their_name_when_empty(name: str) -> None:
    expected = {"output": "yolov7_end2end", "graph2_flat_predictions": "yolo_nas_flat"}.get(name, "pinto")
    assert find({name: zeros(0, 7)}).name == expected


def test_seven_columns_go_by_their_values_where_the_name_says_nothing() -> None:
    row = np.array([[0, 10.5, 20.5, 30.5, 40.5, 2, 0.8]], np.float32)
    assert find({"x": row}).name == "yolov7_end2end"
    assert find({"x": row[:, [0, 1, 2, 3, 4, 6, 5]]}).name == "yolo_nas_flat"
    assert "yolov7_end2end" in find({"x": zeros(0, 7)}).doubt


def test_yolox_that_decodes_its_boxes_itself_is_noticed() -> None:
    array = zeros(1, cells((64, 96)), 6)
    rows = np.array([100])
    for place, expected in ((0.0, 16 / 2), (1.0, None)):
        array[0, :, :2] = place * grid((64, 96))[0] * grid((64, 96))[1][:, None]
        head = recognise(Seen([Output("output", array)], (64, 96)))
        box = head.locate([array], rows, (64, 96))[0]
        assert (box[2] - box[0]) / 2 == (expected if expected else 0)


def test_yolov6_is_not_taken_for_yolox() -> None:
    array = zeros(1, 8400, 85)
    array[0, :, 4] = 1
    assert find({"outputs": array}).name == "yolov6"
    array[0, 7, 4] = 0.5
    assert find({"outputs": array}).name == "yolox"


def test_boxes_and_scores_are_told_apart_whatever_their_order() -> None:
    boxes, scores = zeros(1, 8400, 4), zeros(1, 8400, 80)
    assert find({"a": boxes, "b": scores}).name == "yolo_nas"
    assert find({"b": scores, "a": boxes}).name == "damo_yolo"
    four = zeros(1, 8400, 4)
    assert find({"boxes": boxes, "scores": four}).classes == 4
    with pytest.raises(InputError, match=re.escape("a (1, 8400, 4), b (1, 8400, 4)")):
        find({"a": boxes, "b": four})


def test_boxes_by_centres_and_a_background_behind_the_classes_are_noticed() -> None:
    places, steps = grid((64, 64))
    boxes = np.concatenate([(places + 0.5) * steps[:, None], np.full((84, 2), 6.0)], axis=1)[None].astype(np.float32)
    scores = zeros(1, 84, 3)
    scores[0, 9] = (0.1, 0.8, 0.1)
    outputs = {"boxes": boxes, "scores": scores}
    head = find(outputs, 64)
    np.testing.assert_allclose(head.locate([boxes, scores], np.array([9]), (64, 64)), [[9, 9, 15, 15]])
    softmax = zeros(1, 84, 3)
    softmax[0, :] = (0.1, 0.1, 0.8)
    softmax[0, 9] = (0.1, 0.7, 0.2)
    for order, best in (([0, 1, 2], 1), ([2, 0, 1], 1)):
        ordered = softmax[..., order]
        head = find({"boxes": boxes / 64, "scores": ordered}, 64)
        assert head.name == "ssd"
        assert head.read([boxes / 64, ordered], 0.5).class_ids.tolist() == [best]


def test_the_detection_output_is_found_among_raw_grids() -> None:
    outputs = {"a": zeros(1, 3, 80, 80, 85), "b": zeros(1, 3, 40, 40, 85), "output": zeros(1, 25200, 85)}
    outputs["output"][0, 0, :6] = (10, 10, 4, 4, 1, 1)
    head = find(outputs)
    assert head.name == "yolov5"
    assert head.read(list(outputs.values()), 0.5).rows.tolist() == [0]


def test_hidden_states_beside_logits_do_no_harm() -> None:
    outputs = {"last_hidden_state": zeros(1, 100, 256), "logits": zeros(1, 100, 92), "pred_boxes": zeros(1, 100, 4)}
    assert find(outputs).name == "detr"
    outputs = {"logits": zeros(1, 300, 80) - 5, "enc_topk_logits": zeros(1, 300, 80), "pred_boxes": zeros(1, 300, 4)}
    assert find(outputs).name == "rtdetr_logits"
    outputs["logits"] = zeros(1, 300, 91) - 5
    head = find(outputs)
    assert (head.name, head.coco91) == ("rfdetr", True)


def test_softmax_and_sigmoid_are_told_apart_for_classes_of_ones_own() -> None:
    sure = zeros(1, 100, 4) - 3
    sure[..., 3] = 5
    assert find({"logits": sure, "pred_boxes": zeros(1, 100, 4)}).name == "detr"
    assert find({"logits": zeros(1, 100, 4) - 5, "pred_boxes": zeros(1, 100, 4)}).name == "rtdetr_logits"


def test_the_user_has_the_last_word() -> None:
    table = zeros(1, 8400, 85)
    assert find({"x": table}).name == "yolox"
    assert find({"x": table}, wanted="yolov5").classes == 80
    assert find({"x": table}, wanted="yolov6").pixels.std == (255.0,) * 3
    with pytest.raises(InputError, match=r"expected for yolov10: \(1, k, 6"):
        find({"x": zeros(1, 84, 8400)}, wanted="yolov10")


@pytest.mark.parametrize(
    ("outputs", "metadata", "words"),
    [
        ({"x": zeros(1, 1000)}, {}, r"it gives x \(1, 1000\); no head known here \(.*yolox.*\).*`reid.model_path`"),
        ({"x": zeros(1, 1000)}, {"task": "classify"}, "task: classify.*classes of whole pictures and no boxes"),
        ({"x": zeros(1, 512)}, {}, r"x \(1, 512\)"),
        ({"x": zeros(1, 21, 640, 640)}, {}, r"x \(1, 21, 640, 640\)"),
        ({"x": zeros(1, 3, 8400)}, {}, r"x \(1, 3, 8400\)"),
        ({"x": zeros(1, 8400, 3)}, {}, r"x \(1, 8400, 3\)"),
        ({"x": zeros(1, 300, 20)}, {}, r"x \(1, 300, 20\)"),
        ({"x": zeros(1, 10)[:, :0]}, {}, r"x \(1, 0\)"),
        ({}, {}, "it gives nothing"),
        ({"x": zeros(1, 84, 8400) + 300}, {}, "read as yolov8, .* outside 0-1: from 300 to 300"),
        ({"x": zeros(1, 84, 8400) * np.nan}, {}, "outside 0-1"),
        ({"a": zeros(1, 8400, 4), "b": zeros(1, 2100, 80)}, {}, r"a \(1, 8400, 4\), b \(1, 2100, 80\)"),
        ({"a": zeros(1, 3, 80, 80, 85), "b": zeros(1, 3, 40, 40, 85)}, {}, r"b \(1, 3, 40, 40, 85\)"),
        ({"boxes": zeros(1, 100, 4), "labels": zeros(1, 100), "scores": zeros(1, 100) + 7}, {}, "scores lie outside"),
    ],
)
def test_other_models_are_refused_with_the_list_of_their_outputs(outputs: dict, metadata: dict, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        find(outputs, metadata=metadata)
    assert "classifier" not in str(caught.value)
    assert "embedder" not in str(caught.value)


def spread(count: int, size: int = 640) -> np.ndarray:
    """(count, 4) cx cy w h all over an input."""
    rng = np.random.default_rng(0)
    return np.concatenate([rng.uniform(0, size, (count, 2)), rng.uniform(10, 60, (count, 2))], axis=1)


@pytest.mark.parametrize("classes", [2, 3, 20, 91])
def test_decoded_boxes_with_classes_of_ones_own_may_be_of_two_heads(classes: int) -> None:
    table = np.concatenate([spread(8400), np.full((8400, 1 + classes), 0.01)], axis=1)[None]
    head = find({"output": table})
    assert (head.name, head.classes) == ("yolox", classes)
    assert f"{classes + 1} classes" in head.doubt
    assert not find({"output": table}, metadata={"names": str(dict.fromkeys(range(classes), "x"))}).doubt
    assert not find({"output": table}, wanted="yolox").doubt
    swapped = find({"output": table}, metadata={"names": str(dict.fromkeys(range(classes + 1), "x"))})
    assert (swapped.name, swapped.classes) == ("yolov8", classes + 1)


@pytest.mark.parametrize("classes", [1, 3, 20, 91])
def test_nanodet_with_classes_of_ones_own(classes: int) -> None:
    rng = np.random.default_rng(0)
    table = np.concatenate([np.full((8500, classes), 0.01), rng.normal(0, 1, (8500, 32))], axis=1)[None]
    head = find({"output": table})
    assert (head.name, head.classes) == ("nanodet", classes)


@pytest.mark.parametrize(("rows", "name", "scored"), [(8400, "yolov8", 80), (25200, "yolov5", 81)])
def test_masks_without_metadata_are_no_classes(rows: int, name: str, scored: int) -> None:
    rng = np.random.default_rng(0)
    table = np.concatenate([spread(rows), np.full((rows, scored), 0.01), rng.normal(0, 1, (rows, 32))], axis=1)
    given = table.T[None] if name == "yolov8" else table[None]
    head = find({"output0": given, "output1": rng.normal(0, 1, (1, 32, 160, 160))})
    assert (head.name, head.classes, head.doubt) == (name, 80, "")


def test_names_for_some_classes_only_are_doubted() -> None:
    assert "names 3 classes, but it has 80" in find({"output0": zeros(1, 84, 8400)}, metadata=THREE).doubt


def test_columns_that_are_no_grid() -> None:
    for shape in ((1, 6, 300), (1, 7, 100)):  # a list of objects with its axes swapped?
        with pytest.raises(InputError, match="no head known here"):
            find({"output0": zeros(*shape)})
    assert find({"output0": zeros(1, 6, 300)}, wanted="yolov8").classes == 2
    assert "no grid of cells" in find({"output0": zeros(1, 12, 400)}).doubt


def test_anchors_without_decoding_are_refused() -> None:
    """EfficientDet's two outputs: distances from anchors and logits, which no pair of boxes and scores are."""
    rng = np.random.default_rng(0)
    scores = rng.normal(-6, 1, (1, 49104, 90))
    with pytest.raises(InputError, match=r"regression .1, 49104, 4., classification"):
        find({"regression": rng.normal(0, 1, (1, 49104, 4)), "classification": scores}, 512)
    with pytest.raises(InputError, match="neither corners nor centres"):
        find({"boxes": rng.normal(0, 1, (1, 8400, 4)), "scores": rng.uniform(0, 0.1, (1, 8400, 80))})


def test_logits_without_names_are_doubted() -> None:
    boxes, logits = spread(300, 1)[None] / 60, np.random.default_rng(0).normal(-6, 1, (1, 300, 20))
    head = find({"12": logits, "34": np.clip(boxes, 0, 1)})
    assert (head.name, head.classes) == ("rtdetr_logits", 20)
    assert "no names that tell" in head.doubt


def test_whether_boxes_are_parts_is_seen_later_where_a_grey_image_gives_none() -> None:
    head = find({"output0": zeros(1, 5, 8400)})
    found = zeros(1, 5, 8400)
    found[0, :, 7] = (0.5, 0.5, 0.25, 0.5, 0.9)
    np.testing.assert_allclose(head.locate([found], np.array([7]), (640, 640)), [[240, 160, 400, 480]])
