"""What is behind a URL: recordings, live streams, and no secrets in messages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.video.settings import SourceSettings
from deepsort_cli.video.sources import open_source

from .conftest import DEMO, opened, shown


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
    settings = SourceSettings(max_frames=16, newest=False, reconnect_delay=0.01, timeout=5)
    with open_source(f"{server}/live", settings, DEMO, warn=messages.append) as source:
        assert source.is_live
        frames = list(source)
    assert len(frames) == 16
    assert any("connected again" in message for message in messages)
