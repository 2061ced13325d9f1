"""How Re-ID datasets name and place their images, and what can be read from that."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from deepsort_cli.core.files import printable
from deepsort_cli.core.types import IntArray
from deepsort_cli.data.naming import ZERO_PERSON, Names, compile_pattern, match_pattern, matched_names, number_name

_ROLES = {
    "train": "train",
    "training": "train",
    "query": "query",
    "probe": "query",
    "test": "gallery",
    "testing": "gallery",
    "gallery": "gallery",
    "val": "val",
    "valid": "val",
    "validation": "val",
}
_PART = re.compile(
    rf"(?:(?:bounding_box|bbox|images?|imgs?|mask)_)?(?P<part>{'|'.join(_ROLES)})(?:_?set|_images?|_imgs?|_v\d)?"
)

FLAT_NAMES = {
    "market1501": re.compile(r"(?P<pid>-1|\d{1,9})_c(?P<cam>\d{1,4})s\d+_\d+_\d+"),
    "dukemtmc": re.compile(r"(?P<pid>-1|\d{4})_c(?P<cam>[1-8])_f\d{7}"),
    "msmt17": re.compile(r"(?P<pid>-1|\d{1,9})_\d+_(?P<cam>\d{1,4})_\d{4}(?:morning|noon|afternoon)_\d+"),
    "mars": re.compile(r"(?P<pid>-1|00-1|\d{4})C(?P<cam>\d{1,2})T\d{3,6}F\d{3,6}"),
    "ltcc": re.compile(r"(?P<pid>\d{1,9})_\d+_c(?P<cam>\d{1,4})_\d+"),
    "cuhk03": re.compile(
        r"(?:(?:id|pid|person)[_-]?)?(?P<pid>-1|\d{1,9})_(?:c|(?:cam|camera)[_-]?)(?P<cam>\d{1,4})(?!\d)", re.IGNORECASE
    ),
}
"""File names of the flat layouts, strictest first; `cuhk03` is any `<pid>_c<cam>…`, `<pid>_cam<cam>…`."""

_FOLDER = re.compile(r"(?:(?:id|pid|person|people|vehicle|track)[_-]?)?(?P<pid>(?:00)?-0*1|\d{1,9})", re.IGNORECASE)
_CAMERA_FOLDER = re.compile(r"(?:(?P<short>c)|(?:cam|camera)[_\- ]?)(?P<cam>\d{1,4}|(?<!^c)[a-z])", re.IGNORECASE)
_CAMERA_IN_NAME = re.compile(
    r"(?:^|[_.\- ])(?:c|(?:cam|camera)[_-]?)(?P<cam>\d{1,4})(?:s\d+)?(?=[_.\- ]|$)", re.IGNORECASE
)
_LEADING_PID = re.compile(r"(?:(?:id|pid|person)[_-]?)?(?P<pid>-1|\d{1,9})(?=[_.\- ])", re.IGNORECASE)
MOST_SHORT_CAMERAS = 16
"""More folders called c1, c2, … than this are people, not cameras."""


class Label(NamedTuple):
    """What a path says about its image: a person id, and a camera id or None."""

    pid: int
    camera: int | None


@dataclass(frozen=True)
class Layout:
    """How one part of a dataset is laid out.

    Attributes:
        name: `folders` (a folder for each person, which may hold one for each camera), `cameras` (a folder for each
            camera, which holds images or a folder for each person), `pattern`, `lists`, `csv`, or one of `FLAT_NAMES`.
        people: folder name → pid, for `folders` and `cameras`.
        pattern: how to read paths, for `pattern`.
    """

    name: str
    people: dict[str, int] = field(default_factory=dict)
    pattern: str = ""

    @property
    def place(self) -> str:
        """Where images lie, for people."""
        places = {
            "folders": "<identity>/<image> or <identity>/<camera>/<image>",
            "cameras": "<camera>/<image> or <camera>/<identity>/<image>",
        }
        return places.get(self.name, "directly in the folder")

    def is_place_for(self, path: str) -> bool:
        """Whether an image lies at a depth where this layout puts images; `path` is relative to the part."""
        if self.name in FLAT_NAMES:
            return "/" not in path
        folders = path.split("/")[:-1]
        if self.name == "folders":
            return len(folders) == 1 or (len(folders) == 2 and camera_of_folder(folders[1]) is not None)
        if self.name == "cameras":
            return len(folders) in (1, 2) and camera_of_folder(folders[0]) is not None
        return self.name == "pattern" or not folders

    def label(self, path: str) -> Label | None:
        """Person and camera from a path relative to its part; None where the path does not say who it is."""
        if self.name in FLAT_NAMES:
            return self._flat_label(path[path.rfind("/") + 1 :])
        *folders, name = path.split("/")
        if self.name == "folders":
            pid = self.people.get(folders[0]) if folders else None
            inner = camera_of_folder(folders[1]) if len(folders) > 1 else None
            return None if pid is None else Label(pid, camera_in_name(name) if inner is None else inner)
        if self.name == "cameras":
            camera = camera_of_folder(folders[0]) if folders else None
            if len(folders) > 1:
                pid = self.people.get(folders[1])
            else:
                pid = leading_number(name)
            return None if pid is None else Label(pid, camera)
        if self.name == "pattern":
            found = match_pattern(compile_pattern(self.pattern), path)
            return None if found is None else Label(*found)
        return None

    def names(self, path: str) -> tuple[str, str]:
        """What person and camera are called where they became numbers by their names; empty where they did not."""
        if self.name == "pattern":
            return matched_names(compile_pattern(self.pattern), path)
        person = self.identity_folder(path)
        match = _CAMERA_FOLDER.fullmatch(self._camera_folder(path))
        return person if self.people.get(person, 0) > ZERO_PERSON else "", match["cam"] if match else ""

    def _flat_label(self, name: str) -> Label | None:
        match = FLAT_NAMES[self.name].match(name)
        if match is None:
            return None
        pid = _number(match["pid"])
        return Label(ZERO_PERSON if pid == 0 and self.name == "msmt17" else pid, int(match["cam"]))

    def _camera_folder(self, path: str) -> str:
        """The folder that stands for the camera; empty where there is none."""
        folders = path.split("/")[:-1]
        if self.name == "folders":
            return folders[1] if len(folders) > 1 else ""
        return folders[0] if self.name == "cameras" and folders else ""

    def identity_folder(self, path: str) -> str:
        """The folder that stands for the person on an image; empty where the file's name says who it is."""
        folders = path.split("/")[:-1]
        if self.name == "folders":
            return folders[0] if folders else ""
        return folders[1] if self.name == "cameras" and len(folders) > 1 else ""


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
        return self.layout.label(self.inner(path))

    def person_name(self, path: str) -> str:
        """What the person on an image is called where they became a number by their name; else an empty text."""
        return self.layout.names(self.inner(path))[0]

    def camera_name(self, path: str) -> str:
        """What the camera of an image is called where it became a number by its name; else an empty text."""
        return self.layout.names(self.inner(path))[1]

    def is_place_for(self, path: str) -> bool:
        """Whether an image lies at the depth this layout puts images at."""
        return self.layout.is_place_for(self.inner(path))

    def identity_folder(self, path: str) -> str:
        """The folder that stands for the person on an image at a path relative to the dataset, or an empty text."""
        return self.layout.identity_folder(self.inner(path))

    def inner(self, path: str) -> str:
        """The path relative to this part."""
        return path[len(self.folder) + 1 :] if self.folder and path.startswith(f"{self.folder}/") else path

    def to_json(self) -> list[str]:
        return [self.folder, self.role, self.layout.name]

    @classmethod
    def from_json(cls, data: Sequence[str]) -> Part:
        return cls(data[0], data[1], Layout(data[2]))


