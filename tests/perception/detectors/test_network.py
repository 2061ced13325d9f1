from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.types import Detections, Frame
from deepsort_cli.perception.detectors import OnnxDetector, open_detector
from deepsort_cli.perception.settings import DetectorSettings, RuntimeSettings

CELLS = 64 + 16 + 4  # of a 64×64 input


def v8(*rows: tuple[float, ...], classes: int = 3) -> np.ndarray:
    """A v8 output for 64×64 input with candidates (cx, cy, w, h, score, class)."""
    output = np.zeros((1, 4 + classes, CELLS), np.float32)
    for i, (cx, cy, w, h, score, class_id) in enumerate(rows):
        output[0, :4, i] = cx, cy, w, h
        output[0, 4 + int(class_id), i] = score
    return output


def detect(path: Path, image: np.ndarray, **options: object) -> Detections:
    return open_detector(DetectorSettings(model_path=str(path), **options))(image)  # type: ignore[arg-type]


def test_boxes_come_in_image_pixels_by_descending_score(constant_model) -> None:
    # A 128×64 image in a 64×64 input: half the size, 16 rows of padding above and below.
    path = constant_model(v8((32, 32, 20, 10, 0.5, 0), (10, 20, 8, 4, 0.9, 0)))
    found = detect(path, np.zeros((64, 128, 3), np.uint8), classes="all")
    np.testing.assert_allclose(found.scores, [0.9, 0.5], rtol=1e-6)
    np.testing.assert_allclose(found.boxes, [[12, 4, 28, 12], [44, 22, 84, 42]], atol=1e-6)
    assert found.boxes.dtype == np.float64
    assert found.class_ids.tolist() == [0, 0]
    assert found.features is None


def test_boxes_are_clipped_and_those_in_the_padding_go(constant_model) -> None:
    path = constant_model(v8((0, 32, 40, 100, 0.9, 0), (32, 4, 10, 6, 0.8, 0), (32, 32, -5, 9, 0.7, 0)))
    found = detect(path, np.zeros((64, 128, 3), np.uint8), classes="all")
    np.testing.assert_allclose(found.boxes, [[0, 0, 40, 64]], atol=1e-6)


def test_boxes_that_are_no_numbers_go(constant_model) -> None:
    path = constant_model(v8((np.nan, 32, 20, 10, 0.9, 0), (np.inf, 32, 9, 9, 0.8, 0), (32, 32, 20, 10, 0.5, 0)))
    assert len(detect(path, np.zeros((64, 64, 3), np.uint8), classes="all")) == 1


def test_overlaps_confidence_and_limit(constant_model) -> None:
    rows = [(32, 32, 20, 20, 0.9, 0), (33, 32, 20, 20, 0.8, 0), (33, 32, 20, 20, 0.7, 1), (10, 10, 9, 9, 0.2, 0)]
    path = constant_model(v8(*rows))
    image = np.zeros((64, 64, 3), np.uint8)

    def scores(**options: object) -> list[float]:
        return detect(path, image, classes="all", **options).scores.round(3).tolist()

    assert scores() == [0.9, 0.7]
    assert scores(iou=0.95) == [0.9, 0.8, 0.7]
    assert scores(conf=0.1) == [0.9, 0.7, 0.2]
    assert scores(conf=0.1, max_det=1) == [0.9]


def test_classes_by_name_number_and_default(constant_model) -> None:
    rows = [(12, 12, 9, 9, 0.9, 0), (32, 32, 9, 9, 0.8, 1), (50, 50, 9, 9, 0.7, 2)]
    path = constant_model(v8(*rows), metadata={"names": "{0: 'hat', 1: 'person', 2: 'dog'}"})
    image = np.zeros((64, 64, 3), np.uint8)
    assert detect(path, image).class_ids.tolist() == [1]
    assert detect(path, image, classes="all").class_ids.tolist() == [0, 1, 2]
    assert detect(path, image, classes="dog,0").class_ids.tolist() == [0, 2]
    assert open_detector(DetectorSettings(model_path=str(path))).class_names == {0: "hat", 1: "person", 2: "dog"}
    with pytest.raises(InputError, match="'person'"):
        detect(path, image, classes="persons")


