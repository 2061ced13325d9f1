"""Standard output has room for one thing."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from deepsort_cli.cli import app


@pytest.mark.parametrize("other", ["--json", "--score"])
@pytest.mark.parametrize("option", ["--save-txt", "--save-jsonl", "--save-csv", "--save-gt"])
def test_rows_and_another_result_are_not_mixed(option: str, other: str) -> None:
    done = CliRunner().invoke(app, ["track", "--source", "demo", option, "-", other])
    assert done.exit_code == 2
    assert f"{option} - and {other}" in " ".join(done.output.replace("│", " ").split())
