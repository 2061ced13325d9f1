"""Archives in processes: deaths of a worker and of the whole run, Ctrl-C; the results are those of a quiet run."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from deepsort_cli.workflows.archive import Archive, Working, track_archive
from tests.workflows.archive.conftest import Heard, Track, contents, write_video

pytestmark = pytest.mark.slow

OUTPUTS = {"save_txt": "tracks.txt", "save_csv": "t.csv", "reid": "none", "jobs": 1}
LONG = 1500
"""Frames that take a while, so that something can happen meanwhile."""


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    for number, name in enumerate(("first.mp4", "once.mp4", "twice.mp4")):
        write_video(tmp_path / "videos" / name, LONG if number else 100, shade=number)
    return tmp_path / "videos"


def states(archive: Archive) -> dict[str, str]:
    return {result.place: result.state for result in archive.results}


def test_workers_that_are_killed(videos: Path, person_model: Path, track: Track, tmp_path: Path) -> None:
    """A video is tried twice; then it has failed, and the others go on."""
    track(videos, output_dir=tmp_path / "quiet", **OUTPUTS)

    killed: Counter[str] = Counter()
    others = set(multiprocessing.active_children())

    def kill(event: object) -> None:
        if (
            isinstance(event, Working)
            and event.frames
            and killed[event.place] < {"once.mp4": 1, "twice.mp4": 2}.get(event.place, 0)
        ):
            killed[event.place] += 1
            (process,) = set(multiprocessing.active_children()) - others
            os.kill(process.pid, signal.SIGKILL)

    out = tmp_path / "killed"
    with pytest.MonkeyPatch.context() as patch:
        from deepsort_cli.workflows.archive import run
        from deepsort_cli.workflows.workers import Processes

        patch.setattr(run, "Processes", partial(Processes, patience=600))
        keywords = {**OUTPUTS, "output_dir": out, "detector": str(person_model)}
        archive = track_archive(videos, listener=Heard(kill), **keywords)
        assert states(archive) == {"first.mp4": "done", "once.mp4": "done", "twice.mp4": "failed"}
        assert "killed by SIGKILL" in str(archive.failure())
        assert not set(multiprocessing.active_children()) - others

        def interrupt(event: object) -> None:
            if isinstance(event, Working) and event.frames:
                raise KeyboardInterrupt

        heard = Heard(interrupt)
        with pytest.raises(KeyboardInterrupt):
            track_archive(videos, listener=heard, **keywords)
        assert "stopped: 0 of 1" in heard.notes[-1]
        assert not set(multiprocessing.active_children()) - others
        assert sorted(path.name for path in (out / ".deepsort").iterdir()) == ["failures.json"]
        assert not (out / "twice.mp4").exists()
        assert states(track_archive(videos, **keywords))["twice.mp4"] == "done"
    assert contents(out) == contents(tmp_path / "quiet")


def finished(archive: Path) -> int:
    """Videos whose results are all in their place, which their records say; not in the hidden folder."""
    return sum(json.loads(record.read_text())["finished"] for record in archive.glob("*/summary.json"))


def test_a_run_that_is_killed_goes_on_where_it_was(
    videos: Path, person_model: Path, track: Track, tmp_path: Path
) -> None:
    """With the command, whose script the workers do not run again."""
    script = tmp_path / "start.py"
    script.write_text("import sys\nfrom deepsort_cli.cli import main\nsys.exit(main())\n")
    arguments = ["track", videos, "--output-dir", "out", "--save-txt", "tracks.txt", "--save-csv", "t.csv"]
    command = [sys.executable, script, *arguments, "--reid", "none", "--detector", person_model, "--jobs", "2"]
    options = {"cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    run = subprocess.Popen(list(map(str, command)), **options)  # type: ignore[call-overload]
    deadline = time.monotonic() + 600
    while not finished(tmp_path / "out") and time.monotonic() < deadline:
        assert run.poll() is None, run.communicate()[1]
        time.sleep(0.02)
    run.kill()
    run.communicate(timeout=600)
    left = finished(tmp_path / "out")
    assert left < 3
    done = subprocess.run(list(map(str, command)), **options, timeout=900)
    assert done.returncode == 0, done.stderr
    assert f"{left} done already" in done.stderr
    told = [line for line in done.stderr.splitlines() if " 1 person in " in line]
    assert len(told) == 3 - left
    assert " left" not in told[-1], "of the time, when all is done"
    track(videos, output_dir=tmp_path / "quiet", **OUTPUTS)
    assert contents(tmp_path / "out") == contents(tmp_path / "quiet")
    assert not list((tmp_path / "out/.deepsort").glob("work-*"))
