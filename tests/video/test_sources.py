"""Sources: which frames come, at what rate, and what is said of those that cannot be opened."""

from __future__ import annotations

import functools
import http.server
import itertools
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.video import sources
from deepsort_cli.video.settings import DemoSettings, SourceSettings
from deepsort_cli.video.sources import Source, hide_password, open_source

from .conftest import number_in, numbered_image

DEMO = DemoSettings(width=96, height=72, people=2, frames=12, fps=10)


def opened(spec: object, *, pixels: bool = True, frame_count: int | None = None, **settings: Any) -> Source:
    return open_source(str(spec), SourceSettings(**settings), DEMO, pixels=pixels, frame_count=frame_count)


def shown(source: Source) -> list[int]:
    """The numbers shown in a source's frames; each must sit at the frame's own index."""
    with source:
        frames = list(source)
    assert source.frame_count is None or source.frame_count == len(frames)
    numbers = [number_in(frame.image) for frame in frames]
    assert numbers == [frame.index for frame in frames]
    return numbers


PARTS = [
    ({}, list(range(12))),
    ({"start": 5}, [5, 6, 7, 8, 9, 10, 11]),
    ({"stride": 5}, [0, 5, 10]),
    ({"max_frames": 4}, [0, 1, 2, 3]),
    ({"start": 2, "stride": 3, "max_frames": 3}, [2, 5, 8]),
    ({"start": 11}, [11]),
    ({"start": 3, "stride": 100}, [3]),
    ({"max_frames": 99}, list(range(12))),
]


@pytest.mark.parametrize(("settings", "expected"), PARTS)
@pytest.mark.parametrize("kind", ["video", "images", "demo", "sequence without images"])
def test_start_stride_and_limit_choose_the_same_frames_everywhere(
    make_video: Callable[..., Path], make_images: Callable[..., Path], tmp_path: Path,
    kind: str, settings: dict[str, int], expected: list[int],
) -> None:  # fmt: skip
    if kind == "video":
        assert shown(opened(make_video(frames=12), **settings)) == expected
    elif kind == "images":
        assert shown(opened(make_images("frames", [f"{i}.png" for i in range(12)]), **settings)) == expected
    else:
        (tmp_path / "seqinfo.ini").write_text("[Sequence]\nseqLength=12\nframeRate=10\n")
        source = opened("demo" if kind == "demo" else tmp_path, pixels=kind == "demo", **settings)
        with source:
            frames = list(source)
        assert [frame.index for frame in frames] == expected
        assert source.frame_count == len(expected)
        assert [frame.time for frame in frames] == pytest.approx([index / 10 for index in expected])


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


def test_without_pixels_a_video_is_not_decoded(make_video: Callable[..., Path]) -> None:
    with opened(make_video(frames=7, fps=14), pixels=False) as source:
        frames = list(source)
    assert [frame.image for frame in frames] == [None] * 7
    assert (source.fps, source.width, source.height, source.frame_count) == (14, 64, 48, 7)


def test_images_come_in_natural_order(make_images: Callable[..., Path]) -> None:
    folder = make_images("walk", ["f1.png", "f2.jpg", "f10.png", "f11.bmp"])
    (folder / "notes.txt").write_text("not a frame")
    (folder / ".f0.png").write_bytes(b"hidden")
    source = opened(folder)
    assert (source.kind, source.name, source.fps, source.width, source.height) == ("images", "walk", 25.0, 64, 48)
    assert shown(source) == [0, 1, 2, 3]


def test_globs_match_images(make_images: Callable[..., Path]) -> None:
    folder = make_images("shots", ["a1.png", "a2.png", "b1.png"])
    with opened(f"{folder}/a*") as source:
        assert [number_in(frame.image) for frame in source] == [0, 1]
    with opened(f"{folder.parent}/**/*.png") as source:
        assert source.frame_count == 3
    with pytest.raises(InputError, match="matches no file"):
        opened(f"{folder}/x*")
    (folder / "c.mp4").write_bytes(b"x")
    with pytest.raises(InputError, match="none of the 1 files it matches is an image"):
        opened(f"{folder}/*.mp4")


def test_a_single_image_is_one_frame(make_images: Callable[..., Path]) -> None:
    folder = make_images("one", ["person.png"])
    source = opened(folder / "person.png")
    assert (source.kind, source.name, source.frame_count) == ("image", "person", 1)
    assert shown(source) == [0]


