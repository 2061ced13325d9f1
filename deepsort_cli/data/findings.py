"""What is wrong, or worth knowing, about a scanned dataset: one small registered function per check."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

import numpy as np

from deepsort_cli.core.files import printable
from deepsort_cli.core.types import IntArray
from deepsort_cli.data.files import Problem
from deepsort_cli.data.images import NO_CAMERA, TRANSPARENT, WRONG_EXTENSION
from deepsort_cli.data.layouts import FLAT_NAMES, PART_ROLES, ZERO_PERSON

if TYPE_CHECKING:
    from deepsort_cli.data.result import ScanResult

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")

EXAMPLES = 12
"""Examples kept per finding."""

ASPECT_RANGE = (1.3, 4.5)
"""Height over width of a whole standing person, with room for bent and cut ones; crops are usually 1:2 to 1:3."""
SMALL_CROP = (16, 40)
"""Width and height below which nothing is left to recognise a person by."""
SIZE_RATIO = 12.0
"""An area this many times above or below the median is an outlier."""
IMBALANCE = 10.0
"""The largest identity or camera against the median one, from which training should be told about it."""

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
    "too_small": ("error", "too small to show anybody", "Remove them; see --set data.scan.min_side."),
    "too_large": (
        "error",
        "refused unread, because they would take too much memory",
        "Crop them to the person; see --set data.scan.max_pixels.",
    ),
    "unreadable": ("error", "not readable", "Check permissions and the disk."),
    "broken_link": ("error", "symbolic links to nothing", "Restore their targets or remove the links."),
    "outside_root": (
        "error",
        "symbolic links that leave the dataset; they were not read",
        "If you trust their targets, allow the folder with --allow-links DIR (data.scan.link_sources).",
    ),
    "folder_link": (
        "warning",
        "symbolic links to folders; they are not followed",
        "Give the real folder, or link the files one by one as `deepsort reorganize --mode link` does.",
    ),
    "not_a_file": ("warning", "pipes, sockets or devices", "Remove them."),
    "misplaced": ("warning", "images in a place where this layout has none", "Move them, or choose another --layout."),
    "unparsed_name": (
        "warning",
        "images whose names say no identity",
        "Rename them to <pid>_c<camera>…, put them into id_xxxx folders, or choose another --layout.",
    ),
    "hidden": ("info", "hidden files", "Nothing to do; they are ignored."),
    "other_file": ("info", "files that are no images by their name", "Nothing to do; they are ignored."),
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
        count: how many files, identities or pairs.
        examples: some of them, for people.
        remedy: what to do about it.
        files: paths relative to the dataset of images that show it.
    """

    code: str
    severity: Severity
    title: str
    count: int
    examples: tuple[str, ...]
    remedy: str
    files: tuple[str, ...] = ()


class Facts:
    """The arrays of a scan that several checks need."""

    def __init__(self, result: ScanResult) -> None:
        self.result = result
        self.paths = result.images.paths
        self.pids = result.images.pids
        self.camids = result.images.camids
        self.has_cameras = result.images.has_cameras
        roles = np.array([part.role for part in result.parts] or [""])
        self.role = roles[result.part_of] if len(self.pids) else np.empty(0, dtype=roles.dtype)
        self.is_test = np.isin(self.role, ["query", "gallery"])

    def in_role(self, *roles: str) -> IntArray:
        """Positions of the images of people (not junk, not distractors) in parts with one of these roles."""
        return np.flatnonzero(np.isin(self.role, roles) & (self.pids > 0))

    @cached_property
    def train(self) -> IntArray:
        """Positions of what is trained on: the train part, or everything in a dataset without parts."""
        return self.in_role("train", "")

    @cached_property
    def test(self) -> IntArray:
        """Positions of query and gallery images."""
        return self.in_role("query", "gallery")

    def files(self, positions: Iterable[int]) -> tuple[str, ...]:
        """Paths of the first few positions."""
        return tuple(self.paths[i] for i, _ in zip(positions, range(EXAMPLES), strict=False))

    def names(self, positions: Iterable[int]) -> tuple[str, ...]:
        """The same, fit to be printed."""
        return tuple(map(printable, self.files(positions)))

    def people(self, pids: IntArray) -> tuple[str, ...]:
        """The first few people, by number, or by folder where the number is one of ours."""
        chosen = pids[:EXAMPLES].tolist()
        first = {pid: self.paths[np.argmax(self.pids == pid)] for pid in chosen if pid > ZERO_PERSON}
        return tuple(printable(f"identity {first[pid].split('/')[-2] if pid in first else pid}") for pid in chosen)


