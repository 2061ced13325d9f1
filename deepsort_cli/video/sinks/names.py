"""Names of the outputs of several sources."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def output_path(path: Path, source_name: str, many: bool) -> Path:
    """The output of one source: `path` itself, or with several sources `out.mp4` → `out_<source>.mp4`."""
    return path.with_name(f"{path.stem}_{source_name}{path.suffix}") if many else path


def unique_names(names: Sequence[str]) -> list[str]:
    """Source names made distinct: a, a → a, a-2."""
    taken: set[str] = set()
    result = []
    for name in names:
        candidate, number = name, 1
        while candidate.lower() in taken:
            number += 1
            candidate = f"{name}-{number}"
        taken.add(candidate.lower())
        result.append(candidate)
    return result
