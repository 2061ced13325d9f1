"""Folders of MOTChallenge sequences."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.video.settings import SourceSettings
from deepsort_cli.video.sources import open_source

from .conftest import DEMO, opened, shown, write_seqinfo


def test_a_sequence_folder_with_images(make_images: Callable[..., Path], tmp_path: Path) -> None:
    make_images("Street/img1", ["000001.png", "000002.png", "000003.png"])
    write_seqinfo(tmp_path / "Street", 3)
    source = opened(tmp_path / "Street")
    assert (source.kind, source.name, source.fps) == ("sequence", "Street", 14.0)
    assert source.sequence is not None
    assert source.sequence.length == 3
    assert shown(source) == [0, 1, 2]


def test_a_sequence_folder_without_seqinfo(make_images: Callable[..., Path], tmp_path: Path) -> None:
    make_images("Yard/img1", ["000001.png", "000002.png"])
    source = opened(tmp_path / "Yard")
    assert (source.name, source.sequence) == ("Yard", None)
    assert shown(source) == [0, 1]
    with opened(tmp_path / "Yard", pixels=False) as blank:
        assert blank.frame_count == 2


def test_missing_images_of_a_sequence_are_told(make_images: Callable[..., Path], tmp_path: Path) -> None:
    make_images("Street/img1", ["000001.png", "000002.png"])
    write_seqinfo(tmp_path / "Street", 9)
    messages: list[str] = []
    with open_source(str(tmp_path / "Street"), SourceSettings(), DEMO, warn=messages.append):
        pass
    assert len(messages) == 1
    assert "2 images" in messages[0]
    assert "9" in messages[0]


def test_a_sequence_folder_whose_frames_are_a_video(make_video: Callable[..., Path], tmp_path: Path) -> None:
    make_video("Street.mp4", frames=4, fps=25)
    write_seqinfo(tmp_path, 4)
    source = opened(tmp_path)
    assert source.sequence is not None
    assert source.fps == 14.0
    assert shown(source) == [0, 1, 2, 3]


def test_a_sequence_without_images_needs_none_when_no_pixels_are_wanted(tmp_path: Path) -> None:
    write_seqinfo(tmp_path, 5)
    with opened(tmp_path, pixels=False) as source:
        assert [(frame.index, frame.image) for frame in source] == [(i, None) for i in range(5)]
    assert (source.width, source.height, source.fps, source.name) == (64, 48, 14.0, "Street")
    with pytest.raises(InputError, match="no images.*`detections`"):
        opened(tmp_path)


def test_the_length_of_an_unknown_sequence_can_be_given(tmp_path: Path) -> None:
    (tmp_path / "img1").mkdir()
    with opened(tmp_path, pixels=False, frame_count=6) as source:
        assert source.frame_count == 6
    with pytest.raises(InputError, match="length is unknown"):
        opened(tmp_path, pixels=False)


def test_missing_and_damaged_pictures_do_not_shift_frame_numbers(
    make_images: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_images("Street/img1", [f"{number:06d}.png" for number in range(1, 8)])
    (folder / "000003.png").unlink()
    (folder / "000005.png").write_bytes(b"no picture")
    told: list[str] = []
    with open_source(str(tmp_path / "Street"), SourceSettings(), DEMO, warn=told.append) as source:
        assert [frame.index for frame in source] == [0, 1, 3, 5, 6]
    assert "some are missing" in told[0]
    assert "000005.png" in told[1]
    with opened(tmp_path / "Street", start=3, stride=2) as source:
        assert [frame.index for frame in source] == [3, 5]
