from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from deepsort_cli.core.embedder_metadata import EmbedderMetadata
from deepsort_cli.core.errors import InputError
from deepsort_cli.perception.embedders import Embedder, open_embedder
from deepsort_cli.perception.settings import EmbedderSettings, RuntimeSettings

PLAIN = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
BLUE, GREEN, RED = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def plain(**more: object) -> dict[str, str]:
    """Metadata of a model that takes pixels as they are, in 0-1."""
    return EmbedderMetadata(**(PLAIN | more)).to_props()  # type: ignore[arg-type]


def stripes() -> tuple[np.ndarray, np.ndarray]:
    """An image of a blue, a green and a red stripe, and their boxes."""
    image = np.zeros((20, 30, 3), np.uint8)
    for i, colour in enumerate((BLUE, GREEN, RED)):
        image[:, 10 * i : 10 * (i + 1)] = colour
    return image, np.array([[0, 0, 10, 20], [10, 0, 20, 20], [20, 0, 30, 20]], dtype=float)


def load(path: Path, **options: object) -> Embedder:
    embedder = open_embedder(EmbedderSettings(model_path=str(path), **options), RuntimeSettings(threads=1))  # type: ignore[arg-type]
    assert embedder is not None
    return embedder


@pytest.mark.parametrize(("order", "columns"), [("RGB", [2, 1, 0]), ("BGR", [0, 1, 2])])
def test_each_box_gets_its_own_feature(colour_embedder, order: str, columns: list[int]) -> None:
    embedder = load(colour_embedder(metadata=plain(channel_order=order)))
    features = embedder(*stripes())
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, np.eye(3)[columns], atol=1e-6)
    assert embedder.embedding_size == 3


def test_features_have_unit_length(colour_embedder) -> None:
    image = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    features = load(colour_embedder())(image, np.array([[0.0, 0.0, 20.0, 40.0], [5.0, 5.0, 55.0, 45.0]]))
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1.0, atol=1e-6)


def test_boxes_outside_the_image_are_unknown_and_keep_their_row(colour_embedder) -> None:
    image, boxes = stripes()
    boxes = np.insert(boxes, 1, [[50, 0, 60, 20]], axis=0)
    boxes = np.append(boxes, [[np.nan, 0, 1, 1], [5, 5, 5, 9]], axis=0)
    features = load(colour_embedder(metadata=plain()))(image, boxes)
    assert np.isnan(features).all(axis=1).tolist() == [False, True, False, False, True, True]
    np.testing.assert_allclose(features[[0, 2, 3]], np.eye(3)[[2, 1, 0]], atol=1e-6)
    assert np.isnan(load(colour_embedder())(image, boxes[[1]])).all()


def test_an_embedding_without_direction_is_unknown(colour_embedder) -> None:
    black = np.zeros((20, 20, 3), np.uint8)
    features = load(colour_embedder(metadata=plain()))(black, np.array([[0.0, 0.0, 9.0, 9.0]]))
    assert np.isnan(features).all()


def test_embeddings_that_are_no_numbers_are_unknown_and_said_once(tmp_path: Path, write_model) -> None:
    """A black crop gives 0 / 0, those that open the model do not."""
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["channels"], axes=[2, 3], keepdims=0),
        helper.make_node("ReduceMean", ["channels"], ["all"], axes=[1], keepdims=1),
        helper.make_node("Div", ["channels", "all"], ["output"]),
    ]
    path = write_model(tmp_path / "e.onnx", nodes, ["output"], input_shape=("n", 3, 8, 4), metadata=plain())
    said: list[str] = []
    embedder = open_embedder(EmbedderSettings(model_path=str(path)), warn=said.append)
    assert embedder is not None
    assert not said
    crops = [np.zeros((9, 9, 3), np.uint8), np.full((9, 9, 3), 90, np.uint8)]
    for _ in range(2):
        assert np.isnan(embedder.embed_crops(crops)).all(axis=1).tolist() == [True, False]
    assert len(said) == 1
    assert "e.onnx: 1 of 2 crops came out as no numbers" in said[0]


def test_no_boxes(colour_embedder) -> None:
    embedder = load(colour_embedder())
    assert embedder(stripes()[0], np.empty((0, 4))).shape == (0, 3)
    assert embedder.embed_crops([]).shape == (0, 3)


