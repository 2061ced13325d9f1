"""The figures in words and tables of text: the summary on the screen and in the report."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence

from deepsort_cli.evaluation.advice import recommendations
from deepsort_cli.evaluation.bootstrap import Difference, Interval
from deepsort_cli.evaluation.evaluate import CameraPair
from deepsort_cli.evaluation.figures import Comparison, Measured, ModelInfo, distance, metrics, typed

Row = tuple[str, ...]
"""Cells of a table."""
WIDTH = 100
"""Characters of a line where nothing narrower is asked for."""
LEAST_PROSE = 24
"""Characters below which a column of prose is left out."""


def headline(found: Measured) -> list[Row]:
    """The main figures for people: name, value with interval, meaning."""
    evaluation = found.evaluation
    rows: list[Row] = []
    for metric in metrics(evaluation.settings.ranks):
        bounds = None if metric.interval is None else metric.interval(evaluation)
        rows.append((metric.label, rate(metric.of(evaluation), bounds), metric.meaning))
    same_camera = evaluation.verification_same_camera
    if same_camera is not None:
        rows.append(("EER, one camera", rate(same_camera.eer), "the same within one camera"))
    rows.append(("threshold", _threshold(found), "max_cosine_distance for the tracker"))
    return rows


def comparison(found: Measured, against: Comparison) -> list[Row]:
    """The same figures of two models side by side: name, this one, the other, difference in points where known."""
    keys = {metric.label: metric.key for metric in metrics(found.evaluation.settings.ranks)}
    theirs = {row[0]: row[1] for row in headline(against.other)}
    rows: list[Row] = []
    for name, here, _ in headline(found):
        difference = against.differences.get(keys.get(name, ""))
        rows.append((name, here, theirs.get(name, ""), "" if difference is None else _difference(difference)))
    return rows


def difference_rows(differences: Mapping[str, Difference]) -> list[Row]:
    """Rates of the model minus those of the other, by their metrics' keys: name, points with interval, meaning."""
    labels = {metric.key: metric.label for metric in metrics((1,))}
    rows: list[Row] = []
    for name, found in differences.items():
        bounds, p_value = found.interval, round(found.p_value, 4)
        if math.isnan(p_value):
            meaning = "no interval: too few identities or `evaluation.bootstrap`=0"
        elif bounds.low <= 0 <= bounds.high or p_value >= 0.05:  # too few samples for the p-value to follow
            meaning = f"not told apart on this data (p = {p_value:.3g})"
        else:
            meaning = f"{'better' if bounds.value > 0 else 'worse'} beyond chance (p = {p_value:.2g})"
        rows.append((labels.get(name, name), _difference(found), meaning))
    return rows


def data_line(found: Measured) -> str:
    """Size of the data in one sentence."""
    counts, valid = found.evaluation.data.counts, found.evaluation.ranking.num_valid
    cameras = f", {counts.cameras} cameras" if counts.cameras else ""
    return (
        f"{valid:,} of {counts.queries:,} queries ({counts.query_identities:,} identities) "
        f"against {counts.gallery_images:,} gallery images ({counts.gallery_identities:,} identities{cameras})"
    )


def method_line(found: Measured) -> str:
    """How it was computed, in one sentence."""
    settings = found.evaluation.settings
    parts = [f"{settings.metric} distance"]
    if settings.rerank.enabled:
        parts.append("k-reciprocal re-ranking")
    if found.model.flip_test:
        parts.append("mirror images averaged")
    return ", ".join(parts)


def input_line(model: ModelInfo) -> str:
    """What input the model gets, and who says so; empty where it is not known."""
    known = model.preprocess
    if known is None:
        return ""
    mean, std = (", ".join(f"{value:.6g}" for value in values) for values in (known.mean, known.std))
    return (
        f"{known.height}×{known.width} pixels, {known.channel_order}, mean {mean}, deviation {std}, "
        f"{known.resize}: {model.origin}"
    )


def threshold_line(found: Measured) -> str:
    """Where the threshold comes from, or why there is none, in one sentence."""
    threshold = found.evaluation.threshold
    if threshold is None:
        return f"No threshold is recommended: {found.threshold_missing}."
    return (
        f"Threshold {typed(found.threshold)}: {threshold.criterion} ({threshold.pairs} "
        f"pairs: {threshold.num_positive:,} right, {threshold.num_negative:,} wrong). "
        f"It accepts {rate(threshold.tpr)} % of the right pairs."
    )


