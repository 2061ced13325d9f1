"""Processes that leave endings to the one that started them, and the end of that one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import threading, time
from collections import deque
from deepsort_cli.workflows.workers import Processes
from tests.core.test_children import Slow

def work():
    with Processes(Slow(), 1) as workers:
        list(workers.share(deque(["task"])))

threading.Thread(target=work, daemon=True).start()
import multiprocessing
while not multiprocessing.active_children():
    time.sleep(0.05)
time.sleep(3)
"""


class Slow:
    """A worker that never has done."""

    def open(self):  # type: ignore[no-untyped-def]
        import time

        return lambda task, tell, stopped: time.sleep(3600)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM is not ignored there")
def test_a_program_ends_whose_worker_processes_belong_to_a_daemon_thread() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=Path(__file__).parents[2], timeout=120, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0
