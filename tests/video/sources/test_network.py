"""What is behind a URL: recordings, live streams, and no secrets in messages."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.video.settings import SourceSettings
from deepsort_cli.video.sources import Source, open_source
from deepsort_cli.video.sources.decoder import Decoder, Stalled

from ..conftest import number_in, numbered_image
from .conftest import DEMO, HURRY, opened, shown


def test_passwords_do_not_show() -> None:
    with pytest.raises(InputError) as error:
        opened("rtsp://admin:secret@127.0.0.1:9/door", timeout=2)
    assert "secret" not in str(error.value)
    assert "127.0.0.1" in str(error.value)


def test_a_video_behind_a_url_is_read_to_its_end(server: str, make_video: Callable[..., Path]) -> None:
    make_video("walk.mp4", frames=15, fps=14)
    source = opened(f"{server}/walk.mp4")
    assert (source.is_live, source.kind, source.name, source.fps) == (False, "video", "127.0.0.1_walk", 14)
    assert shown(source) == list(range(15))
    with pytest.raises(InputError, match=r"absent\.mp4: no video comes from this address"):
        opened(f"{server}/absent.mp4")


def test_a_network_camera_reconnects_when_its_stream_breaks_off(server: str) -> None:
    messages: list[str] = []
    settings = SourceSettings(max_frames=16, newest=False, reconnect_delay=0.01, timeout=60)
    with open_source(f"{server}/live", settings, DEMO, warn=messages.append) as source:
        assert source.is_live
        frames = list(source)
    assert len(frames) == 16
    assert any("connected again" in message for message in messages)


def test_a_camera_whose_pictures_are_damaged_goes_on_with_the_others(server: str) -> None:
    settings = SourceSettings(max_frames=8, newest=False, reconnect_delay=0.01, timeout=60)
    with open_source(f"{server}/flawed", settings, DEMO) as source:
        numbers = [number_in(frame.image) for frame in source]
    assert [number for number in numbers if number not in (3, 5, 7)] == [0, 1, 2, 4, 6, 8, 9, 10][: len(numbers)]


def test_the_pictures_of_a_camera_are_decoded_when_one_is_wanted(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As FFmpeg's own chain of decoding would give them; those passed over cost nothing."""
    looked = 0
    image = Decoder.image

    def counting(self: Decoder, frame: Any) -> Any:
        nonlocal looked
        looked += 1
        return image(self, frame)

    decoder = Decoder(f"{server}/live", "live", timeout=60)
    expected = [image(decoder, frame) for frame, _ in zip(decoder.frames(), range(11), strict=False)]
    decoder.close()
    monkeypatch.setattr(Decoder, "image", counting)
    with open_source(f"{server}/live", SourceSettings(newest=False, max_frames=11, timeout=60), DEMO) as source:
        found = [frame.image for frame in source]
    assert all((one == other).all() for one, other in zip(found, expected, strict=True))
    looked = 0
    with open_source(f"{server}/live", SourceSettings(reconnect_delay=0.1, max_frames=2, timeout=60), DEMO) as source:
        frames = iter(source)
        next(frames)
        deadline = time.monotonic() + 300
        while source.skipped < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        next(frames)
        assert source.skipped >= 5
    assert looked <= 3, "the first one, perhaps a newer one before it was asked for, and the newest"


def messages_of(url: str, **settings: Any) -> tuple[list[int], list[str], Source]:
    told: list[str] = []
    chosen = SourceSettings(**{"timeout": 60, "reconnect_delay": 0.01, "newest": False, **settings})
    with open_source(url, chosen, DEMO, warn=told.append) as source:
        return [number_in(frame.image) for frame in source], told, source


@pytest.mark.parametrize("ending", ["h264", "ts", "mkv", "mp4"])
def test_a_recording_of_unknown_length_is_read_once(server: str, make_video: Callable[..., Path], ending: str) -> None:
    make_video(f"walk.{ending}", frames=15)
    for way in ("", "endless/"):
        numbers, told, source = messages_of(f"{server}/{way}walk.{ending}")
        assert numbers == list(range(15))
        assert not source.is_live
        assert not any("reconnect" in message or "damaged" in message or "breaks off" in message for message in told)


def test_a_recording_sent_without_any_protocol_is_read_once(make_video: Callable[..., Path]) -> None:
    data = make_video("walk.ts", frames=60, fps=5).read_bytes()

    def send() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=send, daemon=True).start()
        numbers, told, source = messages_of(f"tcp://127.0.0.1:{listening.getsockname()[1]}", newest=True)
    assert (numbers, told, source.is_live) == (list(range(60)), [], False)


def test_a_recorded_stream_of_pictures_is_read_once(server: str) -> None:
    numbers, told, source = messages_of(f"{server}/multipart")
    assert not source.is_live
    assert numbers == list(range(12))
    assert told == []


def test_what_keeps_sending_is_live_until_it_begins_anew(server: str, make_video: Callable[..., Path]) -> None:
    make_video("walk.ts", frames=200, fps=20)
    told: list[str] = []
    settings = SourceSettings(timeout=60, reconnect_delay=0.01, newest=False)
    with open_source(f"{server}/paced/walk.ts", settings, DEMO, warn=told.append) as source:
        HURRY.set()
        numbers = [number_in(frame.image) for frame in source]
    assert source.is_live
    assert numbers == list(range(200))
    assert "begins anew" in told[-1]