def summary_text(found: Measured, against: Comparison | None = None, width: int = WIDTH) -> str:
    """`summary.txt`: figures, what they mean, and recommendations.

    Args:
        against: the model it is compared with.
        width: characters of a line; commands and paths are not broken, however long.
    """
    model, evaluation = found.model, found.evaluation
    lines = [f"Re-ID evaluation of {model.name}"]
    facts = [
        ("model", f"{model.path} ({model.embedding_size} values per image)"),
        ("input", input_line(model)),
        ("query", str(evaluation.data.query.root)),
        ("gallery", str(evaluation.data.gallery.root)),
        ("data", data_line(found)),
        ("method", f"Market-1501 protocol, {method_line(found)}"),
    ]
    for name, text in facts:
        lines += _prose(text, width, f"{name:<9}", " " * 9) if text else []
    for warning in model.warnings:
        lines += ["", *_prose(warning, width, "WARNING: ", " " * 9)]
    lines += ["", "Figures (percent, [95 % interval])", *_figures(found, against, width)]
    lines += ["", *_prose(threshold_line(found), width)]
    if evaluation.camera_pairs:
        title = "Per pair of cameras (queries of one, gallery of the other only; percent)"
        lines += ["", *_prose(title, width)]
        lines += table(_camera_rows(evaluation.camera_pairs), width, numbers=True)
    if evaluation.data.notes:
        lines += ["", "About the data"]
        lines += [line for note in evaluation.data.notes for line in _prose(note, width, "  - ", "    ")]
    lines += ["", "Recommendations"]
    for item in recommendations(found):
        lines += [*_prose(item.text, width, "  - ", "    "), *(f"      {command}" for command in item.commands)]
    return "\n".join(lines) + "\n"


def _figures(found: Measured, against: Comparison | None, width: int) -> list[str]:
    if against is None:
        return table(headline(found), width, prose=True)
    other = against.other.model.name
    header = ("", *_two_names(found.model.name, other, width), "difference")
    title = f"Compared with {other} (percentage points, [95 % interval])"
    return [
        *_fitting([header, *comparison(found, against)], width),
        "",
        *_prose(title, width),
        *table(difference_rows(against.differences), width, prose=True),
    ]


def _fitting(rows: list[Row], width: int) -> list[str]:
    """A table of two models that fits: without the intervals of each, then without those of the difference."""
    for shortened in ((), (1, 2), (1, 2, 3)):
        cells = [tuple(x.partition(" [")[0] if i in shortened else x for i, x in enumerate(row)) for row in rows]
        lines = table(cells, width)
        if max(map(len, lines)) <= width:
            break
    return lines


def table(rows: Sequence[Row], width: int, *, prose: bool = False, numbers: bool = False) -> list[str]:
    """Rows as aligned lines, indented by two.

    Args:
        prose: the last column is wrapped within its column, or left out where there is no room for it.
        numbers: columns are aligned to the right.
    """
    columns = len(rows[0]) - prose
    widths = [max(len(row[i]) for row in rows) for i in range(columns)]
    left = width - 2 - sum(widths) - 2 * columns
    lines = []
    for row in rows:
        cells = [f"{cell:>{size}}" if numbers else f"{cell:<{size}}" for cell, size in zip(row, widths, strict=False)]
        start = "  " + "  ".join(cells)
        if prose and left >= LEAST_PROSE:
            first, *more = textwrap.wrap(row[-1], left) or [""]
            lines.append(f"{start}  {first}".rstrip())
            lines += [" " * (len(start) + 2) + text for text in more]
        else:
            lines.append(start.rstrip())
    return lines


def rate(value: float, bounds: Interval | None = None) -> str:
    """A fraction in percent with two decimals, and its interval."""
    if math.isnan(value):
        return "n/a"
    if bounds is None or math.isnan(bounds.low):
        return f"{100 * value:.2f}"
    return f"{100 * value:.2f} [{100 * bounds.low:.2f}, {100 * bounds.high:.2f}]"


def _threshold(measured: Measured) -> str:
    found = measured.evaluation.threshold
    if found is None:
        return "none"
    low, high = distance(found.interval.low), distance(found.interval.high)
    return typed(measured.threshold) + ("" if low is None else f" [{typed(low)}, {typed(high)}]")


def _difference(found: Difference) -> str:
    value, low, high = (100 * x for x in (found.interval.value, found.interval.low, found.interval.high))
    if math.isnan(value):
        return "n/a"
    return f"{value:+.2f}" + ("" if math.isnan(low) else f" [{low:+.2f}, {high:+.2f}]")


def _camera_rows(pairs: Sequence[CameraPair]) -> list[Row]:
    header = ("query", "gallery", "queries", "mAP", "mINP", "rank-1")
    rows = (
        (str(p.q_camid), str(p.g_camid), f"{p.num_queries:,}", *(f"{100 * x:.2f}" for x in (p.mAP, p.mINP, p.rank1)))
        for p in pairs
    )
    return [header, *rows]


def _two_names(first: str, second: str, width: int) -> tuple[str, str]:
    """Headings of two columns, cut where they are long; `this` and `other` where they would be the same."""
    room = max(8, min(24, (width - 44) // 2))
    names = tuple(name if len(name) <= room else "…" + name[1 - room :] for name in (first, second))
    return ("this", "other") if names[0] == names[1] else (names[0], names[1])


def _prose(text: str, width: int, first: str = "", later: str = "") -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    )
