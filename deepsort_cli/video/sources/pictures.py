"""Picture files: their pages, their depth, their pixels as 8-bit BGR."""

from __future__ import annotations

import contextlib
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image as PillowImage

from deepsort_cli.core.types import Image
from deepsort_cli.video.sources import base

IMAGE_SUFFIXES = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jfif",
        ".jpe",
        ".png",
        ".apng",
        ".bmp",
        ".tif",
        ".tiff",
        ".webp",
        ".ppm",
        ".pgm",
        ".pnm",
        ".gif",
    }
)
PAGED_SUFFIXES = frozenset({".png", ".apng", ".tif", ".tiff", ".webp", ".gif"})
"""May hold several pictures."""

MOST_PAGES = 1_000_000


class BadPicture(Exception):
    """A picture that cannot be read; says why, without the file's name."""


@dataclass(frozen=True)
class Pages:
    """What a file holds.

    Attributes:
        count: pictures in it.
        seconds: how long each is shown; None where the format does not say.
        complete: the list of pages could be read to its end.
    """

    count: int
    seconds: tuple[float, ...] | None = None
    complete: bool = True


def pages_of(path: Path) -> Pages:
    """How many pictures a file holds, and how long each is shown.

    Raises:
        BadPicture: it is none, or one larger than allowed.
    """
    with _opened(path) as picture:
        complete = True
        try:
            count = min(int(getattr(picture, "n_frames", 1)), MOST_PAGES)
        except (OSError, ValueError, SyntaxError, EOFError, struct.error, TypeError):
            count, complete = _countable(picture), False
        if count < 2 or picture.format == "TIFF":
            return Pages(count, complete=complete)
        durations = _webp_durations(path) if picture.format == "WEBP" else []
        for page in range(len(durations), count):
            picture.seek(page)
            durations.append(float(picture.info.get("duration", 0) or 0) / 1000)
    # Browsers show frames without a duration for a tenth of a second; so do we.
    return Pages(count, tuple(seconds if seconds > 0 else 0.1 for seconds in durations))


def _countable(picture: Any) -> int:
    """How many pages can be found where the list of them is damaged."""
    count = 1
    with contextlib.suppress(OSError, ValueError, SyntaxError, EOFError, struct.error, TypeError):
        while count < MOST_PAGES:
            picture.seek(count)
            count += 1
    return count


@contextlib.contextmanager
def quiet_opencv() -> Iterator[None]:
    """OpenCV tells what it meets on stderr; our own message says what matters."""
    log: Any = getattr(cv2.utils, "logging", cv2)  # older 4.x have the functions at the top
    level = log.getLogLevel()
    log.setLogLevel(0)
    try:
        yield
    finally:
        log.setLogLevel(level)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with warnings.catch_warnings(), PillowImage.open(path) as picture:
            warnings.simplefilter("ignore")  # Pillow's remarks about what it reads all the same
            width, height = picture.size
            if width * height > base.MAX_PIXELS:
                raise BadPicture(f"{width}×{height} pixels are more than the {base.MAX_PIXELS:,} allowed")
            yield picture
    except PillowImage.DecompressionBombError:
        raise BadPicture(f"more than the {base.MAX_PIXELS:,} pixels allowed") from None
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, IndexError, TypeError) as error:
        raise BadPicture(_why(path, error)) from None


def _why(path: Path, error: Exception) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        return f"cannot be read ({error.strerror})"
    del path
    return "not an image that can be read. It is damaged, empty, or of an unknown format"