Check = Callable[[Facts], Iterator[Finding]]
CHECKS: list[Check] = []


def _check(function: Check) -> Check:
    CHECKS.append(function)
    return function


def find(result: ScanResult) -> tuple[Finding, ...]:
    """All findings of a scan, the worst first."""
    facts = Facts(result)
    found = [finding for check in CHECKS for finding in check(facts)]
    return tuple(sorted(found, key=lambda finding: (SEVERITIES.index(finding.severity), -finding.count)))


def better_root(invalid: Sequence[Problem]) -> str:
    """What to give instead of a root without a usable image: the folder that all misplaced images have in common."""
    folders = [PurePosixPath(problem.path).parent.parts for problem in invalid if problem.reason == "misplaced"]
    shared: list[str] = []
    for names in zip(*folders, strict=False):
        if len(set(names)) > 1 or names[0].lower() in PART_ROLES:
            break
        shared.append(names[0])
    if shared:
        return f"Give the folder {printable('/'.join(shared))} below it, where the images lie."
    return "Give the folder that holds the identity folders, the images, or train, query and gallery."


@_check
def unusable_files(facts: Facts) -> Iterator[Finding]:
    """Files that are left out, by reason."""
    if not facts.paths:
        yield Finding("nothing_usable", "error", "Not one usable image", 0, (), better_root(facts.result.invalid))
    groups: dict[str, list[tuple[str, str]]] = {}
    for path, reason, detail, _ in (*facts.result.invalid, *facts.result.skipped):
        groups.setdefault(reason, []).append((path, detail))
    for reason, files in groups.items():
        severity, what, remedy = REASONS[reason]
        if reason == "outside_root":
            targets = [str(Path(detail.removeprefix("link to ")).parent) for _, detail in files]
            remedy += f" They point into {printable(os.path.commonpath(targets))}."
        examples = tuple(printable(f"{path} ({detail})" if detail else path) for path, detail in files[:EXAMPLES])
        shown = tuple(path for path, _ in files[:EXAMPLES])
        title = f"Files left out: {what}"
        yield Finding(reason, severity, title, len(files), examples, remedy, () if severity == "info" else shown)


@_check
def identical_images(facts: Facts) -> Iterator[Finding]:
    """Byte-identical files, judged by where and under whom they occur."""
    _, group, counts = np.unique(facts.result.digests, return_inverse=True, return_counts=True)
    group = group.ravel()
    repeated = np.flatnonzero(counts[group] > 1)
    members: dict[int, list[int]] = {}
    for i in repeated:
        members.setdefault(int(group[i]), []).append(int(i))
    leaks, conflicts, copies = [], [], []
    for same in members.values():
        sides = {bool(facts.is_test[i]) for i in same}
        people = {int(facts.pids[i]) for i in same if facts.pids[i] >= 0}
        if len(sides) > 1:
            leaks.append(same)
        elif len(people) > 1:
            conflicts.append(same)
        else:
            copies.append(same)
    yield from _image_groups(
        facts,
        leaks,
        "identical_across_split",
        "error",
        "Identical images in training and test parts",
        "Remove them from the training part: the test would measure memory.",
    )
    yield from _image_groups(
        facts,
        conflicts,
        "identical_across_identities",
        "error",
        "Identical images under several identities",
        "Keep each under the right identity only: they teach that one person is two.",
    )
    yield from _image_groups(
        facts,
        copies,
        "identical_within_identity",
        "warning",
        "Identical images under one identity",
        "Remove the copies: they weigh double in training and are trivial matches in a gallery.",
    )


