"""Turn a flat Re-ID layout into `id_xxxx/` folders, keeping the camera ids in the names."""

from __future__ import annotations

import contextlib
import filecmp
import itertools
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.files import FULL, check_output_folder, write_failure
from deepsort_cli.core.images import is_image_name
from deepsort_cli.data.files import Problem, list_files
from deepsort_cli.data.layouts import Label, Part, arrange, camera_in_name, pid_in_name
from deepsort_cli.data.naming import ZERO_PERSON
from deepsort_cli.data.roots import check_root
from deepsort_cli.data.settings import LayoutName

Mode = Literal["auto", "hardlink", "copy", "link"]
LONGEST_CAMERA = 9999
"""The highest number of a camera that is read from a file name."""


class Move(NamedTuple):
    """One image: where it lies in the source, and where it goes in the destination, both relative."""

    source: str
    target: str


@dataclass(frozen=True)
class Plan:
    """What reorganising would do.

    Attributes:
        source: the dataset as it is.
        moves: every image whose name parses.
        left_out: files that stay behind, with reasons.
        identities: number of different person ids, junk and distractors included.
        links: relative path in the source → real path, for images that are links themselves.
        cameras: name → number, for cameras known by a word: file names can only carry a short number.
    """

    source: Path
    moves: tuple[Move, ...]
    left_out: tuple[Problem, ...]
    identities: int
    links: dict[str, str]
    cameras: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What reorganising did: files made, files that were there already, those of the first that are copies because
    the file system makes no hard links there (mode `auto`), and images of other sources in the folders it filled."""

    made: int
    present: int
    copied: int = 0
    others: int = 0


def plan_reorganize(
    source: Path, layout: LayoutName = "auto", pattern: str | None = None, link_sources: Sequence[Path] = ()
) -> Plan:
    """Find out where every image goes; nothing is written.

    An image `0002_c1s1_000451_03.jpg` goes to `id_0002/0002_c1s1_000451_03.jpg`, where its camera is still read from
    the name. A split dataset keeps its parts as folders. Cameras known by a word get a number, and names that differ
    only in case are told apart by one.

    Raises:
        InputError: the source cannot be read, or holds no image whose name parses.
    """
    check_root(source)
    if source.is_file():
        raise InputError(f"`src` {source}: a table; reorganize reads folders.")
    listing = list_files(source, link_sources)
    left_out = list(listing.problems)
    broken = {problem.path for problem in left_out}
    candidates = []
    for path in listing.paths:
        if path in broken:
            continue
        if path.startswith(".") or "/." in path:
            left_out.append(Problem(path, "hidden"))
        elif is_image_name(path):
            candidates.append(path)
        else:
            left_out.append(Problem(path, "other_file"))
    parts, part_of, outside = arrange(candidates, layout, pattern)
    left_out += [Problem(path, "other_folder") for path in outside]
    labels: dict[str, Label] = {}
    for path, index in part_of.items():
        label = parts[index].label(path)
        if not parts[index].is_place_for(path):
            left_out.append(Problem(path, "misplaced"))
        elif label is None:
            left_out.append(Problem(path, "unparsed_name"))
        else:
            labels[path] = label
    cameras = _number_cameras({path: (parts[part_of[path]], label) for path, label in labels.items()})
    moves: list[Move] = []
    taken: set[str] = set()
    for path, label in labels.items():
        part = parts[part_of[path]]
        camera = cameras.get(part.camera_name(path), label.camera)
        target = _free_name(_target(part.folder, Label(label.pid, camera), path), taken)
        taken.add(target.lower())  # some file systems know no case
        moves.append(Move(path, target))
    if not moves:
        raise InputError(f"`src` {source}: no image name says an identity. Choose another `layout` or another folder.")
    people = len({label.pid for label in labels.values()})
    return Plan(source, tuple(moves), tuple(sorted(left_out)), people, listing.targets, cameras)


def _number_cameras(placed: dict[str, tuple[Part, Label]]) -> dict[str, int]:
    """Name → number of the cameras whose own number, a checksum, is too long for a file name to be read from."""
    known = {label.camera for _, label in placed.values() if label.camera is not None}
    long = {
        part.camera_name(path): label.camera
        for path, (part, label) in placed.items()
        if label.camera is not None and label.camera > LONGEST_CAMERA
    }
    free = (number for number in itertools.count(1) if number not in known)
    given: dict[int, int] = {}  # a camera may be written in two ways: 12345 and 012345
    for name in sorted(long):
        if long[name] not in given:
            given[long[name]] = next(free)
    return {name: given[number] for name, number in sorted(long.items())}


def reorganize(plan: Plan, target: Path, mode: Mode, *, progress: Callable[[int, int], None] | None = None) -> Outcome:
    """Carry out a plan. Doing it again changes nothing; an existing file with other content is never replaced.

    Args:
        plan: from `plan_reorganize`.
        target: folder to fill; created where missing.
        mode: `hardlink`, `copy`, `link` (symbolic), or `auto`: hard links, and copies where there can be none.
        progress: called with the number of files done and the total.

    Raises:
        InputError: the target lies inside the source or the other way round, or cannot be written.
        RunError: another file stands where an image should go, or the file system refuses links.
    """
    source, target = plan.source.resolve(), target.resolve()
    if source.is_relative_to(target) or target.is_relative_to(source):
        raise InputError(f"`dst` {target}: it must lie outside of `src` {source}, and not around it.")
    check_output_folder(target, key="dst")
    made = present = copied = 0
    for done, (path, place) in enumerate(plan.moves, start=1):
        origin = Path(plan.links.get(path) or source / path)
        done_by = _place(origin, target / place, mode)
        made += bool(done_by)
        present += not done_by
        copied += mode == "auto" and done_by == "copy"
        if progress and (done % 100 == 0 or done == len(plan.moves)):
            progress(done, len(plan.moves))
    return Outcome(made, present, copied, _others(plan, target))


def _others(plan: Plan, target: Path) -> int:
    """Images in the folders that were filled that are not of this plan: maybe of others with the same numbers."""
    ours: dict[str, set[str]] = {}
    for move in plan.moves:
        folder, _, name = move.target.rpartition("/")
        ours.setdefault(folder, set()).add(name.lower())
    others = 0
    for folder, names in ours.items():
        with os.scandir(target / folder) as entries:
            found = [entry.name for entry in entries]
        others += sum(is_image_name(name) and not name.startswith(".") and name.lower() not in names for name in found)
    return others


def _target(part: str, label: Label, path: str) -> str:
    number = 0 if label.pid == ZERO_PERSON else label.pid
    name = path.rpartition("/")[2]
    if label.camera is not None and camera_in_name(name) != label.camera:
        name = f"c{label.camera:02d}_{name}"
    if label.pid == 0 and label.camera is not None and pid_in_name(name) != 0:
        name = f"0000_c{label.camera:02d}_{path.rpartition('/')[2]}"  # else id_0000 would be read as a person
    return f"{part}/id_{number:04d}/{name}".lstrip("/")


def _free_name(target: str, taken: set[str]) -> str:
    """The name itself, or the first of `name_2.jpg`, `name_3.jpg`, … that no other image of this plan has."""
    stem, dot, ending = target.rpartition(".")
    number, candidate = 1, target
    while candidate.lower() in taken:
        number += 1
        candidate = f"{stem}_{number}{dot}{ending}"
    return candidate


def _place(origin: Path, place: Path, mode: Mode) -> Mode | None:
    """Put one file in its place and say how; None when it is there already."""
    if os.path.lexists(place):
        if _is_same(origin, place, mode):
            return None
        raise RunError(f"{place}: another file is already there. Empty the folder, or choose another `dst`.")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if mode == "link":
            place.symlink_to(origin)
        elif mode == "hardlink":
            place.hardlink_to(origin)
        elif mode == "copy" or not _hardlink(origin, place):
            _copy(origin, place)
            return "copy"
    except OSError as error:
        if error.errno in FULL:
            raise write_failure(place, error, "Free some space and run this again: it goes on from here.") from None
        advice = "" if mode in ("copy", "auto") else " Try `mode`=copy."
        raise RunError(f"{place}: cannot be made ({error.strerror or error}).{advice}") from None
    return mode


def _hardlink(origin: Path, place: Path) -> bool:
    """Make a hard link; False where the file system has none, or the two lie on different ones."""
    try:
        place.hardlink_to(origin)
    except OSError:
        return False
    return True


def _copy(origin: Path, place: Path) -> None:
    """Copy with times; the file appears under its name when it is whole. (No fsync: a lost copy is made again.)"""
    temporary = place.with_name(f".{place.name}.part")
    try:
        shutil.copy2(origin, temporary)
        temporary.replace(place)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _is_same(origin: Path, place: Path, mode: Mode) -> bool:
    if mode == "link":
        return place.is_symlink() and place.resolve() == origin.resolve()
    if place.is_symlink() or not place.is_file():
        return False
    if mode == "hardlink" or (mode == "auto" and place.samefile(origin)):
        return place.samefile(origin)
    return filecmp.cmp(origin, place, shallow=False)
