"""How many CPUs, and how much memory shared between processes, there is to use."""

from __future__ import annotations

import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")
SHARED_MEMORY = Path("/dev/shm")


def available_cpus() -> int:
    """CPUs this process may use: its affinity, and the quotas of its container (cgroup v2 and v1)."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([cpus, *(max(1, round(quota)) for quota in _quotas())])


def free_shared_memory() -> float:
    """Bytes that processes can still share through /dev/shm (64 MB in all is Docker's default); infinite elsewhere.

    0 where a Linux machine has no such folder, as in some sandboxes.
    """
    if not hasattr(os, "statvfs") or os.uname().sysname != "Linux":
        return float("inf")
    try:
        status = os.statvfs(SHARED_MEMORY)
    except OSError:
        return 0.0
    return float(status.f_bavail * status.f_frsize) if os.access(SHARED_MEMORY, os.W_OK) else 0.0


def can_start_processes() -> bool:
    """Whether this process may have worker processes, and can talk to them.

    Those of a `multiprocessing.Pool` may have none; and queues need semaphores, which live in /dev/shm.
    """
    import multiprocessing

    if multiprocessing.current_process().daemon:
        return False
    try:
        multiprocessing.Semaphore(1)
    except (OSError, ImportError):
        return False
    return True


def _quotas() -> list[float]:
    """CPUs granted by every control group around this process; containers see their own as the root."""
    found = []
    for folder in _own_groups():
        try:
            if (folder / "cpu.max").exists():
                quota, period = (folder / "cpu.max").read_text().split()
            else:
                quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
            if quota != "max" and int(quota) > 0 and int(period) > 0:  # v1 says −1 for no limit
                found.append(int(quota) / int(period))
        except (OSError, ValueError):
            continue
    return found


def _own_groups() -> list[Path]:
    """Folders that may hold a quota: the roots of both versions, and those from there down to this process's group."""
    folders = [CGROUPS, CGROUPS / "cpu"]
    try:
        lines = OWN_CGROUPS.read_text().splitlines()
    except OSError:
        return folders
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        place = CGROUPS / "cpu" if controllers else CGROUPS
        for part in path.strip("/").split("/"):
            place = place / part
            folders.append(place)
    return folders
