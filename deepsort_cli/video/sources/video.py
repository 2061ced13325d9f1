"""Recorded video: files, standard input, and finite videos behind a URL."""

from __future__ import annotations

import codecs
import contextlib
import os
import select
import sys
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from deepsort_cli.core.counted import counted
from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.files import is_file
from deepsort_cli.core.mot import DEFAULT_FPS
from deepsort_cli.core.types import Frame, Media
from deepsort_cli.core.urls import hide_secrets, scheme_of
from deepsort_cli.video.settings import SourceSettings
from deepsort_cli.video.sources.base import Source, Warn, silent
from deepsort_cli.video.sources.clock import Clock
from deepsort_cli.video.sources.decoder import Decoder, Stalled, reason_of
from deepsort_cli.video.sources.geometry import FirstSize

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts", ".wmv", ".flv", ".3gp",
     ".ogv", ".h264", ".h265", ".hevc", ".mjpeg", ".mjpg"}
)  # fmt: skip

LIST_SUFFIXES = frozenset({".txt", ".lst", ".list"})
"""Of text files that list the videos of an archive."""

STDIN = "-"
LOCAL_OPTIONS = {"live_start_index": "0"}
"""For playlists: a file is read from its beginning."""


class VideoSource(Source):
    """A recorded video. Frames have the rotation that its metadata asks for, and the container's own times."""

    kind = "video"

    def __init__(
        self,
        decoder: Decoder,
        settings: SourceSettings,
        *,
        name: str,
        fps: float | None = None,
        pixels: bool = True,
        warn: Warn = silent,
    ) -> None:
        """Take over an opened decoder and read its first wanted frame.

        Args:
            fps: its frame rate where that is known better than the container says it; times follow from it then.
            pixels: whether frames carry images.

        Raises:
            InputError: no frame can be decoded, or it ends before `settings.start`.
        """
        self._decoder, self._warn, self._pixels = decoder, warn, pixels
        self._shown = decoder.shown
        self._given_rate = settings.fps or fps
        self._rate = self._given_rate or decoder.rate or DEFAULT_FPS
        self._clock = Clock(self._shown, 1 / self._rate, warn)
        self._frames = self._timed()
        self._fail = settings.on_error == "fail"
        try:
            self._first: tuple[int, Any, float] | None = self._frame_at(settings.start)
            frame = self._first[1]
            aspect = decoder.aspect(frame)
            self._fit = FirstSize(self._shown, warn)
            super().__init__(name, decoder.size_of(frame), self._rate, settings, decoder.expected_frames, exact=False)
            self.media = self._described(aspect)
        except BaseException:
            decoder.close()
            raise
        if decoder.headless and decoder.starts_at_key:
            warn(
                f"{self._shown} begins in the middle: its first {counted(decoder.headless, 'frame')} need "
                "pictures that were not recorded, and are left out."
            )
        if decoder.other_videos > 0:
            warn(
                f"{self._shown} holds {decoder.other_videos + 1} video streams; "
                f"the one of {self.width}×{self.height} is read."
            )

    def _described(self, aspect: Fraction) -> Media | None:
        if not isinstance(self._decoder.location, str):
            return None if aspect == 1 else Media("", 0.0, False, aspect)
        sound = self._given_rate is None
        return self._decoder.media(self._clock, aspect, audio=sound)

    def _timed(self) -> Iterator[tuple[int, Any, float]]:
        """Index, frame and time of all frames."""
        try:
            for index, (frame, stamp, following) in enumerate(self._stamped()):
                time = self._clock(stamp, following) if self._given_rate is None else index / self._given_rate
                yield index, frame, time
                if self._fail and self._decoder.damage:
                    break
        except Stalled:
            self._decoder.damage.broken_off = "nothing more came in time"

    def _stamped(self) -> Iterator[tuple[Any, float | None, float | None]]:
        """Every frame with its timestamp and, but for pipes, that of the next one; a pipe may send that much later."""
        stamped = ((frame, self._decoder.seconds(frame)) for frame in self._decoder.frames())
        if isinstance(self._decoder.location, Pipe):
            yield from ((frame, stamp, None) for frame, stamp in stamped)
            return
        held: tuple[Any, float | None] | None = None
        try:
            for frame, stamp in stamped:
                if held is not None:
                    yield *held, stamp
                held = frame, stamp
        except Stalled:
            if held is not None:
                yield *held, None
            raise
        if held is not None:
            yield *held, None

    def _frame_at(self, start: int) -> tuple[int, Any, float]:
        # Frames are decoded and dropped: seeking by frame number is not exact in all containers.
        count = 0
        for item in self._frames:
            count += 1
            if item[0] >= start:
                return item
        if count == 0:
            raise InputError(f"`source` {self._shown}: no frame can be decoded. The file is damaged or no video.")
        raise InputError(f"`input.start` {start}: {self._shown} has only {counted(count, 'frame')}.")

    def __iter__(self) -> Iterator[Frame]:
        item, self._first = self._first, None
        settings, count = self.settings, 0
        while item is not None:
            index, frame, time = item
            if (index - settings.start) % settings.stride == 0:
                yield Frame(index, self._image(frame), time)
                count += 1
                if count == settings.max_frames:
                    break
            item = next(self._frames, None)
        self._tell_damage(complete=item is None)

    def _image(self, frame: Any) -> Any:
        return self._fit(self._decoder.image(frame), self._decoder.aspect(frame)) if self._pixels else None

    def _tell_damage(self, complete: bool) -> None:
        damage = self._decoder.damage
        if not damage:
            self._tell_early_end(complete)
            return
        parts = []
        if damage.lost:
            what = "could not be decoded and"
            parts.append(counted(damage.lost, f"frame {what} is left out", f"frames {what} are left out"))
        if damage.missing:
            parts.append(f"about {counted(damage.missing, 'frame is', 'frames are')} missing")
        if damage.flawed:
            parts.append(f"{counted(damage.flawed, 'frame is', 'frames are')} partly made up")
        text = f"{self._shown} is damaged: {', '.join(parts)}" if parts else f"{self._shown} breaks off"
        if damage.at:
            text += f", at {damage.where(self._clock.origin)}"
        if damage.broken_off:
            text += f"; reading ended with: {damage.broken_off}"
        announced = self._decoder.stream.frames
        expected = f" of about {announced}" if announced else ""
        text += f". {self._decoder.frames_out}{expected} frames were read."
        if self._fail:
            raise RunError(f"{text} Results so far are kept (input.on_error is fail).")
        self._warn(text)

    def _tell_early_end(self, complete: bool) -> None:
        """Say so where the file tells when its video ends, and frames stopped coming clearly before."""
        promised, last = self._decoder.promised_end, self._clock.last
        if not complete or promised is None or last is None or self._given_rate is not None:
            return
        end = last + self._clock.origin
        if promised - end > max(1.0, 2 * self._clock.longest):
            self._warn(
                f"{self._shown}: its video should last until {promised:.1f} s, but the last frame is at {end:.1f} s. "
                "The rest is missing or cannot be read."
            )

    def stop(self) -> None:
        if isinstance(self._decoder.location, Pipe):
            self._decoder.location.stop()

    def close(self) -> None:
        self.stop()
        self._decoder.close()


