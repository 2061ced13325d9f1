"""Videos: every frame, at its time, playable whatever happens."""

from __future__ import annotations

import itertools
import subprocess
import sys
import textwrap
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.types import Frame, Media
from deepsort_cli.video.settings import OutputSettings
from deepsort_cli.video.sinks import CropSink, MotSink, Sink, VideoSink, check_video

from ..conftest import number_in, numbered_image
from .helpers import decoded, fill_disk, frame_of, left_over, tracks_of


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX resource limits")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_full_disk_leaves_a_playable_video(tmp_path: Path, suffix: str) -> None:
    done = fill_disk(tmp_path, f"VideoSink(Path('out{suffix}'), 25)", 2_500_000)
    assert "cannot be written any more" in done.stdout, done.stderr
    assert len(decoded(tmp_path / f"out{suffix}", strict=suffix == ".mp4")) >= 20
    assert left_over(tmp_path, f"out{suffix}") == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX resource limits")
@pytest.mark.parametrize(("suffix", "missing"), [(".mp4", 100), (".mov", 4000), (".mkv", 100)])
def test_a_disk_that_is_full_at_the_very_end_leaves_a_playable_video(tmp_path: Path, suffix: str, missing: int) -> None:
    """FFmpeg says nothing where the last fragment of an mp4 cannot be written."""
    import resource

    def write(path: Path) -> Path:
        noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
        with VideoSink(path, 10, in_place=True) as sink:
            for index in range(14):
                sink.write(Frame(index, np.roll(noise, 9 * index, axis=1), index / 10), tracks_of())
        return path

    size = write(tmp_path / f"whole{suffix}").stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - missing, before[1]))
    try:
        with pytest.raises(RunError, match="cannot be written any more"):
            write(tmp_path / f"out{suffix}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert 9 <= len(decoded(tmp_path / f"out{suffix}", strict=suffix != ".mkv")) <= 14


def write_video(
    path: Path, count: int = 10, fps: float = 25.0, size: tuple[int, int] = (64, 48), **options: Any
) -> Path:
    with VideoSink(path, fps, settings=OutputSettings(**options)) as sink:
        for index in range(count):
            sink.write(frame_of(index, numbered_image(index, *size), fps), tracks_of())
    return path


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [(".mp4", "h264"), (".m4v", "h264"), (".mov", "h264"), (".mkv", "h264"), (".webm", "vp9"), (".avi", "mpeg4")],
)
def test_every_container_holds_all_frames_at_the_true_rate(tmp_path: Path, suffix: str, codec: str) -> None:
    path = write_video(tmp_path / f"out{suffix}", count=12, fps=14)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name.removeprefix("lib").startswith(codec)
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.average_rate == 14
        assert float(stream.start_time or 0) * stream.time_base < 0.001
    assert [number_in(image) for image in decoded(path)] == list(range(12))
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(14)
    assert left_over(tmp_path, path.name) == []


@pytest.mark.parametrize("fps", [7.0, 14.0, 30000 / 1001, 24000 / 1001, 12.5, 59.94005994005994, 25 / 3, 10 / 7])
@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_odd_frame_rates_are_exact(tmp_path: Path, fps: float, suffix: str) -> None:
    path = write_video(tmp_path / f"out{suffix}", count=9, fps=fps)
    with av.open(str(path)) as container:
        times = sorted(packet.pts * packet.time_base for packet in container.demux(video=0) if packet.pts is not None)
    steps = [float(b - a) for a, b in itertools.pairwise(times)]
    assert steps == pytest.approx([1 / fps] * 8, rel=1e-3)
    assert float(times[-1] - times[0]) == pytest.approx(8 / fps, rel=1e-4)


def test_an_mp4_starts_with_its_index(tmp_path: Path) -> None:
    data = write_video(tmp_path / "out.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")
    assert b"moof" not in data


@pytest.mark.parametrize("size", [(63, 47), (64, 47), (63, 48), (1, 1)])
def test_odd_sizes_keep_every_pixel(tmp_path: Path, size: tuple[int, int]) -> None:
    frames = decoded(write_video(tmp_path / "out.mp4", count=3, size=size))
    assert len(frames) == 3
    assert frames[0].shape == (size[1] + size[1] % 2, size[0] + size[0] % 2, 3)


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".avi"])
def test_colours_survive(tmp_path: Path, suffix: str) -> None:
    colours = [(30, 30, 200), (30, 200, 30), (200, 30, 30), (240, 240, 240), (10, 10, 10), (120, 60, 200)]
    image = np.zeros((64, 96 * 2, 3), np.uint8)
    for i, colour in enumerate(colours):
        image[:, 32 * i : 32 * (i + 1)] = colour
    with VideoSink(tmp_path / f"out{suffix}", 25, settings=OutputSettings(crf=15)) as sink:
        for index in range(5):
            sink.write(frame_of(index, image), tracks_of())
    seen = decoded(tmp_path / f"out{suffix}")[-1]
    for i, colour in enumerate(colours):
        np.testing.assert_allclose(seen[32, 32 * i + 16], colour, atol=8)


