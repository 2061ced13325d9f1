"""The launcher of the single file: unpacked once, whole or not at all, and then out of the way."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

fcntl = pytest.importorskip("fcntl", reason="the rules of Unix are tried")

pytestmark = pytest.mark.binary


class Starter:
    """Starts the file with a cache of its own."""

    def __init__(self, file: Path, folder: Path) -> None:
        self.file = file
        self.cache = folder / "cache"
        self.programs = self.cache / "deepsort" / "program"
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_CACHE_HOME": str(self.cache)}
        self.environment["TMPDIR"] = str(folder)

    def __call__(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.file, *words],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=600,
        )

    @property
    def program(self) -> Path:
        (folder,) = self.programs.iterdir()
        return folder


@pytest.fixture
def start(launcher: Path, tmp_path: Path) -> Starter:
    return Starter(launcher, tmp_path)


def test_unpacks_once_and_hands_over_words_and_exit_code(start: Starter) -> None:
    first, second = start("a b", "7"), start("0")
    assert (first.returncode, first.stdout) == (7, "2 words: a b 7\ndata\n")
    assert first.stderr.count("\n") == 1
    assert str(start.program) in first.stderr, "where it unpacks itself"
    assert (second.returncode, second.stdout, second.stderr) == (0, "1 words: 0\ndata\n", "")
    assert start.program.name.startswith("deepsort-9.9.9-")


def test_says_nothing_to_a_shell_that_asks_for_completions(start: Starter) -> None:
    assert start("0", _DEEPSORT_COMPLETE="complete_bash").stderr == ""


@pytest.mark.parametrize("damage", ["missing", "shortened", "another"])
def test_mends_what_others_have_taken_from_it(start: Starter, damage: str) -> None:
    start("0")
    data = start.program / "_internal" / "part" / "data"
    if damage == "missing":
        data.unlink()
    elif damage == "shortened":
        data.write_text("d")
    else:
        data.with_name("another").write_text("")
    again = start("0")
    assert (again.returncode, again.stdout) == (0, "1 words: 0\ndata\n")
    assert "unpacking" in again.stderr
    assert start("0").stderr == ""


def test_several_first_starts_at_once(start: Starter) -> None:
    runs = [
        subprocess.Popen([start.file, "0"], env=start.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(8)
    ]
    answers = [run.communicate(timeout=600) for run in runs]
    assert [run.returncode for run in runs] == [0] * 8, answers
    assert {out for out, _ in answers} == {b"1 words: 0\ndata\n"}
    assert start.program.is_dir(), "one folder, nothing unfinished"


def test_signals_reach_the_program_itself(start: Starter) -> None:
    run = subprocess.Popen([start.file, "wait"], env=start.environment, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    assert run.stdout.readline() == "ready\n"
    run.send_signal(signal.SIGTERM)
    assert run.wait(600) == -signal.SIGTERM, "it is the very process that was started"
    run.stdout.close()


class TestWhere:
    def test_the_user_names(self, start: Starter, tmp_path: Path) -> None:
        assert start("0", DEEPSORT_UNPACK=str(tmp_path / "mine" / "programs")).returncode == 0
        assert [folder.name[:14] for folder in (tmp_path / "mine" / "programs").iterdir()] == ["deepsort-9.9.9"]
        assert not start.cache.exists()

    def test_a_private_temporary_folder_where_there_is_no_cache(self, start: Starter, tmp_path: Path) -> None:
        start.cache.write_text("a file, where nothing can be kept")
        assert start("0").returncode == 0
        private = tmp_path / f"deepsort-{os.getuid()}"
        assert private.stat().st_mode & 0o077 == 0
        assert start("0").stderr == "", "found again"
        start.environment.pop("XDG_CACHE_HOME")
        start.environment.pop("HOME")
        assert start("0").stderr == "", "no home at all"

    @pytest.mark.parametrize("planted", ["open to others", "a link"])
    def test_no_folder_that_somebody_else_may_have_prepared(self, start: Starter, tmp_path: Path, planted: str) -> None:
        start.cache.write_text("")
        private = tmp_path / f"deepsort-{os.getuid()}"
        if planted == "a link":
            (tmp_path / "elsewhere").mkdir(mode=0o700)
            private.symlink_to(tmp_path / "elsewhere")
        else:
            private.mkdir()
            private.chmod(0o777)
        refused = start("0")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "not private. Set DEEPSORT_UNPACK to a folder" in refused.stderr

    def test_a_place_that_cannot_be(self, start: Starter, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        refused = start("0", DEEPSORT_UNPACK=str(tmp_path / "file"))
        assert refused.returncode == 1
        assert f"cannot unpack into {tmp_path / 'file'}" in refused.stderr


def test_other_versions_go_when_nobody_has_used_them_for_long(start: Starter) -> None:
    long_ago = time.time() - 40 * 86400
    names = ("deepsort-1-old", "deepsort-2-running", "deepsort-3-young", "deepsort-4.unfinished-1", "something-else")
    old, running, young, unfinished, foreign = (start.programs / name for name in names)
    for folder in (old, running, young, unfinished, foreign):
        (folder / "in").mkdir(parents=True)
        if folder is not young:
            os.utime(folder, (long_ago, long_ago))
    descriptor = os.open(running, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)  # as a start of it holds
    said = start("0").stderr
    os.close(descriptor)
    left = {folder for folder in start.programs.iterdir() if not folder.name.startswith("deepsort-9.9.9-")}
    assert left == {running, young, foreign}
    assert f"removed {old}, not used for a month" in said


def test_a_running_program_holds_its_folder(start: Starter) -> None:
    run = subprocess.Popen([start.file, "wait"], env=start.environment, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    run.stdout.readline()
    descriptor = os.open(start.program, os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    run.kill()
    run.wait()
    run.stdout.close()
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)
