"""One person and one car, as every head tells of them: what is recognised, what is shown, and where the person is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from deepsort_cli.core.errors import InputError
from deepsort_cli.perception.detectors import OnnxDetector, open_detector
from deepsort_cli.perception.heads import Output, Seen, head_names, recognise
from deepsort_cli.perception.letterbox import Letterbox
from deepsort_cli.perception.settings import DetectorSettings

SIZE = 96
CELLS, CELLS_P6 = 144 + 36 + 9, 144 + 36 + 9 + 4
PERSON, CAR = (30.0, 12.0, 90.0, 84.0), (105.0, 24.0, 165.0, 60.0)
"""Boxes in a picture of 192×96."""
IN_INPUT = {
    "centre": [(15.0, 30.0, 45.0, 66.0), (52.5, 36.0, 82.5, 54.0)],
    "corner": [(15.0, 6.0, 45.0, 42.0), (52.5, 12.0, 82.5, 30.0)],
    "stretch": [(15.0, 12.0, 45.0, 84.0), (52.5, 24.0, 82.5, 60.0)],
}
"""The same in a 96×96 input."""
PICTURE = np.zeros((96, 192, 3), np.uint8)
SCORES = (0.9, 0.6)
COCO80, COCO91 = (0, 2), (1, 3)
Boxes = np.ndarray
Outputs = dict[str, np.ndarray]


def logit(probability: np.ndarray | float) -> np.ndarray:
    return np.log(probability) - np.log1p(-np.asarray(probability))


def centres(boxes: Boxes) -> Boxes:
    return np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1)


def dense(rows: int, boxes: Boxes, *, classes: int = 80, background: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """(1, rows, 4) boxes and (1, rows, C) scores: the person in row 10, the car in row 20, nothing elsewhere."""
    scores = np.full((1, rows, classes), background)
    places = np.zeros((1, rows, 4))
    places[0, [10, 20]] = boxes
    scores[0, [10, 20], COCO80] = SCORES
    return places, scores


def yolov8(boxes: Boxes) -> Outputs:
    places, scores = dense(CELLS, centres(boxes))
    return {"output0": np.concatenate([places, scores], axis=2).transpose(0, 2, 1)}


def yolov8_swapped(boxes: Boxes) -> Outputs:
    return {"output0": yolov8(boxes)["output0"].transpose(0, 2, 1)}


def segmentation(boxes: Boxes) -> Outputs:
    masks = np.random.default_rng(0).normal(size=(1, 32, CELLS))
    return {"output0": np.concatenate([yolov8(boxes)["output0"], masks], axis=1), "output1": np.zeros((1, 32, 16, 16))}


def turned(boxes: Boxes) -> Outputs:
    """A box turned by 90 degrees: its sides are swapped."""
    table = yolov8(boxes)["output0"][:, : 4 + 15]
    table[0, [2, 3]] = table[0, [3, 2]]
    return {"output0": np.concatenate([table, np.full((1, 1, CELLS), np.pi / 2)], axis=1)}


def rtdetr_ultralytics(boxes: Boxes) -> Outputs:
    places, scores = dense(300, centres(boxes) / SIZE)
    return {"output0": np.concatenate([places, scores], axis=2)}


def yolov5(boxes: Boxes) -> Outputs:
    places, scores = dense(3 * CELLS, centres(boxes))
    return {"output0": np.concatenate([places, (scores.max(axis=2, keepdims=True) > 0) * 1.0, scores], axis=2)}


def yolov6(boxes: Boxes) -> Outputs:
    places, scores = dense(CELLS, centres(boxes))
    places[0, 30] = (50, 50, 10, 10)
    return {"outputs": np.concatenate([places, np.ones((1, CELLS, 1)), scores], axis=2)}


def yolox(boxes: Boxes) -> Outputs:
    """Rows 10 and 20 are the cells (10, 0) and (8, 1) of stride 8."""
    raw = centres(boxes) / 8
    raw[:, :2] -= [(10, 0), (8, 1)]
    raw[:, 2:] = np.log(raw[:, 2:])
    places, scores = dense(CELLS, raw)
    return {"output": np.concatenate([places, (scores.max(axis=2, keepdims=True) > 0) * 1.0, scores], axis=2)}


def end_to_end(boxes: Boxes) -> Outputs:
    rows = np.zeros((1, 300, 6))
    rows[0, :2] = np.concatenate([boxes, np.array(SCORES)[:, None], np.array(COCO80)[:, None]], axis=1)
    return {"output0": rows}


def end_to_end_pose(boxes: Boxes) -> Outputs:
    return {"output0": np.concatenate([end_to_end(boxes)["output0"], np.full((1, 300, 51), 7.5)], axis=2)}


def end_to_end_turned(boxes: Boxes) -> Outputs:
    rows = end_to_end(boxes)["output0"]
    rows[0, :2, :4] = centres(boxes)[:, [0, 1, 3, 2]]
    return {"output0": np.concatenate([rows, np.full((1, 300, 1), np.pi / 2)], axis=2)}


def columns(boxes: Boxes, order: str) -> np.ndarray:
    """(2, …) rows of i(mage), b(ox), s(core), c(lass) in the given order."""
    parts = {"i": np.zeros((2, 1)), "b": boxes, "s": np.array(SCORES)[:, None], "c": np.array(COCO80)[:, None]}
    return np.concatenate([parts[letter] for letter in order], axis=1)


def lists(boxes: Boxes, classes: tuple[int, int] = COCO80, length: int = 5) -> tuple[np.ndarray, ...]:
    """(1, k, 4), (1, k) and (1, k), padded with zeros."""
    places, scores, labels = np.zeros((1, length, 4)), np.zeros((1, length)), np.zeros((1, length), np.int64)
    places[0, :2], scores[0, :2], labels[0, :2] = boxes, SCORES, classes
    return places, scores, labels


def mmdeploy(boxes: Boxes) -> Outputs:
    places, scores, labels = lists(boxes)
    return {"dets": np.concatenate([places, scores[..., None]], axis=2), "labels": labels}


def rtmo(boxes: Boxes) -> Outputs:
    """It knows people only, so that the car is not there."""
    places, scores, _ = lists(boxes)
    scores[0, 1] = 0
    return {"dets": np.concatenate([places, scores[..., None]], axis=2), "keypoints": np.zeros((1, 5, 17, 3))}


def efficient_nms(boxes: Boxes) -> Outputs:
    places, scores, labels = lists(boxes)
    scores[0, 3] = 0.99  # beyond num_dets: left over from nothing
    return {"num_dets": np.array([[2]]), "det_boxes": places, "det_scores": scores, "det_classes": labels}


def yolo_nas_batch(boxes: Boxes) -> Outputs:
    names = ("graph2_num_predictions", "graph2_pred_boxes", "graph2_pred_scores", "graph2_pred_classes")
    return dict(zip(names, efficient_nms(boxes).values(), strict=True))


def rtdetr(boxes: Boxes) -> Outputs:
    places, scores, labels = lists(boxes, length=300)
    return {"labels": labels, "boxes": places, "scores": scores}


def tensorflow(boxes: Boxes) -> Outputs:
    places, scores, labels = lists(boxes[:, [1, 0, 3, 2]] / SIZE, COCO91)
    return {
        "detection_boxes:0": places,
        "detection_classes:0": labels.astype(np.float32),
        "detection_scores:0": scores,
        "num_detections:0": np.array([2.0]),
    }


def tflite(boxes: Boxes) -> Outputs:
    found = tensorflow(boxes)
    found["detection_classes:0"] -= 1
    names = ("TFLite_Detection_PostProcess", *(f"TFLite_Detection_PostProcess:{i}" for i in (1, 2, 3)))
    return dict(zip(names, found.values(), strict=True))


def torchvision(boxes: Boxes) -> Outputs:
    places, scores, labels = lists(boxes, COCO91, length=2)
    return {"boxes": places[0], "labels": labels[0], "scores": scores[0]}


def yolo_nas(boxes: Boxes) -> Outputs:
    return dict(zip(("913", "904"), dense(CELLS, boxes), strict=True))


def damo_yolo(boxes: Boxes) -> Outputs:
    places, scores = dense(CELLS, boxes)
    return {"output": scores, "3007": places}


def yolov4(boxes: Boxes) -> Outputs:
    places, scores = dense(3 * CELLS, boxes / SIZE)
    return {"boxes": places[:, :, None], "confs": scores}


def ssd(boxes: Boxes) -> Outputs:
    places, scores = dense(50, boxes / SIZE)
    return {"scores": np.concatenate([1 - scores.sum(axis=2, keepdims=True), scores], axis=2), "boxes": places}


def ppdet(boxes: Boxes) -> Outputs:
    places, scores = dense(CELLS_P6, boxes)
    return {"tmp_16": places, "concat_4.tmp_0": scores.transpose(0, 2, 1)}


def queries(boxes: Boxes, classes: int, at: tuple[int, int], names: tuple[str, str]) -> Outputs:
    """(1, 30, 4) boxes and (1, 30, C) logits."""
    places, logits = np.full((1, 30, 4), 0.5), np.full((1, 30, classes), -8.0)
    places[0, [10, 20]] = centres(boxes) / SIZE
    logits[0, [10, 20], at] = logit(np.array(SCORES))
    return dict(zip(names, (places, logits), strict=True))


def rfdetr(boxes: Boxes) -> Outputs:
    return queries(boxes, 91, COCO91, ("dets", "labels"))


def rtdetr_logits(boxes: Boxes) -> Outputs:
    return queries(boxes, 80, COCO80, ("pred_boxes", "logits"))


def detr(boxes: Boxes) -> Outputs:
    found = queries(boxes, 92, COCO91, ("pred_boxes", "logits"))
    found["logits"][:] = -30.0
    found["logits"][..., 91] = 0.0
    found["logits"][0, [10, 20], COCO91] = logit(np.array(SCORES))  # against 0 for no object
    return found


def distribution(distances: np.ndarray) -> np.ndarray:
    """(N, 4) distances in strides → (N, 32) logits whose softmax has that mean."""
    low = np.floor(distances).astype(int)
    share = distances - low
    powers = np.full((*distances.shape, 8), 1e-30)
    rows, sides = np.indices(distances.shape)
    powers[rows, sides, low] = 1 - share + 1e-30
    powers[rows, sides, np.minimum(low + 1, 7)] += share
    return np.log(powers).reshape(len(distances), 32)


def reach(boxes: Boxes, offset: float) -> np.ndarray:
    """(2, 32) distances in strides of 8 from the cells (3, 5) and (8, 5), which lie in both boxes."""
    points = (np.array([[3, 5], [8, 5]]) + offset) * 8
    return distribution(np.concatenate([points - boxes[:, :2], boxes[:, 2:] - points], axis=1) / 8)


def levels(boxes: Boxes, offset: float) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """(1, n, 80) scores and (1, n, 32) distances of strides 8 to 64."""
    scores, sides = [np.zeros((1, n, 80)) for n in (144, 36, 9, 4)], [np.zeros((1, n, 32)) for n in (144, 36, 9, 4)]
    at = [5 * 12 + 3, 5 * 12 + 8]
    scores[0][0, at, COCO80] = SCORES
    sides[0][0, at] = reach(boxes, offset)
    return scores, sides


def nanodet(boxes: Boxes) -> Outputs:
    scores, sides = levels(boxes, 0.0)
    return {"output": np.concatenate([np.concatenate(scores, axis=1), np.concatenate(sides, axis=1)], axis=2)}


def nanodet_zoo(boxes: Boxes) -> Outputs:
    scores, sides = levels(boxes, 3.5 / 8)
    return {name: values for i in range(4) for name, values in ((f"cls{i}", scores[i]), (f"dis{i}", sides[i]))}


def picodet(boxes: Boxes) -> Outputs:
    scores, sides = levels(boxes, 0.5)
    return {f"transpose_{i}.tmp_0": values for i, values in enumerate(scores + sides)}


RED, NORMAL = (1.0, 0.0, 0.0), (2.2489, -2.0357, -1.8044)
"""Pure red as RGB in 0-1, and with ImageNet's mean and deviation."""
TARGETS = {"orig_target_sizes": (TensorProto.INT64, (1, 2))}
PICODET = {"scale_factor": (TensorProto.FLOAT, (1, 2))}
PADDLE = PICODET | {"im_shape": (TensorProto.FLOAT, (1, 2))}


