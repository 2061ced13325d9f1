"""Tracking scores by TrackEval, the official MOTChallenge scorer: HOTA, CLEAR MOT and identity metrics.

References: Luiten et al. 2021 (HOTA), Bernardin and Stiefelhagen 2008 (CLEAR MOT), Ristani et al. 2016 (IDF1).
"""

from __future__ import annotations

import contextlib
import csv
import importlib.util
import io
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.files import atomic_open
from deepsort_cli.core.mot import Comparison, check_unique, line_of_row, read_seqinfo, read_table
from deepsort_cli.core.types import FloatArray

Benchmark = Literal["MOT15", "MOT16", "MOT17", "MOT20"]
BENCHMARKS: tuple[Benchmark, ...] = ("MOT15", "MOT16", "MOT17", "MOT20")
COMBINED = "COMBINED"


@dataclass(frozen=True)
class Score:
    """Scores of one sequence, or of all together.

    HOTA, DetA, AssA and LocA are averages over localisation thresholds 0.05 to 0.95; the rest is at IoU 0.5. All of
    these and MOTA, MOTP, IDF1 are fractions. ID switches, fragmentations, false positives, misses, mostly tracked and
    mostly lost people are counts.
    """

    sequence: str
    HOTA: float
    DetA: float
    AssA: float
    LocA: float
    MOTA: float
    MOTP: float
    IDF1: float
    id_switches: int
    fragmentations: int
    mostly_tracked: int
    mostly_lost: int
    false_positives: int
    misses: int


@dataclass(frozen=True)
class Pair:
    """A sequence to score: its ground truth file, a result file, and the sequence's length where it is known."""

    name: str
    ground_truth: Path
    results: Path
    length: int | None = None


def score(ground_truth: Path, results: Path, benchmark: Benchmark | None = None) -> list[Score]:
    """Score tracking results against ground truth.

    Args:
        ground_truth: a sequence folder (`gt/gt.txt`, `seqinfo.ini`), a folder of such folders, or a ground truth file.
        results: a MOTChallenge result file for a single sequence, or a folder with `<sequence>.txt` for each.
        benchmark: whose preprocessing applies: MOT15 scores every row of ground truth not marked 0; the others score
            class 1 and forgive boxes on distractors. None chooses for each sequence by the columns of its ground
            truth: MOT15 has ten, the others nine.

    Returns:
        The scores of each sequence and, for several, their combination named COMBINED.

    Raises:
        InputError: a file is missing or is none the official scorer accepts, or TrackEval is not installed.
    """
    pairs = find_pairs(ground_truth, results)
    tables = {pair.name: read_table(pair.ground_truth, min_columns=7) for pair in pairs}
    lengths = {}
    for pair in pairs:
        table = read_table(pair.results, min_columns=6)
        lengths[pair.name] = pair.length or int(max(_last(tables[pair.name]), _last(table)))
        _check(pair.ground_truth, tables[pair.name], lengths[pair.name])
        _check(pair.results, table, lengths[pair.name])
        _check_results(pair.results, table)
    benchmarks = {name: benchmark or guess_benchmark(name, table) for name, table in tables.items()}
    for pair in pairs:
        if benchmarks[pair.name] != "MOT15" and tables[pair.name].shape[1] < 8:
            raise InputError(f"{pair.ground_truth}: no class in column 8, which {benchmark} needs. Use MOT15.")
    return _run_trackeval(pairs, tables, lengths, benchmarks)


def require_trackeval() -> None:
    """Make sure that the scorer is installed, without importing it.

    Raises:
        InputError: it is not; the message says how to get it.
    """
    if importlib.util.find_spec("trackeval") is None:
        raise InputError("scoring needs the TrackEval package: pip install 'deepsort-cli[score]'")


