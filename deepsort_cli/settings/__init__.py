"""Per-command settings: assembled from the rooms' own models, merged YAML < environment < `--set` < flags."""

from __future__ import annotations

from deepsort_cli.settings.commands import COMMAND_SETTINGS, all_commands, example_name, settings_of
from deepsort_cli.settings.loader import CommandSettings, documented_yaml, field_at, resolve, to_yaml

__all__ = [
    "COMMAND_SETTINGS",
    "CommandSettings",
    "all_commands",
    "documented_yaml",
    "example_name",
    "field_at",
    "resolve",
    "settings_of",
    "to_yaml",
]