@dataclass(frozen=True)
class Example:
    """How a format tells of the two, and what its network is shown for pure red."""

    build: Callable[[Boxes], Outputs]
    fit: str = "centre"
    red: tuple[float, float, float] = RED
    person: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, tuple[int, tuple[int, ...]]] = field(default_factory=dict)
    nms: bool = False
    only_people: bool = False


DOTA = {"task": "obb", "names": str(["person", "bicycle", "car", *"abcdefghijkl"])}
EXAMPLES: dict[str, list[Example]] = {
    "yolov8": [
        Example(yolov8, nms=True),
        Example(yolov8_swapped, nms=True),
        Example(segmentation, metadata={"task": "segment", "names": str(["person", "b", "car", *"c" * 77])}, nms=True),
        Example(turned, metadata=DOTA, nms=True),
    ],
    "rtdetr_ultralytics": [Example(rtdetr_ultralytics, "stretch")],
    "yolov5": [Example(yolov5, nms=True)],
    "yolov6": [Example(yolov6, nms=True)],
    "yolox": [Example(yolox, "corner", (0.0, 0.0, 255.0), nms=True)],
    "yolov10": [
        Example(end_to_end),
        Example(end_to_end_pose),
        Example(end_to_end_pose, metadata={"task": "pose", "args": "{'nms': True}"}),
        Example(end_to_end_turned, metadata=DOTA),
    ],
    "yolov7_end2end": [Example(lambda boxes: {"output": columns(boxes, "ibcs")})],
    "yolo_nas_flat": [Example(lambda boxes: {"graph2_flat_predictions": columns(boxes, "ibsc")})],
    "pinto": [Example(lambda boxes: {"batchno_classid_score_x1y1x2y2": columns(boxes, "icsb")})],
    "paddle": [
        Example(
            lambda boxes: {"multiclass_nms3_0.tmp_0": columns(boxes, "csb"), "multiclass_nms3_0.tmp_2": np.array([2])},
            "stretch",
            NORMAL,
            inputs=PICODET,
        )
    ],
    "paddle_plain": [
        Example(
            lambda boxes: {"reshape2_95.tmp_0": columns(boxes, "csb"), "tile_3.tmp_0": np.array([2])},
            "stretch",
            inputs=PADDLE,
        )
    ],
    "mmdeploy": [Example(mmdeploy, "corner", (-1.8044, -2.0357, 2.2489))],
    "rtmo": [Example(rtmo, "corner", (0.0, 0.0, 255.0), only_people=True)],
    "efficient_nms": [Example(efficient_nms), Example(yolo_nas_batch)],
    "rtdetr": [Example(rtdetr, "stretch", inputs=TARGETS), Example(rtdetr, "stretch")],
    "tensorflow": [
        Example(tensorflow, "stretch", (255.0, 0.0, 0.0), person=1),
        Example(tflite, "stretch", (255.0, 0.0, 0.0), person=1),
    ],
    "torchvision": [Example(torchvision, person=1)],
    "yolo_nas": [Example(yolo_nas, nms=True)],
    "damo_yolo": [Example(damo_yolo, "corner", (255.0, 0.0, 0.0), nms=True)],
    "yolov4": [Example(yolov4, "stretch", nms=True)],
    "ssd": [Example(ssd, "stretch", (1.0, -127 / 128, -127 / 128), nms=True)],
    "ppdet": [Example(ppdet, "stretch", NORMAL, nms=True)],
    "rfdetr": [Example(rfdetr, "stretch", NORMAL, person=1)],
    "detr": [
        Example(detr, "stretch", NORMAL, person=1),
        Example(detr, "stretch", NORMAL, person=1, inputs={"pixel_mask": (TensorProto.INT64, (1, SIZE, SIZE))}),
    ],
    "rtdetr_logits": [Example(rtdetr_logits, "stretch")],
    "nanodet": [
        Example(nanodet, red=(-1.8044, -2.0357, 2.2489), nms=True),
        Example(nanodet_zoo, red=(-1.8044, -2.0357, 2.2489), nms=True),
    ],
    "picodet": [Example(picodet, "stretch", NORMAL, nms=True)],
}
CASES = [
    pytest.param(name, example, id=f"{name}-{i}")
    for name, examples in EXAMPLES.items()
    for i, example in enumerate(examples)
]


