"""The sound of a source, copied as it is into the video written from it."""

from __future__ import annotations

import contextlib
import io
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from deepsort_cli.core.types import Media
from deepsort_cli.video.sinks import mp4
from deepsort_cli.video.sources.clock import begins_anew

FAILURES = (OSError, ValueError, av.FFmpegError)
"""What PyAV raises. Trouble with sound costs the sound, never the video."""

TIMEOUT = 10.0
PRIMING = 0.1
"""Seconds before the first frame in which the first packet may lie: codecs begin with a little that is not heard."""

PRIMED_CODECS = frozenset({"opus", "libopus"})
"""Codecs that say so themselves in every format."""

SEEK_MARGIN = 5.0
"""Seconds before the wanted part at which reading begins: seeking is not exact everywhere."""

FORMATS = {".m4v": "mp4", ".mkv": "matroska"}
"""Suffixes that are not the name of their format."""


def format_of(path: Path) -> str:
    """FFmpeg's name of a video file's format."""
    suffix = path.suffix.lower()
    return FORMATS.get(suffix, suffix[1:])


@dataclass(frozen=True)
class Sound:
    """Sound tracks of a recording that fit into the file to be written.

    Attributes:
        media: the recording.
        tracks: positions of the tracks among the streams of its container.
        primed: the format written has a way to say that the beginning of a track is not heard.
    """

    media: Media
    tracks: tuple[int, ...]
    primed: bool

    def open(self) -> Any:
        """Its container.

        Raises:
            FAILURES: it cannot be opened any more.
        """
        return av.open(self.media.location, timeout=TIMEOUT)

    def packets(self, container: Any, begin: float, length: float) -> Iterator[Any]:
        """Packets from `begin`, in seconds of `Frame.time`, on; times count from there, `length` seconds long.

        Raises:
            FAILURES: it cannot be read any further.
        """
        origins = [self.media.origin, *self.media.later]
        if begin > 2 * SEEK_MARGIN and len(origins) == 1:  # else a time does not say where it is
            with contextlib.suppress(*FAILURES):  # then all is read from the start
                container.seek(int((origins[0] + begin - SEEK_MARGIN) * av.time_base))
        pieces = {track: _Pieces(origins) for track in self.tracks}
        playing = {container.streams[track]: None for track in self.tracks}
        newest: dict[int, int] = {}
        passed: set[int] = set()
        for packet in _past_damage(container, list(playing)):
            if packet.pts is None or packet.time_base is None:
                continue
            zero = pieces[packet.stream_index].origin(float(packet.pts * packet.time_base)) + begin
            packet.pts -= round(zero / packet.time_base)
            packet.dts = packet.pts  # sound is never reordered
            seconds = packet.pts * packet.time_base
            primed = self.primed or packet.stream.codec_context.name in PRIMED_CODECS
            is_first = packet.stream_index not in newest and packet.stream_index not in passed
            earliest = -PRIMING if primed and is_first else 0.0
            if seconds >= length:
                playing.pop(packet.stream, None)
                if not playing:
                    return
            elif seconds >= earliest and packet.dts > newest.get(packet.stream_index, packet.dts - 1):
                newest[packet.stream_index] = packet.dts
                yield packet
            else:
                passed.add(packet.stream_index)


class _Pieces:
    """Follows one track through the pieces of a recording whose timestamps begin anew, as those of its pictures do."""

    def __init__(self, origins: Sequence[float]) -> None:
        """Begin; `origins` are the times in the container at which `Frame.time` would be 0, piece by piece."""
        self._left = deque(origins)
        self._last: float | None = None

    def origin(self, seconds: float) -> float:
        """That of the piece which the next packet, at this time in the container, belongs to."""
        if len(self._left) > 1 and self._last is not None and begins_anew(seconds - self._last):
            self._left.popleft()
        self._last = seconds
        return self._left[0]


def _past_damage(container: Any, streams: list[Any]) -> Iterator[Any]:
    """The packets of some streams; after damage it goes on, as long as anything comes at all."""
    while True:
        came = False
        try:
            for packet in container.demux(streams):
                came = True
                yield packet
        except av.FFmpegError:
            if not came:
                raise
        else:
            return


def find_sound(media: Media, path: Path, warn: Callable[[str], None], note: Callable[[str], None]) -> Sound | None:
    """The sound tracks of `media` that a video at `path` can hold; says which it cannot, and what to do."""
    try:
        with av.open(media.location, timeout=TIMEOUT) as container:
            streams = container.streams.audio
            fitting = tuple(stream.index for stream in streams if _fits(media, stream.index, format_of(path)))
            others = [stream.codec_context.codec.canonical_name for stream in streams if stream.index not in fitting]
    except FAILURES as error:
        warn(f"{path}: without the source's sound, which cannot be read: {reason_of(error)}.")
        return None
    if others:
        what = "the source's sound" if not fitting else f"{len(others)} of the source's {len(streams)} sound tracks"
        suffix = path.suffix.lower()
        remedy = (
            f" Use {path.stem}.mkv to keep it, or `output.audio`=false to leave it out." if suffix != ".mkv" else ""
        )
        warn(f"{path}: without {what} ({', '.join(others)}), which {suffix} files cannot hold.{remedy}")
    elif len(fitting) > 1:
        note(f"{path}: all {len(fitting)} sound tracks of the source are kept")
    return Sound(media, fitting, path.suffix.lower() in mp4.SUFFIXES) if fitting else None


def _fits(media: Media, track: int, format_name: str) -> bool:
    """Whether the first packet of a track can be written into a file of this format."""
    try:
        with (
            av.open(media.location, timeout=TIMEOUT) as source,
            av.open(io.BytesIO(), "w", format=format_name) as target,
        ):
            stream = source.streams[track]
            copy = target.add_stream_from_template(stream)
            for packet in source.demux(stream):
                if packet.pts is not None:
                    packet.dts = packet.pts
                    packet.stream = copy
                    target.mux(packet)
                    return True
    except FAILURES:
        pass
    return False


def reason_of(error: Exception) -> str:
    """Why PyAV failed, without the address, which may hold a password."""
    return str(getattr(error, "strerror", None) or type(error).__name__)
