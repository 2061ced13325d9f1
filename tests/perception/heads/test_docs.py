from __future__ import annotations

from pathlib import Path

import pytest

from deepsort_cli.perception.heads import formats

PAGE = Path(__file__).parents[3] / "docs" / "DETECTORS.md"


@pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not here")
def test_the_table_of_heads_is_complete_and_true() -> None:
    lines = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    table = {cells[0].strip("| `"): cells[2] for cells in lines if len(cells) == 4}
    assert table == {head.name: head.outputs for head in formats()}
