"""The same thing has one name in every command, and one name means the same thing."""

from __future__ import annotations

import importlib
from typing import Any, get_args

import pytest
import typer

from deepsort_cli.cli import COMMANDS, MODULES
from deepsort_cli.settings import CommandSettings, field_at

EVERYWHERE = {
    "--allow-links": {"scan", "train", "finetune", "eval", "export", "reorganize"},
    "--height": {"train", "finetune", "export"},
    "--width": {"train", "finetune", "export"},
    "--ignore-camera": {"train", "finetune", "eval"},
    "--amp": {"train", "finetune"},
    "--batch-size": {"train", "finetune", "eval"},
    "--workers": {"scan", "train", "finetune", "eval"},
    "--output": {"finetune", "export", "refine", "calibrate"},
    "--output-dir": {"train", "finetune", "eval", "tune"},
    "--overwrite": {"scan", "finetune", "export", "track", "refine", "score", "calibrate"},
    "--device": {"train", "finetune", "eval", "track", "calibrate", "tune"},
    "--root": {"scan", "train", "finetune", "eval", "export"},
    "--layout": {"scan", "reorganize"},
}
"""Flags and the commands that have to have them."""

DIFFERENT = {
    "--across": "to find out who is who, or to score that",
    "--source": "what is only measured on may be a recording",
    "--epochs": "training chooses where none is given, fine-tuning has a default",
    "--val-ratio": "training chooses a share where none is given",
    "--batch-size": "a step of training or of an evaluation",
    "--benchmark": "export measures time, score names a public benchmark",
    "--checkpoint": "what is done with it differs",
    "--cluster": "it says what is shared out",
    "--jobs": "videos, or trials",
    "--device": "PyTorch trains on it, ONNX Runtime computes on it",
    "--ignore-camera": "training measures with it, evaluating is that",
    "--use-camera": "as --ignore-camera",
    "--gt": "of one run, or of a benchmark",
    "--height": "a new model has a size of its own, others the checkpoint's",
    "--width": "as --height",
    "--output": "what is written differs",
    "--output-dir": "what is written differs",
    "--overwrite": "refine may replace its input",
    "--root": "to check, to train on, to evaluate on",
    "--seed": "of everything, or of the split alone",
    "--target": "as --root",
    "--test-root": "to check, or to validate on",
    "--workers": "loader processes of a training depend on the device",
}
"""Flags whose descriptions differ between commands, and why."""


SEVERAL = {"--benchmark", "--gt"}
"""Flags whose values differ: a switch and a name; one path, and one for each of several sources."""


def options() -> dict[str, dict[str, Any]]:
    """Every long flag → command → option."""
    found: dict[str, dict[str, Any]] = {}
    for name in COMMANDS:
        module = importlib.import_module(f"deepsort_cli.cli.{MODULES.get(name, name)}")
        for parameter in typer.main.get_command(module.app).params:
            for spelling in (*parameter.opts, *parameter.secondary_opts):
                if spelling.startswith("--"):
                    found.setdefault(spelling, {})[name] = parameter
    return found


@pytest.fixture(scope="module")
def flags() -> dict[str, dict[str, Any]]:
    return options()


@pytest.mark.parametrize("flag", EVERYWHERE)
def test_flags_exist_wherever_they_make_sense(flags: dict[str, dict[str, Any]], flag: str) -> None:
    assert EVERYWHERE[flag] <= set(flags[flag])


def kind(name: str, option: Any) -> set[Any]:
    """The types a flag's value may have, from its settings field."""
    module = importlib.import_module(f"deepsort_cli.cli.{MODULES.get(name, name)}")
    model = module.flags.model if hasattr(module, "flags") else CommandSettings
    key = next((row.key for row in model.options if row.flag in option.opts), None)
    if key is None:
        return set()
    annotation = field_at(model, key).annotation
    return set(get_args(annotation) or (annotation,)) - {type(None), Ellipsis}


def test_equal_names_take_equal_values(flags: dict[str, dict[str, Any]]) -> None:
    for flag, commands in flags.items():
        kinds = [kind(name, option) for name, option in commands.items()]
        assert all(one == kinds[0] for one in kinds) or flag in SEVERAL, (flag, kinds)


def test_equal_names_are_described_alike_or_differ_for_a_reason(flags: dict[str, dict[str, Any]]) -> None:
    for flag, commands in flags.items():
        flag = flag.replace("--no-", "--")
        words = {(option.help or "").split(" [dim]")[0] for option in commands.values()}
        assert len(words) == 1 or flag in DIFFERENT, (flag, words)


def test_short_flags_mean_where_results_go(flags: dict[str, dict[str, Any]]) -> None:
    for name in COMMANDS:
        short = [flag for flag, commands in flags.items() if name in commands and "-o" in commands[name].opts]
        assert all(flag in {"--output", "--output-dir", "--save"} for flag in short), (name, short)
