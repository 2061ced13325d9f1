"""Settings of `deepsort people`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from deepsort_cli.core.durations import seconds_of
from deepsort_cli.settings.loader import CommandSettings
from deepsort_cli.settings.options import Option

OPTIONS = (
    Option("older_than", "older_than", "People", metavar="TIME"),
    Option("unnamed", "unnamed", "People", negative=""),
    Option("output", "output", "Export", short="o", metavar="DIR"),
    Option("overwrite", "overwrite", "Export"),
)
"""The flags and keywords of the command, in the order of its help."""


def _as_texts(value: Any) -> Any:
    """One person may stand without brackets, and a number may be a number."""
    values = value if isinstance(value, list | tuple) else [value]
    return [str(item) if isinstance(item, int) and not isinstance(item, bool) else item for item in values]


class PeopleSettings(CommandSettings):
    """Everything `deepsort people` can be told."""

    options = OPTIONS

    action: Literal["list", "export", "forget", "rename"] = Field("list", description="What to do.")
    file: Path | None = Field(None, description="File of people, as `across.people` of a run keeps it.")
    who: Annotated[tuple[str, ...], BeforeValidator(_as_texts)] = Field(
        (), description="People by number or name; of rename, a person and the new name."
    )
    older_than: str | None = Field(
        None, description="People whom a run has seen, but none for so long: 30m, 12h, 7d, 2w; null: all."
    )
    unnamed: bool = Field(False, description="People without a name only.")
    output: Path | None = Field(None, description="Folder to export into.")
    overwrite: bool = Field(False, description="Replace what an earlier export wrote.")

    @field_validator("older_than")
    @classmethod
    def _check_older_than(cls, value: str | None) -> str | None:
        if value is not None:
            seconds_of(value)
        return value
