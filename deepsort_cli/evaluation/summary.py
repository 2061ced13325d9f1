"""The figures in words and tables of text: the summary on the screen and in the report."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from deepsort_cli.evaluation.advice import recommendations
from deepsort_cli.evaluation.evaluate import CameraPair, Evaluation
from deepsort_cli.evaluation.figures import metrics, typed

Row = tuple[str, ...]
"""Cells of a table."""
WIDTH = 100
"""Characters of a line where nothing narrower is asked for."""
LEAST_PROSE = 24
"""Characters below which a column of prose is left out."""


def headline(figures: dict[str, Any], ranks: tuple[int, ...]) -> list[Row]:
    """The main figures for people, from `figures.figures`: name, value with interval, meaning."""
    rows: list[Row] = [
        (metric.label, rate(figures[metric.key], figures["intervals"].get(metric.key)), metric.meaning)
        for metric in metrics(ranks)
    ]
    same_camera = figures["same_camera"]
    if same_camera is not None:
        rows.append(("EER, one camera", rate(same_camera["eer"]), "the same within one camera"))
    rows.append(("threshold", _threshold(figures), "max_cosine_distance for the tracker"))
    return rows


def comparison(
    figures: dict[str, Any], other: dict[str, Any], differences: dict[str, Any], ranks: tuple[int, ...]
) -> list[Row]:
    """The same figures of two models side by side: name, this one, the other, difference in points where it is known.

    Args:
        differences: between the two, from `figures.difference_figures`.
    """
    keys = {metric.label: metric.key for metric in metrics(ranks)}
    theirs = {row[0]: row[1] for row in headline(other, ranks)}
    rows: list[Row] = []
    for name, here, _ in headline(figures, ranks):
        found = differences.get(keys.get(name, ""))
        rows.append((name, here, theirs.get(name, ""), "" if found is None else _difference(found)))
    return rows


def difference_rows(differences: dict[str, Any]) -> list[Row]:
    """Figures of the model minus those of the other, from `figures.difference_figures`: name, value, meaning."""
    labels = {metric.key: metric.label for metric in metrics((1,))}
    rows: list[Row] = []
    for name, found in differences.items():
        low, high = found["interval"]
        p_value = found["p_value"]
        if p_value is None:
            meaning = "no interval: too few identities or `evaluation.bootstrap`=0"
        elif low <= 0 <= high or p_value >= 0.05:  # too few samples for the p-value to follow the interval
            meaning = f"not told apart on this data (p = {p_value:.3g})"
        else:
            meaning = f"{'better' if found['value'] > 0 else 'worse'} beyond chance (p = {p_value:.2g})"
        rows.append((labels.get(name, name), _difference(found), meaning))
    return rows


def data_line(figures: dict[str, Any]) -> str:
    """Size of the data in one sentence."""
    cameras = f", {figures['cameras']} cameras" if figures["cameras"] else ""
    return (
        f"{figures['queries_valid']:,} of {figures['queries']:,} queries ({figures['query_identities']:,} identities) "
        f"against {figures['gallery_images']:,} gallery images ({figures['gallery_identities']:,} identities{cameras})"
    )


def method_line(figures: dict[str, Any]) -> str:
    """How it was computed, in one sentence."""
    parts = [f"{figures['metric']} distance"]
    if figures["rerank"]:
        parts.append("k-reciprocal re-ranking")
    if figures["model"]["flip_test"]:
        parts.append("mirror images averaged")
    return ", ".join(parts)


def input_line(figures: dict[str, Any]) -> str:
    """What input the model gets, and who says so; empty where it is not known."""
    found = figures["model"].get("input")
    if not found:
        return ""
    mean, std = (", ".join(f"{value:.6g}" for value in found[name]) for name in ("mean", "std"))
    return (
        f"{found['height']}×{found['width']} pixels, {found['channel_order']}, mean {mean}, deviation {std}, "
        f"{found['resize']}: {found['origin']}"
    )


def threshold_line(figures: dict[str, Any]) -> str:
    """Where the threshold comes from, or why there is none, in one sentence."""
    if figures["threshold"] is None:
        return f"No threshold is recommended: {figures['threshold_missing']}."
    return (
        f"Threshold {typed(figures['threshold'])}: {figures['threshold_criterion']} ({figures['threshold_pairs']} "
        f"pairs: {figures['threshold_positive_pairs']:,} right, {figures['threshold_negative_pairs']:,} wrong). "
        f"It accepts {rate(figures['threshold_tpr'])} % of the right pairs."
    )


def summary_text(
    evaluation: Evaluation,
    figures: dict[str, Any],
    other: dict[str, Any] | None = None,
    differences: dict[str, Any] | None = None,
    width: int = WIDTH,
) -> str:
    """`summary.txt`: figures, what they mean, and recommendations.

    Args:
        figures: of the model.
        other: of the model it is compared with.
        differences: between the two, from `figures.difference_figures`.
        width: characters of a line; commands and paths are not broken, however long.
    """
    model, ranks = figures["model"], evaluation.settings.ranks
    lines = [f"Re-ID evaluation of {model['name']}"]
    facts = [
        ("model", f"{model['path']} ({model['embedding_size']} values per image)"),
        ("input", input_line(figures)),
        ("query", figures["data"]["query"]),
        ("gallery", figures["data"]["gallery"]),
        ("data", data_line(figures)),
        ("method", f"Market-1501 protocol, {method_line(figures)}"),
    ]
    for name, text in facts:
        lines += _prose(text, width, f"{name:<9}", " " * 9) if text else []
    for warning in model.get("warnings", ()):
        lines += ["", *_prose(warning, width, "WARNING: ", " " * 9)]
    lines += ["", "Figures (percent, [95 % interval])"]
    if other is None or differences is None:
        lines += table(headline(figures, ranks), width, prose=True)
    else:
        header = ("", *_two_names(model["name"], other["model"]["name"], width), "difference")
        lines += _fitting([header, *comparison(figures, other, differences, ranks)], width)
        title = f"Compared with {other['model']['name']} (percentage points, [95 % interval])"
        lines += ["", *_prose(title, width)]
        lines += table(difference_rows(differences), width, prose=True)
    lines += ["", *_prose(threshold_line(figures), width)]
    if evaluation.camera_pairs:
        title = "Per pair of cameras (queries of one, gallery of the other only; percent)"
        lines += ["", *_prose(title, width)]
        lines += table(_camera_rows(evaluation.camera_pairs), width, numbers=True)
    if evaluation.data.notes:
        lines += ["", "About the data"]
        lines += [line for note in evaluation.data.notes for line in _prose(note, width, "  - ", "    ")]
    lines += ["", "Recommendations"]
    for item in recommendations(evaluation, figures):
        lines += [*_prose(item.text, width, "  - ", "    "), *(f"      {command}" for command in item.commands)]
    return "\n".join(lines) + "\n"


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


def rate(value: float | None, bounds: list[float | None] | None = None) -> str:
    """A rate in percent with two decimals, and its interval."""
    if value is None:
        return "n/a"
    if bounds is None or bounds[0] is None or bounds[1] is None:
        return f"{value:.2f}"
    return f"{value:.2f} [{bounds[0]:.2f}, {bounds[1]:.2f}]"


def _threshold(figures: dict[str, Any]) -> str:
    if figures["threshold"] is None:
        return "none"
    low, high = figures["threshold_interval"]
    return typed(figures["threshold"]) + ("" if low is None else f" [{typed(low)}, {typed(high)}]")


def _difference(found: dict[str, Any]) -> str:
    low, high = found["interval"]
    if found["value"] is None:
        return "n/a"
    return f"{found['value']:+.2f}" + ("" if low is None else f" [{low:+.2f}, {high:+.2f}]")


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
