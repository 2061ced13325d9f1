"""Which rows of ground truth and results count in a score, for files of official benchmarks and all others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from deepsort_cli.core.box_tables import KITTI_TYPES, BoxTable, marked_to_count
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.types import FloatArray

Benchmark = Literal["MOT15", "MOT16", "MOT17", "MOT20"]
BENCHMARKS: tuple[Benchmark, ...] = ("MOT15", "MOT16", "MOT17", "MOT20")

PEDESTRIAN = 1
"""The class that counts in MOTChallenge."""

OFFICIAL_CLASSES = tuple(range(1, 14))
PERSON_LABELS = ("person", "pedestrian", "people", "human")
KITTI_CLASSES = ("pedestrian", "car")
"""What KITTI's official scorer can evaluate."""


@dataclass(frozen=True)
class Rule:
    """What counts in a sequence.

    Attributes:
        name: short, for tables of scores: a benchmark's name, `class 0`, `all classes`, `KITTI pedestrian`.
        benchmark: whose preprocessing the official scorer applies: MOT15's is none.
        kitti: the class of KITTI to evaluate, None for other files.
        count: the class whose rows of ground truth count, None for all; only with MOT15's preprocessing.
        note: a sentence where this is not what the official scorer does with official files.
    """

    name: str
    benchmark: Benchmark = "MOT15"
    kitti: str | None = None
    count: int | None = None
    note: str = ""


def choose_rule(name: str, truth: BoxTable, benchmark: Benchmark | None = None, gt_class: int | None = None) -> Rule:
    """What counts in a sequence.

    A benchmark or class that is asked for is used. Otherwise, rows marked 0 in column 7 never count, and

    - KITTI's labels: pedestrians by KITTI's official rules, cars where there are no pedestrians;
    - 6, 7 or 10 columns hold no class (MOTChallenge 2015): all rows count; but ten columns that end in a class,
      truncation and occlusion (VisDrone) count as the last line says;
    - 8 or 9 columns, classes 1 to 13 with class 1 among them: MOT17's rules (MOT20's by the sequence's name), in which
      class 1 counts and boxes on distractors are forgiven;
    - 8 or 9 columns with other classes: those named a person in `labels.txt` beside the file (CVAT); else class 0 where
      there is one (COCO and YOLO count from 0); else class 1; else, all rows count whatever their class.

    Args:
        name: the sequence's name.
        truth: its ground truth.
        benchmark: the benchmark whose rules to apply, whatever the columns say.
        gt_class: the number in column 8 of the rows that count; in KITTI's labels the number of a type.

    Raises:
        InputError: naming the file, where what is asked for cannot be done with it.
    """
    if truth.form == "kitti":
        return _kitti_rule(truth, benchmark, gt_class)
    classes = _classes(truth.values)
    if benchmark is not None and gt_class is not None:
        raise InputError("`benchmark` and `gt_class`: a benchmark's rules say which class counts; give one of them.")
    if gt_class is not None:
        return _one_class(truth, classes, gt_class)
    if benchmark is not None:
        return _official(truth, classes, benchmark)
    if classes is None or not len(truth):
        return Rule("MOT15")
    official_classes = set(classes.tolist()) <= set(OFFICIAL_CLASSES) and truth.values.shape[1] < 10
    # Rows that are to be ignored do not speak for what is to be counted.
    classes = classes[marked_to_count(truth)] if len(marked_to_count(truth)) else classes
    present = np.unique(classes).tolist()
    if PEDESTRIAN in present and official_classes:
        labelled = _person_label(truth.path)
        if labelled is None or labelled == PEDESTRIAN:
            official: Benchmark = "MOT20" if name.startswith("MOT20") else "MOT17"
            return Rule(official, official)
    for number, why in (
        (_person_label(truth.path), "labels.txt names it a person"),
        (0, "classes count from 0"),
        (PEDESTRIAN, "pedestrians in MOTChallenge and VisDrone"),
    ):
        if number in present:
            rows = int((classes == number).sum())
            note = f"{truth.path}: rows of class {number} count ({why}): {rows:,} of {len(classes):,}."
            if len(present) > 1:
                note += " Choose another with `gt_class`."
            return Rule(f"class {number}", count=number, note=note)
    known = ", ".join(map(str, present[:10]))
    note = f"{truth.path}: no row of class 1 or 0, so the rows of every class count ({known}); `gt_class` chooses one."
    if len(present) == 1:
        note = f"{truth.path}: no row of class 1 or 0, so those of class {known} count."
        return Rule(f"class {known}", count=int(present[0]), note=note)
    return Rule("all classes", note=note)