def test_end_to_end_models_are_not_suppressed_again(constant_model) -> None:
    output = np.zeros((1, 300, 6), np.float32)
    output[0, :2] = [[10, 10, 30, 30, 0.6, 0], [10, 10, 30, 31, 0.7, 0]]
    path, image = str(constant_model(output)), np.zeros((64, 64, 3), np.uint8)
    said: list[str] = []
    for iou, agnostic, scores in ((None, False, [0.7, 0.6]), (0.3, False, [0.7, 0.6]), (0.3, True, [0.7])):
        settings = DetectorSettings(model_path=path, iou=iou, agnostic_nms=agnostic)
        np.testing.assert_allclose(open_detector(settings, warn=said.append)(image).scores, scores, rtol=1e-6)
    assert len(said) == 1
    assert said[0].startswith("`detector.iou` changes nothing: constant.onnx gives each object once")


@pytest.mark.parametrize(("head", "colour"), [("yolov8", (0, 0, 255)), ("yolox", (255, 0, 0))])
def test_channel_order_and_scale(tmp_path: Path, write_model, head: str, colour: tuple[int, int, int]) -> None:
    """The confidence of the only box is the largest value of the input's first channel, as a share of full scale."""
    width = 6 if head == "yolox" else 5
    place = np.zeros((1, CELLS, width), np.float32)
    place[0, 40, :4] = (2.0, 1.0, 0.0, 0.0) if head == "yolox" else (32, 32, 10, 10)
    where = np.zeros((1, CELLS, width), np.float32)
    where[0, 40, 4] = 1 / 255 if head == "yolox" else 1
    place[0, 40, 5:] = 1.0
    nodes = [
        helper.make_node("Slice", ["images", "start", "stop", "axis"], ["first"]),
        helper.make_node("ReduceMax", ["first"], ["level"], keepdims=0),
        helper.make_node("Mul", ["level", "where"], ["score"]),
        helper.make_node("Add", ["place", "score"], ["rows"]),
        helper.make_node("Transpose", ["rows"], ["output"], perm=[0, 1, 2] if head == "yolox" else [0, 2, 1]),
    ]
    constants = {
        "start": np.array([0]),
        "stop": np.array([1]),
        "axis": np.array([1]),
        "place": place,
        "where": where,
    }
    path = write_model(tmp_path / "pixels.onnx", nodes, ["output"], constants=constants)
    detector = open_detector(DetectorSettings(model_path=str(path), conf=0.0, max_det=1))
    assert isinstance(detector, OnnxDetector)
    assert detector.head.name == head
    image = np.zeros((64, 64, 3), np.uint8)
    assert detector(image).scores.tolist() == [0.0] or len(detector(image)) == 0
    image[:] = colour
    np.testing.assert_allclose(detector(image).scores, [1.0], rtol=1e-6)
    image[:] = colour[::-1]
    assert detector(image).scores.max(initial=0.0) == 0.0


