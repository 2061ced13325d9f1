"""Settings of `deepsort train`."""

from __future__ import annotations

from deepsort_cli.reid.settings import TrainConfig
from deepsort_cli.settings.loader import CommandSettings


class TrainSettings(TrainConfig, CommandSettings):
    """Everything `deepsort train` can be told."""

    model_config = CommandSettings.model_config
