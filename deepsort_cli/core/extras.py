"""The optional parts of the package, and how to get them."""

from __future__ import annotations

PACKAGE = "deepsort-cli"


def install(extra: str) -> str:
    """The command that installs an extra, for the installed package and for a clone of the source.

    Args:
        extra: its name in pyproject.toml, for example `train`.
    """
    return f"pip install '{PACKAGE}[{extra}]', or in a clone of the source: pip install '.[{extra}]'"