def write_seqinfo(folder: Path, length: int, extra: str = "") -> None:
    (folder / "seqinfo.ini").write_text(
        f"[Sequence]\nname=Street\nimDir=img1\nframeRate=14\nseqLength={length}\nimWidth=64\nimHeight=48\n{extra}"
    )


def test_a_sequence_folder_with_images(make_images: Callable[..., Path], tmp_path: Path) -> None:
    make_images("Street/img1", ["000001.png", "000002.png", "000003.png"])
    write_seqinfo(tmp_path / "Street", 3)
    source = opened(tmp_path / "Street")
    assert (source.kind, source.name, source.fps) == ("sequence", "Street", 14.0)
    assert source.sequence is not None
    assert source.sequence.length == 3
    assert shown(source) == [0, 1, 2]


def test_a_sequence_folder_without_seqinfo(make_images: Callable[..., Path], tmp_path: Path) -> None:
    make_images("Yard/img1", ["000001.png", "000002.png"])
    source = opened(tmp_path / "Yard")
    assert (source.name, source.sequence) == ("Yard", None)
    assert shown(source) == [0, 1]
    with opened(tmp_path / "Yard", pixels=False) as blank:
        assert blank.frame_count == 2


def test_missing_images_of_a_sequence_are_told(make_images: Callable[..., Path], tmp_path: Path) -> None:
    make_images("Street/img1", ["000001.png", "000002.png"])
    write_seqinfo(tmp_path / "Street", 9)
    messages: list[str] = []
    with open_source(str(tmp_path / "Street"), SourceSettings(), DEMO, warn=messages.append):
        pass
    assert len(messages) == 1
    assert "2 images" in messages[0]
    assert "9" in messages[0]


def test_a_sequence_folder_whose_frames_are_a_video(make_video: Callable[..., Path], tmp_path: Path) -> None:
    make_video("Street.mp4", frames=4, fps=25)
    write_seqinfo(tmp_path, 4)
    source = opened(tmp_path)
    assert source.sequence is not None
    assert source.fps == 14.0
    assert shown(source) == [0, 1, 2, 3]


def test_a_sequence_without_images_needs_none_when_no_pixels_are_wanted(tmp_path: Path) -> None:
    write_seqinfo(tmp_path, 5)
    with opened(tmp_path, pixels=False) as source:
        assert [(frame.index, frame.image) for frame in source] == [(i, None) for i in range(5)]
    assert (source.width, source.height, source.fps, source.name) == (64, 48, 14.0, "Street")
    with pytest.raises(InputError, match="no images.*--detections"):
        opened(tmp_path)


def test_the_length_of_an_unknown_sequence_can_be_given(tmp_path: Path) -> None:
    (tmp_path / "img1").mkdir()
    with opened(tmp_path, pixels=False, frame_count=6) as source:
        assert source.frame_count == 6
    with pytest.raises(InputError, match="length is unknown"):
        opened(tmp_path, pixels=False)


def test_the_demo_needs_nothing() -> None:
    with opened("demo") as source:
        frames = list(source)
        assert (source.kind, source.name, source.frame_count, source.fps) == ("demo", "demo", 12, 10)
        assert source.ground_truth(0) is not None
    assert frames[0].image.shape == (72, 96, 3)
    with opened("demo", pixels=False) as source:
        assert {frame.image for frame in source} == {None}


# What cannot be opened


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


def test_a_video_that_ends_early_is_told_and_its_frames_are_kept(make_video: Callable[..., Path]) -> None:
    path = make_video("walk.avi", frames=60, width=640, height=480, codec="mpeg4")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    messages: list[str] = []
    with open_source(str(path), SourceSettings(), DEMO, warn=messages.append) as source:
        count = sum(1 for _ in source)
    assert 5 < count < 55
    assert len(messages) == 1
    assert "of 60 frames" in messages[0]


def test_a_whole_video_raises_no_warning(make_video: Callable[..., Path]) -> None:
    for name in ("a.mp4", "a.mkv", "a.avi", "a.mov"):
        messages: list[str] = []
        path = make_video(name, frames=33, codec="mpeg4" if name.endswith("avi") else "libx264")
        with open_source(str(path), SourceSettings(), DEMO, warn=messages.append) as source:
            assert sum(1 for _ in source) == 33
        assert messages == []


