"""The pictures of a report, drawn for light or dark pages; legible with ten identities and with ten thousand."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageOps

from deepsort_cli.evaluation.evaluate import Evaluation
from deepsort_cli.evaluation.tables import cmc_head

NAMED_IDENTITIES = 25
"""Identities that get a bar with their number, or a colour in the map."""
MAP_POINTS = 4000
GRID_ROWS = 3
"""Best, median and worst queries shown, each."""
GRID_COLUMNS = 8
THUMB = (64, 128)
"""Width and height of a thumbnail in pixels."""


@dataclass(frozen=True)
class Theme:
    """Colours of one variant of the pictures; blue and orange stay apart for colour-blind eyes."""

    background: str
    text: str
    grid: str
    right: str
    wrong: str
    accent: str
    quiet: str


LIGHT = Theme("#ffffff", "#1f2328", "#d8dee4", "#0b6bcb", "#c8510a", "#7a3fbf", "#8c959f")
DARK = Theme("#161b22", "#e6edf3", "#30363d", "#58a6ff", "#f0883e", "#bc8cff", "#7d8590")
TITLES = {
    "cmc": "How often a match is among the first k",
    "ap_histogram": "Average precision of the queries",
    "distances": "Distances of right and wrong pairs",
    "identities": "Average precision of the identities",
    "embedding_map": "Embeddings, projected on two principal components",
    "retrievals": "Best, median and worst queries",
}
"""Plot → its title. The file of `cmc` is `cmc.png`."""


def write_plots(
    evaluation: Evaluation,
    folder: Path,
    name: str,
    other: tuple[str, Evaluation] | None = None,
    on_plot: Callable[[int], None] | None = None,
) -> None:
    """Write all pictures as PNG files into an existing folder.

    Args:
        name: of the model, for legends.
        other: name and evaluation of a second model to draw beside it.
        on_plot: called with the number of pictures written.
    """
    for number, plot in enumerate(TITLES, start=1):
        (folder / f"{plot}.png").write_bytes(draw(plot, evaluation, LIGHT, name, other))
        if on_plot is not None:
            on_plot(number)


def draw(
    plot: str, evaluation: Evaluation, theme: Theme, name: str = "", other: tuple[str, Evaluation] | None = None
) -> bytes:
    """One picture as PNG bytes; `plot` is a key of `TITLES`."""
    with mpl.rc_context(_style(theme)):
        if plot == "cmc":
            figure = _cmc(evaluation, theme, name, other)
        elif plot == "retrievals":
            figure = _retrievals(evaluation, theme)
        else:
            drawing = {
                "ap_histogram": _ap_histogram,
                "distances": _distances,
                "identities": _identities,
                "embedding_map": _embedding_map,
            }[plot]
            figure = drawing(evaluation, theme)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=100 if plot == "retrievals" else 150, metadata={"Software": None})
    return buffer.getvalue()


def thumbnail(path: Path) -> Image.Image:
    """A crop scaled into `THUMB`, on a grey ground; grey alone where it cannot be read any more."""
    ground = Image.new("RGB", THUMB, (128, 128, 128))
    try:
        with Image.open(path) as image:
            image.draft("RGB", THUMB)
            small = ImageOps.pad(ImageOps.exif_transpose(image).convert("RGB"), THUMB, color=(128, 128, 128))
    except (OSError, ValueError, Image.DecompressionBombError):
        return ground
    return small


def typical_queries(evaluation: Evaluation) -> dict[str, list[int]]:
    """Positions of the best, median and worst valid queries by AP, of different persons where there are enough."""
    valid = np.flatnonzero(evaluation.ranking.valid)
    order = valid[np.argsort(-evaluation.ranking.ap[valid], kind="stable")]
    middle = len(order) // 2
    around = sorted(range(len(order)), key=lambda i: abs(i - middle))
    candidates = {"best": order, "median": order[around], "worst": order[::-1]}
    taken: set[int] = set()
    chosen: dict[str, list[int]] = {}
    for kind in ("worst", "best", "median"):
        chosen[kind] = []
        persons: set[int] = set()
        for i in candidates[kind].tolist():
            person = int(evaluation.data.query.pids[i])
            if len(chosen[kind]) < GRID_ROWS and person not in persons and i not in taken:
                chosen[kind].append(i)
                persons.add(person)
                taken.add(i)
    return {kind: chosen[kind] for kind in ("best", "median", "worst")}


def _style(theme: Theme) -> dict[Any, Any]:
    return {
        "figure.facecolor": theme.background,
        "axes.facecolor": theme.background,
        "savefig.facecolor": theme.background,
        "text.color": theme.text,
        "axes.labelcolor": theme.text,
        "axes.edgecolor": theme.quiet,
        "xtick.color": theme.text,
        "ytick.color": theme.text,
        "grid.color": theme.grid,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.framealpha": 0.85,
        "legend.facecolor": theme.background,
        "legend.edgecolor": "none",
        "font.size": 11,
        "axes.titlesize": 12,
    }


def _figure(width: float = 6.4, height: float = 4.0) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _cmc(evaluation: Evaluation, theme: Theme, name: str, other: tuple[str, Evaluation] | None) -> Figure:
    figure, axes = _figure()
    last = min(50, len(evaluation.ranking.cmc))
    curves = [(name, evaluation, theme.right, "-")]
    if other is not None:
        curves.append((other[0], other[1], theme.wrong, "--"))
    for label, found, colour, line in curves:
        cmc = 100 * np.array(cmc_head(found)[:last])
        ranks = np.arange(1, len(cmc) + 1)
        marker = "o" if len(ranks) <= 20 else ""
        text = f"{_short(label)} mAP {100 * found.ranking.mAP:.1f} %".strip()
        axes.plot(ranks, cmc, line, color=colour, marker=marker, lw=2, label=text)
    for k in (1, 5, 10):
        if k <= last:
            value = 100 * evaluation.ranking.rank(k)
            axes.plot([k], [value], "o", color=theme.right)
            axes.annotate(f"{value:.1f}", (k, value), textcoords="offset points", xytext=(6, -4), ha="left", va="top")
    axes.set(xlabel="rank k", ylabel="queries with a match, %", ylim=(0, 102), xlim=(0.5, last + 0.5))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(TITLES["cmc"])
    axes.legend(loc="lower right")
    return figure


def _ap_histogram(evaluation: Evaluation, theme: Theme) -> Figure:
    figure, axes = _figure()
    ap = evaluation.ranking.ap[evaluation.ranking.valid]
    bins = int(np.clip(np.sqrt(len(ap)) * 1.5, 5, 40))
    axes.hist(
        100 * ap, bins=np.linspace(0, 100, bins + 1).tolist(), color=theme.right, edgecolor=theme.background, lw=0.6
    )
    _line(axes, 100 * float(ap.mean()), theme.wrong, "-", f"mean (mAP) {100 * ap.mean():.1f} %")
    _line(axes, 100 * float(np.median(ap)), theme.accent, "--", f"median {100 * np.median(ap):.1f} %")
    axes.set(xlabel="AP of a query, %", ylabel=f"queries (of {len(ap):,})", xlim=(0, 100))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(TITLES["ap_histogram"])
    axes.legend()
    return figure


def _distances(evaluation: Evaluation, theme: Theme) -> Figure:
    figure, axes = _figure()
    pairs = evaluation.pairs
    same_camera = evaluation.verification_same_camera is not None
    curves = [
        ("same person, two cameras", pairs.positive, theme.right, "-"),
        ("two persons", pairs.negative, theme.wrong, "-"),
    ]
    if same_camera:
        curves += [
            ("same person, one camera", pairs.positive_same_camera, theme.right, ":"),
            ("two persons, one camera", pairs.negative_same_camera, theme.wrong, ":"),
        ]
    top, low, high = 0.0, 2.0, 0.0
    for label, counts, colour, line in curves:
        total = counts.sum(axis=0, dtype=np.float64)
        if not total.sum():
            continue
        width = _bin_width(total, pairs.edges)
        density, centres = _density(total, pairs.edges, width)
        axes.plot(centres, density, line, color=colour, lw=2, label=label)
        if line == "-":
            axes.fill_between(centres, density, color=colour, alpha=0.18, lw=0)
        inside = centres[density > 0.002 * density.max()]
        step = width * (pairs.edges[1] - pairs.edges[0])
        low, high, top = min(low, inside[0] - step), max(high, inside[-1] + step), max(top, float(density.max()))
    threshold = evaluation.threshold
    if threshold is not None:
        found = threshold.interval
        if not np.isnan(found.low):
            axes.axvspan(found.low, found.high, color=theme.accent, alpha=0.25, lw=0)
        _line(axes, found.value, theme.accent, "--", f"threshold {found.value:.3f}")
    axes.set(xlabel="cosine distance", ylabel="density", ylim=(0, 1.35 * top or 1))
    axes.set_xlim(max(0.0, low), min(2.0, high))
    axes.set_title(TITLES["distances"])
    axes.legend(ncols=2, loc="upper left", fontsize=9)
    return figure


def _identities(evaluation: Evaluation, theme: Theme) -> Figure:
    known = sorted((i for i in evaluation.identities if i.num_valid), key=lambda i: (i.ap, i.pid))
    ap = 100 * np.array([i.ap for i in known])
    if len(known) <= NAMED_IDENTITIES:
        figure, axes = _figure(6.4, 1.4 + 0.24 * max(len(known), 6))
        _bars(axes, [str(i.pid) for i in known], ap, theme)
        axes.axvline(float(ap.mean()), color=theme.wrong, lw=1.5)
        axes.set_title(f"{TITLES['identities']} (mean {ap.mean():.1f} %)")
        return figure
    figure = Figure(figsize=(6.4, 5.4), layout="constrained")
    curve, worst = figure.subplots(1, 2, width_ratios=[1.25, 1])
    share = 100 * np.arange(len(ap)) / (len(ap) - 1)
    curve.fill_between(share, ap, color=theme.right, alpha=0.25, lw=0)
    curve.plot(share, ap, color=theme.right, lw=2)
    curve.axhline(float(ap.mean()), color=theme.wrong, lw=1.5)
    curve.annotate(
        f"mean {ap.mean():.1f} %", (2, ap.mean()), textcoords="offset points", xytext=(0, 4), color=theme.wrong
    )
    curve.set(xlabel=f"share of the {len(ap):,} identities, %", ylabel="AP, %", xlim=(0, 100), ylim=(0, 102))
    curve.set_title("all, worst first")
    _bars(worst, [str(i.pid) for i in known[:NAMED_IDENTITIES]], ap[:NAMED_IDENTITIES], theme)
    worst.set_title(f"the {NAMED_IDENTITIES} worst")
    figure.suptitle(TITLES["identities"], fontsize=12)
    return figure


def _bars(axes: Axes, names: Sequence[str], values: npt.NDArray[np.float64], theme: Theme) -> None:
    position = np.arange(len(names))
    axes.barh(position, values, color=theme.right, height=0.75)
    size = 10 if len(names) <= 15 else 8
    axes.set_yticks(position, names, fontsize=size)
    axes.invert_yaxis()
    axes.set(xlabel="AP, %", ylabel="person id")
    axes.set_xlim(0, max(102.0 if values.max() > 60 else 1.25 * float(values.max()), 1.0))
    for y, value in zip(position, values, strict=True):
        inside = value > 0.85 * axes.get_xlim()[1]
        colour = theme.background if inside else theme.text
        axes.annotate(
            f"{value:.1f}" if value >= 1 else f"{value:.2g}",
            (value, y),
            textcoords="offset points",
            xytext=(-3 if inside else 3, 0),
            ha="right" if inside else "left",
            va="center",
            fontsize=size - 1,
            color=colour,
        )
    axes.grid(axis="y", visible=False)


def _embedding_map(evaluation: Evaluation, theme: Theme) -> Figure:
    figure, axes = _figure(6.4, 5.0)
    features = np.concatenate([evaluation.query_features, evaluation.gallery_features])
    features = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    pids = np.concatenate([evaluation.data.query.pids, evaluation.data.gallery.pids])
    rng = np.random.default_rng(evaluation.settings.seed)
    people = np.unique(evaluation.data.query.pids)
    many = len(people) > NAMED_IDENTITIES
    named = np.sort(rng.choice(people, 10, replace=False)) if many else people
    others = np.flatnonzero(~np.isin(pids, named))
    if len(others) > MAP_POINTS:
        others = rng.choice(others, MAP_POINTS, replace=False)
    shown = np.concatenate([others, np.flatnonzero(np.isin(pids, named))])
    centre = features[shown].mean(axis=0)
    offsets = features[shown] - centre
    variances, directions = np.linalg.eigh(offsets.T @ offsets)  # ascending
    points = (features - centre) @ directions[:, :-3:-1]
    if points.shape[1] < 2:
        points = np.column_stack([points, np.zeros(len(points))])
    axes.scatter(
        points[others, 0], points[others, 1], s=5, color=theme.quiet, alpha=0.35, lw=0, label="others" if many else None
    )
    colours = mpl.colormaps["tab10" if len(named) <= 10 else "gist_rainbow"]
    markers = "os^DvPX*<>"
    for i, pid in enumerate(named):
        colour = colours(i if len(named) <= 10 else i / len(named))
        mark = markers[i % len(markers)]
        axes.scatter(
            points[pids == pid, 0], points[pids == pid, 1], s=28, color=colour, marker=mark, lw=0, label=str(pid)
        )
    explained = 100 * variances[::-1] / max(float(variances.sum()), 1e-12)
    axes.set_xlabel(f"component 1 ({explained[0]:.0f} % of variance)")
    axes.set_ylabel(f"component 2 ({explained[1]:.0f} %)" if len(explained) > 1 else "")
    axes.set_title(TITLES["embedding_map"])
    title = "person id" + (f"\n({len(named)} of {len(people):,})" if many else "")
    axes.legend(title=title, loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9, title_fontsize=9)
    axes.set_aspect("equal", adjustable="datalim")
    return figure


def _retrievals(evaluation: Evaluation, theme: Theme) -> Figure:
    rows = [(kind, i) for kind, queries in typical_queries(evaluation).items() for i in queries]
    columns = min(GRID_COLUMNS, evaluation.retrieved.shape[1])
    figure = Figure(figsize=(1.0 + 0.72 * (columns + 1), 0.6 + 1.5 * len(rows)))
    correct = evaluation.correct()
    query, gallery = evaluation.data.query, evaluation.data.gallery
    grid = figure.add_gridspec(
        len(rows), columns + 1, left=0.13, right=0.99, top=1 - 0.6 / figure.get_figheight(), bottom=0.005,
        hspace=0.24, wspace=0.1,
    )  # fmt: skip
    for r, (kind, i) in enumerate(rows):
        axes = figure.add_subplot(grid[r, 0])
        _thumb(axes, query.file(i), theme.text, f"{query.pids[i]}", theme)
        label = f"{kind}\nAP {100 * evaluation.ranking.ap[i]:.1f} %"
        axes.annotate(
            label, (0, 0.5), xycoords="axes fraction", xytext=(-8, 0), textcoords="offset points",
            ha="right", va="center", fontsize=9,
        )  # fmt: skip
        for k in range(columns):
            j = int(evaluation.retrieved[i, k])
            if j < 0:
                continue
            axes = figure.add_subplot(grid[r, k + 1])
            mark = "✓" if correct[i, k] else "✗"
            colour = theme.right if correct[i, k] else theme.wrong
            _thumb(axes, gallery.file(j), colour, f"{mark} {evaluation.retrieved_distance[i, k]:.2f}", theme)
    figure.suptitle(
        "Query (left) and its nearest gallery images: ✓ same person, ✗ another; numbers are distances",
        fontsize=9,
        y=1 - 0.1 / figure.get_figheight(),
        va="top",
    )
    return figure


def _thumb(axes: Axes, path: Path, colour: str, label: str, theme: Theme) -> None:
    axes.imshow(np.asarray(thumbnail(path)), aspect="auto")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set(visible=True, color=colour, linewidth=2.5)
    axes.set_title(label, fontsize=8, color=colour, pad=3)


def _line(axes: Axes, x: float, colour: str, line: str, label: str) -> None:
    axes.axvline(x, color=colour, ls=line, lw=2, label=label)


def _bin_width(counts: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]) -> int:
    """How many bins to join: Freedman and Diaconis' rule on the counted pairs, within sensible limits."""
    cumulative = np.cumsum(counts) / counts.sum()
    quartiles = np.interp([0.25, 0.75], cumulative, edges[1:])
    width = 2 * (quartiles[1] - quartiles[0]) / np.cbrt(counts.sum())
    return int(np.clip(width / (edges[1] - edges[0]), 10, 100))


def _density(
    counts: npt.NDArray[np.float64], edges: npt.NDArray[np.float64], join: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Density and centres of bins joined by `join`."""
    usable = len(counts) // join * join
    joined = counts[:usable].reshape(-1, join).sum(axis=1)
    joined[-1] += counts[usable:].sum()
    width = join * (edges[1] - edges[0])
    return joined / (joined.sum() * width), edges[0] + width * (np.arange(len(joined)) + 0.5)


def _short(name: str, length: int = 34) -> str:
    return name if len(name) <= length else "…" + name[-length + 1 :]
