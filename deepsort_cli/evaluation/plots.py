"""The pictures of a report, drawn for light or dark pages; legible with ten identities and with ten thousand."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageOps

from deepsort_cli.core.types import IntArray
from deepsort_cli.evaluation.evaluate import Evaluation
from deepsort_cli.evaluation.figures import distance, typed
from deepsort_cli.evaluation.ranking import normalised
from deepsort_cli.evaluation.tables import cmc_head

NAMED_IDENTITIES = 25
"""Identities that get a bar with their name or number, or a colour in the map."""
MAP_POINTS = 4000
GRID_ROWS = 3
"""Best, median and worst queries shown, each."""
GRID_COLUMNS = 8
THUMB = (64, 128)
"""Width and height of a thumbnail in pixels."""


Shown = Sequence[tuple[str, Evaluation]]
"""One model or two: name and evaluation, on the same data."""


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
    shown: Shown = [(name, evaluation), *([] if other is None else [other])]
    with drawing_style(theme):
        figure = _DRAWINGS[plot](shown, theme)
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


_drawing = threading.RLock()


@contextlib.contextmanager
def drawing_style(theme: Theme) -> Iterator[None]:
    """Figures are drawn in a theme; one thread at a time, since Matplotlib has one style for all of the program."""
    with _drawing, mpl.rc_context(_style(theme)):
        yield


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
        "text.parse_math": False,  # the names of models and people may have $ in them
    }


def _figure(width: float = 6.4, height: float = 4.0) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _colours(theme: Theme) -> tuple[tuple[str, str], ...]:
    """Colour and line of the first and of the second model."""
    return ((theme.right, "-"), (theme.wrong, "--"))


def _legend(figure: Figure, axes: Axes, columns: int = 2, **options: Any) -> None:
    """A legend below the axes, where it covers no curve."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=9, **options)


def _cmc(shown: Shown, theme: Theme) -> Figure:
    figure, axes = _figure(6.4, 4.3)
    last = min(50, len(shown[0][1].ranking.cmc))
    for (label, found), (colour, line) in zip(shown, _colours(theme), strict=False):
        cmc = 100 * np.array(cmc_head(found)[:last])
        ranks = np.arange(1, len(cmc) + 1)
        marker = "o" if len(ranks) <= 20 else ""
        ranks_said = ", ".join(f"rank-{k} {100 * found.ranking.rank(k):.2f}" for k in (1, 5, 10) if k <= last)
        text = f"{_short(label)} mAP {100 * found.ranking.mAP:.2f}, {ranks_said} %".strip()
        axes.plot(ranks, cmc, line, color=colour, marker=marker, lw=2, label=text)
    axes.set(xlabel="rank k", ylabel="queries with a match, %", ylim=(0, 102), xlim=(0.5, last + 0.5))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(TITLES["cmc"])
    _legend(figure, axes, 1)
    return figure


def _ap_histogram(shown: Shown, theme: Theme) -> Figure:
    figure, axes = _figure(6.4, 4.3)
    alone = len(shown) == 1
    for (name, found), (colour, line) in zip(shown, _colours(theme), strict=False):
        ap = found.ranking.ap[found.ranking.valid]
        bins = int(np.clip(np.sqrt(len(ap)) * 1.5, 5, 40))
        edges = np.linspace(0, 100, bins + 1).tolist()
        if line == "-":
            axes.hist(100 * ap, bins=edges, color=colour, edgecolor=theme.background, lw=0.6, alpha=1 if alone else 0.6)
        else:
            axes.hist(100 * ap, bins=edges, histtype="step", color=colour, lw=2)
        label = "mean (mAP)" if alone else f"{_short(name, 24)} mAP"
        mean = 100 * float(ap.mean())
        _line(axes, mean, theme.wrong if alone else colour, line, f"{label} {mean:.2f} %")
        if alone:
            median = 100 * float(np.median(ap))
            _line(axes, median, theme.accent, "--", f"median {median:.2f} %")
    axes.set(xlabel="AP of a query, %", ylabel=f"queries (of {shown[0][1].ranking.num_valid:,})", xlim=(0, 100))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(TITLES["ap_histogram"])
    _legend(figure, axes)
    return figure


