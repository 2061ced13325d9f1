"""Checkpoints: our own format, and reading those of torchreid and fast-reid.

A file of ours is a dictionary of tensors and plain containers, so `torch.load(weights_only=True)` reads it and no file
can run code. Next to the weights it holds all that is needed to rebuild and use the model (`CheckpointInfo`) and,
in a run folder, the state of the training under `training`.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

from deepsort_cli.core.counted import listed
from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.files import atomic_path
from deepsort_cli.core.preprocess import Preprocess
from deepsort_cli.evaluation.chance import luck
from deepsort_cli.reid.backbones import HEAD, Backbone, Neck, NeckFeature, backbones, build_backbone, part_of, recognise
from deepsort_cli.reid.foreign import Network, State, find_network
from deepsort_cli.reid.program_state import kept_for_caller
from deepsort_cli.reid.weights_file import read_weights

FORMAT = "deepsort-reid"
FORMAT_VERSION = 1
Status = Literal["untrained", "interrupted", "finished"]
NOT_STORED = frozenset({"source", "keys", "notes"})
"""Fields of `CheckpointInfo` that come from reading a file."""


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

    @property
    def left_out(self) -> tuple[str, ...]:
        """Keys of the model that the file did not fill."""
        return (*self.missing, *(key for key, *_ in self.mismatched))

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
                lines.append(f"{label}: {listed(names, 8)}")
        return lines


@dataclass(frozen=True)
class CheckpointInfo:
    """Everything but the weights that describes a model.

    Attributes:
        name: of the network, one of `backbones.backbones()`.
        num_classes, feature_dim, neck: arguments of `Backbone`.
        preprocess: input size, statistics and so on.
        pids: person id of each class, empty where unknown.
        fingerprint: of the dataset it was trained on, empty where unknown.
        epoch: finished epochs.
        metrics: validation figures of this epoch, such as `mAP` and `rank1`, as fractions; `threshold` is the cosine
            distance to track with.
        threshold_source: where that is from, in words; empty where unknown.
        versions: software that wrote the file.
        neck_feature: argument of `Backbone`; `after` for files of other programs and those of ours that do not say.
        start: what the training began with: `random` weights or `pretrained` ones; empty where unknown.
        planned_epochs: of the whole run; 0 where unknown, and for files that no run wrote.
        finished: whether the run that wrote it had come to its end; True where no run did.
        full_size: False for weights of an epoch whose images had half the final input size.
        validation: how it was validated: `identities`, and `chance_mAP` and `chance_rank1` of a random ranking of the
            same images, as fractions; empty where nothing was held out to validate on, or nothing is known.
        source: `deepsort`, `torchreid` or `fast-reid`.
        keys: what was loaded.
        notes: what was chosen or left out while reading the file.
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
    start: str = ""
    planned_epochs: int = 0
    finished: bool = True
    full_size: bool = True
    validation: Mapping[str, float] = field(default_factory=dict)
    threshold_source: str = ""
    source: str = "deepsort"
    keys: KeyReport = field(default_factory=KeyReport)
    notes: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        """How far the training is that these weights come from.

        `untrained`: random weights that no epoch has changed; `interrupted`: the run had not come to its end when the
        file was written; `finished`: everything else, files of other programs among them.
        """
        if self.start == "random" and self.epoch == 0:
            return "untrained"
        return "finished" if self.finished else "interrupted"

    @property
    def remarks(self) -> tuple[str, ...]:
        """What somebody who is about to use the model should know, as sentences without a full stop; often empty."""
        found = []
        if self.status == "untrained":
            found.append("the weights are untrained: random numbers from the start of a run")
        elif self.status == "interrupted":
            of = f" of {self.planned_epochs}" if self.planned_epochs else ""
            found.append(f"the training was not finished: these are the weights after epoch {self.epoch}{of}")
        if not self.full_size:
            found.append(
                f"the weights are of an epoch at half the input size ({self.preprocess.height}×{self.preprocess.width})"
            )
        chance = self.validation.get("chance_mAP")
        people = int(self.validation.get("identities", 0))
        reached = self.metrics.get("mAP", 1.0)
        if chance is not None and reached <= chance + luck(chance, people):
            how = "no" if reached <= chance else "hardly"
            found.append(
                f"in its validation on {people} people it did {how} better than chance (mAP {reached:.1%}, chance "
                f"{chance:.1%})"
            )
        return tuple(found)

    def embeds_like(self, other: CheckpointInfo | Backbone) -> bool:
        """Whether both put out the same feature, before or after BNNeck, so that distances mean the same."""
        return _before_neck(self) == _before_neck(other)

    @property
    def output(self) -> NeckFeature:
        """Whether its feature is the one before BNNeck or after it; without a BNNeck there is none after it."""
        return "before" if _before_neck(self) else "after"

    def is_within(self, model: Backbone, fresh: Collection[str]) -> bool:
        """Whether a model that took over these weights still computes the feature that they put out.

        Args:
            fresh: parts of the model that it did not take over.
        """
        if bool(self.feature_dim) != (model.fc is not None):
            return False
        layers = (*(("fc",) if self.feature_dim else ()), *(("bnneck",) if self.output == "after" else ()))
        return all(getattr(model, layer) is not None and layer not in fresh for layer in layers)

    def build(self) -> Backbone:
        """A freshly initialised model of this architecture."""
        return build_backbone(self.name, self.num_classes, self.feature_dim, self.neck, self.neck_feature)


