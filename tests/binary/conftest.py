"""What builds the single file, and its launcher around a program of a few lines."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import REPOSITORY


@pytest.fixture(scope="session")
def build() -> ModuleType:
    """binary/build.py."""
    spec = importlib.util.spec_from_file_location("build_binary", REPOSITORY / "binary" / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def go() -> str:
    """Go, from the system or from `make binary`."""
    places = os.pathsep.join([os.environ.get("PATH", ""), str(REPOSITORY / "build" / "binary" / "venv" / "bin")])
    found = shutil.which("go", path=places)
    if found is None or sys.platform == "win32":
        pytest.skip("the launcher is built with Go, which is not here; make binary brings it")
    return found


@pytest.fixture(scope="session")
def launcher(build: ModuleType, go: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A single file whose program is a shell script: it says its words, and ends with the last as its exit code."""
    work = tmp_path_factory.mktemp("launcher")
    program = work / "program"
    (program / "_internal" / "part").mkdir(parents=True)
    script = program / "deepsort"
    script.write_text(
        '#!/bin/sh\nif [ "$1" = wait ]; then echo ready; exec sleep 600; fi\n'
        'echo "$# words: $*"; cat "$(dirname "$0")/_internal/part/link"; for last; do :; done; exit "$last"\n'
    )
    script.chmod(0o755)
    (program / "_internal" / "part" / "data").write_text("data\n")
    (program / "_internal" / "part" / "link").symlink_to("data")
    output = work / "file"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", os.pathsep.join([str(Path(go).parent), os.environ.get("PATH", "")]))
        build.pack(program, "deepsort-9.9.9", work, output)
    return output
