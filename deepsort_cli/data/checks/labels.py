"""Folders and names that may not say what they seem to say."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from deepsort_cli.core.counted import counted
from deepsort_cli.core.files import printable
from deepsort_cli.data.checks.facts import Facts, check, check_in_use
from deepsort_cli.data.finding import Finding
from deepsort_cli.data.layouts import camera_of_folder, is_identity_folder, leading_number, part_role, pid_in_name

_PART_WORD = re.compile(r"(?:^|[_\-. ])(?:train|test|query|probe|gallery|val|valid)(?:ing|set|s)?(?:$|[_\-. ])", re.I)
_CAMERA_WORD = re.compile(r"(?:cam|camera|cctv|view|viewpoint)(?:[_\-. ]|\d+$)", re.I)
MOST_FOLDERS = 0.5
"""Share of the identities from which folders that are no people make the whole meaningless."""


@check_in_use
def split_folders(facts: Facts) -> Iterator[Finding]:
    """Identities that are called like the parts of a dataset."""
    names = _identity_folders(facts)
    parts = [name for name in names if not is_identity_folder(name) and (part_role(name) or _PART_WORD.search(name))]
    yield from _no_people(
        facts,
        "split_folders_as_people",
        "Identities that are called like parts of a dataset",
        parts,
        "All people of such a folder count as one. Call the parts train, query and gallery (or test), or give one of "
        "them.",
    )


@check_in_use
def camera_folders(facts: Facts) -> Iterator[Finding]:
    """Identities that are called like cameras."""
    names = _identity_folders(facts)
    yield from _no_people(
        facts,
        "camera_folders_as_people",
        "Identities that are called like cameras",
        [name for name in names if camera_of_folder(name) is not None or _CAMERA_WORD.match(name)],
        "All people of such a folder count as one. Put the number of the person in front of each file name "
        "(cam1/0007_….jpg), choose the layout cameras, or say how to read paths with "
        "`data.scan.pattern`='(?P<camid>…)/(?P<pid>…)'.",
    )


@check_in_use
def camera_folders_recognised(facts: Facts) -> Iterator[Finding]:
    """Folders that were taken for cameras: a guess, where the person is a number in front of a file's name."""
    taken: dict[str, bool] = {}
    for path, layout, identity in zip(facts.paths, facts.layout.tolist(), facts.identities, strict=True):
        if layout == "cameras":
            folder = path.rsplit("/", 2 if identity else 1)[0]
            taken[folder] = taken.get(folder, False) or not identity
    if taken:
        guessed = any(taken.values()) and facts.settings.layout == "auto"
        yield Finding(
            "camera_folders",
            "warning" if guessed else "info",
            "Folders taken for cameras",
            len(taken),
            tuple(map(printable, taken)),
            "The number in front of a file's name is the person. If these folders are people, choose the layout "
            "folders; if they are cameras indeed, the layout cameras silences this."
            if guessed
            else "The folders inside them are the people.",
        )


@check_in_use
def people_in_names(facts: Facts) -> Iterator[Finding]:
    """Few folders without a number, all with files that bear the same many numbers: the numbers may be the people."""
    numbers: dict[str, list[int]] = {}
    for path, folder in zip(facts.paths, facts.identities, strict=True):
        if folder:
            number = leading_number(path[path.rfind("/") + 1 :])
            if number is None or is_identity_folder(folder):
                return
            numbers.setdefault(folder, []).append(number)
    if len(numbers) < 2:
        return
    shared = set.intersection(*map(set, numbers.values()))
    everywhere = len(shared) >= MOST_FOLDERS * len(set.union(*map(set, numbers.values())))
    if everywhere and len(shared) > len(numbers) and all(len(x) >= 2 * len(set(x)) for x in numbers.values()):
        yield Finding(
            "people_in_names",
            "warning",
            f"Folders taken for people, with files of the same {len(shared):,} numbers in each",
            len(numbers),
            tuple(printable(f"{name}: {counted(len(files), 'image')}") for name, files in numbers.items()),
            "If the numbers are the people and the folders cameras, call the folders cam1, cam2, …, or say how to read "
            "paths with `data.scan.pattern`='(?P<camid>…)/(?P<pid>…)'.",
        )


@check_in_use
def merged_folders(facts: Facts) -> Iterator[Finding]:
    """Several folders that bear the same number."""
    folders: dict[int, dict[str, None]] = {}
    for pid, folder in zip(facts.pids.tolist(), facts.identities, strict=True):
        if folder:
            folders.setdefault(pid, {})[folder] = None
    merged = {pid: list(names) for pid, names in folders.items() if len(names) > 1}
    if merged:
        yield Finding(
            "merged_folders",
            "warning",
            "Identities made of several folders with the same number",
            len(merged),
            tuple(printable(f"identity {pid}: {', '.join(names)}") for pid, names in merged.items()),
            "They are taken for one person. If they are different people, give them different numbers.",
        )


@check
def folder_and_name_disagree(facts: Facts) -> Iterator[Finding]:
    """A file whose name names another person than the folder it lies in, where the others name their own."""
    agree: list[int] = []
    wrong: list[int] = []
    for i, (path, folder) in enumerate(zip(facts.paths, facts.identities, strict=True)):
        if folder and is_identity_folder(folder):
            named = pid_in_name(path[path.rfind("/") + 1 :])
            if named is not None and facts.pids[i] > 0:
                (agree if named == facts.pids[i] else wrong).append(i)
    if len(wrong) < len(agree):  # else the numbers mean something else, frames for example
        yield from facts.of_images(
            "folder_and_name_disagree",
            "warning",
            "Files named for another person than their folder",
            wrong,
            "The folder counts. Check whether the files were moved by mistake.",
        )


def _identity_folders(facts: Facts) -> list[str]:
    """Names of the folders that count as people, in the order of their first image."""
    return [name for name in dict.fromkeys(facts.identities) if name]


def _no_people(facts: Facts, code: str, title: str, names: list[str], remedy: str) -> Iterator[Finding]:
    if not names:
        return
    people = len(np.unique(facts.pids))
    counts = dict.fromkeys(names, 0)
    for name in facts.identities:
        if name in counts:
            counts[name] += 1
    yield Finding(
        code,
        "error" if len(names) >= MOST_FOLDERS * people else "warning",
        title,
        len(names),
        tuple(printable(f"{name}: {counted(counts[name], 'image')}") for name in names),
        remedy,
    )
