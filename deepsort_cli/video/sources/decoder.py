"""Containers read with PyAV: packets, frames, and what is damaged in them.

FFmpeg's own messages hold the address that was opened, with its password, so none of them is passed on.
"""

from __future__ import annotations

import contextlib
import errno
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type as SideData
from av.video.reformatter import VideoReformatter

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.images import MAX_PIXELS
from deepsort_cli.core.types import Image, Media
from deepsort_cli.video.sources.clock import Clock
from deepsort_cli.video.sources.geometry import turn_of

TEXT_FORMATS = frozenset({"tty", "srt", "ass", "webvtt", "lrc", "microdvd", "subviewer"})
"""What FFmpeg makes of text files."""

MOST_FAULTS_IN_A_ROW = 1000
MOST_BETWEEN = 512
"""Bytes between two packets of a Matroska file with one track: the heads of blocks and clusters are far smaller."""

PLAIN_CODECS = frozenset({"h264", "hevc", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg", "msmpeg4v3", "vp9", "ffv1"})
"""One packet is one frame."""


class Stalled(Exception):
    """Nothing came within the time allowed."""


@dataclass
class Damage:
    """What a decoder could not make out.

    Attributes:
        lost: frames that could not be decoded.
        flawed: frames in which parts had to be made up.
        missing: about how many frames lay in parts of the file that its reader passed over.
        at: seconds in the container where that was.
        broken_off: why reading ended before the end; None where it did not.
    """

    lost: int = 0
    flawed: int = 0
    missing: int = 0
    at: list[float] = field(default_factory=list)
    broken_off: str | None = None

    def __bool__(self) -> bool:
        return bool(self.lost or self.flawed or self.missing or self.broken_off)

    def where(self, origin: float) -> str:
        """The times in seconds after `origin`, neighbours joined: 1.2–1.4 s, 7.0 s."""
        spans: list[list[float]] = []
        for moment in sorted(max(0.0, at - origin) for at in self.at):
            if spans and moment - spans[-1][1] < 1.0:
                spans[-1][1] = moment
            else:
                spans.append([moment, moment])
        texts = [f"{a:.1f} s" if f"{a:.1f}" == f"{b:.1f}" else f"{a:.1f}–{b:.1f} s" for a, b in spans]
        return ", ".join([*texts[:8], f"and {len(texts) - 8} more places"] if len(texts) > 8 else texts)


def reason_of(error: av.FFmpegError) -> str:
    """What went wrong, in FFmpeg's general words: no address in it."""
    if isinstance(error, av.error.ExitError):
        return "no answer in time"
    if isinstance(error, av.error.InvalidDataError):
        return "what comes is no video that can be read"
    if isinstance(error, av.error.ProtocolNotFoundError):
        return "PyAV's FFmpeg does not have this protocol"
    if isinstance(error, OSError) and error.errno == errno.ENOSYS:
        return "this format cannot be read from beginning to end"
    if isinstance(error, OSError) and error.errno == errno.EIO:
        return "no connection, or what comes is no video"
    return (error.strerror or type(error).__name__).split(":")[0].strip()


def open_container(
    location: Any, *, timeout: float | None, options: Mapping[str, str], format: str | None = None
) -> Any:
    """A PyAV input container.

    Args:
        location: file name, URL or an object with `read`.
        timeout: seconds to wait for the connection and for each packet; None for ever.
        options: FFmpeg's, for demuxer and protocol.

    Raises:
        av.FFmpegError: it cannot be opened.
    """
    limits = None if timeout is None else (timeout, timeout)
    return av.open(
        location, format=format, options={"max_pixels": str(MAX_PIXELS), **options}, timeout=limits,
        metadata_errors="replace",
    )  # fmt: skip


class Decoder:
    """The best video stream of a container, packet by packet and frame by frame.

    Attributes:
        container, stream: PyAV's.
        damage: what was met so far.
        lost_at: seconds in the container of packets that could not be decoded.
        frames_out: frames given so far.
        headless: packets before the first key frame: what they need for decoding was not recorded.
        first_packet: the bytes of the first one.
    """

    def __init__(
        self,
        location: Any,
        shown: str,
        *,
        timeout: float | None = None,
        options: Mapping[str, str] | None = None,
        low_delay: bool = False,
    ) -> None:
        """Open a container.

        Args:
            location: what `open_container` takes.
            shown: how messages call it.
            low_delay: give every frame as soon as its packet came, in one thread where slices do not allow more.

        Raises:
            av.FFmpegError: it cannot be opened.
            InputError: it holds no video, or frames larger than allowed.
        """
        self.location, self.shown = location, shown
        self._options, self._timeout = dict(options or {}), timeout
        self.container = open_container(location, timeout=timeout, options=self._options)
        try:
            self.stream = self._choose_stream()
        except BaseException:
            self.container.close()
            raise
        self.stream.thread_type = "SLICE" if low_delay else "AUTO"
        for other in self.container.streams:
            if other.index != self.stream.index:
                other.discard = av.stream.Discard.all
        self.damage = Damage()
        self.lost_at: list[float] = []
        self.frames_out = 0
        self.headless = 0
        self._found_key = self._first_key = False
        self._packets_in = 0
        self._last_pts: int | None = None
        # FFmpeg's reader of Matroska passes over what is damaged without a word.
        self._is_compact = self.format.startswith("matroska") and len(self.container.streams) == 1
        self._before: Any = None
        self.first_packet: bytes | None = None
        self._held: deque[Any] = deque()
        self._reformatter = VideoReformatter()

    def _choose_stream(self) -> Any:
        container = self.container
        stream = container.streams.best("video")
        if container.format.name in TEXT_FORMATS:
            raise InputError(f"`source` {self.shown}: a text file, not a video.")
        if stream is None or stream.disposition & av.stream.Disposition.attached_pic:
            what = f"holds no video ({container.format.long_name})"
            if container.streams.audio:
                cover = " and a cover picture" if stream is not None else ""
                what = f"holds sound{cover} only, no video"
            raise InputError(f"`source` {self.shown}: {what}.")
        if stream.codec_context is None:
            raise InputError(f"`source` {self.shown}: its video codec is not known to FFmpeg; convert it to H.264.")
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > MAX_PIXELS:
            raise InputError(
                f"`source` {self.shown}: {width}×{height} pixels are more than the {MAX_PIXELS:,} allowed."
            )
        return stream

    @property
    def other_videos(self) -> int:
        """How many more video streams there are."""
        pictures = av.stream.Disposition.attached_pic
        return sum(not other.disposition & pictures for other in self.container.streams.video) - 1

    @property
    def format(self) -> str:
        return str(self.container.format.name)

    @property
    def starts_at_key(self) -> bool:
        """The frames before the first key frame were not given."""
        return self._found_key and self._packets_in > self.headless and self._first_key

    @property
    def is_remote(self) -> bool:
        return isinstance(self.location, str) and "://" in self.location

    @property
    def promised_end(self) -> float | None:
        """When the video ends, in the container's seconds, by formats whose readers pass over what they cannot read.

        A Matroska file has this for every track, a playlist as the sum of its parts. None elsewhere: a duration may
        come from sound, from what was cut away, or from a guess.
        """
        if self.format.startswith("matroska"):
            found = re.fullmatch(r"(\d+):(\d+):([\d.]+)", self.stream.metadata.get("DURATION", ""))
            return 3600.0 * int(found[1]) + 60.0 * int(found[2]) + float(found[3]) if found else None
        if self.format == "hls" and self.duration is not None and self.stream.start_time is not None:
            return self.duration + float(self.stream.start_time * self.stream.time_base)
        return None

    @property
    def duration(self) -> float | None:
        """Seconds that the container announces; None where it does not know."""
        duration = self.container.duration
        return None if duration is None or duration <= 0 else duration / av.time_base

    @property
    def size(self) -> int | None:
        """Bytes in all; None where that is not known beforehand."""
        size = self.container.size
        return size if size > 0 else None

    @property
    def rate(self) -> float | None:
        """Frames per second on average; None where nothing sensible is announced."""
        for rate in (self.stream.average_rate, self.stream.guessed_rate, self.stream.base_rate):
            if rate is not None and 0.1 <= rate <= 480:
                return float(rate)
        return None

    @property
    def expected_frames(self) -> int | None:
        """About how many frames there are; None where nothing lets one guess."""
        if self.stream.frames > 0:
            return int(self.stream.frames)
        rate, duration = self.rate, self.duration
        return round(rate * duration) if rate and duration and rate * duration < 1e9 else None

    def media(self, clock: Clock, aspect: Fraction, *, audio: bool = True) -> Media:
        """What a written video takes over, see `Media`; the clock is that of its frames."""
        has_audio = audio and len(self.container.streams.audio) > 0
        return Media(str(self.location), clock.origin, has_audio, aspect, clock.later)

    def close(self) -> None:
        self.container.close()

    # Reading

    def hold(self, packets: list[Any]) -> None:
        """Put packets back that were read before the first frame."""
        self._held.extend(packets)

    def packets(self) -> Iterator[Any]:
        """Packets of the video, then None once. Reading goes on behind damaged places.

        Raises:
            Stalled: nothing came within the time allowed.
        """
        while self._held:
            packet = self._held.popleft()
            yield packet
            if packet is None:
                return
        faults, demuxed = 0, self.container.demux(self.stream)
        while faults < MOST_FAULTS_IN_A_ROW:
            try:
                packet = next(demuxed)
            except StopIteration:
                break
            except av.error.ExitError:
                raise Stalled from None
            except av.error.InvalidDataError:
                faults += 1
                if self.format != "mpjpeg":  # there it is the mark behind the last picture
                    self._note_fault(None)
                demuxed = self.container.demux(self.stream)  # goes on where the last one failed
                continue
            except av.FFmpegError as error:
                if self.size is not None or not (isinstance(error, OSError) and error.errno == errno.EIO):
                    self.damage.broken_off = "the connection ended" if self.is_remote else reason_of(error)
                break  # else it has announced no length, and this is how it ends
            faults = 0
            if packet.size == 0 and packet.dts is None:
                break
            if self.first_packet is None:
                self.first_packet = bytes(packet)
            if self._is_compact:
                self._note_hole(packet)
            yield packet
        yield None

    def frames(self, *, live: bool = False) -> Iterator[Any]:
        """Decoded frames in order of presentation; those that cannot be decoded are counted and passed over.

        Args:
            live: it may go on, and be damaged, for weeks: where that was is not kept.

        Raises:
            Stalled: nothing came within the time allowed, or, `live`, nothing any more that can be decoded.
        """
        since = time.monotonic()
        for packet in self.packets():
            if packet is not None and not packet.is_discard:
                self._packets_in += 1
                self._found_key = self._found_key or packet.is_keyframe
                self.headless += not self._found_key
            for frame in self._decoded(packet):
                yield frame
                since = time.monotonic()
            if live:
                self._go_on_without_places(since)
        yield from self._tail()

    def _go_on_without_places(self, since: float) -> None:
        """Forget where damage was; raise `Stalled` where the last frame is too long ago, as of a sender that encodes
        in another way since."""
        self.damage.at.clear()
        self.lost_at.clear()
        if self.frames_out and self._timeout is not None and time.monotonic() - since > self._timeout:
            raise Stalled

    def _decoded(self, packet: Any) -> Iterator[Any]:
        try:
            frames = self.stream.decode(packet) if packet is not None else self.stream.codec_context.decode(None)
        except EOFError:
            return
        except av.FFmpegError:
            self._note_fault(packet)
            return
        for frame in frames:
            if self.format == "avi":
                # It knows the order of packets only; what FFmpeg makes of that for reordered frames goes to and fro.
                frame.pts = frame.dts if frame.dts is not None or self._last_pts is None else self._last_pts + 1
            if frame.is_corrupt:  # packets are also called corrupt where recordings were joined, and are whole
                self.damage.flawed += 1
                self.damage.at.append(self._place(frame.pts))
            if self.frames_out == 0:
                self._first_key = bool(frame.key_frame)
            self._last_pts = frame.pts if frame.pts is not None else self._last_pts
            self.frames_out += 1
            yield frame

    def _tail(self) -> Iterator[Any]:
        """Frames that were still in the decoder's threads when a damaged packet near the end stopped them.

        PyAV cannot take them out any more, so the last stretch is decoded again without threads.
        """
        missing = self._packets_in - self.damage.lost - self.frames_out
        if missing <= 0 or self._last_pts is None or self.stream.codec_context.name not in PLAIN_CODECS:
            return
        if self.size is None or self.is_remote or not isinstance(self.location, str):
            self.damage.lost += missing if self.damage else 0
            return
        with contextlib.suppress(av.FFmpegError, InputError, Stalled):
            again = Decoder(self.location, self.shown, timeout=self._timeout, options=self._options, low_delay=True)
            with contextlib.closing(again):
                again.container.seek(self._last_pts, stream=again.stream, backward=True)
                last = self._last_pts
                for packet in again.packets():
                    for frame in again._decoded(packet):
                        if frame.pts is not None and frame.pts > last:
                            self.frames_out += 1
                            yield frame
            new = [at for at in again.lost_at if at > last * self.stream.time_base and at not in self.lost_at]
            self.lost_at.extend(new)
            self.damage.at.extend(new)
            self.damage.lost += len(new)

    def _note_fault(self, packet: Any) -> None:
        stamp = None if packet is None else packet.pts if packet.pts is not None else packet.dts
        place = self._place(stamp)
        self.damage.lost += 1
        self.damage.at.append(place)
        self.lost_at.append(place)

    def _note_hole(self, packet: Any) -> None:
        """Note what lies between this packet and the one before, where that is more than the format puts there."""
        before, self._before = self._before, packet
        if before is None or packet.pos is None or before.pos is None or self.rate is None:
            return
        stamps = [each.pts if each.dts is None else each.dts for each in (before, packet)]
        if packet.pos - before.pos - before.size <= MOST_BETWEEN or None in stamps:
            return
        begin, end = (float(stamp * packet.time_base) for stamp in stamps)
        missing = round((end - begin) * self.rate) - 1
        if missing > 0:
            self.damage.missing += missing
            self.damage.at += [begin, end]

    def _place(self, stamp: int | None) -> float:
        """Seconds in the container; from the frames before where there is no timestamp."""
        stamp = self._last_pts if stamp is None else stamp
        return self.frames_out / (self.rate or 25.0) if stamp is None else float(stamp * self.stream.time_base)

    # Frames

    def seconds(self, frame: Any) -> float | None:
        """The frame's timestamp in seconds; None where it has none."""
        return None if frame.pts is None else float(frame.pts * self.stream.time_base)

    def image(self, frame: Any) -> Image:
        """The frame's pixels, turned as the container asks."""
        picture: Any = self._reformatter.reformat(frame, format="bgr24", threads=1).to_ndarray()
        turn, _ = turn_of(self._matrix(frame))
        return np.ascontiguousarray(picture if turn is None else turn(picture))

    def picture_decoder(self) -> Callable[[Any], Image | None]:
        """For streams of whole pictures: what makes an image of a packet, None where it cannot.

        It may be called in another thread than the one that reads packets, for any of them, and after `close`.
        """
        context: Any = av.CodecContext.create(self.stream.codec_context.name, "r")
        context.options = {"max_pixels": str(MAX_PIXELS)}
        context.thread_count = 1
        turn = threading.Lock()

        def decode(packet: Any) -> Image | None:
            with turn:
                try:
                    frames = context.decode(packet)
                except av.FFmpegError:
                    return None
                return self.image(frames[0]) if frames else None

        return decode

    def size_of(self, frame: Any) -> tuple[int, int]:
        """Width and height of `image(frame)`."""
        _, swapped = turn_of(self._matrix(frame))
        return (frame.height, frame.width) if swapped else (frame.width, frame.height)

    def aspect(self, frame: Any) -> Fraction:
        """Width / height of the pixels of `image(frame)` as they are to be shown; 1 where nothing says."""
        ratio = self.stream.sample_aspect_ratio or self.stream.codec_context.sample_aspect_ratio
        if not ratio or not Fraction(1, 20) <= ratio <= 20:
            return Fraction(1)
        _, swapped = turn_of(self._matrix(frame))
        return 1 / Fraction(ratio) if swapped else Fraction(ratio)

    @staticmethod
    def _matrix(frame: Any) -> bytes | None:
        found = frame.side_data.get(SideData.DISPLAYMATRIX)
        return None if found is None else bytes(found)
