"""Settings of `deepsort finetune`."""

from __future__ import annotations

from deepsort_cli.reid.settings import FinetuneConfig
from deepsort_cli.settings.loader import CommandSettings


class FinetuneSettings(FinetuneConfig, CommandSettings):
    """Everything `deepsort finetune` can be told."""

    model_config = CommandSettings.model_config
