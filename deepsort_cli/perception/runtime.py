"""The only place that creates ONNX Runtime sessions: devices, threads, and clear errors for wrong files."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from deepsort_cli.core.cpus import available_cpus
from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.model_files import model_kind
from deepsort_cli.core.onnx_weights import without_negligible
from deepsort_cli.perception.model_names import export_advice
from deepsort_cli.perception.providers import COMPILING, ONE_AT_A_TIME, PROVIDERS, choose_providers
from deepsort_cli.perception.settings import RuntimeSettings

SILENT = 4  # log fatal errors only: everything else reaches the user as our own message
DTYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}
NUMBERS: dict[str, type[np.generic]] = {
    **DTYPES,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}


class Session:
    """A network with one image input, ready to run.

    Whatever the network wants, it is given (N, 3, H, W) float32: other layouts and types are made here, a batch that is
    fixed is filled up, and small inputs beside the image that only repeat its size are added (`EXTRAS`).

    Attributes:
        path: the file.
        input_shape: (N, C, H, W) of the input; None for a dimension that is chosen at run time.
        takes_bytes: whether the network wants pixels as they are, whole numbers in 0-255.
        output_names: names of the outputs, in order.
        extra_inputs: names of the inputs beside the image.
        metadata: the model's own text properties.
        device: where it runs, for example cpu or cuda.
        compiles_shapes: whether every new input shape costs a long compilation, so that one shape should be kept to.
    """

    def __init__(self, path: Path, session: ort.InferenceSession) -> None:
        self.path = path
        self._session = session
        image, extras = _tell_apart(path, session.get_inputs())
        self._input = image.name
        self._extras = [(item.name, EXTRAS[_plain(item.name)], item) for item in extras]
        self.extra_inputs = tuple(_plain(item.name) for item in extras)
        dtype = DTYPES.get(image.type)
        if dtype is None:
            known = ", ".join(name[len("tensor(") : -1] for name in DTYPES)
            raise InputError(f"{path}: its input is {image.type}. Export it with an input of one of these: {known}.")
        self._dtype = dtype
        self.takes_bytes = dtype is np.uint8
        self._axes, self.input_shape = _layout(path, image.shape)
        self._outputs = [item.name for item in session.get_outputs()]
        self.output_names = tuple(_plain(name) for name in self._outputs)
        self.metadata: dict[str, str] = dict(session.get_modelmeta().custom_metadata_map)
        first = session.get_providers()[0]
        self.device = next((device for device, provider in PROVIDERS.items() if provider == first), first)
        self.compiles_shapes = self.device in COMPILING
        self._turn = threading.Lock() if self.device in ONE_AT_A_TIME else contextlib.nullcontext()

    def run(self, images: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
        """All outputs for (N, 3, H, W) float32 images, as float32 (integers as they are).

        Where the network's batch is fixed and larger than N, the outputs are those of the whole batch, these images
        first. May be called from several threads at once.

        Raises:
            RunError: the network fails on this input.
        """
        fixed = self.input_shape[0]
        if fixed is not None and len(images) < fixed:
            images = np.concatenate([images, np.zeros((fixed - len(images), *images.shape[1:]), dtype=np.float32)])
        feed: dict[str, npt.NDArray[Any]] = {self._input: self._as_wanted(images)}
        for name, make, item in self._extras:
            feed[name] = make(images, _shape(item.shape)).astype(NUMBERS.get(item.type, np.float32), copy=False)
        try:
            with self._turn:
                outputs = self._session.run(self._outputs, feed)
        except Exception as error:  # ONNX Runtime's exceptions share no base class
            raise RunError(f"running it on an input of shape {images.shape} failed: {_reason(error)}") from None
        for name, output in zip(self._outputs, outputs, strict=True):
            if not isinstance(output, np.ndarray) or output.dtype.kind not in "fiub":
                raise RunError(f"its output {name} is no array of numbers.")
        return [output.astype(np.float32) if output.dtype == np.float16 else output for output in outputs]

    def _as_wanted(self, images: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
        """The images in the network's own layout and type."""
        if self._dtype is np.uint8:
            images = np.clip(np.rint(images), 0, 255)
        wanted = images.astype(self._dtype, copy=False)
        if self._axes == "NCHW":
            return wanted
        if "N" not in self._axes:
            wanted = wanted[0]
        return np.ascontiguousarray(np.moveaxis(wanted, -3, -1)) if self._axes.endswith("C") else wanted


def _plain(name: str) -> str:
    """A tensor's name in small letters, without TensorFlow's `:0`."""
    return name.lower().removesuffix(":0")


