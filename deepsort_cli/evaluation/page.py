"""`report.html`: one page with everything, nothing of it loaded from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from string import Template

from deepsort_cli.core.html_parts import data_address, marked, page_start, paragraphs, table, text
from deepsort_cli.evaluation import explanation, page_tables, plots
from deepsort_cli.evaluation.advice import Advice, recommendations
from deepsort_cli.evaluation.figures import EER, MAP, MINP, Comparison, Measured, ModelInfo, rank_metric, typed
from deepsort_cli.evaluation.summary import (
    Row,
    comparison,
    data_line,
    difference_rows,
    headline,
    input_line,
    method_line,
    rate,
    threshold_line,
)

TEMPLATE = Path(__file__).with_name("page.html")
STYLE = Path(__file__).with_name("page.css")
LONG_VALUE = 9
"""Characters of a figure that fit its card in large type."""


def render(
    found: Measured,
    when: str,
    against: Comparison | None = None,
    *,
    pictures: bool = True,
    on_plot: Callable[[int], None] | None = None,
) -> str:
    """The page.

    Args:
        when: date and time for the heading.
        against: a model to compare with, shown beside the first everywhere.
        pictures: draw plots and show thumbnails.
        on_plot: called with the number of plots drawn.
    """
    data = found.evaluation.data
    models = [found, *([] if against is None else [against.other])]
    shown = [(x.model.name, x.evaluation) for x in models]
    drawn = f"<h2>Plots</h2>\n<div class='plots'>{_plots(shown, on_plot)}</div>" if pictures else ""
    title = f"Re-ID evaluation of {', compared with '.join(x.model.name for x in models)}"
    notes = [*data.notes, f"Query {data.query.root}", f"Gallery {data.gallery.root}"]
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        start=page_start(title, STYLE),
        title=text(title),
        subtitle=paragraphs([f"{data_line(found)}. Market-1501 protocol, {method_line(found)}. {when}"], "quiet"),
        models="".join(_model(x.model) for x in models),
        cards=_cards(models),
        recommendations="".join(map(_advice, recommendations(found))),
        figures=_figures(found, against),
        plots=drawn,
        retrievals=page_tables.retrievals(shown) if pictures else "",
        cameras=page_tables.cameras(shown),
        identities=page_tables.identities(shown),
        queries=page_tables.queries(shown),
        notes="<ul>" + "".join(f"<li>{text(note)}</li>" for note in notes) + "</ul>",
        explanation=explanation.as_html(),
    )


def _model(model: ModelInfo) -> str:
    """What a model is, what input is assumed for it, and what speaks against it."""
    lines = [
        f"{model.name}: {model.path} ({model.source}), {model.embedding_size} values per image, "
        f"SHA-256 {model.sha256[:16]}…"
    ]
    if input_line(model):
        lines.append(f"Input {input_line(model)}.")
    warnings = "".join(f'<p class="warning">{text(warning)}</p>' for warning in model.warnings)
    return paragraphs(lines, "quiet") + warnings


def _cards(models: Sequence[Measured]) -> str:
    """The main figures in large type, those of a second model small below."""
    first = models[0].evaluation
    bounds = first.mAP
    about = "" if math.isnan(bounds.low) else f"95 %: {rate(bounds.low)} to {rate(bounds.high)}"
    rates = [
        (MAP, about),
        (rank_metric(1), f"rank-5 {_percent(rank_metric(5).of(first))}"),
        (MINP, "hardest matches"),
        (EER, "pairs across cameras"),
    ]
    rows = [(metric.label, [_percent(metric.of(x.evaluation)) for x in models], more) for metric, more in rates]
    about = "too few pairs" if first.threshold is None else f"{first.threshold.pairs} pairs"
    rows.append(("threshold", ["none" if x.threshold is None else typed(x.threshold) for x in models], about))
    pieces = []
    for name, values, more in rows:
        beside = [f"{x.model.name}: {value}" for x, value in zip(models[1:], values[1:], strict=True)]
        texts = "".join(f"<span>{text(line)}</span>" for line in (*beside, more) if line)
        small = ' class="long"' if len(values[0]) > LONG_VALUE else ""
        pieces.append(f'<div class="card"><span>{text(name)}</span><b{small}>{text(values[0])}</b>{texts}</div>')
    return "".join(pieces)


def _advice(item: Advice) -> str:
    commands = "".join(f"<pre><code>{text(command)}</code></pre>" for command in item.commands)
    return f"<li>{marked(item.text)}{commands}</li>"


def _figures(found: Measured, against: Comparison | None) -> str:
    if against is None:
        main = _figures_table(("figure", "percent [95 % interval]", "meaning"), headline(found))
        return main + paragraphs([threshold_line(found)], "quiet")
    both = (found, against.other)
    names = tuple(x.model.name for x in both)
    meanings = [row[-1] for row in headline(found)]
    rows = [(*row, meaning) for row, meaning in zip(comparison(found, against), meanings, strict=False)]
    return (
        _figures_table(("figure", *names, "difference in points", "meaning"), rows)
        + paragraphs([f"{x.model.name}: {threshold_line(x)}" for x in both], "quiet")
        + f"<h3>Compared with {text(names[1])}</h3>"
        + _figures_table(("figure", "difference in points [95 %]", "meaning"), difference_rows(against.differences))
    )


def _plots(shown: page_tables.Shown, on_plot: Callable[[int], None] | None) -> str:
    (name, evaluation), *more = shown
    other = more[0] if more else None
    drawn = []
    for plot, title in plots.TITLES.items():
        if plot == "retrievals":  # shown as thumbnails below
            continue
        light, dark = (
            data_address(plots.draw(plot, evaluation, theme, name, other), "png") for theme in (plots.LIGHT, plots.DARK)
        )
        drawn.append(
            f'<figure><picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
            f'<img alt="{text(title)}" src="{light}"></picture></figure>'
        )
        if on_plot is not None:
            on_plot(len(drawn))
    return "\n".join(drawn)


def _figures_table(head: Sequence[str], rows: Iterable[Row]) -> str:
    return table(head, rows, style="figures")


def _percent(fraction: float) -> str:
    return "n/a" if math.isnan(fraction) else f"{rate(fraction)} %"