def test_a_dynamic_model_gets_just_as_much_input_as_the_image_needs(tmp_path: Path, write_model) -> None:
    """The model answers with one box as large as its input."""
    nodes = [
        helper.make_node("Shape", ["images"], ["shape"], start=2, end=4),
        helper.make_node("Cast", ["shape"], ["size"], to=1),
        helper.make_node("Split", ["size"], ["height", "width"], num_outputs=2),
        helper.make_node("Mul", ["height", "half"], ["cy"]),
        helper.make_node("Mul", ["width", "half"], ["cx"]),
        helper.make_node("Concat", ["cx", "cy", "width", "height", "one"], ["column"], axis=0),
        helper.make_node("Reshape", ["column", "target"], ["box"]),
        helper.make_node("Concat", ["box", "rest"], ["output"], axis=2),
    ]
    constants = {
        "half": np.array([0.5], np.float32),
        "one": np.array([0.9], np.float32),
        "target": np.array([1, 5, 1]),
        "rest": np.zeros((1, 5, 50), np.float32),
    }
    path = write_model(
        tmp_path / "dynamic.onnx",
        nodes,
        ["output"],
        constants=constants,
        input_shape=(1, 3, "height", "width"),
        opset=18,
    )

    def largest(image_shape: tuple[int, int], **options: object) -> tuple[int, int]:
        detector = open_detector(DetectorSettings(model_path=str(path), **options))  # type: ignore[arg-type]
        assert isinstance(detector, OnnxDetector)
        image = np.zeros((*image_shape, 3), np.uint8)
        assert detector(image).boxes.tolist() == [[0, 0, image_shape[1], image_shape[0]]]
        blob, _ = detector._letterbox(image, detector._input_shape(image))
        return blob.shape[2:]

    assert largest((576, 768)) == (480, 640)
    assert largest((720, 1280)) == (384, 640)
    assert largest((720, 1280), imgsz="320") == (192, 320)
    assert largest((720, 1280), imgsz="320,320") == (320, 320)
    assert largest((1280, 720), imgsz=(320, 640)) == (320, 640)
    assert largest((5, 2000)) == (32, 640)
    with pytest.raises(InputError, match="multiples of 32"):
        largest((64, 64), imgsz="100")


def test_imgsz_is_for_dynamic_models(constant_model) -> None:
    path = constant_model(v8())
    image = np.zeros((64, 64, 3), np.uint8)
    assert len(detect(path, image, imgsz="64")) == 0
    with pytest.raises(InputError, match=r"`detector.imgsz` 320: constant\.onnx has a fixed input of 64×64"):
        detect(path, image, imgsz="320")
    with pytest.raises(InputError, match="hog"):
        open_detector(DetectorSettings(imgsz=(640,)))


@pytest.mark.parametrize("value", ["1,2,3", "16", "5000", "x"])
def test_impossible_sizes_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match="imgsz"):
        DetectorSettings(imgsz=value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.ones((1, 1000)), r"output0 \(1, 1000\).*no head known here.*yolox"),
        (np.ones((1, 21, 8, 8)), r"output0 \(1, 21, 8, 8\)"),
    ],
)
def test_wrong_models_are_named_by_their_outputs(constant_model, array: np.ndarray, words: str) -> None:
    path = constant_model(array)
    with pytest.raises(InputError, match=words) as caught:
        open_detector(DetectorSettings(model_path=str(path)))
    assert str(path) in str(caught.value)


