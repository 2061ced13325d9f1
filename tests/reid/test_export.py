"""The ONNX graph of a model: same numbers, unit length, same bytes every time."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

from deepsort_cli.core.embedder_metadata import EmbedderMetadata  # noqa: E402
from deepsort_cli.core.preprocess import Preprocess  # noqa: E402
from deepsort_cli.reid.backbones.osnet import VARIANTS, OSNet  # noqa: E402
from deepsort_cli.reid.export import quantize, write_graph, write_metadata  # noqa: E402

SMALL = Preprocess(height=64, width=32)


def trained(
    name: str = "osnet_x0_25", feature_dim: int = 32, neck: str = "bnneck", neck_feature: str = "after"
) -> OSNet:
    """A model whose statistics are not those of a fresh one."""
    torch.manual_seed(0)
    model = OSNet(name, 5, feature_dim, neck, neck_feature)
    for key, value in model.state_dict().items():
        if key.endswith("running_mean"):
            value.normal_(std=0.1)
        elif key.endswith("running_var"):
            value.uniform_(0.8, 1.2)
    return model.eval()


def batch(count: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((count, 3, 64, 32)).astype(np.float32)


def embed(path: Path, images: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert [item.name for item in session.get_inputs()] == ["images"]
    assert [item.type for item in (*session.get_inputs(), *session.get_outputs())] == ["tensor(float)"] * 2
    [found] = session.run(["embeddings"], {"images": images})
    return found


def expected(model: OSNet, images: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        raw = model(torch.from_numpy(images)).numpy()
    return raw / np.linalg.norm(raw, axis=1, keepdims=True)


CASES = [(name, 32, "bnneck", "after") for name in VARIANTS]
CASES += [("osnet_x0_25", 32, "bnneck", "before"), ("osnet_x0_25", 0, "bnneck", "after")]
CASES += [("osnet_x0_25", 32, "none", "after"), ("osnet_ain_x1_0", 0, "none", "after")]


@pytest.mark.parametrize(("name", "feature_dim", "neck", "neck_feature"), CASES)
def test_every_architecture_gives_the_same_unit_embeddings(
    tmp_path: Path, name: str, feature_dim: int, neck: str, neck_feature: str
) -> None:
    model = trained(name, feature_dim, neck, neck_feature)
    write_graph(model, SMALL, tmp_path / "a.onnx", batch=None, opset=17)
    for count in (1, 3):
        found = embed(tmp_path / "a.onnx", batch(count))
        assert np.abs(found - expected(model, batch(count))).max() <= 1e-5
        assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    assert model.classifier is not None  # the model itself is left alone


@pytest.mark.parametrize("options", [{}, {"simplify": False}, {"half": True}, {"batch": 3}])
def test_the_same_model_gives_the_same_bytes(tmp_path: Path, options: dict) -> None:
    model = trained()
    for name in ("a.onnx", "b.onnx"):
        write_graph(model, SMALL, tmp_path / name, **{"batch": None, "opset": 17} | options)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    assert str(Path(__file__).parents[2]).encode() not in (tmp_path / "a.onnx").read_bytes()


def test_batch_and_opset(tmp_path: Path) -> None:
    model = trained()
    write_graph(model, SMALL, tmp_path / "fixed.onnx", batch=2, opset=14)
    assert np.abs(embed(tmp_path / "fixed.onnx", batch(2)) - expected(model, batch(2))).max() <= 1e-5
    with pytest.raises(Exception, match="(?i)dimension"):
        embed(tmp_path / "fixed.onnx", batch(3))
    graph = onnx.load(str(tmp_path / "fixed.onnx"))
    assert [(item.domain, item.version) for item in graph.opset_import] == [("", 14)]


def test_simplifying_makes_the_graph_smaller(tmp_path: Path) -> None:
    counts = []
    for simplify in (False, True):
        write_graph(trained(), SMALL, tmp_path / "a.onnx", batch=None, opset=17, simplify=simplify)
        counts.append(len(onnx.load(str(tmp_path / "a.onnx")).graph.node))
    assert counts[1] < counts[0]


def test_weights_next_to_nothing_are_zero_and_change_nothing(tmp_path: Path) -> None:
    model = trained()
    with torch.no_grad():
        model.state_dict()["conv1.conv.weight"][:2] = 1e-39  # a channel that weight decay has put to sleep
    write_graph(model, SMALL, tmp_path / "a.onnx", batch=None, opset=17)
    weights = [onnx.numpy_helper.to_array(one) for one in onnx.load(str(tmp_path / "a.onnx")).graph.initializer]
    assert not any(((one != 0) & (np.abs(one) < 1e-20)).any() for one in weights if one.ndim > 1)
    images = batch(3)
    np.testing.assert_allclose(embed(tmp_path / "a.onnx", images), expected(model, images), atol=1e-5)


def test_an_embedding_of_zeros_stays_zero(tmp_path: Path) -> None:
    model = trained(neck="none")
    torch.nn.init.zeros_(model.fc[1].weight)
    torch.nn.init.zeros_(model.fc[1].bias)
    for half in (False, True):
        write_graph(model, SMALL, tmp_path / "a.onnx", batch=None, opset=17, half=half)
        assert not embed(tmp_path / "a.onnx", batch(2)).any()


def test_lower_precision_is_close_and_smaller(tmp_path: Path) -> None:
    model = trained("osnet_x0_5")
    exact, half, int8 = (tmp_path / f"{name}.onnx" for name in ("exact", "half", "int8"))
    write_graph(model, SMALL, exact, batch=None, opset=17)
    write_graph(model, SMALL, half, batch=None, opset=17, half=True)
    quantize(exact, int8, [batch(16)])
    wanted = expected(model, batch(16))
    for path, lowest in ((half, 0.999), (int8, 0.9)):
        found = embed(path, batch(16))
        assert lowest < (found * wanted).sum(axis=1).min() < 1
        assert path.stat().st_size < 0.65 * exact.stat().st_size


def test_metadata_replaces_what_was_there(tmp_path: Path) -> None:
    write_graph(trained(), SMALL, tmp_path / "a.onnx", batch=None, opset=17)
    for threshold in (0.2, 0.3):
        metadata = EmbedderMetadata(height=64, width=32, threshold=threshold, metrics={"mAP": 0.5})
        write_metadata(tmp_path / "a.onnx", metadata)
    session = ort.InferenceSession(str(tmp_path / "a.onnx"))
    assert EmbedderMetadata.from_props(session.get_modelmeta().custom_metadata_map) == metadata


def test_models_are_exported_in_turns_and_logging_is_as_before(tmp_path: Path) -> None:
    model, failures = trained(), []

    def write(number: int) -> None:
        try:
            write_graph(model, SMALL, tmp_path / f"{number}.onnx", batch=1, opset=17)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert logging.root.manager.disable == 0
