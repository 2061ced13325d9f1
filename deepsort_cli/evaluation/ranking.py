"""Ranking a gallery for every query: mAP, CMC and mINP of the Market-1501 protocol (Zheng 2015), in query blocks.

Per query, gallery rows with its own person **and** camera are taken out, as are rows with person id −1 (junk); person
id 0 (distractors) stays. Queries left without a correct match are skipped: they count in no average, and keep their
place in every per-query array.

The gallery is never argsorted. The rank of a match is the number of gallery rows nearer than it, and counting those is
a fast pass over the row; where a query has many matches, one plain sort and a binary search per match are faster. Ties
rank in gallery order, as a stable argsort would have them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.looks import measured
from deepsort_cli.core.types import FloatArray, IntArray

Metric = Literal["cosine", "euclidean"]
Features = npt.NDArray[np.floating[Any]]
JUNK = -1
BLOCK_ELEMENTS = 1 << 23
"""Distances held at a time: 32 MB in float32."""
SORT_ABOVE = 64
"""Matches of one query from which on sorting its row is cheaper than counting for each."""


@dataclass(frozen=True)
class RankingResult:
    """How well Q queries found their matches. Per-query arrays follow the order of the queries.

    Attributes:
        ap: (Q,) float64 step average precision, mean of k / r_k over the ranks r_k of the matches; NaN where skipped.
        ap_trapezoidal: (Q,) float64, mean of (k / r_k + (k−1) / (r_k−1)) / 2, second term 1 for r_1 = 1; NaN likewise.
        inp: (Q,) float64 inverse negative penalty, matches over the rank of the last one (Ye 2021); NaN likewise.
        first_match: (Q,) int64 rank of the first match, from 1; 0 where skipped.
        num_matches: (Q,) int64 correct gallery rows; 0 where skipped.
        num_gallery: (Q,) int64 gallery rows ranked, after removals.
        gallery_size: gallery rows that are not junk.
    """

    ap: FloatArray
    ap_trapezoidal: FloatArray
    inp: FloatArray
    first_match: IntArray
    num_matches: IntArray
    num_gallery: IntArray
    gallery_size: int

    @property
    def valid(self) -> npt.NDArray[np.bool_]:
        """(Q,) whether a query has at least one match."""
        return self.num_matches > 0

    @property
    def num_valid(self) -> int:
        return int(self.valid.sum())

    @property
    def num_skipped(self) -> int:
        return len(self.ap) - self.num_valid

    @property
    def mAP(self) -> float:
        """Mean step average precision of the valid queries, a fraction; NaN if there is none."""
        return _mean(self.ap[self.valid])

    @property
    def mAP_trapezoidal(self) -> float:
        """Mean trapezoidal average precision, as reported by the original Market-1501 code."""
        return _mean(self.ap_trapezoidal[self.valid])

    @property
    def mINP(self) -> float:
        """Mean inverse negative penalty."""
        return _mean(self.inp[self.valid])

    @property
    def cmc(self) -> FloatArray:
        """(gallery_size,) float64 cumulative matching characteristic: entry k−1 is rank-k. NaN if no query is valid."""
        if self.num_valid == 0:
            return np.full(self.gallery_size, np.nan)
        found = np.bincount(self.first_match[self.valid] - 1, minlength=self.gallery_size)
        return np.asarray(np.cumsum(found) / self.num_valid)

    def rank(self, k: int) -> float:
        """Fraction of valid queries with a match among the first k gallery rows (k from 1)."""
        return _mean(self.first_match[self.valid] <= k)


def rank(
    query: Features,
    gallery: Features,
    q_pids: IntArray,
    g_pids: IntArray,
    q_camids: IntArray,
    g_camids: IntArray,
    metric: Metric = "cosine",
) -> RankingResult:
    """Rank the gallery by embedding distance for every query.

    Args:
        query: (Q, D) embeddings; for the cosine metric they need not be normalised.
        gallery: (G, D) embeddings.
        q_pids, g_pids: (Q,), (G,) person ids; −1 is junk, and 0 in the gallery a distractor.
        q_camids, g_camids: (Q,), (G,) camera ids.
        metric: `cosine` or `euclidean`.

    Raises:
        InputError: if embedding sizes differ, or values are NaN or infinite.
        ValueError: if lengths do not agree.
    """
    if (len(query), len(gallery)) != (len(q_pids), len(g_pids)):
        sizes = f"{len(query)} and {len(gallery)} embeddings, {len(q_pids)} and {len(g_pids)} person ids"
        raise ValueError(f"query and gallery need one person id per embedding, got {sizes}")
    kept = np.flatnonzero(np.asarray(g_pids) != JUNK)
    if len(kept) < len(g_pids):
        gallery, g_pids, g_camids = gallery[kept], g_pids[kept], g_camids[kept]
    ranker = Ranker(q_pids, g_pids, q_camids, g_camids)
    parts = [ranker.rank_rows(rows, block) for rows, block in distance_blocks(query, gallery, metric)]
    return ranker.join(parts)


def rank_distances(
    distances: Features, q_pids: IntArray, g_pids: IntArray, q_camids: IntArray, g_camids: IntArray
) -> RankingResult:
    """Like `rank`, for a (Q, G) matrix of distances that already exists."""
    if distances.shape != (len(q_pids), len(g_pids)):
        raise ValueError(f"distances must have shape {(len(q_pids), len(g_pids))}, got {distances.shape}")
    kept = np.flatnonzero(np.asarray(g_pids) != JUNK)
    ranker = Ranker(q_pids, g_pids[kept], q_camids, g_camids[kept])
    step = block_rows(len(kept))
    blocks = [slice(start, min(start + step, len(distances))) for start in range(0, len(distances), step)]
    return ranker.join([ranker.rank_rows(rows, np.take(distances[rows], kept, axis=1)) for rows in blocks])


def distance_blocks(
    query: Features, gallery: Features, metric: Metric = "cosine"
) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
    """Yield (rows, distances): a slice of queries and their (len(rows), G) float32 distances to the whole gallery.

    Cosine distance is 1 − cosine similarity, between 0 and 2. A yielded block is overwritten by the next one.

    Raises:
        InputError: as `rank`.
    """
    query, gallery = check_features(query, gallery)
    if metric == "cosine":
        query, gallery = normalised(query), normalised(gallery)
    elif metric != "euclidean":
        raise ValueError(f"metric must be cosine or euclidean, got {metric!r}")
    squares = None if metric == "cosine" else np.einsum("nd,nd->n", gallery, gallery)
    step = block_rows(len(gallery))
    buffer = np.empty((min(step, len(query)), len(gallery)), dtype=np.float32)
    for start in range(0, len(query), step):
        rows = slice(start, min(start + step, len(query)))
        block = buffer[: rows.stop - rows.start]
        np.matmul(query[rows], gallery.T, out=block)
        if squares is None:
            np.subtract(1, block, out=block)
        else:
            block *= -2
            block += squares
            block += np.einsum("nd,nd->n", query[rows], query[rows])[:, None]
            np.maximum(block, 0, out=block)
            np.sqrt(block, out=block)
        yield rows, block


def check_features(query: Features, gallery: Features) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Both sets of embeddings as float32 (N, D) arrays of one D.

    Raises:
        InputError: if embedding sizes differ, or values are NaN or infinite.
    """
    query, gallery = (np.ascontiguousarray(x, dtype=np.float32) for x in (query, gallery))
    for name, features in (("query", query), ("gallery", gallery)):
        if features.ndim != 2:
            raise ValueError(f"{name} embeddings must have shape (N, D), got {features.shape}")
        bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
        if len(bad):
            raise InputError(
                f"{len(bad)} of {len(features)} {name} embeddings hold NaN or infinite values (the first is image "
                f"{bad[0]}). The model is broken or its training diverged: use another checkpoint."
            )
    if query.shape[1] != gallery.shape[1]:
        raise InputError(
            f"query embeddings have {query.shape[1]} values, gallery embeddings {gallery.shape[1]}. "
            "Both must come from the same model."
        )
    return query, gallery