def test_a_live_stream_keeps_the_senders_pace_and_shape(server: str, make_video: Callable[..., Path]) -> None:
    make_video("walk.ts", frames=200, fps=20, shape=Fraction(16, 11))
    settings = SourceSettings(timeout=60, newest=False, max_frames=20, stride=2)
    with open_source(f"{server}/paced/walk.ts", settings, DEMO) as source:
        times = [frame.time for frame in source]
    assert source.media is not None
    assert (source.media.sample_aspect_ratio, source.media.audio) == (Fraction(16, 11), False)
    assert times == pytest.approx([i / 10 for i in range(20)], abs=1e-3)


@pytest.mark.parametrize("live", [True, False])
def test_a_stream_that_only_sends_what_cannot_be_decoded_has_stalled(
    make_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, live: bool
) -> None:
    """As of a camera that has begun to encode in another way; a recording is read to its end."""
    decoder = Decoder(str(make_video("walk.ts", frames=40)), "walk.ts", timeout=600, low_delay=True)
    decoded, noted = Decoder._decoded, 0

    def later_none(self: Decoder, packet: Any) -> Any:
        nonlocal noted
        if self.frames_out < 10:
            return decoded(self, packet)
        noted += 1
        time.sleep(0.002)
        self._note_fault(packet)
        return iter(())

    monkeypatch.setattr(Decoder, "_decoded", later_none)
    with contextlib.closing(decoder), contextlib.suppress(Stalled):
        assert len(list(itertools.islice(decoder.frames(live=live), 10))) == 10
        decoder._timeout = 0.01  # now, as a busy machine takes longer to open it
        list(decoder.frames(live=live))
    assert noted < 20 if live else noted > 25
    assert bool(decoder.damage.at) != live, "a list of places would grow for weeks"


def test_a_connection_that_ends_too_early_is_told(server: str, make_video: Callable[..., Path]) -> None:
    make_video("walk.ts", frames=60, width=320, height=240)
    numbers, told, source = messages_of(f"{server}/broken/walk.ts?token=secret")
    assert numbers == list(range(len(numbers)))
    assert 10 < len(numbers) < 60
    assert not source.is_live
    assert len(told) == 1
    assert "the connection ended" in told[0]
    assert "secret" not in told[0]


def test_passwords_that_no_url_may_hold_connect(server: str, make_video: Callable[..., Path]) -> None:
    make_video("walk.mp4", frames=3)
    host = server.removeprefix("http://")
    for password in ("p#a/s?s@w[o]r d", "p%23a%2Fs%3Fs%40w%5Bo%5Dr%20d"):
        assert messages_of(f"http://me:{password}@{host}/locked/walk.mp4")[:2] == ([0, 1, 2], [])
    with pytest.raises(InputError, match="401 Unauthorized") as error:
        opened(f"http://me:se/cret@{host}/locked/walk.mp4?token=secret")
    assert "cret" not in str(error.value)


def test_redirections_pages_and_texts(server: str, make_video: Callable[..., Path], tmp_path: Path) -> None:
    make_video("walk.mp4", frames=3)
    assert messages_of(f"{server}/moved/walk.mp4")[:2] == ([0, 1, 2], [])
    (tmp_path / "notes.txt").write_text("just text\n" * 100)
    for place, what in (("page", "no video comes"), ("notes.txt", "a text file"), ("absent.mp4?token=secret", "404")):
        with pytest.raises(InputError, match=what) as error:
            opened(f"{server}/{place}", timeout=60)
        assert "secret" not in str(error.value)


def test_playlists(server: str, tmp_path: Path) -> None:
    with av.open(
        str(tmp_path / "walk.m3u8"), "w", format="hls",
        options={"hls_time": "1", "hls_list_size": "0", "hls_segment_filename": str(tmp_path / "part%d.ts")},
    ) as container:  # fmt: skip
        stream = container.add_stream("libx264", rate=25, options={"g": "25"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(75):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(numbered_image(number), format="bgr24")))
        container.mux(stream.encode())
    for place in (f"{server}/walk.m3u8", str(tmp_path / "walk.m3u8"), f"file://{tmp_path}/walk.m3u8"):
        numbers, told, source = messages_of(place)
        assert (numbers, told, source.is_live) == (list(range(75)), [], False)
    text = (tmp_path / "walk.m3u8").read_text()
    (tmp_path / "growing.m3u8").write_text(text.replace("#EXT-X-ENDLIST", ""))
    assert messages_of(f"{server}/growing.m3u8", max_frames=5)[2].is_live
    # A playlist in a file does not reach into the network.
    (tmp_path / "far.m3u8").write_text(text.replace("part0.ts", f"{server}/part0.ts?token=secret"))
    numbers, told, _ = messages_of(str(tmp_path / "far.m3u8"))
    assert 0 < numbers[0] == 75 - len(numbers)
    assert "part0.ts?token=… is elsewhere" in told[0]
    (tmp_path / "part1.ts").unlink()
    numbers, told, _ = messages_of(str(tmp_path / "walk.m3u8"))
    assert 0 < len(numbers) < 75
    assert "part1.ts is not there" in told[0]


@pytest.mark.parametrize("scheme", ["rtsp", "rtmp", "tcp", "http", "srt"])
def test_nothing_at_an_address_is_one_message_without_secrets(scheme: str) -> None:
    url = f"{scheme}://admin:se/cret@127.0.0.1:9/door?password=secret#secret"
    with pytest.raises(InputError, match=f"`source` {scheme}://admin:…@127.0.0.1:9") as error:
        opened(url, timeout=2)
    assert "cret" not in str(error.value)
    assert error.value.__suppress_context__
