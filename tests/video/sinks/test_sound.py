"""The source's sound in the written video: in step, and never the end of a run."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from deepsort_cli.core.types import Frame, Media, Tracks
from deepsort_cli.video.settings import OutputSettings, SourceSettings
from deepsort_cli.video.sinks import VideoSink
from deepsort_cli.video.sources.video import open_video

from ..conftest import numbered_image
from .helpers import decoded, left_over

RATE, SAMPLES = 25, 48_000
BEEP_EVERY = 0.5

Make = Callable[..., Path]


@pytest.fixture(scope="module")
def make_recording(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Two seconds of video with a short beep at every half second."""
    made: dict[str, Path] = {}

    def make(name: str, *codecs: str) -> Path:
        if name in made:
            return made[name]
        path = tmp_path_factory.mktemp("recording") / name
        times = np.arange(2 * SAMPLES) / SAMPLES
        wave = (np.sin(2 * np.pi * 1000 * times) * (times % BEEP_EVERY < 0.04) * 24_000).astype(np.int16)
        with av.open(str(path), "w") as container:
            video = container.add_stream("libvpx-vp9" if path.suffix == ".webm" else "libx264", rate=RATE)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            tracks = [container.add_stream(codec, rate=SAMPLES) for codec in codecs]
            for track in tracks:
                track.layout = "mono"
            for number, part in enumerate(np.split(wave, 2 * RATE)):
                picture = av.VideoFrame.from_ndarray(numbered_image(number), format="bgr24")
                picture.pts, picture.time_base = number, Fraction(1, RATE)
                container.mux(video.encode(picture))
                for track in tracks:
                    heard = av.AudioFrame.from_ndarray(part[None], format="s16", layout="mono")
                    heard.sample_rate, heard.pts = SAMPLES, number * len(part)
                    heard.time_base = Fraction(1, SAMPLES)
                    container.mux(track.encode(heard))
            for stream in (video, *tracks):
                container.mux(stream.encode())
        made[name] = path
        return path

    return make


def write(path: Path, source: Path, frames: range = range(2 * RATE), **options: object) -> list[str]:
    """Write some frames of a recording as the pipeline would; what was said."""
    said: list[str] = []
    with av.open(str(source)) as container:
        origin = next(container.decode(video=0)).time
    media = Media(str(source), origin=origin or 0.0, audio=True)
    with VideoSink(path, RATE, settings=OutputSettings(**options), media=media, warn=said.append) as sink:  # type: ignore[arg-type]
        for index in frames:
            sink.write(Frame(index, numbered_image(index), index / RATE), Tracks.empty())
    assert left_over(path.parent, path.name) == []
    return said


def beeps(path: Path, track: int = 0) -> list[float]:
    """When beeps begin, in seconds."""
    with av.open(str(path)) as container:
        parts = [(part.time, part.to_ndarray().astype(float).ravel()) for part in container.decode(audio=track)]
    times = np.concatenate([start + np.arange(len(part)) / SAMPLES for start, part in parts])
    loud = np.concatenate([np.abs(part) for _, part in parts])
    moments = times[loud > loud.max() / 3]
    return moments[np.r_[True, np.diff(moments) > BEEP_EVERY / 2]].tolist()


def tracks_in(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.codec_context.name for stream in container.streams.audio]


@pytest.mark.parametrize(
    ("source", "codec", "suffix"),
    [
        ("a.mp4", "aac", ".mp4"), ("a.mp4", "aac", ".mkv"), ("a.ts", "aac", ".mp4"), ("a.webm", "libopus", ".webm"),
        ("a.mov", "pcm_s16le", ".mov"), ("a.mov", "pcm_s16le", ".avi"),
    ],
)  # fmt: skip
def test_sound_stays_in_step(tmp_path: Path, make_recording: Make, source: str, codec: str, suffix: str) -> None:
    out = tmp_path / f"out{suffix}"
    assert write(out, make_recording(source, codec)) == []
    assert beeps(out) == pytest.approx([0, 0.5, 1.0, 1.5], abs=0.03)
    assert len(decoded(out)) == 2 * RATE


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_of_a_part_begins_and_ends_with_it(tmp_path: Path, make_recording: Make, suffix: str) -> None:
    out = tmp_path / f"out{suffix}"
    write(out, make_recording("a.mp4", "aac"), range(10, 35))  # 0.4 s to 1.4 s
    assert beeps(out) == pytest.approx([0.1, 0.6], abs=0.01)
    with av.open(str(out)) as container:
        assert container.duration / av.time_base == pytest.approx(1.0, abs=0.03)


