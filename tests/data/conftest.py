"""Generated datasets: small ones in every layout, and one with every fault there is."""

from __future__ import annotations

import io
import os
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PersonImage = Callable[..., Image.Image]


@pytest.fixture(scope="session")
def person() -> PersonImage:
    """Makes a 64×128 crop of its own for every (seed, variant)."""

    def make(seed: int, variant: int = 0, size: tuple[int, int] = (64, 128)) -> Image.Image:
        rng = np.random.default_rng([seed, variant])
        coarse = rng.integers(0, 256, (8, 4, 3), dtype=np.uint8)
        return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)

    return make


@pytest.fixture
def write_flat(person: PersonImage) -> Callable[..., Path]:
    """Writes `<pid>_c<cam>_f<frame>.jpg` files: write_flat(folder, {pid: [cameras]}, seed)."""

    def write(folder: Path, people: dict[int, list[int]], seed: int = 0) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for pid, cameras in people.items():
            for frame, camera in enumerate(cameras):
                number = "-1" if pid == -1 else f"{pid:04d}"
                name = f"{number}_c{camera}_f{frame:07d}.jpg"
                person(1000 * seed + pid + 1, frame).save(folder / name, quality=90)
        return folder

    return write


def _bytes(image: Image.Image, form: str = "JPEG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def _png_claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header announces any size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def _jpeg_claiming(jpeg: bytes, width: int, height: int) -> bytes:
    """A JPEG whose frame header announces another size."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4 :]


@pytest.fixture
def faulty(tmp_path: Path, person: PersonImage) -> tuple[Path, dict[str, str]]:
    """A dataset of `id_xxxx` folders with every fault; and what each file is to be called, "" for usable."""
    root = tmp_path / "faulty"
    expected: dict[str, str] = {}
    count = iter(range(1_000_000))

    def put(path: str, data: bytes | str, reason: str) -> None:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data.encode() if isinstance(data, str) else data)
        expected[path] = reason

    def fresh(**options: object) -> Image.Image:
        return person(7, next(count), **options)

    for pid in (1, 2):
        for camera in (1, 2):
            put(f"id_{pid:04d}/c{camera}_0.jpg", _bytes(fresh()), "")

    # Usable, if unusual.
    put("id_0001/c1_upper.JPG", _bytes(fresh()), "")
    put("id_0001/c1_long.Jpeg", _bytes(fresh()), "")
    put("id_0001/c1_png.png", _bytes(fresh(), "PNG"), "")
    put("id_0001/c1_bmp.bmp", _bytes(fresh(), "BMP"), "")
    put("id_0001/c1_webp.webp", _bytes(fresh(), "WEBP"), "")
    put("id_0001/c1_tiff.tif", _bytes(fresh(), "TIFF"), "")
    put("id_0001/c1_lzw.TIFF", _bytes(fresh(), "TIFF", compression="tiff_lzw"), "")
    put("id_0001/c1_jfif.jfif", _bytes(fresh()), "")
    put("id_0001/c1_ppm.ppm", _bytes(fresh(), "PPM"), "")
    put("id_0001/c1_progressive.jpg", _bytes(fresh(), progressive=True), "")
    put("id_0001/c1_grey.jpg", _bytes(fresh().convert("L")), "")
    put("id_0001/c1_palette.png", _bytes(fresh().convert("P"), "PNG"), "")
    put("id_0001/c1_alpha.png", _bytes(fresh().convert("RGBA"), "PNG"), "")
    put("id_0001/c1_bilevel.png", _bytes(fresh().convert("1"), "PNG"), "")
    put("id_0001/c1_png_inside.jpg", _bytes(fresh(), "PNG"), "")
    exif = Image.Exif()
    exif[0x0112] = 6
    put("id_0001/c1_rotated.jpg", _bytes(fresh(size=(128, 64)), exif=exif), "")
    put("id_0001/c1_trailing_zeros.jpg", _bytes(fresh()) + b"\0" * 500, "")
    put("id_0002/c1_ünïcödé 人 🚶.jpg", _bytes(fresh()), "")
    put("id_0002/c1 [brackets] & 'quotes'.jpg", _bytes(fresh()), "")
    put("id_0002/c1_line\nbreak.jpg", _bytes(fresh()), "")
    put(os.fsdecode(b"id_0002/c1_latin1_\xe9.jpg"), _bytes(fresh()), "")

    # Cut off at every tenth, in every format.
    for form, ending in (("JPEG", "jpg"), ("PNG", "png"), ("BMP", "bmp"), ("WEBP", "webp")):
        data = _bytes(fresh(), form)
        for tenth in range(1, 10):
            put(f"id_0002/c1_cut_{tenth}.{ending}", data[: len(data) * tenth // 10], "truncated")
    data = _bytes(fresh(), progressive=True)
    put("id_0002/c1_cut_progressive.jpg", data[: len(data) // 2], "truncated")
    put("id_0002/c1_no_end_marker.jpg", _bytes(fresh())[:-2], "truncated")

    # Not what the name says.
    put("id_0002/c1_text.jpg", "not an image at all\n" * 20, "not_an_image")
    put("id_0002/c1_html.jpg", "<!doctype html><title>404 Not Found</title>", "not_an_image")
    put("id_0002/c1_noise.png", np.random.default_rng(0).bytes(2000), "not_an_image")
    put("id_0002/c1_zeros.jpg", b"\0" * 3000, "not_an_image")
    put("id_0002/c1_one_byte.jpg", b"\xff", "not_an_image")
    put("id_0002/c1_empty.jpg", b"", "empty")
    put("id_0002/c1_wrong_magic.jpg", b"\x00\x00" + _bytes(fresh())[2:], "not_an_image")
    put("id_0002/c1_gif.jpg", _bytes(fresh(), "GIF"), "unsupported_format")
    put("id_0002/c1_psd.png", b"8BPS" + b"\0" * 300, "unsupported_format")
    put("id_0002/c1_pdf.jpg", b"%PDF-1.7\n" + b"x" * 300, "unsupported_format")
    put("id_0002/c1_zip.jpg", b"PK\x03\x04" + b"\0" * 300, "unsupported_format")

    # Damaged inside.
    data = bytearray(_bytes(fresh(), "PNG"))
    data[len(data) // 2] ^= 0xFF
    put("id_0002/c1_flipped_bit.png", bytes(data), "corrupt")
    data = _bytes(fresh())
    put("id_0002/c1_no_frame.jpg", data[:20] + b"\xff\xd9", "corrupt")

    # Sizes and modes.
    put("id_0002/c1_one_wide.jpg", _bytes(fresh(size=(1, 128))), "too_small")
    put("id_0002/c1_one_high.png", _bytes(fresh(size=(64, 1)), "PNG"), "too_small")
    put("id_0002/c1_seven.png", _bytes(fresh(size=(7, 14)), "PNG"), "too_small")
    put("id_0002/c1_bomb.png", _png_claiming(50_000, 50_000), "too_large")
    put("id_0002/c1_big.png", _png_claiming(9_000, 9_000), "too_large")
    put("id_0002/c1_bomb.jpg", _jpeg_claiming(_bytes(fresh()), 65_000, 65_000), "too_large")
    put("id_0002/c1_cmyk.jpg", _bytes(fresh().convert("CMYK")), "unsupported_mode")
    put("id_0002/c1_sixteen_bit.png", _bytes(fresh().convert("I;16"), "PNG"), "unsupported_mode")
    frames = [fresh(), fresh()]
    put("id_0002/c1_animated.webp", _bytes(frames[0], "WEBP", save_all=True, append_images=frames[1:]), "animated")
    put("id_0002/c1_animated.png", _bytes(frames[0], "PNG", save_all=True, append_images=frames[1:]), "animated")

    # Wrong places and other files.
    put("stray.jpg", _bytes(fresh()), "misplaced")
    put("id_0002/deeper/c1_0.jpg", _bytes(fresh()), "misplaced")
    put("id_0002/notes.txt", "hello", "other_file")
    put("id_0002/Thumbs.db", b"\xd0\xcf\x11\xe0", "other_file")
    put("id_0002/no_extension", _bytes(fresh()), "other_file")
    put("id_0002/c1.jpg.part", _bytes(fresh()), "other_file")
    put("id_0002/._c1_0.jpg", b"\0\5\x16\7", "hidden")
    put(".trash/id_0001/c1_0.jpg", _bytes(fresh()), "hidden")

    # Links, pipes and sockets.
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(_bytes(fresh()))
    (root / "id_0003").mkdir()
    for name, target, reason in (
        ("c1_absolute.jpg", outside / "secret.jpg", "outside_root"),
        ("c1_relative.jpg", "../../outside/secret.jpg", "outside_root"),
        ("c1_nowhere.jpg", "../id_0001/missing.jpg", "broken_link"),
        ("c1_loop.jpg", "c1_loop.jpg", "broken_link"),
        ("c1_folder.jpg", "../id_0001", "folder_link"),
        ("c1_inside.jpg", "../id_0001/c1_0.jpg", ""),
    ):
        (root / "id_0003" / name).symlink_to(target)
        expected[f"id_0003/{name}"] = reason
    (root / "id_0004").symlink_to(outside)
    expected["id_0004"] = "outside_root"
    (root / "id_0005").symlink_to("id_0001")
    expected["id_0005"] = "folder_link"
    os.mkfifo(root / "id_0003" / "c1_pipe.jpg")
    expected["id_0003/c1_pipe.jpg"] = "not_a_file"
    with socket.socket(socket.AF_UNIX) as listener:
        before = Path.cwd()
        os.chdir(root / "id_0003")  # socket names are short
        listener.bind("c1_socket.jpg")
        os.chdir(before)
    expected["id_0003/c1_socket.jpg"] = "not_a_file"
    return root, expected
