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


def test_pictures_move_to_the_right_ids(tmp_path: Path) -> None:
    """Two people who had changed places, one of whom later got a new id; the picture of another frame stays."""
    colours = {1: 10, 2: 200}
    with CropSink(tmp_path) as sink:
        for index in range(3):
            image = np.zeros((60, 60, 3), np.uint8)
            for track, colour in colours.items():
                image[:, 10 * track : 10 * track + 10] = colour
            sink.write(frame_of(index, image), tracks_of(1, 2))
        before = {track: (tmp_path / f"{track:05d}" / "000002.jpg").read_bytes() for track in colours}
        sink.rename(np.array([1, 1, 2]), np.array([1, 2, 2]), np.array([2, 1, 7]))
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert written == [
        "00001/000001.jpg",
        "00001/000002.jpg",
        "00001/000003.jpg",
        "00002/000001.jpg",
        "00002/000002.jpg",
        "00007/000003.jpg",
    ]
    after = {track: (tmp_path / f"{track:05d}" / "000002.jpg").read_bytes() for track in colours}
    assert after == {1: before[2], 2: before[1]}


def test_a_folder_left_by_its_pictures_goes(tmp_path: Path) -> None:
    with CropSink(tmp_path) as sink:
        sink.write(frame_of(0, np.zeros((60, 60, 3), np.uint8)), tracks_of(3))
        sink.rename(np.array([0, 9]), np.array([3, 3]), np.array([1, 1]))  # of frame 10 there is no picture
    assert [path.name for path in tmp_path.iterdir()] == ["00001"]
