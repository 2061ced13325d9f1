"""Picture files with several pages or more than 8 bits a value, as 8-bit BGR; all others are read by `core.images`."""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image as PillowImage

from deepsort_cli.core import images
from deepsort_cli.core.images import UnreadableImage, check_size, decode_image, read_file, sniff
from deepsort_cli.core.meanwhile import Meanwhile, without_pillow_warnings
from deepsort_cli.core.types import Image
from deepsort_cli.video.sources.base import Warn, silent

IMAGE_SUFFIXES = images.IMAGE_SUFFIXES | {".jpe", ".apng", ".pnm", ".gif"}
PAGED_SUFFIXES = frozenset({".png", ".apng", ".tif", ".tiff", ".webp", ".gif"})
"""May hold several pictures."""

MOST_PAGES = 1_000_000
SHORTEST_PAGE = 0.1
"""Seconds that a page without a duration is shown, as in browsers."""

_PILLOW_ERRORS = (OSError, ValueError, SyntaxError, EOFError, struct.error, IndexError, TypeError, KeyError)


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
        UnreadableImage: it is none, or one larger than allowed.
    """
    with _opened(path) as picture:
        count, complete = _countable(picture)
        if count < 2 or picture.format == "TIFF":
            return Pages(count, complete=complete)
        durations = _webp_durations(path) if picture.format == "WEBP" else []
        for page in range(len(durations), count):
            picture.seek(page)
            durations.append(float(picture.info.get("duration", 0) or 0) / 1000)
    return Pages(count, tuple(seconds if seconds > 0 else SHORTEST_PAGE for seconds in durations))


def _countable(picture: Any) -> tuple[int, bool]:
    """How many pages can be found, and whether these are all; the list of them may be damaged."""
    with contextlib.suppress(*_PILLOW_ERRORS):
        return min(int(getattr(picture, "n_frames", 1)), MOST_PAGES), True
    count = 1
    with contextlib.suppress(*_PILLOW_ERRORS):
        while count < MOST_PAGES:
            picture.seek(count)
            count += 1
    return count, False


@contextlib.contextmanager
def _opened(file: Any) -> Iterator[Any]:
    """A picture opened by Pillow, whatever it raises made `UnreadableImage`."""
    with without_pillow_warnings():
        try:
            with PillowImage.open(file) as picture:
                check_size(*picture.size)
                yield picture
        except UnreadableImage:
            raise
        except PillowImage.DecompressionBombError:
            raise UnreadableImage(f"too many pixels for a picture (at most {images.MAX_PIXELS:,})") from None
        except _PILLOW_ERRORS as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else None
            raise UnreadableImage(f"cannot be read ({reason})" if reason else "damaged or cut off") from None


class PictureReader:
    """Reads pages of picture files as 8-bit BGR, upright as their EXIF data say.

    Values of more than 8 bits are scaled by what is known of their range: `bit_depth`, else what the file says (PNG
    sBIT, TIFF MaxSampleValue, PGM maximum), else the largest value seen so far, of which `tell` is told.
    """

    def __init__(self, bit_depth: int | None, tell: Warn = silent) -> None:
        self._given, self._tell = bit_depth, tell
        self._seen = 0
        self._open: tuple[Path, Any] | None = None

    def read(self, path: Path, page: int = 0, *, paged: bool = False) -> Image:
        """One page of a file.

        Args:
            paged: the file holds several; pages are read fastest in order.

        Raises:
            UnreadableImage: it cannot be read.
        """
        if paged and path.suffix.lower() not in {".tif", ".tiff"}:
            return self._page(path, page)
        try:
            data = read_file(path)
        except OverflowError as error:
            raise UnreadableImage(f"{error} are too large for a picture") from None
        except OSError as error:
            raise UnreadableImage(f"cannot be read ({error.strerror or error})") from None
        if not paged and not _is_deep(data):
            return decode_image(data)
        with _opened(io.BytesIO(data)) as picture:
            picture.seek(page)
            bits = _declared_bits(picture, data)
        pixels = _decode(data, page)
        return np.asarray(pixels) if pixels.dtype == np.uint8 else self._to_8_bits(path, pixels, bits)

    def _page(self, path: Path, page: int) -> Image:
        """A page of a moving picture; the file stays open for the next one."""
        if self._open is None or self._open[0] != path:
            self.close()
            with _opened(path):
                self._open = path, PillowImage.open(path)
        picture = self._open[1]
        try:
            picture.seek(page)
            return np.ascontiguousarray(np.asarray(picture.convert("RGB"), dtype=np.uint8)[:, :, ::-1])
        except _PILLOW_ERRORS:
            self.close()
            raise UnreadableImage("damaged or cut off") from None

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
                        "`input.bit_depth`=… says otherwise."
                    )
            bits = self._seen
        return np.asarray(np.minimum(pixels >> max(0, bits - 8), 255), dtype=np.uint8)

    def close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None


def _is_deep(data: bytes) -> bool:
    """Whether the values of a picture may have more than 8 bits."""
    kind = sniff(data)
    if kind == "PNG":
        return data[24:25] == b"\x10"
    if kind == "PPM":
        return (_pnm_bits(data) or 8) > 8
    if kind != "TIFF":
        return False
    with _opened(io.BytesIO(data)) as picture:
        bits = picture.tag_v2.get(258, (1,))  # BitsPerSample
    return bool(max(bits if isinstance(bits, tuple) else (bits,)) > 8)


def _decode(data: bytes, page: int) -> Any:
    """A page with its own depth: (H, W, 3) BGR of uint8, uint16 or float32."""
    pixels = None
    with contextlib.suppress(cv2.error), quiet_opencv():
        values = np.frombuffer(data, dtype=np.uint8)
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
        if page == 0:
            pixels = cv2.imdecode(values, flags)
        else:
            found, several = cv2.imdecodemulti(values, flags, range=(page, page + 1))
            pixels = several[0] if found and several else None
    if pixels is not None:
        return pixels
    with _opened(io.BytesIO(data)) as picture:  # OpenCV reads no single floating-point numbers
        picture.seek(page)
        if picture.mode in {"F", "I"}:
            return np.repeat(np.asarray(picture, dtype=np.float32)[:, :, None], 3, axis=2)
    raise UnreadableImage("damaged or cut off")


@contextlib.contextmanager
def _silent_opencv() -> Iterator[None]:
    log: Any = getattr(cv2.utils, "logging", cv2)  # older 4.x have the functions at the top
    level = log.getLogLevel()
    log.setLogLevel(0)
    try:
        yield
    finally:
        log.setLogLevel(level)


quiet_opencv = Meanwhile(_silent_opencv)
"""OpenCV tells what it meets on stderr; our own message says what matters."""


def _declared_bits(picture: Any, data: bytes) -> int | None:
    """Bits that values of more than 8 really use, where the file says so."""
    if picture.format == "TIFF":
        largest = picture.tag_v2.get(281) or picture.tag_v2.get(341)  # MaxSampleValue, SMaxSampleValue
        largest = max(largest) if isinstance(largest, tuple) else largest
        return int(largest).bit_length() if largest and largest > 255 else None
    return _png_bits(data) if picture.format == "PNG" else _pnm_bits(data) if picture.format == "PPM" else None


def _png_bits(data: bytes) -> int | None:
    """The significant bits of a PNG's sBIT chunk."""
    at = 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"sBIT":
            return max(data[at + 8 : at + 8 + min(length, 4)], default=None)
        if kind in (b"IDAT", b"IEND", b"PLTE"):
            return None
        at += length + 12
    return None


def _pnm_bits(data: bytes) -> int | None:
    """The bits of a PGM or PPM file's largest value."""
    words: list[bytes] = []
    for line in data[:4096].split(b"\n"):
        words += line.split(b"#")[0].split()
        if len(words) >= 4:
            return int(words[3]).bit_length() if words[3].isdigit() else None
    return None


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
