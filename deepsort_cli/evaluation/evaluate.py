"""From the embeddings of a query and a gallery set to all figures about them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.evaluation.bootstrap import Difference, Interval, difference, interval, resample, resampled_means
from deepsort_cli.evaluation.health import fault_of
from deepsort_cli.evaluation.pairs import PairCounter, PairCounts, RocCurve, clusters_of
from deepsort_cli.evaluation.protocol import EvaluationData
from deepsort_cli.evaluation.ranking import Ranker, RankingResult, SamePerson, check_features, distance_blocks
from deepsort_cli.evaluation.rerank import reranked_blocks
from deepsort_cli.evaluation.settings import EvaluationSettings
from deepsort_cli.evaluation.shortlist import rank_shortlist, search

Features = npt.NDArray[np.float32]
MAX_CAMERAS = 32
"""Figures per pair of cameras are given up to this number of gallery cameras."""
ENOUGH_IDENTITIES = 10
"""Identities with right pairs that a threshold asks for."""
ENOUGH_ACCEPTED = 5
"""Wrong pairs that a threshold must accept for their share to mean anything: 1 % asks for 500 of them."""
ENOUGH_PAIRS = 100
"""Right and wrong pairs, each, that a threshold of equal errors asks for."""
NARROW = 0.05
"""Share of the range of distances below which pairs are counted again, over a shorter range in finer bins."""
FINEST = 1e-5
"""Range below which that ends: float32 knows cosine distances no better."""
SAMPLED_OTHERS = 20_000
"""Images of other people whose pairs are counted where only a shortlist is ranked."""


@dataclass(frozen=True)
class CameraPair:
    """Queries of one camera against the gallery images of another alone.

    Attributes:
        num_queries: valid queries.
        mAP, mINP, rank1: means over them, fractions.
    """

    q_camid: int
    g_camid: int
    num_queries: int
    mAP: float
    mINP: float
    rank1: float


@dataclass(frozen=True)
class IdentityFigures:
    """Means over the valid queries of one person, fractions; NaN where none is valid."""

    pid: int
    num_queries: int
    num_valid: int
    ap: float
    inp: float
    rank1: float


@dataclass(frozen=True)
class Verification:
    """How well a threshold on the cosine distance tells pairs of one person from pairs of two.

    Attributes:
        curve: true and false positive rates by threshold.
        num_positive, num_negative: pairs.
        eer: error rate where false accepts are as frequent as false rejects; `eer_threshold` is the distance there.
        tpr_at_fpr: true positive rate by false positive rate (1e-2, 1e-3).
    """

    curve: RocCurve
    num_positive: int
    num_negative: int
    eer: float
    eer_threshold: float
    tpr_at_fpr: dict[float, float]


@dataclass(frozen=True)
class Threshold:
    """The cosine distance recommended to the tracker.

    Attributes:
        interval: its value and 95 % interval.
        pairs: `same-camera` or `cross-camera`: the pairs it was chosen on.
        criterion: the rule in words.
        tpr, fpr: what it accepts of right and of wrong pairs of that kind.
        num_positive, num_negative, num_identities: right pairs, wrong pairs, and people with right pairs it is from.
        least_positive, least_negative: pairs below which it would be chance.
    """

    interval: Interval
    pairs: str
    criterion: str
    tpr: float
    fpr: float
    num_positive: int
    num_negative: int
    num_identities: int
    least_positive: int
    least_negative: int

    @property
    def enough(self) -> bool:
        """Whether it comes from pairs enough to recommend it."""
        pairs = self.num_positive >= self.least_positive and self.num_negative >= self.least_negative
        return pairs and self.num_identities >= ENOUGH_IDENTITIES


@dataclass(frozen=True)
class Evaluation:
    """All figures of one model on one set of data. Arrays per query follow `data.query`.

    Attributes:
        data, settings: what was evaluated, and how.
        ranking: AP, INP and ranks of the matches per query, and their means.
        pairs: counts of cosine distances.
        camera_pairs: figures per pair of cameras, empty where there are no cameras or too many.
        retrieved: (Q, K) int64 nearest gallery images, same person and camera left out; −1 where there are fewer.
        retrieved_distance: (Q, K) float32 their distances, inf likewise.
        query_features, gallery_features: (Q, D), (G, D) float32 embeddings.
    """

    data: EvaluationData
    settings: EvaluationSettings
    ranking: RankingResult
    pairs: PairCounts
    camera_pairs: tuple[CameraPair, ...]
    retrieved: IntArray
    retrieved_distance: Features
    query_features: Features
    gallery_features: Features

    @cached_property
    def clusters(self) -> IntArray:
        """(Q,) cluster of identities of each query, as in `pairs`."""
        return clusters_of(self.data.query.pids)

    @cached_property
    def weights(self) -> FloatArray:
        """(B, clusters) how often each cluster is drawn in each bootstrap sample."""
        return resample(len(self.pairs.positive), self.settings.bootstrap, self.settings.seed)

    @cached_property
    def mAP(self) -> Interval:
        return self._mean(self.ranking.ap)

    @cached_property
    def rank1(self) -> Interval:
        return self._mean(self._hits(1))

    @cached_property
    def verification(self) -> Verification:
        """On the pairs of the protocol: matches from another camera against all images of other persons."""
        return self._verify(same_camera=False)

    @cached_property
    def verification_same_camera(self) -> Verification | None:
        """On pairs within one camera, where there are any of both kinds."""
        enough = self.pairs.positive_same_camera.any() and self.pairs.negative_same_camera.any()
        return self._verify(same_camera=True) if self.data.has_cameras and enough else None

    @cached_property
    def threshold(self) -> Threshold | None:
        """The recommended threshold; None where there are too few pairs for one, see `threshold_found`."""
        found = self.threshold_found
        return found if found is not None and found.enough else None

    @cached_property
    def threshold_found(self) -> Threshold | None:
        """The threshold by the rule, from however few pairs; None where there are none."""
        wanted = self.settings.threshold
        if wanted.pairs == "same-camera" and self.verification_same_camera is None:
            raise InputError(
                "`evaluation.threshold.pairs`=same-camera: the gallery holds no pairs of one person under one camera. "
                "Choose cross-camera or auto."
            )
        if wanted.pairs == "cross-camera" or self.verification_same_camera is None:
            return self._threshold(self.verification, same_camera=False)
        within = self._threshold(self.verification_same_camera, same_camera=True)
        if wanted.pairs == "same-camera" or (within is not None and within.enough):
            return within
        return self._threshold(self.verification, same_camera=False)

    def _threshold(self, found: Verification, *, same_camera: bool) -> Threshold | None:
        if not found.num_positive or not found.num_negative:
            return None
        wanted = self.settings.threshold
        pairs, resampled = self.pairs, None
        if len(self.weights) and len(pairs.positive) > 1:  # one identity drawn again is always itself
            resampled = pairs.curve(same_camera=same_camera, weights=self.weights)
        if wanted.criterion == "eer":
            value = found.eer_threshold
            samples = resampled.equal_error()[1] if resampled else np.empty(0)
            rule = "equal error rate: as many wrong pairs accepted as right pairs refused"
            least_positive = least_negative = ENOUGH_PAIRS
        else:
            value = float(found.curve.at_fpr(wanted.fpr)[1])
            samples = resampled.at_fpr(wanted.fpr)[1] if resampled else np.empty(0)
            rule = f"{100 * wanted.fpr:g} % of the wrong pairs accepted"
            least_positive, least_negative = ENOUGH_IDENTITIES, math.ceil(round(ENOUGH_ACCEPTED / wanted.fpr, 6))
        counts = pairs.positive_same_camera if same_camera else pairs.positive
        tpr, fpr = found.curve.at_threshold(value)
        return Threshold(
            interval(value, samples),
            "same-camera" if same_camera else "cross-camera",
            rule,
            tpr,
            fpr,
            found.num_positive,
            found.num_negative,
            int(counts.any(axis=1).sum()),
            least_positive,
            least_negative,
        )

    def compare(self, other: Evaluation) -> dict[str, Difference]:
        """This model minus another on the same data, by paired bootstrap: mAP, mINP and rank-1, fractions.

        Raises:
            ValueError: if the other evaluation is about other images.
        """
        if (self.data.query.paths, self.data.gallery.paths) != (other.data.query.paths, other.data.gallery.paths):
            raise ValueError("two evaluations can be compared only on the same query and gallery images")
        figures = {
            "mAP": self.ranking.ap - other.ranking.ap,
            "mINP": self.ranking.inp - other.ranking.inp,
            "rank1": self._hits(1) - other._hits(1),
        }
        return {name: self._difference(values) for name, values in figures.items()}

    @cached_property
    def identities(self) -> tuple[IdentityFigures, ...]:
        """Figures per query identity, in ascending order of person id."""
        pids, of_query = np.unique(self.data.query.pids, return_inverse=True)
        queries = np.bincount(of_query)
        valid = np.bincount(of_query, self.ranking.valid)
        with np.errstate(invalid="ignore"):
            ap, inp, rank1 = (
                np.bincount(of_query, np.nan_to_num(values)) / valid
                for values in (self.ranking.ap, self.ranking.inp, self._hits(1))
            )
        return tuple(
            IdentityFigures(int(pids[i]), int(queries[i]), int(valid[i]), float(ap[i]), float(inp[i]), float(rank1[i]))
            for i in range(len(pids))
        )

    def correct(self) -> npt.NDArray[np.bool_]:
        """(Q, K) whether a retrieved image shows the query's person."""
        found = self.data.gallery.pids[np.maximum(self.retrieved, 0)] == self.data.query.pids[:, None]
        return np.asarray(found & (self.retrieved >= 0))

    def _hits(self, k: int) -> FloatArray:
        """(Q,) 1 where a match is among the first k, else 0; NaN where skipped."""
        return np.where(self.ranking.valid, (self.ranking.first_match <= k).astype(np.float64), np.nan)

    def _mean(self, values: FloatArray) -> Interval:
        return interval(float(np.nanmean(values)), resampled_means(values, self.clusters, self.weights))

    def _difference(self, values: FloatArray) -> Difference:
        return difference(float(np.nanmean(values)), resampled_means(values, self.clusters, self.weights))

    def _verify(self, *, same_camera: bool) -> Verification:
        pairs = self.pairs
        curve = pairs.curve(same_camera=same_camera)
        positive, negative = (
            (pairs.positive_same_camera, pairs.negative_same_camera)
            if same_camera
            else (pairs.positive, pairs.negative)
        )
        eer, threshold = (float(x) for x in curve.equal_error())
        rates = {fpr: float(curve.at_fpr(fpr)[0]) for fpr in (1e-2, 1e-3)}
        return Verification(curve, int(positive.sum()), int(negative.sum()), eer, threshold, rates)


