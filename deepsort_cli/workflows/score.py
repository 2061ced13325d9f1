"""`deepsort score` as a library call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener, LoggingListener
from deepsort_cli.core.files import check_output_file, is_file
from deepsort_cli.evaluation.mot_files import find_cameras, find_pairs
from deepsort_cli.evaluation.mot_score import Choice, Scoring, score_cameras, write_csv
from deepsort_cli.evaluation.mot_score import score as score_pairs
from deepsort_cli.settings.keywords import from_keywords
from deepsort_cli.settings.score import ScoreSettings


def score(
    gt: Path | str | Sequence[Path | str] | None = None,
    results: Path | str | Sequence[Path | str] | None = None,
    *,
    listener: Listener | None = None,
    **keywords: Any,
) -> Scoring:
    """Score tracking results with the official scorer, as `deepsort score` does. Needs the extra `score`.

    Args:
        gt: ground truth: a sequence folder, a folder of such, a gt.txt, or KITTI's label_02; with `across=True` also
            one for every camera.
        results: a text file, or a folder of <sequence>.txt files; with `across=True` files of all cameras, in the same
            order, or a folder.
        listener: told what counted and what was left out; None: remarks go to the logger `deepsort`.
        keywords: the command's flags with underscores: `benchmark=`, `csv=`, `allow_missing=True`.

    Returns:
        Scores of each sequence, fractions and counts; where there are several, those of all together last; with
        `across=True` those of all cameras as one sequence.

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
    if not settings.gt or not settings.results:
        missing = "results" if settings.gt else "gt"
        raise InputError(f"`{missing}` is missing. For example `gt`=SEQUENCE and `results`=out.txt.")
    if settings.csv is not None:
        read = _files_read(settings) if is_file(settings.csv) else []
        check_output_file(settings.csv, overwrite=settings.overwrite, key="csv", inputs=read)
    choice = Choice(settings.benchmark, settings.gt_class, settings.result_class)
    if settings.across:
        cameras, left_out = find_cameras(settings.gt, settings.results, allow_missing=settings.allow_missing)
        scoring = score_cameras(cameras, choice, left_out)
    else:
        gt, results = _only(settings.gt, "gt"), _only(settings.results, "results")
        scoring = score_pairs(gt, results, choice, allow_missing=settings.allow_missing)
    for message in scoring.notes:
        listener.note(message)
    for message in scoring.warnings:
        listener.warn(message)
    if settings.csv is not None:
        write_csv(settings.csv, scoring.scores)
        listener.note(f"wrote {settings.csv}")
    return scoring


def _files_read(settings: ScoreSettings) -> list[tuple[str, Path]]:
    """The files of all sequences that are scored, each with the key of the setting that leads to it."""
    if settings.across:
        pairs, _ = find_cameras(settings.gt, settings.results, allow_missing=settings.allow_missing)
    else:
        gt, results = _only(settings.gt, "gt"), _only(settings.results, "results")
        pairs = find_pairs(gt, results, allow_missing=settings.allow_missing).pairs
    return [("gt", pair.ground_truth) for pair in pairs] + [("results", pair.results) for pair in pairs]


def _only(paths: Sequence[Path], key: str) -> Path:
    if len(paths) > 1:
        raise InputError(
            f"`{key}`: {len(paths)} are given. Give a folder of sequences, or with `across` one for each camera of "
            "the same people."
        )
    return paths[0]
