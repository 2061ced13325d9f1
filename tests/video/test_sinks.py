"""Sinks: what is written, and that it can be read whatever happens."""

from __future__ import annotations

import csv
import errno
import itertools
import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.mot import read_table
from deepsort_cli.core.types import Frame, Tracks
from deepsort_cli.video import sinks
from deepsort_cli.video.demo import GroundTruth
from deepsort_cli.video.sinks import (
    CropSink,
    CsvSink,
    DisplaySink,
    GroundTruthSink,
    JsonlSink,
    MotSink,
    Sink,
    VideoSink,
    exact_rate,
    output_path,
    remove_old_crops,
    unique_names,
)

from .conftest import number_in, numbered_image

NAMES = {0: "person", 2: "car, red"}


def tracks_of(*ids: int, age: int = 0) -> Tracks:
    count = len(ids)
    corners = np.array([[10.0 * i, 5.0, 10.0 * i + 20.25, 45.5] for i in ids]).reshape(-1, 4)
    return Tracks(
        ids=np.array(ids, dtype=np.int64),
        boxes=corners,
        scores=np.full(count, 0.875),
        class_ids=np.full(count, 2, dtype=np.int64),
        time_since_update=np.full(count, age, dtype=np.int64),
        detection_index=np.full(count, -1) if age else np.arange(count, dtype=np.int64),
    )


def frame_of(index: int, image: np.ndarray | None = None, fps: float = 25.0) -> Frame:
    return Frame(index, image, index / fps)


def left_over(folder: Path, *expected: str) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name not in expected)


TEXT_SINKS = {"mot": MotSink, "jsonl": JsonlSink, "csv": CsvSink}


def test_mot_rows(tmp_path: Path) -> None:
    with MotSink(tmp_path / "out.txt") as sink:
        sink.write(frame_of(0), tracks_of(1, 2))
        sink.write(frame_of(1), tracks_of())
        sink.write(frame_of(2), tracks_of(2))
    assert (tmp_path / "out.txt").read_text() == (
        "1,1,10.00,5.00,20.25,40.50,1,-1,-1,-1\n1,2,20.00,5.00,20.25,40.50,1,-1,-1,-1\n3,2,20.00,5.00,20.25,40.50,1,-1,-1,-1\n"
    )


def test_jsonl_has_every_frame(tmp_path: Path) -> None:
    with JsonlSink(tmp_path / "out.jsonl", NAMES) as sink:
        sink.write(frame_of(0), tracks_of(3, age=1))
        sink.write(frame_of(5), tracks_of())
    first, second = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert first == {
        "frame": 1,
        "time": 0.0,
        "tracks": [
            {
                "id": 3,
                "box": [30.0, 5.0, 50.25, 45.5],
                "score": 0.875,
                "class_id": 2,
                "class": "car, red",
                "time_since_update": 1,
            }
        ],
    }
    assert second == {"frame": 6, "time": 0.2, "tracks": []}


