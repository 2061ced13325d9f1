"""`deepsort scan` as a library call: the full audit of a dataset, also together with a test set kept elsewhere."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener, LoggingListener
from deepsort_cli.data.checks import find
from deepsort_cli.data.files import Listing, Problem
from deepsort_cli.data.finding import Finding
from deepsort_cli.data.layouts import Part
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.data.report import check_report_path, write_html
from deepsort_cli.data.result import ScanResult
from deepsort_cli.data.scan import find_near_duplicates, list_dataset, scan_dataset
from deepsort_cli.data.settings import SCAN_DEFAULTS, ScanSettings
from deepsort_cli.data.summary import failures, to_json
from deepsort_cli.data.workers import Progress
from deepsort_cli.settings.keywords import from_keywords
from deepsort_cli.settings.scan import ScanCommandSettings


@dataclass(frozen=True)
class Scan:
    """What a scan found.

    Attributes:
        result: every image, every file left out, and what was measured.
        findings: what needs a word, the worst first.
    """

    result: ScanResult
    findings: tuple[Finding, ...]

    @property
    def failures(self) -> list[str]:
        """Why the dataset must not pass a gate: invalid files, findings of level error, no usable image."""
        return failures(self.result, self.findings)

    def summary(self) -> dict[str, Any]:
        """All of it but the list of usable images as plain data: what `--json` prints."""
        return to_json(self.result, self.findings)


def scan(root: Path | str | None = None, *, listener: Listener | None = None, **keywords: Any) -> Scan:
    """Check a Re-ID dataset for what would crash or silently spoil a training, as `deepsort scan` does.

    Args:
        root: the dataset folder, or a CSV that names its images.
        listener: told what happens; None: remarks go to the logger `deepsort`.
        keywords: the command's flags with underscores: `test_root=`, `paranoid=True`, `html=`.

    Raises:
        InputError: something given cannot be used.
        RunError: a worker process died, or the report cannot be written.
    """
    if root is not None:
        keywords["root"] = root
    return run_scan(from_keywords(ScanCommandSettings, keywords), listener or LoggingListener())


def run_scan(settings: ScanCommandSettings, listener: Listener) -> Scan:
    """What `scan` does, with the settings of `deepsort scan`. What `fail_on_invalid` asks is in `Scan.failures`.

    Raises:
        InputError, RunError: see `scan`.
    """
    data, html = settings.data, settings.report.html
    if data.root is None:
        raise InputError("`data.root` is missing. Give the folder of the dataset.")
    if html is not None:
        check_report_path(html, data.root, overwrite=settings.report.overwrite)
    result = audit(data.root, data.test_root, data.scan, listener)
    found = Scan(result, tuple(find(result)))
    for note in result.notes:
        listener.warn(note)
    if html is not None:
        write_html(result, found.findings, html)
        listener.note(f"Report written to {html}")
    return found


def audit(
    root: Path,
    test_root: Path | None = None,
    settings: ScanSettings = SCAN_DEFAULTS,
    listener: Listener | None = None,
) -> ScanResult:
    """The full audit of a dataset, near-duplicates included, and against a test set kept elsewhere where one is given.

    Args:
        root: the dataset folder.
        test_root: a folder with test images, or None.
        settings: what to check.
        listener: told how far it is.

    Raises:
        InputError: a folder cannot be read, or one lies inside the other.
        RunError: a worker process died.
    """

    def told(what: str) -> Progress | None:
        return partial(listener.progress, what) if listener else None

    if test_root is None:
        return scan_dataset(root, settings, compare=True, progress=told("checking"), comparing=told("comparing"))
    inner, outer = sorted((root.resolve(), test_root.resolve()), key=lambda path: len(path.parts), reverse=True)
    if inner.is_relative_to(outer):
        raise InputError(
            f"`data.test_root` {test_root} and `data.root` {root}: the same, or one lies inside the other. "
            f"Scan {outer} alone."
        )
    train = scan_dataset(root, settings, progress=told("checking"))
    test = scan_dataset(test_root, settings, progress=told("checking the test set"))
    both = _join(train, test)
    if not settings.near_duplicates:
        return both
    listing = Listing(both.root)
    for given, result in ((root, train), (test_root, test)):
        start = os.path.relpath(result.root.resolve(), both.root)
        targets = list_dataset(given, settings)[0].targets
        listing.targets.update({f"{start}/{path}": target for path, target in targets.items()})
    return replace(both, near=find_near_duplicates(both, listing, told("comparing")))


def _join(train: ScanResult, test: ScanResult) -> ScanResult:
    """Two scans as one of the folder that holds both; what is not split is all training, or all gallery."""
    roots = [train.root.resolve(), test.root.resolve()]
    common = Path(os.path.commonpath(roots))
    parts: list[Part] = []
    problems: list[list[Problem]] = [[], []]
    paths: list[str] = []
    for result, start, role in zip((train, test), roots, ("train", "gallery"), strict=True):
        prefix = "" if start == common else f"{start.relative_to(common).as_posix()}/"  # two tables may share a folder
        parts += [Part(f"{prefix}{part.folder}".rstrip("/"), part.role or role, part.layout) for part in result.parts]
        paths += [prefix + path for path in result.images.paths]
        for kind, found in zip(problems, (result.invalid, result.skipped), strict=True):
            kind += [problem._replace(path=prefix + problem.path) for problem in found]
    first, second = train.images, test.images
    camids = second.camids if first.has_cameras and second.has_cameras else second.camids + first.camids.max(initial=0)
    return ScanResult(
        images=Manifest(
            common,
            tuple(paths),
            np.concatenate([first.pids, second.pids]),
            np.concatenate([first.camids, camids]),
            first.has_cameras or second.has_cameras,
            hashlib.sha1(f"{first.fingerprint} {second.fingerprint}".encode(), usedforsecurity=False).hexdigest(),
            people={**first.people, **second.people},
        ),
        parts=tuple(parts),
        part_of=np.concatenate([train.part_of, test.part_of + len(train.parts)]),
        shapes=np.concatenate([train.shapes, test.shapes]),
        flags=np.concatenate([train.flags, test.flags]),
        digests=np.concatenate([train.digests, test.digests]),
        near=None,
        invalid=tuple(problems[0]),
        skipped=tuple(problems[1]),
        settings=train.settings,
        created=max(train.created, test.created),
        seconds=train.seconds + test.seconds,
        from_cache=train.from_cache and test.from_cache,
        notes=(*train.notes, *test.notes),
    )