@_check
def near_duplicates(facts: Facts) -> Iterator[Finding]:
    """Nearly equal pictures where they do harm."""
    near = facts.result.near
    if near is None or len(near) == 0:
        return
    first, second = near[:, 0], near[:, 1]
    across = facts.is_test[first] != facts.is_test[second]
    other_person = facts.pids[first] != facts.pids[second]
    other_camera = facts.camids[first] != facts.camids[second]
    yield from _image_groups(
        facts,
        near[across].tolist(),
        "near_across_split",
        "warning",
        "Nearly equal images in training and test parts",
        "Look at the pairs; where they are one picture, remove it from the training part.",
    )
    yield from _image_groups(
        facts,
        near[~across & other_person].tolist(),
        "near_across_identities",
        "warning",
        "Nearly equal images under several identities",
        "Look at the pairs; where they are one person, merge the identities or remove one image.",
    )
    if facts.has_cameras:
        yield from _image_groups(
            facts,
            near[~across & ~other_person & other_camera].tolist(),
            "near_across_cameras",
            "warning",
            "Nearly equal images of one person under several cameras",
            "Look at the pairs; a picture copied under another camera makes a trivial match.",
        )


@_check
def identity_overlap(facts: Facts) -> Iterator[Finding]:
    """People both in the training part and in query or gallery."""
    trained = facts.in_role("train", "val")
    both = np.intersect1d(facts.pids[trained], facts.pids[facts.test])
    if len(both) == 0:
        return
    files = [i for pid in both[:EXAMPLES] for i in trained[facts.pids[trained] == pid][:1]]
    restarts = any(part.layout.name == "msmt17" for part in facts.result.parts)
    yield Finding(
        "identity_overlap",
        "info" if restarts else "error",
        "Identities both in training and test parts",
        len(both),
        facts.people(both),
        "MSMT17 numbers each part from 0, so equal numbers are different people there."
        if restarts
        else "Give every person to one side only: the test must be on people never seen. If the parts are merely "
        "numbered alike, renumber one.",
        facts.files(files),
    )


@_check
def lonely_queries(facts: Facts) -> Iterator[Finding]:
    """Queries that evaluation has to skip: no gallery image of the person from another camera."""
    queries, gallery = facts.in_role("query"), facts.in_role("gallery")
    if len(queries) == 0 or len(gallery) == 0:
        return
    cameras: dict[int, set[int]] = {}
    for i in gallery:
        cameras.setdefault(int(facts.pids[i]), set()).add(int(facts.camids[i]))
    absent = [i for i in queries if int(facts.pids[i]) not in cameras]
    lonely = [i for i in queries if cameras.get(int(facts.pids[i])) == {int(facts.camids[i])}]
    for code, positions, title in (
        ("query_without_match", lonely, "Queries with no cross-camera match in the gallery"),
        ("query_identity_absent", absent, "Queries of people who are not in the gallery"),
    ):
        if positions:
            yield Finding(
                code,
                "warning",
                title,
                len(positions),
                facts.names(positions),
                "Nothing to do: evaluation skips and counts them. Check the names if you did not expect any.",
                facts.files(positions),
            )


@_check
def small_identities(facts: Facts) -> Iterator[Finding]:
    """Identities with fewer images than `min_samples`."""
    settings = facts.result.settings
    people, counts = np.unique(facts.pids[facts.train], return_counts=True)
    small = people[counts < settings.min_samples]
    if len(small):
        dropped = "They are left out, as asked." if settings.drop_small else "Add --drop-small to leave them out."
        yield Finding(
            "small_identity",
            "info" if settings.drop_small else "warning",
            f"Identities with fewer than {settings.min_samples} images",
            len(small),
            facts.people(small),
            f"An identity needs two images to form a positive pair. {dropped}",
        )