def count_truth(truth: BoxTable, rule: Rule) -> FloatArray:
    """(M, 9 or 10) rows of ground truth for the scorer: column 7 is 0 where a row is to be ignored, column 8 the class.

    Columns of KITTI's labels stay as they are.
    """
    values = truth.values
    if not len(values):
        return np.empty((0, 9 if rule.kitti is None else 10))
    if rule.kitti is not None:
        return values
    rows = np.ones((len(values), 9))
    rows[:, : min(7, values.shape[1])] = values[:, :7]
    # Whatever is not 0 counts: the scorer would cut a confidence of 0.9 to 0.
    rows[:, 6] = rows[:, 6] != 0
    if rule.benchmark != "MOT15":
        rows[:, 7] = values[:, 7]
    elif rule.count is not None:
        rows[:, 6] *= values[:, 7] == rule.count
    # Ignored regions often share one id, and the scorer wants ids once in a frame; it drops these rows by column 7.
    ignored = np.flatnonzero(rows[:, 6] == 0)
    rows[ignored, 1] = len(truth.ids) + np.arange(len(ignored))
    return rows


def counted(truth: BoxTable, rule: Rule) -> int:
    """How many rows of ground truth count."""
    rows = count_truth(truth, rule)
    if rule.kitti is not None:
        return int((rows[:, 7] == KITTI_TYPES.index(rule.kitti) + 1).sum())
    of_class = rows[:, 7] == PEDESTRIAN if rule.benchmark != "MOT15" else True
    return int(((rows[:, 6] != 0) & of_class).sum())


def count_results(results: BoxTable, rule: Rule, result_class: int | None = None) -> tuple[BoxTable, list[str]]:
    """The rows of results that count, and what is to be said about the others.

    Column 8 may hold any class: all rows count, unless `result_class` names the one that does. Of KITTI's results the
    class that is evaluated counts, pedestrians against other ground truth.

    Raises:
        InputError: naming the file: no row has the class asked for.
    """
    values, notes = results.values, []
    if results.form == "kitti":
        wanted = KITTI_TYPES.index(rule.kitti or "pedestrian") + 1 if result_class is None else result_class
        keep = (values[:, 7] == wanted) & np.array([one >= 0 for one in results.ids], bool)[values[:, 1].astype(int)]
        left = len(results) - int(keep.sum())
        if left:
            name = KITTI_TYPES[wanted - 1] if 1 <= wanted <= len(KITTI_TYPES) else f"number {wanted}"
            notes.append(f"{results.path}: {left:,} of {len(results):,} rows are of other types than {name}, left out.")
        return _only(results, keep), notes
    classes = _classes(values, results=True)
    if result_class is not None:
        keep = np.zeros(len(results), bool) if classes is None else classes == result_class
        if len(results) and not keep.any():
            raise InputError(f"{results.path}: `result_class`={result_class}, but column 8 holds {_held(classes)}.")
        return _only(results, keep), notes
    if classes is not None and len(present := np.unique(classes).tolist()) > 1:
        notes.append(
            f"{results.path}: boxes of {len(present)} classes ({', '.join(map(str, present[:10]))}) all count; "
            "`result_class` chooses one."
        )
    return results, notes


