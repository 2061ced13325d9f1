"""Checkpoints: our own format, and reading those of torchreid and fast-reid.

A file of ours is a dictionary of tensors and plain containers, so `torch.load(weights_only=True)` reads it and no file
can run code. Next to the weights it holds all that is needed to rebuild and use the model (`CheckpointInfo`) and,
in a run folder, the state of the training under `training`.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.files import atomic_path
from deepsort_cli.core.preprocess import Preprocess
from deepsort_cli.reid.osnet import VARIANTS, Neck, NeckFeature, OSNet

FORMAT = "deepsort-reid"
FORMAT_VERSION = 1
HEAD = ("fc.", "bnneck.", "classifier.")
"""Prefixes of parameters that may differ between a checkpoint and the model it initialises."""

State = dict[str, Tensor]


@dataclass(frozen=True)
class KeyReport:
    """What became of the entries of a state dict.

    Attributes:
        loaded: keys copied into the model.
        missing: keys of the model that the file lacks.
        mismatched: (key, shape in the file, shape in the model).
        unexpected: keys of the file that the model lacks.
    """

    loaded: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    mismatched: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...] = ()
    unexpected: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The report as text, one line per kind; long lists are cut."""
        shapes = [f"{key} {list(there)} in the file, {list(here)} in the model" for key, there, here in self.mismatched]
        lines = [f"loaded {len(self.loaded)} entries"]
        for label, names in (
            ("missing in the file", list(self.missing)),
            ("shape differs", shapes),
            ("not used", list(self.unexpected)),
        ):
            if names:
                more = f" and {len(names) - 8} more" if len(names) > 8 else ""
                lines.append(f"{label}: {', '.join(names[:8])}{more}")
        return lines


@dataclass(frozen=True)
class CheckpointInfo:
    """Everything but the weights that describes a model.

    Attributes:
        name: key of `osnet.VARIANTS`.
        num_classes, feature_dim, neck: arguments of `OSNet`.
        preprocess: input size, statistics and so on.
        pids: person id of each class, empty where unknown.
        fingerprint: of the dataset it was trained on, empty where unknown.
        epoch: finished epochs.
        metrics: validation figures of this epoch, such as `mAP` and `rank1`, as fractions.
        versions: software that wrote the file.
        neck_feature: argument of `OSNet`; `after` for files of other programs and those of ours that do not say.
        source: `deepsort`, `torchreid` or `fast-reid`.
        keys: what was loaded.
    """

    name: str
    num_classes: int
    feature_dim: int
    neck: Neck
    preprocess: Preprocess = field(default_factory=Preprocess)
    pids: tuple[int, ...] = ()
    fingerprint: str = ""
    epoch: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    neck_feature: NeckFeature = "after"
    source: str = "deepsort"
    keys: KeyReport = field(default_factory=KeyReport)

    def build(self) -> OSNet:
        """A freshly initialised model of this architecture."""
        return OSNet(self.name, self.num_classes, self.feature_dim, self.neck, self.neck_feature)


def save_checkpoint(
    path: Path, weights: State, info: CheckpointInfo, training: Mapping[str, Any] | None = None
) -> None:
    """Write a checkpoint atomically.

    Args:
        weights: state dict of the model as it is to be used (the averaged weights where there are any).
        training: what resuming needs: tensors and plain containers only.

    Raises:
        RunError: the file cannot be written (disk full, permission).
    """
    header = {item.name: getattr(info, item.name) for item in fields(info) if item.name not in {"source", "keys"}}
    header |= {
        "preprocess": info.preprocess.model_dump(mode="json"),
        "pids": list(info.pids),
        "metrics": dict(info.metrics),
        "versions": dict(info.versions),
    }
    content = {"format": FORMAT, "format_version": FORMAT_VERSION, "info": header, "state_dict": dict(weights)}
    if training is not None:
        content["training"] = dict(training)
    packed = io.BytesIO()  # writing to a full disk itself, torch would not say that it is full
    torch.save(content, packed)
    try:
        with atomic_path(path) as temporary:
            temporary.write_bytes(packed.getbuffer())
    except RunError as error:
        kept = " The one written before is kept." if path.exists() else ""
        raise RunError(f"{error}{kept}") from error


