"""Ports that are free and stay so."""

from __future__ import annotations

import random
import socket
from pathlib import Path

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """A port of this machine to be bound later: none of those that the system gives to whoever names none."""
    first = int(RANGE.read_text().split()[0]) if RANGE.exists() else 49152
    low = 10_000 if first > 12_000 else 1024
    for port in random.Random().sample(range(low, max(first, low + 100)), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")