def outputs_of(example: Example) -> Outputs:
    return example.build(np.array(IN_INPUT[example.fit]))


def seen(example: Example) -> Seen:
    outputs = [Output(name.lower().removesuffix(":0"), value) for name, value in outputs_of(example).items()]
    return Seen(outputs, (SIZE, SIZE), example.metadata, inputs=tuple(example.inputs))


def save(constant_model, example: Example, **options: object) -> Path:
    options.setdefault("input_shape", (1, 3, SIZE, SIZE))
    outputs = outputs_of(example)
    return constant_model(
        *outputs.values(), outputs=list(outputs), metadata=example.metadata, extra_inputs=example.inputs, **options
    )


def test_every_head_has_an_example() -> None:
    assert set(EXAMPLES) == set(head_names())


@pytest.mark.parametrize(("name", "example"), CASES)
def test_it_is_recognised_and_can_be_named(name: str, example: Example) -> None:
    head = recognise(seen(example))
    assert head.name == name
    assert head.pixels.fit == example.fit
    assert head.needs_nms == example.nms
    assert recognise(seen(example), name).name == name


@pytest.mark.parametrize(("name", "example"), CASES)
def test_what_the_network_is_shown(name: str, example: Example) -> None:
    red = np.zeros((SIZE, SIZE, 3), np.uint8)
    red[:] = (0, 0, 255)
    blob, _ = Letterbox(recognise(seen(example)).pixels)(red, (SIZE, SIZE))
    np.testing.assert_allclose(blob[0, :, 30, 30], example.red, atol=1e-3)


