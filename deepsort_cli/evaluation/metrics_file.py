"""`metrics.json`: the figures of an evaluation as plain data, as they are written and as they are read again."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepsort_cli.core.errors import InputError
from deepsort_cli.evaluation.bootstrap import Difference
from deepsort_cli.evaluation.evaluate import Verification
from deepsort_cli.evaluation.figures import (
    RETRIEVAL,
    VERIFICATION,
    Comparison,
    Measured,
    ModelInfo,
    distance,
    metrics,
    percent,
    rank_metric,
)

NAME = "metrics.json"
ALWAYS = (1, 5, 10)
"""Ranks that are in the data whatever `ranks` says."""
STORED_RATES = ("mAP", "mINP", *(rank_metric(k).key for k in ALWAYS))
"""Rates that an exported model remembers."""


@dataclass(frozen=True)
class Quality:
    """What an evaluation says of a model, measured a moment ago or read from a file.

    Attributes:
        rates: `STORED_RATES` as fractions, those that are known.
        threshold: the recommended cosine distance; None where there is none.
        missing: why there is none; empty where that is not known.
        criterion, pairs, identities, query: how the threshold was found: the rule, the kind of pairs, the number of
            people, the folder of their pictures; empty or None where that is not known.
        path, sha256: the file that was evaluated; empty where it is not known.
        size: height and width of its input; None where they are not known.
    """

    rates: Mapping[str, float] = field(default_factory=dict)
    threshold: float | None = None
    missing: str = ""
    criterion: str = ""
    pairs: str = ""
    identities: int | None = None
    query: str = ""
    path: str = ""
    sha256: str = ""
    size: tuple[int, int] | None = None


def quality(found: Measured) -> Quality:
    """What a measurement says of its model."""
    evaluation, threshold = found.evaluation, found.evaluation.threshold
    known = {metric.key: metric.of(evaluation) for metric in metrics(ALWAYS) if metric.key in STORED_RATES}
    return Quality(
        {key: float(value) for key, value in known.items() if not math.isnan(value)},
        found.threshold,
        found.threshold_missing,
        "" if threshold is None else threshold.criterion,
        "" if threshold is None else threshold.pairs,
        evaluation.data.counts.query_identities,
        str(evaluation.data.query.root),
        found.model.path,
        found.model.sha256,
        None if found.model.preprocess is None else (found.model.preprocess.height, found.model.preprocess.width),
    )


def as_json(found: Measured, against: Comparison | None = None) -> dict[str, Any]:
    """All figures of a model: for people, rates in percent rounded to 0.01; `fractions` has the main ones exactly.

    Distances are cosine distances with four decimals, small ones with four significant digits. None stands for what
    cannot be computed. With a second model, its figures are under `against`, and under `difference` those of the first
    minus its own, in percentage points with their 95 % interval and p-value.
    """
    evaluation = found.evaluation
    ranking, data, counts = evaluation.ranking, evaluation.data, evaluation.data.counts
    ranks = sorted({*ALWAYS, *evaluation.settings.ranks})
    shown = metrics(ranks)
    same_camera = evaluation.verification_same_camera
    content = {
        **{metric.key: percent(metric.of(evaluation)) for metric in (*RETRIEVAL, *map(rank_metric, ranks))},
        "intervals": {
            metric.key: [percent(bounds.low), percent(bounds.high)]
            for metric in shown
            if metric.interval is not None and (bounds := metric.interval(evaluation))
        },
        **_verification(evaluation.verification),
        **{metric.key: percent(metric.of(evaluation)) for metric in VERIFICATION},
        "same_camera": None if same_camera is None else _verification(same_camera),
        **_threshold(found),
        "fractions": {metric.key: _exact(metric.of(evaluation)) for metric in shown if metric.exact},
        "queries": counts.queries,
        "queries_valid": ranking.num_valid,
        "queries_skipped": ranking.num_skipped,
        "query_identities": counts.query_identities,
        "gallery_images": counts.gallery_images,
        "gallery_identities": counts.gallery_identities,
        "gallery_distractors": counts.gallery_distractors,
        "cameras": counts.cameras,
        "notes": list(data.notes),
        "metric": evaluation.settings.metric,
        "rerank": evaluation.settings.rerank.enabled,
        "model": _model(found.model),
        "data": {
            "query": str(data.query.root),
            "gallery": str(data.gallery.root),
            "query_fingerprint": data.query.fingerprint,
            "gallery_fingerprint": data.gallery.fingerprint,
        },
    }
    if against is None:
        return content
    differences = {key: _difference(found) for key, found in against.differences.items()}
    return {**content, "against": as_json(against.other), "difference": differences}


def _threshold(measured: Measured) -> dict[str, Any]:
    found, by_rule = measured.evaluation.threshold, measured.evaluation.threshold_found
    return {
        "threshold": measured.threshold,
        "threshold_interval": None if found is None else [distance(found.interval.low), distance(found.interval.high)],
        "threshold_pairs": None if found is None else found.pairs,
        "threshold_criterion": None if found is None else found.criterion,
        "threshold_tpr": None if found is None else percent(found.tpr),
        "threshold_fpr": None if found is None else percent(found.fpr),
        "threshold_missing": measured.threshold_missing or None,
        "threshold_positive_pairs": 0 if by_rule is None else by_rule.num_positive,
        "threshold_negative_pairs": 0 if by_rule is None else by_rule.num_negative,
        "threshold_identities": 0 if by_rule is None else by_rule.num_identities,
    }


def _verification(found: Verification) -> dict[str, Any]:
    return {
        "eer": percent(found.eer),
        "eer_threshold": distance(found.eer_threshold),
        "tpr_at_fpr_1e-2": percent(found.tpr_at_fpr[1e-2]),
        "tpr_at_fpr_1e-3": percent(found.tpr_at_fpr[1e-3]),
        "positive_pairs": found.num_positive,
        "negative_pairs": found.num_negative,
    }


def _model(model: ModelInfo) -> dict[str, Any]:
    known = model.preprocess
    return {
        "path": model.path,
        "name": model.name,
        "sha256": model.sha256,
        "embedding_size": model.embedding_size,
        "flip_test": model.flip_test,
        "source": model.source,
        "input": {} if known is None else {**known.model_dump(mode="json"), "origin": model.origin},
        "warnings": list(model.warnings),
    }


def _difference(found: Difference) -> dict[str, Any]:
    return {
        "value": percent(found.interval.value),
        "interval": [percent(found.interval.low), percent(found.interval.high)],
        "p_value": None if math.isnan(found.p_value) else round(found.p_value, 4),
    }


def _exact(fraction: float) -> float | None:
    return None if math.isnan(fraction) else float(fraction)


def read_metrics(path: Path, key: str = "export.metrics") -> Quality:
    """What `deepsort eval` wrote into a metrics.json, or into one in a report folder.

    Args:
        key: the setting that the path comes from, for messages.

    Raises:
        InputError: there is no such file, or it is something else.
    """
    if path.is_dir():
        path = path / NAME
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"`{key}` {path}: no such file. `deepsort eval` writes it into its report folder.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"`{key}` {path}: cannot be read as JSON ({error}).") from None
    if not isinstance(found, dict) or "mAP" not in found or "threshold" not in found:
        raise InputError(f"`{key}` {path}: is no metrics.json of `deepsort eval`: it has no mAP and threshold.")
    try:
        return _read(_Fields(found))
    except ValueError as error:
        raise InputError(f"`{key}` {path}: {error}. Evaluate the model again with `deepsort eval`.") from None


class _Fields:
    """The fields of an object of a JSON file, each of the type it has to have; null counts as missing."""

    def __init__(self, content: Mapping[str, Any], path: str = "") -> None:
        self.content, self.path = content, path

    def text(self, name: str) -> str:
        return str(self._get(name, str, "text") or "")

    def count(self, name: str) -> int | None:
        value: int | None = self._get(name, int, "a number")
        return value

    def within(self, name: str, largest: float, meaning: str) -> float | None:
        """A number from 0 to `largest`."""
        value = self._get(name, (int, float), meaning)
        if value is not None and not 0 <= value <= largest:
            raise ValueError(self._wrong(name, value, meaning))
        return None if value is None else float(value)

    def fields(self, name: str) -> _Fields:
        return _Fields(self._get(name, dict, "an object") or {}, f"{self.path}{name}.")

    def _get(self, name: str, kind: type | tuple[type, ...], meaning: str) -> Any:
        value = self.content.get(name)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise ValueError(self._wrong(name, value, meaning))
        return value

    def _wrong(self, name: str, value: object, meaning: str) -> str:
        shown = repr(value)
        return f"its {self.path}{name} {shown if len(shown) <= 40 else shown[:39] + '…'} is not {meaning}"


def _read(found: _Fields) -> Quality:
    """A file's fields; those of earlier versions have rates in rounded percent only.

    Raises:
        ValueError: one is not what it has to be; says which.
    """
    exact, rates = found.fields("fractions"), {}
    for name in STORED_RATES:
        rate, rounded = exact.within(name, 1, "a fraction"), found.within(name, 100, "a rate in percent")
        if rate is None and rounded is not None:
            rate = round(rounded / 100, 6)
        if rate is not None:
            rates[name] = rate
    model = found.fields("model")
    height, width = (model.fields("input").count(name) for name in ("height", "width"))
    return Quality(
        rates,
        found.within("threshold", 2, "a cosine distance between 0 and 2"),
        found.text("threshold_missing"),
        found.text("threshold_criterion"),
        found.text("threshold_pairs"),
        found.count("query_identities"),
        found.fields("data").text("query"),
        model.text("path"),
        model.text("sha256"),
        None if height is None or width is None else (height, width),
    )
