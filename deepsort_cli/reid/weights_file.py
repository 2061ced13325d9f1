"""Reading files of weights: PyTorch's own and safetensors, whatever their names, and never running what is in them."""

from __future__ import annotations

import pickle
import re
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch

from deepsort_cli.core.assets import ASSETS
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.extras import install
from deepsort_cli.core.model_files import model_kind
from deepsort_cli.reid.backbones import backbones
from deepsort_cli.reid.bundled import weights_file

WANTED = "a PyTorch checkpoint"


def read_weights(path: Path) -> Any:
    """The content of a file of weights, or of the bundled ones of a name: tensors in plain containers, on the CPU.

    Configurations that other programs pickle beside the weights are left out.

    Raises:
        InputError: there is no such file, it is something else, damaged, or holds objects that could run code.
    """
    path = weights_file(path)
    if not path.exists():
        _check_is_no_name(path)
    kind = model_kind(path, WANTED)
    if kind == "onnx":
        raise InputError(
            f"{path}: this is an ONNX model, not a PyTorch checkpoint: it needs no export, `deepsort eval` and "
            "`deepsort track` (`reid.model_path`) take it as it is. To train or export, give the "
            "checkpoint it was made from."
        )
    if kind == "torchscript":
        raise InputError(
            f"{path}: this is a TorchScript program, not a checkpoint of weights; opening it would run it. Where it "
            f"comes from a source you trust, save its weights: {_conversion('torch.jit.load', path)}"
        )
    if kind == "safetensors":
        return _read_safetensors(path)
    try:
        with torch.serialization.safe_globals(STAND_INS), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on pickle protocols, for developers
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(f"{path}: {_refusal(path, error, kind == 'checkpoint')}") from None
    except Exception as error:  # the unpickler stumbles over arbitrary bytes in every possible way
        reason = str(error).strip().split("\n")[0][:120] or type(error).__name__
        raise InputError(
            f"{path}: is not a PyTorch checkpoint, or is damaged ({reason}). Copy or download it again."
        ) from None


def _check_is_no_name(path: Path) -> None:
    """Refuse names of models and of networks where a file is wanted, with what there is.

    Raises:
        InputError: it is such a name.
    """
    name = str(path)
    if (ASSETS / f"{name}.onnx").is_file():
        raise InputError(
            f"{name}: there is no such file, and the bundled model of that name is an ONNX file alone, which needs no "
            f"export and cannot be trained: `deepsort eval {name}` takes it, and so does `deepsort track`. Give a "
            "checkpoint, for example runs/NAME/checkpoints/best.pth."
        )
    if name in backbones():
        raise InputError(
            f"{name}: there is no such file. {name} is a network (`model.name`={name}), and no weights of "
            "it come with the package. Give a checkpoint, for example runs/NAME/checkpoints/best.pth."
        )


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError:
        raise InputError(f"{path}: reading safetensors takes a package. Get it: {install('train')}") from None
    try:
        found: dict[str, torch.Tensor] = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path}: is a damaged safetensors file ({error}). Copy or download it again.") from None
    return found


def _refusal(path: Path, error: Exception, is_pickle: bool) -> str:
    """Why a pickle was not opened, and what to do."""
    named = re.search(r"(?:GLOBAL|Unsupported global: GLOBAL|class) ([\w.]+)", str(error))
    what = named.group(1) if named else ""
    if not is_pickle:
        return "is not a PyTorch checkpoint, or is damaged. Copy or download it again."
    if not what and "persistent" not in str(error):
        return "is not a PyTorch checkpoint, or holds Python objects other than tensors that could run code."
    holds = f"holds Python objects ({what})" if what else "holds Python objects"
    return (
        f"{holds} beside or instead of plain weights, as when a whole module was pickled. Such a file could run code, "
        f"so it was not opened. If you trust it, save its weights with the program that wrote it: "
        f"{_conversion('torch.load', path)}"
    )


def _conversion(load: str, path: Path) -> str:
    """The statement that turns a trusted file into plain weights."""
    extra = ", weights_only=False" if load == "torch.load" else ""
    target = path.name.split(".")[0] + "_weights.pth"
    return f'torch.save({load}("{path.name}"{extra}).state_dict(), "{target}")'


class _Ignored:
    """Stands in for objects that say nothing about the weights: NumPy scalars, paths, arguments of a run."""

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, _: object) -> None: ...


class _Mapping:
    """Stands in for dictionaries of other programs' own types, which hold configurations."""

    def __new__(cls, *_: object) -> OrderedDict[Any, Any]:  # type: ignore[misc]  # a plain one takes its place
        return OrderedDict()


STAND_INS: list[Any] = [
    *(
        (_Ignored, name)
        for name in (
            *("numpy.dtype", "numpy._core.multiarray.scalar", "numpy.core.multiarray.scalar", "_codecs.encode"),
            *(f"numpy.dtypes.{kind}DType" for kind in ("Float64", "Float32", "Int64", "Int32", "Bool")),
            *("argparse.Namespace", "types.SimpleNamespace", "typing.Any"),
            *("datetime.datetime", "datetime.date", "datetime.timedelta"),
            *(f"pathlib.{kind}Path" for kind in ("Posix", "PurePosix", "Windows", "PureWindows", "")),
            *(f"pathlib._local.{kind}Path" for kind in ("Posix", "PurePosix", "Windows", "PureWindows", "")),
            *(f"builtins.{kind}" for kind in ("int", "float", "str", "bool", "list", "dict", "tuple", "set")),
            *("omegaconf.dictconfig.DictConfig", "omegaconf.listconfig.ListConfig"),
            *("omegaconf.base.ContainerMetadata", "omegaconf.base.Metadata"),
            *(f"omegaconf.nodes.{kind}Node" for kind in ("Any", "Integer", "Float", "String", "Boolean")),
        )
    ),
    *(
        (_Mapping, name)
        for name in (
            *("collections.defaultdict", "yacs.config.CfgNode", "fastreid.config.config.CfgNode"),
            *("fvcore.common.config.CfgNode", "easydict.EasyDict", "addict.addict.Dict"),
            *(
                f"{package}.AttributeDict"
                for package in (
                    "pytorch_lightning.utilities.parsing",
                    "lightning.pytorch.utilities.parsing",
                    "lightning_fabric.utilities.data",
                    "lightning.fabric.utilities.data",
                )
            ),
        )
    ),
]
"""Harmless stand-ins by the name under which a file asks for a class. Everything else is refused."""
