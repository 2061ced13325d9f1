"""What is said of an evaluation: its rates in one table, the model it is about, and how numbers are rounded."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from deepsort_cli.core.preprocess import Preprocess
from deepsort_cli.evaluation.bootstrap import Difference, Interval
from deepsort_cli.evaluation.evaluate import ENOUGH_IDENTITIES, Evaluation, Threshold


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


MAP = Metric(
    "mAP",
    "mAP",
    "how completely and early matches are found",
    lambda found: found.ranking.mAP,
    lambda found: found.mAP,
    exact=True,
)
MINP = Metric("mINP", "mINP", "how early the hardest match is found", lambda found: found.ranking.mINP, exact=True)
EER = Metric("eer", "EER", "pairs misjudged at equal errors", lambda found: found.verification.eer)
RETRIEVAL = (
    MAP,
    Metric(
        "mAP_trapezoidal",
        "mAP, trapezoidal",
        "as older Market-1501 code has it",
        lambda found: found.ranking.mAP_trapezoidal,
    ),
    MINP,
)
VERIFICATION = (
    EER,
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
        preprocess: what crops become before the network sees them, where that is known.
        origin: who says so.
        warnings: what speaks against the model, for example that it is untrained.
    """

    path: str
    name: str
    sha256: str
    embedding_size: int
    flip_test: bool = False
    source: str = "given"
    preprocess: Preprocess | None = None
    origin: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measured:
    """A model and its evaluation: what the summary, the page and `metrics.json` are made of."""

    model: ModelInfo
    evaluation: Evaluation

    @property
    def threshold(self) -> float | None:
        """The recommended `max_cosine_distance`, rounded as it is printed and stored; None where there is none."""
        found = self.evaluation.threshold
        return None if found is None else distance(found.interval.value)

    @property
    def threshold_missing(self) -> str:
        """Why no threshold is recommended; empty where one is."""
        return "" if self.evaluation.threshold is not None else threshold_missing(self.evaluation.threshold_found)


@dataclass(frozen=True)
class Comparison:
    """A second model on the same data, and the first one's rates minus its own, by the keys of their metrics."""

    other: Measured
    differences: Mapping[str, Difference]


def compare(found: Measured, other: Measured) -> Comparison:
    """Two models side by side.

    Raises:
        ValueError: they were evaluated on different images.
    """
    return Comparison(other, found.evaluation.compare(other.evaluation))


def percent(fraction: float) -> float | None:
    """A fraction in percent, rounded to 0.01; None for NaN."""
    return None if math.isnan(fraction) else round(100 * fraction, 2)


def distance(value: float, digits: int = 4) -> float | None:
    """A distance with four decimals, below 0.1 with four significant digits, or so many; None for NaN.

    This is the number that is recommended, printed and stored, so that it decides alike wherever it is typed.
    """
    if math.isnan(value):
        return None
    decimals = digits if value == 0 else max(digits, digits - 1 - math.floor(math.log10(abs(value))))
    return round(value, decimals)


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
