"""Which result file belongs to which sequence of ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.mot import read_seqinfo
from deepsort_cli.core.truth_files import TruthFile, check_no_archive, find_truth

SHOWN = 5


@dataclass(frozen=True)
class Pair:
    """A sequence to score: its ground truth file, a result file, and the sequence's length where it is known."""

    name: str
    ground_truth: Path
    results: Path
    length: int | None = None


@dataclass(frozen=True)
class Matched:
    """Sequences with both files, the names of those without results, and result files without ground truth."""

    pairs: list[Pair]
    missing: list[str]
    unused: list[Path]


def find_pairs(ground_truth: Path, results: Path, *, allow_missing: bool = False) -> Matched:
    """Match sequences of ground truth with result files.

    Args:
        ground_truth: as in `core.truth_files.find_truth`.
        results: a file for a single sequence, or a folder with a `<sequence>.txt` for each, in itself or anywhere
            below, such as `data/` of TrackEval's layout.
        allow_missing: leave out sequences without a result file.

    Raises:
        InputError: something is missing, a sequence has several result files, or files lie in several folders,
            unless each is in one called as its sequence.
    """
    truths = find_truth(ground_truth)
    if not results.exists():
        raise InputError(f"`results` {results}: no such file or folder.")
    if results.is_file():
        check_no_archive(results, "`results`")
        if len(truths) > 1:
            raise InputError(
                f"`results` {results}: one file, but {ground_truth} holds {len(truths)} sequences. Give a folder."
            )
        return Matched([_pair(truths[0], results)], [], [])
    files: dict[str, list[Path]] = {}
    for path in sorted(one for one in results.rglob("*") if one.suffix.lower() == ".txt"):
        files.setdefault(path.stem, []).append(path)
    chosen = {one.name: _only(results, one.name, files.get(one.name, [])) for one in truths}
    found = {name: path for name, path in chosen.items() if path is not None}
    missing = [one.name for one in truths if one.name not in found]
    if not found:
        raise InputError(
            f"`results` {results}: no result for any sequence of {ground_truth}; expected {truths[0].name}.txt"
            + (", …" if len(truths) > 1 else "")
            + _instead(results)
        )
    if missing and not allow_missing:
        raise InputError(
            f"`results` {results}: no result for {listed(missing)} ({len(missing)} of {len(truths)} sequences). "
            f"Add {missing[0]}.txt (an empty file where nothing was tracked), or leave them out with "
            "`allow_missing`=true."
        )
    places = {path.parent for path in found.values()}
    trackers = {path.parent for name, path in found.items() if path.parent.name != name}
    if len(trackers) > 1:
        named = listed(sorted(map(str, trackers)))
        raise InputError(
            f"`results` {results}: results of different sequences in different folders: {named}. If these are of one "
            "tracker, put them into one folder; else give the folder of one."
        )
    unused = [
        path
        for several in files.values()
        for path in several
        if path.parent in places and path not in found.values() and not path.stem.endswith("_summary")
    ]
    return Matched([_pair(one, found[one.name]) for one in truths if one.name in found], missing, sorted(unused))


def listed(names: Sequence[str]) -> str:
    """Names for a message: the first few, and how many more."""
    rest = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _instead(results: Path) -> str:
    """What a folder of results holds, for those whose files have other names."""
    names = sorted(one.name for one in results.rglob("*") if one.is_file() and not one.name.startswith("."))
    return f"; it holds {listed(names)}. Rename them." if names else "; it holds no file."


def _only(results: Path, name: str, paths: list[Path]) -> Path | None:
    direct = [path for path in paths if path.parent in {results, results / "data"}]
    several = direct or paths
    if len(several) > 1:
        raise InputError(
            f"`results` {results}: {len(several)} files for {name}: {listed([str(path) for path in several])}. "
            "Give the folder of one tracker."
        )
    return several[0] if several else None


def _pair(truth: TruthFile, results: Path) -> Pair:
    folder = truth.folder
    length = read_seqinfo(folder).length if folder is not None and (folder / "seqinfo.ini").is_file() else None
    return Pair(truth.name, truth.path, results, length)
