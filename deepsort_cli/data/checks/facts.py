"""What checks look at, and the register of checks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.files import printable
from deepsort_cli.core.types import IntArray
from deepsort_cli.data.finding import SEVERITIES, Finding, Severity
from deepsort_cli.data.layouts import Part, part_role
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.data.naming import ZERO_PERSON
from deepsort_cli.data.result import ScanResult
from deepsort_cli.data.settings import SCAN_DEFAULTS, ScanSettings

TEST_ROLES = ("query", "gallery")


@dataclass(frozen=True)
class Facts:
    """N images, where they lie and who is on them, with the arrays that several checks need.

    Attributes:
        paths: N paths as they are shown.
        pids, camids: (N,) int64.
        has_cameras: whether names carry cameras.
        role: (N,) what each image is for: `train`, `val`, `query`, `gallery`, or empty.
        layout: (N,) name of its layout.
        people: pid → name of those who became numbers by their names.
        identities: the N names of the folders that stand for a person, empty where names say it.
        digests: (N,) bytes, equal for equal files.
        settings: of the scan.
        result: the whole scan; None where a command looks at the images it is about to use.
        one_dataset: whether all parts number their people alike.
        ignore_camera: whether every image is to count as another camera.
        files: the N files; equal where one file is used twice.
        train_folder: the folder to train on, where it is called like a test part.
    """

    paths: Sequence[str]
    pids: IntArray
    camids: IntArray
    has_cameras: bool
    role: npt.NDArray[np.str_]
    layout: npt.NDArray[np.str_]
    people: Mapping[int, str]
    identities: Sequence[str]
    digests: npt.NDArray[np.void]
    settings: ScanSettings = SCAN_DEFAULTS
    result: ScanResult | None = None
    one_dataset: bool = True
    ignore_camera: bool = False
    files: Sequence[str] = ()
    train_folder: str = ""

    @cached_property
    def is_test(self) -> npt.NDArray[np.bool_]:
        """(N,) whether an image is a query or in the gallery."""
        return np.isin(self.role, TEST_ROLES)

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
        return self.in_role(*TEST_ROLES)

    def person(self, pid: int) -> str:
        """A person by number, or by name where the number is one of ours."""
        return printable(f"identity {self.people.get(pid, 0 if pid == ZERO_PERSON else pid)}")

    def of_images(
        self,
        code: str,
        severity: Severity,
        title: str,
        positions: Iterable[int],
        remedy: str,
        notes: Sequence[str] = (),
    ) -> Iterator[Finding]:
        """A finding about single images, if there are any; `notes` are set in brackets behind their names."""
        names = [self.paths[i] for i in positions]
        if names:
            shown = [f"{name} ({note})" for name, note in zip(names, notes, strict=True)] if notes else names
            groups = tuple((name,) for name in names)
            yield Finding(code, severity, title, len(names), tuple(map(printable, shown)), remedy, groups)

    def of_groups(
        self, code: str, severity: Severity, title: str, groups: Sequence[Sequence[int]], remedy: str
    ) -> Iterator[Finding]:
        """A finding about images that belong together, if there are any."""
        if groups:
            named = tuple(tuple(self.paths[i] for i in group) for group in groups)
            examples = tuple(printable(" = ".join(group)) for group in named)
            yield Finding(code, severity, title, len(groups), examples, remedy, named)

    def of_people(self, code: str, severity: Severity, title: str, pids: IntArray, remedy: str) -> Iterator[Finding]:
        """A finding about people, if there are any."""
        if len(pids):
            yield Finding(code, severity, title, len(pids), tuple(map(self.person, pids.tolist())), remedy)


Check = Callable[[Facts], Iterator[Finding]]
_SCANNED: list[Check] = []
_IN_USE: list[Check] = []


def check(function: Check) -> Check:
    """Register a check of a scan."""
    _SCANNED.append(function)
    return function


def check_in_use(function: Check) -> Check:
    """Register a check of a scan that every command which trains on or evaluates with the images makes too."""
    _IN_USE.append(function)
    return check(function)


def find(result: ScanResult) -> tuple[Finding, ...]:
    """All findings of a scan, the worst first."""
    return _sorted(_SCANNED, _of_result(result))


def find_in_use(
    train: Manifest | None = None,
    query: Manifest | None = None,
    gallery: Manifest | None = None,
    settings: ScanSettings = SCAN_DEFAULTS,
    *,
    ignore_camera: bool = False,
) -> tuple[Finding, ...]:
    """What a command should say before it works with these images, the worst first.

    Args:
        train: images to train on.
        query, gallery: images to evaluate on.
        settings: of the scan they come from.
        ignore_camera: whether every image is to count as another camera.
    """
    given = [(role, x) for role, x in (("train", train), ("query", query), ("gallery", gallery)) if x is not None]
    return _sorted(_IN_USE, _of_manifests(given, settings, ignore_camera)) if given else ()


def _sorted(checks: Sequence[Check], facts: Facts) -> tuple[Finding, ...]:
    found = [finding for function in checks for finding in function(facts)]
    return tuple(sorted(found, key=lambda finding: (SEVERITIES.index(finding.severity), -finding.count)))


def _of_result(result: ScanResult) -> Facts:
    images = result.images
    roles = np.array([part.role for part in result.parts] or [""])
    layouts = np.array([part.layout.name for part in result.parts] or [""])
    named = [result.parts[k].identity_folder(path) for k, path in zip(result.part_of, images.paths, strict=True)]
    return Facts(
        images.paths,
        images.pids,
        images.camids,
        images.has_cameras,
        roles[result.part_of],
        layouts[result.part_of],
        images.people,
        named,
        result.digests,
        result.settings,
        result,
        files=images.paths,
    )


def _of_manifests(given: Sequence[tuple[str, Manifest]], settings: ScanSettings, ignore_camera: bool) -> Facts:
    """The images of several folders side by side, each path shown from the folder that all of them share."""
    folders = [manifest.root.resolve() for _, manifest in given]
    start = Path(os.path.commonpath(folders)) if len(set(folders)) > 1 else folders[0].parent
    paths: list[str] = []
    files: list[str] = []
    identities: list[str] = []
    for (_, manifest), folder in zip(given, folders, strict=True):
        prefix = folder.relative_to(start).as_posix() if folder != start else ""
        part = Part("", "", manifest.layout)
        paths += [f"{prefix}/{path}".lstrip("/") for path in manifest.paths]
        files += [f"{folder}/{path}" for path in manifest.paths]
        identities += [part.identity_folder(path) for path in manifest.paths]
    nothing = np.zeros(0, dtype="V8")
    known = all(manifest.digests is not None for _, manifest in given)
    return Facts(
        paths,
        np.concatenate([manifest.pids for _, manifest in given]),
        np.concatenate([manifest.camids for _, manifest in given]),
        all(manifest.has_cameras for _, manifest in given),
        np.concatenate([np.full(len(manifest), role) for role, manifest in given]),
        np.concatenate([np.full(len(manifest), manifest.layout.name) for _, manifest in given]),
        {pid: name for _, manifest in given for pid, name in manifest.people.items()},
        identities,
        np.concatenate([x.digests for _, x in given if x.digests is not None]) if known else nothing,
        settings,
        one_dataset=len({_dataset(folder) for folder in folders}) == 1,
        ignore_camera=ignore_camera,
        files=files,
        train_folder=next(
            (
                x.name
                for (role, _), x in zip(given, folders, strict=True)
                if role == "train" and part_role(x.name) in TEST_ROLES
            ),
            "",
        ),
    )


def _dataset(folder: Path) -> Path:
    """The dataset that a folder is or is a part of."""
    return folder.parent if part_role(folder.name) else folder
