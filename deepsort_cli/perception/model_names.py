"""The model that a name means; what one that is not there was probably meant to be, and the command that gets it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import at_home
from deepsort_cli.core.model_files import onnx_name
from deepsort_cli.perception.bundled import bundled_models
from deepsort_cli.perception.catalogue import CATALOGUE, CatalogueModel, find

Task = Literal["detector", "reid"]

ULTRALYTICS = re.compile(r"(yolov?([35689]|1\d|26)|yoloe-|rtdetr-)", re.IGNORECASE)
"""How names of Ultralytics' models begin: yolo11n, yolov8s-seg, yolo26n, yoloe-11s, rtdetr-l."""
OSNET = re.compile(r"osnet(_ibn|_ain)?_x\d_\d+$", re.IGNORECASE)
SUFFIXES = (".onnx", ".pt", ".pth", ".ckpt", ".safetensors")
OTHER_SUFFIXES = (".engine", ".torchscript", ".tflite", ".xml", ".pb", ".tar")


def no_such_model(name: str, task: Task, before: str | None = None) -> str:
    """The message for a model that is neither a file nor a name we know.

    Args:
        name: what was written.
        task: what it was wanted for.
        before: what stands before a name in the message; None: the settings key it is for, "": nothing.
    """
    before = f"`{task}.model_path` " if before is None else f"{before} ".lstrip()
    start = f"{name}: no such model file."
    if "://" in name:
        return f"{start} Models are not fetched from addresses: download it, and give the file."
    folder = Path(name).expanduser().parent
    if not folder.is_dir():
        return f"{start} There is no folder {folder}."
    stem = _stem(name)
    file = _near_file(name)
    if file is not None:
        return f"{start} Did you mean {before}{file}?"
    model = find(stem)
    if model is not None:
        return f"{start} Did you mean `{model.key}`={model.name}? {_offer(model)}"
    if any(model.name == stem.lower() for model in bundled_models()):
        return (
            f"{start} Did you mean {before if task == 'reid' else '`reid.model_path` '}{stem.lower()}? It comes "
            "with the package."
        )
    if task == "reid" and OSNET.match(stem):
        return f"{start} {_osnet(stem.lower())}"
    if task == "detector" and ULTRALYTICS.match(stem):
        return f"{start} {_ultralytics(stem)} {_known(task)}"
    near = difflib.get_close_matches(stem.lower(), _names(task), n=2, cutoff=0.7)
    if near:
        return f"{start} Did you mean {' or '.join(f'{before}{other}' for other in near)}? {_known(task)}"
    return f"{start} {_known(task)}"


def export_advice(path: Path) -> str:
    """How a PyTorch checkpoint becomes an ONNX model, told by its name."""
    if ULTRALYTICS.match(path.name):
        return (
            f"Export it first, where Ultralytics is installed: yolo export model={path} format=onnx. Then give "
            f"{onnx_name(path)}."
        )
    if path.name.lower().startswith("osnet"):
        return f"Export it to ONNX first: deepsort export {path}. Then give {onnx_name(path)}."
    return (
        f"Export it to ONNX first: a Re-ID model with `deepsort export {path}`, a detector with its own tool (for "
        "example yolo export format=onnx)."
    )


def _stem(name: str) -> str:
    """A model's name without folder and suffix; also of a suffix with a typing error."""
    word = Path(name).name
    stem, dot, suffix = word.rpartition(".")
    return (
        stem
        if dot and difflib.get_close_matches(f".{suffix.lower()}", (*SUFFIXES, *OTHER_SUFFIXES), n=1, cutoff=0.6)
        else word
    )


def _near_file(name: str) -> str | None:
    """A model file in the same folder whose name is nearly this one."""
    wanted = Path(name).expanduser()
    try:
        files = {file.name: file for file in wanted.parent.iterdir() if file.suffix.lower() in SUFFIXES}
    except OSError:
        return None
    by_lower = {word.lower(): word for word in files}
    exact = by_lower.get(wanted.name.lower()) or by_lower.get(f"{_stem(name).lower()}.onnx")
    near = [exact] if exact else difflib.get_close_matches(wanted.name, files, n=1, cutoff=0.85)
    return str(files[near[0]]) if near else None


def _names(task: Task) -> list[str]:
    bundled = [model.name for model in bundled_models()] if task == "reid" else ["hog"]
    return bundled + [model.name for model in CATALOGUE if model.task == task]


def _known(task: Task) -> str:
    """What can be named instead, and the command that shows more."""
    return f"Known by name: {', '.join(_names(task))} (deepsort models). Any other is named by its file."


def _offer(model: CatalogueModel) -> str:
    if model.cached() is not None:
        return "It is in the cache."
    return f"It is fetched once: {model.megabytes}, weights under {model.licence}."


def _ultralytics(stem: str) -> str:
    return (
        f"Ultralytics' models are not fetched here. Make it: pip install ultralytics, then yolo export model={stem}.pt "
        f"format=onnx, and give `detector.model_path`={stem}.onnx."
    )


def _osnet(name: str) -> str:
    bundled = ", ".join(model.name for model in bundled_models()) or "nothing"
    return (
        f"{name} does not come with the package; {bundled} does. Train it: deepsort train with `model.name`={name}; or "
        f"take a checkpoint from torchreid's model zoo. Then deepsort export CHECKPOINT, and give its {name}.onnx."
    )


def located(name: str, task: Literal["detector", "reid"], note: Callable[[str], None] = lambda message: None) -> Path:
    """The file that a user means: the one of this name, else the catalogue's model, fetched where need be.

    Raises:
        InputError: there is neither, or the catalogue's model of this name is for something else.
        RunError: it cannot be fetched.
    """
    path, model = at_home(name), find(name)
    if path.is_file() or (model is None and path.exists()):  # what is no file is refused when it is opened
        return path
    if model is None:
        raise InputError(no_such_model(name, task))
    if model.task != task:
        raise InputError(f"{name} is for `{model.key}`, not for `{task}.model_path`. See: deepsort models")
    return model.obtain(note)
