"""Settings of `deepsort track`."""

from __future__ import annotations

from pydantic import Field

from deepsort_cli.settings.loader import CommandSettings
from deepsort_cli.tracking.settings import TrackerSettings


class TrackSettings(CommandSettings):
    """Everything `deepsort track` can be told."""

    tracker: TrackerSettings = Field(TrackerSettings(), description="The DeepSORT tracker.")
