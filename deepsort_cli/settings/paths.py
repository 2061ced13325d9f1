"""Settings that take one path or several."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator


def _listed(value: Any) -> Any:
    """A single path may be written without brackets, and none as null."""
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else [value]


Paths = Annotated[tuple[Path, ...], BeforeValidator(_listed)]
