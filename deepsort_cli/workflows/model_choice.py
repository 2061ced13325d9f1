"""Which model an evaluation takes where none is named."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from deepsort_cli.core.errors import InputError
from deepsort_cli.perception.bundled import bundled_model, model_file
from deepsort_cli.perception.model_names import no_such_model

RUNS = "runs/*/checkpoints/best.pth"


@dataclass(frozen=True)
class FoundModel:
    """A model to evaluate, why this one, and what to know about the choice."""

    path: Path
    source: str
    remarks: tuple[str, ...] = ()


def find_model(given: Path | None) -> FoundModel:
    """The model to evaluate: the given one, else the best of the newest finished run here, else the bundled one.

    A run that was not finished is taken only where no other is.

    Raises:
        InputError: there is none.
    """
    if given is not None:
        return FoundModel(existing_model(given), "given")
    files = sorted(Path().glob(RUNS), key=lambda path: path.stat().st_mtime, reverse=True)
    runs = {file: run_state(file.parent.parent) for file in files}
    if runs:
        chosen = max(files, key=lambda file: runs[file].worth)
        newer = files[: files.index(chosen)]
        remarks = [f"{file} is newer, but {runs[file].words}; it was not chosen." for file in newer[:3]]
        if runs[chosen].words:
            remarks.insert(0, f"{chosen}: {runs[chosen].words}, and there is no finished run here.")
        which = "run" if runs[chosen].words else "finished run"
        return FoundModel(chosen, f"the best checkpoint of the newest {which}", tuple(remarks))
    bundled = bundled_model()
    if bundled is not None:
        return FoundModel(bundled, "the bundled model")
    raise InputError(
        f"no model: none was given, {RUNS} does not exist here, and none is bundled. "
        "Name one: an ONNX model or a checkpoint."
    )


def existing_model(given: Path, key: str = "") -> Path:
    """The model file of this name, or the bundled model.

    Args:
        key: the setting that names it, where it is not what the command is about.

    Raises:
        InputError: there is none.
    """
    found = model_file(given)
    if not found.exists():
        raise InputError(no_such_model(str(given), "reid", f"`{key}`" if key else ""))
    return found


@dataclass(frozen=True)
class RunState:
    """How far the training of a run folder has come.

    Attributes:
        worth: 2 for a finished one, 1 for an interrupted one, 0 where nothing was learned or nobody knows.
        words: what is missing; empty for a finished one.
    """

    worth: int
    words: str = ""


def run_state(folder: Path) -> RunState:
    """How far a run has come, by its history and its settings."""
    try:
        config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        planned, pretrained = int(config["training"]["epochs"]), config["model"]["pretrained"]
        history = json.loads((folder / "history.json").read_text(encoding="utf-8"))
        validated = [int(row["epoch"]) for row in history if "mAP" in row]
        done = int(history[-1]["epoch"])
    except (OSError, ValueError, KeyError, IndexError, TypeError, yaml.YAMLError):
        return RunState(0, "nothing says how far its training came")
    if pretrained is None and (done == 0 or validated == [0]):  # any trained epoch is preferred to random weights
        return RunState(0, "its best checkpoint is of epoch 0, the untrained network")
    if done < planned:
        return RunState(1, f"its training was not finished (epoch {done} of {planned})")
    return RunState(2)