def score_comparisons(comparisons: Sequence[Comparison]) -> list[Score]:
    """Score tracks that are in memory, as `score` does those in files; names must differ.

    Raises:
        RunError: there is no ground truth in the frames of a sequence.
        InputError: the scorer refuses the ground truth, or TrackEval is not installed.
    """
    for one in comparisons:
        if not len(one.ground_truth):
            raise RunError(f"{one.name}: no ground truth in the frames tracked, so there is nothing to score.")
    with tempfile.TemporaryDirectory() as folder:
        pairs = []
        for one in comparisons:
            path = Path(folder) / f"{one.name}.txt"
            np.savetxt(path, one.results, fmt=["%d", "%d", *["%.2f"] * 4, *["%d"] * 4], delimiter=",")
            pairs.append(Pair(one.name, path, path))
        return _run_trackeval(
            pairs,
            tables={one.name: one.ground_truth for one in comparisons},
            lengths={one.name: int(max(_last(one.ground_truth), _last(one.results))) for one in comparisons},
            benchmarks={one.name: guess_benchmark(one.name, one.ground_truth) for one in comparisons},
        )


def find_pairs(ground_truth: Path, results: Path) -> list[Pair]:
    """Match sequences of ground truth with result files.

    Raises:
        InputError: nothing matches.
    """
    if not ground_truth.exists():
        raise InputError(f"--gt {ground_truth}: no such file or folder.")
    if not results.exists():
        raise InputError(f"--results {results}: no such file or folder.")
    if ground_truth.is_file():
        folder = ground_truth.parent.parent if ground_truth.parent.name == "gt" else None
        return [_pair(ground_truth.stem if folder is None else folder.name, ground_truth, folder, results)]
    if (ground_truth / "gt" / "gt.txt").is_file():
        return [_pair(ground_truth.resolve().name, ground_truth / "gt" / "gt.txt", ground_truth, results)]
    folders = sorted(folder for folder in ground_truth.iterdir() if (folder / "gt" / "gt.txt").is_file())
    if not folders:
        raise InputError(f"--gt {ground_truth}: neither gt/gt.txt nor sequence folders with gt/gt.txt inside.")
    if results.is_file():
        raise InputError(
            f"--results {results}: one file, but {ground_truth} holds {len(folders)} sequences. Give a folder."
        )
    pairs = [
        _pair(folder.name, folder / "gt" / "gt.txt", folder, results)
        for folder in folders
        if (results / f"{folder.name}.txt").is_file()
    ]
    if not pairs:
        raise InputError(
            f"--results {results}: no result for any sequence of {ground_truth}; expected {folders[0].name}.txt, …"
        )
    return pairs


def _pair(name: str, ground_truth: Path, folder: Path | None, results: Path) -> Pair:
    if results.is_dir():
        results = results / f"{name}.txt"
        if not results.is_file():
            raise InputError(f"--results {results}: no such file.")
    length = read_seqinfo(folder).length if folder is not None and (folder / "seqinfo.ini").is_file() else None
    return Pair(name, ground_truth, results, length)


def guess_benchmark(name: str, ground_truth: FloatArray) -> Benchmark:
    """MOT20 or MOT17 for nine columns of ground truth (by the sequence's name), MOT15 otherwise."""
    if ground_truth.shape[1] != 9:
        return "MOT15"
    return "MOT20" if name.startswith("MOT20") else "MOT17"


def _last(table: FloatArray) -> float:
    return float(table[:, 0].max()) if len(table) else 1.0


def _check(path: Path, table: FloatArray, length: int) -> None:
    """Refuse what the scorer would: frames beyond the sequence, and an id twice in a frame."""
    beyond = np.flatnonzero(table[:, 0] > length)
    if len(beyond):
        line = line_of_row(path, int(beyond[0]))
        raise InputError(f"{path}, line {line}: frame {table[beyond[0], 0]:g}, but the sequence has {length} frames.")
    check_unique(path, table)


def _check_results(path: Path, table: FloatArray) -> None:
    if table.shape[1] >= 8:
        wrong = np.flatnonzero(~np.isin(table[:, 7], (-1, 1)))
        if len(wrong):
            line = line_of_row(path, int(wrong[0]))
            raise InputError(
                f"{path}, line {line}: column 8 is {table[wrong[0], 7]:g}; the scorer accepts −1 or 1 only."
            )


