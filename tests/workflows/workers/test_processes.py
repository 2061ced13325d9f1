"""Worker processes that cannot begin."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path

import pytest

from deepsort_cli.core.errors import DeepsortError, InputError, RunError
from deepsort_cli.workflows.workers import Do, Processes


@dataclass
class Unable:
    """How no worker can be made."""

    error: Exception

    def open(self) -> Do:
        raise self.error


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (InputError("no such model"), InputError, "^no such model$"),
        (PermissionError(13, "Permission denied", "/m.onnx"), RunError, "^PermissionError: .*denied: '/m.onnx'$"),
    ],
)
def test_what_hinders_every_worker_is_said_once(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    error: Exception,
    kind: type[DeepsortError],
    message: str,
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3]))  # where the process finds `Unable`
    with Processes(Unable(error), 1) as workers, pytest.raises(kind, match=message):
        list(workers.share(deque(["a task"])))
    assert "Traceback" not in capfd.readouterr().err
