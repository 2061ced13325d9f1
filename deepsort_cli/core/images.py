"""Image files: which there are, and the one way from a file to pixels that scan, training and tracking share."""

from __future__ import annotations

import io
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.errors import DeepsortError, InputError
from deepsort_cli.core.files import printable
from deepsort_cli.core.meanwhile import without_pillow_warnings
from deepsort_cli.core.types import Image

if TYPE_CHECKING:
    import PIL.Image

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"})
"""Endings of image files, in lower case; any case is accepted."""

MAX_PIXELS = 80_000_000
"""Larger pictures are refused undecoded: they are damaged, or made to exhaust memory. (8K video has 33 million.)"""

MAX_BYTES = 400_000_000
"""Larger files are refused unread: `MAX_PIXELS` of 8-bit RGB take 240 MB without any compression."""

JPEG_END = b"\xff\xd9"
_ORIENTATION = 0x0112
_PNG_METADATA = (b"eXIf", b"Raw profile type", b"com.adobe.xmp")
_MAGIC = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "BMP": (b"BM",),
    "TIFF": (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
    "PPM": (b"P5", b"P6", b"P2", b"P3", b"P1", b"P4"),
    "GIF": (b"GIF8",),
    "PDF": (b"%PDF",),
    "PSD": (b"8BPS",),
    "ICO": (b"\x00\x00\x01\x00",),
    "JPEG 2000": (b"\x00\x00\x00\x0cjP",),
    "ZIP": (b"PK\x03\x04",),
    "gzip": (b"\x1f\x8b",),
}
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)

_HARMLESS = re.compile(r"JFIF revision|Adobe color transform|SOS parameters|progression sequence|scan script")
"""libjpeg's warnings about headers: the picture is whole."""
_PADDING = re.compile(r"(\d{1,2}) extraneous bytes before marker 0xd9")
"""Some cameras fill up to the next word before the end marker; more than that was picture once."""


class UnreadableImage(ValueError):
    """What is wrong with a file that should be an image: a phrase without the file's name."""


def is_image_name(name: str) -> bool:
    """Whether a file name ends like an image."""
    return name[name.rfind(".") :].lower() in IMAGE_SUFFIXES


def read_image(path: str | Path, error: type[DeepsortError] = InputError) -> Image:
    """Decode an image file, upright as its EXIF orientation says.

    Args:
        path: the file; links are followed.
        error: what to raise.

    Returns:
        (H, W, 3) uint8 BGR. Grey becomes colour, 16 bits become 8, transparency is dropped.

    Raises:
        error: missing, empty, no image, damaged or cut off anywhere, or larger than `MAX_PIXELS` or `MAX_BYTES`.
    """
    return image_of(image_bytes(path, error), path, error)


def image_bytes(path: str | Path, error: type[DeepsortError] = InputError) -> bytes:
    """The bytes of an image file, which `image_of` decodes.

    Raises:
        error: missing, or larger than `MAX_BYTES`.
    """
    name = printable(str(path))
    try:
        return read_file(path)
    except OverflowError as problem:
        limit = f"{MAX_BYTES / 1e6:,.0f} MB"
        raise error(f"{name}: {problem} are too large for a picture (at most {limit}). Make it smaller.") from None
    except OSError as problem:
        raise error(f"{name}: cannot be read ({problem.strerror or problem}).") from None


def image_of(data: bytes, path: str | Path, error: type[DeepsortError] = InputError) -> Image:
    """Decode the bytes of an image file, see `read_image`.

    Args:
        path: what the message names.

    Raises:
        error: empty, no image, damaged or cut off anywhere, or larger than `MAX_PIXELS`.
    """
    try:
        return decode_image(data)
    except UnreadableImage as problem:
        raise error(f"{printable(str(path))}: {problem}.") from None


