"""The fragmented form of mp4 that can be played whatever happened to its writer."""

from __future__ import annotations

import struct
from pathlib import Path

SUFFIXES = frozenset({".mp4", ".m4v", ".mov"})

AT_ONCE = {"flush_packets": "1"}
"""Options of FFmpeg: what is written is in the file, not in the memory of a program that may be killed."""

FRAGMENTS = {"movflags": "empty_moov+default_base_moof", "frag_duration": "1000000", **AT_ONCE}
"""Options of FFmpeg: fragments of a second carry their own index, so that a file plays as far as they are whole."""

INDEX_FIRST = {"movflags": "+faststart"}
"""Options of FFmpeg: one index, at the beginning, for the web."""


def cut_torn_end(path: Path) -> None:
    """Shorten a fragmented mp4 that was cut off anywhere to its last whole fragment: many players open no other."""
    whole = whole_bytes(path)
    with path.open("r+b") as file:
        file.truncate(whole)


def whole_bytes(path: Path) -> int:
    """How many bytes of a fragmented mp4 are whole fragments."""
    size, start, whole = path.stat().st_size, 0, 0
    with path.open("rb") as file:
        while start + 16 <= size:
            file.seek(start)
            length, kind = struct.unpack(">I4s", file.read(8))
            if length == 1:  # the length follows in eight bytes
                length = struct.unpack(">Q", file.read(8))[0]
            if length < 8 or start + length > size:
                break
            start += length
            if kind != b"moof":  # an index of frames counts only with its frames behind it
                whole = start
    return whole
