"""Numbers for people and cameras known by name, and names read by a regular expression of the user's own."""

from __future__ import annotations

import os
import re
import unicodedata
import zlib
from functools import lru_cache

from deepsort_cli.core.errors import InputError

ZERO_PERSON = 1_000_000_000
"""The pid given to identity 0 of MSMT17 and of `id_0000` folders: there 0 is a person, in Market-1501 a distractor.

People whose folders bear no number get higher pids."""

LONGEST_PATTERN = 500
LONGEST_PATH = 1000
"""Characters of a path that are looked at; longer ones are no matches."""

_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]])*\]|\{\d*,?\d*\}|\(\?P?[:<>=!\w]*>?|.", re.DOTALL)
"""What a regular expression is made of, roughly: an escape, a set, a repetition, the start of a group, a character."""


def number_name(name: str) -> int:
    """The pid of somebody known by name only: the same in every part and every run."""
    return ZERO_PERSON + 1 + zlib.crc32(os.fsencode(name))


class Names:
    """The names of people or of cameras, each with its number, to find those that would be confused.

    Args:
        what: `people` or `cameras`, for messages.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._seen: set[str] = set()
        self._of_number: dict[int, tuple[str, str]] = {}
        self._of_form: dict[str, tuple[str, str]] = {}

    def add(self, name: str, number: int, where: str) -> None:
        """Note a name and where it occurs.

        Raises:
            InputError: another name has the same number (a checksum, or a letter's place in the alphabet), or the same
                name composed of other characters has another.
        """
        if name in self._seen:
            return
        self._seen.add(name)
        other, place = self._of_number.setdefault(number, (name, where))
        if not _alike(name, other):
            raise InputError(
                f"{where}: {self._what} {name!a} and {other!a} ({place}) get the same number, {number}, and would be "
                "taken for one. Rename one of them."
            )
        other, place = self._of_form.setdefault(unicodedata.normalize("NFC", name), (name, where))
        if other != name:
            raise InputError(
                f"{where}: {self._what} {name!a} and {other!a} ({place}) look the same, but their letters are composed "
                "differently (Unicode NFC and NFD), so they would be taken for two. Write them alike."
            )


def _alike(name: str, other: str) -> bool:
    """Whether two names of one number mean the same: `7` and `007`, cameras `a` and `A`."""
    numbers = [re.fullmatch(r"(-?)0*([0-9]+)", one) for one in (name, other)]  # long ones become a checksum too
    if all(numbers) and len({number.groups() for number in numbers if number}) == 1:
        return True
    return unicodedata.normalize("NFC", name).lower() == unicodedata.normalize("NFC", other).lower()


@lru_cache(maxsize=8)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The pattern, ready for use.

    Raises:
        InputError: it is no regular expression, too long, can take for ever, or lacks the named group `pid`.
    """
    where = f"`data.scan.pattern` {pattern[:80]!r}"
    if len(pattern) > LONGEST_PATTERN:
        raise InputError(f"{where}: longer than {LONGEST_PATTERN} characters.")
    if _can_run_away(pattern):
        raise InputError(
            f"{where}: a repeated group with a repetition, an option or a choice in it, as (a+)+, (a+_?)+ or (a|b)+, "
            "can take for ever. Repeat single characters or sets: a+, [ab]+."
        )
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise InputError(f"{where}: no regular expression ({error}).") from None
    groups = set(compiled.groupindex)
    if "pid" not in groups or groups - {"pid", "camid"}:
        known = ", ".join(sorted(groups)) or "none"
        raise InputError(
            f"{where}: expected the named group pid, and camid where names say the camera (found {known}). "
            r"For 'cam2/person_017.png' write cam(?P<camid>\d+)/person_(?P<pid>\d+)."
        )
    return compiled


def _can_run_away(pattern: str) -> bool:
    """Whether a group that may match in several ways is repeated: on a name without a match all ways are tried."""
    ways = [False]
    """For each open group: whether there is more than one way through it."""
    closed = False
    for token in _TOKEN.findall(pattern):
        repeated = token in ("*", "+") or (token.startswith("{") and "," in token)
        if repeated and closed:
            return True
        if token == ")" and len(ways) > 1:
            closed = ways.pop()
            ways[-1] |= closed
            continue
        closed = False
        if token.startswith("("):
            ways.append(False)
        elif repeated or token in ("?", "|"):
            ways[-1] = True
    return False


def match_pattern(pattern: re.Pattern[str], path: str) -> tuple[int, int | None] | None:
    """Person and camera of a path relative to its part, found anywhere in it; None where it does not match.

    A pid or camid that is no number becomes one: people by their name, cameras `a`, `b`, … by their letter. Of numbers
    below 0 only −1 is one, for junk.
    """
    pid, camera = matched_names(pattern, path)
    if not pid:
        return None
    number = int(pid) if re.fullmatch(r"-0*1|[0-9]{1,9}", pid) else number_name(pid)
    return number, camera_number(camera)


def matched_names(pattern: re.Pattern[str], path: str) -> tuple[str, str]:
    """What the groups pid and camid hold, found as `match_pattern` does; empty where they hold nothing."""
    match = pattern.search(path) if len(path) <= LONGEST_PATH else None
    if match is None:
        return "", ""
    return match["pid"] or "", match.groupdict().get("camid") or ""


def camera_number(text: str | None) -> int | None:
    """The number of a camera called by a number, by a letter, or by any name."""
    if not text:
        return None
    if re.fullmatch(r"[0-9]{1,9}", text):
        return int(text)
    if re.fullmatch(r"[A-Za-z]", text):
        return ord(text.lower()) - ord("a") + 1
    return number_name(text)