def load_model(path: str | Path, device: str | torch.device = "cpu") -> tuple[OSNet, CheckpointInfo]:
    """Rebuild the model of a checkpoint of ours, torchreid or fast-reid, in eval mode.

    Raises:
        InputError: no such file, not a checkpoint, not an OSNet, or weights that do not fit the architecture.
    """
    path = Path(path)
    state, info = _open(path)
    model = info.build()
    report = _copy(state, model)
    optional = ("num_batches_tracked", "classifier.bias")
    wrong = [key for key in report.missing if not key.endswith(optional)] + [row[0] for row in report.mismatched]
    # Any layer left over would have changed the features: what remains would not be the model that was trained.
    wrong += [key for key in report.unexpected if not key.startswith("classifier.")]
    if wrong:
        raise InputError(
            f"{path}: looks like {info.name}, but its entries do not fit that architecture: {', '.join(wrong[:8])}"
            f"{f' and {len(wrong) - 8} more' if len(wrong) > 8 else ''}."
        )
    return model.to(device).eval(), replace(info, keys=report)


def load_pretrained(model: OSNet, path: str | Path) -> tuple[KeyReport, CheckpointInfo]:
    """Initialise `model` from a checkpoint whose head (fc, neck, classifier) may differ; the rest must fit exactly.

    Raises:
        InputError: as `load_model`, or the file holds another architecture than `model`.
    """
    path = Path(path)
    state, info = _open(path)
    if info.name != model.name:
        raise InputError(f"{path} holds {info.name}, the model is {model.name}. Choose --model {info.name}.")
    before = {key: value.clone() for key, value in model.state_dict().items()}
    report = _copy(state, model)
    wrong = [key for key in report.missing if not key.endswith("num_batches_tracked")]
    wrong += [row[0] for row in report.mismatched]
    wrong = [key for key in wrong if not key.startswith(HEAD)]
    if wrong:
        model.load_state_dict(before)
        raise InputError(f"{path}: these entries do not fit {model.name}: {', '.join(wrong[:8])}.")
    return report, replace(info, keys=report)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The raw content of a checkpoint of ours, on the CPU, with its `training` state.

    Raises:
        InputError: unreadable, or not a file of this program.
    """
    content = _read(path)
    if content.get("format") != FORMAT:
        raise InputError(f"{path}: was not written by this program. Use --pretrained to start from its weights.")
    return content


def info_of(content: Mapping[str, Any], path: Path) -> CheckpointInfo:
    """The `CheckpointInfo` of a checkpoint of ours.

    Raises:
        InputError: written by a newer version, or damaged.
    """
    if content.get("format_version", 0) > FORMAT_VERSION:
        raise InputError(f"{path}: was written by a newer version of this program. Upgrade to read it.")
    header = dict(content.get("info") or {})
    known = {item.name for item in fields(CheckpointInfo)} - {"source", "keys"}
    try:
        values = {key: value for key, value in header.items() if key in known}
        values |= {"preprocess": Preprocess(**values["preprocess"]), "pids": tuple(values["pids"])}
        return CheckpointInfo(**values)
    except (TypeError, KeyError, ValueError) as error:
        raise InputError(f"{path}: is damaged ({error}).") from None


def _open(path: Path) -> tuple[State, CheckpointInfo]:
    """State dict under our names, and the description of its model, of any supported file."""
    content = _read(path)
    if content.get("format") == FORMAT:
        if not _is_state(content.get("state_dict")):
            raise InputError(f"{path}: is damaged, its weights are gone.")
        return dict(content["state_dict"]), info_of(content, path)
    candidates: list[Any] = [content.get("state_dict"), content.get("model"), content]
    state = next((found for found in candidates if _is_state(found)), None)
    if state is None:
        raise InputError(f"{path}: holds no model weights (keys: {', '.join(map(str, list(content)[:8]))}).")
    state = {_without_prefix(key): value for key, value in state.items() if isinstance(value, Tensor)}
    fast_reid = any(key.startswith("backbone.") for key in state)
    preprocess = Preprocess()
    if fast_reid:
        mean, std = state.pop("pixel_mean", None), state.pop("pixel_std", None)
        if mean is not None and std is not None:  # of RGB in 0-255
            preprocess = Preprocess(mean=(mean.flatten() / 255).tolist(), std=(std.flatten() / 255).tolist())
        state = _from_fast_reid(state)
    return state, _infer(state, path, "fast-reid" if fast_reid else "torchreid", preprocess)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"{path}: {'is a folder, not a checkpoint file' if path.is_dir() else 'no such file'}.")
    try:
        with torch.serialization.safe_globals(_NUMPY_STAND_INS):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise InputError(
            f"{path}: is not a PyTorch checkpoint, or holds Python objects other than tensors. Such a file could run "
            "code, so it was not opened. If you trust it, save only its state_dict with the program that wrote it."
        ) from None
    except Exception as error:  # the unpickler stumbles over arbitrary bytes in every possible way
        reason = str(error).strip().split("\n")[0][:120] or type(error).__name__
        raise InputError(f"{path}: is not a PyTorch checkpoint, or is damaged ({reason}).") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds a {type(content).__name__}, not a dictionary of weights.")
    return content


class _Ignored:
    """Stands in for the NumPy scalars that torchreid stores beside the weights (rank-1 and the like)."""

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, _: object) -> None: ...


_NUMPY_STAND_INS: list[Any] = [
    (_Ignored, name)
    for name in ("numpy.dtype", "numpy._core.multiarray.scalar", "numpy.core.multiarray.scalar", "_codecs.encode")
]


def _is_state(found: Any) -> bool:
    return isinstance(found, Mapping) and any(isinstance(value, Tensor) for value in found.values())


def _without_prefix(key: str) -> str:
    """Without what DataParallel, DistributedDataParallel and torch.compile put before a name."""
    for prefix in ("module.", "_orig_mod.", "model."):
        key = key.removeprefix(prefix)
    return key


def _from_fast_reid(state: State) -> State:
    """fast-reid's names → ours; its head has a BNNeck and a bias-free classifier like ours."""
    neck = next((name for name in ("heads.bottleneck.0.", "heads.bnneck.") if f"{name}running_mean" in state), None)
    renamed = {}
    for key, value in state.items():
        if neck and key.startswith(neck):
            key = "bnneck." + key.removeprefix(neck)
        elif key in {"heads.weight", "heads.classifier.weight"}:
            key = "classifier.weight"
        renamed[key.removeprefix("backbone.")] = value
    return renamed


