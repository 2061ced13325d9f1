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


def test_folders_and_what_is_left_out(deepsort: Run, tmp_path: Path) -> None:
    rows = "".join(f"{frame},{i},{100 * i},50,40,100,1,0,1\n" for frame in range(1, 7) for i in (1, 2))
    for name in ("S1", "S2", "S3"):
        (tmp_path / "set" / name / "gt").mkdir(parents=True)
        (tmp_path / "set" / name / "gt" / "gt.txt").write_text(rows)
    (tmp_path / "out").mkdir()
    for name in ("S1", "S3"):
        (tmp_path / "out" / f"{name}.txt").write_text(rows)
    done = deepsort("score", "--gt", "set", "--results", "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no result for S2" in done.stderr
    done = deepsort("score", "--gt", "set", "--results", "out", "--allow-missing", "--json")
    scores = json.loads(done.stdout)
    assert [(one["sequence"], one["HOTA"], one["rule"]) for one in scores[:2]] == [
        ("S1", 100, "class 0"), ("S3", 100, "class 0"),
    ]  # fmt: skip
    assert (scores[2]["sequences"], scores[2]["missing"]) == (2, ["S2"])
    text = " ".join(done.stderr.split())
    assert "scores are of 2 of 3 sequences" in text
    assert "gt.txt: rows of class 0 count" in text
