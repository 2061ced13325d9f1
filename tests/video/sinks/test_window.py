"""The live window, with a stand-in for the screen."""

from __future__ import annotations

import sys

import cv2
import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.video.sinks import DisplaySink, window

from ..conftest import number_in, numbered_image
from .helpers import frame_of, tracks_of


class Screen:
    """Stands for OpenCV's window functions."""

    def __init__(self, keys: list[int], visible: list[float] | None = None) -> None:
        self.keys, self.visible = iter(keys), iter(visible or [1.0] * len(keys))
        self.shown: list[int] = []
        self.open = False

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(window, "window_problem", lambda: None)
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
    with pytest.raises(InputError, match=r"`output.display`: no screen.*`output.save_video`"):
        DisplaySink()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a screen")
def test_a_screen_that_cannot_be_reached_is_refused_not_fatal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":987")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(InputError, match="`output.display`: .*no window could be opened|headless"):
        DisplaySink()