@pytest.mark.parametrize(("name", "example"), CASES)
def test_the_person_is_found(constant_model, name: str, example: Example) -> None:
    """Through a graph, in a picture that is wider than high."""
    detector = open_detector(DetectorSettings(model_path=str(save(constant_model, example))))
    assert isinstance(detector, OnnxDetector)
    assert detector.head.name == name
    found = detector(PICTURE)
    np.testing.assert_allclose(found.boxes, [PERSON], atol=1e-3)
    np.testing.assert_allclose(found.scores, [SCORES[0]], atol=1e-5)
    assert found.class_ids.tolist() == [example.person]
    assert detector.class_names[example.person] == "person"
    if example.only_people:
        return
    assert detector.tally.counts.classes == {"car": 1}
    both = open_detector(DetectorSettings(model_path=str(save(constant_model, example)), classes="all", conf=0.55))
    np.testing.assert_allclose(both(PICTURE).boxes, [PERSON, CAR], atol=1e-3)


BATCHES = [case for case in CASES if next(iter(outputs_of(case.values[1]).values())).ndim > 2]  # type: ignore[union-attr]


@pytest.mark.parametrize(("name", "example"), BATCHES)
def test_the_first_picture_of_a_fixed_batch_counts(constant_model, name: str, example: Example) -> None:
    """The others of the batch hold something else."""
    outputs = {key: np.concatenate([value, value * 0, value * 0]) for key, value in outputs_of(example).items()}
    path = constant_model(
        *outputs.values(),
        outputs=list(outputs),
        metadata=example.metadata,
        extra_inputs={key: (kind, (3, *shape[1:])) for key, (kind, shape) in example.inputs.items()},
        input_shape=(3, 3, SIZE, SIZE),
    )
    found = open_detector(DetectorSettings(model_path=str(path), head=name))(PICTURE)
    np.testing.assert_allclose(found.boxes, [PERSON], atol=1e-3)


