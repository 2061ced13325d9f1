"""The picture of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from deepsort_cli.core.files import atomic_path
from deepsort_cli.reid.losses import REGISTERED

PANELS = (
    ("Loss", ("loss", *REGISTERED)),
    ("Triplet distances", ("positive", "negative")),
    ("Batch accuracy and active triplets", ("accuracy", "active")),
    ("Validation", ("mAP", "rank1")),
    ("Learning rate", ("lr",)),
)
NAMES = {
    "loss": "sum",
    "positive": "hardest positive",
    "negative": "hardest negative",
    "active": "active triplets",
    "rank1": "rank 1",
    "lr": "learning rate",
}


def _is_extra(name: str) -> bool:
    """Whether this is a loss that is computed only where it has a weight."""
    return name in REGISTERED and not REGISTERED[name].always


def _label(name: str) -> str:
    return REGISTERED[name].title if name in REGISTERED else NAMES.get(name, name)


def draw_curves(
    history: Sequence[Mapping[str, float]],
    path: Path,
    *,
    best: Mapping[str, float] | None = None,
    resumes: Sequence[int] = (),
) -> None:
    """Write `training_curves.png` of a run's history: one panel per kind of figure, over epochs.

    Args:
        best: row of the epoch that was kept, marked where it was validated.
        resumes: finished epochs at which the run was continued, marked by dotted lines.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(13, 7))
    figure.subplots_adjust(left=0.05, right=0.98, bottom=0.08, top=0.94, hspace=0.35, wspace=0.2)
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 3).flat
    for axis, (title, names) in zip(axes, PANELS, strict=False):
        for name in names:
            points = [(row["epoch"], row[name]) for row in history if row.get(name) is not None]
            if not points or (_is_extra(name) and not any(value for _, value in points)):
                continue
            # A lone validation would not show as a line.
            axis.plot(*zip(*points, strict=True), label=_label(name), marker="o", markersize=2.5, linewidth=1.4)
        if title == "Validation":
            bounds = [(row["epoch"], row["mAP_low"], row["mAP_high"]) for row in history if "mAP_low" in row]
            if bounds:
                axis.fill_between(*zip(*bounds, strict=True), alpha=0.15, linewidth=0, label="mAP, 95 % interval")
        _mark_epochs(axis, history, resumes, named=title == "Validation")
        if best is not None and title == "Validation" and "mAP" in best:
            axis.plot(
                best["epoch"], best["mAP"], marker="*", markersize=13, linestyle="", color="black", zorder=5,
                label=f"kept: epoch {best['epoch']:.0f}, mAP {best['mAP']:.1%}",
            )  # fmt: skip
        axis.set_title(title, fontsize=11)
        axis.set_xlabel("epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.3)
        if axis.get_lines():
            axis.legend(fontsize=9, frameon=False)
            axis.set_ylim(bottom=0)
    for axis in list(figure.axes)[len(PANELS) :]:
        axis.set_axis_off()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=100)


def _mark_epochs(axis: Any, history: Sequence[Mapping[str, float]], resumes: Sequence[int], *, named: bool) -> None:
    """Vertical lines where the size of the images changed, and where the run was continued; `named` in the legend."""
    for before, after in pairwise([row for row in history if row["epoch"] > 0]):
        if before.get("height", 0) != after.get("height", 0):
            label = f"height {before.get('height', 0):.0f} → {after.get('height', 0):.0f}"
            axis.axvline(
                before["epoch"] + 0.5, color="tab:gray", linewidth=1, linestyle="--", label=label if named else ""
            )
    for i, epoch in enumerate(resumes):
        label = "continued" if named and not i else ""
        axis.axvline(epoch + 0.5, color="tab:gray", linewidth=1, linestyle=":", label=label)
