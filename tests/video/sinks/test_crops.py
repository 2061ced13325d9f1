"""Pictures of people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from deepsort_cli.core.types import Tracks
from deepsort_cli.video.sinks import CropSink, remove_old_crops

from .helpers import frame_of, left_over, tracks_of


def test_crops_lie_in_a_folder_per_id_and_are_clipped(tmp_path: Path) -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[:, :50] = (0, 0, 255)
    boxes = np.array([[-20.0, -10, 30, 60], [40.2, 50.8, 160, 170], [200, 10, 240, 60], [10, 10, 10, 10]])
    many = Tracks(np.arange(1, 5), boxes, np.ones(4), np.zeros(4, int), np.zeros(4, int), np.arange(4))
    with CropSink(tmp_path / "crops") as sink:
        sink.write(frame_of(41, image), many)
    written = sorted(path.relative_to(tmp_path / "crops").as_posix() for path in (tmp_path / "crops").rglob("*.jpg"))
    assert written == ["00001/000042.jpg", "00002/000042.jpg"]
    first, second = (cv2.imread(str(tmp_path / "crops" / name)) for name in written)
    assert first.shape == (60, 30, 3)
    assert second.shape == (50, 60, 3)
    assert first[30, 15, 2] > 200 > 50 > first[30, 15, 0]


def test_only_matched_tracks_are_cropped(tmp_path: Path) -> None:
    with CropSink(tmp_path) as sink:
        sink.write(frame_of(0, np.zeros((60, 60, 3), np.uint8)), tracks_of(1, age=1))
        between = replace(tracks_of(1), detection_index=np.array([-1]))  # the detector did not look
        sink.write(frame_of(1, np.zeros((60, 60, 3), np.uint8)), between)
    assert left_over(tmp_path) == []


def test_old_crops_are_removed_and_nothing_else(tmp_path: Path) -> None:
    with CropSink(tmp_path) as sink:
        sink.write(frame_of(0, np.zeros((60, 60, 3), np.uint8)), tracks_of(1, 2))
    (tmp_path / "00001" / "notes.txt").write_text("mine")
    (tmp_path / "2024").mkdir()
    (tmp_path / "2024" / "holiday.jpg").write_bytes(b"mine")
    remove_old_crops(tmp_path)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()) == [
        "00001/notes.txt",
        "2024/holiday.jpg",
    ]
    assert not (tmp_path / "00002").exists()
