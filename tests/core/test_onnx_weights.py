from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from deepsort_cli.core.onnx_weights import NEGLIGIBLE, without_negligible
from deepsort_cli.perception.bundled import bundled_model
from deepsort_cli.perception.runtime import open_session
from deepsort_cli.perception.settings import RuntimeSettings

SMALL = np.array([[1.0, 1e-39, -1e-42], [-NEGLIGIBLE / 2, NEGLIGIBLE, 0.0]], np.float32)
ROUNDED = np.array([[1.0, 0.0, 0.0], [0.0, NEGLIGIBLE, 0.0]], np.float32)


def model_of(tensors: list[TensorProto], constants: list[TensorProto] = []) -> onnx.ModelProto:  # noqa: B006
    """A valid model that has these numbers; it computes something else."""
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 4, 4])
    answer = helper.make_tensor_value_info("answer", TensorProto.FLOAT, [1, 3, 4, 4])
    nodes = [helper.make_node("Constant", [], [f"constant{i}"], value=one) for i, one in enumerate(constants)]
    nodes.append(helper.make_node("Relu", ["images"], ["answer"]))
    graph = helper.make_graph(nodes, "graph", [image], [answer], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def rounded(model: onnx.ModelProto) -> onnx.ModelProto | None:
    data = without_negligible(model.SerializeToString())
    return None if data is None else onnx.load_model_from_string(data)


def test_weights_next_to_nothing_become_zero_wherever_a_model_keeps_them() -> None:
    listed = helper.make_tensor("listed", TensorProto.FLOAT, SMALL.shape, SMALL.ravel().tolist())
    assert listed.float_data and not listed.raw_data
    whole = numpy_helper.from_array(np.ones((2, 300), np.float32), "whole")
    model = model_of([whole, listed, numpy_helper.from_array(SMALL, "raw")], [numpy_helper.from_array(SMALL)])
    found = rounded(model)
    assert found is not None
    arrays = [numpy_helper.to_array(tensor) for tensor in found.graph.initializer]
    np.testing.assert_array_equal(arrays[0], 1.0)
    for array in (*arrays[1:], numpy_helper.to_array(found.graph.node[0].attribute[0].t)):
        np.testing.assert_array_equal(array, ROUNDED)
    for tensor in (*model.graph.initializer, *found.graph.initializer):
        tensor.ClearField("float_data")
        tensor.ClearField("raw_data")
    for one in (model, found):
        one.graph.node[0].ClearField("attribute")
    assert found == model


@pytest.mark.parametrize(
    "tensor",
    [
        numpy_helper.from_array(np.float32([1e-39, 1.0]), "scales"),
        numpy_helper.from_array(np.float32(1e-39), "guard"),
        numpy_helper.from_array(SMALL.astype(np.float64), "double"),
        numpy_helper.from_array(np.full((2, 2), 6e-8, np.float16), "half"),
        numpy_helper.from_array(np.full((2, 2), 1, np.int32), "whole numbers"),
        numpy_helper.from_array(ROUNDED, "usual"),
    ],
    ids=lambda tensor: tensor.name,
)
def test_a_model_without_such_weights_stays_as_it_is(tensor: TensorProto) -> None:
    assert rounded(model_of([tensor])) is None


def test_a_model_whose_weights_lie_beside_it_is_left_to_onnx_runtime() -> None:
    model = model_of([numpy_helper.from_array(SMALL, "here"), numpy_helper.from_array(SMALL, "there")])
    onnx.external_data_helper.set_external_data(model.graph.initializer[1], "model.data")
    assert rounded(model) is None


def test_what_is_no_model_is_left_to_onnx_runtime() -> None:
    whole = model_of([numpy_helper.from_array(SMALL, "raw")]).SerializeToString()
    for place in range(0, len(whole), 2):
        for broken in (
            whole[:place],
            *(whole[:place] + bytes([one]) + whole[place + 1 :] for one in (0xFF, whole[place] ^ 8)),
        ):
            found = without_negligible(broken)
            assert found is None or len(found) == len(broken)


def test_the_bundled_model_answers_as_it_does_with_all_its_weights() -> None:
    path = bundled_model()
    assert without_negligible(path.read_bytes()) is not None
    images = np.random.default_rng(0).normal(size=(3, 3, 256, 128)).astype(np.float32)
    plain = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (expected,) = plain.run(None, {plain.get_inputs()[0].name: images})
    (found,) = open_session(path, RuntimeSettings(device="cpu")).run(images)
    np.testing.assert_array_equal(found, expected)
