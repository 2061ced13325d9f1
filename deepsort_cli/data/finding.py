"""What a scan can say about a dataset: findings, and reasons for leaving a file out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from deepsort_cli.core.counted import listed
from deepsort_cli.data.files import Problem

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")

REASONS: dict[str, tuple[Severity, str, str]] = {
    "truncated": ("error", "cut off before their end", "Copy or download them again."),
    "corrupt": ("error", "damaged: they cannot be decoded", "Copy or download them again."),
    "empty": ("error", "without a single byte", "Copy or download them again."),
    "not_an_image": ("error", "named like images, but none inside", "Remove them, or download them again."),
    "unsupported_format": (
        "error",
        "in another format than their name says",
        "Convert them to JPEG or PNG.",
    ),
    "unsupported_mode": (
        "error",
        "with colours that programs read differently (CMYK, 16 bit, …)",
        "Convert them to 8-bit RGB.",
    ),
    "animated": ("error", "animated", "Export the frames that are meant as single images."),
    "too_small": ("error", "too small to show anybody", "Remove them; see `data.scan.min_side`."),
    "too_large": (
        "error",
        "refused unread, because they would take too much memory",
        "Crop them to the person; see `data.scan.max_pixels`.",
    ),
    "unreadable": ("error", "not readable", "Check permissions and the disk."),
    "missing": ("error", "named in a list, but not there", "Copy or download them again, or correct the list."),
    "broken_link": ("error", "symbolic links to nothing", "Restore their targets or remove the links."),
    "outside_root": (
        "error",
        "outside of the dataset, where symbolic links or a table point; they were not read",
        "If you trust their targets, allow the folder with `data.scan.link_sources`=DIR.",
    ),
    "folder_link": (
        "warning",
        "symbolic links to folders that lead back to where they lie",
        "Give the real folder, or link its files one by one.",
    ),
    "not_a_file": ("warning", "pipes, sockets or devices", "Remove them."),
    "misplaced": (
        "warning",
        "images in a place where this layout has none",
        "Move them, choose another `data.scan.layout`, or say how to read their paths with "
        "`data.scan.pattern`='(?P<camid>…)/(?P<pid>…)'.",
    ),
    "unparsed_name": (
        "warning",
        "images whose names say no identity",
        "Rename them to <pid>_c<camera>…, put them into id_xxxx folders, choose another "
        "`data.scan.layout`, or say how to "
        "read them with `data.scan.pattern`='(?P<pid>…)…(?P<camid>…)'.",
    ),
    "hidden": ("info", "hidden files", "Nothing to do; they are ignored."),
    "other_file": ("info", "files that are no images by their name", "Nothing to do; they are ignored."),
    "unlisted": ("info", "images that no list names", "Nothing to do; they are ignored."),
    "other_folder": ("info", "images in folders that are no part of the dataset", "Nothing to do; they are ignored."),
}
"""Why a file is not used: severity, what it is, and what to do."""


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes:
        code: short name, stable across versions.
        severity: `error` spoils training or figures, `warning` may, `info` is good to know.
        title: what was found.
        count: how many files, identities or groups of files.
        examples: all of them, for people; empty where the title says it all.
        remedy: what to do about it.
        groups: the images of each example, as paths relative to the dataset: one, or several that belong together;
            empty where the finding is not about single images.
    """

    code: str
    severity: Severity
    title: str
    count: int
    examples: tuple[str, ...]
    remedy: str
    groups: tuple[tuple[str, ...], ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """The images that show it, each once."""
        return tuple(dict.fromkeys(path for group in self.groups for path in group))

    def sentence(self, most: int = 3) -> str:
        """The finding in one line, with the first few examples."""
        count = f": {self.count:,}" if self.count else ""
        return f"{self.title}{count}{f' ({listed(self.examples, most)})' if self.examples else ''}. {self.remedy}"


def count_reasons(problems: Sequence[Problem]) -> dict[str, int]:
    """How often each reason occurs, the most frequent first."""
    counts: dict[str, int] = {}
    for problem in problems:
        counts[problem.reason] = counts.get(problem.reason, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))
