"""The options of a command: one row each, from which its flags, its keywords in Python and their types are made.

A row ties a word to a settings key. The word is the keyword (`max_age=50`) and, with hyphens, the flag
(`--max-age 50`); help, default and type come from the field behind the key.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin


@dataclass(frozen=True)
class Option:
    """One option of a command.

    Attributes:
        key: dotted key of the settings field.
        word: the keyword in Python; the flag is the same with hyphens.
        panel: heading of the help under which the flag stands; empty: the first one, without a name.
        daily: `--help` shows the flag. Where no option of a command is daily, it shows all.
        short: the letter of its short flag; empty: none.
        also: other words for the same.
        negative: the word that turns a switch off; None: `no_` and the word; empty: the switch has none.
        metavar: what the help shows for the value; None: the words the field allows, or its type.
        repeat: the flag may be given several times; the field is a list.
    """

    key: str
    word: str
    panel: str = ""
    daily: bool = False
    short: str = ""
    also: tuple[str, ...] = ()
    negative: str | None = None
    metavar: str | None = None
    repeat: bool = False

    @property
    def flag(self) -> str:
        return flag(self.word)

    @property
    def off(self) -> str | None:
        """The flag that turns a switch off; of no meaning for other options."""
        word = f"no_{self.word}" if self.negative is None else self.negative
        return flag(word) if word else None


def flag(word: str) -> str:
    """The flag of a keyword."""
    return f"--{word.replace('_', '-')}"


def alternatives(annotation: Any) -> list[Any]:
    """The types and `Literal`s a field's value may have, None left out, without what only checks them."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return alternatives(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [kind for part in get_args(annotation) if part is not type(None) for kind in alternatives(part)]
    return [annotation]


def choices(annotation: Any) -> list[str]:
    """The words a field allows, where it allows a few words only."""
    return [
        word
        for kind in alternatives(annotation)
        if get_origin(kind) is Literal
        for word in get_args(kind)
        if isinstance(word, str)
    ]