def _tell_apart(path: Path, inputs: Sequence[Any]) -> tuple[Any, list[Any]]:
    """The image among a model's inputs, and those that are known to describe only its size.

    Raises:
        InputError: there is no image, or something else is wanted as well.
    """
    extras = [item for item in inputs if _plain(item.name) in EXTRAS]
    images = [item for item in inputs if item not in extras]
    if len(images) != 1:
        names = ", ".join(f"{item.name} {item.shape}" for item in inputs) or "none"
        raise InputError(
            f"{path}: expected a model with one image input, this one has {len(inputs)}: {names}. Beside the image, "
            f"{', '.join(EXTRAS)} are understood."
        )
    return images[0], extras


def _layout(path: Path, declared: Sequence[int | str | None]) -> tuple[str, tuple[int | None, ...]]:
    """The order of an image input's axes, and its (N, C, H, W).

    Raises:
        InputError: it is not that of a network for colour images.
    """
    shape = _shape(declared)
    if len(shape) == 3 and 3 in (shape[0], shape[2]):
        axes, shape = ("CHW", (1, *shape)) if shape[0] == 3 else ("HWC", (1, shape[2], shape[0], shape[1]))
        return axes, shape
    if len(shape) == 4 and shape[1] != 3 and shape[3] == 3:
        return "NHWC", (shape[0], 3, shape[1], shape[2])
    if len(shape) == 4 and shape[1] in (3, None):
        return "NCHW", shape
    raise InputError(
        f"{path}: its input {list(declared)} is not that of a colour image network, (N, 3, height, width) or "
        f"(N, height, width, 3)."
    )


Extra = Callable[[npt.NDArray[np.float32], tuple[int | None, ...]], npt.NDArray[Any]]


def _width_and_height(images: npt.NDArray[np.float32], declared: tuple[int | None, ...]) -> npt.NDArray[Any]:
    return np.tile([images.shape[3], images.shape[2]], (len(images), 1))


def _height_and_width(images: npt.NDArray[np.float32], declared: tuple[int | None, ...]) -> npt.NDArray[Any]:
    return np.tile([images.shape[2], images.shape[3]], (len(images), 1))


def _no_scaling(images: npt.NDArray[np.float32], declared: tuple[int | None, ...]) -> npt.NDArray[Any]:
    return np.ones((len(images), 2))


def _all_visible(images: npt.NDArray[np.float32], declared: tuple[int | None, ...]) -> npt.NDArray[Any]:
    height, width = declared[-2:] if len(declared) >= 2 else (None, None)
    return np.ones((len(images), height or images.shape[2], width or images.shape[3]))


EXTRAS: dict[str, Extra] = {
    "orig_target_sizes": _width_and_height,
    "orig_sizes": _width_and_height,
    "pixel_mask": _all_visible,
    "im_shape": _height_and_width,
    "scale_factor": _no_scaling,
}
"""Inputs beside the image that can be filled in: of RT-DETR and D-FINE, of Hugging Face's DETR, of PaddleDetection.

They say how large the picture is, so that the graph can scale its boxes; given the input's own size, boxes come in its
pixels."""


def open_session(model_path: str | Path, settings: RuntimeSettings | None = None) -> Session:
    """Load an ONNX model.

    Raises:
        InputError: the file is not a usable ONNX model, or the device is not there; the message says which, and the
            remedy.
    """
    settings = settings or RuntimeSettings()
    path = Path(model_path)
    check_model_file(path)
    device, _, part = settings.device.partition(":")
    providers = choose_providers(device, ort.get_available_providers(), path, part, settings.threads)
    ort.set_default_logger_severity(SILENT)
    options = session_options(settings.threads)
    if providers[0][0] == PROVIDERS["directml"]:  # which asks for it
        options.enable_mem_pattern = False
    try:
        session = _start(path, options, providers)
    except Exception as error:  # ONNX Runtime's exceptions share no base class
        raise InputError(_explain(path, error)) from None
    opened = Session(path, session)
    # A device may be built into ONNX Runtime and yet not start, for want of a driver or a library.
    if device not in ("auto", opened.device):
        raise InputError(
            f"`runtime.device` {settings.device}: ONNX Runtime has {PROVIDERS[device]} but could not start it. "
            f"Check its driver and libraries, or pass `runtime.device`=cpu."
        )
    return opened


def _start(
    path: Path, options: ort.SessionOptions, providers: list[tuple[str, dict[str, str]]]
) -> ort.InferenceSession:
    """The model on the first provider that starts. ONNX Runtime's own fallback would print on stdout."""
    while True:
        model: str | bytes = str(path)
        if providers[0][0] == PROVIDERS["cpu"]:
            model = without_negligible(path.read_bytes()) or model
        try:
            return ort.InferenceSession(model, sess_options=options, providers=providers, enable_fallback=0)
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