def test_csv_can_be_read_as_a_table(tmp_path: Path) -> None:
    with CsvSink(tmp_path / "out.csv", NAMES) as sink:
        sink.write(frame_of(0), tracks_of())
        sink.write(frame_of(1), tracks_of(1, 4))
    with (tmp_path / "out.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["id"] for row in rows] == ["1", "4"]
    assert rows[1] == {
        "frame": "2", "time": "0.0400", "id": "4", "x1": "40.00", "y1": "5.00", "x2": "60.25", "y2": "45.50",
        "score": "0.8750", "class_id": "2", "class": "car, red", "time_since_update": "0",
    }  # fmt: skip


def test_unknown_scores_stay_parseable(tmp_path: Path) -> None:
    unknown = tracks_of(1)
    unknown.scores[0] = np.nan
    for name, kind in (("a.jsonl", JsonlSink), ("a.csv", CsvSink)):
        with kind(tmp_path / name) as sink:
            sink.write(frame_of(0), unknown)
    assert json.loads((tmp_path / "a.jsonl").read_text())["tracks"][0]["score"] is None
    assert next(iter(csv.DictReader((tmp_path / "a.csv").open())))["score"] == ""


def test_ground_truth_rows(tmp_path: Path) -> None:
    truth = GroundTruth(np.array([1, 5]), np.array([[0.0, 1, 2, 4], [5, 5, 6, 7]]), np.array([0.5, 0.0]))
    with GroundTruthSink(tmp_path / "gt.txt", lambda index: truth if index == 1 else None) as sink:
        sink.write(frame_of(0), tracks_of())
        sink.write(frame_of(1), tracks_of())
    rows = read_table(tmp_path / "gt.txt")
    np.testing.assert_allclose(rows, [[2, 1, 0, 1, 2, 3, 1, 1, 0.5], [2, 5, 5, 5, 1, 2, 0, 1, 0]])


@pytest.mark.parametrize("kind", TEXT_SINKS)
def test_interruption_leaves_whole_lines_and_nothing_else(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "out.data"
    with pytest.raises(KeyboardInterrupt), TEXT_SINKS[kind](path) as sink:
        for index in range(5):
            sink.write(frame_of(index), tracks_of(1, 2))
        assert not path.exists(), "the final name appears with the complete file only"
        raise KeyboardInterrupt
    assert path.read_text().endswith("\n")
    assert len(path.read_text().splitlines()) == {"mot": 10, "jsonl": 5, "csv": 11}[kind]
    assert left_over(tmp_path, "out.data") == []


@pytest.mark.parametrize("kind", TEXT_SINKS)
def test_a_failure_before_the_first_frame_leaves_nothing(tmp_path: Path, kind: str) -> None:
    (tmp_path / "old.data").write_text("earlier results")
    with pytest.raises(RuntimeError), TEXT_SINKS[kind](tmp_path / "old.data"):
        raise RuntimeError
    assert (tmp_path / "old.data").read_text() == "earlier results"
    assert left_over(tmp_path, "old.data") == []


def test_a_source_without_tracks_leaves_an_empty_result(tmp_path: Path) -> None:
    with MotSink(tmp_path / "out.txt") as sink:
        sink.write(frame_of(0), tracks_of())
    assert (tmp_path / "out.txt").read_text() == ""


def test_devices_and_folders_are_never_replaced(tmp_path: Path) -> None:
    for path in (Path("/dev/null"), tmp_path):
        if path.exists():
            with pytest.raises(InputError, match="not a regular file"):
                MotSink(path)
            with pytest.raises(InputError):
                VideoSink(path.with_suffix("") if path == tmp_path else path, 25)


def fill_disk(tmp_path: Path, sink: str, limit: int) -> subprocess.CompletedProcess[str]:
    """Write with `sink` in a process whose files may not grow beyond `limit` bytes, as on a full disk."""
    code = f"""
        import resource
        import numpy as np
        from pathlib import Path
        from deepsort_cli.core.errors import RunError
        from deepsort_cli.core.types import Frame, Tracks
        from deepsort_cli.video.sinks import *
        noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
        n = 20
        zero = np.zeros(n, int)
        tracks = Tracks(np.arange(1, n + 1), np.ones((n, 4)), np.ones(n), zero, zero, np.arange(n))
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
        try:
            with {sink} as sink:
                for index in range(2000):
                    sink.write(Frame(index, np.roll(noise, index, axis=1), index / 25), tracks)
        except RunError as error:
            print(index, error)
    """
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, cwd=tmp_path, check=False
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX resource limits")
@pytest.mark.parametrize("kind", ["MotSink", "JsonlSink", "CsvSink"])
def test_a_full_disk_leaves_whole_lines(tmp_path: Path, kind: str) -> None:
    done = fill_disk(tmp_path, f"{kind}(Path('out.data'))", 100_001)
    assert "cannot be written any more" in done.stdout, done.stderr
    frames = int(done.stdout.split()[0])
    text = (tmp_path / "out.data").read_text()
    assert text.endswith("\n")
    per_frame = {"MotSink": 20 * frames, "JsonlSink": frames, "CsvSink": 20 * frames + 1}[kind]
    assert len(text.splitlines()) == per_frame
    assert left_over(tmp_path, "out.data") == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX resource limits")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_full_disk_leaves_a_playable_video(tmp_path: Path, suffix: str) -> None:
    done = fill_disk(tmp_path, f"VideoSink(Path('out{suffix}'), 25)", 2_500_000)
    assert "cannot be written any more" in done.stdout, done.stderr
    assert len(decoded(tmp_path / f"out{suffix}", strict=suffix == ".mp4")) >= 20
    assert left_over(tmp_path, f"out{suffix}") == []


def test_a_write_that_fails_only_when_flushed_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    sink = MotSink(tmp_path / "out.txt")
    sink.write(frame_of(0), tracks_of(1))
    monkeypatch.setattr(sinks.os, "fsync", full)
    with pytest.raises(RunError, match="the disk is full"):
        sink.close()
    assert left_over(tmp_path) == ["out.txt"]


def test_a_folder_that_disappears_is_a_clear_error(tmp_path: Path) -> None:
    sink = MotSink(tmp_path / "gone" / "out.txt")
    sink.write(frame_of(0), tracks_of(1))
    for path in (tmp_path / "gone").iterdir():
        path.unlink()
    (tmp_path / "gone").rmdir()
    with pytest.raises(RunError, match=r"out\.txt: cannot be written"):
        sink.close()


# Video


def decoded(path: Path, *, strict: bool = True) -> list[np.ndarray]:
    """All frames of a video as BGR; with `strict`, damage is an error."""
    frames = []
    with av.open(str(path)) as container:
        try:
            for frame in container.decode(video=0):
                frames.append(frame.to_ndarray(format="bgr24"))
        except av.FFmpegError:
            if strict:
                raise
    return frames


def write_video(
    path: Path, count: int = 10, fps: float = 25.0, size: tuple[int, int] = (64, 48), **options: Any
) -> Path:
    with VideoSink(path, fps, **options) as sink:
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


def test_decimal_rates_are_recognised() -> None:
    assert exact_rate(29.97002997002997) == Fraction(30000, 1001)
    assert exact_rate(23.976) == Fraction(2997, 125)
    assert exact_rate(14.0) == 14
    assert exact_rate(30000 / 1001 / 7) == Fraction(30000, 7007)


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
    with VideoSink(tmp_path / f"out{suffix}", 25, crf=15) as sink:
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
    with VideoSink(tmp_path / "out.mp4", 30, real_time=True) as sink:
        for index, moment in enumerate(moments):
            sink.write(Frame(index, numbered_image(index), moment), tracks_of())
    with av.open(str(tmp_path / "out.mp4")) as container:
        times = [float(frame.time) for frame in container.decode(video=0)]
    assert times == pytest.approx([0, 0.5, 0.54, 1.75, 1.75], abs=0.001)


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


def test_a_sink_can_be_closed_twice(tmp_path: Path) -> None:
    made: list[Sink] = [MotSink(tmp_path / "a.txt"), VideoSink(tmp_path / "a.mp4", 25), CropSink(tmp_path / "crops")]
    for sink in made:
        sink.write(frame_of(0, numbered_image(3)), tracks_of(1))
        sink.close()
        sink.close()


def test_unknown_formats_and_codecs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'\.gif'; use one of \.mp4"):
        VideoSink(tmp_path / "out.gif", 25)
    with pytest.raises(InputError, match="''"):
        VideoSink(tmp_path / "out", 25)
    with pytest.raises(InputError, match=r"output\.codec nonsense"):
        VideoSink(tmp_path / "out.mp4", 25, codec="nonsense")
    with pytest.raises(InputError, match="not a video encoder"):
        VideoSink(tmp_path / "out.mp4", 25, codec="aac")
    with pytest.raises(InputError, match=r"libx264: .* not in \.webm files"):
        VideoSink(tmp_path / "out.webm", 25, codec="libx264")
    with pytest.raises(InputError, match="does not work here"):
        VideoSink(tmp_path / "out.mp4", 25, codec="h264_nvenc" if not Path("/dev/nvidia0").exists() else "libvpx")


def test_another_codec_can_be_chosen(tmp_path: Path) -> None:
    path = write_video(tmp_path / "out.mp4", codec="mpeg4")
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"


@pytest.mark.parametrize("missing", ["PyAV", "the encoder"])
def test_opencv_writes_where_pyav_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    if missing == "PyAV":
        monkeypatch.setitem(sys.modules, "av", None)
    else:
        monkeypatch.setitem(sinks.CODECS, ".mp4", "libx26999")
        monkeypatch.setitem(sinks.CODECS, ".webm", "libx26999")
    messages: list[str] = []
    path = write_video(tmp_path / "out.mp4", count=6, fps=12, size=(63, 48), warn=messages.append)
    assert len(messages) == 1
    assert "OpenCV" in messages[0]
    with pytest.raises(InputError, match=r"\.webm"):
        VideoSink(tmp_path / "out.webm", 25)
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == 12
    images = [image for good, image in (capture.read() for _ in range(7)) if good]
    assert [number_in(image) for image in images] == list(range(6))
    assert left_over(tmp_path, "out.mp4") == []


# Crops


def test_crops_lie_in_a_folder_per_id_and_are_clipped(tmp_path: Path) -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[:, :50] = (0, 0, 255)
    boxes = np.array([[-20.0, -10, 30, 60], [40.2, 50.8, 160, 170], [200, 10, 240, 60], [10, 10, 10, 10]])
    many = Tracks(np.arange(1, 5), boxes, np.ones(4), np.zeros(4, int), np.zeros(4, int), np.arange(4))
    with CropSink(tmp_path / "crops") as sink:
        sink.write(frame_of(41, image), many)
    written = sorted(path.relative_to(tmp_path / "crops").as_posix() for path in (tmp_path / "crops").rglob("*.jpg"))
    assert written == ["00001/000042.jpg", "00002/000042.jpg"]
    first, second = (cv2.imread(str(tmp_path / "crops" / name)) for name in written)
    assert first.shape == (60, 30, 3)
    assert second.shape == (50, 60, 3)
    assert first[30, 15, 2] > 200 > 50 > first[30, 15, 0]


def test_only_matched_tracks_are_cropped(tmp_path: Path) -> None:
    with CropSink(tmp_path) as sink:
        sink.write(frame_of(0, np.zeros((60, 60, 3), np.uint8)), tracks_of(1, age=1))
        between = replace(tracks_of(1), detection_index=np.array([-1]))  # the detector did not look
        sink.write(frame_of(1, np.zeros((60, 60, 3), np.uint8)), between)
    assert left_over(tmp_path) == []


def test_old_crops_are_removed_and_nothing_else(tmp_path: Path) -> None:
    with CropSink(tmp_path) as sink:
        sink.write(frame_of(0, np.zeros((60, 60, 3), np.uint8)), tracks_of(1, 2))
    (tmp_path / "00001" / "notes.txt").write_text("mine")
    (tmp_path / "2024").mkdir()
    (tmp_path / "2024" / "holiday.jpg").write_bytes(b"mine")
    remove_old_crops(tmp_path)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()) == [
        "00001/notes.txt",
        "2024/holiday.jpg",
    ]
    assert not (tmp_path / "00002").exists()


# The window


class Screen:
    """Stands for OpenCV's window functions."""

    def __init__(self, keys: list[int], visible: list[float] | None = None) -> None:
        self.keys, self.visible = iter(keys), iter(visible or [1.0] * len(keys))
        self.shown: list[int] = []
        self.open = False

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sinks, "window_problem", lambda: None)
        monkeypatch.setattr(cv2, "namedWindow", lambda *_: setattr(self, "open", True))
        monkeypatch.setattr(cv2, "resizeWindow", lambda *_: None)
        monkeypatch.setattr(cv2, "imshow", lambda _, image: self.shown.append(number_in(image)))
        monkeypatch.setattr(cv2, "waitKey", lambda _: next(self.keys, -1))
        monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: next(self.visible))
        monkeypatch.setattr(cv2, "destroyWindow", lambda _: setattr(self, "open", False))