def save_checkpoint(
    path: Path,
    weights: State,
    info: CheckpointInfo,
    training: Mapping[str, Any] | None = None,
    *,
    follow: bool = False,
) -> None:
    """Write a checkpoint atomically.

    Args:
        weights: state dict of the model as it is to be used (the averaged weights where there are any).
        training: what resuming needs: tensors and plain containers only.
        follow: see `atomic_path`.

    Raises:
        RunError: the file cannot be written (disk full, permission).
    """
    header = {item.name: getattr(info, item.name) for item in fields(info) if item.name not in NOT_STORED}
    header |= {
        "preprocess": info.preprocess.model_dump(mode="json"),
        "pids": list(info.pids),
        "metrics": dict(info.metrics),
        "versions": dict(info.versions),
        "validation": dict(info.validation),
    }
    content = {"format": FORMAT, "format_version": FORMAT_VERSION, "info": header, "state_dict": dict(weights)}
    if training is not None:
        content["training"] = dict(training)
    packed = io.BytesIO()  # writing to a full disk itself, torch would not say that it is full
    torch.save(content, packed)
    try:
        with atomic_path(path, follow=follow) as temporary:
            temporary.write_bytes(packed.getbuffer())
    except RunError as error:
        kept = " The one written before is kept." if path.exists() else ""
        raise RunError(f"{error}{kept}") from error


@kept_for_caller()
def load_model(path: str | Path, device: str | torch.device = "cpu") -> tuple[Backbone, CheckpointInfo]:
    """Rebuild the model of a checkpoint of ours, torchreid or fast-reid, in eval mode.

    Raises:
        InputError: no such file, not a checkpoint, not an OSNet, or weights that do not fit the architecture.
    """
    path = Path(path)
    state, info = _open(path)
    # Before anything is built, which might take all memory.
    for entry, size in (("classifier.weight", info.num_classes), ("fc.0.weight", info.feature_dim)):
        if (state[entry].shape[:1] if entry in state else (0,)) != (size,):
            raise InputError(f"{path}: is damaged, its {entry} is not of the size that it says ({size:,}).")
    model = info.build()
    report = _copy(state, model)
    optional = ("num_batches_tracked", "classifier.bias")
    wrong = [key for key in report.missing if not key.endswith(optional)] + [row[0] for row in report.mismatched]
    # Any layer left over would have changed the features: what remains would not be the model that was trained.
    wrong += [key for key in report.unexpected if not key.startswith("classifier.")]
    if wrong:
        raise InputError(
            f"{path}: looks like {info.name}, but its entries do not fit that architecture: {listed(wrong, 8)}."
        )
    return model.to(device).eval(), replace(info, keys=report)


