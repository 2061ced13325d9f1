"""The picture of a calibration."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.figure import Figure

from deepsort_cli.evaluation.bootstrap import Interval
from deepsort_cli.evaluation.looks import Looks
from deepsort_cli.evaluation.plots import LIGHT, Theme, drawing_style

JOINED = 10
"""Bins that make one step of the drawing."""


def draw_looks(looks: Looks, threshold: Interval, name: str, theme: Theme = LIGHT) -> bytes:
    """Distributions of both kinds of comparisons, and the threshold with its interval, as PNG bytes."""
    with drawing_style(theme):
        figure = Figure(figsize=(6.8, 4.2), layout="constrained")
        axes = figure.subplots()
        edges = looks.edges[::JOINED]
        widest = 0.0
        for counts, colour, label in (
            (looks.same, theme.right, f"one person, {looks.num_same:,} comparisons, {looks.tracklets} tracklets"),
            (looks.different, theme.wrong, f"two people, {looks.num_different:,} comparisons"),
        ):
            total = counts.sum(axis=0, dtype=np.float64).reshape(-1, JOINED).sum(axis=1)
            share = 100 * total / max(total.sum(), 1)
            axes.stairs(share, edges, fill=True, alpha=0.35, color=colour)
            axes.stairs(share, edges, color=colour, lw=1.6, label=label)
            widest = max(widest, float(edges[1 + np.flatnonzero(total).max(initial=0)]))
        axes.axvspan(threshold.low, threshold.high, color=theme.accent, alpha=0.2, lw=0)
        axes.axvline(threshold.value, color=theme.accent, ls="--", lw=1.6, label=f"threshold {threshold.value:.3f}")
        axes.set_xlim(0, min(2.0, widest + 0.05))
        axes.set_ylim(bottom=0)
        axes.set_xlabel("cosine distance of a detection to what the track remembers")
        axes.set_ylabel("% of comparisons")
        axes.set_title(f"Looks of one person and of two: {name}"[:80])
        figure.legend(loc="outside lower center", fontsize=9)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    return buffer.getvalue()
