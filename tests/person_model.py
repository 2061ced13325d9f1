"""A detector for tests that need one, whatever it sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def save_detector(path: Path) -> None:
    """A YOLOX-shaped model that sees one person, wherever it looks."""
    found = np.zeros((1, 189, 85), np.float32)  # 96 pixels: 144 + 36 + 9 cells of stride 8, 16, 32
    found[0, 27] = [0.5, 0.5, 1.0, 1.5, 0.9, 0.9, *[0.0] * 79]
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["found", "nothing"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "person",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 96, 96])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 189, 85])],
        [numpy_helper.from_array(found, "found"), numpy_helper.from_array(np.zeros((), np.float32), "zero")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
