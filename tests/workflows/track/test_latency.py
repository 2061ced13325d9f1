"""How long after its arrival a frame's tracks are there."""

from __future__ import annotations

import numpy as np
import pytest

from deepsort_cli.workflows.track.latency import LATELY, Latencies


def test_parts_of_all_frames_and_of_the_last_ones() -> None:
    times = Latencies()
    assert times.lately(0.5) is times.overall(0.95) is None
    seconds = np.random.default_rng(0).permutation(np.arange(1000)) / 1000
    for value in seconds:
        times.add(float(value))
    assert times.overall(0.5) == pytest.approx(500, abs=2)
    assert times.overall(0.95) == pytest.approx(950, abs=2)
    for _ in range(LATELY):
        times.add(0.007)
    assert times.lately(0.95) == pytest.approx(7)
    assert times.overall(0.95) > 900


def test_extremes_are_counted() -> None:
    times = Latencies()
    for value in (-1.0, 0.0, 3600.0):
        times.add(value)
    assert (times.overall(0.3), times.overall(1.0)) == (0, 10_000)
    assert times.lately(1.0) == 3_600_000
