from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.images import IMAGE_SUFFIXES, MAX_BYTES, decode_image, is_image_name, read_image


def picture(seed: int = 0, size: tuple[int, int] = (48, 96)) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, form: str = "JPEG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_give_their_pixels_as_bgr(form: str) -> None:
    image = picture()
    np.testing.assert_array_equal(decode_image(encoded(image, form)), np.asarray(image)[..., ::-1])


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 20}])
def test_jpeg_is_decoded_as_opencv_does(options: dict[str, object]) -> None:
    import cv2

    for image in (picture(), picture(1, (33, 71)), picture(2).convert("L"), picture(3).convert("CMYK")):
        data = encoded(image, **options)
        expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        np.testing.assert_array_equal(decode_image(data), expected)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_format_is_read_upright(form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if form == "WEBP" else {"quality": 95, "subsampling": 0} if form == "JPEG" else {}
    data = encoded(picture(), form, exif=exif, **options)
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))[..., ::-1]
    np.testing.assert_array_equal(decode_image(data), expected)


JPEG = encoded(picture())
HALF = len(JPEG) // 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (JPEG[:HALF], "cut off"),
        (JPEG[:-2], "cut off"),
        (JPEG[:HALF] + b"\0" * (len(JPEG) - HALF), "cut off"),
        (JPEG[:HALF] + b"\xff\xd9", "damaged"),
        (JPEG[:HALF] + JPEG[HALF + HALF // 4 :], "damaged"),
        (JPEG[:HALF] + b"\0" * 300 + JPEG[HALF + 300 :], "damaged"),
        (encoded(picture(), progressive=True)[:HALF] + b"\xff\xd9", "damaged"),
        (encoded(picture(), "PNG")[:2000], "cut off"),
        (encoded(picture(), "TIFF")[:2000], "damaged"),
        (b"\xff\xd8\xff\xe0 and no more", "damaged"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (b"<!DOCTYPE html><title>404</title>", "a web page"),
        (b"404: not found\n", "text"),
        (bytes(range(200, 256)) * 9, "no image data"),
        (png_claiming(30_000, 30_000), "too many"),
        (png_claiming(9_000, 9_000), "9000×9000 pixels are too many"),
    ],
)
def test_what_is_wrong_is_said_with_the_name(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "crop.jpg").write_bytes(content)
    with pytest.raises(InputError, match=rf"crop\.jpg: .*{message}"):
        read_image(tmp_path / "crop.jpg")


def test_what_follows_the_end_does_no_harm() -> None:
    for more in (b"\0" * 100, b"a camera's own notes"):
        np.testing.assert_array_equal(decode_image(JPEG + more), decode_image(JPEG))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"absent\.jpg: cannot be read \(No such file"):
        read_image(tmp_path / "absent.jpg", RunError)
    with pytest.raises(InputError, match="cannot be read"):
        read_image(tmp_path)
    with (tmp_path / "long.png").open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    with pytest.raises(InputError, match=r"long\.png: 400 MB are too large"):
        read_image(tmp_path / "long.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_no_picture_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(InputError, match=r"pipe\.jpg: cannot be read"):
        read_image(tmp_path / "pipe.jpg")


def test_image_names_in_any_case() -> None:
    assert all(is_image_name(f"a{suffix.upper()}") and is_image_name(f"a{suffix}") for suffix in IMAGE_SUFFIXES)
    assert not any(map(is_image_name, ("a.txt", "jpg", "a.gif", "a")))
