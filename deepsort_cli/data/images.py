"""The check of one image file: is it what its name says, and can every program decode it?"""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "BMP", "WEBP")
USABLE_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "YCbCr"})
"""Pillow modes that every reader turns into the same RGB picture."""

MAX_BYTES = 100_000_000
"""Larger files are refused unread: a person crop has a few kilobytes."""

THUMB_SIZE = (8, 16)
"""Width and height of the thumbnails that near-duplicates are found by."""

EXIF_ROTATED, WRONG_EXTENSION, TRANSPARENT, NO_CAMERA = 1, 2, 4, 8
"""Flags of usable images that deserve a word; the last is for names without a camera."""

_MAGIC = {
    "JPEG": b"\xff\xd8\xff",
    "PNG": b"\x89PNG\r\n\x1a\n",
    "BMP": b"BM",
    "GIF": b"GIF8",
    "TIFF": b"II*\x00",
    "TIFF (big endian)": b"MM\x00*",
    "PDF": b"%PDF",
    "PSD": b"8BPS",
    "ICO": b"\x00\x00\x01\x00",
    "JPEG 2000": b"\x00\x00\x00\x0cjP",
    "ZIP": b"PK\x03\x04",
}
_FORMAT_OF = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".bmp": "BMP", ".webp": "WEBP"}
_JPEG_END = b"\xff\xd9"
_ORIENTATION = 0x0112
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class Verdict(NamedTuple):
    """What was found in one file.

    Attributes:
        reason: empty when the image is usable, else a code from `deepsort_cli.data.findings.REASONS`.
        detail: what exactly is wrong, for people.
        width: pixels.
        height: pixels.
        flags: sum of `EXIF_ROTATED`, `WRONG_EXTENSION` and `TRANSPARENT`.
        digest: first 8 bytes of the SHA-1 of the file's bytes; empty when it could not be read.
    """

    reason: str
    detail: str = ""
    width: int = 0
    height: int = 0
    flags: int = 0
    digest: bytes = b""


class Limits(NamedTuple):
    """How far the check goes: decode every pixel or not, the smallest side and the largest area in pixels."""

    paranoid: bool
    min_side: int
    max_pixels: int


def read_file(path: str) -> bytes:
    """The bytes of a regular file.

    Raises:
        OSError: it cannot be read, or the last part of `path` is a symbolic link.
        OverflowError: it is larger than `MAX_BYTES`.
    """
    descriptor = os.open(path, _OPEN_FLAGS)
    try:
        size = os.fstat(descriptor).st_size
        if size > MAX_BYTES:
            raise OverflowError(f"{size / 1e6:,.0f} MB")
        data = os.read(descriptor, size + 1)
        while more := os.read(descriptor, MAX_BYTES) if len(data) < size else b"":
            data += more
        return data
    finally:
        os.close(descriptor)


def digest_of(data: bytes) -> bytes:
    """8 bytes that differ when files differ."""
    return hashlib.sha1(data, usedforsecurity=False).digest()[:8]


def check_image(path: str, limits: Limits) -> Verdict:
    """Read one file and judge it."""
    try:
        data = read_file(path)
    except OverflowError as error:
        return Verdict("too_large", str(error))
    except OSError as error:
        return Verdict("unreadable", error.strerror or str(error))
    if not data:
        return Verdict("empty")
    digest = digest_of(data)
    verdict = _check_plain_jpeg(data, digest, limits) or _check_any(data, digest, limits)
    if not verdict.reason and _sniff(data) != _FORMAT_OF[path[path.rfind(".") :].lower()]:
        return verdict._replace(flags=verdict.flags | WRONG_EXTENSION)
    return verdict


def thumbnail(path: str) -> bytes:
    """The grey 8×16 thumbnail of a usable image, 128 bytes row by row; empty when it cannot be decoded any more.

    A JPEG is decoded at a fraction of its resolution, which libjpeg does several times faster.
    """
    try:
        data = read_file(path)
        size = _plain_jpeg_size(data)
        if size is None:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                image.draft("L", (8 * THUMB_SIZE[0], 8 * THUMB_SIZE[1]))
                return _shrink(image)
        scale = next(s for s in (8, 4, 2, 1) if s == 1 or (size[0] >= 8 * s and size[1] >= 16 * s))
        return _shrink(_decode_jpeg("L", size, scale, data))
    except Exception:  # Pillow's plugins raise what they like; the scan has judged the file already
        return b""


