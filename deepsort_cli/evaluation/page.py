"""`report.html`: one page with everything, nothing of it loaded from elsewhere."""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from deepsort_cli.core.files import printable
from deepsort_cli.evaluation import explanation, plots
from deepsort_cli.evaluation.evaluate import Evaluation
from deepsort_cli.evaluation.summary import (
    Row,
    data_line,
    difference_rows,
    headline,
    method_line,
    recommendations,
    threshold_line,
)

TEMPLATE = Path(__file__).with_name("page.html")
LONGEST_TABLE = 300
"""Rows of a table; the worst come first, and the CSV files have them all."""

Column = tuple[str, bool]
"""Heading, and whether the column holds numbers."""


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
        other: figures and evaluation of a model to compare with.
        pictures: draw plots and show thumbnails.
        on_plot: called with the number of plots drawn.
    """
    name = figures["model"]["name"]
    drawn = ""
    if pictures:
        second = None if other is None else (other[0]["model"]["name"], other[1])
        drawn = f"<h2>Plots</h2>\n<div class='plots'>{_plots(evaluation, name, second, on_plot)}</div>"
    comparison = ""
    if other is not None:
        comparison = (
            f"<h2>Compared with {_text(other[0]['model']['name'])}</h2>\n"
            + _rows_table(("figure", "difference in points [95 %]", "meaning"), difference_rows(figures["difference"]))
            + _rows_table(
                (f"{other[0]['model']['name']}", "percent [95 %]", "meaning"),
                headline(other[0], evaluation.settings.ranks),
            )
        )
    notes = [*evaluation.data.notes, f"Query {figures['data']['query']}", f"Gallery {figures['data']['gallery']}"]
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=_text(f"Re-ID evaluation of {name}"),
        subtitle=_paragraphs(
            [
                f"{figures['model']['path']} ({figures['model']['source']}), {figures['model']['embedding_size']} "
                f"values per image, SHA-256 {figures['model']['sha256'][:16]}…",
                f"{data_line(figures)}. Market-1501 protocol, {method_line(figures)}. {when}",
            ]
        ),
        cards=_cards(figures),
        recommendations="".join(f"<li>{_text(item)}</li>" for item in recommendations(evaluation, figures)),
        figures=_rows_table(
            ("figure", "percent [95 % interval]", "meaning"), headline(figures, evaluation.settings.ranks)
        )
        + _paragraphs([threshold_line(evaluation)]),
        comparison=comparison,
        plots=drawn,
        retrievals=_retrievals(evaluation) if pictures else "",
        cameras=_cameras(evaluation),
        identities=_identities(evaluation),
        queries=_queries(evaluation),
        notes="<ul>" + "".join(f"<li>{_text(note)}</li>" for note in notes) + "</ul>",
        explanation=explanation.as_html(),
    )


def _cards(figures: dict[str, Any]) -> str:
    low, high = figures["intervals"]["mAP"]
    cards = [
        ("mAP", _percent(figures["mAP"]), "" if low is None else f"95 %: {low:.1f} to {high:.1f}"),
        ("rank-1", _percent(figures["rank1"]), f"rank-5 {_percent(figures['rank5'])}"),
        ("mINP", _percent(figures["mINP"]), "hardest matches"),
        ("EER", _percent(figures["eer"]), "pairs across cameras"),
    ]
    if figures["threshold"] is not None:
        cards.append(("threshold", f"{figures['threshold']:.3f}", f"{figures['threshold_pairs']} pairs"))
    return "".join(
        f'<div class="card"><span>{_text(name)}</span><b>{_text(value)}</b><span>{_text(more)}</span></div>'
        for name, value, more in cards
    )


def _plots(
    evaluation: Evaluation, name: str, other: tuple[str, Evaluation] | None, on_plot: Callable[[int], None] | None
) -> str:
    figures = []
    for plot, title in plots.TITLES.items():
        if plot == "retrievals":  # shown as thumbnails below
            continue
        light, dark = (
            base64.b64encode(plots.draw(plot, evaluation, theme, name, other)).decode()
            for theme in (plots.LIGHT, plots.DARK)
        )
        figures.append(
            f'<figure><picture><source media="(prefers-color-scheme: dark)" srcset="data:image/png;base64,{dark}">'
            f'<img alt="{_text(title)}" src="data:image/png;base64,{light}"></picture></figure>'
        )
        if on_plot is not None:
            on_plot(len(figures))
    return "\n".join(figures)


def _retrievals(evaluation: Evaluation) -> str:
    query, gallery = evaluation.data.query, evaluation.data.gallery
    correct = evaluation.correct()
    pieces = [
        "<h2>Best, median and worst queries</h2>",
        "<p>The query, then its nearest gallery images: ✓ same person, ✗ another; numbers are distances and person "
        "ids.</p>",
    ]
    for kind, positions in plots.typical_queries(evaluation).items():
        if positions:
            pieces.append(f"<h3>{kind.capitalize()}</h3>")
        for i in positions:
            ap = 100 * evaluation.ranking.ap[i]
            crops = [_crop(query.file(i), "query", f"{query.pids[i]}<br>AP {ap:.0f} %")]
            for k, j in enumerate(evaluation.retrieved[i]):
                if j >= 0:
                    kind_of, mark = ("right", "✓") if correct[i, k] else ("wrong", "✗")
                    label = f"{mark} {evaluation.retrieved_distance[i, k]:.2f}<br>{gallery.pids[j]}"
                    crops.append(_crop(gallery.file(int(j)), kind_of, label))
            pieces.append(f'<div class="retrieval" tabindex="0">{"".join(crops)}</div>')
    return "\n".join(pieces)


def _crop(path: Path, kind: str, label: str) -> str:
    buffer = io.BytesIO()
    plots.thumbnail(path).save(buffer, "JPEG", quality=82)
    data = base64.b64encode(buffer.getvalue()).decode()
    name = _text(printable(path.name))
    return (
        f'<div class="crop {kind}"><img alt="{name}" title="{name}" src="data:image/jpeg;base64,{data}">{label}</div>'
    )


def _cameras(evaluation: Evaluation) -> str:
    if not evaluation.camera_pairs:
        return ""
    columns = [("query camera", True), ("gallery camera", True), ("queries", True), *_RATES]
    rows = [[c.q_camid, c.g_camid, c.num_queries, c.mAP, c.mINP, c.rank1] for c in evaluation.camera_pairs]
    return "<h2>Pairs of cameras</h2>\n" + _sortable(columns, rows)


def _identities(evaluation: Evaluation) -> str:
    found = sorted(evaluation.identities, key=lambda i: (math.isnan(i.ap), i.ap, i.pid))
    rows = [[i.pid, i.num_queries, i.num_valid, i.ap, i.inp, i.rank1] for i in found]
    columns = [("person id", True), ("queries", True), ("valid", True), *_RATES]
    return _cut("csv/per_identity_ap.csv", len(rows)) + _sortable(columns, rows[:LONGEST_TABLE])


def _queries(evaluation: Evaluation) -> str:
    query, ranking = evaluation.data.query, evaluation.ranking
    order = np.argsort(ranking.ap, kind="stable")  # skipped ones are NaN and come last
    rows: list[list[Any]] = [
        [
            printable(query.paths[i]),
            query.pids[i],
            query.camids[i] if evaluation.data.has_cameras else math.nan,
            ranking.num_matches[i],
            ranking.first_match[i] if ranking.valid[i] else math.nan,
            ranking.ap[i],
            ranking.inp[i],
        ]
        for i in order[:LONGEST_TABLE]
    ]
    columns = [("image", False), ("person id", True), ("camera", True), ("matches", True), ("first match", True)]
    return _cut("csv/per_query_ap.csv", len(order)) + _sortable([*columns, *_RATES[:2]], rows)


_RATES: list[Column] = [("AP, %", True), ("INP, %", True), ("rank-1, %", True)]


def _cut(file: str, count: int) -> str:
    if count <= LONGEST_TABLE:
        return ""
    return _paragraphs([f"The {LONGEST_TABLE} worst of {count:,}. All are in {file}."])


def _sortable(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> str:
    rates = {name for name, _ in _RATES}
    head = "".join(
        f'<th scope="col"{" class=number" if number else ""}><button type="button">{_text(name)}</button></th>'
        for name, number in columns
    )
    body = []
    for row in rows:
        cells = []
        for (name, number), value in zip(columns, row, strict=True):
            if not number:
                cells.append(f"<td>{_text(value)}</td>")
                continue
            missing = math.isnan(value)
            shown = "" if missing else f"{100 * value:.1f}" if name in rates else f"{int(value)}"
            cells.append(f'<td class="number" data-value="{"" if missing else f"{float(value):.6g}"}">{shown}</td>')
        body.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<div class="scroll" tabindex="0"><table class="sortable"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _rows_table(header: tuple[str, str, str], rows: list[Row]) -> str:
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _paragraphs(lines: Iterable[str]) -> str:
    return "".join(f'<p class="quiet">{_text(line)}</p>' for line in lines if line)


def _text(value: Any) -> str:
    return html.escape(printable(str(value)))


def _percent(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.1f} %"
