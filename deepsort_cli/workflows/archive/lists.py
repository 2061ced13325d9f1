"""Text files that list the videos of an archive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from deepsort_cli.core.errors import InputError

MOST_BYTES = 64_000_000


def read_list(path: Path) -> Iterator[tuple[int, str]]:
    """The sources in a list, one a line, each with the number of its line.

    Empty lines and those that begin with `#` say nothing. Relative names are relative to the list's folder.

    Raises:
        InputError: it cannot be read, is no text, or lists nothing.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"`source` {path}: too large for a list of videos (more than {MOST_BYTES:,} bytes).")
        text = path.read_bytes().decode("utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise InputError(f"`source` {path}: cannot be read ({error.strerror or error}).") from None
    if "\0" in text:
        raise InputError(f"`source` {path}: no text. A list of videos has one name a line.")
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if not lines:
        raise InputError(f"`source` {path}: lists no video. Write one name a line; lines that begin with # are notes.")
    yield from lines
