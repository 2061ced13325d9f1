"""Recorded videos: their frames, times and faults."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.video.settings import SourceSettings
from deepsort_cli.video.sources import open_source

from .conftest import DEMO, opened, shown


@pytest.mark.parametrize("fps", [25, 7, 14, Fraction(30000, 1001), Fraction(24000, 1001), 60])
def test_a_videos_true_frame_rate(make_video: Callable[..., Path], fps: Fraction) -> None:
    source = opened(make_video(fps=fps), stride=2)
    with source:
        assert source.fps == pytest.approx(float(fps), rel=1e-9)
        assert source.output_fps == pytest.approx(float(fps) / 2, rel=1e-9)
        times = [frame.time for frame in source]
    assert times == pytest.approx([2 * i / float(fps) for i in range(5)])


def test_a_frame_rate_can_be_put_right(make_video: Callable[..., Path]) -> None:
    with opened(make_video(fps=25), fps=50) as source:
        assert source.fps == 50


def test_a_video_tells_name_kind_and_size(make_video: Callable[..., Path]) -> None:
    with opened(make_video("my walk (1).mp4", width=80, height=60)) as source:
        assert (source.name, source.kind, source.width, source.height) == ("my_walk_1", "video", 80, 60)
        assert not source.is_live


def test_names_that_mean_something_to_ffmpeg_are_plain_files(
    make_video: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a:b.mp4", "img%03d.mp4", "7.mp4"):
        make_video(name, frames=3)
        assert shown(opened(name)) == [0, 1, 2]


def test_rotation_metadata_is_respected(tmp_path: Path, make_video: Callable[..., Path]) -> None:
    path = make_video(frames=3, width=64, height=48)
    # The display matrix of the track header: identity → a quarter turn.
    data = path.read_bytes()
    one, minus = (1 << 16).to_bytes(4, "big"), (-(1 << 16)).to_bytes(4, "big", signed=True)
    zero, w = bytes(4), (1 << 30).to_bytes(4, "big")
    identity = one + zero * 3 + one + zero * 3 + w
    header = data.index(b"tkhd")
    at = data.index(identity, header)
    turned = data[:at] + zero + one + zero + minus + zero * 4 + w + data[at + 36 :]
    (tmp_path / "turned.mp4").write_bytes(turned)
    with opened(tmp_path / "turned.mp4") as source:
        frames = list(source)
    assert (source.width, source.height) == (48, 64)
    assert frames[0].image.shape == (64, 48, 3)


def test_without_pixels_frames_have_no_images(make_video: Callable[..., Path]) -> None:
    with opened(make_video(frames=7, fps=14), pixels=False) as source:
        frames = list(source)
    assert [frame.image for frame in frames] == [None] * 7
    assert (source.fps, source.width, source.height, source.frame_count) == (14, 64, 48, 7)


def spoil(make_video: Callable[..., Path], how: str) -> Path:
    path = make_video("spoiled.mp4", frames=30)
    data = path.read_bytes()
    content = {
        "empty": b"",
        "cut off": data[: len(data) // 2],
        "random": np.random.default_rng(0).bytes(5000),
        "zeros": bytes(5000),
        "text": "Just a line of text, über alles.\n".encode() * 100,
        "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 123\n",
        "zip": b"PK\x03\x04" + bytes(1000),
    }[how]
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("empty", "empty"),
        ("cut off", "damaged, cut off"),
        ("random", "not a video"),
        ("zeros", "not a video"),
        ("text", "a text file, not a video"),
        ("pointer", "git lfs pull"),
        ("zip", "not a video"),
    ],
)
@pytest.mark.parametrize("pixels", [True, False])
def test_files_that_are_no_video(make_video: Callable[..., Path], how: str, message: str, pixels: bool) -> None:
    path = spoil(make_video, how)
    with pytest.raises(InputError, match=message) as error:
        opened(path, pixels=pixels)
    assert str(path) in str(error.value)


def test_opencv_and_ffmpeg_stay_silent(make_video: Callable[..., Path]) -> None:
    """In a process of its own: FFmpeg takes its log level from the first capture ever opened."""
    cut = spoil(make_video, "cut off")
    torn = make_video("torn.avi", frames=60, width=640, height=480, codec="mpeg4")
    torn.write_bytes(torn.read_bytes()[: torn.stat().st_size // 2])
    code = """
        import sys
        from deepsort_cli.core.errors import InputError
        from deepsort_cli.video.settings import DemoSettings, SourceSettings
        from deepsort_cli.video.sources import open_source
        for spec in sys.argv[1:]:
            try:
                print(sum(1 for _ in open_source(spec, SourceSettings(timeout=2), DemoSettings())))
            except InputError:
                print("refused")
    """
    specs = [str(cut), str(torn), "63", "rtsp://127.0.0.1:9/door"]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *specs], capture_output=True, text=True, check=False
    )
    results = done.stdout.split()
    assert [results[0], *results[2:]] == ["refused"] * 3
    assert int(results[1]) > 5
    assert done.stderr == ""


def test_text_under_a_text_suffix_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"  # FFmpeg plays such files as a terminal recording
    path.write_text("hello\n" * 100)
    with pytest.raises(InputError, match="text file"):
        opened(path)


def test_bare_pixels_that_happen_to_be_letters_are_a_video(tmp_path: Path) -> None:
    path = tmp_path / "dim.y4m"
    path.write_bytes(b"YUV4MPEG2 W64 H48 F10:1 Ip A1:1 C420jpeg\n" + 3 * (b"FRAME\n" + b"d" * (64 * 48 * 3 // 2)))
    with opened(path) as source:
        assert [frame.time for frame in source] == pytest.approx([0.0, 0.1, 0.2])


def test_a_video_that_ends_early_is_told_and_its_frames_are_kept(make_video: Callable[..., Path]) -> None:
    path = make_video("walk.avi", frames=60, width=640, height=480, codec="mpeg4")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    messages: list[str] = []
    with open_source(str(path), SourceSettings(), DEMO, warn=messages.append) as source:
        count = sum(1 for _ in source)
    assert 5 < count < 55
    assert len(messages) == 1
    assert f"{count} of about 60 frames were read" in messages[0]


def test_a_whole_video_raises_no_warning(make_video: Callable[..., Path]) -> None:
    for name in ("a.mp4", "a.mkv", "a.avi", "a.mov"):
        messages: list[str] = []
        path = make_video(name, frames=33, codec="mpeg4" if name.endswith("avi") else "libx264")
        with open_source(str(path), SourceSettings(), DEMO, warn=messages.append) as source:
            assert sum(1 for _ in source) == 33
        assert messages == []


@pytest.mark.real_data
def test_real_videos(shared_data: Path) -> None:
    with opened(shared_data / "video" / "vtest.avi", stride=100) as source:
        assert (source.width, source.height, source.fps, source.frame_count) == (768, 576, 10.0, 8)
        assert [frame.index for frame in source] == list(range(0, 800, 100))
    with opened(shared_data / "mot" / "TUD-Campus") as source:
        assert source.sequence is not None
        assert sum(1 for _ in source) == 71
    with opened(shared_data / "mot" / "ETH-Bahnhof", pixels=False) as source:
        assert (source.frame_count, source.fps) == (1000, 14.0)
