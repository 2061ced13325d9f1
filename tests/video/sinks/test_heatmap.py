"""The picture of where people stood."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepsort_cli.core.types import Frame, Tracks
from deepsort_cli.video.background import Background
from deepsort_cli.video.sinks.heatmap import Heat, HeatmapSink

from .helpers import left_over, tracks_of

RNG = np.random.default_rng(0)
GROUND = cv2.resize(RNG.integers(60, 200, (30, 40, 3), dtype=np.uint8), (320, 240), interpolation=cv2.INTER_CUBIC)


def standing(feet: list[tuple[float, float]], height: float = 60) -> Tracks:
    tracks = tracks_of(*range(1, len(feet) + 1))
    boxes = np.array([[x - 10, y - height, x + 10, y] for x, y in feet], float).reshape(-1, 4)
    return replace(tracks, boxes=boxes)


def test_seconds_are_those_that_somebody_stood_there() -> None:
    """Two people in one square for two seconds, one elsewhere for one; one below the picture counts at its edge."""
    heat = Heat(1000, 500)
    for _ in range(20):
        heat.add(np.array([[0.2, 0.5], [0.203, 0.5]]), 0.1)
    heat.add(np.array([[0.8, 0.5], [0.5, 1.2]]), 1.0)
    seconds, scale = heat.seconds(), heat.seconds().shape[1] / 1000
    assert heat.square == 50

    def at(x: float, y: float) -> float:
        return float(seconds[min(round(y * scale), len(seconds) - 1), round(x * scale)])

    assert at(202, 250) == pytest.approx(4, rel=0.05)
    assert at(800, 250) == pytest.approx(1, rel=0.05)
    assert at(500, 499) > 0.4
    assert at(800 + 60, 250) == pytest.approx(0, abs=0.02)
    assert at(500, 250) == 0


@pytest.mark.parametrize(("side", "square"), [(64, 2), (320, 10), (768, 20), (1920, 50), (3840, 100)])
def test_squares_have_round_sides(side: int, square: int) -> None:
    assert Heat(side, side // 2).square == square


def test_frames_count_until_the_next_and_gaps_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten frames a second; then the stream is away for a minute."""
    given: list[float] = []
    monkeypatch.setattr(Heat, "add", lambda self, feet, seconds: given.append(seconds))
    monkeypatch.setattr("deepsort_cli.video.sinks.heatmap._draw", lambda path, *rest: path.write_bytes(b"x"))
    with HeatmapSink(tmp_path / "h.png", "a", 10.0) as sink:
        for i, time in enumerate([0.0, 0.1, 0.2, 60.2, 60.3]):
            sink.write(Frame(i, GROUND, time), standing([(50, 100)]))
    np.testing.assert_allclose(given, [0.1, 0.1, 0.3, 0.1, 0.1])


def test_the_picture_is_written_whole_and_says_what_it_shows(tmp_path: Path) -> None:
    path, told = tmp_path / "new" / "heat.svg", []
    with HeatmapSink(path, "$_{$ street", 25.0, told.append) as sink:
        for i in range(12):
            feet = [(100.0 + 2 * i, 150.0), (250.0, 200.0)] if i else []
            sink.write(Frame(i, GROUND, i / 25), standing(feet))
        assert not path.exists()
    assert path.stat().st_size > 1000
    assert left_over(tmp_path / "new") == ["heat.svg"]
    assert told == []


@pytest.mark.parametrize("frames", [0, 1])
def test_without_anybody(tmp_path: Path, frames: int) -> None:
    with HeatmapSink(tmp_path / "heat.png", "street", 25.0) as sink:
        for i in range(frames):
            sink.write(Frame(i, GROUND, 0.0), standing([]))
    assert (tmp_path / "heat.png").exists() == bool(frames)


def test_colours_lie_where_people_stood(tmp_path: Path) -> None:
    """A grey ground stays grey where nobody was; the size of frames may change, places are parts of them."""
    grey = np.full((240, 320, 3), 120, np.uint8)
    with HeatmapSink(tmp_path / "heat.png", "street", 25.0) as sink:
        for i in range(8):
            image = grey if i % 2 else np.full((480, 640, 3), 120, np.uint8)
            factor = image.shape[0] / 240
            sink.write(Frame(i, image, i / 25), standing([(80 * factor, 120 * factor)]))
    drawn = cv2.imread(str(tmp_path / "heat.png")).astype(int)
    ground = np.abs(drawn - 120).max(axis=2) <= 2
    left, right = np.flatnonzero(ground.sum(axis=0) > 300)[[0, -1]]
    top, bottom = np.flatnonzero(ground.sum(axis=1) > 300)[[0, -1]]
    colourful = (np.ptp(drawn, axis=2) > 60)[top : bottom + 1, left : right + 1].nonzero()
    assert np.mean(colourful[1]) / (right - left) == pytest.approx(0.25, abs=0.03)
    assert np.mean(colourful[0]) / (bottom - top) == pytest.approx(0.5, abs=0.03)


def test_people_who_walk_are_not_in_the_background() -> None:
    background = Background()
    for i in range(200):
        image = GROUND.copy()
        image[100:200, i + 20 : i + 60] = 0
        background.add(image)
    assert np.abs(background.picture().astype(int) - GROUND).max() <= 1
    assert background.shift() == 0
    large = Background()
    large.add(np.zeros((1080, 1920, 3), np.uint8))
    assert large.picture().shape == (720, 1280, 3)


def test_a_camera_that_moves_is_told_of(tmp_path: Path) -> None:
    wide = np.concatenate([GROUND, GROUND[:, ::-1]], axis=1)
    told: list[str] = []
    with HeatmapSink(tmp_path / "heat.png", "street", 25.0, told.append) as sink:
        for i in range(20):
            sink.write(Frame(i, np.ascontiguousarray(wide[:, 3 * i : 3 * i + 320]), i / 25), standing([(80, 120)]))
    assert len(told) == 1
    assert "the camera moved" in told[0]
