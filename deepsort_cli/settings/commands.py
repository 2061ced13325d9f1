"""Which settings class each subcommand has; its module is imported when it is asked for."""

from __future__ import annotations

import importlib
from typing import Any

COMMAND_SETTINGS = {
    "track": "deepsort_cli.settings.track:TrackSettings",
    "calibrate": "deepsort_cli.settings.calibrate:CalibrateSettings",
    "tune": "deepsort_cli.settings.tune:TuneSettings",
    "people": "deepsort_cli.settings.people:PeopleSettings",
    "refine": "deepsort_cli.settings.refine:RefineSettings",
    "score": "deepsort_cli.settings.score:ScoreSettings",
    "scan": "deepsort_cli.settings.scan:ScanCommandSettings",
    "reorganize": "deepsort_cli.settings.reorganize:ReorganizeSettings",
    "eval": "deepsort_cli.settings.evaluate:EvalSettings",
    "train": "deepsort_cli.settings.train:TrainSettings",
    "finetune": "deepsort_cli.settings.finetune:FinetuneSettings",
    "export": "deepsort_cli.settings.export:ExportCommandSettings",
}
"""Subcommand → its settings class."""


def example_name(command: str) -> str:
    """The file in `examples/configs` that shows a subcommand's settings."""
    return f"{'infer' if command == 'track' else command}.yaml"


def settings_of(command: str) -> type[Any]:
    """The settings class of a subcommand."""
    module, _, name = COMMAND_SETTINGS[command].partition(":")
    model: type[Any] = getattr(importlib.import_module(module), name)
    return model


def all_commands() -> list[type[Any]]:
    """The settings classes of all subcommands."""
    return [settings_of(command) for command in COMMAND_SETTINGS]
