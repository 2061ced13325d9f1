"""CPUs and shared memory: what a container grants, not what the machine has."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from pathlib import Path

import pytest

from deepsort_cli.core import RunError, cpus
from deepsort_cli.core.cpus import can_start_processes
from deepsort_cli.workflows.workers import Here, Processes


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty tree of control groups, on a machine with 16 CPUs."""
    monkeypatch.setattr(cpus, "CGROUPS", tmp_path / "groups")
    monkeypatch.setattr(cpus, "OWN_CGROUPS", tmp_path / "own")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    (tmp_path / "groups" / "cpu").mkdir(parents=True)
    return tmp_path / "groups"


def test_without_limits_all_that_the_affinity_has(groups: Path) -> None:
    assert cpus.available_cpus() == 16


@pytest.mark.parametrize(
    ("text", "expected"), [("200000 100000", 2), ("50000 100000", 1), ("max 100000", 16), ("?", 16)]
)
def test_quota_of_version_2(groups: Path, text: str, expected: int) -> None:
    (groups / "cpu.max").write_text(text + "\n")
    assert cpus.available_cpus() == expected


@pytest.mark.parametrize(("quota", "expected"), [("300000", 3), ("-1", 16)])
def test_quota_of_version_1(groups: Path, quota: str, expected: int) -> None:
    (groups / "cpu" / "cpu.cfs_quota_us").write_text(quota + "\n")
    (groups / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert cpus.available_cpus() == expected


def test_the_smallest_quota_above_this_process_counts(groups: Path) -> None:
    cpus.OWN_CGROUPS.write_text("0::/batch.slice/job.scope\n")
    (groups / "batch.slice" / "job.scope").mkdir(parents=True)
    (groups / "batch.slice" / "cpu.max").write_text("400000 100000")
    (groups / "batch.slice" / "job.scope" / "cpu.max").write_text("max 100000")
    assert cpus.available_cpus() == 4


def test_version_1_group_of_this_process(groups: Path) -> None:
    cpus.OWN_CGROUPS.write_text("5:memory:/other\n4:cpu,cpuacct:/docker/1\n")
    own = groups / "cpu" / "docker" / "1"
    own.mkdir(parents=True)
    (own / "cpu.cfs_quota_us").write_text("200000")
    (own / "cpu.cfs_period_us").write_text("100000")
    assert cpus.available_cpus() == 2


def test_shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cpus.free_shared_memory() > 0
    if os.uname().sysname == "Linux":
        monkeypatch.setattr(cpus, "SHARED_MEMORY", tmp_path / "missing")
        assert cpus.free_shared_memory() == 0


def test_workers_of_a_pool_may_have_no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_start_processes()
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)  # type: ignore[attr-defined]
    assert not can_start_processes()
    with Processes(Here, 1) as workers, pytest.raises(RunError, match="may start no others"):  # type: ignore[arg-type]
        list(workers.share(deque(["a task"])))
