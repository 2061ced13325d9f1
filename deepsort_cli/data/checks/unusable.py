"""Files that cannot be used, and those that other programs will not read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from deepsort_cli.core.files import printable
from deepsort_cli.data.checks.facts import Facts, check
from deepsort_cli.data.files import Problem
from deepsort_cli.data.finding import REASONS, Finding
from deepsort_cli.data.images import TRANSPARENT, WRONG_EXTENSION
from deepsort_cli.data.layouts import part_role


def better_root(invalid: Sequence[Problem]) -> str:
    """What to do about a root without a usable image."""
    outside = link_targets(invalid)
    if outside:
        return (
            f"Its files are symbolic links into {printable(outside)}: if you trust that folder, allow it with "
            f"`data.scan.link_sources`={printable(outside)}."
        )
    folders = [PurePosixPath(problem.path).parent.parts for problem in invalid if problem.reason == "misplaced"]
    shared: list[str] = []
    for names in zip(*folders, strict=False):
        if len(set(names)) > 1 or part_role(names[0]):
            break
        shared.append(names[0])
    if shared:
        return f"Give the folder {printable('/'.join(shared))} below it, where the images lie."
    above = {names[0] for names in folders if len(names) > 1 and part_role(names[1])}
    if len(above) > 1 and all(names and names[0] in above for names in folders):
        return f"Give one of the folders {printable(', '.join(sorted(above)))} below it, which hold a dataset each."
    if any(problem.reason == "unparsed_name" for problem in invalid):
        return REASONS["unparsed_name"][2]
    return "Give the folder that holds the identity folders, the images, or train, query and gallery."


def link_targets(problems: Sequence[Problem]) -> str:
    """The folder that all links out of the dataset point into; empty where there are none."""
    outside = [
        problem.detail.removeprefix("link to ").removeprefix("at ")
        for problem in problems
        if problem.reason == "outside_root"
    ]
    if not outside:
        return ""
    parents = [target if Path(target).is_dir() else str(Path(target).parent) for target in set(outside)]
    return os.path.commonpath(parents)


@check
def unusable_files(facts: Facts) -> Iterator[Finding]:
    """Files that are left out, by reason."""
    if facts.result is None:
        return
    if not facts.paths:
        yield Finding("nothing_usable", "error", "Not one usable image", 0, (), better_root(facts.result.invalid))
    groups: dict[str, list[Problem]] = {}
    for problem in (*facts.result.invalid, *facts.result.skipped):
        groups.setdefault(problem.reason, []).append(problem)
    for reason, problems in groups.items():
        severity, what, remedy = REASONS[reason]
        if reason == "outside_root":
            remedy += f" They point into {printable(link_targets(problems))}."
        examples = tuple(printable(f"{x.path} ({x.detail})" if x.detail else x.path) for x in problems)
        shown = () if severity == "info" else tuple((x.path,) for x in problems)
        yield Finding(reason, severity, f"Files left out: {what}", len(problems), examples, remedy, shown)


@check
def odd_files(facts: Facts) -> Iterator[Finding]:
    """Usable images that some programs will read differently."""
    if facts.result is None:
        return
    flags = facts.result.flags
    yield from facts.of_images(
        "wrong_extension",
        "info",
        "Images in another format than their extension says",
        np.flatnonzero(flags & WRONG_EXTENSION),
        "They are read all the same; rename them for other programs.",
    )
    yield from facts.of_images(
        "transparent",
        "info",
        "Images with transparency",
        np.flatnonzero(flags & TRANSPARENT),
        "Transparency is ignored; what lies under it becomes visible.",
    )
    yield from facts.of_images(
        "name_encoding",
        "info",
        "Names that are not valid UTF-8",
        [i for i, path in enumerate(facts.paths) if not path.isascii() and not _is_utf8(path)],
        "They are read all the same; rename them for other programs.",
    )


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
