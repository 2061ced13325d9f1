"""Settings of the dataset scan, shared by every command that reads a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from deepsort_cli.core.images import MAX_PIXELS
from deepsort_cli.core.settings import CommaStrings, Settings

LayoutName = Literal["auto", "folders", "cameras", "market1501", "dukemtmc", "cuhk03", "msmt17", "mars", "ltcc"]
LAYOUT_NAMES = "auto, folders, cameras, market1501, dukemtmc, cuhk03, msmt17, mars or ltcc."

ASPECT = (1.3, 4.5)
"""Height over width of a whole standing person, with room for bent and cut ones; crops are usually 1:2 to 1:3."""


def split_paths(value: object) -> object:
    """Folders are also written `a,b` on the command line and in the environment."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


LinkSources = Annotated[
    tuple[Path, ...],
    BeforeValidator(split_paths),
    Field(description="Folders outside the dataset that its symbolic links may point into; repeat for several."),
]


def _split_numbers(value: object) -> object:
    """Two numbers are also written `0.5,2` on the command line and in the environment."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


class ScanSettings(Settings):
    """What is checked, what is remembered, and how many processes work on it."""

    layout: LayoutName = Field("auto", description=LAYOUT_NAMES)
    pattern: str | None = Field(
        None,
        description="Instead of a layout: a regular expression with named groups pid and camid, found in each path.",
    )
    aspect: Annotated[tuple[float, float], BeforeValidator(_split_numbers)] = Field(
        ASPECT, description="Usual height over width of a crop, lowest and highest."
    )
    accept: CommaStrings = Field((), description="Codes of findings that shall not stop a training or evaluation.")
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

    @field_validator("aspect")
    @classmethod
    def _check_aspect(cls, aspect: tuple[float, float]) -> tuple[float, float]:
        if not 0 < aspect[0] < aspect[1]:
            raise ValueError("two numbers above 0, the lower first, for example 0.5,2")
        return aspect


SCAN_DEFAULTS = ScanSettings()
"""What a scan does when it is told nothing."""


class DatasetSettings(Settings):
    """A dataset and how it is scanned; `pattern` and `aspect` may be given beside `scan` as well as in it."""

    @model_validator(mode="before")
    @classmethod
    def _short_keys(cls, values: Any) -> Any:
        short = {"pattern", "aspect"} & set(values) if isinstance(values, dict) else set()
        if not short:
            return values
        scan = values.get("scan", {})
        scan = scan.model_dump() if isinstance(scan, ScanSettings) else dict(scan)
        kept = {key: value for key, value in values.items() if key not in short}
        return kept | {"scan": scan | {key: values[key] for key in short}}
