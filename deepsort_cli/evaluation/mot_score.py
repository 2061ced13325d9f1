"""Tracking scores by TrackEval, the official MOTChallenge scorer: HOTA, CLEAR MOT and identity metrics.

References: Luiten et al. 2021 (HOTA), Bernardin and Stiefelhagen 2008 (CLEAR MOT), Ristani et al. 2016 (IDF1).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from deepsort_cli.core.box_tables import (
    KITTI_TYPES,
    NORMALISED,
    BoxTable,
    check_unique_ids,
    looks_normalised,
    read_boxes,
)
from deepsort_cli.core.counted import listed
from deepsort_cli.core.csv_cells import guarded
from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.files import atomic_open
from deepsort_cli.core.mot import Comparison
from deepsort_cli.evaluation.across_score import Camera, one_sequence, read_results, undecided_rows
from deepsort_cli.evaluation.mot_files import Pair, find_pairs
from deepsort_cli.evaluation.mot_rules import (
    KITTI_CLASSES,
    Benchmark,
    Rule,
    choose_rule,
    count_results,
    count_truth,
    counted,
)
from deepsort_cli.evaluation.official_scorer import Job, OfficialScorer

COMBINED = "COMBINED"
ACROSS = "ACROSS"
"""All cameras as one sequence."""


@dataclass(frozen=True)
class Score:
    """Scores of one sequence, of all together, or of all as one sequence of several cameras.

    HOTA, DetA, AssA and LocA are averages over localisation thresholds 0.05 to 0.95; the rest is at IoU 0.5. All of
    these and MOTA, MOTP, IDF1, IDP and IDR (its precision and recall) are fractions. ID switches, fragmentations, false
    positives, misses, mostly tracked and mostly lost people are counts. `rule` says which rows of ground truth counted
    (`mot_rules.Rule`), `sequences` how many sequences the scores are of.
    """

    sequence: str
    HOTA: float
    DetA: float
    AssA: float
    LocA: float
    MOTA: float
    MOTP: float
    IDF1: float
    IDP: float
    IDR: float
    id_switches: int
    fragmentations: int
    mostly_tracked: int
    mostly_lost: int
    false_positives: int
    misses: int
    rule: str = ""
    sequences: int = 1


@dataclass(frozen=True)
class Scoring:
    """What came of scoring files.

    Attributes:
        scores: of each sequence and, where ground truth has several, their combination named COMBINED; of cameras
            scored with ids that hold in all of them, ACROSS in its place.
        missing: sequences of ground truth without results, left out.
        notes: what counted, where that is not the rule of an official benchmark.
        warnings: what was left out, or looks wrong.
    """

    scores: list[Score]
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Choice:
    """What counts, where the files themselves are not to say.

    Attributes:
        benchmark: whose preprocessing applies; None chooses for each sequence, see `mot_rules.choose_rule`.
        gt_class, result_class: the class in column 8 of the rows that count; None: see `mot_rules`.
    """

    benchmark: Benchmark | None = None
    gt_class: int | None = None
    result_class: int | None = None


def score(ground_truth: Path, results: Path, choice: Choice | None = None, *, allow_missing: bool = False) -> Scoring:
    """Score tracking results against ground truth.

    Args:
        ground_truth: see `core.truth_files.find_truth`.
        results: a result file for a single sequence, or a folder with `<sequence>.txt` for each; see
            `mot_files.find_pairs`.
        choice: what counts.
        allow_missing: leave out sequences without a result file.

    Raises:
        InputError: a file is missing or cannot be scored, nothing in the ground truth counts, or TrackEval is not
            installed.
    """
    choice = choice or Choice()
    matched = find_pairs(ground_truth, results, allow_missing=allow_missing)
    files = [(pair.name, *_read(pair)) for pair in matched.pairs]
    done = Scoring([], matched.missing)
    if matched.missing:
        total = len(matched.pairs) + len(matched.missing)
        done.warnings.append(
            f"no result for {listed(matched.missing)}: scores are of {len(matched.pairs)} of {total} sequences."
        )
    if matched.unused:
        names = listed([path.name for path in matched.unused])
        done.warnings.append(f"results without ground truth, not scored: {names}.")
    jobs = _jobs(files, choice, done)
    _evaluate(jobs, done, several=len(matched.pairs) + len(matched.missing) > 1)
    return done


def score_cameras(cameras: Sequence[Pair], choice: Choice | None = None, missing: Sequence[str] = ()) -> Scoring:
    """Score cameras whose ids hold in all of them: each for itself, and all as one sequence of their frames in turn.

    Boxes match within their own frame of their own camera only, but who is in two cameras under two ids is two people.
    What is scored are the official metrics of that sequence (`across_score`).

    Args:
        cameras: their files in order; results may be text whose ids hold in all cameras, or JSON Lines and CSV with a
            `person`. Rows where that is undecided count as somebody of their own, one per camera and track.
        choice: what counts, the same in all of them.
        missing: names of cameras without results, left out.

    Raises:
        InputError: as `score`, or the rules of cameras differ.
    """
    done = Scoring([], list(missing))
    if missing:
        total = len(cameras) + len(missing)
        done.warnings.append(f"no result for {listed(missing)}: scores are of {len(cameras)} of {total} cameras.")
    return _across([(pair.name, *_read(pair, read_results)) for pair in cameras], choice or Choice(), done)


def _across(cameras: Sequence[tuple[str, BoxTable, BoxTable]], choice: Choice, done: Scoring) -> Scoring:
    jobs = _jobs(cameras, choice, done)
    _evaluate(jobs, done, several=False)
    if undecided := sum(undecided_rows(found) for _, _, found in cameras):
        rows = sum(len(found) for _, _, found in cameras)
        done.notes.append(
            f"{undecided:,} of {rows:,} rows have no person: each such track counts as somebody of its own."
        )
    scorer = OfficialScorer()
    whole = one_sequence(ACROSS, [Camera(*camera, job) for camera, job in zip(cameras, jobs, strict=True)])
    done.scores.append(replace(_score(ACROSS, scorer.evaluate(whole), whole.rule.name), sequences=len(jobs)))
    return done


def score_comparisons(comparisons: Sequence[Comparison], *, across: bool = False) -> Scoring:
    """Score tracks that are in memory, as `score` does those in files; names must differ.

    Args:
        across: ids hold in all of them, see `score_cameras`; negative ones are somebody of their own.

    Raises:
        RunError: there is no ground truth in the frames of a sequence.
        InputError: the scorer refuses the ground truth, or TrackEval is not installed.
    """
    done, files = Scoring([]), []
    for one in comparisons:
        if not len(one.ground_truth):
            raise RunError(f"{one.name}: no ground truth in the frames tracked, so there is nothing to score.")
        path = one.truth_path or Path(one.name)
        tables = (_table(path, one.ground_truth, one.truth_form), _table(Path(one.name), one.results, "mot"))
        files.append((one.name, *tables))
    if across:
        return _across(files, Choice(), done)
    jobs = _jobs(files, Choice(), done)
    _evaluate(jobs, done, several=len(jobs) > 1)
    return done


def _read(pair: Pair, read: Callable[[Path], BoxTable] = read_boxes) -> tuple[BoxTable, BoxTable]:
    """Ground truth and results of a sequence, checked for what no scorer takes; `read` reads the results."""
    truth, found = read_boxes(pair.ground_truth), read(pair.results)
    for table in (truth, found):
        beyond = np.flatnonzero(table.values[:, 0] > (pair.length or np.inf))
        if len(beyond):
            frame = table.values[beyond[0], 0]
            raise InputError(
                f"{table.where(beyond[0])}: frame {frame:g}, but the sequence has {pair.length} frames "
                f"(seqLength in seqinfo.ini). Are these files of the same sequence?"
            )
    scaled = [table for table in (truth, found) if looks_normalised(table.values[:, 2:6])]
    if len(scaled) == 1 and len(truth) and len(found):
        raise InputError(
            f"{scaled[0].path}: {NORMALISED} ({(truth if scaled[0] is found else found).path} has pixels.)"
        )
    return truth, found


def _table(path: Path, rows: np.ndarray, form: Any) -> BoxTable:
    ids, position = np.unique(rows[:, 1], return_inverse=True)
    values = rows.copy()
    values[:, 1] = position.reshape(-1)
    return BoxTable(path, form, values, tuple(map(int, ids.tolist())), np.arange(1, len(rows) + 1))


def _kitti_class(truths: Sequence[BoxTable], choice: Choice) -> int | None:
    """The same type for all of KITTI's sequences: pedestrians where any has some."""
    kitti = [truth for truth in truths if truth.form == "kitti"]
    if choice.gt_class is not None or not kitti:
        return choice.gt_class
    numbers = [KITTI_TYPES.index(name) + 1 for name in KITTI_CLASSES]
    return next((one for one in numbers if any((truth.values[:, 7] == one).any() for truth in kitti)), numbers[0])