@_check
def cameras_per_identity(facts: Facts) -> Iterator[Finding]:
    """Identities seen by a single camera, and datasets that know of none."""
    positions = facts.train if len(facts.train) else facts.test
    if len(positions) == 0:
        return
    pids, camids = facts.pids[positions], facts.camids[positions]
    if not facts.has_cameras:
        yield Finding(
            "no_cameras",
            "info",
            "Names carry no camera",
            len(positions),
            facts.names(positions)[:3],
            "Every image counts as a camera of its own. Put _cNN_ into the names if you know the cameras.",
        )
        return
    if len(np.unique(camids)) == 1:
        yield Finding(
            "one_camera",
            "warning",
            f"All images come from camera {camids[0]}",
            len(positions),
            (),
            "Matching across cameras can neither be learned nor measured with it.",
        )
        return
    people, seen_by = np.unique(np.unique(np.stack([pids, camids]), axis=1)[0], return_counts=True)
    single = people[seen_by == 1]
    if len(single):
        yield Finding(
            "single_camera_identity",
            "warning",
            "Identities seen by a single camera",
            len(single),
            facts.people(single),
            "They teach nothing about other cameras. Add images from another camera, or leave the people out.",
        )


@_check
def missing_cameras(facts: Facts) -> Iterator[Finding]:
    """Some names carry a camera and some do not."""
    lacking = np.flatnonzero(facts.result.flags & NO_CAMERA)
    if facts.has_cameras and len(lacking):
        yield Finding(
            "missing_camera",
            "warning",
            "Images without a camera in their name, among others with one",
            len(lacking),
            facts.names(lacking),
            "Each counts as a camera of its own. Rename them like the others.",
        )


@_check
def junk_and_distractors(facts: Facts) -> Iterator[Finding]:
    """Images under pid −1 and 0."""
    for pid, code, what, meaning in (
        (-1, "junk", "Junk images (pid −1)", "They are neither trained on nor ranked."),
        (0, "distractors", "Distractors (pid 0)", "They are ranked as wrong answers, and not trained on."),
    ):
        positions = np.flatnonzero(facts.pids == pid)
        if len(positions):
            trained = np.isin(facts.role[positions], ["train"]).any()
            yield Finding(
                code,
                "warning" if trained else "info",
                what,
                len(positions),
                facts.names(positions),
                meaning + (" In a training part they are a surprise: is 0 a person there?" if trained else ""),
            )


@_check
def person_zero(facts: Facts) -> Iterator[Finding]:
    """An identity 0 that is a person."""
    positions = np.flatnonzero(facts.pids == ZERO_PERSON)
    if len(positions):
        yield Finding(
            "person_zero",
            "info",
            f"Images of identity 0, listed as {ZERO_PERSON}",
            len(positions),
            facts.names(positions)[:3],
            "Nothing to do: in this layout 0 is a person, while pid 0 means distractor everywhere else.",
        )


@_check
def imbalance(facts: Facts) -> Iterator[Finding]:
    """Identities and cameras that outweigh the others."""
    for code, ids, what, several in (
        ("identity_imbalance", facts.pids[facts.train], "identity", "Identities"),
        ("camera_imbalance", facts.camids[facts.train], "camera", "Cameras"),
    ):
        if code == "camera_imbalance" and not facts.has_cameras:
            continue
        values, counts = np.unique(ids, return_counts=True)
        if len(values) < 2:
            continue
        heavy = np.flatnonzero(counts > IMBALANCE * np.median(counts))
        if len(heavy):
            order = heavy[np.argsort(-counts[heavy])]
            yield Finding(
                code,
                "info",
                f"{several} with over {IMBALANCE:.0f} times the images of the median {what}",
                len(heavy),
                tuple(f"{what} {values[i]}: {counts[i]} images" for i in order[:EXAMPLES]),
                "The sampler draws identities evenly, so this is a matter of variety, not of weight."
                if what == "identity"
                else "Watch the figures per camera pair; the model will know this camera's look best.",
            )


