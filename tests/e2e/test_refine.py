"""`deepsort refine` as a user runs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


def rows(frames: list[int], track_id: int = 1) -> str:
    return "".join(f"{frame},{track_id},{10 * frame},50,40,100,1,-1,-1,-1\n" for frame in frames)


def test_gaps_are_filled_and_short_tracks_dropped(deepsort: Run, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text(rows([1, 2, 6]) + rows([3], 2))
    done = deepsort("refine", "in.txt", "-o", "out.txt", "--interpolate", "linear", "--min-length", 2, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "tracks": 2, "rows": 4, "dropped_tracks": 1, "filled_rows": 3, "written_rows": 6, "output": "out.txt",
    }  # fmt: skip
    written = [line.split(",") for line in (tmp_path / "out.txt").read_text().splitlines()]
    assert [(int(line[0]), int(line[1]), float(line[2])) for line in written] == [
        (frame, 1, 10 * frame) for frame in range(1, 7)
    ]
    assert (tmp_path / "in.txt").read_text() == rows([1, 2, 6]) + rows([3], 2)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "the result file is missing"),
        (["in.txt", "--interpolate", "linear"], "--output is missing"),
        (["in.txt", "-o", "out.txt"], "nothing to do"),
        (["in.txt", "-o", "in.txt", "--interpolate", "linear"], "--overwrite"),
        (["no.txt", "-o", "out.txt", "--interpolate", "linear"], "no such file"),
        (["in.txt", "-o", "out.txt", "--interpolate", "cubic"], "'linear' or 'gaussian'"),
        (["in.txt", "-o", "out.txt", "--max-gap", "0"], "at least 1"),
    ],
)
def test_bad_input(deepsort: Run, tmp_path: Path, arguments: list[str], word: str) -> None:
    (tmp_path / "in.txt").write_text(rows([1, 3]))
    done = deepsort("refine", *arguments)
    assert done.returncode == 2
    assert word in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.txt"]