def test_frames_of_another_size_are_fitted(tmp_path: Path) -> None:
    white = np.full((100, 50, 3), 255, np.uint8)
    with VideoSink(tmp_path / "out.mp4", 25) as sink:
        sink.write(frame_of(0, numbered_image(0, 64, 48)), tracks_of())
        sink.write(frame_of(1, white), tracks_of())
    second = decoded(tmp_path / "out.mp4")[1]
    assert second.shape == (48, 64, 3)
    assert second[24, 32].min() > 200
    assert second[24, 4].max() < 50


def test_live_frames_are_placed_by_their_time(tmp_path: Path) -> None:
    moments = [3.0, 3.5, 3.54, 4.75, 4.75]
    with VideoSink(tmp_path / "out.mp4", 30) as sink:
        for index, moment in enumerate(moments):
            sink.write(Frame(index, numbered_image(index), moment), tracks_of())
    with av.open(str(tmp_path / "out.mp4")) as container:
        times = [float(frame.time) for frame in container.decode(video=0)]
    assert times == pytest.approx([0, 0.5, 0.54, 1.75, 1.75], abs=0.001)


def shown(path: Path) -> list[float]:
    """When the frames are shown, in seconds."""
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


def length(path: Path) -> float:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        whole = container.duration / av.time_base
        assert stream.duration is None or float(stream.duration * stream.time_base) == pytest.approx(whole, abs=0.002)
        return whole


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize(
    ("moments", "last"),
    [
        ([10 + i / 30 for i in range(20)] + [11 + i / 5 for i in range(10)], 1 / 5),
        ([0.4 * i for i in range(4)] + [1.6 + i / 60 for i in range(40)], 1 / 60),
        ([5.0, 6.5], 1.5),
        ([7.0], 1 / 25),
    ],
    ids=["slows down", "speeds up", "two", "one"],
)
def test_frames_lie_and_the_file_ends_where_the_source_says(
    tmp_path: Path, suffix: str, moments: list[float], last: float
) -> None:
    with VideoSink(tmp_path / f"out{suffix}", 25) as sink:
        for index, moment in enumerate(moments):
            sink.write(Frame(index, numbered_image(index), moment), tracks_of())
    path = tmp_path / f"out{suffix}"
    assert shown(path) == pytest.approx([moment - moments[0] for moment in moments], abs=0.001)
    assert length(path) == pytest.approx(moments[-1] - moments[0] + last, abs=0.002)


def test_an_avi_keeps_the_pace_and_says_what_that_costs(tmp_path: Path) -> None:
    said: list[str] = []
    moments = [0.0, 0.01, 0.04, 0.08, 1.0, 1.04]
    with VideoSink(tmp_path / "out.avi", 25, warn=said.append) as sink:
        for index, moment in enumerate(moments):
            sink.write(Frame(index, numbered_image(index), moment), tracks_of())
    assert [number_in(image) for image in decoded(tmp_path / "out.avi")] == [0, 2, 3, 4, 5]
    assert shown(tmp_path / "out.avi") == pytest.approx([0, 0.04, 0.08, 1.0, 1.04])
    assert len(said) == 1
    assert "1 frame was left out and 22 repeated" in said[0]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".webm"])
def test_the_shape_of_pixels_is_kept_or_made_square(tmp_path: Path, suffix: str) -> None:
    noted: list[str] = []
    media = Media("nowhere", sample_aspect_ratio=Fraction(16, 11))
    with VideoSink(tmp_path / f"out{suffix}", 25, media=media, note=noted.append) as sink:
        sink.write(frame_of(0, numbered_image(5, 88, 72)), tracks_of())
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        stream = container.streams.video[0]
        assert stream.width * (stream.sample_aspect_ratio or 1) / stream.height == Fraction(16, 11) * 88 / 72
        assert stream.width == (128 if suffix == ".webm" else 88)
    assert len(noted) == (suffix == ".webm")
    assert number_in(decoded(tmp_path / f"out{suffix}")[0]) == 5


