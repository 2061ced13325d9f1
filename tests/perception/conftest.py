"""Tiny ONNX models with known outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

SaveModel = Callable[..., Path]
Dimensions = Sequence[int | str]


def _write_model(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    outputs: Sequence[str],
    *,
    constants: Mapping[str, np.ndarray] | None = None,
    input_shape: Dimensions = (1, 3, 64, 64),
    input_type: int = TensorProto.FLOAT,
    metadata: Mapping[str, str] | None = None,
    extra_inputs: Mapping[str, tuple[int, Dimensions]] | None = None,
    output_types: Mapping[str, int] | None = None,
    opset: int = 17,
) -> Path:
    """Save a graph over one input `images`; further inputs as name → (type, shape)."""
    inputs = [helper.make_tensor_value_info("images", input_type, list(input_shape))]
    inputs += [
        helper.make_tensor_value_info(name, kind, list(shape)) for name, (kind, shape) in (extra_inputs or {}).items()
    ]
    graph = helper.make_graph(
        list(nodes),
        "tiny",
        inputs,
        [
            helper.make_tensor_value_info(name, (output_types or {}).get(name, TensorProto.FLOAT), None)
            for name in outputs
        ],
        [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    for key, value in (metadata or {}).items():
        model.metadata_props.add(key=key, value=value)
    onnx.save(model, str(path))
    return path


@pytest.fixture
def write_model() -> SaveModel:
    """Saves a graph of any nodes."""
    return _write_model


@pytest.fixture
def constant_model(tmp_path: Path) -> SaveModel:
    """Saves a model whose outputs are given arrays, whatever image it gets."""

    def save(
        *arrays: np.ndarray, name: str = "constant.onnx", outputs: Sequence[str] | None = None, **options: object
    ) -> Path:
        names = list(outputs or [f"output{i}" for i in range(len(arrays))])
        constants = {"zero": np.zeros((), np.float32)}
        nodes = [
            helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["pixels"], ["mean"], keepdims=0),
            helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        ]
        types = {}
        for output, array in zip(names, arrays, strict=True):
            whole = array.dtype.kind in "iu"
            types[output] = TensorProto.INT64 if whole else TensorProto.FLOAT
            constants[f"constant {output}"] = array.astype(np.int64 if whole else np.float32)
            nodes.append(helper.make_node("Cast", ["nothing"], [f"nothing {output}"], to=types[output]))
            nodes.append(helper.make_node("Add", [f"constant {output}", f"nothing {output}"], [output]))
        return _write_model(tmp_path / name, nodes, names, constants=constants, output_types=types, **options)  # type: ignore[arg-type]

    return save


@pytest.fixture
def colour_embedder(tmp_path: Path) -> SaveModel:
    """Saves an embedder that gives the mean of each input channel, (N, 3): an embedding one can work out by hand."""

    def save(
        input_shape: Dimensions = ("batch", 3, 8, 4),
        *,
        flat: bool = True,
        name: str = "colours.onnx",
        **options: object,
    ) -> Path:
        nodes = [helper.make_node("ReduceMean", ["images"], ["output"], axes=[2, 3], keepdims=0 if flat else 1)]
        return _write_model(tmp_path / name, nodes, ["output"], input_shape=input_shape, **options)  # type: ignore[arg-type]

    return save