def _infer(state: State, path: Path, source: str, preprocess: Preprocess) -> CheckpointInfo:
    """Read the architecture off names and shapes.

    Raises:
        InputError: not one of `VARIANTS`.
    """
    stem, first_block = state.get("conv1.conv.weight"), state.get("conv2.0.conv1.conv.weight")
    if stem is None or first_block is None:
        some = ", ".join(list(state)[:4])
        raise InputError(f"{path}: wrong architecture, this is not an OSNet (its entries begin with {some}).")
    norm = "ain" if "conv2.0.IN.weight" in state and "conv2.0.conv3.bn.weight" not in state else "bn"
    if norm == "bn" and "conv2.0.IN.weight" in state:
        norm = "ibn"
    channels = stem.shape[0]
    name = next((name for name, v in VARIANTS.items() if v.channels[0] == channels and v.norm == norm), None)
    if name is None:
        raise InputError(f"{path}: wrong architecture, no {norm} OSNet with {channels} stem channels is known here.")
    fc, classifier = state.get("fc.0.weight"), state.get("classifier.weight")
    return CheckpointInfo(
        name=name,
        num_classes=0 if classifier is None else classifier.shape[0],
        feature_dim=0 if fc is None else fc.shape[0],
        neck="bnneck" if "bnneck.weight" in state else "none",
        preprocess=preprocess,
        source=source,
    )


def _copy(state: State, model: nn.Module) -> KeyReport:
    """Copy what fits in name and shape."""
    own = model.state_dict()
    fitting = {key: value for key, value in state.items() if key in own and own[key].shape == value.shape}
    model.load_state_dict(fitting, strict=False)
    return KeyReport(
        loaded=tuple(fitting),
        missing=tuple(key for key in own if key not in state),
        mismatched=tuple(
            (key, tuple(state[key].shape), tuple(own[key].shape)) for key in own if key in state and key not in fitting
        ),
        unexpected=tuple(key for key in state if key not in own),
    )
