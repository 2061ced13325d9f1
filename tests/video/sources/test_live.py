"""Cameras: frames as they come, lost and found."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.video.settings import SourceSettings
from deepsort_cli.video.sources import live, open_source

from ..conftest import number_in
from .conftest import DEMO, FakeCapture, opened

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
    may = 1

    class Waiting(FakeCapture):
        """Gives no more frames than it may: numbers are shown modulo 256."""

        def read(self) -> tuple[bool, np.ndarray | None]:
            while self.reads >= may:
                time.sleep(0.001)
            return super().read()

    camera = Waiting(itertools.count())
    cameras(camera)
    with opened("0", max_frames=3) as source:
        numbers = []
        for frame in source:
            numbers.append(number_in(frame.image))
            may += 10
            while camera.reads < may:
                time.sleep(0.001)
        may += 10  # its thread ends
    # At least the ten frames read meanwhile lie between.
    assert all(b - a >= 9 for a, b in itertools.pairwise(numbers))


def test_no_frame_is_dropped_when_all_are_wanted(cameras: Callable[..., list[Any]]) -> None:
    cameras(FakeCapture(list(range(20))))
    with opened("0", newest=False, max_frames=6, start=2, stride=3) as source:
        numbers = []
        for frame in source:
            numbers.append(number_in(frame.image))
            time.sleep(0.005)
    assert numbers == [2, 5, 8, 11, 14, 17]


def test_all_frames_have_the_size_that_was_told(cameras: Callable[..., list[Any]]) -> None:
    """Also where the camera changes it before anybody has taken the first frame."""

    class Changing(FakeCapture):
        def read(self) -> tuple[bool, np.ndarray | None]:
            good, image = super().read()
            return good, image if image is None or self.reads == 1 else cv2.resize(image, (96, 48))

    camera = Changing(itertools.count(), pause=0.001)
    cameras(camera)
    messages: list[str] = []
    with open_source("0", SourceSettings(start=1, max_frames=2), DEMO, warn=messages.append) as source:
        assert [frame.image.shape for frame in source] == [(source.height, source.width, 3)] * 2
    assert "the size changes from 64×48 to 96×48" in messages[0]


def test_a_lost_camera_is_found_again(cameras: Callable[..., list[Any]]) -> None:
    first, second = FakeCapture([1, 2]), FakeCapture(itertools.count(3))
    asked = cameras(first, FakeCapture([], opens=False), second)
    messages: list[str] = []
    settings = SourceSettings(newest=False, max_frames=4, **FAST)
    with open_source("0", settings, DEMO, warn=messages.append) as source:
        assert [number_in(frame.image) for frame in source] == [1, 2, 3, 4]
    assert len(asked) == 3
    assert first.released
    assert [("attempt 1 of 3" in m, "attempt 2 of 3" in m, "connected again" in m) for m in messages] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]


def test_a_camera_lost_after_the_last_frame_that_is_wanted_is_not_told_of(cameras: Callable[..., list[Any]]) -> None:
    had = threading.Event()

    class UntilHad(FakeCapture):
        def read(self) -> tuple[bool, np.ndarray | None]:
            if self.reads == 2:
                assert had.wait(150)
            return super().read()

    asked = cameras(UntilHad([1, 2]))
    told: list[str] = []
    with open_source("0", SourceSettings(newest=False, max_frames=2, **FAST), DEMO, warn=told.append) as source:
        for frame in source:
            if frame.index == 1:
                had.set()
                source._thread.join(timeout=150)
                assert not source._thread.is_alive()
    assert (told, len(asked)) == ([], 1)


@pytest.mark.parametrize(("longest", "pauses"), [(10.0, ["0.001", "0.002", "0.004"]), (0.0005, ["0.001"] * 3)])
def test_a_camera_that_stays_lost_ends_the_run_after_its_frames(
    cameras: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch, longest: float, pauses: list[str]
) -> None:
    monkeypatch.setattr(live, "MAX_RECONNECT_DELAY", longest)
    cameras(FakeCapture([1, 2, 3]))
    numbers, told = [], []
    settings = SourceSettings(newest=False, **FAST)
    with (
        open_source("0", settings, DEMO, warn=told.append) as source,
        pytest.raises(RunError, match="lost.*3 attempts"),
    ):
        for frame in source:
            numbers.append(number_in(frame.image))
    assert numbers == [1, 2, 3]
    assert [message.split("in ")[-1].removesuffix(" s.") for message in told] == pauses


def test_a_live_source_can_be_closed_from_another_thread(cameras: Callable[..., list[Any]]) -> None:
    cameras(FakeCapture([1]))
    source = opened("0", newest=False, reconnect_delay=60, reconnect_attempts=3)
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.extend(frame.index for frame in source))
    thread.start()
    while not seen and thread.is_alive():
        time.sleep(0.001)
        if source._thread.is_alive():  # waiting to reconnect
            break
    source.close()
    thread.join(timeout=150)
    assert not thread.is_alive()
    source.close()


def test_no_camera_says_which_and_what_to_do() -> None:
    with pytest.raises(InputError, match=r"`source` 63: no camera answers at index 63.*demo"):
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
