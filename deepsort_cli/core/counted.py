"""Numbers of things in sentences."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """The number with its noun: `1 epoch`, `1,200 epochs`, `2 people`.

    Args:
        plural: where it is not the singular with an s.
    """
    return f"{number:,} {singular if number == 1 else plural or f'{singular}s'}"


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first names, and how many more there are: `a, b and 1,200 more`."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")