@pytest.mark.parametrize("batch", [1, 2, 4, "batch"])
def test_fixed_and_dynamic_batches_agree(colour_embedder, batch: int | str) -> None:
    rng = np.random.default_rng(1)
    crops = [rng.integers(0, 256, (rng.integers(1, 40), rng.integers(1, 40), 3), dtype=np.uint8) for _ in range(7)]
    embedder = load(colour_embedder((batch, 3, 8, 4)), batch_size=3)
    alone = np.concatenate([embedder.embed_crops([crop]) for crop in crops])
    np.testing.assert_allclose(embedder.embed_crops(crops), alone, atol=1e-6)


def test_crops_and_boxes_go_the_same_way(colour_embedder) -> None:
    embedder = load(colour_embedder())
    image, boxes = stripes()
    crops = [image[:, 0:10], image[:, 10:20], image[:, 20:30]]
    np.testing.assert_array_equal(embedder(image, boxes), embedder.embed_crops(crops))


def test_metadata_is_read_and_completed(colour_embedder) -> None:
    given = {"architecture": "osnet_x0_25", "threshold": 0.35, "height": 8, "width": 4}
    embedder = load(colour_embedder(metadata=plain(**given)))
    assert embedder.threshold == 0.35
    assert embedder.metadata.architecture == "osnet_x0_25"
    assert embedder.metadata.embedding_size == 3
    assert (embedder.name, embedder.device) == ("colours.onnx", "cpu")


def test_without_metadata_the_usual_input_is_assumed(colour_embedder) -> None:
    embedder = load(colour_embedder(("batch", 3, "height", "width")))
    assert (embedder.metadata.height, embedder.metadata.width) == (256, 128)
    assert embedder.threshold is None
    # The size of the graph wins over the default.
    assert load(colour_embedder(("batch", 3, 8, 4))).metadata.height == 8


def test_pooling_without_flattening_will_do(colour_embedder) -> None:
    features = load(colour_embedder(flat=False, metadata=plain()))(*stripes())
    np.testing.assert_allclose(features, np.eye(3)[[2, 1, 0]], atol=1e-6)


def test_none_names_no_model() -> None:
    assert open_embedder(EmbedderSettings(model_path="none")) is None


def test_bad_metadata_names_the_file(colour_embedder) -> None:
    path = colour_embedder(metadata={"deepsort.mean": "[1]"})
    with pytest.raises(InputError, match=r"colours\.onnx.*deepsort\.mean"):
        load(path)


@pytest.mark.parametrize("shape", [(1, 84, 8400), (1, 512, 4, 2), (5,), (1, 1)])
def test_models_that_give_no_embedding(constant_model, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"none of its outputs is one embedding per crop, \(1, D\): output0 \("):
        load(constant_model(np.ones(shape), input_shape=(1, 3, 16, 8)))


def test_a_batch_fixed_inside_the_graph_is_noticed(tmp_path: Path, write_model) -> None:
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Reshape", ["mean", "shape"], ["output"]),
    ]
    path = write_model(
        tmp_path / "baked.onnx",
        nodes,
        ["output"],
        constants={"shape": np.array([1, 3])},
        input_shape=("batch", 3, 8, 4),
    )
    with pytest.raises(InputError, match=r"baked\.onnx.*failed"):
        load(path)


@pytest.mark.parametrize("size", [(256, 128), (384, 128), (128, 64)])
def test_a_model_that_works_at_one_size_only_gets_it(tmp_path: Path, write_model, size: tuple[int, int]) -> None:
    """It declares any size, and holds an array of its own."""
    nodes = [
        helper.make_node("Add", ["images", "nothing"], ["same"]),
        helper.make_node("ReduceMean", ["same"], ["output"], axes=[2, 3], keepdims=0),
    ]
    nothing = np.zeros((1, 3, *size), np.float32)
    shape = ("batch", 3, "height", "width")
    path = write_model(tmp_path / "one.onnx", nodes, ["output"], constants={"nothing": nothing}, input_shape=shape)
    embedder = load(path)
    assert (embedder.metadata.height, embedder.metadata.width) == size
    assert embedder.embed_crops([np.full((9, 9, 3), 80, np.uint8)]).shape == (1, 3)