@_check
def odd_shapes(facts: Facts) -> Iterator[Finding]:
    """Crops that do not look like whole standing people."""
    width, height = facts.result.shapes[:, 0], facts.result.shapes[:, 1]
    if len(width) == 0:
        return
    aspect = height / width
    area = width * height
    ratio = area / np.median(area)
    tiny = (width < SMALL_CROP[0]) | (height < SMALL_CROP[1])
    for code, mask, title, remedy in (
        (
            "odd_aspect",
            (aspect < ASPECT_RANGE[0]) | (aspect > ASPECT_RANGE[1]),
            f"Images that are no upright person crops (height/width outside {ASPECT_RANGE[0]} to {ASPECT_RANGE[1]})",
            "They are stretched to the model's 2:1. Crop them to one whole person, or remove them.",
        ),
        (
            "tiny_crop",
            tiny,
            f"Crops smaller than {SMALL_CROP[0]}×{SMALL_CROP[1]} pixels",
            "Little is left to tell people apart by; consider removing them.",
        ),
        (
            "odd_size",
            ((ratio > SIZE_RATIO) | (ratio < 1 / SIZE_RATIO)) & ~tiny,
            f"Images {SIZE_RATIO:.0f} times larger or smaller than the median",
            "Check that they are crops and not whole frames or thumbnails.",
        ),
    ):
        positions = np.flatnonzero(mask)
        if len(positions):
            shown = tuple(printable(f"{facts.paths[i]} ({width[i]}×{height[i]})") for i in positions[:EXAMPLES])
            yield Finding(code, "warning", title, len(positions), shown, remedy, facts.files(positions))


@_check
def odd_files(facts: Facts) -> Iterator[Finding]:
    """Usable images that some programs will read differently."""
    undecodable = [i for i, path in enumerate(facts.paths) if not path.isascii() and not _is_utf8(path)]
    flags = facts.result.flags
    kinds: tuple[tuple[str, Severity, IntArray, str, str], ...] = (
        (
            "wrong_extension",
            "info",
            np.flatnonzero(flags & WRONG_EXTENSION),
            "Images in another format than their extension says",
            "They are read all the same; rename them for other programs.",
        ),
        (
            "transparent",
            "info",
            np.flatnonzero(flags & TRANSPARENT),
            "Images with transparency",
            "Transparency is ignored; what lies under it becomes visible.",
        ),
        (
            "name_encoding",
            "info",
            np.array(undecodable, dtype=np.int64),
            "Names that are not valid UTF-8",
            "They are read all the same; rename them for other programs.",
        ),
    )
    for code, severity, positions, title, remedy in kinds:
        if len(positions):
            names, files = facts.names(positions), facts.files(positions)
            yield Finding(code, severity, title, len(positions), names, remedy, files)


@_check
def folder_and_name_disagree(facts: Facts) -> Iterator[Finding]:
    """A file whose name names another person than the folder it lies in."""
    rule = FLAT_NAMES["cuhk03"]
    wrong = []
    folders = {i for i, part in enumerate(facts.result.parts) if part.layout.name == "folders"}
    for i, (path, part) in enumerate(zip(facts.paths, facts.result.part_of, strict=True)):
        if part in folders:
            match = rule.match(path[path.rfind("/") + 1 :])
            if match and int(match["pid"]) not in (int(facts.pids[i]), 0):
                wrong.append(i)
    if wrong:
        yield Finding(
            "folder_and_name_disagree",
            "warning",
            "Files named for another person than their folder",
            len(wrong),
            facts.names(wrong),
            "The folder counts. Check whether the files were moved by mistake.",
            facts.files(wrong),
        )


def _image_groups(
    facts: Facts, groups: list[list[int]], code: str, severity: Severity, title: str, remedy: str
) -> Iterator[Finding]:
    if groups:
        examples = tuple(printable(" = ".join(facts.paths[i] for i in group[:4])) for group in groups[:EXAMPLES])
        files = [i for group in groups for i in group[:2]]
        yield Finding(code, severity, title, len(groups), examples, remedy, facts.files(files))


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
