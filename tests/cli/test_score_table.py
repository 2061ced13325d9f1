"""The table of scores at any width: no figure is cut or wrapped, none is missing."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from deepsort_cli.cli.score import HEADINGS, _tables, as_json
from deepsort_cli.evaluation.mot_score import COMBINED, Score, Scoring


def scoring(*names: str, missing: tuple[str, ...] = ()) -> Scoring:
    def one(name: str, sequences: int) -> Score:
        fractions = (1.0, 0.4321, 0.5, 0.6, -12.345, 0.7, 0.8, 0.9, 0.7)
        return Score(name, *fractions, 12345, 2, 3, 4, 123456, 1234567, "MOT17", sequences)

    return Scoring([*(one(name, 1) for name in names), one(COMBINED, len(names))], list(missing))


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_every_figure_is_whole_at_any_width(width: int) -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=width)
    names = ("MOT17-05-FRCNN", "a-sequence-with-a-very-long-name-of-its-own-0001")
    tables = _tables(scoring(*names, missing=("S9",)), width)
    for table in tables:
        console.print(table)
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) <= width
    words = text.split()
    for heading in HEADINGS.values():
        assert words.count(heading) == 1
    for figure in ("100.00", "43.21", "-1234.50", "12345", "123456", "1234567"):
        assert words.count(figure) == 3
    assert len(text.splitlines()) == 8 * len(tables), "no row takes two lines"
    if width >= 200:
        assert len(tables) == 1
        assert "COMBINED (2 of 3)" in text


def test_json_says_what_is_missing() -> None:
    done = scoring("A", "B", missing=("S9",))
    entries = [as_json(one, done) for one in done.scores]
    assert [("missing" in entry, entry["sequences"]) for entry in entries] == [(False, 1), (False, 1), (True, 2)]
    assert entries[0]["HOTA"] == 100
    assert entries[0]["rule"] == "MOT17"