def load_pretrained(model: Backbone, path: str | Path) -> tuple[KeyReport, CheckpointInfo]:
    """Initialise `model` from a checkpoint whose head (fc, neck, classifier) may differ; the rest must fit exactly.

    Raises:
        InputError: as `load_model`, or the file holds another architecture than `model`.
    """
    path = Path(path)
    state, info = _open(path)
    if info.name != model.name:
        raise InputError(f"{path} holds {info.name}, the model is {model.name}. Choose `model.name`={info.name}.")
    before = {key: value.clone() for key, value in model.state_dict().items()}
    report = _copy(state, model)
    wrong = [key for key in report.missing if not key.endswith("num_batches_tracked")]
    wrong += [row[0] for row in report.mismatched]
    wrong = [key for key in wrong if part_of(key) not in HEAD]  # the head may differ
    if wrong:
        model.load_state_dict(before)
        raise InputError(f"{path}: these entries do not fit {model.name}: {', '.join(wrong[:8])}.")
    return report, replace(info, keys=report)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The raw content of a checkpoint of ours, on the CPU, with its `training` state.

    Raises:
        InputError: unreadable, or not a file of this program.
    """
    content = read_weights(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{path}: was not written by this program. Use `model.pretrained` to start from its weights.")
    return content


def info_of(content: Mapping[str, Any], path: Path) -> CheckpointInfo:
    """The `CheckpointInfo` of a checkpoint of ours.

    Raises:
        InputError: written by a newer version, or damaged.
    """
    version, header = content.get("format_version", 0), content.get("info")
    if not isinstance(version, int) or not isinstance(header, Mapping) or "preprocess" not in header:
        raise InputError(f"{path}: is damaged, its description is gone.")
    if version > FORMAT_VERSION:
        raise InputError(f"{path}: was written by a newer version of this program. Upgrade to read it.")
    known = {item.name for item in fields(CheckpointInfo)} - NOT_STORED
    try:
        info = _info().validate_python({key: value for key, value in header.items() if key in known})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}: is damaged ({where}: {first['msg']}).") from None
    if info.name not in backbones():
        raise InputError(
            f"{path}: is of {info.name!r}, a network that is not known here. Known: {listed(list(backbones()))}."
        )
    return info


@functools.cache
def _info() -> TypeAdapter[CheckpointInfo]:
    return TypeAdapter(CheckpointInfo)


def _open(path: Path) -> tuple[State, CheckpointInfo]:
    """State dict under our names, and the description of its model, of any supported file."""
    content = read_weights(path)
    if isinstance(content, dict) and content.get("format") == FORMAT:
        if not _is_state(content.get("state_dict")):
            raise InputError(f"{path}: is damaged, its weights are gone.")
        return dict(content["state_dict"]), info_of(content, path)
    network = find_network(content, path)
    return network.state, replace(_infer(network, path), notes=network.notes)


def _is_state(found: Any) -> bool:
    if not isinstance(found, Mapping) or not found:
        return False
    return all(isinstance(key, str) and isinstance(value, Tensor) for key, value in found.items())


def _infer(network: Network, path: Path) -> CheckpointInfo:
    """Read the architecture off names and shapes.

    Raises:
        InputError: not one that is known here.
    """
    state = network.state
    try:
        name = recognise(state)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    fc, classifier = state.get("fc.0.weight"), state.get("classifier.weight")
    return CheckpointInfo(
        name=name,
        num_classes=0 if classifier is None else classifier.shape[0],
        feature_dim=0 if fc is None else fc.shape[0],
        neck="bnneck" if "bnneck.weight" in state else "none",
        preprocess=network.preprocess,
        source=network.source,
    )


def _before_neck(model: CheckpointInfo | Backbone) -> bool:
    return model.neck == "none" or model.neck_feature == "before"


def _fits(value: Tensor, own: Tensor) -> bool:
    """Whether a tensor of a file can be copied into one of a model; sparse and complex ones are no weights."""
    return own.shape == value.shape and value.layout == torch.strided and not value.is_complex()


def _copy(state: State, model: nn.Module) -> KeyReport:
    """Copy what fits in name and shape."""
    own = model.state_dict()
    fitting = {key: value for key, value in state.items() if key in own and _fits(value, own[key])}
    model.load_state_dict(fitting, strict=False)
    return KeyReport(
        loaded=tuple(fitting),
        missing=tuple(key for key in own if key not in state),
        mismatched=tuple(
            (key, tuple(state[key].shape), tuple(own[key].shape)) for key in own if key in state and key not in fitting
        ),
        unexpected=tuple(key for key in state if key not in own),
    )
