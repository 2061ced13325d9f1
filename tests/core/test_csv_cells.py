"""Names that look like formulas, in tables for spreadsheets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsort_cli.core.csv_cells import guarded, unguarded


@pytest.mark.parametrize("text", ["=1+1", "+1", "-x", "@SUM(A1)", "\tx", "\r=x", "\n=x", "'=1", "\uff1d1+1"])
def test_no_text_is_a_formula(text: str) -> None:
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("value", ["ann", "1+1", "'tis", "", None, 3, -3, -1.5])
def test_everything_else_stays_as_it_is(value: object) -> None:
    assert guarded(value) is value


@given(st.text("'=+-@\t\n ax1", max_size=6))
def test_what_is_read_again_is_what_was_written(text: str) -> None:
    assert unguarded(guarded(text)) == text
