"""Runs in which time counts: rates that vary, frames left out, ages in seconds."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from deepsort_cli.perception.settings import EmbedderSettings
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.video.settings import DemoSettings
from deepsort_cli.video.sources import live
from deepsort_cli.workflows.track import Functions, run_track, track

from .helpers import Heard
from .test_run import FakeCamera, standing

ROOM = (160, 320)


def walker(second: float) -> np.ndarray:
    """A picture of somebody who walks 60 pixels a second."""
    image = np.zeros((*ROOM, 3), np.uint8)
    left = 20 + round(60 * second)
    image[50:130, left : left + 32] = 255
    return image


def seen(image: np.ndarray) -> list[list[float]]:
    """A detector of white boxes."""
    y, x = np.nonzero(image[:, :, 0] > 128)
    return [[x.min(), y.min(), x.max() + 1, y.max() + 1, 0.9]] if len(x) else []


def filmed(path: Path, seconds: list[float]) -> Path:
    """A video whose frames are taken at these times."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = ROOM[1], ROOM[0], "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.qmin = stream.codec_context.qmax = 2
        for second in seconds:
            frame = av.VideoFrame.from_ndarray(walker(second), format="bgr24")
            frame.pts, frame.time_base = round(1000 * second), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


VARIABLE = [0.1 * n for n in range(15)] + [2.2 + 0.1 * n for n in range(5)] + [3.1, 3.5, 3.9]


@pytest.mark.parametrize(("clock", "same"), [("time", True), ("frames", False)])
def test_a_video_of_a_variable_rate(tmp_path: Path, clock: Any, same: bool) -> None:
    """Who walks on through a pause and a slow part stays the same person only where time counts."""
    path = filmed(tmp_path / "walk.mkv", VARIABLE)
    tracker = {"nominal_fps": 10.0, "overlap_age": "1.2s", "n_init": 2}
    run = track(path, detector=seen, reid="none", clock=clock, max_age="1.2s", tracker=tracker).finish()
    assert run.summary.frames == len(VARIABLE)
    assert (run.summary.tracks == 1) == same


@pytest.mark.parametrize("options", [{}, {"stride": 3}, {"detect_every": 3}])
@pytest.mark.parametrize(("absent", "people"), [(24, 1), (39, 2)])
def test_an_age_in_seconds_is_the_same_at_any_stride(options: dict[str, int], absent: int, people: int) -> None:
    """1.2 s are 30 frames of the scene, of which a third may be looked at."""
    every = next(iter(options.values()), 1)
    here = [frame < 12 or frame >= 12 + absent for frame in range(63)]
    answers = iter(here[::every])

    def detect(image: np.ndarray) -> list[list[float]]:
        return standing(image) if next(answers) else []

    def embed(image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        return np.ones((len(boxes), 4))

    demo = {"frames": 63, "width": 320, "height": 240, "people": 1}
    run = track("demo", detector=detect, reid=embed, max_age="1.2s", n_init=2, demo=demo, **options).finish()
    assert run.summary.tracks == people


def test_who_passes_over_frames_of_a_camera_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "open_capture", lambda target: FakeCamera(100_000, delay=0.001))

    def slow(image: np.ndarray) -> list[list[float]]:
        time.sleep(0.02)
        return standing(image)

    for clock, effect in [("frames", "as if there had been none (`tracker.clock`=time"), ("time", "counts for")]:
        heard = Heard()
        settings = TrackSettings(
            source=("0",),
            reid=EmbedderSettings(model_path="none"),
            input={"max_frames": 8},
            tracker={"clock": clock},
        )
        run = run_track(settings, heard, Functions(slow, None), keep_rows=True).finish()
        assert run.summary.live is not None
        assert run.summary.live.skipped > 0
        assert [note for note in heard.notes if "were passed over" in note and effect in note]
        times = run.table()["time"]
        assert (np.diff(times) > 0).all()
        assert times[-1] - times[0] > 0.02 * 3


def test_nobody_lives_from_one_look_to_the_next() -> None:
    heard = Heard()
    settings = TrackSettings(
        source=("demo",),
        demo=DemoSettings(width=320, height=240, frames=20),
        reid=EmbedderSettings(model_path="none"),
        input={"stride": 10},
        tracker={"max_age": "0.3s"},
    )
    run_track(settings, heard, Functions(standing, None)).close()
    assert [one for one in heard.warnings if "0.3s is shorter than the 0.4 s between two frames" in one]
