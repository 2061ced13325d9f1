"""The CSV files of a report."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepsort_cli.core.csv_cells import guarded
from deepsort_cli.core.files import atomic_open, printable
from deepsort_cli.evaluation.evaluate import Evaluation

LEAST_RANKS = 50
"""Ranks of the CMC curve that are written at least; beyond, until it reaches 1."""


def write_tables(evaluation: Evaluation, content: Mapping[str, Any], folder: Path) -> None:
    """Write all CSV files into an existing folder: fractions and distances, but the summary in percent as printed.

    Args:
        content: what `metrics.json` holds; the summary is its numbers, a row each.
    """
    _write(folder / "summary_metrics.csv", ("metric", "value", "low", "high"), _summary(content))
    _write(folder / "per_query_ap.csv", QUERY_COLUMNS, _queries(evaluation))
    _write(
        folder / "per_identity_ap.csv",
        ("pid", "queries", "valid_queries", "ap", "inp", "rank1", "name"),
        (
            (i.pid, i.num_queries, i.num_valid, i.ap, i.inp, i.rank1, evaluation.data.names.get(i.pid, ""))
            for i in evaluation.identities
        ),
    )
    _write(
        folder / "per_camera_pair_ap.csv",
        ("query_camid", "gallery_camid", "valid_queries", "ap", "inp", "rank1"),
        ((c.q_camid, c.g_camid, c.num_queries, c.mAP, c.mINP, c.rank1) for c in evaluation.camera_pairs),
    )
    _write(folder / "cmc_curve.csv", ("rank", "cmc"), enumerate(cmc_head(evaluation), start=1))
    _write(folder / "top_k_retrievals.csv", RETRIEVAL_COLUMNS, _retrievals(evaluation))
    _write(folder / "roc_curve.csv", ROC_COLUMNS, _roc(evaluation))


QUERY_COLUMNS = (
    "query_index",
    "path",
    "pid",
    "camid",
    "status",
    "matches",
    "gallery_images",
    "ap",
    "ap_trapezoidal",
    "inp",
    "first_match_rank",
)
RETRIEVAL_COLUMNS = (
    "query_path",
    "query_pid",
    "query_camid",
    "rank",
    "gallery_path",
    "gallery_pid",
    "gallery_camid",
    "distance",
    "correct",
)
ROC_COLUMNS = ("threshold", "tpr", "fpr", "tpr_same_camera", "fpr_same_camera")


def cmc_head(evaluation: Evaluation) -> list[float]:
    """The CMC curve until it reaches 1, but `LEAST_RANKS` ranks where the gallery has them."""
    cmc = evaluation.ranking.cmc
    complete = int(np.argmax(cmc >= 1 - 1e-12)) + 1
    wanted = max(complete, LEAST_RANKS, *evaluation.settings.ranks)
    return [float(x) for x in cmc[:wanted]]


def _summary(content: Mapping[str, Any]) -> Iterable[Sequence[Any]]:
    bounds = {**content["intervals"], "threshold": content["threshold_interval"]}
    for name, value in content.items():
        if isinstance(value, int | float | None) and not isinstance(value, bool):
            yield (name, value, *(bounds.get(name) or (None, None)))
    for name, value in (content["same_camera"] or {}).items():
        yield (f"same_camera_{name}", value, None, None)


def _queries(evaluation: Evaluation) -> Iterable[Sequence[Any]]:
    query, ranking = evaluation.data.query, evaluation.ranking
    for i, path in enumerate(query.paths):
        valid = bool(ranking.valid[i])
        yield (
            i,
            path,
            query.pids[i],
            query.camids[i],
            "valid" if valid else "skipped",
            ranking.num_matches[i],
            ranking.num_gallery[i],
            ranking.ap[i],
            ranking.ap_trapezoidal[i],
            ranking.inp[i],
            ranking.first_match[i] if valid else None,
        )


def _retrievals(evaluation: Evaluation) -> Iterable[Sequence[Any]]:
    query, gallery = evaluation.data.query, evaluation.data.gallery
    correct = evaluation.correct()
    for i, path in enumerate(query.paths):
        for k, j in enumerate(evaluation.retrieved[i]):
            if j >= 0:
                distance = evaluation.retrieved_distance[i, k]
                found = (gallery.paths[j], gallery.pids[j], gallery.camids[j], distance, int(correct[i, k]))
                yield (path, query.pids[i], query.camids[i], k + 1, *found)


def _roc(evaluation: Evaluation) -> Iterable[Sequence[Any]]:
    curve = evaluation.verification.curve
    same = evaluation.verification_same_camera
    nothing = [None] * len(curve.threshold)
    columns = (same.curve.tpr, same.curve.fpr) if same else (nothing, nothing)
    return zip(curve.threshold, curve.tpr, curve.fpr, *columns, strict=True)


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with atomic_open(path, newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: Any) -> Any:
    """NaN becomes an empty cell, floats get six significant digits, odd bytes in file names are escaped."""
    if isinstance(value, str):
        return guarded(printable(value))
    if isinstance(value, float | np.floating):
        return "" if math.isnan(value) else f"{float(value):.6g}"
    return value
