"""Processes that leave endings to the one that started them, and the end of that one."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = """
import pathlib, sys, threading, time
from collections import deque
from deepsort_cli.workflows.workers import Processes
from tests.core.test_children import Slow

begun = pathlib.Path(sys.argv[1])

def work():
    with Processes(Slow(), 1) as workers:
        list(workers.share(deque([begun])))

threading.Thread(target=work, daemon=True).start()
while not begun.exists():
    time.sleep(0.05)
"""


class Slow:
    """A worker that never has done; its task is a file to create when it is at work, heeding no SIGTERM."""

    def open(self):  # type: ignore[no-untyped-def]
        def work(task: Path, *_: object) -> None:
            task.touch()
            time.sleep(3600)

        return work


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM is not ignored there")
def test_a_program_ends_whose_worker_processes_belong_to_a_daemon_thread(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "begun")]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], timeout=300, stdin=subprocess.DEVNULL)
    assert done.returncode == 0
