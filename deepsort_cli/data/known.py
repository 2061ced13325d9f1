"""Folders of people known by name: `people/NAME/*.jpg`, found without ever leaving the root."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from deepsort_cli.core.counted import counted, listed
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import look, printable
from deepsort_cli.core.images import is_image_name
from deepsort_cli.core.people_file import clean_name

MOST_PEOPLE = 1_000
MOST_PICTURES = 10_000
MOST_ENTRIES = 100_000
"""Entries of the root and its folders together: more are no folder of people."""
SHOWN = 3
"""Examples of what is not used."""
_SYSTEM = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
"""What systems leave in folders, beside hidden files."""

REASONS = {
    "beside": "beside the folders, so that nobody knows whose it is: put it into a folder with the person's name",
    "nested": "a folder within a person's folder, which is not looked into: put its pictures into the person's folder",
    "other": "no picture",
    "outside": "a link to elsewhere, which is not followed: copy the picture itself",
    "special": "no regular file",
    "unreadable": "cannot be read",
    "empty": "a folder without pictures: put some in, or remove it",
    "unnamed": "no name for a person: rename the folder",
}
"""Why an entry is not used, by the code in `Listing.unused`."""


@dataclass(frozen=True)
class KnownFolder:
    """A person's folder.

    Attributes:
        name: the person's, tidied.
        folder: as it is called on disk.
        pictures: relative to the root, sorted.
    """

    name: str
    folder: str
    pictures: tuple[str, ...]


@dataclass(frozen=True)
class KnownListing:
    """Everything that a folder of known people holds.

    Attributes:
        root: without links in its own path.
        people: those with pictures, by name.
        unused: reason → entries that are not used, relative to the root.
    """

    root: Path
    people: tuple[KnownFolder, ...]
    unused: dict[str, list[str]] = field(default_factory=dict)

    def remarks(self) -> Iterator[str]:
        """What is not used, a sentence for each reason."""
        for reason, entries in self.unused.items():
            yield f"{described(entries)} not used: {REASONS[reason]}."


def described(entries: list[str]) -> str:
    """The first entries by name, and how many more there are."""
    return listed([printable(entry) for entry in entries], SHOWN)


def list_known(root: Path, *, key: str) -> KnownListing:
    """Find the people of a folder.

    Pictures lie in folders directly in the root, each named like the person. Links are followed only to what lies in
    the root as well; hidden files and what systems leave behind is passed over.

    Args:
        key: the setting the folder was given with, for messages.

    Raises:
        InputError: no such folder, nobody in it, too many, or two folders of one name.
    """
    where = f"`{key}` {root}"
    found = look(root, key=key)
    if found is None:
        raise InputError(f"{where}: no such folder. Give one that holds a folder with pictures for each person.")
    if not stat.S_ISDIR(found.st_mode):
        raise InputError(f"{where}: this is a file. Give a folder that holds a folder with pictures for each person.")
    scan = _Scan(root.resolve(), where)
    people = scan.people()
    if not people:
        beside = f" {described(scan.unused['beside'])} {REASONS['beside']}." if "beside" in scan.unused else ""
        raise InputError(
            f"{where}: nobody is in it.{beside} Each person has a folder of pictures: {root.name}/ann/1.jpg."
        )
    total = sum(len(person.pictures) for person in people)
    if len(people) > MOST_PEOPLE or total > MOST_PICTURES:
        raise InputError(
            f"{where}: {counted(len(people), 'person', 'people')} with {counted(total, 'picture')} are too many (at "
            f"most {MOST_PEOPLE:,} and {MOST_PICTURES:,}). A dozen pictures of a person are enough."
        )
    return KnownListing(
        scan.root, tuple(sorted(people, key=lambda person: (person.name.casefold(), person.name))), scan.unused
    )


class _Scan:
    """Looks into the root and its folders, no deeper."""

    def __init__(self, root: Path, where: str) -> None:
        self.root = root
        self.unused: dict[str, list[str]] = {}
        self._where = where
        self._entries = 0

    def people(self) -> list[KnownFolder]:
        found: dict[str, KnownFolder] = {}
        for entry in self._look_into(self.root, ""):
            kind = self._kind(entry)
            if kind != "folder":
                self._leave(kind if kind != "picture" else "beside", entry.name)
                continue
            try:
                name = clean_name(entry.name)
            except ValueError:
                self._leave("unnamed", entry.name)
                continue
            pictures = self._pictures(entry)
            if not pictures:
                self._leave("empty", entry.name)
                continue
            if name in found:
                raise InputError(
                    f"{self._where}: two folders have the same name but for spaces or the way letters are composed: "
                    f"{found[name].folder!a} and {entry.name!a}. Join them, or rename one."
                )
            found[name] = KnownFolder(name, entry.name, tuple(pictures))
        return list(found.values())

    def _pictures(self, folder: os.DirEntry[str]) -> list[str]:
        pictures = []
        for entry in self._look_into(Path(folder.path), f"{folder.name}/"):
            path, kind = f"{folder.name}/{entry.name}", self._kind(entry)
            if kind == "picture":
                pictures.append(path)
            else:
                self._leave("nested" if kind == "folder" else kind, path)
        return pictures

    def _look_into(self, folder: Path, prefix: str) -> list[os.DirEntry[str]]:
        """The entries of a folder in order, without hidden ones."""
        found = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    self._entries += 1
                    if self._entries > MOST_ENTRIES:
                        raise InputError(
                            f"{self._where}: more than {MOST_ENTRIES:,} files and folders, so this is no folder of "
                            "people. Give one that holds a folder with pictures for each person."
                        )
                    if not entry.name.startswith(".") and entry.name.lower() not in _SYSTEM:
                        found.append(entry)
        except OSError:
            self._leave("unreadable", prefix.rstrip("/") or str(folder))
        return sorted(found, key=lambda entry: entry.name)

    def _kind(self, entry: os.DirEntry[str]) -> str:
        """`folder`, `picture`, or the reason why it is neither."""
        try:
            if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(self.root):
                return "outside"
            if entry.is_dir():
                # A link to the root or to a folder that holds it would make everybody of everybody.
                inside = Path(entry.path).resolve().parent == self.root
                return "folder" if inside or not entry.is_symlink() else "outside"
            if not entry.is_file():
                return "special"
        except (OSError, RuntimeError):  # links in a circle
            return "unreadable"
        return "picture" if is_image_name(entry.name) else "other"

    def _leave(self, reason: str, path: str) -> None:
        self.unused.setdefault(reason, []).append(path)
