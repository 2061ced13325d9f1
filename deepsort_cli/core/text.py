"""Words that go with numbers."""

from __future__ import annotations


def quantity(number: int, singular: str, plural: str | None = None) -> str:
    """How many of what: 1 frame, 2,000 frames.

    Args:
        singular: may have its verb with it: frame is.
        plural: where it is not the singular with an s: frames are.
    """
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
