"""The figures of a scan, for tables, JSON and the HTML report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from deepsort_cli.core.files import printable
from deepsort_cli.core.types import IntArray
from deepsort_cli.data.files import Problem
from deepsort_cli.data.finding import REASONS, Finding, count_reasons
from deepsort_cli.data.result import ScanResult


@dataclass(frozen=True)
class PartSummary:
    """Figures of one part, or of the whole dataset.

    Attributes:
        folder: name of the part; empty for a dataset without parts.
        role: `train`, `query`, `gallery`, `val`, or empty.
        layout: layout name; empty where there are no images.
        identities: people; junk and distractors are not counted.
        images: usable images, junk and distractors included.
        cameras: cameras; None where names carry none.
        smallest: images of the identity with the fewest.
        median: images of the median identity.
        largest: images of the identity with the most.
        junk: images under pid −1.
        distractors: images under pid 0.
    """

    folder: str
    role: str
    layout: str
    identities: int
    images: int
    cameras: int | None
    smallest: int
    median: float
    largest: int
    junk: int
    distractors: int


def summarise_parts(result: ScanResult) -> list[PartSummary]:
    """Figures of every part, and of all together where there are several."""
    everything = np.arange(len(result.images))
    rows = [
        _summarise(result, np.flatnonzero(result.part_of == i), part.folder, part.role, part.layout.name)
        for i, part in enumerate(result.parts)
    ]
    order = ["train", "val", "query", "gallery", ""]
    rows.sort(key=lambda row: order.index(row.role))
    return rows if len(rows) == 1 else [*rows, _summarise(result, everything, "all", "", "")]


def _summarise(result: ScanResult, positions: IntArray, folder: str, role: str, layout: str) -> PartSummary:
    pids = result.images.pids[positions]
    _, counts = np.unique(pids[pids > 0], return_counts=True)
    named = positions[result.images.pids[positions] > 0]
    return PartSummary(
        folder=folder,
        role=role,
        layout=layout if len(positions) else "",
        identities=len(counts),
        images=len(positions),
        cameras=len(np.unique(result.images.camids[named])) if result.images.has_cameras else None,
        smallest=int(counts.min()) if len(counts) else 0,
        median=float(np.median(counts)) if len(counts) else 0.0,
        largest=int(counts.max(initial=0)),
        junk=int((pids == -1).sum()),
        distractors=int((pids == 0).sum()),
    )


def to_json(result: ScanResult, findings: Sequence[Finding]) -> dict[str, Any]:
    """Everything a scan found, without the list of usable images; findings of images that belong together: `groups`."""
    return {
        "root": printable(str(result.root)),
        "fingerprint": result.fingerprint,
        "from_cache": result.from_cache,
        "created": result.created,
        "seconds": round(result.seconds, 3),
        "settings": result.settings.model_dump(mode="json"),
        "images": len(result.images),
        "listed": len(result.manifest),
        "identities": len(np.unique(result.images.pids[result.images.pids > 0])),
        "has_cameras": result.images.has_cameras,
        "parts": [asdict(row) for row in summarise_parts(result)],
        "invalid_by_reason": count_reasons(result.invalid),
        "skipped_by_reason": count_reasons(result.skipped),
        "findings": list(map(_finding, findings)),
        "invalid": _problems(result.invalid),
        "skipped": _problems(result.skipped),
        "notes": list(result.notes),
    }


def failures(result: ScanResult, findings: Sequence[Finding]) -> list[str]:
    """Why a dataset must not pass a gate: invalid files, findings of level error, no usable image."""
    errors = [
        finding.code
        for finding in findings
        if finding.severity == "error" and finding.code not in (*REASONS, "nothing_usable")
    ]
    return [
        *([f"{len(result.invalid):,} invalid files"] if result.invalid else []),
        *(["not one usable image"] if len(result.images) == 0 else []),
        *([f"findings of level error: {', '.join(errors)}"] if errors else []),
    ]


def _finding(finding: Finding) -> dict[str, Any]:
    groups = [list(map(printable, group)) for group in finding.groups if len(group) > 1]
    data = asdict(finding) | {"files": list(map(printable, finding.files)), "groups": groups}
    return data if groups else {key: value for key, value in data.items() if key != "groups"}


def _problems(problems: Sequence[Problem]) -> list[dict[str, str]]:
    return [{"path": printable(p.path), "reason": p.reason, "detail": printable(p.detail)} for p in problems]
