"""How failures reach the user."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from deepsort_cli.cli.console import exit_on_error
from deepsort_cli.core import InputError, RunError


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


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/out/a.csv"),
            "/out/a.csv: the disk is full. Free some space",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full. Free some space"),
        (PermissionError(errno.EACCES, "Permission denied", "/out"), "/out: Permission denied."),
        (MemoryError("Unable to allocate 9 GiB"), "Memory ran out (Unable to allocate 9 GiB)."),
    ],
)
def test_what_the_system_refuses_is_one_message(
    error: Exception, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    with pytest.raises(typer.Exit) as caught, exit_on_error():
        raise error
    assert caught.value.exit_code == 1
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(("rank", "says"), [("0", True), ("1", False)])
def test_of_several_processes_the_first_speaks(
    rank: str, says: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_RANK", rank)
    with pytest.raises(typer.Exit) as caught, exit_on_error():
        raise InputError("no such folder")
    assert caught.value.exit_code == 2
    assert ("no such folder" in capsys.readouterr().err) is says


def test_libraries_keep_their_warnings_to_themselves(
    deepsort: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """A user without a home folder: matplotlib would tell where it keeps its cache instead."""
    done = deepsort(
        "track", "--source", "demo", "--max-frames", 5, "--reid", "none", "--save-timeline", "a.png", "-q",
        env={"HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent", "MPLCONFIGDIR": "/proc/nowhere"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_names_with_colons_stay_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """They are no emoji and no markup."""
    with pytest.raises(typer.Exit), exit_on_error():
        raise InputError("a:x:b[bold].mp4: no such file.")
    assert "a:x:b[bold].mp4: no such file." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"), [(InputError("rtsp://me:secret@cam: no"), 2), (RunError("lost"), 1), (KeyboardInterrupt(), 130)]
)
def test_a_traceback_changes_no_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int
) -> None:
    monkeypatch.setenv("DEEPSORT_TRACEBACK", "1")
    with pytest.raises(typer.Exit) as caught, exit_on_error():
        raise error
    shown = capsys.readouterr().err
    assert caught.value.exit_code == code
    assert shown.startswith("Traceback")
    assert type(error).__name__ in shown
    assert "secret" not in shown
