"""Picture files as a source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepsort_cli.core import images as core_images
from deepsort_cli.core.errors import InputError, RunError

from ..conftest import number_in
from .conftest import opened, shown


def test_images_come_in_natural_order(make_images: Callable[..., Path]) -> None:
    folder = make_images("walk", ["f1.png", "f2.jpg", "f10.png", "f11.bmp"])
    (folder / "notes.txt").write_text("not a frame")
    (folder / ".f0.png").write_bytes(b"hidden")
    source = opened(folder)
    assert (source.kind, source.name, source.fps, source.width, source.height) == ("images", "walk", 25.0, 64, 48)
    assert shown(source) == [0, 1, 2, 3]


def test_globs_match_images(make_images: Callable[..., Path]) -> None:
    folder = make_images("shots", ["a1.png", "a2.png", "b1.png"])
    with opened(f"{folder}/a*") as source:
        assert [number_in(frame.image) for frame in source] == [0, 1]
    with opened(f"{folder.parent}/**/*.png") as source:
        assert source.frame_count == 3
    with pytest.raises(InputError, match="matches no file"):
        opened(f"{folder}/x*")
    (folder / "c.mp4").write_bytes(b"x")
    with pytest.raises(InputError, match="none of the 1 files it matches is an image"):
        opened(f"{folder}/*.mp4")


def test_a_single_image_is_one_frame(make_images: Callable[..., Path]) -> None:
    folder = make_images("one", ["person.png"])
    source = opened(folder / "person.png")
    assert (source.kind, source.name, source.frame_count) == ("image", "person", 1)
    assert shown(source) == [0]


def test_damaged_images(make_images: Callable[..., Path]) -> None:
    folder = make_images("frames", ["1.png", "2.png"])
    (folder / "2.png").write_bytes(b"no picture")
    with opened(folder, on_error="fail") as source, pytest.raises(RunError, match=r"2\.png: not an image"):
        list(source)
    (folder / "1.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"1\.png: the file is empty"):
        opened(folder, on_error="fail")
    with pytest.raises(InputError, match=r"2\.png: not an image"):
        opened(folder)


def test_images_made_to_exhaust_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_images, "MAX_PIXELS", 1000)
    cv2.imwrite(str(tmp_path / "big.png"), np.zeros((40, 40, 3), np.uint8))
    with pytest.raises(InputError, match="40×40 pixels"):
        opened(tmp_path / "big.png")
