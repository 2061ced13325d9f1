"""Finding an OSNet in a checkpoint of another program, under whatever names training wrappers gave it.

torch.compile, DataParallel, Lightning, averaging and frameworks put prefixes before the names of a network, one on
another, and bury its state dict in dictionaries. None of these wrappers is known by name here: the network is where
the entries of its first layers are, and what precedes their names is the prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from deepsort_cli.core.counted import listed
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.preprocess import Preprocess

State = dict[str, Tensor]
STEM, FIRST_BLOCK = "conv1.conv.weight", "conv2.0.conv1.conv.weight"
"""Two entries every OSNet has."""
DEEPEST = 6
"""Levels of containers that are searched."""
SECOND_CHOICE = frozenset({"ema", "teacher", "swa", "average", "averaged", "momentum", "target"})
"""Words in the name of a copy of a network that is not the trained one itself."""
NECKS = ("heads.bottleneck.0.", "heads.bnneck.", "bottleneck.", "bnneck.", "bn_neck.", "neck.")
CLASSIFIERS = ("heads.weight", "heads.classifier.weight", "classifier.weight")
TRAINING_ONLY = (
    *("loss", "criterion", "center", "centre", "classifier", "arc", "cosface", "metric", "queue", "optimizer"),
    *("n_averaged", "logit_scale", "memory", "aux", "prototypes", "cls", "train_", "val_", "test_", "acc"),
)
"""How names of layers begin that training alone uses, so that the embedding is the same without them."""
ARCHITECTURES = (
    ("layer1.0.conv1.weight", "a ResNet"),
    ("patch_embed", "a vision transformer"),
    ("visual.conv1", "a CLIP model"),
    ("features.0", "a VGG- or MobileNet-like network"),
    ("blocks.0", "a transformer or EfficientNet"),
    ("stages.0", "a ConvNeXt, HRNet or RepVGG network"),
    ("model.0.conv", "a YOLO detector"),
)
"""Parts of names by which other networks are known."""


@dataclass(frozen=True)
class Network:
    """An OSNet found in a file.

    Attributes:
        state: its entries under our names.
        source: `torchreid` or `fast-reid`.
        preprocess: what the file says about its input, else the defaults.
        notes: what was chosen or left out, for the user.
    """

    state: State
    source: str
    preprocess: Preprocess = field(default_factory=Preprocess)
    notes: tuple[str, ...] = ()


def find_network(content: Any, path: Path) -> Network:
    """The OSNet in the content of a file.

    Raises:
        InputError: there is none, or it has layers that would have changed its embeddings and cannot be run here.
    """
    found = [(where, state, prefix) for where, state in _states(content) for prefix in _prefixes(state)]
    if not found:
        raise InputError(f"{path}: {_nothing(content)}")
    found.sort(key=lambda item: _is_copy(f"{item[0]}.{item[2]}"))  # stable: the first in the file comes first
    where, state, prefix = found[0]
    notes = []
    if len(found) > 1:
        names = [_named(*item) for item in found]
        notes.append(f"the file holds {len(found)} networks ({', '.join(names[:4])}); {names[0]} is used")
    others = tuple(other for place, _, other in found[1:] if place == where and other and not prefix.startswith(other))
    state = {key: value for key, value in state.items() if not (others and key.startswith(others))}
    return _with_head(state, prefix, path, notes)


def _states(content: Any, where: str = "", depth: int = 0) -> Iterator[tuple[str, State]]:
    """Every mapping from names to tensors in nested containers, outermost first."""
    if depth > DEEPEST:
        return
    if isinstance(content, Mapping):
        tensors = {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, Tensor)}
        if tensors:
            yield where, tensors
        items: list[tuple[Any, Any]] = list(content.items())
    elif isinstance(content, Sequence) and not isinstance(content, str | bytes):
        items = list(enumerate(content[:16]))
    else:
        return
    for key, value in items:
        if isinstance(value, Mapping | list | tuple):
            yield from _states(value, f"{where}.{key}" if where else str(key), depth + 1)


def _prefixes(state: State) -> list[str]:
    """What precedes the names of each OSNet in a state dict, in its order."""
    ends = (key.removesuffix(STEM) for key in state if key.endswith(STEM))
    whole = [prefix for prefix in ends if (not prefix or prefix.endswith(".")) and prefix + FIRST_BLOCK in state]
    return [prefix for prefix in whole if state[prefix + STEM].ndim == 4]


def _is_copy(name: str) -> bool:
    return not SECOND_CHOICE.isdisjoint(re.split(r"[^a-z]+", name.lower()))


def _named(where: str, state: State, prefix: str) -> str:
    return ".".join(part for part in (where, prefix.rstrip(".")) if part) or "the outermost"


def _with_head(state: State, prefix: str, path: Path, notes: list[str]) -> Network:
    """The network under a prefix, with a head that lies beside it as in fast-reid; settles what else there is."""
    own = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    names = {key: _beside(key, prefix) for key in state if not key.startswith(prefix)}  # in the file → shortened
    around = {names[key]: state[key] for key in names}
    mean, std = around.get("pixel_mean"), around.get("pixel_std")
    preprocess = Preprocess()
    if mean is not None and std is not None:  # of RGB in 0-255
        preprocess = Preprocess.model_validate(
            {"mean": (mean.flatten() / 255).tolist(), "std": (std.flatten() / 255).tolist()}
        )
    fast_reid = mean is not None or any(name.startswith("heads.") for name in around)
    # A head beside the backbone comes after it. Where the network ends in a classifier of its own, it is complete.
    head = {} if "classifier.weight" in own else _head_names(around)
    rest = [key for key, name in names.items() if name not in head and name not in ("pixel_mean", "pixel_std")]
    unknown = [key for key in rest if not _trains_only(names[key])]
    if unknown:
        raise InputError(
            f"{path}: holds layers beside the OSNet that are not known here ({listed(unknown, 4)}). Whether they "
            "change the embeddings cannot be seen. Save the network's own state_dict, or export it to ONNX with the "
            "program that trained it."
        )
    if rest:
        notes = [*notes, f"not used: {listed(rest, 4)}"]
    joined = own | {ours: around[name] for name, ours in head.items()}
    return Network(joined, "fast-reid" if fast_reid else "torchreid", preprocess, tuple(notes))


def _beside(key: str, prefix: str) -> str:
    """A name without the part of a prefix that it shares: `module.heads.weight` beside `module.backbone.`."""
    while prefix and not key.startswith(prefix):
        prefix = prefix[: prefix.rstrip(".").rfind(".") + 1]
    return key.removeprefix(prefix)


def _head_names(around: State) -> dict[str, str]:
    """Names of BNNeck and classifier beside a backbone → ours."""
    neck = next((name for name in NECKS if f"{name}running_mean" in around), None)
    names = {name: "bnneck." + name.removeprefix(neck) for name in around if neck and name.startswith(neck)}
    return names | {name: "classifier.weight" for name in around if name in CLASSIFIERS}


def _trains_only(name: str) -> bool:
    return name.lower().lstrip("_").startswith(TRAINING_ONLY) or _is_copy(name.partition(".")[0])


def _nothing(content: Any) -> str:
    """What a file without an OSNet holds instead."""
    states = list(_states(content))
    if not states:
        if isinstance(content, Mapping):
            return f"holds no model weights (keys: {', '.join(map(str, list(content)[:8]))})."
        return f"holds a {type(content).__name__}, not a dictionary of weights."
    names = max((list(state) for _, state in states), key=len)
    known = next((what for part, what in ARCHITECTURES if any(part in name for name in names)), None)
    what = f"it looks like {known}; " if known else ""
    return (
        f"wrong architecture, this is not an OSNet ({what}its entries begin with {', '.join(names[:4])}). Checkpoints "
        "of other networks have to be exported to ONNX by the program that trained them; `deepsort eval` and "
        "`deepsort track` take the ONNX file."
    )
