"""How Re-ID datasets name and place their images, and what can be read from that."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from deepsort_cli.core.types import IntArray

ZERO_PERSON = 1_000_000_000
"""The pid given to identity 0 of MSMT17 and of `id_0000` folders: there 0 is a person, in Market-1501 a distractor.

People whose folders bear no number get higher pids."""

PART_ROLES = {
    "bounding_box_train": "train",
    "train": "train",
    "query": "query",
    "probe": "query",
    "bounding_box_test": "gallery",
    "gallery": "gallery",
    "test": "gallery",
    "val": "val",
    "validation": "val",
}
"""Names of the folders a dataset is split into, and what they are for."""

FLAT_NAMES = {
    "market1501": re.compile(r"(?P<pid>-1|\d{1,9})_c(?P<cam>\d{1,4})s\d+_\d+_\d+"),
    "dukemtmc": re.compile(r"(?P<pid>-1|\d{4})_c(?P<cam>[1-8])_f\d{7}"),
    "msmt17": re.compile(r"(?P<pid>-1|\d{1,9})_\d+_(?P<cam>\d{1,4})_\d{4}(?:morning|noon|afternoon)_\d+"),
    "cuhk03": re.compile(r"(?P<pid>-1|\d{1,9})_c(?P<cam>\d{1,4})(?!\d)"),
}
"""File names of the flat layouts, strictest first; `cuhk03` is any `<pid>_c<cam>…`."""

_FOLDER = re.compile(r"(?:(?:id|pid|person)[_-]?)?(?P<pid>-0*1|\d{1,9})", re.IGNORECASE)
_CAMERA_IN_NAME = re.compile(r"(?:^|[_.\- ])c(?:am)?(?P<cam>\d{1,4})(?:s\d+)?(?=[_.\- ]|$)", re.IGNORECASE)


class Label(NamedTuple):
    """What a path says about its image: a person id, and a camera id or None."""

    pid: int
    camera: int | None


@dataclass(frozen=True)
class Layout:
    """How one part of a dataset is laid out.

    Attributes:
        name: `folders` or one of `FLAT_NAMES`.
        people: folder name → pid, for `folders`.
    """

    name: str
    people: dict[str, int]

    @property
    def place(self) -> str:
        """Where images lie, for people."""
        return "<identity>/<image>" if self.name == "folders" else "directly in the folder"


@dataclass(frozen=True)
class Part:
    """A folder of the dataset with one purpose.

    Attributes:
        folder: its name; empty for a dataset that is not split.
        role: `train`, `query`, `gallery`, `val`, or empty.
        layout: how it is laid out.
    """

    folder: str
    role: str
    layout: Layout

    @property
    def is_test(self) -> bool:
        """Query and gallery are one side of the split, all else the other."""
        return self.role in ("query", "gallery")

    def label(self, path: str) -> Label | None:
        """Person and camera of an image at a path relative to the dataset; None where the name does not parse."""
        return read_label(self.layout, self._inner(path))

    def is_place_for(self, path: str) -> bool:
        """Whether an image lies at the depth this layout puts images at."""
        return self._inner(path).count("/") == (1 if self.layout.name == "folders" else 0)

    def _inner(self, path: str) -> str:
        return path[len(self.folder) + 1 :] if self.folder else path

    def to_json(self) -> list[str]:
        return [self.folder, self.role, self.layout.name]

    @classmethod
    def from_json(cls, data: Sequence[str]) -> Part:
        return cls(data[0], data[1], Layout(data[2], {}))


def split_parts(paths: Iterable[str]) -> dict[str, str]:
    """The train, query and gallery folders among the first folders of `paths`: folder name → role.

    Empty where identity folders outnumber them: there `test` is but the name of one more identity.
    """
    first = {path.partition("/")[0] for path in paths if "/" in path}
    roles = {name: PART_ROLES[name.lower()] for name in sorted(first) if name.lower() in PART_ROLES}
    return roles if len(roles) >= sum(map(bool, map(_FOLDER.fullmatch, first))) else {}


def arrange(paths: Sequence[str], wanted: str = "auto") -> tuple[tuple[Part, ...], dict[str, int], list[str]]:
    """Sort the images of a dataset into its parts.

    Args:
        paths: relative to the dataset.
        wanted: a layout name, or `auto`.

    Returns:
        the parts, path → index of its part, and the paths that lie in no part.
    """
    roles = split_parts(paths)
    inside = [path for path in paths if path.partition("/")[0] in roles]
    if not roles:
        roles, inside = {"": ""}, list(paths)
    groups: dict[str, list[str]] = {folder: [] for folder in roles}
    for path in inside:
        groups[path.partition("/")[0] if "" not in groups else ""].append(path)
    parts = tuple(
        Part(folder, roles[folder], recognise([p[len(folder) + 1 :] if folder else p for p in group], wanted))
        for folder, group in groups.items()
    )
    part_of = {path: i for i, group in enumerate(groups.values()) for path in group}
    return parts, part_of, [path for path in paths if path not in part_of]


def recognise(paths: Sequence[str], wanted: str = "auto") -> Layout:
    """The layout of one part from its images' paths relative to the part, or the one that was asked for.

    Folders win when more images lie in folders than directly in the part; among flat layouts the one whose names
    parse most often, the strictest first.
    """
    nested = [path for path in paths if "/" in path]
    name = wanted
    if wanted == "auto":
        if 2 * len(nested) > len(paths) and not _is_flat_inside(nested):
            name = "folders"
        else:
            names = [path.rpartition("/")[2] for path in paths]
            parsed = {layout: sum(map(bool, map(rule.match, names))) for layout, rule in FLAT_NAMES.items()}
            name = max(parsed, key=lambda layout: parsed[layout])
    return Layout(name, _number_people(nested) if name == "folders" else {})


def read_label(layout: Layout, path: str) -> Label | None:
    """Person and camera from a path relative to its part; None where the name does not parse."""
    if layout.name == "folders":
        folder, _, name = path.partition("/")
        pid = layout.people.get(folder)
        return None if pid is None else Label(pid, camera_in_name(name))
    match = FLAT_NAMES[layout.name].match(path)
    if match is None:
        return None
    pid = int(match["pid"])
    if pid == 0 and layout.name == "msmt17":
        pid = ZERO_PERSON
    return Label(pid, int(match["cam"]))


def number_cameras(cameras: Sequence[int | None]) -> tuple[IntArray, bool]:
    """(N,) camera ids and whether names carry cameras at all.

    An image without a camera in its name counts as a camera of its own, numbered after the highest known one.
    """
    known = [camera for camera in cameras if camera is not None]
    following = max(known, default=0) + 1
    numbers = np.empty(len(cameras), dtype=np.int64)
    for i, camera in enumerate(cameras):
        if camera is None:
            numbers[i], following = following, following + 1
        else:
            numbers[i] = camera
    return numbers, bool(known)


def _is_flat_inside(nested: Sequence[str]) -> bool:
    """Whether the images are a flat dataset in one folder that the caller should have been given."""
    if len({path.partition("/")[0] for path in nested}) > 1:
        return False
    matches = [FLAT_NAMES["cuhk03"].match(path.rpartition("/")[2]) for path in nested]
    return len({match["pid"] for match in matches if match}) > 1


def camera_in_name(name: str) -> int | None:
    """The camera in a file name inside an identity folder, if there is one."""
    match = FLAT_NAMES["msmt17"].match(name) or _CAMERA_IN_NAME.search(name[: name.rfind(".")])
    return int(match["cam"]) if match else None


def _number_people(paths: Sequence[str]) -> dict[str, int]:
    """Folder name → pid: the number in `id_0012`, `0012` or `person_12`, else one computed from the name.

    The same name gets the same pid in every part of a dataset. Folder 0 holds distractors where its files are named
    `0000_c…` as in Market-1501, and a person otherwise.
    """
    first_name: dict[str, str] = {}
    for path in paths:
        folder, _, name = path.partition("/")
        first_name.setdefault(folder, name)
    people: dict[str, int] = {}
    for folder, name in first_name.items():
        match = _FOLDER.fullmatch(folder)
        if match is None:
            people[folder] = ZERO_PERSON + 1 + zlib.crc32(os.fsencode(folder))
        else:
            named = FLAT_NAMES["cuhk03"].match(name)
            is_person = named is None or int(named["pid"]) != 0
            people[folder] = int(match["pid"]) or (ZERO_PERSON if is_person else 0)
    return people