def test_an_embedder_serves_several_threads(colour_embedder) -> None:
    embedder = load(colour_embedder(), batch_size=2)
    rng = np.random.default_rng(2)
    crops = [[rng.integers(0, 256, (9, 5 + i, 3), dtype=np.uint8) for _ in range(i % 5)] for i in range(40)]
    expected = [embedder.embed_crops(group) for group in crops]
    with ThreadPoolExecutor(4) as threads:
        for features, reference in zip(threads.map(embedder.embed_crops, crops), expected, strict=True):
            np.testing.assert_array_equal(features, reference)


def two_outputs(constant_model, first: np.ndarray, second: np.ndarray, names: tuple[str, str], **options) -> Embedder:
    """A model that gives the same two outputs for every crop."""
    path = constant_model(first, second, outputs=names, input_shape=(2, 3, 16, 8))
    return load(path, **options)


UNIT = np.array([[0.6, -0.8, *[0.0] * 6], [0.0, 0.0, -1.0, *[0.0] * 5]])
WIDE = np.arange(2 * 751).reshape(2, 751) - 500.0


@pytest.mark.parametrize(
    ("first", "second", "names", "size"),
    [
        (WIDE, UNIT, ("logits", "features"), 8),
        (UNIT, WIDE, ("embeddings", "output"), 8),
        (WIDE[:, :9], UNIT * 3, ("cls_score", "x"), 8),
        (WIDE[:, :9], UNIT, ("a", "b"), 8),  # unit length
        (WIDE, UNIT * 3, ("a", "b"), 8),  # 751 is the number of people in Market-1501
        (UNIT * 3, UNIT, ("a", "b"), 8),  # the same before and after it was made unit length
        (np.full((2, 9), 1 / 9), UNIT * 3, ("a", "b"), 8),  # probabilities
        (np.zeros((2, 8, 4, 2)), UNIT, ("map", "b"), 8),
    ],
)
def test_features_are_told_from_class_scores(
    constant_model, first: np.ndarray, second: np.ndarray, names: tuple[str, str], size: int
) -> None:
    for arrays, order in (((first, second), names), ((second, first), names[::-1])):
        embedder = two_outputs(constant_model, *arrays, order)
        assert embedder.embedding_size == size
        np.testing.assert_allclose(embedder.embed_crops([np.zeros((9, 9, 3), np.uint8)]), UNIT[:1], atol=1e-6)


def test_outputs_that_could_both_be_features_need_a_name(constant_model) -> None:
    left, right = WIDE[:, :9], WIDE[:, 30:38]
    with pytest.raises(InputError, match=r"several.*a \(2, 9\), b \(2, 8\).*`reid\.output`=a"):
        two_outputs(constant_model, left, right, ("a", "b"))
    assert two_outputs(constant_model, left, right, ("a", "b"), output="b").embedding_size == 8
    with pytest.raises(InputError, match=r"`reid\.output` c: it has no such output.*a \(2, 9\)"):
        two_outputs(constant_model, left, right, ("a", "b"), output="c")
    with pytest.raises(InputError, match="not one embedding per crop"):
        two_outputs(constant_model, np.zeros((2, 8, 4, 2)), right, ("map", "b"), output="map")


def warnings_of(path: Path, **options: object) -> list[str]:
    said: list[str] = []
    open_embedder(EmbedderSettings(model_path=str(path), **options), RuntimeSettings(threads=1), said.append)  # type: ignore[arg-type]
    return said


def test_a_model_that_tells_nothing_apart_is_noticed(constant_model, colour_embedder) -> None:
    assert warnings_of(colour_embedder()) == []
    (said,) = warnings_of(constant_model(np.tile(np.arange(1.0, 9), (2, 1)), input_shape=(2, 3, 16, 8)))
    assert "constant.onnx: two very different crops come out alike" in said
    assert "reid.scale" in said
    (said,) = warnings_of(constant_model(np.arange(1.0, 9)[None], input_shape=(1, 3, 16, 8)))
    assert "alike" in said
    (said,) = warnings_of(constant_model(np.zeros((2, 8)), input_shape=(2, 3, 16, 8)))
    assert "zeros" in said
    (said,) = warnings_of(constant_model(np.array([[0.9, 0.1], [0.2, 0.8]]), input_shape=(2, 3, 16, 8)))
    assert "output0, 2 numbers, looks like scores of training identities" in said
    for value in (np.nan, np.inf):
        with pytest.raises(InputError, match="NaN or infinite"):
            warnings_of(constant_model(np.full((2, 8), value), input_shape=(2, 3, 16, 8)))