def block_rows(gallery_size: int) -> int:
    """Queries to handle at a time so that a block of distances stays small."""
    return max(1, BLOCK_ELEMENTS // max(1, gallery_size))


def count_nearer(row: Features, columns: IntArray) -> IntArray:
    """(M,) how many entries of a row of distances come before each of M columns, ties in column order."""
    values = row[columns]
    if len(columns) <= SORT_ABOVE:
        counts = [
            np.count_nonzero(row[:column] <= value) + np.count_nonzero(row[column:] < value)
            for column, value in zip(columns.tolist(), values, strict=True)
        ]
        return np.array(counts, dtype=np.int64)
    ordered = np.sort(row)
    nearer = ordered.searchsorted(values, "left").astype(np.int64)
    for i in np.flatnonzero(ordered.searchsorted(values, "right") - nearer > 1):
        nearer[i] += np.count_nonzero(row[: columns[i]] == values[i])
    return nearer


class Ranker:
    """Ranks blocks of distances between one set of queries and one gallery, junk already taken out.

    Args:
        q_pids, g_pids, q_camids, g_camids: as for `rank`.
    """

    def __init__(self, q_pids: IntArray, g_pids: IntArray, q_camids: IntArray, g_camids: IntArray) -> None:
        self._q_pids, self._q_camids = _ids(q_pids, q_camids, "query")
        g_pids, self._g_camids = _ids(g_pids, g_camids, "gallery")
        self.shape = (len(self._q_pids), len(g_pids))
        # Gallery rows grouped by person, in gallery order within a person.
        self._by_pid = np.argsort(g_pids, kind="stable")
        grouped = g_pids[self._by_pid]
        self._group_start = np.searchsorted(grouped, self._q_pids, "left")
        self._group_stop = np.searchsorted(grouped, self._q_pids, "right")

    def rank_rows(self, rows: slice, distances: Features) -> RankingResult:
        """The result of some queries from their (len(rows), G) distances, which are left unchanged."""
        same = self.same_person(rows)
        num_rows = len(distances)
        nearer = np.empty(len(same.row), dtype=np.int64)
        for i in range(num_rows):
            part = slice(same.start[i], same.start[i + 1])
            nearer[part] = count_nearer(distances[i], same.column[part])

        # Walk through every query's rows of the same person from near to far.
        walk = np.lexsort((nearer, same.row))
        row, excluded, nearer = same.row[walk], same.same_camera[walk], nearer[walk]
        excluded_before = _running(excluded, row, same.start)
        position = nearer - excluded_before + 1
        match = _running(~excluded, row, same.start) + 1
        row, position, match = row[~excluded], position[~excluded], match[~excluded]

        num_matches = np.bincount(row, minlength=num_rows)
        num_excluded = np.bincount(same.row[same.same_camera], minlength=num_rows)
        precision = match / position
        before = np.where(position > 1, (match - 1) / np.maximum(position - 1, 1), 1.0)
        first = match == 1
        last = match == num_matches[row]
        first_match = np.zeros(num_rows, dtype=np.int64)
        first_match[row[first]] = position[first]
        inp = np.full(num_rows, np.nan)
        inp[row[last]] = precision[last]
        with np.errstate(invalid="ignore"):
            ap = np.bincount(row, precision, num_rows) / num_matches
            trapezoidal = np.bincount(row, (precision + before) / 2, num_rows) / num_matches
        num_gallery = distances.shape[1] - num_excluded
        return RankingResult(ap, trapezoidal, inp, first_match, num_matches, num_gallery, self.shape[1])

    def join(self, parts: list[RankingResult]) -> RankingResult:
        """The results of consecutive blocks as one."""
        if not parts:
            parts = [self.rank_rows(slice(0, 0), np.empty((0, self.shape[1]), dtype=np.float32))]
        fields = ("ap", "ap_trapezoidal", "inp", "first_match", "num_matches", "num_gallery")
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in fields}
        return RankingResult(**joined, gallery_size=self.shape[1])

    def same_person(self, rows: slice) -> SamePerson:
        """All gallery rows that show the person of some queries."""
        start, stop = self._group_start[rows], self._group_stop[rows]
        counts = stop - start
        bounds = np.concatenate([[0], np.cumsum(counts)])
        row = np.repeat(np.arange(len(counts)), counts)
        column = self._by_pid[np.arange(bounds[-1]) - bounds[row] + start[row]]
        return SamePerson(row, column, self._g_camids[column] == self._q_camids[rows][row], bounds)