def _jobs(files: Sequence[tuple[str, BoxTable, BoxTable]], choice: Choice, done: Scoring) -> list[Job]:
    """What to score of each sequence: name, ground truth and results.

    Raises:
        InputError: nothing in the ground truth counts, or a table cannot be scored.
    """
    truths = [truth for _, truth, _ in files]
    kitti = replace(choice, gt_class=_kitti_class(truths, choice))
    rules = {}
    for i, (name, truth, _) in enumerate(files):
        if len(truth):
            asked = kitti if truth.form == "kitti" else choice
            rules[i] = choose_rule(name, truth, asked.benchmark, asked.gt_class)
    # A file without rows says nothing of its own: nobody was there, by the rules of the others.
    usual = replace(next(iter(rules.values()), Rule("MOT15")), note="")
    jobs = [_job(name, truth, found, rules.get(i, usual), choice, done) for i, (name, truth, found) in enumerate(files)]
    _check_counted(list(zip(truths, jobs, strict=True)), done)
    return jobs


def _job(name: str, truth: BoxTable, found: BoxTable, rule: Rule, choice: Choice, done: Scoring) -> Job:
    if rule.note:
        done.notes.append(rule.note)
    found, notes = count_results(found, rule, choice.result_class)
    done.warnings.extend(notes)
    rows = count_truth(truth, rule)
    check_unique_ids(truth, np.flatnonzero(rows[:, 6] != 0) if truth.form == "mot" else None)
    check_unique_ids(found)
    if not len(found) and len(truth):
        done.warnings.append(f"{found.path}: holds no row that counts, so everything in {name} is missed.")
    return Job(name, rows, found.values, rule)


