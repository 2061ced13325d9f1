"""Settings of the dataset scan, shared by every command that reads a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from deepsort_cli.core.images import MAX_PIXELS
from deepsort_cli.core.settings import Settings

LayoutName = Literal["auto", "folders", "market1501", "dukemtmc", "cuhk03", "msmt17"]


def _split_paths(value: object) -> object:
    """Folders are also written `a,b` on the command line and in the environment."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


LinkSources = Annotated[
    tuple[Path, ...],
    BeforeValidator(_split_paths),
    Field(description="Folders outside the dataset that its symbolic links may point into; repeat for several."),
]


class ScanSettings(Settings):
    """What is checked, what is remembered, and how many processes work on it."""

    layout: LayoutName = Field("auto", description="auto, folders, market1501, dukemtmc, cuhk03 or msmt17.")
    paranoid: bool = Field(False, description="Decode every pixel of every image.")
    near_duplicates: bool = Field(True, description="Look for nearly equal images where they would do harm.")
    min_samples: int = Field(2, ge=1, description="Report identities with fewer images than this.")
    drop_small: bool = Field(False, description="Leave identities below min_samples out of the file list.")
    link_sources: LinkSources = ()
    min_side: int = Field(8, ge=1, description="Images with a side below this many pixels are invalid.")
    max_pixels: int = Field(
        MAX_PIXELS, ge=1, le=MAX_PIXELS, description="Images with more pixels than this are refused unread."
    )
    workers: int = Field(0, ge=0, description="Processes that read images; 0 means one per CPU.")
    use_cache: bool = Field(True, description="Remember the result and use it while the files stay the same.")
    force_rescan: bool = Field(False, description="Read all files again, whatever is remembered.")
    cache_dir: Path | None = Field(
        None,
        description="Where scans are remembered; null: in <root>/.reid_cache, or in the user's cache folder "
        "where that cannot be written.",
    )


SCAN_DEFAULTS = ScanSettings()
"""What a scan does when it is told nothing."""
