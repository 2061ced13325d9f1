"""File names of all kinds, URLs of files, and standard input."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.video.sources import video

from .conftest import opened, shown

NAMES = [
    " a.mp4",
    "a b.mp4 ",
    "it's “a”.mp4",
    "a%20b.mp4",
    "100%.mp4",
    "-a.mp4",
    "a:b.mp4",
    "видео.mp4",
    "a\nb.mp4",
    "[a].mp4",
    "~a.mp4",
    "50%d.mp4",
    "a?b#c.mp4",
]


@pytest.mark.skipif(os.name == "nt", reason="Windows takes few of these names")
@pytest.mark.parametrize("name", [*NAMES, os.fsdecode(b"bad\xff.mp4")])
def test_names_are_taken_as_they_are(
    make_video: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (make_video("plain.mp4", frames=3)).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert shown(opened(name)) == [0, 1, 2]
    assert shown(opened(f"{tmp_path}/{name}")) == [0, 1, 2]


def test_names_that_cannot_be() -> None:
    with pytest.raises(InputError, match="too long for this system"):
        opened("x" * 300 + ".mp4")
    with pytest.raises(InputError, match="zero byte"):
        opened("a\0b.mp4")


def test_file_urls(make_video: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_video("my walk#1.mp4", frames=2)
    for url in (
        f"file://{tmp_path}/my%20walk%231.mp4",
        f"FILE://localhost{tmp_path}/my walk#1.mp4",
        f"file:{tmp_path}/my walk#1.mp4",
    ):
        assert shown(opened(url)) == [0, 1]
    monkeypatch.chdir(tmp_path)
    assert shown(opened("file:my walk#1.mp4")) == [0, 1]
    with pytest.raises(InputError, match="on another machine"):
        opened("file://server/walk.mp4")
    with pytest.raises(InputError, match="no such file"):
        opened(f"file://{tmp_path}/absent.mp4")


def piped(data: bytes | None) -> str:
    """What reading standard input gives: frames, or the message."""
    code = """
        from deepsort_cli.core.errors import InputError
        from deepsort_cli.video.settings import DemoSettings, SourceSettings
        from deepsort_cli.video.sources import open_source
        try:
            with open_source("-", SourceSettings(), DemoSettings(), warn=print) as source:
                frames = list(source)
                print(source.kind, source.name, source.is_live, len(frames), round(frames[-1].time, 2))
        except InputError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], input=data, capture_output=True, timeout=600, check=False
    )
    assert done.stderr == b""
    return done.stdout.decode()


def test_standard_input(make_video: Callable[..., Path]) -> None:
    assert piped(make_video("a.ts", frames=12).read_bytes()).splitlines() == ["video stdin False 12 0.44"]
    assert "nothing comes" in piped(b"")


def test_a_silent_pipe_can_be_left(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    pipe = video.Pipe(reading)
    timer = threading.Timer(0.3, pipe.stop)
    timer.start()
    assert pipe.read(10) == b""
    os.write(writing, b"late")
    pipe = video.Pipe(reading)
    assert (pipe.read(10), pipe.count) == (b"late", 4)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(video.select, "select", interrupt)
    assert pipe.read(10) == b""
    assert pipe.interrupted
    os.close(reading)
    os.close(writing)