def part_role(name: str) -> str:
    """What a folder of this name is for: `train`, `query`, `gallery`, `val`; empty where the name does not say."""
    match = _PART.fullmatch(name.lower().replace("-", "_").replace(" ", "_"))
    return _ROLES[match["part"]] if match else ""


def camera_of_folder(name: str) -> int | None:
    """The camera that a folder called `cam1`, `camera_02`, `c3` or `cam_b` stands for."""
    match = _CAMERA_FOLDER.fullmatch(name)
    if match is None:
        return None
    camera = match["cam"]
    return int(camera) if camera.isdecimal() else ord(camera.lower()) - ord("a") + 1


def is_identity_folder(name: str) -> bool:
    """Whether a folder is called like a numbered person: `0012`, `id_12`, `person-3`."""
    return _FOLDER.fullmatch(name) is not None


def split_parts(paths: Sequence[str]) -> dict[str, str]:
    """The train, query and gallery folders among the first folders of the images at `paths`: folder name → role.

    Empty where identity folders outnumber them: there `test` is but the name of one more identity. So is `val` where
    there are other folders and none of them is a part, unless several people are told apart in it.
    """
    first = {path.partition("/")[0] for path in paths if "/" in path}
    roles = {name: role for name in sorted(first) if (role := part_role(name))}
    if set(roles.values()) == {"val"} and len(first) > len(roles) and not _are_sets(roles, paths):
        return {}
    return roles if len(roles) >= sum(map(is_identity_folder, first)) else {}