def _distances(shown: Shown, theme: Theme) -> Figure:
    figure = Figure(figsize=(6.4, 4.4 if len(shown) == 1 else 6.6), layout="constrained")
    panels = figure.subplots(len(shown), 1, squeeze=False)[:, 0]  # each on its own scale: models differ in it
    for axes, (_, found) in zip(panels, shown, strict=True):
        low, high = _distance_panel(axes, found, theme)
        axes.set_xlim(max(0.0, low), min(2.0, high))
    panels[-1].set_xlabel("cosine distance")
    if len(shown) == 1:
        panels[0].set_title(TITLES["distances"])
        _legend(figure, panels[0])
        return figure
    figure.suptitle(TITLES["distances"], fontsize=12)
    for axes, (name, found) in zip(panels, shown, strict=True):
        axes.set_title(f"{_short(name)}{_threshold_words(found)}", fontsize=10)
    _legend(figure, panels[0])
    return figure


def _threshold_words(found: Evaluation) -> str:
    return "" if found.threshold is None else f", threshold {typed(distance(found.threshold.interval.value))}"


def _distance_panel(axes: Axes, evaluation: Evaluation, theme: Theme) -> tuple[float, float]:
    """Densities of the distances of one model; returns the range they lie in."""
    pairs = evaluation.pairs
    curves = [
        ("same person, two cameras", pairs.positive, theme.right, "-"),
        ("two persons", pairs.negative, theme.wrong, "-"),
    ]
    if evaluation.verification_same_camera is not None:
        curves += [
            ("same person, one camera", pairs.positive_same_camera, theme.right, ":"),
            ("two persons, one camera", pairs.negative_same_camera, theme.wrong, ":"),
        ]
    threshold = evaluation.threshold
    if threshold is not None:  # beneath the curves
        found = threshold.interval
        if not np.isnan(found.low):
            axes.axvspan(found.low, found.high, color=theme.accent, alpha=0.2, lw=0, zorder=0.5)
        label = f"threshold {typed(distance(found.value))}"
        axes.axvline(found.value, color=theme.accent, ls="--", lw=1.2, label=label, zorder=0.8)
    low, high = float(pairs.edges[-1]), 0.0
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
        low, high = min(low, inside[0] - step), max(high, inside[-1] + step)
    axes.set(ylabel="density")
    axes.set_ylim(bottom=0)
    return low, high


def _identities(shown: Shown, theme: Theme) -> Figure:
    """Bars of few people; of many, the sorted curve, and bars of those with whom the first model does worst."""
    people = sorted((i for i in shown[0][1].identities if i.num_valid), key=lambda i: (i.ap, i.pid))
    of_pid = [{i.pid: 100 * i.ap for i in found.identities} for _, found in shown]
    ap = [np.array([found[i.pid] for i in people]) for found in of_pid]
    labels = [
        f"{_short(name, 24) or 'mean'}{' mean' if name else ''} {values.mean():.2f} %"
        for (name, _), values in zip(shown, ap, strict=True)
    ]
    worst_names = [_who(shown[0][1], i.pid) for i in people[:NAMED_IDENTITIES]]
    if len(people) <= NAMED_IDENTITIES:
        figure, axes = _figure(6.4, 1.9 + 0.24 * len(shown) * max(len(people), 6))
        _bars(axes, worst_names, ap, theme, labels)
        axes.set_title(TITLES["identities"])
        _legend(figure, axes, 1)
        return figure
    figure = Figure(figsize=(6.4, 5.8), layout="constrained")
    curve, worst = figure.subplots(1, 2, width_ratios=[1.25, 1])
    share = 100 * np.arange(len(people)) / (len(people) - 1)
    for values, label, (colour, line) in zip(ap, labels, _colours(theme), strict=False):
        if line == "-":
            curve.fill_between(share, np.sort(values), color=colour, alpha=0.2, lw=0)
        curve.plot(share, np.sort(values), line, color=colour, lw=2, label=label)
    curve.set(xlabel=f"share of the {len(people):,} identities, %", ylabel="AP, %", xlim=(0, 100), ylim=(0, 102))
    curve.set_title("all, worst first")
    _bars(worst, worst_names, [values[:NAMED_IDENTITIES] for values in ap], theme)
    worst.set_title(f"the {NAMED_IDENTITIES} worst")
    figure.suptitle(TITLES["identities"], fontsize=12)
    _legend(figure, curve, 1)
    return figure