def open_video(
    path: Path, settings: SourceSettings, *, pixels: bool = True, warn: Warn = silent, fps: float | None = None
) -> VideoSource:
    """A video file.

    Raises:
        InputError: it is no video, or cannot be read.
    """
    _check_is_no_text(path)
    try:
        # An absolute path: in a relative one with a colon FFmpeg would read a protocol.
        decoder = Decoder(str(path.resolve()), str(path), timeout=settings.timeout, options=_playlist_options(path))
    except av.FFmpegError:
        raise InputError(
            f"`source` {path}: not a video that can be read. It is damaged, cut off, or of an unknown format."
        ) from None
    if decoder.format == "hls":
        _tell_missing_parts(path, warn)
    source = VideoSource(decoder, settings, name=path.stem, pixels=pixels, fps=fps, warn=warn)
    source.files = (path,)
    return source


def _playlist_options(path: Path) -> dict[str, str]:
    return LOCAL_OPTIONS if path.suffix.lower() in {".m3u8", ".m3u"} else {}


def _tell_missing_parts(playlist: Path, warn: Warn) -> None:
    """FFmpeg passes over parts of a playlist that it cannot read, or that a file may not lead to, without a word."""
    lines = playlist.read_text(encoding="utf-8", errors="replace").splitlines()
    parts = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    remote = [part for part in parts if scheme_of(part) not in {None, "file"}]
    missing = [part for part in parts if scheme_of(part) is None and not is_file(playlist.parent / part)]
    for found, what in ((remote, "is elsewhere: a playlist in a file does not lead there"), (missing, "is not there")):
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            warn(f"{playlist}: its part {hide_secrets(found[0])} {what}{more}. These frames are left out.")


