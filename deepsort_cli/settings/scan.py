"""Settings of `deepsort scan`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from deepsort_cli.core.settings import Settings
from deepsort_cli.data.settings import SCAN_DEFAULTS, DatasetSettings, ScanSettings
from deepsort_cli.settings.loader import CommandSettings


class ScannedData(DatasetSettings):
    """Which dataset, and how it is scanned."""

    root: Path | None = Field(None, description="Folder of the dataset, or a CSV that names its images.")
    test_root: Path | None = Field(None, description="A test set kept elsewhere, checked against the first.")
    scan: ScanSettings = Field(SCAN_DEFAULTS, description="The scan.")


class ScanReportSettings(Settings):
    """What becomes of the findings."""

    html: Path | None = Field(None, description="Write a self-contained HTML report to this file.")
    overwrite: bool = Field(False, description="Replace outputs that exist.")
    fail_on_invalid: bool = Field(
        False, description="Exit with 2 on invalid files, findings of level error, or a dataset without images."
    )


class ScanCommandSettings(CommandSettings):
    """Everything `deepsort scan` can be told."""

    data: ScannedData = Field(ScannedData(), description="The dataset.")
    report: ScanReportSettings = Field(ScanReportSettings(), description="The report.")