def test_sound_follows_pictures_at_any_pace(tmp_path: Path, make_recording: Make) -> None:
    out = tmp_path / "out.mp4"
    media = Media(str(make_recording("a.mp4", "aac")), audio=True)
    with VideoSink(out, RATE, media=media) as sink:
        for index, moment in enumerate([0.5, 0.54, 0.7, 1.3, 1.31, 1.6]):
            sink.write(Frame(index, numbered_image(index), moment), Tracks.empty())
    assert beeps(out) == pytest.approx([0, 0.5, 1.0], abs=0.03)


def test_sound_goes_on_where_recordings_were_joined(tmp_path: Path, make_recording: Make) -> None:
    """Their timestamps begin anew; those of sound are moved as those of pictures are."""
    joined = tmp_path / "joined.ts"
    joined.write_bytes(3 * make_recording("a.ts", "aac").read_bytes())
    with open_video(joined, SourceSettings()) as source:
        frames = list(source)
    assert len(frames) == 6 * RATE
    whole, part = tmp_path / "whole.mp4", tmp_path / "part.mp4"
    for path, chosen in ((whole, frames), (part, frames[3 * RATE :])):
        with VideoSink(path, RATE, media=source.media) as sink:
            for frame in chosen:
                sink.write(frame, Tracks.empty())
    assert beeps(whole) == pytest.approx(np.arange(0, 6, BEEP_EVERY), abs=0.05)
    assert beeps(part) == pytest.approx(np.arange(0, 3, BEEP_EVERY), abs=0.05)


def test_an_interrupted_run_has_sound_up_to_there(tmp_path: Path, make_recording: Make) -> None:
    out = tmp_path / "out.mp4"
    media = Media(str(make_recording("a.mp4", "aac")), audio=True)
    with pytest.raises(KeyboardInterrupt), VideoSink(out, RATE, media=media) as sink:
        for index in range(20):
            sink.write(Frame(index, numbered_image(index), index / RATE), Tracks.empty())
        raise KeyboardInterrupt
    assert beeps(out) == pytest.approx([0, 0.5], abs=0.03)


@pytest.mark.parametrize(("suffix", "codec", "name"), [(".webm", "aac", "a.mp4"), (".avi", "libopus", "a.webm")])
def test_sound_that_does_not_fit_is_named_with_the_remedy(
    tmp_path: Path, make_recording: Make, suffix: str, codec: str, name: str
) -> None:
    out = tmp_path / f"out{suffix}"
    (said,) = write(out, make_recording(name, codec))
    assert codec.removeprefix("lib") in said
    assert "out.mkv" in said
    assert "`output.audio`=false" in said
    assert tracks_in(out) == []
    assert len(decoded(out)) == 2 * RATE


def test_all_tracks_that_fit_are_kept(tmp_path: Path, make_recording: Make) -> None:
    source = make_recording("two.mkv", "aac", "libopus")
    assert write(tmp_path / "out.mkv", source) == []
    assert tracks_in(tmp_path / "out.mkv") == ["aac", "opus"]
    (tmp_path / "out.mkv").unlink()
    (said,) = write(tmp_path / "out.webm", source)
    assert "1 of the source's 2 sound tracks (aac)" in said
    assert tracks_in(tmp_path / "out.webm") == ["opus"]


def test_sound_can_be_left_out(tmp_path: Path, make_recording: Make) -> None:
    assert write(tmp_path / "out.mp4", make_recording("a.mp4", "aac"), audio=False) == []
    assert tracks_in(tmp_path / "out.mp4") == []


def test_a_source_that_is_gone_costs_the_sound_only(tmp_path: Path, make_recording: Make) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(make_recording("a.mp4", "aac").read_bytes())
    (tmp_path / "out").mkdir()
    said: list[str] = []
    with VideoSink(tmp_path / "out" / "o.mp4", RATE, media=Media(str(copy), audio=True), warn=said.append) as sink:
        copy.unlink()
        sink.write(Frame(0, numbered_image(3), 0.0), Tracks.empty())
    assert len(said) == 1
    assert "without the source's sound" in said[0]
    assert len(decoded(tmp_path / "out" / "o.mp4")) == 1
    assert left_over(tmp_path / "out") == ["o.mp4"]
    said.clear()
    VideoSink(tmp_path / "o.mp4", RATE, media=Media("http://u:secret@127.0.0.1:9/a", audio=True), warn=said.append)
    assert "cannot be read" in said[0]
    assert "secret" not in said[0]
