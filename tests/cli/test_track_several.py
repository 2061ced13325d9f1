"""What `deepsort track` shows of several sources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deepsort_cli.cli import app
from deepsort_cli.core.errors import RunError
from deepsort_cli.workflows.track.together import Together

from ..workflows.track.cameras import serving

DEMO = ["--set", "demo.width=96", "--set", "demo.height=96", "--detector", "hog", "--reid", "none"]


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["track", *map(str, arguments)], env={"COLUMNS": "150", "NO_COLOR": "1"})


def rows_of(output: str) -> list[list[str]]:
    """The cells of the last table."""
    lines = [line for line in output.splitlines() if line.startswith(("┃", "│"))]
    return [[cell.strip() for cell in line.strip("┃│").replace("┃", "│").split("│")] for line in lines]


def test_a_line_for_every_camera_and_the_same_in_json() -> None:
    with serving() as cameras:
        addresses = [cameras.url("a"), cameras.url("b")]
        shown = run(*addresses, "demo", "--max-frames", 4, *DEMO)
        assert shown.exit_code == 0, shown.output
        heading, *lines = rows_of(shown.stdout)[-4:]
        assert heading == [
            "source", "frames", "fps", "tracks", "people now", "latency ms", "95 %", "skipped", "reconnects", "ended",
        ]  # fmt: skip
        assert [(line[0][-2:], line[1], line[-1]) for line in lines] == [
            ("_a", "4", "end"), ("_b", "4", "end"), ("mo", "4", "end"),
        ]  # fmt: skip
        assert float(lines[0][5]) <= float(lines[0][6])
        assert lines[2][5:9] == [""] * 4, "a recording has no latency"
        narrow = CliRunner().invoke(
            app, ["track", *addresses, "--max-frames", "4", *DEMO], env={"COLUMNS": "80", "NO_COLOR": "1"}
        )
        cells = rows_of(narrow.stdout)[-3:]
        assert cells[0] == ["source", "latency ms", "95 %", "skipped", "reconnects"]
        assert [line[0] for line in cells[1:]] == [line[0] for line in lines[:2]], "names are whole"
        told = run(*addresses, "--max-frames", 4, *DEMO, "--json")
    found = json.loads(told.stdout)
    assert [set(one["live"]) for one in found] == [
        {"latency_ms", "latency_p95_ms", "skipped", "reconnects", "connected"}
    ] * 2
    assert all(one["live"]["connected"] and one["people_now"] == 0 and one["error"] is None for one in found)


@pytest.mark.parametrize(
    ("error", "code", "endings"),
    [(KeyboardInterrupt(), 130, ["interrupted", "interrupted"]), (RunError("it broke"), 1, ["end", "failed"])],
)
def test_what_came_of_the_others_is_shown_whatever_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: BaseException, code: int, endings: list[str]
) -> None:
    step = Together._step

    def stepping(self: Together, one: Any) -> Any:
        if one.task.name == "demo-2" and one.follower.frames == 3:
            if isinstance(error, KeyboardInterrupt):
                raise error
            monkeypatch.setattr(one, "step", lambda: (_ for _ in ()).throw(error))
        return step(self, one)

    monkeypatch.setattr(Together, "_step", stepping)
    done = run("demo", "demo", "--max-frames", 8, *DEMO, "--json", "--save-csv", tmp_path / "a.csv", "--jobs", 2)
    assert done.exit_code == code, done.output
    found = json.loads(done.stdout)
    assert [one["ending"] for one in found] == endings
    assert [one["error"] for one in found] == [None, "it broke" if code == 1 else None]
    assert "2 recordings are tracked, 2 of them at once (--jobs)" in " ".join(done.stderr.split())


def test_jobs_and_parts_that_make_no_sense() -> None:
    for arguments, words in ((["--jobs", "0"], "--jobs 0"), (["--rotate", "1x"], "--rotate '1x': neither a time")):
        done = run("demo", *arguments)
        assert done.exit_code == 2
        assert words in " ".join(done.output.replace("│", " ").split())