def _are_sets(folders: Collection[str], paths: Sequence[str]) -> bool:
    """Whether folders hold several people rather than one: in folders of their own, or by file names that do not look
    the same in the folders beside, where they are frames."""
    inner: dict[str, list[str]] = {}
    for path in paths:
        if "/" in path:
            inner.setdefault(path.partition("/")[0], []).append(path.partition("/")[2])
    layouts = {folder: recognise(group) for folder, group in inner.items()}
    several = {
        folder
        for folder, group in inner.items()
        if len({label.pid for path in group if (label := layouts[folder].label(path)) and label.pid > 0}) > 1
    }
    within = [folder for folder in folders if folder in several]
    return any(layouts[folder].name == "folders" for folder in within) or (bool(within) and several <= set(folders))


def arrange(
    paths: Sequence[str], wanted: str = "auto", pattern: str | None = None
) -> tuple[tuple[Part, ...], dict[str, int], list[str]]:
    """Sort the images of a dataset into its parts.

    Args:
        paths: relative to the dataset.
        wanted: a layout name, or `auto`.
        pattern: instead of a layout: how to read the paths inside each part.

    Returns:
        the parts, path → index of its part, and the paths that lie in no part.

    Raises:
        InputError: names of people or cameras would be confused, see `naming.Names`.
    """
    roles = split_parts(paths)
    inside = [path for path in paths if path.partition("/")[0] in roles]
    if not roles:
        roles, inside = {"": ""}, list(paths)
    groups: dict[str, list[str]] = {folder: [] for folder in roles}
    for path in inside:
        groups[path.partition("/")[0] if "" not in groups else ""].append(path)

    def layout_of(folder: str, group: Sequence[str]) -> Layout:
        if pattern:
            return Layout("pattern", {}, pattern)
        return recognise([path[len(folder) + 1 :] if folder else path for path in group], wanted)

    parts = tuple(Part(folder, roles[folder], layout_of(folder, group)) for folder, group in groups.items())
    part_of = {path: i for i, group in enumerate(groups.values()) for path in group}
    _check_names(parts, part_of)
    return parts, part_of, [path for path in paths if path not in part_of]


def _check_names(parts: Sequence[Part], part_of: dict[str, int]) -> None:
    people, cameras = Names("people"), Names("cameras")
    checked = {(index, "", "") for index in range(len(parts))}
    for path, index in part_of.items():
        part = parts[index]
        if part.layout.name in FLAT_NAMES:
            continue
        person, camera = part.layout.names(part.inner(path))
        if (index, person, camera) in checked or not part.is_place_for(path) or (label := part.label(path)) is None:
            continue
        checked.add((index, person, camera))
        if person:
            people.add(person, label.pid, printable(path))
        if camera and label.camera is not None:
            cameras.add(camera, label.camera, printable(path))


