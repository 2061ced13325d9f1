"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public research data; tests that use it are marked `real_data`."""
    folder = Path(os.environ.get("DEEPSORT_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the real data folder {folder} is absent; point DEEPSORT_TEST_DATA at one")
    return folder


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings from the caller's environment must not reach the tests."""
    for name in list(os.environ):
        if name.startswith("DEEPSORT_") and name not in {"DEEPSORT_TEST_DATA"}:
            monkeypatch.delenv(name)


@pytest.fixture
def deepsort(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the installed command as a user would, in an empty folder: `deepsort("track", "--source", "demo")`."""

    def run(*arguments: object, timeout: float = 300, **options: object) -> subprocess.CompletedProcess[str]:
        script = Path(sys.executable).with_name("deepsort")
        command = [str(script)] if script.exists() else [sys.executable, "-m", "deepsort_cli"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DEEPSORT_")}
        environment.update({"NO_COLOR": "1", "COLUMNS": "200", "OMP_NUM_THREADS": "2"})
        environment.update(options.pop("env", {}))  # type: ignore[call-overload]
        return subprocess.run(
            [*command, *map(str, arguments)],
            cwd=options.pop("cwd", tmp_path),  # type: ignore[arg-type]
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    return run
