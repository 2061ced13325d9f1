"""A video file of the annotated frames, at the source's pace and with its sound."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from deepsort_cli.core.counted import counted
from deepsort_cli.core.errors import RunError
from deepsort_cli.core.regions import Counts
from deepsort_cli.core.types import Frame, Image, Media, Tracks
from deepsort_cli.video.settings import OutputSettings
from deepsort_cli.video.sinks import mp4
from deepsort_cli.video.sinks.base import Job, Output, Say, Sink, TemporaryFile, write_error
from deepsort_cli.video.sinks.encoder import Encoding, check_video, choose_encoding
from deepsort_cli.video.sinks.pace import EvenPace
from deepsort_cli.video.sinks.pictures import even, fit, written_size
from deepsort_cli.video.sinks.remux import Span, remux
from deepsort_cli.video.sinks.sound import FAILURES, Sound, find_sound, format_of, reason_of
from deepsort_cli.video.sinks.space import room_for

ENOUGH = 1 << 20
"""Bytes that do not fit where the end of a video did not."""


class VideoSink(Sink):
    """A video file of the frames' images, each shown at its `time`, counted from the first.

    The codec follows the suffix: H.264 for .mp4, .m4v, .mov, .mkv; VP9 for .webm; MPEG-4 for .avi. Frames of another
    size than the first are fitted into it. An .avi has one frame rate: what does not fit into it is dropped, and gaps
    repeat the frame before. An mp4 is recorded in fragments, so that it can be played whatever happens, and rewritten
    for the web, index first, when it is closed. That is also when the source's sound is copied into any of them.
    """

    def __init__(
        self,
        path: Path,
        fps: float,
        *,
        settings: OutputSettings | None = None,
        media: Media | None = None,
        warn: Say = lambda message: None,
        note: Say = lambda message: None,
        in_place: bool = False,
    ) -> None:
        """Prepare the file; the encoder starts with the first frame.

        Args:
            fps: nominal frames per second of what will be written.
            settings: codec, crf, preset, max_side and audio; the rest is of no concern here.
            media: the recording that the frames come from, for its sound and the shape of its pixels.
            warn: takes messages about what the file will be without.
            note: takes facts worth a line.
            in_place: the file lies under its own name from the beginning; as mp4 or mkv it plays as far as it got.

        Raises:
            InputError: unknown suffix or codec.
        """
        settings = settings or OutputSettings()
        self._path = path
        self._warn = warn
        encoding = choose_encoding(path, fps, settings)
        if in_place:
            encoding = encoding.without_delay()
        shape = media.sample_aspect_ratio if media is not None else Fraction(1)
        if shape != 1 and not encoding.keeps_shape:
            note(f"{path}: pixels are made square, because {encoding.codec} cannot say that they are {shape}")
        self._encoder = _Encoder(path, encoding, shape, settings.max_side, in_place)
        self._sound: Sound | None = None
        if media is not None and media.audio and settings.audio:
            self._sound = find_sound(media, path, warn, note)
        self._closed = False

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        if frame.image is None:
            raise ValueError("a video needs frames with images")
        self._encoder.add(frame.image, frame.time)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        encoder = self._encoder
        file = encoder.file
        if file is None:  # no frame came
            return
        failure = encoder.finish()  # what `add` has raised was told then
        is_mp4 = self._path.suffix.lower() in mp4.SUFFIXES
        try:
            if encoder.failed and is_mp4:
                mp4.cut_torn_end(file.path)
            elif not encoder.failed and (is_mp4 or self._sound is not None):
                file = self._last_form(file, encoder.span, is_mp4)
        finally:
            file.publish()
        if failure is not None:
            raise failure
        self._tell_what_did_not_fit()

    def _last_form(self, file: TemporaryFile, span: Span, is_mp4: bool) -> TemporaryFile:
        """The same video with sound, and with its index first where there is one; itself where that fails."""
        if not room_for(
            self._path, file.path.stat().st_size
        ):  # it is a second file for a while; fragments play as well
            if self._sound is not None:
                self._warn(f"{self._path}: without the source's sound, because the disk is nearly full.")
            return file
        if self._sound is not None:
            try:
                return self._remuxed(file, span, self._sound)
            except FAILURES as error:
                self._warn(f"{self._path}: without the source's sound, which cannot be copied: {reason_of(error)}.")
        if is_mp4:
            with contextlib.suppress(*FAILURES, RunError):  # no room for a second file: fragments play as well
                return self._remuxed(file, span, None)
        return file

    def _remuxed(self, file: TemporaryFile, span: Span, sound: Sound | None) -> TemporaryFile:
        copy = TemporaryFile(self._path)
        options = mp4.INDEX_FIRST if self._path.suffix.lower() in mp4.SUFFIXES else {}
        try:
            remux(file.path, copy.path, format_of(self._path), options, span, sound)
        except BaseException:
            copy.remove()
            raise
        file.give_way()
        return copy

    def _tell_what_did_not_fit(self) -> None:
        pace = self._encoder.pace
        if isinstance(pace, EvenPace) and (pace.dropped or pace.holes):
            self._warn(
                f"{self._path}: has one frame rate, its source has not: "
                f"{counted(pace.dropped, 'frame was', 'frames were')} left out and "
                f"{pace.holes} repeated to keep the pace. An .mp4 or .mkv keeps every frame at its time."
            )


class _Encoder:
    """Encodes pictures into a temporary file, each shown until the next one comes."""

    def __init__(self, path: Path, encoding: Encoding, shape: Fraction, max_side: int | None, in_place: bool) -> None:
        self._path = path
        self._in_place = in_place
        self._encoding = encoding
        self._shape = shape
        self._max_side = max_side
        self._container: Any = None
        self._stream: Any = None
        self._given = self._size = (0, 0)
        self._held: Any = None
        self._durations: dict[int, int] = {}
        self.failed = False
        self.file: TemporaryFile | None = None
        self.pace = encoding.pace()

    def add(self, image: Image, seconds: float) -> None:
        """Take a picture.

        Raises:
            RunError: the file cannot be written any more.
        """
        try:
            if self._container is None:
                self._start(image.shape[1], image.shape[0])
            before = self.pace.last
            place = self.pace.place(seconds)
            if place is None:
                return
            planes = cv2.cvtColor(even(self._scaled(image)), cv2.COLOR_BGR2YUV_I420)
            picture = av.VideoFrame.from_ndarray(np.asarray(planes, dtype=np.uint8), format="yuv420p")
            picture.pts, picture.time_base = place, self.pace.tick
            if self._held is not None:
                self._encode(self._held, place - before)
            self._held = picture
        except (OSError, av.FFmpegError) as error:
            self.failed = True
            raise write_error(self._path, error) from None

    def finish(self) -> RunError | None:
        """Write what is left and close the file; what fails then."""
        failure: RunError | None = None
        try:
            if not self.failed:
                self._encode(self._held, self.pace.last_duration)
                self._mux(self._stream.encode())
        except (OSError, av.FFmpegError) as error:
            self.failed, failure = True, write_error(self._path, error)
        try:
            self._container.close()
        except (OSError, av.FFmpegError) as error:
            if not self.failed:
                self.failed, failure = True, write_error(self._path, error)
        if not self.failed and self._is_torn():
            self.failed, failure = True, write_error(self._path, self._why_torn())
        return failure

    def _is_torn(self) -> bool:
        """Whether the end of an mp4 is missing: FFmpeg says nothing where its last fragment could not be written."""
        is_mp4 = self._path.suffix.lower() in mp4.SUFFIXES
        return is_mp4 and self.file is not None and mp4.whole_bytes(self.file.path) < self.file.path.stat().st_size

    def _why_torn(self) -> OSError:
        """What the system says to more bytes now."""
        assert self.file is not None
        try:
            with self.file.path.open("ab") as end:
                end.write(bytes(ENOUGH))
        except OSError as error:
            return error
        return OSError("its end was not written")

    @property
    def span(self) -> Span:
        tick = self.pace.tick
        last = self.pace.last
        return Span(self.pace.first_seconds, float(last * tick), float((last + self.pace.last_duration) * tick))

    def _start(self, width: int, height: int) -> None:
        stored, squared = (self._shape, Fraction(1)) if self._encoding.keeps_shape else (Fraction(1), self._shape)
        self._given = (width, height)
        self._size = written_size(width, height, self._max_side, squared)
        self.file = TemporaryFile(self._path, in_place=self._in_place)
        options = mp4.FRAGMENTS if self._path.suffix.lower() in mp4.SUFFIXES else mp4.AT_ONCE
        if self._in_place and self._path.suffix.lower() in {".mkv", ".webm"}:
            options = {**options, "cluster_time_limit": "1000"}  # milliseconds; what is not in a cluster is lost
        self._container = av.open(str(self.file.path), "w", format=format_of(self._path), options=options)
        self._stream = self._encoding.add_to(self._container, *self._size, stored)
        if self._in_place:
            self._container.start_encoding()  # so that it can be opened from now on

    def _scaled(self, image: Image) -> Image:
        if (given := fit(image, *self._given)).shape[1::-1] == self._size:
            return given
        smaller = self._size[0] * self._size[1] < given.shape[0] * given.shape[1]
        how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(given, self._size, interpolation=how), dtype=np.uint8)

    def _encode(self, picture: Any, duration: int) -> None:
        self._durations[picture.pts] = duration
        self._mux(self._stream.encode(picture))

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            packet.duration = self._durations.pop(packet.pts, 0)
            self._container.mux(packet)


def _check(job: Job) -> None:
    source = job.source
    shape = source.media.sample_aspect_ratio if source.media is not None else Fraction(1)
    check_video(job.path, source.output_fps, job.settings, source.width, source.height, shape)


def _open(job: Job) -> VideoSink:
    fps = job.source.output_fps
    media = _media(job)
    return VideoSink(job.path, fps, settings=job.settings, media=media, warn=job.warn, note=job.note, in_place=job.part)


def _media(job: Job) -> Media | None:
    """The recording behind the video, without its sound where that would not go with the pictures."""
    media, settings = job.source.media, job.source.settings
    if media is None or not media.audio or not job.settings.audio:
        return media
    if settings.stride > 1:
        job.warn(f"{job.path}: without the source's sound, because of `input.stride`={settings.stride}.")
    elif settings.fps is not None:
        job.warn(f"{job.path}: without the source's sound, because `input.fps`={settings.fps:g} changes the pace.")
    else:
        return media
    return replace(media, audio=False)


OUTPUTS = (Output("save_video", "pictures", _open, check=_check, pixels=True, grows=True, bulky=True),)
