"""`report.html`: one page with everything, nothing of it loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from string import Template
from typing import Any

from deepsort_cli.core.html_parts import data_address, marked, paragraphs, table, text
from deepsort_cli.evaluation import explanation, page_tables, plots
from deepsort_cli.evaluation.advice import Advice, recommendations
from deepsort_cli.evaluation.evaluate import Evaluation
from deepsort_cli.evaluation.figures import typed
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
LONG_VALUE = 9
"""Characters of a figure that fit its card in large type."""


def render(
    evaluation: Evaluation,
    figures: dict[str, Any],
    when: str,
    other: tuple[dict[str, Any], Evaluation] | None = None,
    *,
    pictures: bool = True,
    on_plot: Callable[[int], None] | None = None,
) -> str:
    """The page.

    Args:
        figures: of the model, from `figures.figures`, with `difference` where there is another model.
        when: date and time for the heading.
        other: figures and evaluation of a model to compare with, shown beside the first everywhere.
        pictures: draw plots and show thumbnails.
        on_plot: called with the number of plots drawn.
    """
    name = figures["model"]["name"]
    second = None if other is None else (other[0]["model"]["name"], other[1])
    shown = [(name, evaluation), *([] if second is None else [second])]
    drawn = f"<h2>Plots</h2>\n<div class='plots'>{_plots(evaluation, name, second, on_plot)}</div>" if pictures else ""
    title = f"Re-ID evaluation of {name}" + ("" if second is None else f", compared with {second[0]}")
    notes = [*evaluation.data.notes, f"Query {figures['data']['query']}", f"Gallery {figures['data']['gallery']}"]
    models = [figures, *([] if other is None else [other[0]])]
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=text(title),
        subtitle=paragraphs([f"{data_line(figures)}. Market-1501 protocol, {method_line(figures)}. {when}"], "quiet"),
        models="".join(map(_model, models)),
        cards=_cards(models),
        recommendations="".join(map(_advice, recommendations(evaluation, figures))),
        figures=_figures(evaluation, figures, None if other is None else other[0]),
        plots=drawn,
        retrievals=page_tables.retrievals(shown) if pictures else "",
        cameras=page_tables.cameras(shown),
        identities=page_tables.identities(shown),
        queries=page_tables.queries(shown),
        notes="<ul>" + "".join(f"<li>{text(note)}</li>" for note in notes) + "</ul>",
        explanation=explanation.as_html(),
    )


def _model(figures: dict[str, Any]) -> str:
    """What a model is, what input is assumed for it, and what speaks against it."""
    model = figures["model"]
    lines = [
        f"{model['name']}: {model['path']} ({model['source']}), {model['embedding_size']} values per image, "
        f"SHA-256 {model['sha256'][:16]}…"
    ]
    if input_line(figures):
        lines.append(f"Input {input_line(figures)}.")
    warnings = "".join(f'<p class="warning">{text(warning)}</p>' for warning in model["warnings"])
    return paragraphs(lines, "quiet") + warnings


def _cards(models: Sequence[dict[str, Any]]) -> str:
    first = models[0]
    low, high = first["intervals"]["mAP"]
    cards = [
        ("mAP", "mAP", "" if low is None else f"95 %: {rate(low)} to {rate(high)}"),
        ("rank-1", "rank1", f"rank-5 {_percent(first['rank5'])}"),
        ("mINP", "mINP", "hardest matches"),
        ("EER", "eer", "pairs across cameras"),
    ]
    rows = [(name, [_percent(found[key]) for found in models], more) for name, key, more in cards]
    about = f"{first['threshold_pairs']} pairs" if first["threshold"] is not None else "too few pairs"
    rows.append(("threshold", [typed(x["threshold"]) if x["threshold"] is not None else "none" for x in models], about))
    pieces = []
    for name, values, more in rows:
        beside = [f"{found['model']['name']}: {value}" for found, value in zip(models[1:], values[1:], strict=True)]
        texts = "".join(f"<span>{text(line)}</span>" for line in (*beside, more) if line)
        small = ' class="long"' if len(values[0]) > LONG_VALUE else ""
        pieces.append(f'<div class="card"><span>{text(name)}</span><b{small}>{text(values[0])}</b>{texts}</div>')
    return "".join(pieces)


def _advice(item: Advice) -> str:
    commands = "".join(f"<pre><code>{text(command)}</code></pre>" for command in item.commands)
    return f"<li>{marked(item.text)}{commands}</li>"


def _figures(evaluation: Evaluation, figures: dict[str, Any], other: dict[str, Any] | None) -> str:
    ranks = evaluation.settings.ranks
    if other is None:
        found = _figures_table(("figure", "percent [95 % interval]", "meaning"), headline(figures, ranks))
        return found + paragraphs([threshold_line(figures)], "quiet")
    names = (figures["model"]["name"], other["model"]["name"])
    meanings = [row[-1] for row in headline(figures, ranks)]
    rows = comparison(figures, other, figures["difference"], ranks)
    return (
        _figures_table(
            ("figure", *names, "difference in points", "meaning"),
            [(*row, meaning) for row, meaning in zip(rows, meanings, strict=False)],
        )
        + paragraphs(
            [f"{name}: {threshold_line(found)}" for name, found in zip(names, (figures, other), strict=True)], "quiet"
        )
        + f"<h3>Compared with {text(names[1])}</h3>"
        + _figures_table(("figure", "difference in points [95 %]", "meaning"), difference_rows(figures["difference"]))
    )


def _plots(
    evaluation: Evaluation, name: str, other: tuple[str, Evaluation] | None, on_plot: Callable[[int], None] | None
) -> str:
    figures = []
    for plot, title in plots.TITLES.items():
        if plot == "retrievals":  # shown as thumbnails below
            continue
        light, dark = (
            data_address(plots.draw(plot, evaluation, theme, name, other), "png") for theme in (plots.LIGHT, plots.DARK)
        )
        figures.append(
            f'<figure><picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
            f'<img alt="{text(title)}" src="{light}"></picture></figure>'
        )
        if on_plot is not None:
            on_plot(len(figures))
    return "\n".join(figures)


def _figures_table(head: Sequence[str], rows: Iterable[Row]) -> str:
    return table(head, rows, style="figures")


def _percent(value: float | None) -> str:
    return "n/a" if value is None else f"{rate(value)} %"
