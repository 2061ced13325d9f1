"""The figures in words: the summary on the screen and in the report, what each figure means, what to do about them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from deepsort_cli.evaluation.bootstrap import Interval
from deepsort_cli.evaluation.evaluate import ENOUGH_IDENTITIES, Evaluation

Row = tuple[str, str, str]
"""Name of a figure, its value, what it means."""


def headline(figures: dict[str, Any], ranks: tuple[int, ...]) -> list[Row]:
    """The main figures for people, from `figures.figures`."""
    intervals = figures["intervals"]
    rows = [
        ("mAP", _rate(figures["mAP"], intervals["mAP"]), "how completely and how early all matches are found"),
        ("mAP, trapezoidal", _rate(figures["mAP_trapezoidal"]), "the same as older Market-1501 code computes it"),
        ("mINP", _rate(figures["mINP"]), "how early the hardest match of a query is found"),
    ]
    for k in ranks:
        bounds = intervals["rank1"] if k == 1 else None
        meaning = "the nearest gallery image is right" if k == 1 else f"a right image is among the nearest {k}"
        rows.append((f"rank-{k}", _rate(figures[f"rank{k}"], bounds), meaning))
    rows += [
        ("EER", _rate(figures["eer"]), "pairs misjudged by the one threshold with equal errors"),
        ("TPR at FPR 1 %", _rate(figures["tpr_at_fpr_1e-2"]), "right pairs accepted with 1 % of the wrong ones"),
        ("TPR at FPR 0.1 %", _rate(figures["tpr_at_fpr_1e-3"]), "right pairs accepted with 0.1 % of the wrong ones"),
    ]
    same_camera = figures["same_camera"]
    if same_camera is not None:
        rows.append(("EER, one camera", _rate(same_camera["eer"]), "the same for pairs within one camera"))
    if figures["threshold"] is not None:
        low, high = figures["threshold_interval"]
        value = f"{figures['threshold']:.3f}" + ("" if low is None else f"  [{low:.3f}, {high:.3f}]")
        rows.append(("threshold", value, "recommended max_cosine_distance for the tracker"))
    return rows


def difference_rows(differences: dict[str, Any]) -> list[Row]:
    """Figures of the model minus those of the other, from `figures.difference_figures`."""
    rows = []
    for name, found in differences.items():
        low, high = found["interval"]
        value = f"{found['value']:+.2f}" + ("" if low is None else f"  [{low:+.2f}, {high:+.2f}]")
        p_value = found["p_value"]
        if p_value is None:
            meaning = "no interval: too few identities or --bootstrap 0"
        elif low <= 0 <= high:
            meaning = f"not told apart on this data (p = {p_value:.3g})"
        else:
            meaning = f"{'better' if found['value'] > 0 else 'worse'} beyond chance (p = {p_value:.2g})"
        rows.append(({"rank1": "rank-1"}.get(name, name), value, meaning))
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


def threshold_line(evaluation: Evaluation) -> str:
    """Where the threshold comes from, in one sentence; empty without one."""
    found = evaluation.threshold
    if found is None:
        return ""
    return (
        f"Threshold {found.interval.value:.3f}: {found.criterion} ({found.pairs} pairs). "
        f"It accepts {100 * found.tpr:.1f} % of the right pairs."
    )


def recommendations(evaluation: Evaluation, figures: dict[str, Any]) -> list[str]:
    """What the figures suggest, most useful first."""
    ranking, found = evaluation.ranking, evaluation.threshold
    advice = []
    if found is not None:
        path = Path(figures["model"]["path"])
        export = "" if path.suffix == ".onnx" else f"deepsort export {path}, then "
        advice.append(
            f"Track with this model: {export}deepsort track --reid {path.with_suffix('.onnx')} "
            f"--max-cosine-distance {found.interval.value:.2f}"
        )
        if found.pairs == "cross-camera" and evaluation.settings.threshold.pairs == "auto":
            advice.append(
                "The threshold comes from pairs of different cameras, because fewer than "
                f"{ENOUGH_IDENTITIES} identities have several images of one camera. Within one camera, as in tracking, "
                "images of a person are closer: try a value up to a quarter lower."
            )
        if _width(found.interval) > 0.1:
            advice.append(
                f"The threshold is known to ±{_width(found.interval) / 2:.2f} only. Evaluate on more identities "
                "before relying on it."
            )
    error = evaluation.verification_same_camera or evaluation.verification
    if error.eer > 0.15:
        advice.append(
            f"With an error rate of {100 * error.eer:.0f} % appearance alone confuses people: keep the tracker's "
            "motion gating on, and expect switches after long occlusions."
        )
    if ranking.rank(1) < 0.5:
        advice.append(
            "Fewer than half of the queries find a right image first. If the model was trained on other data, adapt "
            "it: deepsort finetune."
        )
    elif ranking.mINP < 0.5 * ranking.mAP:
        advice.append(
            "Matches are found, but the hardest one of a query comes late (mINP is far below mAP): look at the last "
            "matches in the retrieval grid for poses, occlusions or wrong labels that training should cover."
        )
    advice += _camera_advice(evaluation)
    if not evaluation.settings.rerank.enabled and 0.2 < ranking.mAP < 0.95:
        advice.append("For search rather than tracking, --rerank usually raises mAP.")
    if _width(evaluation.mAP) > 0.1:
        advice.append(
            f"The 95 % interval of mAP spans {100 * _width(evaluation.mAP):.0f} points: differences between models "
            "smaller than that need more identities, or --against on this data."
        )
    failing = [i for i in evaluation.identities if i.num_valid and i.ap < 0.5 * ranking.mAP]
    if failing:
        worst = ", ".join(str(i.pid) for i in sorted(failing, key=lambda i: (i.ap, i.pid))[:5])
        advice.append(
            f"{len(failing):,} identities reach less than half of the mean AP; the worst are {worst}. "
            "Look at them in plots/retrievals.png and csv/per_identity_ap.csv."
        )
    return advice


def summary_text(
    evaluation: Evaluation,
    figures: dict[str, Any],
    other: dict[str, Any] | None = None,
    differences: dict[str, Any] | None = None,
) -> str:
    """`summary.txt`: figures, what they mean, and recommendations.

    Args:
        figures: of the model.
        other: of the model it is compared with.
        differences: between the two, from `figures.difference_figures`.
    """
    lines = [
        f"Re-ID evaluation of {figures['model']['name']}",
        f"model    {figures['model']['path']} ({figures['model']['embedding_size']} values per image)",
        f"query    {figures['data']['query']}",
        f"gallery  {figures['data']['gallery']}",
        f"data     {data_line(figures)}",
        f"method   Market-1501 protocol, {method_line(figures)}",
        "",
        "Figures (percent, [95 % interval])",
        *_aligned(headline(figures, evaluation.settings.ranks)),
        "",
        threshold_line(evaluation),
    ]
    if other is not None and differences is not None:
        rows = difference_rows(differences)
        lines += ["", f"Compared with {other['model']['name']} (percentage points, [95 % interval])", *_aligned(rows)]
        lines.append(f"  {other['model']['name']}: mAP {other['mAP']:.2f}, rank-1 {other['rank1']:.2f}")
    if evaluation.camera_pairs:
        lines += ["", "Per pair of cameras (queries of the first, gallery of the second only)"]
        lines += [
            f"  {pair.q_camid:>4} → {pair.g_camid:<4} {pair.num_queries:>6} queries   mAP {100 * pair.mAP:6.2f}   "
            f"mINP {100 * pair.mINP:6.2f}   rank-1 {100 * pair.rank1:6.2f}"
            for pair in evaluation.camera_pairs
        ]
    if evaluation.data.notes:
        lines += ["", "About the data", *(f"  - {note}" for note in evaluation.data.notes)]
    lines += ["", "Recommendations", *(f"  - {item}" for item in recommendations(evaluation, figures))]
    return "\n".join(lines) + "\n"


def _camera_advice(evaluation: Evaluation) -> list[str]:
    pairs = [pair for pair in evaluation.camera_pairs if pair.num_queries >= ENOUGH_IDENTITIES]
    if len(pairs) < 2:
        return []
    worst, best = min(pairs, key=lambda pair: pair.mAP), max(pairs, key=lambda pair: pair.mAP)
    if best.mAP - worst.mAP < 0.2:
        return []
    return [
        f"Cameras differ: mAP is {100 * worst.mAP:.0f} % from camera {worst.q_camid} to {worst.g_camid}, but "
        f"{100 * best.mAP:.0f} % from {best.q_camid} to {best.g_camid}. Where that is not just because more people "
        "pass the first, training images from there help most."
    ]


def _width(found: Interval) -> float:
    return 0.0 if math.isnan(found.low) else found.high - found.low


def _rate(value: float | None, bounds: list[float | None] | None = None) -> str:
    if value is None:
        return "n/a"
    if bounds is None or bounds[0] is None or bounds[1] is None:
        return f"{value:.2f}"
    return f"{value:.2f}  [{bounds[0]:.2f}, {bounds[1]:.2f}]"


def _aligned(rows: list[Row]) -> list[str]:
    widths = [int(np.max([len(row[i]) for row in rows])) for i in range(2)]
    return [f"  {name:<{widths[0]}}  {value:<{widths[1]}}  {meaning}" for name, value, meaning in rows]
