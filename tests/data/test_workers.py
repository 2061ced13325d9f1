"""The same results whether or not other processes help."""

from __future__ import annotations

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