@pytest.mark.parametrize("kind", ["video", "images", "demo", "sequence"])
def test_a_start_beyond_the_end(
    make_video: Callable[..., Path], make_images: Callable[..., Path], tmp_path: Path, kind: str
) -> None:
    write_seqinfo(tmp_path, 12)
    spec = {
        "video": make_video(frames=12),
        "images": make_images("frames", [f"{i}.png" for i in range(12)]),
        "demo": "demo",
        "sequence": tmp_path,
    }[kind]
    for start in (12, 500):
        with pytest.raises(InputError, match=f"--start {start}: .* only 12 frames"):
            opened(spec, start=start, pixels=kind != "sequence")


def test_paths_that_do_not_exist_or_hold_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        opened(tmp_path / "absent.mp4")
    with pytest.raises(InputError, match="--source is empty"):
        opened(" ")
    with pytest.raises(InputError, match="no images in this folder"):
        opened(tmp_path)
    with pytest.raises(InputError, match="unknown kind of address"):
        opened("gopher://example.org/video")


def test_damaged_images(make_images: Callable[..., Path]) -> None:
    folder = make_images("frames", ["1.png", "2.png"])
    (folder / "2.png").write_bytes(b"no picture")
    with opened(folder) as source, pytest.raises(RunError, match=r"2\.png: not an image"):
        list(source)
    (folder / "1.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"1\.png: not an image"):
        opened(folder)


def test_images_made_to_exhaust_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_PIXELS", 1000)
    cv2.imwrite(str(tmp_path / "big.png"), np.zeros((40, 40, 3), np.uint8))
    with pytest.raises(InputError, match="40×40 pixels"):
        opened(tmp_path / "big.png")


# Cameras and streams


class FakeCapture:
    """Stands for cv2.VideoCapture of a camera: numbered frames, then a lost connection."""

    def __init__(self, numbers: Iterable[int], *, opens: bool = True, fps: float = 20.0, pause: float = 0.0) -> None:
        self._numbers = iter(numbers)
        self._opens, self._fps, self._pause = opens, fps, pause
        self.released = False
        self.reads = 0

    def isOpened(self) -> bool:
        return self._opens

    def read(self) -> tuple[bool, np.ndarray | None]:
        time.sleep(self._pause)
        self.reads += 1
        number = next(self._numbers, None)
        if number is None or self.released:
            return False, None
        return True, numbered_image(number)

    def get(self, prop: int) -> float:
        return self._fps if prop == cv2.CAP_PROP_FPS else 0.0

    def release(self) -> None:
        self.released = True


@pytest.fixture
def cameras(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Lets the given captures answer, one per attempt to open; returns the targets asked for."""

    def plug_in(*captures: FakeCapture) -> list[Any]:
        asked: list[Any] = []
        waiting = list(captures)

        def open_capture(target: Any, timeout: float) -> FakeCapture:
            asked.append(target)
            return waiting.pop(0) if waiting else FakeCapture([], opens=False)

        monkeypatch.setattr(sources, "open_capture", open_capture)
        return asked

    return plug_in


FAST = {"reconnect_delay": 0.001, "reconnect_attempts": 3}


def test_a_camera_yields_frames_as_they_come(cameras: Callable[..., list[Any]]) -> None:
    camera = FakeCapture(itertools.cycle([1, 2, 3]), pause=0.002)
    asked = cameras(camera)
    source = opened("0", max_frames=5)
    assert asked == [0]
    assert (source.kind, source.name, source.is_live, source.fps) == ("camera", "camera0", True, 20.0)
    assert (source.width, source.height, source.frame_count) == (64, 48, 5)
    with source:
        frames = list(source)
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    assert {number_in(frame.image) for frame in frames} <= {1, 2, 3}
    assert all(a.time < b.time for a, b in itertools.pairwise(frames))
    assert camera.released


def test_a_slow_reader_gets_the_newest_frame(cameras: Callable[..., list[Any]]) -> None:
    camera = FakeCapture(itertools.count(), pause=0.001)
    cameras(camera)
    with opened("0", max_frames=3) as source:
        numbers = []
        for frame in source:
            numbers.append(number_in(frame.image))
            wanted = camera.reads + 10
            while camera.reads < wanted:
                time.sleep(0.001)
    # Numbers are shown modulo 256; at least the ten frames read meanwhile lie between.
    assert all((b - a) % 256 >= 9 for a, b in itertools.pairwise(numbers))


def test_no_frame_is_dropped_when_all_are_wanted(cameras: Callable[..., list[Any]]) -> None:
    cameras(FakeCapture(list(range(20))))
    with opened("0", newest=False, max_frames=6, start=2, stride=3) as source:
        numbers = []
        for frame in source:
            numbers.append(number_in(frame.image))
            time.sleep(0.005)
    assert numbers == [2, 5, 8, 11, 14, 17]


def test_a_lost_camera_is_found_again(cameras: Callable[..., list[Any]]) -> None:
    first, second = FakeCapture([1, 2]), FakeCapture([3, 4])
    asked = cameras(first, FakeCapture([], opens=False), second)
    messages: list[str] = []
    settings = SourceSettings(newest=False, max_frames=4, **FAST)
    with open_source("rtsp://user:secret@cam/door", settings, DEMO, warn=messages.append) as source:
        assert [number_in(frame.image) for frame in source] == [1, 2, 3, 4]
    assert source.kind == "stream"
    assert len(asked) == 3
    assert first.released
    assert [("attempt 1 of 3" in m, "attempt 2 of 3" in m, "connected again" in m) for m in messages] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]
    assert "secret" not in "".join(messages)


def test_a_camera_that_stays_lost_ends_the_run_after_its_frames(cameras: Callable[..., list[Any]]) -> None:
    cameras(FakeCapture([1, 2, 3]))
    numbers = []
    with opened("0", newest=False, **FAST) as source, pytest.raises(RunError, match="camera 0: lost.*3 attempts"):
        for frame in source:
            numbers.append(number_in(frame.image))
    assert numbers == [1, 2, 3]


def test_a_live_source_can_be_closed_from_another_thread(cameras: Callable[..., list[Any]]) -> None:
    cameras(FakeCapture([1]))
    source = opened("0", newest=False, reconnect_delay=30, reconnect_attempts=3)
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.extend(frame.index for frame in source))
    thread.start()
    while not seen and thread.is_alive():
        time.sleep(0.001)
        if source._thread.is_alive():  # waiting to reconnect
            break
    source.close()
    thread.join(timeout=5)
    assert not thread.is_alive()
    source.close()


def test_no_camera_says_which_and_what_to_do() -> None:
    with pytest.raises(InputError, match=r"--source 63: no camera answers at index 63.*demo"):
        opened("63")


def test_a_camera_that_gives_no_frame(cameras: Callable[..., list[Any]]) -> None:
    camera = FakeCapture([])
    cameras(camera)
    with pytest.raises(InputError, match="no camera answers"):
        opened("0")
    assert camera.released


@pytest.mark.parametrize("fps", [0.0, float("nan"), 90000.0, -1.0])
def test_a_camera_without_a_usable_rate_counts_as_30_fps(cameras: Callable[..., list[Any]], fps: float) -> None:
    cameras(FakeCapture([1], fps=fps))
    with opened("0", stride=2) as source:
        assert (source.fps, source.output_fps) == (30.0, 15.0)


def test_passwords_do_not_show() -> None:
    assert hide_password("rtsp://admin:pa:ss@10.0.0.1:554/a?b=c") == "rtsp://admin:…@10.0.0.1:554/a?b=c"
    assert hide_password("http://host/video.mp4") == "http://host/video.mp4"
    with pytest.raises(InputError) as error:
        opened("rtsp://admin:secret@127.0.0.1:9/door", timeout=2)
    assert "secret" not in str(error.value)
    assert "127.0.0.1" in str(error.value)


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files, and under /live an endless stream of JPEG frames that breaks off after 12 frames."""

    def do_GET(self) -> None:
        if self.path != "/live":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for number in range(12):
            data = cv2.imencode(".jpg", numbered_image(number))[1].tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            self.wfile.write(head.encode() + data + b"\r\n")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    handler = functools.partial(_Handler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{service.server_address[1]}"
        service.shutdown()


def test_a_video_behind_a_url_is_read_to_its_end(server: str, make_video: Callable[..., Path]) -> None:
    make_video("walk.mp4", frames=15, fps=14)
    source = opened(f"{server}/walk.mp4")
    assert (source.is_live, source.kind, source.name, source.fps) == (False, "video", "127.0.0.1_walk", 14)
    assert shown(source) == list(range(15))
    with pytest.raises(InputError, match=r"absent\.mp4: no video comes from this address"):
        opened(f"{server}/absent.mp4")


def test_a_network_camera_reconnects_when_its_stream_breaks_off(server: str) -> None:
    messages: list[str] = []
    settings = SourceSettings(max_frames=16, newest=False, reconnect_delay=0.01, timeout=5)
    with open_source(f"{server}/live", settings, DEMO, warn=messages.append) as source:
        assert source.is_live
        frames = list(source)
    assert len(frames) == 16
    assert any("connected again" in message for message in messages)


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
