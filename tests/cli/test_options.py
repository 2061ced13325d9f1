"""What the flags of a command line come to."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from deepsort_cli.cli import app


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-c", "one.yaml", "--config=two.yaml"], ["--config is given 2 times: only the last counts, two.yaml."]),
        (
            ["--conf", "0.3", "--max-age", "3", "--conf=0.4", "--conf", "0.5"],
            ["--conf is given 3 times: only the last"],
        ),
        (["--conf", "0.3", "--conf", "0.3"], []),
        (["--set", "jobs=1", "--set", "jobs=2", "-s", "a.mp4", "--source", "b.mp4"], []),
        (["--save-txt", "--", "--", "--save-txt", "--save-txt"], []),
        (["--gating", "--no-gating"], []),
    ],
)
def test_a_flag_that_does_not_count_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], told: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    Path("one.yaml").write_text("tracker: {max_age: 7}")
    Path("two.yaml").write_text("jobs: 2")
    done = CliRunner().invoke(app, ["track", "--print-config", *words])
    assert done.exit_code == 0, done.output
    assert yaml.safe_load(done.stdout)["tracker"]["max_age"] in (3, 30)
    lines = done.stderr.splitlines()
    assert len(lines) == len(told)
    assert all(line.startswith(f"warning: {said}") for line, said in zip(lines, told, strict=True))