def _check_counted(jobs: Sequence[tuple[BoxTable, Job]], done: Scoring) -> None:
    """Refuse ground truth of which nothing counts, and say where that is so of single sequences."""
    empty = [(truth, job) for truth, job in jobs if not counted(truth, job.rule)]
    for truth, job in empty:
        why = f"{truth.path}: holds no row."
        if len(truth) and job.rule.kitti is not None:
            why = f"{truth.path}: no {job.rule.kitti} in it; `gt_class`=1 scores cars, 4 pedestrians."
        elif len(truth) and truth.values.shape[1] > 6 and (truth.values[:, 6] == 0).all():
            why = f"{truth.path}: no row counts: column 7 is 0 in all, which marks rows to be ignored. Write 1 there."
        elif len(truth):
            why = f"{truth.path}: no row counts by the rules of {job.rule.name}."
        if len(empty) == len(jobs):
            raise InputError(why)
        done.warnings.append(why)


def _evaluate(jobs: Sequence[Job], done: Scoring, *, several: bool) -> None:
    scorer = OfficialScorer()
    for job in jobs:
        one = _score(job.name, scorer.evaluate(job), job.rule.name)
        done.scores.append(one)
        if len(job.results) and one.DetA == 0 and one.misses:
            done.warnings.append(
                f"{job.name}: no box of the results overlaps one of the ground truth. Are they of the same sequence "
                "and picture size, and do both count frames from 1?"
            )
    if several:
        rules = dict.fromkeys(job.rule.name for job in jobs)
        together = _score(COMBINED, scorer.combined(), "; ".join(rules))
        done.scores.append(replace(together, sequences=len(jobs)))


def _score(name: str, results: Mapping[str, Mapping[str, Any]], rule: str) -> Score:
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
        IDP=float(identity["IDP"]),
        IDR=float(identity["IDR"]),
        id_switches=int(clear["IDSW"]),
        fragmentations=int(clear["Frag"]),
        mostly_tracked=int(clear["MT"]),
        mostly_lost=int(clear["ML"]),
        false_positives=int(clear["CLR_FP"]),
        misses=int(clear["CLR_FN"]),
        rule=rule,
    )


def write_csv(path: Path, scores: Sequence[Score]) -> None:
    """One row per sequence; fractions with six decimals."""
    names = [field.name for field in fields(Score)]
    with atomic_open(path, newline="", follow=True) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(names)
        for score in scores:
            values = (getattr(score, name) for name in names)
            writer.writerow([f"{value:.6f}" if isinstance(value, float) else guarded(value) for value in values])
