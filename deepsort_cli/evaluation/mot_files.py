"""Which result file belongs to which sequence of ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deepsort_cli.core.counted import listed
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.mot import read_seqinfo
from deepsort_cli.core.truth_files import TruthFile, check_no_archive, find_truth

CAMERA_SUFFIXES = (".jsonl", ".csv", ".txt")
"""Endings of results whose ids hold in several cameras."""


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
    if not results.is_dir():
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


def find_cameras(
    ground_truth: Sequence[Path], results: Sequence[Path], *, allow_missing: bool = False
) -> tuple[list[Pair], list[str]]:
    """The files of several cameras, in order, and the names of those without results.

    Args:
        ground_truth: a folder that holds that of all, or a file or sequence folder for each.
        results: a folder with `<camera>.jsonl`, `.csv` or `.txt` for each, or as many files in the same order.
        allow_missing: leave out cameras without a file in the folder of results.

    Raises:
        InputError: they do not belong together.
    """
    if len(ground_truth) == 1:
        truths = find_truth(ground_truth[0])
    else:
        truths = [_single(path) for path in ground_truth]
    if len(results) == 1 and results[0].is_dir():
        return _by_name(truths, results[0], allow_missing)
    if len(results) != len(truths):
        given = f"{len(truths)} of ground truth and {len(results)} of results"
        raise InputError(
            f"`gt` and `results`: {given}. Give a file of each for every camera, in the same order, or a folder."
        )
    for path in results:
        if not path.is_file():
            what = "a folder" if path.is_dir() else "no such file"
            raise InputError(f"`results` {path}: {what}. Give a file for each camera.")
    names = [one.name for one in truths]
    names = [name if names.count(name) == 1 else f"{name}-{i}" for i, name in enumerate(names, 1)]
    return [replace(_pair(one, path), name=name) for name, one, path in zip(names, truths, results, strict=True)], []


def _single(path: Path) -> TruthFile:
    files = find_truth(path)
    if len(files) > 1:
        raise InputError(
            f"`gt` {path}: holds {len(files)} sequences. Give a file for each camera, or only this folder."
        )
    return files[0]


def _by_name(truths: Sequence[TruthFile], folder: Path, allow_missing: bool) -> tuple[list[Pair], list[str]]:
    pairs, missing = [], []
    for one in truths:
        found = [path for suffix in CAMERA_SUFFIXES if (path := folder / f"{one.name}{suffix}").is_file()]
        if len(found) > 1:
            raise InputError(f"`results` {folder}: several files for {one.name}: {listed([p.name for p in found])}.")
        if found:
            pairs.append(_pair(one, found[0]))
        else:
            missing.append(one.name)
    if missing and (not allow_missing or not pairs):
        raise InputError(
            f"`results` {folder}: no {missing[0]}.jsonl, .csv or .txt for {listed(missing)} ({len(missing)} of "
            f"{len(truths)} cameras){_instead(folder)}"
        )
    return pairs, missing


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
