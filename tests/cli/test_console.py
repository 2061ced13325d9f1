"""How failures reach the user."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.parametrize("library", ["libGL.so.1", "libgthread-2.0.so.0"])
def test_missing_system_libraries_of_opencv(
    library: str, deepsort: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """A server without a screen: importing OpenCV fails for want of a library."""
    (tmp_path / "cv2.py").write_text(f"raise ImportError('{library}: cannot open shared object file')\n")
    done = deepsort("track", "--source", "demo", env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    text = " ".join(done.stderr.replace("│", " ").split())
    assert f"OpenCV cannot be loaded: {library}" in text
    assert "apt-get install -y libgl1 libglib2.0-0" in text
    assert "opencv-python-headless" in text
