"""Settings of `deepsort reorganize`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from deepsort_cli.data.settings import LayoutName, LinkSources
from deepsort_cli.settings.loader import CommandSettings


class ReorganizeSettings(CommandSettings):
    """Everything `deepsort reorganize` can be told."""

    src: Path | None = Field(None, description="Dataset in a flat layout; it is only read.")
    dst: Path | None = Field(None, description="Folder to fill with id_xxxx folders.")
    mode: Literal["link", "copy", "hardlink"] = Field("link", description="link (symbolic), copy or hardlink.")
    layout: LayoutName = Field("auto", description="auto, folders, market1501, dukemtmc, cuhk03 or msmt17.")
    link_sources: LinkSources = ()
    dry_run: bool = Field(False, description="Only say what would be done.")