def square_model(path: Path, write_model, side: int = 64, **options: object) -> Path:
    """Declares any size and holds the grids of one square: a person of half its width in the middle."""
    cells = sum((side // stride) ** 2 for stride in (8, 16, 32))
    answer = np.zeros((1, 5, cells), np.float32)
    answer[0, :, 0] = (side / 2, side / 2, side / 2, side / 2, 0.9)
    nodes, parts = [helper.make_node("ReduceMean", ["images"], ["grey"], axes=[1], keepdims=1)], []
    for stride in (8, 16, 32):
        nodes.append(
            helper.make_node("AveragePool", ["grey"], [f"p{stride}"], kernel_shape=[stride] * 2, strides=[stride] * 2)
        )
        nodes.append(helper.make_node("Reshape", [f"p{stride}", "shape"], [f"r{stride}"]))
        parts.append(f"r{stride}")
    nodes += [
        helper.make_node("Concat", parts, ["all"], axis=2),
        helper.make_node("Mul", ["all", "zero"], ["nothing"]),
        helper.make_node("Add", ["answer", "nothing"], ["output0"]),
    ]
    constants = {"shape": np.array([1, 1, -1]), "zero": np.float32(0), "answer": answer}
    shape = ("batch", 3, "height", "width")
    return write_model(path, nodes, ["output0"], constants=constants, input_shape=shape, **options)


@pytest.mark.parametrize("side", [64, 320, 416, 640, 736])
@pytest.mark.parametrize("told", ["nothing", "metadata", "imgsz", "exactly"])
def test_a_model_that_works_at_one_square_only_gets_it(tmp_path: Path, write_model, side: int, told: str) -> None:
    metadata = {"names": "{0: 'person'}"} | ({"imgsz": f"[{side}, {side}]"} if told == "metadata" else {})
    path = square_model(tmp_path / "square.onnx", write_model, side, metadata=metadata)
    imgsz = {"imgsz": f"{side}", "exactly": f"{side},{side}"}.get(told, ())
    said: list[str] = []
    settings = DetectorSettings(model_path=str(path), imgsz=imgsz)  # type: ignore[arg-type]
    if told == "nothing" and side == 64:
        with pytest.raises(
            InputError, match=r"640, 640.*fails at all usual sizes: `detector.imgsz`"
        ):  # what failed is said, and what helps
            open_detector(settings)
        return
    found = open_detector(settings, warn=said.append)(np.zeros((100, 200, 3), np.uint8))
    np.testing.assert_allclose(found.boxes, [[50, 0, 150, 100]], atol=1e-3)
    assert bool(said) == (told == "nothing" and side != 640)
    assert all(f"{side}×{side} is used" in line for line in said)


def test_what_was_assumed_is_said_once(constant_model) -> None:
    boxes, scores = np.full((1, CELLS, 4), 30.0), np.zeros((1, CELLS, 80))
    said: list[str] = []
    open_detector(DetectorSettings(model_path=str(constant_model(scores, boxes))), warn=said.append)
    assert len(said) == 1
    assert "damo_yolo" in said[0]
    assert "detector.head" in said[0]
    said.clear()
    named = DetectorSettings(model_path=str(constant_model(scores, boxes)), head="yolo_nas")
    assert open_detector(named, warn=said.append).head.pixels.std == (255.0,) * 3  # type: ignore[attr-defined]
    assert not said


def test_what_is_shown_may_be_overruled(constant_model) -> None:
    def pixels(**options: object) -> tuple[float, ...]:
        path = constant_model(v8(), input_type=options.pop("input_type", TensorProto.FLOAT))
        detector = open_detector(DetectorSettings(model_path=str(path), **options))  # type: ignore[arg-type]
        assert isinstance(detector, OnnxDetector)
        image = np.full((64, 64, 3), (51, 102, 204), np.uint8)
        return tuple(detector._letterbox(image, (64, 64))[0][0, :, 9, 9].astype(float).round(4).tolist())

    assert pixels() == (0.8, 0.4, 0.2)
    assert pixels(color="BGR") == (0.2, 0.4, 0.8)
    assert pixels(scale=1) == (204, 102, 51)
    assert pixels(scale=1, mean="4,2,1", std="2") == (100, 50, 25)
    assert pixels(mean=0.5, std=0.5) == (0.6, -0.2, -0.6)
    assert pixels(input_type=TensorProto.UINT8) == (204, 102, 51)
    with pytest.raises(InputError, match=r"detector\.scale.*bytes"):
        pixels(input_type=TensorProto.UINT8, scale=1)


def test_classes_may_suppress_each_other(constant_model) -> None:
    path = constant_model(v8((32, 32, 20, 20, 0.9, 0), (33, 32, 20, 20, 0.7, 1)))
    image = np.zeros((64, 64, 3), np.uint8)
    assert detect(path, image, classes="all").class_ids.tolist() == [0, 1]
    assert detect(path, image, classes="all", agnostic_nms=True).class_ids.tolist() == [0]


def test_a_detector_serves_several_threads(constant_model) -> None:
    path = constant_model(v8((32, 32, 20, 10, 0.5, 0), (10, 20, 8, 4, 0.9, 0)))
    detector = open_detector(DetectorSettings(model_path=str(path), classes=("all",)), RuntimeSettings(threads=1))
    images = [np.zeros((40 + 3 * i, 50 + 7 * i, 3), np.uint8) for i in range(12)] * 4
    expected = [detector(image).boxes for image in images]
    with ThreadPoolExecutor(4) as threads:
        for found, boxes in zip(threads.map(detector, images), expected, strict=True):
            np.testing.assert_array_equal(found.boxes, boxes)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("model", "head", "recall", "precision"),
    [("yolox_nano.onnx", "yolox", 0.95, 0.6), ("yolov8n_int8.onnx", "yolov8", 0.93, 0.7)],
)
def test_people_are_found_in_real_video(
    shared_data: Path, found_people, model: str, head: str, recall: float, precision: float
) -> None:
    detector = open_detector(DetectorSettings(model_path=str(shared_data / "models" / model), conf=0.1, iou=0.6))
    assert isinstance(detector, OnnxDetector)
    assert detector.head.name == head
    found = found_people(detector)
    assert found[0] >= recall
    assert found[1] >= precision


def test_what_is_no_number_is_said_once_and_counted(constant_model) -> None:
    """A network that overflows: of boxes others are found still, of confidences nothing is."""
    said: list[str] = []
    rows = v8((32, 32, 20, 20, 0.9, 0), (10, np.nan, 9, 9, 0.8, 0))
    settings = DetectorSettings(model_path=str(constant_model(rows)))
    detector = open_detector(settings, warn=said.append)
    for one in (detector, detector.fresh()):
        assert len(one.detect(Frame(0, np.zeros((64, 64, 3), np.uint8), 0.0))) == 1
        assert (one.tally.counts.broken, one.tally.counts.suppressed) == (1, 0)
    assert len(said) == 1
    assert "some of its boxes are no numbers" in said[0]


def test_confidences_that_are_no_numbers_are_said(tmp_path: Path, write_model) -> None:
    """A black picture gives 0 / 0, the grey one that opens the model does not."""
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Div", ["mean", "mean"], ["one"]),
        helper.make_node("Mul", ["rows", "one"], ["output0"]),
    ]
    path = write_model(
        tmp_path / "black.onnx", nodes, ["output0"], constants={"rows": v8((32, 32, 20, 20, 0.9, 0)).astype(np.float32)}
    )
    said: list[str] = []
    detector = open_detector(DetectorSettings(model_path=str(path), classes="all"), warn=said.append)
    assert len(detector(np.full((64, 64, 3), 90, np.uint8))) == 1
    assert not said
    for _ in range(2):
        assert len(detector(np.zeros((64, 64, 3), np.uint8))) == 0
    assert len(said) == 1
    assert "some of its confidences are no numbers" in said[0]


def test_what_became_of_the_candidates_is_counted(constant_model) -> None:
    rows = [
        (32, 32, 20, 20, 0.9, 0),
        (33, 32, 20, 20, 0.8, 0),  # suppressed
        (10, 10, 9, 9, 0.2, 0),  # below conf
        (50, 10, 9, 9, 0.7, 2),
        (50, 50, 9, 9, 0.01, 0),  # nothing at all
        (500, 500, 9, 9, 0.6, 0),  # outside
    ]
    path = constant_model(v8(*rows), metadata={"names": "{0: 'person', 1: 'hat', 2: 'dog'}"})
    detector = open_detector(DetectorSettings(model_path=str(path)))
    for _ in range(2):
        detector(np.zeros((64, 64, 3), np.uint8))
    counts = detector.tally.counts
    assert (counts.frames, counts.found, counts.kept) == (2, 10, 2)
    assert (counts.suppressed, counts.below_conf, counts.other_class, counts.outside) == (2, 2, 2, 2)
    assert counts.classes == {"dog": 2}
    assert counts.best_score == pytest.approx(0.9)
