"""Numbers of things in sentences."""

from __future__ import annotations


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """The number with its noun: `1 epoch`, `1,200 epochs`, `2 people`.

    Args:
        plural: where it is not the singular with an s.
    """
    return f"{number:,} {singular if number == 1 else plural or f'{singular}s'}"
