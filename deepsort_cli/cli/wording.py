"""Settings keys in messages of the library, shown as the flags of the command that runs.

The library says "`tracker.max_age`=30"; `deepsort track` shows "--max-age 30", and "--set tracker.nsa=true" where the
command has no flag for a key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

KEY = re.compile(r"`([a-z]\w*(?:\.[a-z]\w*)*)`(?:=([^\s,;)]*[^\s,;).?:]))?")
"""A key in backticks, with the value behind it where there is one; punctuation at the end is the sentence's."""


@dataclass(frozen=True)
class Spelling:
    """How a command spells its settings.

    Attributes:
        flags: dotted key → (flag, its negative), of those keys that have a flag; None where it takes a value,
            empty where a switch has no negative.
        keys: every dotted key of the command.
        elsewhere: the flag that another command has for a dotted key, None where there is none.
    """

    flags: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    keys: frozenset[str] = frozenset()
    elsewhere: Callable[[str], str | None] = lambda key: None

    def __call__(self, message: str) -> str:
        """The message with flags in place of keys; what is no key of the command stays as it is."""
        return KEY.sub(self._word, message)

    def _word(self, match: re.Match[str]) -> str:
        key, value = match.group(1), match.group(2)
        if key in self.flags:
            flag, negative = self.flags[key]
            if negative is not None and value in ("true", "false"):
                return flag if value == "true" else negative or f"--set {key}=false"
            return flag if value is None else f"{flag} {value}"
        if key in self.keys:
            return key if value is None else f"--set {key}={value}"
        if "." in key and (other := self.elsewhere(key)) is not None:
            return other if value is None else f"{other} {value}"
        return match.group(0)


_current = Spelling()


def speak(spelling: Spelling) -> None:
    """From now on messages are worded for this command; one command runs in a process."""
    global _current
    _current = spelling


def worded(message: str) -> str:
    """A message of the library in the words of the command that runs."""
    return _current(message)