LAYOUTS = [
    ((1, SIZE, SIZE, 3), TensorProto.FLOAT),
    ((1, 3, SIZE, SIZE), TensorProto.FLOAT16),
    ((1, SIZE, SIZE, 3), TensorProto.UINT8),
    ((3, SIZE, SIZE), TensorProto.FLOAT),
]


@pytest.mark.parametrize(("layout", "kind"), LAYOUTS)
def test_other_layouts_and_types(constant_model, layout: tuple[int, ...], kind: int) -> None:
    path = save(constant_model, EXAMPLES["yolov8"][0], input_shape=layout, input_type=kind)
    found = open_detector(DetectorSettings(model_path=str(path)))(PICTURE)
    np.testing.assert_allclose(found.boxes, [PERSON], atol=1e-3)


CLASS_COLUMNS = {"yolov8": (1, slice(4, None)), "yolov5": (2, slice(4, None)), "yolox": (2, slice(4, None))} | {
    name: (2, slice(0, 80)) for name in ("yolo_nas", "damo_yolo", "nanodet", "picodet")
}
"""Axis and place of the confidences in the outputs that hold them."""


@pytest.mark.parametrize("name", CLASS_COLUMNS)
def test_logits_become_probabilities(constant_model, name: str) -> None:
    """Where a model leaves its confidences as logits, a grey picture shows it: they lie far below zero."""
    outputs = outputs_of(EXAMPLES[name][0])
    axis, place = CLASS_COLUMNS[name]
    for value in outputs.values():
        if value.shape[axis] >= 80:
            part = value[:, place] if axis == 1 else value[..., place]
            part[:] = logit(np.clip(part, 1e-4, 1 - 1e-4))
    path = constant_model(*outputs.values(), outputs=list(outputs), input_shape=(1, 3, SIZE, SIZE))
    found = open_detector(DetectorSettings(model_path=str(path)))(PICTURE)
    np.testing.assert_allclose(found.boxes, [PERSON], atol=1e-3)
    np.testing.assert_allclose(found.scores, [SCORES[0]], atol=2e-3)