def _run_trackeval(
    pairs: Sequence[Pair],
    tables: Mapping[str, FloatArray],
    lengths: Mapping[str, int],
    benchmarks: Mapping[str, Benchmark],
) -> list[Score]:
    require_trackeval()
    import trackeval

    quiet = {"PRINT_CONFIG": False}
    metrics = [trackeval.metrics.HOTA(), trackeval.metrics.CLEAR(quiet), trackeval.metrics.Identity(quiet)]
    results: dict[str, dict[str, Any]] = {metric.get_name(): {} for metric in metrics}
    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(io.StringIO()):
        folder = Path(name)
        for pair in pairs:
            truth = folder / "gt" / pair.name / "gt" / "gt.txt"
            truth.parent.mkdir(parents=True)
            _write_ground_truth(truth, tables[pair.name])
            found = folder / "results" / "tracker" / "data" / f"{pair.name}.txt"
            found.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(pair.results, found)
            try:
                dataset = trackeval.datasets.MotChallenge2DBox(
                    {
                        **quiet,
                        "GT_FOLDER": str(folder / "gt"),
                        "TRACKERS_FOLDER": str(folder / "results"),
                        "TRACKERS_TO_EVAL": ["tracker"],
                        "BENCHMARK": benchmarks[pair.name],
                        "DO_PREPROC": benchmarks[pair.name] != "MOT15",
                        "SKIP_SPLIT_FOL": True,
                        "SEQ_INFO": {pair.name: lengths[pair.name]},
                    }
                )
                raw = dataset.get_raw_seq_data("tracker", pair.name)
                data = dataset.get_preprocessed_seq_data(raw, "pedestrian")
                for metric in metrics:
                    results[metric.get_name()][pair.name] = metric.eval_sequence(data)
            except trackeval.utils.TrackEvalException as error:
                raise InputError(f"{pair.results}: the official scorer refuses it: {error}") from None
    scores = [_score(pair.name, {name: one[pair.name] for name, one in results.items()}) for pair in pairs]
    if len(pairs) > 1:
        combined = {metric.get_name(): metric.combine_sequences(results[metric.get_name()]) for metric in metrics}
        scores.append(_score(COMBINED, combined))
    return scores


def _write_ground_truth(path: Path, table: FloatArray) -> None:
    """As the scorer wants it: at least eight columns, and a class. Demo and MOT15 ground truth carry none it knows."""
    rows = table if table.shape[1] > 7 else np.column_stack([table, np.ones(len(table))])
    np.savetxt(path, rows, fmt="%g", delimiter=",")


def _score(name: str, results: Mapping[str, Mapping[str, Any]]) -> Score:
    hota, clear, identity = results["HOTA"], results["CLEAR"], results["Identity"]
    return Score(
        sequence=name,
        HOTA=float(np.mean(hota["HOTA"])),
        DetA=float(np.mean(hota["DetA"])),
        AssA=float(np.mean(hota["AssA"])),
        LocA=float(np.mean(hota["LocA"])),
        MOTA=float(clear["MOTA"]),
        MOTP=float(clear["MOTP"]),
        IDF1=float(identity["IDF1"]),
        id_switches=int(clear["IDSW"]),
        fragmentations=int(clear["Frag"]),
        mostly_tracked=int(clear["MT"]),
        mostly_lost=int(clear["ML"]),
        false_positives=int(clear["CLR_FP"]),
        misses=int(clear["CLR_FN"]),
    )


def write_csv(path: Path, scores: Sequence[Score]) -> None:
    """One row per sequence; fractions with six decimals."""
    names = [field.name for field in fields(Score)]
    with atomic_open(path, newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(names)
        for score in scores:
            values = (getattr(score, name) for name in names)
            writer.writerow([f"{value:.6f}" if isinstance(value, float) else value for value in values])
