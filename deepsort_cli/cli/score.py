"""`deepsort score`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer

from deepsort_cli.cli.console import Reporter, result_console
from deepsort_cli.cli.encoding import literal
from deepsort_cli.cli.options import Flags, command_app, examples
from deepsort_cli.settings.score import ScoreSettings

if TYPE_CHECKING:
    from deepsort_cli.evaluation.mot_score import Score, Scoring

app = command_app()
flags = Flags(ScoreSettings)

HEADINGS = {
    "HOTA": "HOTA", "DetA": "DetA", "AssA": "AssA", "LocA": "LocA", "MOTA": "MOTA", "MOTP": "MOTP", "IDF1": "IDF1",
    "id_switches": "IDSW", "fragmentations": "Frag", "mostly_tracked": "MT", "mostly_lost": "ML",
    "false_positives": "FP", "misses": "FN",
}  # fmt: skip
ACROSS_HEADINGS = {"IDP": "IDP", "IDR": "IDR"}
"""Further ones where ids hold in several cameras; behind IDF1."""

WIDE = 110
"""Columns where stdout is no terminal: figures in one table are easier to read by programs."""


@flags.command(
    app,
    epilog=examples(
        "deepsort score --gt MOT17-05-FRCNN --results out.txt",
        "deepsort score --gt MOT17/train --results results/ --csv scores.csv",
        "deepsort score --gt training/label_02 --results results/",
        "deepsort score --across --gt gt1.txt --gt gt2.txt -r out1.jsonl -r out2.jsonl",
    ),
)
def score(
    ctx: typer.Context,
    **_: Any,
) -> None:
    """Score tracking results with the official scorer: HOTA, MOTA, IDF1, identity switches and more.

    Needs the extra \\[score]: pip install 'deepsort-cli\\[score]', or in a clone: pip install '.\\[score]'
    """
    settings, report = flags.start(ctx)

    from deepsort_cli.cli.listeners import Told
    from deepsort_cli.workflows.score import run_score

    scoring = run_score(settings, Told(report))
    print_scores(scoring, report)
    if report.json:
        report.result([as_json(item, scoring) for item in scoring.scores])


def tell(scoring: Scoring, report: Reporter) -> None:
    """What counted and what was left out, on stderr."""
    for message in scoring.notes:
        report.info(message)
    for message in scoring.warnings:
        report.warn(message)


def print_scores(scoring: Scoring, report: Reporter) -> None:
    """Tables of scores on stdout: one where it fits the terminal, else blocks of columns one below the other."""
    width = result_console(WIDE).width
    report.table(*_tables(scoring, width), width=WIDE)


def as_json(score: Score, scoring: Scoring) -> dict[str, Any]:
    """Percentages with two decimals, counts as they are; of the combination also which sequences are missing."""
    values = rounded(score)
    if score.sequence == scoring.scores[-1].sequence and scoring.missing:
        values["missing"] = scoring.missing
    return values


def rounded(score: Score) -> dict[str, Any]:
    """Percentages with two decimals, counts as they are."""
    values = vars(score)
    return {key: round(100 * value, 2) if isinstance(value, float) else value for key, value in values.items()}


def _tables(scoring: Scoring, width: int) -> list[Any]:
    from dataclasses import fields

    from rich import box
    from rich.table import Table

    from deepsort_cli.evaluation.mot_score import ACROSS, Score

    scores = scoring.scores
    names = [_label(item, scoring) for item in scores]
    room = max(map(len, ["sequence", *names])) if names else 8
    room = min(room, max(12, width // 3))
    rows = [rounded(item) for item in scores]
    headings = HEADINGS | (ACROSS_HEADINGS if scores and scores[-1].sequence == ACROSS else {})
    headings = {field.name: headings[field.name] for field in fields(Score) if field.name in headings}
    cells = [
        (heading, [f"{row[key]:.2f}" if isinstance(row[key], float) else str(row[key]) for row in rows])
        for key, heading in headings.items()
    ]
    fractions = sum(isinstance(rows[0][key], float) for key in headings) if rows else 0
    tables = []
    for block in _blocks(cells, fractions, width - room - 3):
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column("sequence", no_wrap=True, width=room)
        for heading, _ in block:
            table.add_column(heading, justify="right", no_wrap=True)
        for row, name in enumerate(names):
            last = len(names) > 1 and row == len(names) - 2
            table.add_row(literal(_shortened(name, room)), *(texts[row] for _, texts in block), end_section=last)
        tables.append(table)
    return tables


def _label(item: Score, scoring: Scoring) -> str:
    if item is not scoring.scores[-1] or (item.sequences == 1 and not scoring.missing):
        return item.sequence
    left_out = len(scoring.missing)
    return f"{item.sequence} ({item.sequences}" + (f" of {item.sequences + left_out})" if left_out else ")")


def _shortened(name: str, room: int) -> str:
    """The name, with its middle left out where it is too long: sequences often differ at the end."""
    if len(name) <= room:
        return name
    tail = (room - 1) // 2
    return f"{name[: room - 1 - tail]}…{name[len(name) - tail :]}"


def _blocks(cells: list[tuple[str, list[str]]], fractions: int, width: int) -> Iterator[list[tuple[str, list[str]]]]:
    """Columns in as many groups as it takes for each to fit into `width`, `fractions` of them and counts apart."""
    sizes = [max(map(len, [heading, *texts])) + 2 for heading, texts in cells]
    if sum(sizes) <= width:
        yield cells
        return
    for part in (range(fractions), range(fractions, len(cells))):
        block: list[tuple[str, list[str]]] = []
        used = 0
        for number in part:
            if block and used + sizes[number] > width:
                yield block
                block, used = [], 0
            block.append(cells[number])
            used += sizes[number]
        if block:
            yield block
