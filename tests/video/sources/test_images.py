"""Picture files as a source."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage

from deepsort_cli.core import images as core_images
from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.video.settings import SourceSettings
from deepsort_cli.video.sources import open_source

from ..conftest import number_in, numbered_image
from .conftest import DEMO, opened, shown


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


# Pages, depth, damage


def pages(path: Path, count: int = 4, **options: Any) -> Path:
    first, *others = (PillowImage.fromarray(numbered_image(number)) for number in range(count))
    first.save(path, save_all=True, append_images=others, **options)
    return path


@pytest.mark.parametrize("ending", ["gif", "webp", "png"])
def test_every_page_of_a_moving_picture_is_a_frame_at_its_time(tmp_path: Path, ending: str) -> None:
    path = pages(
        tmp_path / f"walk.{ending}", duration=[100, 200, 300, 400], **({"lossless": True} if ending == "webp" else {})
    )
    with opened(path) as source:
        frames = list(source)
    assert [number_in(frame.image) for frame in frames] == [0, 1, 2, 3]
    assert [frame.time for frame in frames] == pytest.approx([0, 0.1, 0.3, 0.6])
    with opened(path, start=1, stride=2) as source:
        assert [(frame.index, round(frame.time, 3)) for frame in source] == [(1, 0.1), (3, 0.6)]


def test_every_page_of_a_tiff_is_a_frame(tmp_path: Path) -> None:
    path = pages(tmp_path / "stack.tif")
    assert shown(opened(path)) == [0, 1, 2, 3]
    with opened(path, pixels=False) as source:
        assert [frame.index for frame in source] == [0, 1, 2, 3]
    (tmp_path / "folder").mkdir()
    pages(tmp_path / "folder" / "a.tif", 3)
    cv2.imwrite(str(tmp_path / "folder" / "b.png"), numbered_image(3))
    assert shown(opened(tmp_path / "folder")) == [0, 1, 2, 3]


def test_a_stack_that_breaks_off_is_told(tmp_path: Path) -> None:
    path = pages(tmp_path / "stack.tif")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    told: list[str] = []
    with open_source(str(path), SourceSettings(), DEMO, warn=told.append) as source:
        assert 1 <= sum(1 for _ in source) < 4
    assert any("breaks off" in message for message in told)


def test_12_bits_in_16_get_their_range(tmp_path: Path) -> None:
    values = np.linspace(0, 4095, 64 * 48).reshape(48, 64).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), values)
    (tmp_path / "a.pgm").write_bytes(b"P5\n# a camera\n64 48\n4095\n" + values.astype(">u2").tobytes())
    PillowImage.fromarray(values).save(tmp_path / "a.tif", tiffinfo={281: 4095})
    told: list[str] = []
    for name, settings, told_bits in (
        ("a.png", {}, True), ("a.png", {"bit_depth": 12}, False), ("a.pgm", {}, False), ("a.tif", {}, False)
    ):  # fmt: skip
        told.clear()
        with open_source(str(tmp_path / name), SourceSettings(**settings), DEMO, warn=told.append) as source:
            (frame,) = source
        assert np.array_equal(frame.image, np.repeat((values >> 4)[..., None], 3, axis=2))
        assert bool(told) == told_bits
        assert all("taken for 12 bits" in message for message in told)
    data = (tmp_path / "a.png").read_bytes()
    body = b"sBIT" + bytes([12])
    chunk = struct.pack(">I", 1) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "s.png").write_bytes(data[:33] + chunk + data[33:])
    told.clear()
    with open_source(str(tmp_path / "s.png"), SourceSettings(), DEMO, warn=told.append) as source:
        (frame,) = source
    assert frame.image.max() == 255
    assert told == []
    with opened(tmp_path / "a.png", bit_depth=16) as source:
        assert next(iter(source)).image.max() == 15


def test_the_range_of_a_folder_does_not_flicker(tmp_path: Path) -> None:
    for number, largest in enumerate((3000, 900, 3500)):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((8, 8), largest, np.uint16))
    with opened(tmp_path) as source:
        assert [int(frame.image.max()) for frame in source] == [3000 >> 4, 900 >> 4, 3500 >> 4]


def test_a_damaged_picture_is_left_out_and_the_others_keep_their_places(make_images: Callable[..., Path]) -> None:
    folder = make_images("walk", [f"{number}.png" for number in range(6)])
    for number in (0, 3):
        (folder / f"{number}.png").write_bytes(b"no picture")
    told: list[str] = []
    with open_source(str(folder), SourceSettings(), DEMO, warn=told.append) as source:
        frames = list(source)
    assert [(frame.index, number_in(frame.image)) for frame in frames] == [(i, i) for i in (1, 2, 4, 5)]
    assert [frame.time for frame in frames] == pytest.approx([i / 25 for i in (1, 2, 4, 5)])
    assert ["0.png" in told[0], "Frame 1 is left out" in told[0], "3.png" in told[1], len(told)] == [
        True,
        True,
        True,
        2,
    ]


def test_numbered_patterns(make_images: Callable[..., Path]) -> None:
    folder = make_images("walk", [f"{number:06d}.png" for number in (7, 8, 9, 10)])
    for pattern in ("%06d.png", "%d.png", "0000%02d.png"):
        assert shown(opened(folder / pattern)) == [0, 1, 2, 3]
    with pytest.raises(InputError, match="no file has a number"):
        opened(folder / "x%06d.png")


def test_jfif_is_a_jpeg(make_images: Callable[..., Path]) -> None:
    folder = make_images("walk", ["a.jpg", "b.jpg"])
    for path in list(folder.iterdir()):
        path.rename(path.with_suffix(".jfif"))
    assert shown(opened(folder)) == [0, 1]