def _bars(
    axes: Axes,
    names: Sequence[str],
    values: Sequence[npt.NDArray[np.float64]],
    theme: Theme,
    labels: Sequence[str] | None = None,
) -> None:
    """Horizontal bars, those of two models below each other, with their values where they are not too many."""
    position = np.arange(len(names))
    height = 0.75 / len(values)
    largest = max(float(found.max()) for found in values)
    axes.set_xlim(0, max(118.0 if largest > 60 else 1.3 * largest, 1.0))
    size = 10 if len(names) <= 15 else 8
    for i, (found, (colour, _)) in enumerate(zip(values, _colours(theme), strict=False)):
        places = position + (i - (len(values) - 1) / 2) * height
        axes.barh(places, found, color=colour, height=height, label=None if labels is None else labels[i])
        for y, value in zip(places, found, strict=True) if len(names) * len(values) <= NAMED_IDENTITIES else ():
            axes.annotate(
                f"{value:.2f}", (value, y), textcoords="offset points", xytext=(3, 0), ha="left", va="center",
                fontsize=(size if len(values) == 1 else 8) - 1,
            )  # fmt: skip
    axes.set_yticks(position, list(names), fontsize=size)
    axes.invert_yaxis()
    axes.set(xlabel="AP, %", ylabel="person")
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= 100 and tick <= axes.get_xlim()[1]])
    axes.grid(axis="y", visible=False)


def _embedding_map(shown: Shown, theme: Theme) -> Figure:
    """The embeddings of each model on its own two principal components, with the same people named."""
    evaluation = shown[0][1]
    pids = np.concatenate([evaluation.data.query.pids, evaluation.data.gallery.pids])
    rng = np.random.default_rng(evaluation.settings.seed)
    people = np.unique(evaluation.data.query.pids)
    many = len(people) > NAMED_IDENTITIES
    named = np.sort(rng.choice(people, 10, replace=False)) if many else people
    others = np.flatnonzero(~np.isin(pids, named))
    if len(others) > MAP_POINTS:
        others = rng.choice(others, MAP_POINTS, replace=False)
    figure = Figure(figsize=(6.4, 5.2 if len(shown) == 1 else 8.6), layout="constrained")
    panels = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    for axes, (name, found) in zip(panels, shown, strict=True):
        _map_panel(axes, found, pids, named, others, theme)
        if len(shown) > 1:
            axes.set_title(_short(name), fontsize=10)
    figure.suptitle(TITLES["embedding_map"], fontsize=12)
    title = "person" + (f"\n({len(named)} of {len(people):,})" if many else "")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, title=title, loc="outside right center", fontsize=9, title_fontsize=9)
    return figure