def test_pictures_are_scaled_down_to_the_longest_side_wanted(tmp_path: Path) -> None:
    path = write_video(tmp_path / "out.mp4", count=3, size=(401, 97), max_side=200)
    frames = decoded(path)
    assert frames[0].shape == (48, 200, 3)
    assert [number_in(frame) for frame in frames] == [0, 1, 2]
    assert decoded(write_video(tmp_path / "same.mp4", count=1, size=(64, 48), max_side=64))[0].shape == (48, 64, 3)


@pytest.mark.parametrize(("suffix", "width"), [(".mp4", 16_386), (".avi", 8_194)])
def test_pictures_wider_than_the_encoder_allows_are_refused_with_the_remedy(
    tmp_path: Path, suffix: str, width: int
) -> None:
    path = tmp_path / f"out{suffix}"
    with pytest.raises(InputError, match=rf"{width}×32 pixels.*`output\.max_side`=4096"):
        check_video(path, 25, OutputSettings(), width, 32)
    check_video(path, 25, OutputSettings(max_side=4096), width, 32)
    check_video(path, 25, OutputSettings(), width - 4096, 32)


def test_an_interrupted_video_is_complete(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), VideoSink(tmp_path / "out.mp4", 25) as sink:
        for index in range(7):
            sink.write(frame_of(index, numbered_image(index)), tracks_of())
        raise KeyboardInterrupt
    assert [number_in(image) for image in decoded(tmp_path / "out.mp4")] == list(range(7))
    assert left_over(tmp_path, "out.mp4") == []


def test_a_killed_process_leaves_the_old_video_and_a_playable_part(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_bytes(b"earlier")
    code = """
        import os, signal
        import numpy as np
        from pathlib import Path
        from deepsort_cli.core.types import Frame, Tracks
        from deepsort_cli.video.sinks import VideoSink
        noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
        sink = VideoSink(Path("out.mp4"), 25)
        for index in range(150):
            sink.write(Frame(index, np.roll(noise, index, axis=1), index / 25), Tracks.empty())
        os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=tmp_path, check=False)
    assert (tmp_path / "out.mp4").read_bytes() == b"earlier"
    (rest,) = left_over(tmp_path, "out.mp4")
    assert len(decoded(tmp_path / rest, strict=False)) >= 25


def test_no_frame_leaves_no_video(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "out.mp4", 25):
        pass
    assert left_over(tmp_path) == []


def test_closing_again_changes_nothing(tmp_path: Path) -> None:
    made: list[Sink] = [MotSink(tmp_path / "a.txt"), VideoSink(tmp_path / "a.mp4", 25), CropSink(tmp_path / "crops")]
    for sink in made:
        sink.write(frame_of(0, numbered_image(3)), tracks_of(1))
        sink.close()
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert sorted(path.name for path in written) == ["000001.jpg", "a.mp4", "a.txt"]
    for path in written:
        path.unlink()
    for sink in made:
        sink.close()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()], "a second close writes once more"


def test_unknown_formats_and_codecs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'\.gif'; use one of \.mp4"):
        VideoSink(tmp_path / "out.gif", 25)
    with pytest.raises(InputError, match="''"):
        VideoSink(tmp_path / "out", 25)
    with pytest.raises(InputError, match=r"`output\.codec` nonsense"):
        VideoSink(tmp_path / "out.mp4", 25, settings=OutputSettings(codec="nonsense"))
    with pytest.raises(InputError, match="not a video encoder"):
        VideoSink(tmp_path / "out.mp4", 25, settings=OutputSettings(codec="aac"))
    with pytest.raises(InputError, match=r"libx264: .* not in \.webm files"):
        VideoSink(tmp_path / "out.webm", 25, settings=OutputSettings(codec="libx264"))
    with pytest.raises(InputError, match="does not work here"):
        VideoSink(
            tmp_path / "out.mp4",
            25,
            settings=OutputSettings(codec="h264_nvenc" if not Path("/dev/nvidia0").exists() else "libvpx"),
        )


def test_another_codec_can_be_chosen(tmp_path: Path) -> None:
    path = write_video(tmp_path / "out.mp4", codec="mpeg4")
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"


@pytest.mark.parametrize("make", [lambda p: VideoSink(p / "a.mp4", 25), lambda p: CropSink(p / "crops")])
def test_pictures_need_pixels(tmp_path: Path, make: Callable[[Path], Sink]) -> None:
    with make(tmp_path) as sink, pytest.raises(ValueError, match="need"):
        sink.write(frame_of(0), tracks_of(1))
