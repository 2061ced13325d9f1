"""Looks of tracks, as a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepsort_cli.core.looks import Looks
from deepsort_cli.core.types import Tracks
from deepsort_cli.video.sinks import LooksSink

from .helpers import at, frame


def test_looks_come_with_frame_id_box_and_score(tmp_path: Path) -> None:
    known = np.array([[3, 4], [np.nan, np.nan]], np.float32)
    with LooksSink(tmp_path / "a.npz", fps=25.0) as sink:
        sink.write(frame(4), at({2: 10.0, 5: 90.0}).with_features(known))
        sink.write(frame(6), Tracks.empty())
        sink.write(frame(8), at({5: 91.0}, score=np.nan).with_features(known[:1]))
        assert not list(tmp_path.iterdir())
    looks = Looks.load(tmp_path / "a.npz", key="looks")
    assert looks.table.tolist() == [[5, 2, 10, 10, 20, 50, 0.8], [9, 5, 91, 10, 20, 50, -1]]
    np.testing.assert_allclose(looks.features, [[0.6, 0.8]] * 2, atol=1e-3)
    assert looks.fps == pytest.approx(10)  # by the times of the frames


def test_without_looks_nothing_is_written_and_that_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    with LooksSink(tmp_path / "a.npz", fps=25.0, warn=said.append) as sink:
        sink.write(frame(0), at({1: 0.0}))
    LooksSink(tmp_path / "b.npz", fps=25.0, warn=said.append).close()
    assert len(said) == 1
    assert "a.npz was not written" in said[0]
    assert not list(tmp_path.iterdir())


def test_who_is_somebody_stays_so(tmp_path: Path) -> None:
    """Beside another track of the same person, who was first, a track is reported as nobody's."""
    features = np.eye(3, dtype=np.float32)
    with LooksSink(tmp_path / "a.npz", fps=25.0) as sink:
        for index, people in enumerate([[-1, 4, -1], [7, 4, -1], [7, -1, -1]]):
            tracks = at({1: 10.0, 2: 50.0, 3: 90.0}).with_features(features)
            sink.write(frame(index), tracks.with_people(np.array(people)))
    looks = Looks.load(tmp_path / "a.npz", key="looks")
    assert looks.person is not None
    assert dict(zip(looks.table[:, 1].tolist(), looks.person.tolist(), strict=True)) == {1: 7, 2: 4, 3: -1}
