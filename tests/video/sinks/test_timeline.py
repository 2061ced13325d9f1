"""A picture of all tracks over time."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from deepsort_cli.core.types import Frame
from deepsort_cli.video.colours import colour_of
from deepsort_cli.video.sinks import (
    TimelineSink,
    timeline,
)
from deepsort_cli.video.sinks.lives import Lives

from .helpers import at, frame


class TestTimeline:
    def test_bars_in_the_tracks_colours(self, tmp_path: Path) -> None:
        """Id 1 is there all the time, id 2 in the first and the last quarter."""
        with TimelineSink(tmp_path / "t.png", "street", fps=10) as sink:
            for index in range(40):
                sink.write(frame(index), at({1: 0.0} if 10 <= index < 30 else {1: 0.0, 2: 50.0}))
        image = cv2.imread(str(tmp_path / "t.png"))
        assert image is not None
        whole, parts = ((np.abs(image.astype(int) - colour_of(i)) < 6).all(axis=2) for i in (1, 2))
        length = whole.sum(axis=1).max()
        assert length > 0.8 * image.shape[1]
        assert parts.sum(axis=1).max() == pytest.approx(length / 2, rel=0.03)
        row = parts[parts.sum(axis=1).argmax()]
        assert np.count_nonzero(np.diff(row.astype(int)) == 1) == 2
        assert np.flatnonzero(whole.any(axis=1)).max() < np.flatnonzero(parts.any(axis=1)).min()

    @pytest.mark.parametrize(("tracks", "seconds"), [(0, 1), (1, 0), (700, 4000)])
    def test_any_number_of_tracks(self, tmp_path: Path, tracks: int, seconds: int) -> None:
        with TimelineSink(tmp_path / "t.png", "$_{$", fps=1) as sink:
            for index in (0, seconds):
                sink.write(frame(index, fps=1), at(dict.fromkeys(range(1, tracks + 1), 0.0)))
        image = cv2.imread(str(tmp_path / "t.png"))
        assert image is not None
        assert image.shape[0] < 6000

    def test_no_frames_no_picture(self, tmp_path: Path) -> None:
        TimelineSink(tmp_path / "t.png", "x", fps=1).close()
        assert not list(tmp_path.iterdir())


def test_a_timeline_shows_tracks_until_the_next_frame_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also at a rate that changes: frames are shown for different times."""
    drawn: list[dict[int, list[tuple[float, float]]]] = []

    def draw(path: Path, title: str, lives: Lives) -> None:
        drawn.append({track_id: life.spans for track_id, life in lives.of.items()})
        path.write_bytes(b"x")

    monkeypatch.setattr(timeline, "_draw_timeline", draw)
    with TimelineSink(tmp_path / "a.png", "a", 10) as sink:
        for index, (moment, ids) in enumerate([(0.0, [1]), (0.1, [1, 2]), (1.5, [2]), (1.7, [1]), (1.9, [1])]):
            sink.write(Frame(index, None, moment), at(dict.fromkeys(ids, 5.0)))
    (spans,) = drawn
    assert spans[1] == [(0.0, 1.5), (1.7, pytest.approx(2.1))]
    assert spans[2] == [(0.1, 1.7)]