@pytest.mark.parametrize(
    ("keys", "visible"),
    [([-1, -1, ord("q")], None), ([-1, ord("x"), 27], None), ([-1, -1, -1], [1.0, 1.0, 0.0])],
    ids=["q", "escape", "closed by the mouse"],
)
def test_the_window_stops_on_request(
    monkeypatch: pytest.MonkeyPatch, keys: list[int], visible: list[float] | None
) -> None:
    screen = Screen(keys, visible)
    screen.install(monkeypatch)
    stopped = []
    with DisplaySink() as sink:
        for index in range(4):
            sink.write(frame_of(index, numbered_image(index)), tracks_of())
            stopped.append(sink.stopped)
        assert screen.open
    assert stopped == [False, False, True, True]
    assert screen.shown == [0, 1, 2]
    assert not screen.open


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a screen")
def test_without_a_screen_the_window_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(InputError, match=r"--display: no screen.*--save"):
        DisplaySink()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a screen")
def test_a_screen_that_cannot_be_reached_is_refused_not_fatal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":987")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(InputError, match="--display: .*no window could be opened|headless"):
        DisplaySink()


# Names


def test_outputs_of_several_sources_get_their_names() -> None:
    assert output_path(Path("a/out.mp4"), "cam", many=False) == Path("a/out.mp4")
    assert output_path(Path("a/out.mp4"), "cam", many=True) == Path("a/out_cam.mp4")
    assert output_path(Path("crops"), "cam", many=True) == Path("crops_cam")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a-2", "a-3"]),
        (["a", "A"], ["a", "A-2"]),
        (["a", "a-2", "a"], ["a", "a-2", "a-3"]),
    ],
)
def test_names_are_made_distinct(names: list[str], expected: list[str]) -> None:
    assert unique_names(names) == expected


@pytest.mark.parametrize("make", [lambda p: VideoSink(p / "a.mp4", 25), lambda p: CropSink(p / "crops")])
def test_pictures_need_pixels(tmp_path: Path, make: Callable[[Path], Sink]) -> None:
    with make(tmp_path) as sink, pytest.raises(ValueError, match="need"):
        sink.write(frame_of(0), tracks_of(1))
