"""The only place that creates ONNX Runtime sessions: devices, threads, and clear errors for wrong files."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from deepsort_cli.core.cpus import available_cpus
from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.model_files import model_kind
from deepsort_cli.perception.model_names import export_advice
from deepsort_cli.perception.settings import RuntimeSettings

PROVIDERS = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "directml": "DmlExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""Device → ONNX Runtime's execution provider; `auto` takes those there are, in this order."""

PACKAGES = {
    "tensorrt": "onnxruntime-gpu (and TensorRT)",
    "cuda": "onnxruntime-gpu",
    "coreml": "onnxruntime on macOS",
    "openvino": "onnxruntime-openvino",
    "directml": "onnxruntime-directml on Windows",
    "rocm": "onnxruntime-rocm",
    "migraphx": "onnxruntime-migraphx",
}
"""What to install for a device."""

COMPILING = {"tensorrt", "migraphx", "coreml"}
SILENT = 4  # log fatal errors only: everything else reaches the user as our own message
DTYPES: dict[str, type[np.floating]] = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class Session:
    """A network with one image input, ready to run.

    Attributes:
        path: the file.
        input_shape: (N, C, H, W) of the input; None for a dimension that is chosen at run time.
        metadata: the model's own text properties.
        device: where it runs, for example cpu or cuda.
        compiles_shapes: whether every new input shape costs a long compilation, so that one shape should be kept to.
    """

    def __init__(self, path: Path, session: ort.InferenceSession) -> None:
        self.path = path
        self._session = session
        inputs = session.get_inputs()
        if len(inputs) != 1:
            names = ", ".join(item.name for item in inputs) or "none"
            raise InputError(f"{path}: expected a model with one image input, this one has {len(inputs)}: {names}.")
        self._input = inputs[0].name
        dtype = DTYPES.get(inputs[0].type)
        if dtype is None:
            raise InputError(f"{path}: its input is {inputs[0].type}. Export it with a float32 or float16 input.")
        self._dtype = dtype
        self.input_shape = _shape(inputs[0].shape)
        if len(self.input_shape) != 4 or self.input_shape[1] not in (3, None):
            layout = " (NHWC? Export it as NCHW)" if self.input_shape[-1:] == (3,) else ""
            raise InputError(
                f"{path}: its input {inputs[0].shape} is not that of a colour image network, "
                f"(N, 3, height, width){layout}."
            )
        self._outputs = [item.name for item in session.get_outputs()]
        self.metadata: dict[str, str] = dict(session.get_modelmeta().custom_metadata_map)
        first = session.get_providers()[0]
        self.device = next((device for device, provider in PROVIDERS.items() if provider == first), first)
        self.compiles_shapes = self.device in COMPILING

    def run(self, images: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
        """All outputs for (N, 3, H, W) float32 images, as float32 (integers as they are).

        May be called from several threads at once.

        Raises:
            RunError: the network fails on this input.
        """
        try:
            outputs = self._session.run(self._outputs, {self._input: images.astype(self._dtype, copy=False)})
        except Exception as error:  # ONNX Runtime's exceptions share no base class
            raise RunError(f"running it on an input of shape {images.shape} failed: {_reason(error)}") from None
        return [output.astype(np.float32) if output.dtype == np.float16 else output for output in outputs]


def open_session(model_path: str | Path, settings: RuntimeSettings | None = None) -> Session:
    """Load an ONNX model.

    Raises:
        InputError: the file is not a usable ONNX model, or the device is not there; the message says which, and the
            remedy.
    """
    settings = settings or RuntimeSettings()
    path = Path(model_path)
    check_model_file(path)
    device, _, index = settings.device.partition(":")
    providers = choose_providers(device, ort.get_available_providers(), int(index or 0))
    ort.set_default_logger_severity(SILENT)
    try:
        session = _start(path, session_options(settings.threads), providers)
    except Exception as error:  # ONNX Runtime's exceptions share no base class
        raise InputError(_explain(path, error)) from None
    opened = Session(path, session)
    # A device may be built into ONNX Runtime and yet not start, for want of a driver or a library.
    if device not in ("auto", opened.device):
        raise InputError(
            f"--device {settings.device}: ONNX Runtime has {PROVIDERS[device]} but could not start it. "
            f"Check its driver and libraries, or pass --device cpu."
        )
    return opened


def _start(
    path: Path, options: ort.SessionOptions, providers: list[tuple[str, dict[str, str]]]
) -> ort.InferenceSession:
    """The model on the first provider that starts. ONNX Runtime's own fallback would print on stdout."""
    while True:
        try:
            return ort.InferenceSession(str(path), sess_options=options, providers=providers, enable_fallback=0)
        except Exception:
            if len(providers) == 1:
                raise
            providers = providers[1:]


def session_options(threads: int) -> ort.SessionOptions:
    """Session options that leave the CPU to others while the network waits."""
    options = ort.SessionOptions()
    options.log_severity_level = SILENT
    options.intra_op_num_threads = threads or available_cpus()
    options.inter_op_num_threads = 1
    # Idle workers would burn the cores that decoding, the other network and drawing need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options


def choose_providers(device: str, available: Sequence[str], index: int = 0) -> list[tuple[str, dict[str, str]]]:
    """Execution providers to ask for with their options, best first; the CPU always comes last.

    Args:
        device: a key of `PROVIDERS`, or auto.
        available: providers of the installed ONNX Runtime.
        index: which of several GPUs.

    Raises:
        InputError: the installed ONNX Runtime does not support the device.
    """
    here = [name for name, provider in PROVIDERS.items() if provider in available]
    if device not in ("auto", *here):
        raise InputError(
            f"--device {device}: the installed ONNX Runtime has no {PROVIDERS[device]}. Available: {', '.join(here)}. "
            f"For {device} install {PACKAGES[device]} in place of onnxruntime."
        )
    # TensorRT leaves to CUDA what it cannot run itself.
    fallbacks = {"tensorrt": ["cuda", "cpu"]}.get(device, ["cpu"])
    chosen = here if device == "auto" else [device, *(name for name in fallbacks if name in here and name != device)]
    return [(PROVIDERS[name], _provider_options(name, index)) for name in chosen]


def _provider_options(device: str, index: int) -> dict[str, str]:
    options = {"device_id": str(index)} if device in ("tensorrt", "cuda", "directml", "rocm", "migraphx") else {}
    if device == "cuda":
        # The default tries every algorithm anew for each batch size that comes along.
        options["cudnn_conv_algo_search"] = "HEURISTIC"
    if device == "tensorrt":
        # Building an engine takes minutes: keep it.
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deepsort" / "tensorrt"
        with contextlib.suppress(OSError):
            cache.mkdir(parents=True, exist_ok=True)
        options |= {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(cache)}
    return options


def check_model_file(path: Path) -> None:
    """Refuse files that cannot be an ONNX model, before ONNX Runtime does it less clearly.

    Raises:
        InputError: missing, a folder, unreadable, empty, or something else: `core.model_files` tells what.
    """
    kind = model_kind(path, "an ONNX model")
    if kind in ("checkpoint", "safetensors"):
        raise InputError(f"{path}: this is a PyTorch checkpoint. {export_advice(path)}")
    if kind == "torchscript":
        raise InputError(
            f"{path}: this is a TorchScript program, not an ONNX model. Export the network to ONNX with the program "
            "that made it."
        )


def _explain(path: Path, error: Exception) -> str:
    reason = _reason(error)
    text = reason.lower()
    if "external" in text or "model_path must not be empty" in text:
        return f"{path}: the model's weights are stored beside it, and that file is missing or broken: {reason}"
    if "protobuf" in text or "invalid model" in text or "parse" in text:
        return f"{path}: not a valid ONNX model, or cut off. Copy or download it again. ({reason})"
    return f"{path}: ONNX Runtime cannot load this model: {reason}"


def _reason(error: Exception) -> str:
    """ONNX Runtime's message in one line, without its own prefix."""
    text = " ".join(str(error).split())
    if text.startswith("[ONNXRuntimeError]"):
        text = text.split(" : ", 3)[-1]
    text = re.sub(r"^Load model from .* failed: ?", "", text)
    return text if len(text) <= 300 else text[:300] + "…"


def _shape(dimensions: Sequence[int | str | None]) -> tuple[int | None, ...]:
    return tuple(size if isinstance(size, int) and size > 0 else None for size in dimensions)