def recognise(paths: Sequence[str], wanted: str = "auto") -> Layout:
    """The layout of one part from its images' paths relative to the part, or the one that was asked for.

    Folders win when more images lie in folders than directly in the part; among flat layouts the one whose names
    parse most often, the strictest first.
    """
    nested = [path for path in paths if "/" in path]
    name = wanted
    if wanted == "auto":
        if 2 * len(nested) > len(paths) and not _is_flat_inside(nested):
            name = "cameras" if _has_camera_folders(nested) else "folders"
        else:
            names = [path.rpartition("/")[2] for path in paths]
            parsed = {layout: sum(map(bool, map(rule.match, names))) for layout, rule in FLAT_NAMES.items()}
            name = max(parsed, key=lambda layout: parsed[layout])
    if name == "folders":
        return Layout(name, _number_people([(folder, path) for path in nested for folder in path.split("/")[:1]]))
    if name == "cameras":
        return Layout(name, _number_people([(path.split("/")[1], path) for path in nested if path.count("/") > 1]))
    return Layout(name)


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


def camera_in_name(name: str) -> int | None:
    """The camera in a file name inside an identity folder, if there is one."""
    match = FLAT_NAMES["msmt17"].match(name) or FLAT_NAMES["mars"].match(name)
    match = match or _CAMERA_IN_NAME.search(name[: name.rfind(".")])
    return int(match["cam"]) if match else None


def pid_in_name(name: str) -> int | None:
    """The person that the name of a file in an identity folder may name too; a frame number looks the same."""
    match = FLAT_NAMES["mars"].match(name) or FLAT_NAMES["cuhk03"].match(name)
    return _number(match["pid"]) if match else None


def leading_number(name: str) -> int | None:
    """The number in front of a file name: a person in a camera's folder, a track or a frame in a person's."""
    match = _LEADING_PID.match(name)
    return int(match["pid"]) if match else None


def _number(pid: str) -> int:
    return -1 if "-" in pid else int(pid)


def _has_camera_folders(nested: Sequence[str]) -> bool:
    """Whether the first folders are cameras: all called like one, and people told apart below them."""
    names = {path.partition("/")[0] for path in nested}
    cameras = [camera_of_folder(name) for name in names]
    if None in cameras:
        return False
    if len(names) > MOST_SHORT_CAMERAS and all(_CAMERA_FOLDER.fullmatch(name)["short"] for name in names):  # type: ignore[index]
        return False
    direct = [path.partition("/")[2] for path in nested if path.count("/") == 1]
    if any(camera_of_folder(path.split("/")[1]) is not None for path in nested if path.count("/") > 1):
        return False
    return all(map(_LEADING_PID.match, direct))


def _is_flat_inside(nested: Sequence[str]) -> bool:
    """Whether the images are a flat dataset in one folder that the caller should have been given."""
    folders = {path.partition("/")[0] for path in nested}
    if len(folders) > 1 or camera_of_folder(next(iter(folders))) is not None:
        return False
    found = [FLAT_NAMES["cuhk03"].match(path.rpartition("/")[2]) for path in nested if path.count("/") == 1]
    return len({match["pid"] for match in found if match}) > 1


def _number_people(placed: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Folder name → pid from (folder, path): the number in `id_0012`, `0012` or `person_12`, else one from the name.

    The same name gets the same pid in every part of a dataset. Folder 0 holds distractors where its files are named
    `0000_c…` as in Market-1501 and those of other folders bear their person's number as well; else a person.
    """
    people: dict[str, int] = {}
    named: dict[str, list[int | None]] = {}
    for folder, path in placed:
        if folder not in people:
            match = _FOLDER.fullmatch(folder)
            people[folder] = _number(match["pid"]) if match else number_name(folder)
        if people[folder] < ZERO_PERSON:
            named.setdefault(folder, []).append(pid_in_name(path[path.rfind("/") + 1 :]))
    zeros = [folder for folder, pid in people.items() if pid == 0]
    if zeros:
        others = [pid == people[of] for of, pids in named.items() if people[of] > 0 for pid in pids if pid is not None]
        usual = not others or 2 * sum(others) >= len(others)
        for folder in zeros:
            people[folder] = 0 if usual and set(named[folder]) == {0} else ZERO_PERSON
    return people
