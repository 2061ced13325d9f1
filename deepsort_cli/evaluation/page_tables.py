"""Tables and rows of pictures of the report page, of one model or of two side by side."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepsort_cli.core.files import printable
from deepsort_cli.core.html_parts import data_address, text
from deepsort_cli.evaluation import plots
from deepsort_cli.evaluation.evaluate import Evaluation
from deepsort_cli.evaluation.figures import distance, typed
from deepsort_cli.evaluation.protocol import EvaluationData

LONGEST_TABLE = 300
"""Rows of a table; the worst come first, and the CSV files have them all."""

Shown = Sequence[tuple[str, Evaluation]]
"""One or two models: name and evaluation, on the same data."""
Column = tuple[str, str]
"""Heading, and what its cells are: text, number or rate (a fraction, shown in percent)."""


def retrievals(shown: Shown) -> str:
    """The best, median and worst queries of the first model, with what each model finds for them."""
    pieces = [
        "<h2>Best, median and worst queries</h2>",
        "<p>The query, then its nearest gallery images: ✓ same person, ✗ another; numbers are distances, and "
        "below who it is.</p>",
    ]
    for kind, positions in plots.typical_queries(shown[0][1]).items():
        if positions:
            pieces.append(f"<h3>{kind.capitalize()}</h3>")
        for i in positions:
            pieces += [_retrieval(found, i, name if len(shown) > 1 else "") for name, found in shown]
    return "\n".join(pieces)


def _retrieval(found: Evaluation, i: int, name: str) -> str:
    query, gallery, correct = found.data.query, found.data.gallery, found.correct()
    who = found.data.who
    crops = [_crop(query.file(i), "query", f"{text(who(query.pids[i]))}<br>AP {100 * found.ranking.ap[i]:.2f}")]
    for k, j in enumerate(found.retrieved[i]):
        if j >= 0:
            kind, mark = ("right", "✓") if correct[i, k] else ("wrong", "✗")
            label = f"{mark} {typed(distance(float(found.retrieved_distance[i, k])))}<br>{text(who(gallery.pids[j]))}"
            crops.append(_crop(gallery.file(int(j)), kind, label))
    heading = f'<p class="quiet">{text(name)}</p>' if name else ""
    return f'{heading}<div class="retrieval" tabindex="0">{"".join(crops)}</div>'


def _crop(path: Path, kind: str, label: str) -> str:
    buffer = io.BytesIO()
    plots.thumbnail(path).save(buffer, "JPEG", quality=82)
    name, data = text(path.name), data_address(buffer.getvalue(), "jpeg")
    return f'<div class="crop {kind}"><img alt="{name}" title="{name}" src="{data}">{label}</div>'


def cameras(shown: Shown) -> str:
    """Figures per pair of cameras; empty where there are none."""
    if not shown[0][1].camera_pairs:
        return ""
    columns = [("query camera", "number"), ("gallery camera", "number"), ("queries", "number")]
    columns += _beside(shown, "mAP", "mINP", "rank-1")
    rows = []
    for pairs in zip(*(found.camera_pairs for _, found in shown), strict=True):
        first = pairs[0]
        values = [value for pair in pairs for value in (pair.mAP, pair.mINP, pair.rank1)]
        rows.append([first.q_camid, first.g_camid, first.num_queries, *_grouped(values, 3)])
    return "<h2>Pairs of cameras</h2>\n" + sortable(columns, rows)


def identities(shown: Shown) -> str:
    """Figures per person, the worst of the first model first."""
    known = list(zip(*(found.identities for _, found in shown), strict=True))
    known.sort(key=lambda row: (math.isnan(row[0].ap), row[0].ap, row[0].pid))
    data = shown[0][1].data
    columns = [_person(data), ("queries", "number"), ("valid", "number")]
    columns += _beside(shown, "mean AP", "mean INP", "rank-1")
    rows = []
    for row in known[:LONGEST_TABLE]:
        values = [value for found in row for value in (found.ap, found.inp, found.rank1)]
        person = data.names.get(row[0].pid, row[0].pid)
        rows.append([person, row[0].num_queries, row[0].num_valid, *_grouped(values, 3)])
    return _cut("csv/per_identity_ap.csv", len(known)) + sortable(columns, rows)


def queries(shown: Shown) -> str:
    """Figures per query, the worst of the first model first."""
    first = shown[0][1]
    query, ranking = first.data.query, first.ranking
    order = np.argsort(ranking.ap, kind="stable")  # skipped ones are NaN and come last
    columns = [("image", "text"), _person(first.data), ("camera", "number"), ("matches", "number")]
    columns += _beside(shown, "first match", kind="number") + _beside(shown, "AP", "INP")
    rows: list[list[Any]] = []
    for i in order[:LONGEST_TABLE]:
        camera = query.camids[i] if first.data.has_cameras else math.nan
        match = [found.ranking.first_match[i] if ranking.valid[i] else math.nan for _, found in shown]
        values = [value for _, found in shown for value in (found.ranking.ap[i], found.ranking.inp[i])]
        person = first.data.names.get(int(query.pids[i]), query.pids[i])
        rows.append([printable(query.paths[i]), person, camera, ranking.num_matches[i], *match, *_grouped(values, 2)])
    return _cut("csv/per_query_ap.csv", len(order)) + sortable(columns, rows)


def _person(data: EvaluationData) -> Column:
    """The column that says who it is."""
    return ("person", "text") if data.names else ("person id", "number")


def _beside(shown: Shown, *headings: str, kind: str = "rate") -> list[Column]:
    """Columns of each figure for each model, the models side by side."""
    unit = ", %" if kind == "rate" else ""
    if len(shown) == 1:
        return [(f"{heading}{unit}", kind) for heading in headings]
    return [(f"{heading}{unit}: {name}", kind) for heading in headings for name, _ in shown]


def _grouped(values: Sequence[float], figures: int) -> list[float]:
    """Values model by model → figure by figure, as `_beside` has the columns."""
    return [values[i] for start in range(figures) for i in range(start, len(values), figures)]


def _cut(file: str, count: int) -> str:
    if count <= LONGEST_TABLE:
        return ""
    return f'<p class="quiet">The {LONGEST_TABLE} worst of {count:,}. All are in {file}.</p>'


def sortable(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> str:
    """A table that is sorted by a click on a heading."""
    head = "".join(
        f'<th scope="col"{"" if kind == "text" else " class=number"}><button type="button">{text(name)}</button></th>'
        for name, kind in columns
    )
    body = []
    for row in rows:
        cells = []
        for (_, kind), value in zip(columns, row, strict=True):
            if kind == "text":
                cells.append(f"<td>{text(value)}</td>")
                continue
            missing = math.isnan(value)
            shown = "" if missing else f"{100 * value:.2f}" if kind == "rate" else f"{int(value)}"
            key = f"{float(value):.6g}" if kind == "rate" and not missing else shown  # ids have up to ten digits
            cells.append(f'<td class="number" data-value="{key}">{shown}</td>')
        body.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<div class="scroll" tabindex="0"><table class="sortable"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )
