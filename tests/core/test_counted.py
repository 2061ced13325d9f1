"""Words that go with numbers."""

from __future__ import annotations

import pytest

from deepsort_cli.core.counted import counted


@pytest.mark.parametrize(
    ("number", "words", "text"),
    [
        (1, ("frame",), "1 frame"),
        (0, ("frame",), "0 frames"),
        (2000, ("frame",), "2,000 frames"),
        (1, ("identity", "identities"), "1 identity"),
        (3, ("identity", "identities"), "3 identities"),
        (1, ("frame is", "frames are"), "1 frame is"),
        (2, ("frame is", "frames are"), "2 frames are"),
    ],
)
def test_one_is_singular(number: int, words: tuple[str, ...], text: str) -> None:
    assert counted(number, *words) == text
