"""Settings of `deepsort scan`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from deepsort_cli.core.settings import Settings
from deepsort_cli.data.settings import SCAN_DEFAULTS, DatasetSettings, ScanSettings
from deepsort_cli.settings.loader import CommandSettings
from deepsort_cli.settings.options import Option


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


OPTIONS = (
    Option("data.root", "root", "Dataset"),
    Option("data.test_root", "test_root", "Dataset"),
    Option("data.scan.layout", "layout", "Dataset", metavar="LAYOUT"),
    Option("data.scan.pattern", "pattern", "Dataset", metavar="REGEX"),
    Option("data.scan.link_sources", "allow_links", "Dataset", metavar="DIR", repeat=True),
    Option("data.scan.paranoid", "paranoid", "Checks", negative=""),
    Option("data.scan.near_duplicates", "near_duplicates", "Checks"),
    Option("data.scan.min_samples", "min_samples", "Checks"),
    Option("data.scan.drop_small", "drop_small", "Checks", negative=""),
    Option("data.scan.workers", "workers", "Speed"),
    Option("data.scan.force_rescan", "force_rescan", "Speed", negative=""),
    Option("data.scan.use_cache", "cache", "Speed"),
    Option("data.scan.cache_dir", "cache_dir", "Speed"),
    Option("report.html", "html", "Report"),
    Option("report.overwrite", "overwrite", "Report"),
    Option("report.fail_on_invalid", "fail_on_invalid", "Report", negative=""),
)
"""The flags and keywords of the command, in the order of its help."""


class ScanCommandSettings(CommandSettings):
    """Everything `deepsort scan` can be told."""

    options = OPTIONS

    data: ScannedData = Field(ScannedData(), description="The dataset.")
    report: ScanReportSettings = Field(ScanReportSettings(), description="The report.")
