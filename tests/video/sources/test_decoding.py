"""What decoding makes of real-life containers: true times, every frame, damage told and nothing false."""

from __future__ import annotations

import importlib
import itertools
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.logging
import cv2
import numpy as np
import pytest

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.video.settings import SourceSettings
from deepsort_cli.video.sources import open_source

from ..conftest import number_in, numbered_image
from .conftest import DEMO

MILLISECOND = Fraction(1, 1000)
TICK = Fraction(1, 90000)


def write(
    path: Path,
    stamps: Sequence[int],
    *,
    base: Fraction = MILLISECOND,
    codec: str = "libx264",
    size: tuple[int, int] = (64, 48),
    audio: tuple[int, ...] = (),
    **options: str,
) -> Path:
    """A video whose numbered frames have the given timestamps; 20 ms of sound at each of `audio`, in milliseconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = stream.codec_context.time_base = base
        packets: list[tuple[float, Any]] = []
        sound = None
        if audio:
            sound = container.add_stream("pcm_s16le", rate=8000)
            sound.layout = "mono"
        for number, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(numbered_image(number % 256, *size), format="bgr24")
            frame.pts, frame.time_base = stamp, base
            packets += [(float(packet.dts * packet.time_base), packet) for packet in stream.encode(frame)]
        packets += [(float(packet.dts * packet.time_base), packet) for packet in stream.encode()]
        for start in audio:
            assert sound is not None
            quiet = av.AudioFrame.from_ndarray(np.zeros((1, 160), np.int16), "s16", "mono")
            quiet.rate, quiet.pts, quiet.time_base = 8000, start * 8, Fraction(1, 8000)
            packets += [(float(packet.pts * packet.time_base), packet) for packet in sound.encode(quiet)]
        for _, packet in sorted(packets, key=lambda item: item[0]):
            container.mux(packet)
    return path


def read(path: Path | str, **settings: Any) -> tuple[list[int], list[float], list[str], Any]:
    """Numbers shown, times, messages, and the source."""
    told: list[str] = []
    with open_source(str(path), SourceSettings(**settings), DEMO, warn=told.append) as source:
        frames = list(source)
    assert all(a.time < b.time for a, b in itertools.pairwise(frames))
    return [number_in(frame.image) for frame in frames], [frame.time for frame in frames], told, source


VARIABLE = [0, *itertools.accumulate([33] * 9 + [200] * 10)]


class TestTimes:
    @pytest.mark.parametrize("ending", ["mp4", "mkv", "mov", "webm", "ts"])
    def test_variable_frame_rates_keep_their_times(self, tmp_path: Path, ending: str) -> None:
        codec = "libvpx" if ending == "webm" else "libx264"
        base = TICK if ending == "ts" else MILLISECOND
        stamps = [stamp * 90 if ending == "ts" else stamp for stamp in VARIABLE]
        path = write(tmp_path / f"a.{ending}", stamps, base=base, codec=codec)
        true = [stamp / 1000 for stamp in VARIABLE]
        numbers, times, told, _ = read(path)
        assert numbers == list(range(20))
        assert times == pytest.approx(true, abs=2e-3)
        assert told == []
        numbers, times, _, _ = read(path, start=3, stride=4, max_frames=3)
        assert numbers == [3, 7, 11]
        assert times == pytest.approx([true[3], true[7], true[11]], abs=2e-3)

    @pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
    def test_reordered_frames_in_avi_files_which_have_no_times(self, tmp_path: Path, codec: str) -> None:
        path = write(tmp_path / "a.avi", range(30), base=Fraction(1, 25), codec=codec, bf="2")
        numbers, times, told, _ = read(path)
        assert numbers == list(range(30))
        assert times == pytest.approx([i / 25 for i in range(30)])
        assert told == []

    def test_a_hole_moves_no_frame_behind_it(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.ts", [3600 * i for i in range(100)], base=TICK, g="10", bf="2")
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2] + data[len(data) // 2 + len(data) // 20 :])
        numbers, times, _, _ = read(path)
        assert 80 <= len(numbers) < 100
        late = [(number, time) for number, time in zip(numbers, times, strict=True) if abs(time - number / 25) > 0.5]
        assert late == []
        assert times[-1] == pytest.approx(99 / 25)

    def test_times_count_from_the_first_frame_and_the_container_is_told(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.mkv", [5000 + 40 * i for i in range(8)])
        _, times, _, source = read(path, start=2)
        assert times[0] == pytest.approx(0.08)
        assert source.media is not None
        assert (source.media.location, source.media.origin) == (str(path), pytest.approx(5.0))
        assert not source.media.audio

    def test_a_given_frame_rate_overrules_the_container(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.mkv", VARIABLE, audio=(0, 20, 40))
        _, times, _, source = read(path, fps=10)
        assert times == pytest.approx([i / 10 for i in range(20)])
        assert not source.media.audio, "its sound would be out of step"

    def test_a_counter_that_runs_over_and_recordings_joined(self, tmp_path: Path) -> None:
        over = write(tmp_path / "over.ts", [2**33 - 18000 + 3600 * i for i in range(12)], base=TICK)
        assert read(over)[1] == pytest.approx([i / 25 for i in range(12)])
        one = write(tmp_path / "one.ts", [3600 * i for i in range(12)], base=TICK).read_bytes()
        (tmp_path / "two.ts").write_bytes(one + one)
        numbers, times, told, _ = read(tmp_path / "two.ts")
        assert numbers == [*range(12), *range(12)]
        assert times == pytest.approx([i / 25 for i in range(24)])
        assert len(told) == 1
        assert "jump" in told[0]

    def test_raw_video_without_timestamps(self, tmp_path: Path, make_video: Callable[..., Path]) -> None:
        path = make_video("a.h264", frames=12)
        numbers, times, told, source = read(path)
        assert numbers == list(range(12))
        assert times == pytest.approx([i / 25 for i in range(12)])
        assert source.frame_count is None
        assert len(told) == 1
        assert "without timestamps" in told[0]
        assert read(path, fps=10)[1:3] == (pytest.approx([i / 10 for i in range(12)]), [])


class TestEveryFrame:
    def test_the_frame_count_is_an_estimate(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.ts", [90 * stamp for stamp in VARIABLE], base=TICK)
        numbers, _, told, source = read(path)
        assert source.frame_count != len(numbers) == 20
        assert not source.frame_count_exact
        assert told == []
        with open_source(str(path), SourceSettings(), DEMO, pixels=False) as blank:
            frames = list(blank)
        assert [frame.index for frame in frames] == list(range(20))
        assert {frame.image for frame in frames} == {None}

    def test_frames_behind_thousands_of_other_packets(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.mkv", [0, 40, 90_000, 90_040], audio=tuple(range(0, 91_000, 20)), bf="0")
        numbers, times, told, source = read(path)
        assert numbers == [0, 1, 2, 3]
        assert times == pytest.approx([0, 0.04, 90.0, 90.04])
        assert told == []
        assert source.media.audio

    def test_a_track_shorter_than_its_sound_is_no_damage(self, tmp_path: Path) -> None:
        assert read(write(tmp_path / "a.mkv", [0, 40, 80], audio=tuple(range(0, 9000, 20))))[2] == []

    def test_a_recording_that_begins_in_the_middle(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "a.ts", [3600 * i for i in range(40)], base=TICK, size=(320, 240), g="10", sc_threshold="0"
        )
        packets = 188 * (path.stat().st_size // 188 // 8)
        path.write_bytes(path.read_bytes()[packets:])
        numbers, times, told, _ = read(path)
        assert numbers == list(range(numbers[0], 40))
        assert numbers[0] % 10 == 0
        assert times[0] == 0
        assert len(told) == 1
        assert "begins in the middle" in told[0]


class TestDamage:
    @pytest.fixture
    def clip(self, tmp_path: Path) -> Path:
        """A video whose every frame needs a few hundred bytes, its index in front."""
        path, noise = tmp_path / "clip.mp4", np.random.default_rng(0)
        with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
            stream = container.add_stream("libx264", rate=25, options={"g": "10"})
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for _ in range(40):
                image = noise.integers(0, 256, (48, 64, 3), dtype=np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
            container.mux(stream.encode())
        return path

    @staticmethod
    def count(path: Path, **settings: Any) -> tuple[int, list[float], list[str]]:
        told: list[str] = []
        with open_source(str(path), SourceSettings(**settings), DEMO, warn=told.append) as source:
            times = [frame.time for frame in source]
        return len(times), times, told

    def test_a_hole_in_the_middle_costs_its_frames_only(self, clip: Path) -> None:
        data = bytearray(clip.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 2000] = bytes(2000)
        clip.write_bytes(data)
        count, times, told = self.count(clip)
        assert 33 <= count < 40
        assert times[-1] == pytest.approx(39 / 25)
        assert len(told) == 1
        assert f"{40 - count} frame" in told[0]
        assert "could not be decoded" in told[0]
        assert f"{count} of about 40 frames were read" in told[0]
        with pytest.raises(RunError, match="on_error is fail"):
            self.count(clip, on_error="fail")

    def test_ffmpeg_does_not_talk_to_python(self) -> None:
        """Its threads would wait for Python's lock, held by whoever closes a damaged recording: both for ever."""
        importlib.import_module("deepsort_cli.video.outputs")  # all that reads and writes
        assert av.logging.get_level() is None

    def test_a_broken_end_costs_its_frames_only(self, clip: Path) -> None:
        with av.open(str(clip)) as container:
            sizes = [packet.size for packet in container.demux(video=0)]
        data = bytearray(clip.read_bytes())
        last = sum(sizes[-2:])  # the last real packet; flushing gives an empty one
        data[-last:] = bytes(last)
        clip.write_bytes(data)
        count, _, told = self.count(clip)
        assert count == 39
        assert len(told) == 1
        assert "1 frame could not be decoded" in told[0]

    def test_what_a_matroska_reader_passes_over_is_missed(self, tmp_path: Path) -> None:
        path, noise = tmp_path / "a.mkv", np.random.default_rng(0)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mjpeg", rate=25)
            stream.width, stream.height, stream.pix_fmt = 160, 120, "yuvj420p"
            for _ in range(60):
                image = noise.integers(0, 256, (120, 160, 3), dtype=np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
            container.mux(stream.encode())
        assert self.count(path)[2] == []
        data = bytearray(path.read_bytes())
        data[len(data) // 2 : len(data) * 6 // 10] = bytes(len(data) * 6 // 10 - len(data) // 2)
        path.write_bytes(data)
        count, times, told = self.count(path)
        assert 45 <= count < 58
        assert times[-1] == pytest.approx(59 / 25, abs=0.002)
        assert len(told) == 1
        assert "is damaged" in told[0]
        lost = sum(int(number) for number in re.findall(r"(\d+) frames? (?:could|are missing|is missing)", told[0]))
        assert lost == pytest.approx(60 - count, abs=1)

    def test_a_file_cut_off(self, clip: Path) -> None:
        clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 6 // 10])
        count, _, told = self.count(clip)
        assert 15 < count < 30
        assert len(told) == 1
        assert "is damaged" in told[0]

    def test_matroska_cut_off_between_packets(self, tmp_path: Path, make_video: Callable[..., Path]) -> None:
        path = make_video("a.mkv", frames=100, width=320, height=240)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
        _, _, told = self.count(path)
        assert any("should last until 4.0 s" in message for message in told)
        assert self.count(path, max_frames=3)[2] == []


class TestContents:
    def test_several_videos_in_a_file(self, tmp_path: Path) -> None:
        with av.open(str(tmp_path / "a.mkv"), "w") as container:
            streams = [container.add_stream("libx264", rate=25) for _ in range(2)]
            for stream, (width, height) in zip(streams, ((32, 24), (64, 48)), strict=True):
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for number, stream in itertools.product(range(5), streams):
                image = numbered_image(number, stream.width, stream.height)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
            for stream in streams:
                container.mux(stream.encode())
        numbers, _, told, source = read(tmp_path / "a.mkv")
        assert numbers == [0, 1, 2, 3, 4]
        assert told == [
            f"{tmp_path / 'a.mkv'} holds 2 video streams; the one of {source.width}×{source.height} is read."
        ]

    def test_sound_alone_is_no_video(self, tmp_path: Path) -> None:
        with av.open(str(tmp_path / "a.wav"), "w") as container:
            stream = container.add_stream("pcm_s16le", rate=8000)
            stream.layout = "mono"
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
            frame.rate = 8000
            container.mux(stream.encode(frame))
        with pytest.raises(InputError, match=r"a\.wav: holds sound only, no video"):
            read(tmp_path / "a.wav")

    def test_the_shape_of_pixels_is_passed_on(self, tmp_path: Path) -> None:
        with av.open(str(tmp_path / "a.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(numbered_image(0), format="bgr24")))
            container.mux(stream.encode())
        _, _, _, source = read(tmp_path / "a.mp4")
        assert (source.width, source.height, source.media.sample_aspect_ratio) == (64, 48, Fraction(4, 3))

    def test_a_size_that_changes(self, tmp_path: Path) -> None:
        first = write(tmp_path / "a.ts", [3600 * i for i in range(5)], base=TICK).read_bytes()
        second = write(tmp_path / "b.ts", [3600 * i for i in range(5, 10)], base=TICK, size=(48, 64)).read_bytes()
        (tmp_path / "c.ts").write_bytes(first + second)
        told: list[str] = []
        with open_source(str(tmp_path / "c.ts"), SourceSettings(), DEMO, warn=told.append) as source:
            shapes = [frame.image.shape for frame in source if frame.image is not None]
        assert shapes == [(48, 64, 3)] * 10
        assert sum("from 64×48 to 48×64" in message for message in told) == 1
        assert not any("damaged" in message for message in told)

    @pytest.mark.parametrize(
        ("codec", "form", "space", "full"),
        [("libx264", "yuv420p", "ITU601", False), ("libx264", "yuv444p", "ITU709", False),
         ("libx264", "yuvj420p", "ITU601", True), ("libx264", "yuv420p10le", "ITU709", False),
         ("ffv1", "gbrp16le", None, False), ("libx264rgb", "bgr24", None, False)],
    )  # fmt: skip
    def test_colours_are_true(self, tmp_path: Path, codec: str, form: str, space: str | None, full: bool) -> None:
        colours = np.array(
            [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [30, 200, 120]], np.uint8
        )
        image = np.repeat(np.repeat(colours[None], 32, axis=0), 32, axis=1)
        with av.open(str(tmp_path / "a.mkv"), "w") as container:
            stream = container.add_stream(codec, rate=25, options={} if codec == "ffv1" else {"crf": "4"})
            stream.width, stream.height, stream.pix_fmt = image.shape[1], image.shape[0], form
            if space is not None:
                stream.codec_context.colorspace = 1 if space == "ITU709" else 5
                stream.codec_context.color_range = 2 if full else 1
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            ranges = {} if space is None else {"dst_color_range": "JPEG" if full else "MPEG"}
            container.mux(stream.encode(frame.reformat(format=form, dst_colorspace=space, **ranges)))
            container.mux(stream.encode())
        with open_source(str(tmp_path / "a.mkv"), SourceSettings(), DEMO) as source:
            (decoded,) = source
        assert decoded.image is not None
        assert np.abs(decoded.image[16, 16::32].astype(int) - colours).max() <= 6


@pytest.mark.real_data
def test_pixels_are_those_that_opencv_decodes(shared_data: Path) -> None:
    path = shared_data / "video" / "vtest.avi"
    capture = cv2.VideoCapture(str(path))
    with open_source(str(path), SourceSettings(max_frames=20), DEMO) as source:
        for frame in source:
            expected = capture.read()[1]
            assert frame.image is not None
            assert np.abs(frame.image.astype(int) - expected).max() <= 2
