"""The figures of an evaluation as plain data: what the command prints as JSON and `metrics.json` holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from deepsort_cli.evaluation.bootstrap import Difference, Interval
from deepsort_cli.evaluation.evaluate import ENOUGH_IDENTITIES, Evaluation, Threshold, Verification

ALWAYS = (1, 5, 10)
"""Ranks that are in the data whatever `ranks` says."""


@dataclass(frozen=True)
class Metric:
    """A rate of the evaluation: everything that shows it takes it from here.

    Attributes:
        key: in `metrics.json`.
        label, meaning: in the summary and on the page.
        of: its value as a fraction; NaN where it cannot be computed.
        interval: with its interval, for those that have one.
        exact: whether `fractions` in `metrics.json` has it too.
    """

    key: str
    label: str
    meaning: str
    of: Callable[[Evaluation], float]
    interval: Callable[[Evaluation], Interval] | None = None
    exact: bool = False


RETRIEVAL = (
    Metric(
        "mAP",
        "mAP",
        "how completely and early matches are found",
        lambda found: found.ranking.mAP,
        lambda found: found.mAP,
        exact=True,
    ),
    Metric(
        "mAP_trapezoidal",
        "mAP, trapezoidal",
        "as older Market-1501 code has it",
        lambda found: found.ranking.mAP_trapezoidal,
    ),
    Metric("mINP", "mINP", "how early the hardest match is found", lambda found: found.ranking.mINP, exact=True),
)
VERIFICATION = (
    Metric("eer", "EER", "pairs misjudged at equal errors", lambda found: found.verification.eer),
    Metric(
        "tpr_at_fpr_1e-2",
        "TPR at FPR 1 %",
        "right pairs accepted with 1 % of wrong",
        lambda found: found.verification.tpr_at_fpr[1e-2],
    ),
    Metric(
        "tpr_at_fpr_1e-3",
        "TPR at FPR 0.1 %",
        "right pairs accepted with 0.1 % of wrong",
        lambda found: found.verification.tpr_at_fpr[1e-3],
    ),
)


def rank_metric(k: int) -> Metric:
    """The share of queries with a match among their `k` nearest images."""
    meaning = "the nearest image is right" if k == 1 else f"a right image among the nearest {k}"
    interval = (lambda found: found.rank1) if k == 1 else None
    return Metric(f"rank{k}", f"rank-{k}", meaning, lambda found: found.ranking.rank(k), interval, exact=True)


def metrics(ranks: Iterable[int]) -> tuple[Metric, ...]:
    """All rates in the order they are shown."""
    return (*RETRIEVAL, *map(rank_metric, ranks), *VERIFICATION)


@dataclass(frozen=True)
class ModelInfo:
    """What was evaluated.

    Attributes:
        path: the file as given.
        name: short name for titles.
        sha256: of the file.
        embedding_size: values per embedding.
        flip_test: whether embeddings of the image and its mirror image were averaged.
        source: why this model: given, newest run, bundled.
        input: what crops become before the network sees them, the fields of `Preprocess` and `origin`, who says so.
        warnings: what speaks against the model, for example that it is untrained.
    """

    path: str
    name: str
    sha256: str
    embedding_size: int
    flip_test: bool = False
    source: str = "given"
    input: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def figures(evaluation: Evaluation, model: ModelInfo) -> dict[str, Any]:
    """All figures of one model: for people, rates in percent rounded to 0.01; `fractions` has the main ones exactly.

    Distances are cosine distances with four decimals, small ones with four significant digits. None stands for what
    cannot be computed.
    """
    ranking, data = evaluation.ranking, evaluation.data
    ranks = sorted({*ALWAYS, *evaluation.settings.ranks})
    shown = metrics(ranks)
    threshold, found = evaluation.threshold, evaluation.threshold_found
    same_camera = evaluation.verification_same_camera
    return {
        **{metric.key: percent(metric.of(evaluation)) for metric in (*RETRIEVAL, *map(rank_metric, ranks))},
        "intervals": {
            metric.key: [percent(bounds.low), percent(bounds.high)]
            for metric in shown
            if metric.interval is not None and (bounds := metric.interval(evaluation))
        },
        **_verification(evaluation.verification),
        **{metric.key: percent(metric.of(evaluation)) for metric in VERIFICATION},
        "same_camera": None if same_camera is None else _verification(same_camera),
        "threshold": None if threshold is None else distance(threshold.interval.value),
        "threshold_interval": None
        if threshold is None
        else [distance(threshold.interval.low), distance(threshold.interval.high)],
        "threshold_pairs": None if threshold is None else threshold.pairs,
        "threshold_criterion": None if threshold is None else threshold.criterion,
        "threshold_tpr": None if threshold is None else percent(threshold.tpr),
        "threshold_fpr": None if threshold is None else percent(threshold.fpr),
        "threshold_missing": None if threshold is not None else threshold_missing(found),
        "threshold_positive_pairs": 0 if found is None else found.num_positive,
        "threshold_negative_pairs": 0 if found is None else found.num_negative,
        "threshold_identities": 0 if found is None else found.num_identities,
        "fractions": {metric.key: _exact(metric.of(evaluation)) for metric in shown if metric.exact},
        "queries": len(data.query),
        "queries_valid": ranking.num_valid,
        "queries_skipped": ranking.num_skipped,
        "query_identities": len(np.unique(data.query.pids)),
        "gallery_images": len(data.gallery),
        "gallery_identities": len(np.unique(data.gallery.pids)),
        "gallery_distractors": int(np.sum(~np.isin(data.gallery.pids, data.query.pids))),
        "cameras": len(np.unique(np.concatenate([data.query.camids, data.gallery.camids]))) if data.has_cameras else 0,
        "notes": list(data.notes),
        "metric": evaluation.settings.metric,
        "rerank": evaluation.settings.rerank.enabled,
        "model": {**asdict(model), "input": dict(model.input), "warnings": list(model.warnings)},
        "data": {
            "query": str(data.query.root),
            "gallery": str(data.gallery.root),
            "query_fingerprint": data.query.fingerprint,
            "gallery_fingerprint": data.gallery.fingerprint,
        },
    }


def difference_figures(differences: dict[str, Difference]) -> dict[str, Any]:
    """Differences in percentage points, with their 95 % interval and p-value."""
    return {
        name: {
            "value": percent(found.interval.value),
            "interval": [percent(found.interval.low), percent(found.interval.high)],
            "p_value": None if math.isnan(found.p_value) else round(found.p_value, 4),
        }
        for name, found in differences.items()
    }


def percent(fraction: float) -> float | None:
    """A fraction in percent, rounded to 0.01; None for NaN."""
    return None if math.isnan(fraction) else round(100 * fraction, 2)


def distance(value: float) -> float | None:
    """A distance with four decimals, below 0.1 with four significant digits; None for NaN.

    This is the number that is recommended, printed and stored, so that it decides alike wherever it is typed.
    """
    if math.isnan(value):
        return None
    digits = 4 if value == 0 else max(4, 3 - math.floor(math.log10(abs(value))))
    return round(value, digits)


def typed(value: float | None) -> str:
    """A distance from `distance` as one types it: all its digits, and no exponent."""
    if value is None:
        return "n/a"
    text = f"{value:.4f}"
    return text if float(text) == value else np.format_float_positional(value)


def threshold_missing(found: Threshold | None) -> str:
    """Why no threshold is recommended: what there is, and what it takes."""
    if found is None:
        return "there are no right and wrong pairs to find one from"
    have = f"{found.num_positive:,} right and {found.num_negative:,} wrong {found.pairs} pairs"
    people = f"{found.num_identities:,} {'identity' if found.num_identities == 1 else 'identities'}"
    return (
        f"too few pairs: it takes {found.least_positive:,} right and {found.least_negative:,} wrong ones of "
        f"{ENOUGH_IDENTITIES} identities, here are {have} of {people}"
    )


def _exact(fraction: float) -> float | None:
    return None if math.isnan(fraction) else float(fraction)


def _verification(found: Verification) -> dict[str, Any]:
    return {
        "eer": percent(found.eer),
        "eer_threshold": distance(found.eer_threshold),
        "tpr_at_fpr_1e-2": percent(found.tpr_at_fpr[1e-2]),
        "tpr_at_fpr_1e-3": percent(found.tpr_at_fpr[1e-3]),
        "positive_pairs": found.num_positive,
        "negative_pairs": found.num_negative,
    }
