"""The pictures of a study."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepsort_cli.evaluation.plots import Theme, drawing_style
from deepsort_cli.workflows.tune.results import Tuned, mean_objective

SLICES = 6
"""Keys whose values are drawn against the objective, the most important first."""


def draw_study(plot: str, done: Tuned, theme: Theme) -> bytes:
    """One picture as PNG bytes; `plot` is a key of `PLOTS`."""
    with drawing_style(theme):
        figure = PLOTS[plot][1](done, theme)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    return buffer.getvalue()


def plots_of(done: Tuned) -> list[str]:
    """The pictures that there is something to draw in."""
    found = ["history", "trade"]
    if done.importances:
        found += ["importance", "slices"]
    return found + (["folds"] if done.folds else [])


def _history(done: Tuned, theme: Theme) -> Figure:
    figure, axes = _axes()
    numbers = np.arange(1, len(done.trials) + 1)
    values = 100 * np.array([trial.objective for trial in done.trials])
    axes.scatter(numbers, values, s=16, color=theme.quiet, alpha=0.7, lw=0, label="trial")
    axes.step(numbers, np.maximum.accumulate(values), where="post", color=theme.right, lw=2, label="best so far")
    axes.axhline(100 * mean_objective(done.start), color=theme.wrong, ls="--", lw=1.5, label="begun with")
    low = np.quantile(values, 0.1)
    axes.set_ylim(low - 0.15 * (values.max() - low) - 0.5, values.max() + 0.5)
    axes.set_xlabel("trial (a tenth, the worst, may lie below)")
    axes.set_ylabel("objective, %")
    _legend(figure, axes)
    return figure


def _trade(done: Tuned, theme: Theme) -> Figure:
    """How well people are found against how well they are kept apart."""
    figure, axes = _axes()
    pair = ("DetA", "AssA") if done.judged_by_truth else ("found", "agreement")
    points = 100 * np.array([[_mean(trial.figures, name) for name in pair] for trial in done.trials])
    shades = [trial.objective for trial in done.trials]
    axes.scatter(points[:, 0], points[:, 1], c=shades, cmap="viridis", s=22, lw=0, alpha=0.85)
    start = [100 * _mean(done.start, name) for name in pair]
    axes.scatter(
        start[0],
        start[1],
        marker="X",
        s=110,
        color=theme.wrong,
        edgecolor=theme.background,
        label="begun with",
        zorder=3,
    )
    if done.best is not None:
        best = [100 * _mean(done.best.figures, name) for name in pair]
        axes.scatter(
            best[0], best[1], marker="*", s=220, color=theme.accent, edgecolor=theme.background, label="best", zorder=3
        )
    axes.set_xlabel(f"{pair[0]}, %: people are found where they are")
    axes.set_ylabel(f"{pair[1]}, %: each keeps one id")
    _legend(figure, axes)
    return figure


def _importance(done: Tuned, theme: Theme) -> Figure:
    rows = sorted(done.importances.items(), key=lambda row: row[1])
    figure, axes = _axes(0.7 + 0.34 * len(rows))
    bars = axes.barh([key for key, _ in rows], [100 * value for _, value in rows], color=theme.right)
    axes.bar_label(bars, fmt="%.0f", padding=3, fontsize=9)
    axes.set_xlabel("share of what sets the best trials apart, %")
    axes.grid(axis="y", visible=False)
    return figure


def _slices(done: Tuned, theme: Theme) -> Figure:
    keys = sorted(done.importances, key=lambda key: -done.importances[key])[:SLICES]
    figure = Figure(figsize=(6.4, 2.3 * ((len(keys) + 1) // 2)), layout="constrained")
    panels = figure.subplots((len(keys) + 1) // 2, 2, squeeze=False, sharey=True).ravel()
    objective = 100 * np.array([trial.objective for trial in done.trials])
    low = np.quantile(objective, 0.1)
    for axes, key in zip(panels, keys, strict=False):
        positions, ticks = _positions([trial.values[key] for trial in done.trials])
        axes.scatter(positions, objective, s=14, color=theme.right, alpha=0.6, lw=0)
        if done.best is not None:
            best = [trial.number for trial in done.trials].index(done.best.number)
            axes.scatter(positions[best], objective[best], marker="*", s=130, color=theme.accent, zorder=3)
        if ticks:
            axes.set_xticks(range(len(ticks)), ticks)
            axes.set_xlim(-0.5, len(ticks) - 0.5)
        axes.set_ylim(low, objective.max() + 0.5)
        axes.set_title(key, fontsize=10)
    for axes in panels[len(keys) :]:
        axes.set_visible(False)
    figure.supylabel("objective, %", fontsize=10)
    return figure


def _positions(values: list[Any]) -> tuple[np.ndarray, list[str]]:
    """Where values lie on an axis, and the words there if they are a few words; seconds are numbers."""
    seconds = all(
        isinstance(value, str) and value.endswith("s") and value[:-1].replace(".", "").isdigit() for value in values
    )
    if seconds:
        return np.array([float(value[:-1]) for value in values]), []
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return np.array(values, np.float64), []
    words = sorted({"off" if value is None else str(value) for value in values})
    return np.array([words.index("off" if value is None else str(value)) for value in values], np.float64), words


def _folds(done: Tuned, theme: Theme) -> Figure:
    figure, axes = _axes(1.3 + 0.62 * len(done.folds))
    rows = np.arange(len(done.folds))[::-1]
    for offset, colour, label, values in (
        (0.2, theme.quiet, "begun with", [fold.start for fold in done.folds]),
        (-0.2, theme.right, "found without it", [fold.found for fold in done.folds]),
    ):
        bars = axes.barh(rows + offset, [100 * value for value in values], 0.36, color=colour, label=label)
        axes.bar_label(bars, fmt="%.1f", padding=3, fontsize=9)
    axes.set_yticks(rows, [_short(fold.name) for fold in done.folds])
    axes.set_xlabel("objective on the sequence left out, %")
    axes.margins(x=0.12)
    axes.grid(axis="y", visible=False)
    _legend(figure, axes)
    return figure


def _axes(height: float = 4.2) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, height), layout="constrained")
    return figure, figure.add_subplot()


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=9)


def _mean(figures: Any, name: str) -> float:
    return float(np.mean([one[name] for one in figures.values()]))


def _short(name: str) -> str:
    return name if len(name) <= 26 else f"{name[:14]}…{name[-11:]}"


PLOTS: dict[str, tuple[str, Callable[[Tuned, Theme], Figure]]] = {
    "history": ("The search", _history),
    "trade": ("Finding people against keeping them apart", _trade),
    "importance": ("What matters", _importance),
    "slices": ("The keys that matter most", _slices),
    "folds": ("On sequences that were not searched", _folds),
}
"""Picture → its title and who draws it."""