class PictureReader:
    """Reads pages of picture files as 8-bit BGR, upright as their EXIF data say.

    Values of more than 8 bits are scaled by what is known of their range: `bit_depth`, else what the file says (PNG
    sBIT, TIFF MaxSampleValue, PGM maximum), else the largest value seen so far, of which `tell` is told.
    """

    def __init__(self, bit_depth: int | None, tell: Any = base.silent) -> None:
        self._given, self._tell = bit_depth, tell
        self._seen = 0
        self._open: tuple[Path, Any] | None = None

    def read(self, path: Path, page: int = 0, *, paged: bool = False) -> Image:
        """One page of a file.

        Args:
            paged: the file holds several; pages are read fastest in order.

        Raises:
            BadPicture: it cannot be read.
        """
        with _opened(path) as picture:
            frames_in_pillow = paged and picture.format != "TIFF"
            bits = self._declared_bits(picture)
        if frames_in_pillow:
            return self._page(path, page)
        pixels = self._decode(path, page if paged else None)
        if pixels.dtype == np.uint8:
            return np.asarray(pixels)
        return self._to_8_bits(path, pixels, bits)

    @staticmethod
    def _decode(path: Path, page: int | None) -> Any:
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
        try:
            data = np.fromfile(path, dtype=np.uint8)
            with quiet_opencv():
                if page is None:
                    pixels = cv2.imdecode(data, flags)
                else:
                    found, several = cv2.imdecodemulti(data, flags, range=(page, page + 1))
                    pixels = several[0] if found and several else None
            if pixels is None:
                pixels = _numbers(path, page or 0)
        except (OSError, ValueError, cv2.error) as error:
            raise BadPicture(_why(path, error if isinstance(error, OSError) else ValueError())) from None
        if pixels is None:
            raise BadPicture(_why(path, ValueError()))
        return pixels

    def _page(self, path: Path, page: int) -> Image:
        """A page of a moving picture; the file stays open for the next one."""
        if self._open is None or self._open[0] != path:
            self.close()
            self._open = path, PillowImage.open(path)
        picture = self._open[1]
        try:
            picture.seek(page)
            return np.ascontiguousarray(np.asarray(picture.convert("RGB"), dtype=np.uint8)[:, :, ::-1])
        except (OSError, ValueError, SyntaxError, EOFError, struct.error) as error:
            self.close()
            raise BadPicture(_why(path, error if isinstance(error, OSError) else ValueError())) from None

    @staticmethod
    def _declared_bits(picture: Any) -> int | None:
        """Bits that values of more than 8 really use, where the file says so."""
        if picture.format == "TIFF":
            tags = picture.tag_v2
            largest = tags.get(281) or tags.get(341)  # MaxSampleValue, SMaxSampleValue
            largest = max(largest) if isinstance(largest, tuple) else largest
            return int(largest).bit_length() if largest and largest > 255 else None
        if picture.format == "PNG":
            return _png_bits(Path(picture.filename))
        if picture.format == "PPM":
            return _pnm_bits(Path(picture.filename))
        return None

    def _to_8_bits(self, path: Path, pixels: Any, declared: int | None) -> Image:
        if pixels.dtype.kind == "f":
            top = float(np.nanmax(pixels)) if pixels.size else 1.0
            return np.asarray(np.nan_to_num(pixels * (255 / max(top, 1.0))).clip(0, 255), dtype=np.uint8)
        bits = self._given or declared
        if bits is None:
            largest = max(256, int(pixels.max()))
            needed = next(size for size in (10, 12, 14, 16) if largest < 1 << size)
            if needed > self._seen:
                self._seen = needed
                if needed < 16:
                    self._tell(
                        f"{path}: 16-bit values up to {largest}, taken for {needed} bits; "
                        "--set input.bit_depth=… says otherwise."
                    )
            bits = self._seen
        shift = max(0, bits - 8)
        return np.asarray(np.minimum(pixels >> shift, 255), dtype=np.uint8)

    def close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None


def _numbers(path: Path, page: int) -> Any:
    """Pictures of one floating-point or 32-bit number a pixel, which OpenCV does not read; None for others."""
    with _opened(path) as picture:
        if picture.mode not in {"F", "I"}:
            return None
        picture.seek(page)
        return np.repeat(np.asarray(picture, dtype=np.float32)[:, :, None], 3, axis=2)


def _webp_durations(path: Path) -> list[float]:
    """Seconds of every frame of a moving WebP, from its ANMF chunks; Pillow tells them only after decoding."""
    durations = []
    with path.open("rb") as stream:
        stream.seek(12)
        while len(head := stream.read(8)) == 8:
            kind, length = head[:4], int.from_bytes(head[4:], "little")
            if kind == b"ANMF":
                durations.append(int.from_bytes(stream.read(16)[12:15], "little") / 1000)
                length -= 16
            stream.seek(length + length % 2, 1)
    return durations


def _png_bits(path: Path) -> int | None:
    """The significant bits of a PNG's sBIT chunk."""
    with path.open("rb") as stream:
        stream.seek(8)
        while len(head := stream.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind == b"sBIT":
                return max(stream.read(min(length, 4)), default=None)
            if kind in (b"IDAT", b"IEND", b"PLTE"):
                return None
            stream.seek(length + 4, 1)
    return None


def _pnm_bits(path: Path) -> int | None:
    """The bits of a PGM or PPM file's largest value."""
    words: list[bytes] = []
    with path.open("rb") as stream:
        for line in iter(stream.readline, b""):
            words += line.split(b"#")[0].split()
            if len(words) >= 4:
                return int(words[3]).bit_length() if words[3].isdigit() else None
    return None
