"""The same results whether or not other processes help."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from deepsort_cli.core import RunError
from deepsort_cli.data import workers

NAMES = [f"{i}" * 3 for i in range(1600)]


def test_processes_change_nothing_and_are_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = workers.for_each_file(len, NAMES, 2)
    monkeypatch.setattr(workers, "can_start_processes", lambda: False)
    monkeypatch.setattr(workers, "ProcessPoolExecutor", None)
    assert workers.for_each_file(len, NAMES, 2) == shared == [len(name) for name in NAMES]


def test_too_many_processes_for_the_container_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(workers.ProcessPoolExecutor, "map", refuse)
    with pytest.raises(RunError, match=r"Resource temporarily unavailable.*`data.scan.workers`=1"):
        workers.for_each_file(len, NAMES, 2)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a script of its own is needed")
def test_processes_end_with_the_program_that_is_killed(tmp_path: Path) -> None:
    """They heed no signal but SIGKILL, and would keep its output open for whoever reads it."""
    code = """
        import os, time
        from deepsort_cli.data.workers import for_each_file

        def work(name):
            open(f"{os.getpid()}.begun", "w").close()
            time.sleep(0.1)

        for_each_file(work, [str(number) for number in range(2000)], 2)
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    program = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE)
    deadline = time.monotonic() + 300
    while len(list(tmp_path.glob("*.begun"))) < 2:
        assert program.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    program.kill()
    try:
        program.communicate(timeout=120)  # nobody can write to it any more
    except subprocess.TimeoutExpired:
        for file in tmp_path.glob("*.begun"):
            os.kill(int(file.stem), signal.SIGKILL)
        raise
