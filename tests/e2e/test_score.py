"""`deepsort score` as a user runs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("trackeval", reason="needs the extra [score]")

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_demo_against_its_own_ground_truth(deepsort: Run, tmp_path: Path) -> None:
    done = deepsort(
        "track", "--source", "demo", "--max-frames", 15, "--save-txt", "out.txt", "--save-gt", "gt.txt", "-q"
    )
    assert done.returncode == 0, done.stderr
    done = deepsort("score", "--gt", "gt.txt", "--results", "out.txt", "--json", "--csv", "scores.csv")
    assert done.returncode == 0, done.stderr
    (scores,) = json.loads(done.stdout)
    assert 20 < scores["HOTA"] < 100
    assert (tmp_path / "scores.csv").read_text().startswith("sequence,HOTA")
    done = deepsort("score", "--gt", "gt.txt", "--results", "gt.txt")
    assert done.returncode == 0, done.stderr
    assert "100.00" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "--gt is missing"),
        (["--gt", "a"], "--results is missing"),
        (["--gt", "a", "--results", "b"], "no such file"),
    ],
)
def test_bad_input(deepsort: Run, arguments: list[str], word: str) -> None:
    done = deepsort("score", *arguments)
    assert done.returncode == 2
    assert word in done.stderr
    assert "Traceback" not in done.stderr
