"""Output that every stdout and stderr can show: a code page of Windows, plain ASCII, file names that are no UTF-8."""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import sys
from typing import Any, TextIO

from rich.markup import escape

HANDLER = "deepsort-plain"
"""Name of the error handler for characters that a stream's encoding lacks."""

PLAIN = {
    "…": "...", "–": "-", "—": "-", "−": "-", "×": "x", "→": "->", "←": "<-", "↔": "<->", "≥": ">=", "≤": "<=",
    "≈": "~", "±": "+-", "·": "-", "•": "*", "°": " deg", "Δ": "d", "σ": "sigma", "λ": "lambda", "²": "2", "³": "3",
    "’": "'", "‘": "'", "“": '"', "”": '"', "✓": "+", "✗": "x", "\N{NO-BREAK SPACE}": " ",
}  # fmt: skip
"""What stands for the signs that messages and tables use, where they cannot be shown."""

_LINES = {"─": "-", "━": "-", "╌": "-", "│": "|", "┃": "|", "╎": "|"}
"""Parts of frames and bars; every other sign of that block is a corner or a crossing."""

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
"""What a terminal obeys instead of showing it, line ends and tabs aside: colours, the cursor, other directions."""


def plain(character: str) -> str:
    """What stands for a character that an encoding lacks; bytes of a file name that are no text become `\\xff`."""
    code = ord(character)
    if character in PLAIN:
        return PLAIN[character]
    if 0x2500 <= code <= 0x257F:
        return _LINES.get(character, "+")
    if 0x2580 <= code <= 0x259F:
        return "#"
    if 0xDC80 <= code <= 0xDCFF:  # how Python carries a byte that it could not decode
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("ascii", "backslashreplace").decode("ascii")


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(plain, error.object[error.start : error.end])), error.end


codecs.register_error(HANDLER, _replace)


def occupy_closed_streams() -> None:
    """Point the numbers of standard streams that are closed at nothing.

    The next files that are opened would get them, and what libraries print would be written into those files.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one


def make_streams_safe() -> None:
    """Let stdout and stderr replace what they cannot show, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=HANDLER)


def shows(stream: TextIO | Any, text: str) -> bool:
    """Whether the stream's encoding has all characters of the text."""
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def shown(text: str, stream: TextIO | Any) -> str:
    """The text as the stream will show it: what it lacks is replaced before the text is laid out in lines."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, HANDLER).decode(encoding)


def flush_stdout() -> bool:
    """Write out what is left for stdout, while a failure can still be told; whether that worked."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        leave_stdout()
        if not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"error: standard output cannot be written ({error.strerror or error}).\n")
        return False
    return True


def leave_stdout() -> None:
    """Point stdout elsewhere after its reader has left, so that the interpreter's last flush does not fail as well."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def harmless(text: str) -> str:
    """The text with control characters escaped: names of files, people, classes and models may hold anything."""
    return _CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def literal(text: str) -> str:
    """The text as rich shows it, without markup and control characters of its own."""
    return escape(harmless(text))
