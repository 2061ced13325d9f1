"""Ranking only the nearest gallery images, found by faiss: for galleries too large to compare every pair.

What lies beyond the shortlist counts as never found, so mAP, mINP and CMC become lower bounds.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.extras import install
from deepsort_cli.core.types import IntArray
from deepsort_cli.evaluation.ranking import Features, Metric, Ranker, RankingResult, check_features, normalised

EXACT_UP_TO = 200_000
"""Gallery size from which on faiss searches the nearest cells of a clustering only."""
PROBED = 0.1
"""Share of the cells searched then."""


def search(
    query: Features, gallery: Features, k: int, metric: Metric = "cosine"
) -> tuple[IntArray, npt.NDArray[np.float32]]:
    """The nearest gallery images of every query.

    Returns:
        (Q, k) int64 gallery rows, nearest first, −1 where fewer were found, and (Q, k) float32 distances, inf likewise.

    Raises:
        InputError: faiss is not installed, or as `rank`.
    """
    try:
        import faiss
    except ImportError:
        raise InputError(f"evaluation.shortlist needs faiss. Get it: {install('faiss')}") from None
    query, gallery = check_features(query, gallery)
    if metric == "cosine":
        query, gallery = normalised(query), normalised(gallery)
    k = min(k, len(gallery))
    size = gallery.shape[1]
    index: Any = faiss.IndexFlatL2(size)
    if len(gallery) > EXACT_UP_TO:
        cells = int(4 * math.sqrt(len(gallery)))
        index = faiss.IndexIVFFlat(index, size, cells)
        index.train(
            gallery[np.random.default_rng(0).choice(len(gallery), min(len(gallery), 64 * cells), replace=False)]
        )
        index.nprobe = max(1, int(PROBED * cells))
    index.add(gallery)
    squared, rows = index.search(query, k)
    squared = np.maximum(squared, 0)
    distances = squared / 2 if metric == "cosine" else np.sqrt(squared)
    return rows.astype(np.int64), np.where(rows >= 0, distances, np.inf).astype(np.float32)


def rank_shortlist(
    ranker: Ranker, rows: IntArray, q_pids: IntArray, g_pids: IntArray, q_camids: IntArray, g_camids: IntArray
) -> RankingResult:
    """The result of `rank` as far as a shortlist goes; matches beyond it count as never found.

    Args:
        ranker: for the same queries and gallery.
        rows: (Q, k) gallery rows from `search`.
        q_pids, g_pids, q_camids, g_camids: as for `rank`, junk taken out.
    """
    same = ranker.same_person(slice(0, len(rows)))
    num_matches = np.bincount(same.row[~same.same_camera], minlength=len(rows))
    num_excluded = np.bincount(same.row[same.same_camera], minlength=len(rows))
    num_gallery = len(g_pids) - num_excluded
    ap, trapezoidal, inp = (np.where(num_matches > 0, 0.0, np.nan) for _ in range(3))
    first_match = np.where(num_matches > 0, num_gallery, 0)
    for i in np.flatnonzero(num_matches):
        found = rows[i][rows[i] >= 0]
        match = g_pids[found] == q_pids[i]
        allowed = ~(match & (g_camids[found] == q_camids[i]))
        rank = 1 + np.flatnonzero(match[allowed])
        if not len(rank):
            continue
        k = np.arange(1, len(rank) + 1)
        before = np.where(rank > 1, (k - 1) / np.maximum(rank - 1, 1), 1.0)
        ap[i] = (k / rank).sum() / num_matches[i]
        trapezoidal[i] = ((k / rank + before) / 2).sum() / num_matches[i]
        first_match[i] = rank[0]
        if len(rank) == num_matches[i]:
            inp[i] = num_matches[i] / rank[-1]
    return RankingResult(ap, trapezoidal, inp, first_match, num_matches, num_gallery, len(g_pids))