def read_file(path: str | Path, *, follow_links: bool = True) -> bytes:
    """The bytes of a regular file.

    Raises:
        OSError: it cannot be read, is no regular file, or is a symbolic link where those are not to be followed.
        OverflowError: it is larger than `MAX_BYTES`.
    """
    descriptor = os.open(path, _OPEN_FLAGS if follow_links else _OPEN_FLAGS | _NO_LINK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("a folder, pipe or device, not a file")
        size = status.st_size
        if size > MAX_BYTES:
            raise OverflowError(f"{size / 1e6:,.0f} MB")
        data = os.read(descriptor, size + 1)
        while more := os.read(descriptor, size - len(data)) if len(data) < size else b"":
            data += more
        return data
    finally:
        os.close(descriptor)


def decode_image(data: bytes) -> Image:
    """The pixels of an image file's bytes, see `read_image`.

    Raises:
        UnreadableImage: they are no whole picture of at most `MAX_PIXELS`.
    """
    size = plain_jpeg_size(data)
    if size is not None:
        check_size(*size)
        return _decode_jpeg(data)
    width, height, mode, turn = _read_header(data)
    check_size(width, height)
    if sniff(data) != "JPEG":
        image = _decode_with_opencv(data)
    elif mode == "CMYK":
        _decode_jpeg(data)  # for its verdict; OpenCV knows which of the two ways to store CMYK this is
        image = _decode_with_opencv(data)
    else:
        image = _decode_jpeg(data)
    return turn_upright(image, turn)


def check_size(width: int, height: int) -> None:
    """Raises:
    UnreadableImage: the picture is larger than `MAX_PIXELS`.
    """
    if width * height > MAX_PIXELS:
        raise UnreadableImage(f"{width}×{height} pixels are too many for a picture (at most {MAX_PIXELS:,})")


def turn_upright(image: Image, orientation: int) -> Image:
    """Turn and mirror (H, W, …) pixels as an EXIF orientation of 1 to 8 asks."""
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def exif_orientation(image: PIL.Image.Image, data: bytes) -> int:
    """How an image just opened from `data` has to be turned; 1 for TIFFs, which Pillow and OpenCV turn themselves.

    Pillow decodes a whole PNG in search of metadata behind its pixels, hence the look at whether there can be any.
    """
    if image.format == "TIFF" or (image.format == "PNG" and not any(mark in data for mark in _PNG_METADATA)):
        return 1
    turn = image.getexif().get(_ORIENTATION, 1)
    return turn if turn in range(1, 9) else 1


def plain_jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a baseline or progressive 8-bit grey or YCbCr JPEG without Exif; else None.

    Reading this costs a third of Pillow's `Image.open`.
    """
    if data[:2] != b"\xff\xd8":
        return None
    at, end = 2, len(data) - 9
    while at < end and data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xC2:
            plain = data[at + 4] == 8 and data[at + 9] in (1, 3)
            height, width = data[at + 5] << 8 | data[at + 6], data[at + 7] << 8 | data[at + 8]
            return (width, height) if plain and width and height else None
        # Exif may rotate, APP2 may announce further pictures, Adobe's APP14 changes the colour space.
        if marker in (0xE1, 0xE2, 0xEE) or not 0xC4 <= marker <= 0xFE:
            return None
        at += 2 + (data[at + 2] << 8 | data[at + 3])
    return None


def jpeg_damage(data: bytes) -> str:
    """What keeps a JPEG of known size from being decoded whole; empty when nothing does."""
    try:
        _decode_jpeg(data)
    except UnreadableImage as problem:
        return str(problem)
    return ""


def sniff(data: bytes) -> str:
    """The format by a file's first bytes, empty when unknown."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return "HEIF, AVIF or video"
    if data[:1] == b"P" and not data[2:3].isspace() and data[2:3] != b"#":
        return "ZIP" if data.startswith(b"PK\x03\x04") else ""
    return next((name for name, magics in _MAGIC.items() if data.startswith(magics)), "")


def describe_no_image(data: bytes) -> str:
    """What a file without image data holds instead."""
    head = data[:512]
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the picture itself: fetch it with git lfs pull"
    if re.match(rb"\s*(<!doctype html|<html)", head, re.IGNORECASE):
        return "a web page"
    if head and b"\0" not in head and sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in head) > 0.9 * len(head):
        return "text"
    return "no image data"


def ends_well(data: bytes) -> bool:
    """Whether the file holds the end that its format announces; True for formats that announce none."""
    if data.startswith(b"\xff\xd8"):
        return data.rstrip(b"\0").endswith(JPEG_END)
    if data.startswith(_MAGIC["PNG"]):
        return b"IEND" in data[-4096:]
    if data[:4] == b"RIFF":
        return len(data) >= int.from_bytes(data[4:8], "little") + 8
    if data.startswith(b"BM"):
        return len(data) >= int.from_bytes(data[2:6], "little")
    return True


def _read_header(data: bytes) -> tuple[int, int, str, int]:
    """Width, height, Pillow's mode and EXIF orientation, without decoding."""
    import PIL.Image

    if not data:
        raise UnreadableImage("the file is empty")
    with without_pillow_warnings():
        try:
            with PIL.Image.open(io.BytesIO(data)) as image:
                return *image.size, image.mode, exif_orientation(image, data)
        except PIL.Image.DecompressionBombError:
            raise UnreadableImage(f"too many pixels for a picture (at most {MAX_PIXELS:,})") from None
        except PIL.UnidentifiedImageError:
            found = sniff(data)
            raise UnreadableImage(
                f"damaged: its {found} header cannot be read"
                if found
                else f"not an image, but {describe_no_image(data)}"
            ) from None
        except Exception as problem:  # Pillow's plugins raise what they like on broken data
            raise UnreadableImage(f"damaged: {problem or type(problem).__name__}") from None


def _decode_jpeg(data: bytes) -> Image:
    """Decode as stored, and heed libjpeg's warnings: Pillow and OpenCV fill what is missing with grey."""
    import simplejpeg

    try:
        return np.asarray(simplejpeg.decode_jpeg(data, "BGR"), dtype=np.uint8)
    except ValueError as problem:
        text = str(problem)
    padding = _PADDING.search(text)
    if _HARMLESS.search(text) or (padding is not None and int(padding[1]) < 16):
        try:
            return np.asarray(simplejpeg.decode_jpeg(data, "BGR", strict=False), dtype=np.uint8)
        except ValueError as problem:
            text = str(problem)
    if "Premature end of JPEG" in text or not ends_well(data):
        raise UnreadableImage("cut off: the end of the file is missing")
    raise UnreadableImage(f"damaged: {text.removeprefix('Corrupt JPEG data: ')}")


def _decode_with_opencv(data: bytes) -> Image:
    import cv2

    pixels: npt.NDArray[np.uint8] = np.frombuffer(data, dtype=np.uint8)
    try:
        image = cv2.imdecode(pixels, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        image = None
    if image is None:
        raise UnreadableImage(
            "damaged: it cannot be decoded" if ends_well(data) else "cut off: the end of the file is missing"
        )
    return np.asarray(image, dtype=np.uint8)


def shrunk(image: Image, factor: float) -> Image:
    """The (H, W, 3) picture at a part of its size, a pixel at least; itself where that is all of it."""
    import cv2

    if factor >= 1:
        return image
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def jpeg(image: Image, quality: int) -> bytes:
    """A JPEG of (H, W, 3) uint8 BGR pixels, of a quality from 1 to 100."""
    import simplejpeg

    encoded: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality, "BGR", "420")
    return encoded
