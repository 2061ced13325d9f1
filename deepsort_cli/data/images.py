"""The check of one image file: is it what its name says, and can every program decode it?"""

from __future__ import annotations

import hashlib
import io
from typing import NamedTuple

from PIL import Image, ImageOps, UnidentifiedImageError

from deepsort_cli.core.images import (
    JPEG_END,
    UnreadableImage,
    decode_image,
    describe_no_image,
    ends_well,
    exif_orientation,
    jpeg_damage,
    plain_jpeg_size,
    read_file,
    sniff,
)
from deepsort_cli.core.meanwhile import without_pillow_warnings

FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "PPM")
USABLE_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "YCbCr"})
"""Pillow modes that every reader turns into the same RGB picture."""

THUMB_SIZE = (8, 16)
"""Width and height of the thumbnails that near-duplicates are found by."""

WRONG_EXTENSION, TRANSPARENT, NO_CAMERA = 2, 4, 8
"""Flags of usable images that deserve a word; the last is for names without a camera."""

_FORMAT_OF = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".bmp": "BMP",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".ppm": "PPM",
    ".pgm": "PPM",
}
_LYING = (5, 6, 7, 8)
"""Exif orientations of pictures stored on their side."""


class Verdict(NamedTuple):
    """What was found in one file, seen upright.

    Attributes:
        reason: empty when the image is usable, else a code from `deepsort_cli.data.finding.REASONS`.
        detail: what exactly is wrong, for people.
        width: pixels.
        height: pixels.
        flags: sum of `WRONG_EXTENSION` and `TRANSPARENT`.
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


def digest_of(data: bytes) -> bytes:
    """8 bytes that differ when files differ."""
    return hashlib.sha1(data, usedforsecurity=False).digest()[:8]


def check_image(path: str, limits: Limits) -> Verdict:
    """Read one file and judge it."""
    try:
        data = read_file(path, follow_links=False)
    except OverflowError as error:
        return Verdict("too_large", str(error))
    except OSError as error:
        return Verdict("unreadable", error.strerror or str(error))
    if not data:
        return Verdict("empty")
    digest = digest_of(data)
    verdict = _check_plain_jpeg(data, digest, limits) or _check_any(data, digest, limits)
    if not verdict.reason and sniff(data) != _FORMAT_OF[path[path.rfind(".") :].lower()]:
        return verdict._replace(flags=verdict.flags | WRONG_EXTENSION)
    return verdict


def thumbnail(path: str) -> bytes:
    """The grey 8×16 thumbnail of a usable image, 128 bytes row by row; empty when it cannot be decoded any more.

    A JPEG is decoded at a fraction of its resolution, which libjpeg does several times faster.
    """
    try:
        data = read_file(path, follow_links=False)
        size = plain_jpeg_size(data)
        if size is None:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                image.draft("L", (8 * THUMB_SIZE[0], 8 * THUMB_SIZE[1]))
                return _shrink(ImageOps.exif_transpose(image))
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
    size = plain_jpeg_size(data)
    if size is None or not data.endswith(JPEG_END):
        return None
    if min(size) < limits.min_side or size[0] * size[1] > limits.max_pixels:
        return None
    if limits.paranoid and jpeg_damage(data):
        return None
    return Verdict("", "", size[0], size[1], 0, digest)


def _check_any(data: bytes, digest: bytes, limits: Limits) -> Verdict:
    """The full check, for every format."""
    return _judge(data, limits)._replace(digest=digest)


def _judge(data: bytes, limits: Limits) -> Verdict:
    found = sniff(data)
    if found not in FORMATS:
        what = f"a {found} file" if found else describe_no_image(data)
        return Verdict("unsupported_format" if found else "not_an_image", what)
    with without_pillow_warnings():
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                return _check_opened(image, data, limits)
        except Image.DecompressionBombError:
            return Verdict("too_large", "decompression bomb")
        except UnreadableImage as error:
            return Verdict("corrupt", str(error))
        except Exception as error:  # Pillow's plugins raise what they like on broken data
            if not ends_well(data) or "truncated" in str(error).lower():
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
    flags = TRANSPARENT if image.has_transparency_data else 0
    if image.format not in ("JPEG", "MPO"):  # only a JPEG says without being decoded whether it is whole
        image.load()
        width, height = image.size  # a TIFF that Exif turns is upright now
    elif limits.paranoid or not data.endswith(JPEG_END):
        damage = jpeg_damage(data)
        if damage:
            return Verdict("truncated" if damage.startswith("cut off") else "corrupt", damage, width, height)
    if image.format == "TIFF":
        decode_image(data)  # its many kinds of compression are not all known to OpenCV
    if exif_orientation(image, data) in _LYING:
        width, height = height, width
    return Verdict("", "", width, height, flags)