def evaluate(
    data: EvaluationData,
    query_features: npt.NDArray[np.floating[Any]],
    gallery_features: npt.NDArray[np.floating[Any]],
    settings: EvaluationSettings | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Compute all figures.

    Args:
        data: from `protocol.prepare`.
        query_features: (Q, D) embeddings in the order of `data.query`.
        gallery_features: (G, D) embeddings in the order of `data.gallery`.
        on_progress: called with queries done and their number.

    Raises:
        InputError: embeddings are NaN, infinite, zero or all the same, or their sizes differ.
        ValueError: lengths do not agree.
    """
    settings = settings or EvaluationSettings()
    query, gallery = data.query, data.gallery
    q, g = check_features(query_features, gallery_features)
    if (len(q), len(g)) != (len(query), len(gallery)):
        raise ValueError(
            f"expected {len(query)} query and {len(gallery)} gallery embeddings, got {len(q)} and {len(g)}"
        )
    fault = fault_of(np.concatenate([q, g]))
    if fault is not None:
        raise InputError(f"the model is broken: {fault}. Nothing can be told apart with it: use another checkpoint.")
    if settings.shortlist:
        return _evaluate_shortlist(data, q, g, settings)
    ranker = Ranker(query.pids, gallery.pids, query.camids, gallery.camids)
    pairs = _pair_counter(ranker, data)
    by_camera = _camera_rankers(data)
    results: list[RankingResult] = []
    camera_results: list[list[RankingResult]] = [[] for _ in by_camera]
    retrieved: list[tuple[IntArray, Features]] = []
    one_pass = settings.metric == "cosine" and not settings.rerank.enabled
    for rows, distances in _blocks(q, g, settings):
        results.append(ranker.rank_rows(rows, distances))
        retrieved.append(_retrieve(distances, ranker.same_person(rows), settings.top_k))
        for found, (camera_ranker, columns) in zip(camera_results, by_camera.values(), strict=True):
            found.append(camera_ranker.rank_rows(rows, np.take(distances, columns, axis=1)))
        if one_pass:
            pairs.add(rows, distances)
        if on_progress is not None:
            on_progress(rows.stop, len(q))
    if not one_pass:  # the tracker compares by cosine distance, so pairs are always counted by it
        for rows, distances in distance_blocks(q, g, "cosine"):
            pairs.add(rows, distances)
    camera_pairs = [
        pair
        for (camera, (camera_ranker, _)), found in zip(by_camera.items(), camera_results, strict=True)
        for pair in _camera_pairs(query.camids, camera, camera_ranker.join(found))
    ]
    return Evaluation(
        data,
        settings,
        ranker.join(results),
        _counted(pairs.result(), ranker, data, q, g),
        tuple(sorted(camera_pairs, key=lambda pair: (pair.q_camid, pair.g_camid))),
        np.concatenate([index for index, _ in retrieved]),
        np.concatenate([distance for _, distance in retrieved]),
        q,
        g,
    )


def _counted(found: PairCounts, ranker: Ranker, data: EvaluationData, q: Features, g: Features) -> PairCounts:
    """The pairs, counted again over a shorter range where embeddings lie close together, until bins are fine enough."""
    while FINEST < found.reach < NARROW * found.edges[-1]:
        pairs = _pair_counter(ranker, data, 2 * found.reach)
        for rows, distances in distance_blocks(q, g, "cosine"):
            pairs.add(rows, distances)
        found = pairs.result()
    return found


def _pair_counter(ranker: Ranker, data: EvaluationData, max_distance: float = 2.0) -> PairCounter:
    query, gallery = data.query, data.gallery
    return PairCounter(ranker, query.camids, gallery.camids, clusters_of(query.pids), max_distance)


def _evaluate_shortlist(data: EvaluationData, q: Features, g: Features, settings: EvaluationSettings) -> Evaluation:
    """All figures where only the nearest images are ranked; pairs are counted on a sample of the gallery."""
    if settings.rerank.enabled:
        raise InputError("evaluation.shortlist and re-ranking exclude each other. Choose one of them.")
    query, gallery = data.query, data.gallery
    rows, distances = search(q, g, settings.shortlist, settings.metric)
    ranker = Ranker(query.pids, gallery.pids, query.camids, gallery.camids)
    ids = (query.pids, gallery.pids, query.camids, gallery.camids)
    result = rank_shortlist(ranker, rows, *ids)

    sample = np.flatnonzero(np.isin(gallery.pids, query.pids))
    others = np.flatnonzero(~np.isin(gallery.pids, query.pids))
    rng = np.random.default_rng(settings.seed)
    sample = np.concatenate([sample, rng.choice(others, min(len(others), SAMPLED_OTHERS), replace=False)])
    sampled = replace(data, gallery=gallery[sample])
    of_sample = Ranker(query.pids, gallery.pids[sample], query.camids, gallery.camids[sample])
    pairs = _pair_counter(of_sample, sampled)
    for part, block in distance_blocks(q, g[sample], "cosine"):
        pairs.add(part, block)

    removed = (gallery.pids[rows] == query.pids[:, None]) & (gallery.camids[rows] == query.camids[:, None])
    order = np.argsort(removed | (rows < 0), axis=1, kind="stable")[:, : settings.top_k]
    gone = np.take_along_axis(removed, order, axis=1)
    note = (
        f"Only the {rows.shape[1]:,} nearest gallery images of a query were ranked (evaluation.shortlist): mAP, mINP "
        "and rank-k are lower bounds. Pairs were counted on a sample of the gallery."
    )
    return Evaluation(
        replace(data, notes=(*data.notes, note)),
        settings,
        result,
        _counted(pairs.result(), of_sample, sampled, q, g[sample]),
        (),
        np.where(gone, -1, np.take_along_axis(rows, order, axis=1)),
        np.where(gone, np.inf, np.take_along_axis(distances, order, axis=1)).astype(np.float32),
        q,
        g,
    )


def _blocks(query: Features, gallery: Features, settings: EvaluationSettings) -> Iterator[tuple[slice, Features]]:
    if not settings.rerank.enabled:
        return distance_blocks(query, gallery, settings.metric)
    rerank = settings.rerank
    return reranked_blocks(query, gallery, settings.metric, rerank.k1, rerank.k2, rerank.lambda_value)


def _retrieve(distances: Features, same: SamePerson, k: int) -> tuple[IntArray, Features]:
    """(rows, K) nearest gallery images without those the protocol leaves out, and their distances."""
    distances = distances.copy()
    distances[same.row[same.same_camera], same.column[same.same_camera]] = np.inf
    k = min(k, distances.shape[1])
    index = np.full((len(distances), k), -1, dtype=np.int64)
    values = np.full((len(distances), k), np.inf, dtype=np.float32)
    for i, row in enumerate(distances):
        near = np.flatnonzero(row <= np.partition(row, k - 1)[k - 1])
        near = near[np.argsort(row[near], kind="stable")][:k]
        near = near[np.isfinite(row[near])]
        index[i, : len(near)], values[i, : len(near)] = near, row[near]
    return index, values


def _camera_rankers(data: EvaluationData) -> dict[int, tuple[Ranker, IntArray]]:
    """Per gallery camera: a ranker of its images alone, and their rows."""
    query, gallery = data.query, data.gallery
    cameras = np.unique(gallery.camids).tolist()
    if not data.has_cameras or len(cameras) > MAX_CAMERAS:
        return {}
    rankers = {}
    for camera in cameras:
        columns = np.flatnonzero(gallery.camids == camera)
        ranker = Ranker(query.pids, gallery.pids[columns], query.camids, gallery.camids[columns])
        rankers[camera] = (ranker, columns)
    return rankers


def _camera_pairs(q_camids: IntArray, camera: int, result: RankingResult) -> Iterator[CameraPair]:
    for q_camid in np.unique(q_camids).tolist():
        chosen = (q_camids == q_camid) & result.valid
        if chosen.any():
            yield CameraPair(
                q_camid,
                camera,
                int(chosen.sum()),
                float(result.ap[chosen].mean()),
                float(result.inp[chosen].mean()),
                float((result.first_match[chosen] == 1).mean()),
            )
