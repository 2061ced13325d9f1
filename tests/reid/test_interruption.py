"""Stopping a training."""

from __future__ import annotations

import signal
import sys

import pytest

pytest.importorskip("torch", reason="needs the extra [train]")

from deepsort_cli.reid.interruption import watch_signals


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_handlers_that_python_did_not_set_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a program that Python is embedded in: they are None here, and cannot be set again."""
    usual = signal.getsignal
    monkeypatch.setattr(signal, "getsignal", lambda number: None if number != signal.SIGINT else usual(number))
    before = usual(signal.SIGINT), usual(signal.SIGTERM)
    with watch_signals() as stop:
        assert usual(signal.SIGTERM) is before[1]
        signal.raise_signal(signal.SIGINT)
        assert stop.requested
    assert (usual(signal.SIGINT), usual(signal.SIGTERM)) == before