def open_stdin(settings: SourceSettings, *, pixels: bool = True, warn: Warn = silent) -> VideoSource:
    """What comes through standard input, in any format that can be read from beginning to end.

    Raises:
        InputError: nothing comes, or no video.
    """
    if sys.stdin is None or sys.stdin.isatty():
        what = "closed" if sys.stdin is None else "the keyboard"
        raise InputError(f"`source` -: standard input is {what}. Send a video: ffmpeg … -f mpegts - | deepsort track -")
    pipe = Pipe(sys.stdin.fileno())
    try:
        return _open_pipe(pipe, settings, pixels=pixels, warn=warn)
    finally:
        if pipe.interrupted:
            raise KeyboardInterrupt


def _open_pipe(pipe: Pipe, settings: SourceSettings, *, pixels: bool, warn: Warn) -> VideoSource:
    try:
        decoder = Decoder(pipe, "standard input")
    except av.FFmpegError as error:
        what = "nothing comes" if not pipe.count else reason_of(error)
        raise InputError(f"`source` -: {what}. MPEG-TS, Matroska and MJPEG can be read while they come.") from None
    try:
        return VideoSource(decoder, settings, name="stdin", pixels=pixels, warn=warn)
    except InputError:
        if decoder.frames_out:
            raise
        raise InputError(
            "`source` -: no frame can be decoded. An MP4 with its index at the end cannot be read from a pipe: name "
            "the file, or send it as MPEG-TS."
        ) from None


class Pipe:
    """A pipe read by FFmpeg in another thread, which `stop` ends.

    Attributes:
        count: bytes read so far.
        interrupted: Ctrl-C came while waiting. It cannot be raised through FFmpeg.
    """

    def __init__(self, descriptor: int) -> None:
        self.interrupted = False
        self._descriptor = descriptor
        self._stopped = threading.Event()
        self.name = "standard input"
        self.count = 0

    def read(self, size: int) -> bytes:
        try:
            return self._read(size)
        except KeyboardInterrupt:
            self.interrupted = True
            self.stop()
            return b""

    def _read(self, size: int) -> bytes:
        while not self._stopped.is_set():
            with contextlib.suppress(OSError, ValueError):  # Windows cannot wait for pipes
                if not select.select([self._descriptor], [], [], 0.2)[0]:
                    continue
            data = os.read(self._descriptor, size)
            self.count += len(data)
            return data
        return b""

    def stop(self) -> None:
        self._stopped.set()


def _check_is_no_text(path: Path) -> None:
    """FFmpeg plays some text files as video; tell what they are instead."""
    try:
        with path.open("rb") as stream:
            head = stream.read(1024)
    except OSError as error:
        raise InputError(f"`source` {path}: cannot be read ({error.strerror or error}).") from None
    if not head:
        raise InputError(f"`source` {path}: the file is empty.")
    if head.lstrip(b"\xef\xbb\xbf").startswith(b"#EXTM3U") or head.startswith(b"YUV4MPEG2 "):
        return  # a playlist; bare pixels behind a line of text, which may all be letters to look at
    if head.startswith(b"version https://git-lfs"):
        raise InputError(f"`source` {path}: a Git LFS pointer, not the video itself. Fetch it with: git lfs pull")
    if all(byte >= 32 or byte in b"\t\n\r\f\x1b" for byte in head):
        with contextlib.suppress(UnicodeDecodeError):
            codecs.getincrementaldecoder("utf-8")().decode(head)  # a character cut at the end is fine
            listed = (
                " If it lists videos: `archive.output_dir`=out tracks them." if path.suffix in LIST_SUFFIXES else ""
            )
            raise InputError(f"`source` {path}: a text file, not a video.{listed}")
