"""Settings of `deepsort reorganize`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from deepsort_cli.data.settings import LAYOUT_NAMES, LayoutName, LinkSources
from deepsort_cli.settings.loader import CommandSettings
from deepsort_cli.settings.options import Option

OPTIONS = (
    Option("src", "src", "Dataset"),
    Option("dst", "dst", "Dataset"),
    Option("mode", "mode", "Dataset"),
    Option("layout", "layout", "Dataset", metavar="LAYOUT"),
    Option("pattern", "pattern", "Dataset", metavar="REGEX"),
    Option("link_sources", "allow_links", "Dataset", metavar="DIR", repeat=True),
    Option("dry_run", "dry_run", "Dataset", negative=""),
)
"""The flags and keywords of the command, in the order of its help."""


class ReorganizeSettings(CommandSettings):
    """Everything `deepsort reorganize` can be told."""

    options = OPTIONS

    src: Path | None = Field(None, description="Dataset in a flat layout; it is only read.")
    dst: Path | None = Field(None, description="Folder to fill with id_xxxx folders.")
    mode: Literal["auto", "hardlink", "copy", "link"] = Field(
        "auto", description="hardlink, copy, link (symbolic), or auto: hard links, copies where there can be none."
    )
    layout: LayoutName = Field("auto", description=LAYOUT_NAMES)
    pattern: str | None = Field(
        None,
        description="Instead of a layout: a regular expression with named groups pid and camid, found in each path.",
    )
    link_sources: LinkSources = ()
    dry_run: bool = Field(False, description="Only say what would be done.")
