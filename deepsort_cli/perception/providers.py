"""ONNX Runtime's execution providers: which there are, in which order they are tried, and with which options."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Sequence
from pathlib import Path

from deepsort_cli.core.cpus import available_cpus
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.extras import single_file
from deepsort_cli.core.files import file_sha256

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
ONE_AT_A_TIME = {"directml"}
"""Devices whose sessions may not be run by several threads at once."""


def choose_providers(
    device: str, available: Sequence[str], model: Path, part: str = "", threads: int = 0
) -> list[tuple[str, dict[str, str]]]:
    """Execution providers to ask for with their options, best first; the CPU always comes last.

    Args:
        device: a key of `PROVIDERS`, or auto.
        available: providers of the installed ONNX Runtime.
        model: the file that is to run.
        part: which of several GPUs; of OpenVINO, which of Intel's devices.
        threads: CPU threads of one network; 0: the CPUs available.

    Raises:
        InputError: the installed ONNX Runtime does not support the device.
    """
    here = [name for name, provider in PROVIDERS.items() if provider in available]
    if device not in ("auto", *here):
        raise InputError(
            f"`runtime.device` {device}: the installed ONNX Runtime has no {PROVIDERS[device]}. "
            f"Available: {', '.join(here)}. For {device}{_package(device)}."
        )
    # TensorRT leaves to CUDA what it cannot run itself.
    fallbacks = {"tensorrt": ["cuda", "cpu"]}.get(device, ["cpu"])
    chosen = here if device == "auto" else [device, *(name for name in fallbacks if name in here and name != device)]
    return [(PROVIDERS[name], _provider_options(name, model, part, threads)) for name in chosen]


def _package(device: str) -> str:
    """How to get a device that the installed ONNX Runtime has not got, continuing a sentence."""
    if single_file():
        return f" take the Python package, with {PACKAGES[device]}: nothing can be added to this single file"
    return f" install {PACKAGES[device]} in place of onnxruntime"


def _provider_options(device: str, model: Path, part: str, threads: int) -> dict[str, str]:
    if device == "openvino":
        return _openvino_options(part or "cpu", threads)
    gpus = ("tensorrt", "cuda", "directml", "rocm", "migraphx")
    options = {"device_id": part or "0"} if device in gpus else {}
    if device == "cuda":
        # The default tries every algorithm anew for each batch size that comes along.
        options["cudnn_conv_algo_search"] = "HEURISTIC"
    if device == "tensorrt" and (folder := _compiled("tensorrt", f"{model.stem}-{_state_of(model)}")):
        # Building an engine takes minutes: keep it. TensorRT knows an engine by the names in its network, not by its
        # weights, so that a model trained further would run with the old ones: every file has a folder of its own.
        options |= {"trt_engine_cache_enable": "1", "trt_engine_cache_path": folder}
        options |= {"trt_timing_cache_enable": "1", "trt_timing_cache_path": folder}
    return options


def _openvino_options(part: str, threads: int) -> dict[str, str]:
    options = {"device_type": part.upper()}
    if part == "cpu":
        # Its threads serve as many runs at the same time as there are streams.
        threads = threads or available_cpus()
        streams = max(1, available_cpus() // threads)
        options |= {"num_of_threads": str(threads * streams), "num_streams": str(streams)}
    elif folder := _compiled("openvino"):  # where compiling takes long
        options["cache_dir"] = folder
    return options


def _compiled(*names: str) -> str | None:
    """A folder for what a device has made of models, in the user's cache; None where there can be none."""
    from platformdirs import user_cache_path

    folder = user_cache_path("deepsort", appauthor=False).joinpath(*names)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return str(folder)


def _state_of(model: Path) -> str:
    """Tells a model file from others, and from itself once its weights have changed, those beside it included."""
    digest = hashlib.sha256(file_sha256(model).encode())
    for path in sorted(model.parent.glob(f"{glob.escape(model.name)}?*")):  # model.onnx.data
        digest.update(f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}".encode())
    return digest.hexdigest()[:16]