@dataclass(frozen=True)
class SamePerson:
    """The M (query, gallery) pairs of one person, sorted by query and then gallery position.

    Attributes:
        row: (M,) query, counted from the start of its block.
        column: (M,) gallery row.
        same_camera: (M,) whether the pair is taken out by the protocol.
        start: (rows + 1,) where the pairs of each query begin.
    """

    row: IntArray
    column: IntArray
    same_camera: npt.NDArray[np.bool_]
    start: IntArray


def _running(flags: npt.NDArray[np.bool_], row: IntArray, start: IntArray) -> IntArray:
    """How many flags are set before each element within its own row."""
    before = np.concatenate([[0], np.cumsum(flags)])
    return np.asarray(before[:-1] - before[start[row]])


def _ids(pids: IntArray, camids: IntArray, name: str) -> tuple[IntArray, IntArray]:
    pids, camids = np.asarray(pids, dtype=np.int64), np.asarray(camids, dtype=np.int64)
    if pids.ndim != 1 or pids.shape != camids.shape:
        raise ValueError(f"{name} needs one person id and one camera id per row, got {pids.shape} and {camids.shape}")
    return pids, camids


def normalised(features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Rows scaled to unit length; zero rows stay zero."""
    features, lengths = measured(features)
    return np.asarray(features / np.maximum(lengths, 1e-12)[:, None], dtype=np.float32)


def _mean(values: npt.NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else float("nan")