def _shrink(image: Image.Image) -> bytes:
    if image.mode != "L":
        image = image.convert("L")
    if image.size != THUMB_SIZE:
        image = image.resize(THUMB_SIZE, Image.Resampling.BOX)
    return image.tobytes()


def _decode_jpeg(mode: str, size: tuple[int, int], scale: int, data: bytes) -> Image.Image:
    """Decode at 1/scale of the size, scale 1, 2, 4 or 8, without `Image.open`, which costs as much again."""
    reduced = (-(-size[0] // scale), -(-size[1] // scale))
    return Image.frombytes(mode, reduced, data, "jpeg", mode, "", scale, 0)


def _check_plain_jpeg(data: bytes, digest: bytes, limits: Limits) -> Verdict | None:
    """A fast way through for the ordinary JPEG; None where anything is unusual, for `_check_any` to judge."""
    size = _plain_jpeg_size(data)
    if size is None or not data.endswith(_JPEG_END):
        return None
    if min(size) < limits.min_side or size[0] * size[1] > limits.max_pixels:
        return None
    if limits.paranoid:
        try:
            _decode_jpeg("RGB", size, 1, data)
        except (OSError, ValueError):
            return None
    return Verdict("", "", size[0], size[1], 0, digest)


def _plain_jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a baseline or progressive 8-bit grey or YCbCr JPEG without Exif; else None."""
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


def _check_any(data: bytes, digest: bytes, limits: Limits) -> Verdict:
    """The full check, for every format."""
    return _judge(data, limits)._replace(digest=digest)


def _judge(data: bytes, limits: Limits) -> Verdict:
    found = _sniff(data)
    if found not in FORMATS:
        what = f"a {found} file" if found else "text" if _is_text(data) else "no image data"
        return Verdict("unsupported_format" if found else "not_an_image", what)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                return _check_opened(image, data, limits)
        except Image.DecompressionBombError:
            return Verdict("too_large", "decompression bomb")
        except Exception as error:  # Pillow's plugins raise what they like on broken data
            if not _ends_well(data) or "truncated" in str(error).lower():
                return Verdict("truncated", "the end of the file is missing")
            if isinstance(error, UnidentifiedImageError):
                return Verdict("corrupt", f"the {found} header cannot be read")
            return Verdict("corrupt", str(error) or type(error).__name__)


def _check_opened(image: Image.Image, data: bytes, limits: Limits) -> Verdict:
    width, height = image.size
    if width * height > limits.max_pixels:
        return Verdict("too_large", f"{width}×{height} pixels", width, height)
    if min(width, height) < limits.min_side:
        return Verdict("too_small", f"{width}×{height} pixels", width, height)
    if image.mode not in USABLE_MODES:
        return Verdict("unsupported_mode", f"mode {image.mode}", width, height)
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # an MPO's further pictures are for stereo viewers
        return Verdict("animated", f"{frames} frames", width, height)
    flags = 0
    if image.getexif().get(_ORIENTATION, 1) not in (0, 1):
        flags |= EXIF_ROTATED
    if image.has_transparency_data:
        flags |= TRANSPARENT
    # Only a JPEG says without being decoded whether it is whole: by its end marker.
    if limits.paranoid or not (image.format in ("JPEG", "MPO") and data.endswith(_JPEG_END)):
        image.load()
    return Verdict("", "", width, height, flags)


def _sniff(data: bytes) -> str:
    """The format by its first bytes, empty when unknown."""
    if data.startswith(_MAGIC["JPEG"]):
        return "JPEG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return "HEIF, AVIF or video"
    return next((name for name, magic in _MAGIC.items() if data.startswith(magic)), "")


def _is_text(data: bytes) -> bool:
    head = data[:512]
    return b"\0" not in head and sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in head) > 0.9 * len(head)


def _ends_well(data: bytes) -> bool:
    """Whether the file holds the end that its format announces."""
    if data.startswith(_MAGIC["JPEG"]):
        return data.rstrip(b"\0").endswith(_JPEG_END)
    if data.startswith(_MAGIC["PNG"]):
        return b"IEND" in data[-4096:]
    if data[:4] == b"RIFF":
        return len(data) >= int.from_bytes(data[4:8], "little") + 8
    return len(data) >= int.from_bytes(data[2:6], "little")