def _only(table: BoxTable, keep: np.ndarray) -> BoxTable:
    return replace(table, values=table.values[keep], lines=table.lines[keep])


def _classes(values: FloatArray, *, results: bool = False) -> np.ndarray | None:
    """(N,) int64 classes in column 8; None where there are none, as in ten columns of ground truth."""
    if values.shape[1] < 8 or (not results and values.shape[1] > 9 and not _ends_as_visdrone(values)):
        return None
    column = values[:, 7]
    if (column != np.floor(column)).any() or (np.abs(column) > 1e6).any() or (column < 0).all():
        return None
    return column.astype(np.int64)


def _ends_as_visdrone(values: FloatArray) -> bool:
    """Whether ten columns end in class, truncation and occlusion rather than in a place in the world."""
    ends = values[:, 7:10]
    whole = (ends == np.floor(ends)).all()
    return bool(whole and (ends[:, 0] >= 0).all() and (np.abs(ends[:, 1]) <= 1).all() and (ends[:, 2] <= 2).all())


def _held(classes: np.ndarray | None) -> str:
    if classes is None or not len(classes):
        return "no class"
    return "classes " + ", ".join(map(str, np.unique(classes).tolist()[:10]))


def _one_class(truth: BoxTable, classes: np.ndarray | None, wanted: int) -> Rule:
    values = truth.values
    if classes is None and values.shape[1] == 10:  # asked for by name: ten columns may hold one all the same
        classes = _classes(values, results=True)
    if classes is None or not (classes == wanted).any():
        raise InputError(f"{truth.path}: `gt_class`={wanted}, but column 8 holds {_held(classes)}.")
    return Rule(f"class {wanted}", count=wanted)


def _official(truth: BoxTable, classes: np.ndarray | None, benchmark: Benchmark) -> Rule:
    if benchmark == "MOT15":
        return Rule(benchmark)
    remedy = "Leave `benchmark` out, or use MOT15, for which all rows count."
    if truth.values.shape[1] < 8:
        raise InputError(f"{truth.path}: no class in column 8, which {benchmark} needs. {remedy}")
    classes = classes if classes is not None else truth.values[:, 7]
    odd = np.flatnonzero(~np.isin(classes, OFFICIAL_CLASSES))
    if len(odd):
        row = odd[0]
        raise InputError(
            f"{truth.where(row)}: class {truth.values[row, 7]:g} in column 8; {benchmark} has classes 1 to 13. {remedy}"
        )
    return Rule(benchmark, benchmark)


def _kitti_rule(truth: BoxTable, benchmark: Benchmark | None, gt_class: int | None) -> Rule:
    if benchmark is not None:
        raise InputError(f"{truth.path}: labels of KITTI, which `benchmark`={benchmark} does not score. Leave it out.")
    types = set(truth.values[:, 7].astype(int).tolist())
    numbers = {name: KITTI_TYPES.index(name) + 1 for name in KITTI_CLASSES}
    if gt_class is not None and gt_class not in numbers.values():
        choice = " or ".join(f"{number} ({name})" for name, number in numbers.items())
        raise InputError(f"`gt_class`={gt_class}: KITTI's official rules are for {choice}.")
    chosen = [name for name, number in numbers.items() if number == gt_class]
    present = [name for name, number in numbers.items() if number in types]
    name = (chosen or present or list(KITTI_CLASSES))[0]
    return Rule(f"KITTI {name}", kitti=name)


def _person_label(path: Path) -> int | None:
    """The class that `labels.txt` beside a ground truth file, as CVAT writes it, calls a person; None without one."""
    try:
        lines = (path.parent / "labels.txt").read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError:
        return None
    labels = [line.strip().lower() for line in lines if line.strip()]
    return next((number for number, label in enumerate(labels, 1) if label in PERSON_LABELS), None)