@pytest.mark.parametrize("name", ["yolov8", "yolov5", "yolov6", "yolo_nas", "damo_yolo", "ppdet", "mmdeploy", "rtdetr"])
def test_boxes_in_parts_of_the_picture_are_scaled(constant_model, name: str) -> None:
    example = EXAMPLES[name][0]
    boxes = np.array(IN_INPUT[example.fit])
    outputs = example.build(boxes / SIZE)
    for value in outputs.values():
        if name == "yolov6":
            value[0, 30, :4] = 0.8
    path = constant_model(
        *outputs.values(), outputs=list(outputs), extra_inputs=example.inputs, input_shape=(1, 3, SIZE, SIZE)
    )
    found = open_detector(DetectorSettings(model_path=str(path), head=name))(PICTURE)
    np.testing.assert_allclose(found.boxes, [PERSON], atol=1e-3)


@pytest.mark.parametrize("name", sorted(EXAMPLES.keys() - {"nanodet", "picodet", "rtmo", "yolov6"}))
def test_a_box_that_is_no_number_moves_no_other(constant_model, name: str) -> None:
    """Those of the others are parts of the picture still."""
    example = EXAMPLES[name][0]
    boxes = np.array(IN_INPUT[example.fit]) / SIZE
    found = []
    for second in (boxes[1], np.full(4, np.nan)):
        outputs = example.build(np.array([boxes[0], second]))
        path = constant_model(
            *outputs.values(), outputs=list(outputs), extra_inputs=example.inputs, input_shape=(1, 3, SIZE, SIZE)
        )
        found.append(open_detector(DetectorSettings(model_path=str(path), head=name, classes="all", conf=0.5))(PICTURE))
    assert (len(found[0]), len(found[1])) == (2, 1)
    np.testing.assert_allclose(found[1].boxes, found[0].boxes[:1], atol=1e-3)


def test_a_head_that_does_not_exist_names_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"nearest: yolov10.*expected auto, .*yolox"):
        DetectorSettings(head="yolo10")
    with pytest.raises(InputError, match="expected for yolov10"):
        recognise(seen(EXAMPLES["yolov8"][0]), "yolov10")


def test_inputs_of_any_size_keep_the_shape_of_the_picture(constant_model) -> None:
    """TensorFlow's graphs and DETR resize by themselves, or were trained on pictures of any shape."""
    dynamic = {"tensorflow": ("n", "h", "w", 3), "detr": ("n", 3, "h", "w")}
    for name, shape in dynamic.items():
        kind = TensorProto.UINT8 if name == "tensorflow" else TensorProto.FLOAT
        path = save(constant_model, EXAMPLES[name][0], input_shape=shape, input_type=kind)
        detector = open_detector(DetectorSettings(model_path=str(path)))
        assert isinstance(detector, OnnxDetector)
        # As wide as before and half as high: boxes in parts of it are those of the stretched input.
        np.testing.assert_allclose(detector(PICTURE).boxes, [PERSON], atol=1e-3)
        assert detector.head.pixels.fit == "centre"


def test_old_nanodets_outputs_may_be_grouped(constant_model) -> None:
    scores, sides = levels(np.array(IN_INPUT["centre"]), 3.5 / 8)
    names = [f"{kind}_pred_stride_{stride}" for kind in ("cls", "dis") for stride in (8, 16, 32, 64)]
    path = constant_model(*scores, *sides, outputs=names, input_shape=(1, 3, SIZE, SIZE))
    detector = open_detector(DetectorSettings(model_path=str(path)))
    assert isinstance(detector, OnnxDetector)
    assert detector.head.name == "nanodet"
    np.testing.assert_allclose(detector(PICTURE).boxes, [PERSON], atol=1e-3)
