"""`deepsort score` as a library call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener, LoggingListener
from deepsort_cli.core.files import check_output_file
from deepsort_cli.evaluation.mot_score import Choice, Scoring, write_csv
from deepsort_cli.evaluation.mot_score import score as score_pairs
from deepsort_cli.settings.keywords import from_keywords
from deepsort_cli.settings.score import ScoreSettings


def score(
    gt: Path | str | None = None,
    results: Path | str | None = None,
    *,
    listener: Listener | None = None,
    **keywords: Any,
) -> Scoring:
    """Score tracking results with the official scorer, as `deepsort score` does. Needs the extra `score`.

    Args:
        gt: ground truth: a sequence folder, a folder of such, a gt.txt, or KITTI's label_02.
        results: a text file, or a folder of <sequence>.txt files.
        listener: told what counted and what was left out; None: remarks go to the logger `deepsort`.
        keywords: the command's flags with underscores: `benchmark=`, `csv=`, `allow_missing=True`.

    Returns:
        Scores of each sequence, fractions and counts; where there are several, those of all together last.

    Raises:
        InputError: something given cannot be used, or the scorer is not installed.
        RunError: the scorer failed, or the table cannot be written.
    """
    given = {"gt": gt, "results": results}
    keywords |= {name: value for name, value in given.items() if value is not None}
    return run_score(from_keywords(ScoreSettings, keywords), listener or LoggingListener())


def run_score(settings: ScoreSettings, listener: Listener) -> Scoring:
    """What `score` does, with the settings of `deepsort score`.

    Raises:
        InputError, RunError: see `score`.
    """
    if settings.gt is None or settings.results is None:
        missing = "gt" if settings.gt is None else "results"
        raise InputError(f"`{missing}` is missing. For example `gt`=SEQUENCE and `results`=out.txt.")
    if settings.csv is not None:
        check_output_file(settings.csv, overwrite=settings.overwrite, key="csv")
    choice = Choice(settings.benchmark, settings.gt_class, settings.result_class)
    scoring = score_pairs(settings.gt, settings.results, choice, allow_missing=settings.allow_missing)
    for message in scoring.notes:
        listener.note(message)
    for message in scoring.warnings:
        listener.warn(message)
    if settings.csv is not None:
        write_csv(settings.csv, scoring.scores)
        listener.note(f"wrote {settings.csv}")
    return scoring
