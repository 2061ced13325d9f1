"""The optional parts of the package, and how to get them."""

from __future__ import annotations

import sys

PACKAGE = "deepsort-cli"


def single_file() -> bool:
    """Whether this is the program that is one file and needs no Python: nothing can be installed into that."""
    return bool(getattr(sys, "frozen", False))


def install(extra: str) -> str:
    """The command that installs an extra, for the installed package and for a clone of the source.

    Args:
        extra: its name in pyproject.toml, for example `train`.
    """
    return f"{where()}pip install '{PACKAGE}[{extra}]', or in a clone of the source: pip install '.[{extra}]'"


def where() -> str:
    """What stands before a command that installs something: words in the single file, else nothing."""
    return "in the Python package, as nothing can be added to this single file: " if single_file() else ""