def test_mean_std_scale_and_order_overrule_the_metadata(colour_embedder) -> None:
    """The embedder gives the mean of every channel it is shown."""
    image, _ = stripes()
    image[:] = (51, 102, 204)  # 0.2, 0.4, 0.8

    def shown(**options: object) -> np.ndarray:
        embedder = load(colour_embedder(metadata=plain()), **options)
        return embedder._forward(embedder._preprocess.resize_crops([image]))[0]

    np.testing.assert_allclose(shown(), [0.8, 0.4, 0.2], atol=1e-6)
    np.testing.assert_allclose(shown(scale=1), [204, 102, 51], rtol=1e-5)
    np.testing.assert_allclose(shown(scale=1, mean="100,100,50", std="2"), [52, 1, 0.5], rtol=1e-4)
    np.testing.assert_allclose(shown(mean=0.5, std=(0.5,)), [0.6, -0.2, -0.6], rtol=1e-4)
    np.testing.assert_allclose(shown(color="BGR", mean="0.2,0.2,0.2"), [0, 0.2, 0.6], atol=1e-6)
    np.testing.assert_allclose(shown(scale=1 / 255), [0.8, 0.4, 0.2], atol=1e-6)


@pytest.mark.parametrize(
    "options", [{"mean": "1,2"}, {"std": "0"}, {"std": "1,1,-1"}, {"mean": "nan"}, {"scale": 0}, {"color": "grey"}]
)
def test_impossible_normalisations_are_refused(options: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        EmbedderSettings(**options)


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8])
@pytest.mark.parametrize("shape", [("batch", 8, 4, 3), (4, 8, 4, 3), (1, 8, 4, 3)])
def test_other_layouts_types_and_batches(tmp_path: Path, write_model, kind: int, shape: tuple) -> None:
    nodes = [
        helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["output"], axes=[1, 2], keepdims=0),
    ]
    path = write_model(tmp_path / "nhwc.onnx", nodes, ["output"], input_shape=shape, input_type=kind, metadata=plain())
    np.testing.assert_allclose(load(path)(*stripes()), np.eye(3)[[2, 1, 0]], atol=1e-3)
    if kind == TensorProto.UINT8:
        with pytest.raises(InputError, match=r"reid\.mean.*bytes"):
            load(path, mean=0.5)


@pytest.mark.real_data
def test_the_public_osnet_tells_people_apart(shared_data: Path) -> None:
    """On 30 people of CUHK03, which it was not trained on; and the features are those of the textbook preprocessing."""
    path = shared_data / "models" / "osnet_x0_25_msmt17_dyn.onnx"
    embedder = load(path, batch_size=16)
    assert embedder.embedding_size == 512
    pids = sorted({file.name[:4] for file in (shared_data / "reid" / "cuhk03" / "query").iterdir()})[300:330]

    def read(folder: str) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        files = sorted(f for f in (shared_data / "reid" / "cuhk03" / folder).iterdir() if f.name[:4] in pids)
        images = [np.asarray(cv2.imread(str(file)), np.uint8) for file in files]
        return images, np.array([f.name[:4] for f in files]), np.array([f.name.split("_")[1] for f in files])

    query, query_pids, query_cams = read("query")
    gallery, gallery_pids, gallery_cams = read("bounding_box_test")
    q, g = embedder.embed_crops(query), embedder.embed_crops(gallery)
    distances = 1 - q @ g.T
    same = query_pids[:, None] == gallery_pids
    across = query_cams[:, None] != gallery_cams
    assert distances[~same].mean() - distances[same & across].mean() > 0.1
    distances[same & ~across] = np.inf
    assert (gallery_pids[distances.argmin(axis=1)] == query_pids).mean() > 0.3  # chance is 0.03

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    resized = np.array([cv2.resize(crop, (128, 256))[..., ::-1] for crop in query[:5]])
    pixels = (resized / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    (raw,) = session.run(None, {"input": pixels.transpose(0, 3, 1, 2).astype(np.float32)})
    np.testing.assert_allclose(q[:5], raw / np.linalg.norm(raw, axis=1, keepdims=True), atol=1e-5)
