"""Text in tables for spreadsheets: a name that looks like a formula stays a name.

Spreadsheets take a cell that begins with one of a few signs for a formula, and run it: a file called `=HYPERLINK(…)`, a
class or a person. An apostrophe before it makes it text (OWASP, CSV injection).
"""

from __future__ import annotations

import re
from typing import Any

_FORMULA = re.compile("'*[=+@\t\r\n\uff1d\uff0b\uff20-]")
"""What a text begins with that would be one, also after apostrophes, so that those can be taken away again."""


def guarded(value: Any) -> Any:
    """A cell of a table: text is made harmless, everything else stays as it is.

    Numbers that are written as text (`-1.50`) are for the caller to leave alone.
    """
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def unguarded(cell: str) -> str:
    """The text that such a cell was made of."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