def _map_panel(
    axes: Axes, evaluation: Evaluation, pids: IntArray, named: IntArray, others: IntArray, theme: Theme
) -> None:
    features = np.concatenate([evaluation.query_features, evaluation.gallery_features])
    features = normalised(features)
    shown = np.concatenate([others, np.flatnonzero(np.isin(pids, named))])
    centre = features[shown].mean(axis=0)
    offsets = features[shown] - centre
    variances, directions = np.linalg.eigh(offsets.T @ offsets)  # ascending
    points = (features - centre) @ directions[:, :-3:-1]
    if points.shape[1] < 2:
        points = np.column_stack([points, np.zeros(len(points))])
    if len(others):
        axes.scatter(points[others, 0], points[others, 1], s=5, color=theme.quiet, alpha=0.35, lw=0, label="others")
    colours = mpl.colormaps["tab10" if len(named) <= 10 else "gist_rainbow"]
    markers = "os^DvPX*<>"
    for i, pid in enumerate(named):
        colour = colours(i if len(named) <= 10 else i / len(named))
        mark = markers[i % len(markers)]
        own, who = points[pids == pid], _who(evaluation, pid)
        who = f" {who}" if who.startswith("_") else who  # a legend leaves out what begins with _
        axes.scatter(own[:, 0], own[:, 1], s=28, color=colour, marker=mark, lw=0, label=who)
    explained = 100 * variances[::-1] / max(float(variances.sum()), 1e-12)
    axes.set_xlabel(f"component 1 ({explained[0]:.0f} % of variance)")
    axes.set_ylabel(f"component 2 ({explained[1]:.0f} %)" if len(explained) > 1 else "")
    axes.set_aspect("equal", adjustable="datalim")


def _retrievals(shown: Shown, theme: Theme) -> Figure:
    evaluation = shown[0][1]
    rows = [
        (kind, i, name if len(shown) > 1 else "", found)
        for kind, queries in typical_queries(evaluation).items()
        for i in queries
        for name, found in shown
    ]
    columns = min(GRID_COLUMNS, *(found.retrieved.shape[1] for _, found in shown))
    figure = Figure(figsize=(1.0 + 0.72 * (columns + 1), 0.6 + 1.5 * len(rows)))
    query, gallery = evaluation.data.query, evaluation.data.gallery
    grid = figure.add_gridspec(
        len(rows), columns + 1, left=0.13, right=0.99, top=1 - 0.6 / figure.get_figheight(), bottom=0.005,
        hspace=0.24, wspace=0.1,
    )  # fmt: skip
    for r, (kind, i, name, found) in enumerate(rows):
        correct = found.correct()
        axes = figure.add_subplot(grid[r, 0])
        _thumb(axes, query.file(i), theme.text, _who(evaluation, query.pids[i], 10), theme)
        label = f"{kind}\nAP {100 * found.ranking.ap[i]:.2f}" + (f"\n{_short(name, 12)}" if name else "")
        axes.annotate(
            label, (0, 0.5), xycoords="axes fraction", xytext=(-8, 0), textcoords="offset points",
            ha="right", va="center", fontsize=8,
        )  # fmt: skip
        for k in range(columns):
            j = int(found.retrieved[i, k])
            if j < 0:
                continue
            axes = figure.add_subplot(grid[r, k + 1])
            mark = "✓" if correct[i, k] else "✗"
            colour = theme.right if correct[i, k] else theme.wrong
            number = typed(distance(float(found.retrieved_distance[i, k])))
            _thumb(axes, gallery.file(j), colour, f"{mark} {number}", theme)
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


@lru_cache(maxsize=1)
def _letters() -> frozenset[int]:
    """Characters that the font of the plots has."""
    return frozenset(get_font(findfont(FontProperties())).get_charmap())


def _who(evaluation: Evaluation, pid: int, length: int = 16) -> str:
    """A person's name, as far as there is room; the number where there is none, or none that can be drawn."""
    name = evaluation.data.who(pid)
    if not all(ord(letter) in _letters() for letter in name):
        return str(pid)
    return name if len(name) <= length else name[: length - 1] + "…"


def _short(name: str, length: int = 34) -> str:
    return name if len(name) <= length else "…" + name[-length + 1 :]


_DRAWINGS: dict[str, Callable[[Shown, Theme], Figure]] = {
    "cmc": _cmc,
    "ap_histogram": _ap_histogram,
    "distances": _distances,
    "identities": _identities,
    "embedding_map": _embedding_map,
    "retrievals": _retrievals,
}
