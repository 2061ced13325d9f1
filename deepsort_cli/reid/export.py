"""From a checkpoint to an ONNX graph: unit-length embeddings, metadata, float16 and 8-bit variants.

The same weights give the same bytes: nothing in the file depends on when or where it was written.
"""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

import deepsort_cli
from deepsort_cli.core.embedder_metadata import EmbedderMetadata
from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.extras import install
from deepsort_cli.core.files import write_failure
from deepsort_cli.core.onnx_weights import without_negligible
from deepsort_cli.core.preprocess import Preprocess
from deepsort_cli.reid.backbones import Backbone

INPUT, OUTPUT = "images", "embeddings"
Batch = npt.NDArray[np.float32]


class UnitLength(nn.Module):
    """A network whose embeddings have length 1; a zero embedding stays zero.

    Args:
        half: compute in float16. Input and output stay float32, and so does the length, whose guard against division
            by zero is too small a number for float16.
    """

    def __init__(self, network: nn.Module, half: bool = False):
        super().__init__()
        self.network = network.half() if half else network
        self.dtype = torch.float16 if half else torch.float32

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) normalised images → (N, D) float32 embeddings."""
        embeddings = self.network(images.to(self.dtype))
        return nn.functional.normalize(embeddings.float(), dim=1)


def write_graph(
    model: Backbone,
    preprocess: Preprocess,
    path: Path,
    *,
    batch: int | None,
    opset: int,
    simplify: bool = True,
    half: bool = False,
) -> None:
    """Write a model as ONNX file, without metadata.

    Args:
        model: left as it is.
        preprocess: its input size.
        batch: crops the graph accepts at once; None: any number.
        opset: version of the ONNX operators.
        simplify: fold constants and drop what has no effect.
        half: compute in float16.

    Raises:
        RunError: the graph cannot be made or simplified.
    """
    import onnx

    network = copy.deepcopy(model).cpu().to(memory_format=torch.contiguous_format)
    network.classifier = None
    wrapper = UnitLength(network, half).eval()
    example = torch.zeros(batch or 2, 3, preprocess.height, preprocess.width)
    traced = io.BytesIO()
    with _quiet():
        try:
            # The tracing exporter: a network without branches loses nothing by it, it is ten times faster than the
            # other, which writes no opset below 18.
            torch.onnx.export(
                wrapper,
                (example,),
                traced,  # type: ignore[arg-type]  # the tracing exporter takes it
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes=None if batch else {INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
                opset_version=opset,
                dynamo=False,
            )
        except Exception as error:  # exporters raise all kinds
            raise RunError(f"PyTorch cannot export {model.name} with opset {opset}: {_first_line(error)}") from error
        graph = onnx.load_model_from_string(traced.getvalue())
        if simplify:
            graph = _simplify(graph)
    written = graph.SerializeToString()
    graph = onnx.load_model_from_string(without_negligible(written) or written)
    graph.producer_name, graph.producer_version = "deepsort", deepsort_cli.__version__
    for node in graph.graph.node:
        node.ClearField("doc_string")  # where in the source an operation came from: differs between machines
    try:
        onnx.checker.check_model(graph, full_check=True)
    except Exception as error:
        raise RunError(f"the exported graph is not valid ONNX: {_first_line(error)}") from error
    _save(graph, path)


def write_metadata(path: Path, metadata: EmbedderMetadata) -> None:
    """Put metadata into an ONNX file, in place of what it says so far."""
    import onnx

    graph = onnx.load(str(path))
    onnx.helper.set_model_props(graph, dict(sorted(metadata.to_props().items())))
    _save(graph, path)


def quantize(source: Path, target: Path, batches: list[Batch]) -> None:
    """Static 8-bit quantisation of convolutions and linear layers, weights per channel.

    Args:
        source: float32 ONNX file.
        batches: preprocessed crops, from which the value range of every activation is read; each (N, 3, H, W) float32.

    Raises:
        RunError: it fails.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # has no types
        def __init__(self) -> None:
            self.waiting: Iterator[Batch] = iter(batches)

        def get_next(self) -> dict[str, Batch] | None:
            batch = next(self.waiting, None)
            return None if batch is None else {INPUT: batch}

    try:
        with _quiet():
            quantize_static(
                str(source),
                str(target),
                Reader(),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv", "Gemm"],
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                per_channel=True,
                # Sums of two products must fit 16 bits on x86 processors without VNNI.
                reduce_range=True,
            )
    except OSError as error:
        raise write_failure(target, error, "Free some space, or set TMPDIR to another folder.") from error
    except Exception as error:
        raise RunError(f"int8 quantisation failed: {_first_line(error)}") from error


def check_packages(*, simplify: bool) -> None:
    """Make sure that what writing ONNX takes is installed.

    Raises:
        InputError: it is not.
    """
    import importlib.util

    for name in ("onnx", "onnxsim"):
        if importlib.util.find_spec(name) is None and (name == "onnx" or simplify):
            other = ", or set `export.simplify`=false" if name == "onnxsim" else ""
            raise InputError(f"exporting needs {name}. Get it: {install('train')}{other}")


def _simplify(graph: Any) -> Any:  # of onnx.ModelProto
    import onnxsim

    try:
        simplified, same = onnxsim.simplify(graph)
    except Exception as error:
        raise RunError(f"onnxsim failed: {_first_line(error)}. Set `export.simplify`=false.") from error
    if not same:
        raise RunError("onnxsim changed what the graph computes. Set `export.simplify`=false.")
    return simplified


def _save(graph: Any, path: Path) -> None:
    try:
        path.write_bytes(graph.SerializeToString(deterministic=True))
    except OSError as error:
        raise write_failure(path, error) from error


_exporting = threading.RLock()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the advice that exporter and quantiser print for their developers, and one at a time: PyTorch insists."""
    with _exporting:
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            logging.disable(before)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0][:300]
