"""Settings of the page that shows a run."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from deepsort_cli.core.settings import Settings


def _as_text(value: Any) -> Any:
    """A port alone may be written as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class ServeSettings(Settings):
    """The run in a browser, and its events for other programs."""

    address: Annotated[str | None, BeforeValidator(_as_text)] = Field(
        None,
        description="Show the run in a browser at this port of this machine, or at HOST:PORT for others, with a token; "
        "0 takes a free port. When recordings have ended, it stays on view until Ctrl-C.",
    )
