"""Cameras and network streams: read by a thread that keeps the newest frame and reconnects when they are lost."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import av
import cv2
import numpy as np

from deepsort_cli.core.counted import counted
from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.images import MAX_PIXELS
from deepsort_cli.core.types import Frame, Image, Media
from deepsort_cli.video.settings import SourceSettings
from deepsort_cli.video.sources.base import Source, Warn, silent
from deepsort_cli.video.sources.decoder import Decoder, Stalled
from deepsort_cli.video.sources.geometry import FirstSize
from deepsort_cli.video.sources.pictures import quiet_opencv

CAMERA_FPS = 30.0
MAX_RECONNECT_DELAY = 10.0
CLOSING_SECONDS = 2.0
TOLD_ATTEMPTS = 10
"""How many attempts in a row to reconnect are told one by one; later only every tenth, about every other minute."""
END_OF_JPEG = b"\xff\xd9"
MOST_APART = 60.0
"""Seconds between two frames by the sender's clock; more is a clock that was set."""


Shot = Callable[[], Image | None]
"""A frame that came; called, at most once, it gives the picture, or None where that cannot be decoded. Most frames of a
camera that is faster than the tracker are never looked at, so the work of decoding is left until one is wanted."""


class Reader(Protocol):
    """An open connection to something that sends frames."""

    fps: float | None
    stamp: float | None
    """Seconds by the sender's clock of the frame read last; None where it has no clock."""
    aspect: Fraction
    """Width / height of the pixels of the frame read last, as they are to be shown."""

    def read(self) -> Shot | None:
        """The next frame; None when none comes any more."""

    def close(self) -> None: ...


def first_picture(reader: Reader) -> Image | None:
    """The first one that can be decoded; None when none comes."""
    while (shot := reader.read()) is not None:
        if (image := shot()) is not None:
            return image
    return None


class LiveSource(Source):
    """A camera or network stream.

    Times are those at which frames came, whether or not those before them were yielded; of streams with timestamps, the
    first frame after each connection has the time at which it came, and the sender's clock counts from there.
    """

    is_live = True

    def __init__(
        self,
        reader: Reader,
        connect: Callable[[], Reader | None],
        settings: SourceSettings,
        *,
        kind: str,
        name: str,
        shown: str,
        warn: Warn = silent,
    ) -> None:
        """Take over an open connection and read one frame.

        Args:
            connect: connects anew; None where nothing answers.
            shown: how messages call it.
            warn: called from the reading thread when the connection is lost and found again.

        Raises:
            InputError: no frame comes.
        """
        self.kind = kind
        self._reader, self._connect = reader, connect
        self._shown, self._warn = shown, warn
        try:
            image = first_picture(reader)
            if image is None:
                raise InputError(f"`source` {shown}: it answers, but sends no frame that can be read.")
        except BaseException:
            reader.close()
            raise
        fps = reader.fps
        fps = fps if fps is not None and math.isfinite(fps) and 1 <= fps <= 240 else CAMERA_FPS
        super().__init__(name, image.shape[1::-1], fps, settings, None)
        self._fit = FirstSize(shown, warn)
        self._fit(image, reader.aspect)  # frames that nobody takes may come before the size changes
        self.media = None if reader.aspect == 1 else Media("", 0.0, False, reader.aspect)
        self._started = time.monotonic()
        self._captured = self._given = 0
        self._time: float | None = None
        self._stamp: float | None = None
        self._newest: tuple[Shot, float, float, Fraction] | None = None
        self._error: Exception | None = None
        self._stop = threading.Event()
        self._stopped_at = 0.0
        self._changed = threading.Condition()
        self._offer(lambda: image)
        self._thread = threading.Thread(target=self._read_forever, name=f"reader of {self.name}", daemon=True)

    def __iter__(self) -> Iterator[Frame]:
        self._start()
        while not self._has_enough() and (taken := self._take()) is not None:
            image, moment, arrived = taken
            yield Frame(self._given - 1, image, moment, arrived=arrived)

    def wait(self) -> None:
        self._start()
        with self._changed:
            while not (self._newest or self._error or self._stop.is_set() or self._has_enough()):
                self._changed.wait(0.5)

    def _has_enough(self) -> bool:
        return self.settings.max_frames is not None and self._given >= self.settings.max_frames

    def stop(self) -> None:
        if not self._stop.is_set():
            self._stopped_at = time.monotonic()
            self._stop.set()
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        self.stop()
        if self._thread.is_alive():
            # A read that hangs ends by its own timeout; the thread is a daemon and releases the connection itself.
            self._thread.join(timeout=max(0.1, self._stopped_at + CLOSING_SECONDS - time.monotonic()))
        else:
            self._reader.close()

    def _start(self) -> None:
        if self._thread.ident is None:
            self._thread.start()

    def _read_forever(self) -> None:
        try:
            while not self._stop.is_set():
                shot = self._reader.read()
                if shot is None:
                    shot = self._reconnect()
                if shot is None:
                    break
                self._offer(shot)
        except Exception as error:  # surfaces in the thread that takes the frames
            self._error = error
        finally:
            self._reader.close()
            self._stop.set()
            with self._changed:
                self._changed.notify_all()

    def _reconnect(self) -> Shot | None:
        """The first frame after a lost connection; None when no more are wanted, or when it was a recording's end."""
        if self._has_enough():
            return None
        attempts, delay = self.settings.reconnect_attempts, self.settings.reconnect_delay
        before = self._reader
        before.close()
        self.connected = False
        for attempt in itertools.count(1) if attempts is None else range(1, attempts + 1):
            if self._stop.is_set():
                return None
            if attempt <= TOLD_ATTEMPTS or attempt % 10 == 0:
                number = f"{attempt}" if attempts is None else f"{attempt} of {attempts}"
                self._warn(f"{self._shown}: no frame comes; attempt {number} to reconnect in {delay:g} s.")
            if self._stop.wait(delay):
                return None
            reader = self._connect()
            shot = reader.read() if reader is not None else None
            if reader is not None and shot is not None:
                self._reader = reader
                self._stamp = None
                if isinstance(reader, NetworkReader) and reader.begins_like(before):
                    self._warn(f"{self._shown}: begins anew, so it was a recording, and it has ended.")
                    return None
                self._warn(f"{self._shown}: connected again.")
                self.connected = True
                self.reconnects += 1
                return shot
            if reader is not None:
                reader.close()
            delay = min(2 * delay, max(delay, MAX_RECONNECT_DELAY))  # who asks for more patience gets it
        raise RunError(
            f"{self._shown}: lost, and {counted(attempts or 0, 'attempt')} to reconnect failed. Results so far are "
            "kept. `input.reconnect_attempts`=null would go on trying."
        )

    def _offer(self, shot: Shot) -> None:
        moment = self._moment()
        number = self._captured - self.settings.start
        self._captured += 1
        if number < 0 or number % self.settings.stride:
            return
        with self._changed:
            while not self.settings.newest and self._newest is not None and not self._stop.is_set():
                self._changed.wait(0.5)
            self.skipped += self._newest is not None
            self._newest = shot, moment, time.monotonic(), self._reader.aspect
            self._changed.notify_all()

    def _moment(self) -> float:
        """The time of the frame just read, later than that of the one before."""
        now, stamp = time.monotonic() - self._started, self._reader.stamp
        if self._time is None:
            now = 0.0
        elif stamp is not None and self._stamp is not None and 0 < stamp - self._stamp < MOST_APART:
            now = self._time + stamp - self._stamp
        else:
            now = max(now, self._time + 1e-3)
        self._time, self._stamp = now, stamp
        return now

    def _take(self) -> tuple[Image, float, float] | None:
        """The newest frame's picture, its time and when it came, as soon as there is one; None at the end."""
        while True:
            with self._changed:
                while self._newest is None:
                    if self._error is not None:
                        raise self._error
                    if self._stop.is_set():
                        return None
                    self._changed.wait(0.5)  # a wait without limit could not be interrupted by Ctrl-C everywhere
                (shot, moment, arrived, aspect), self._newest = self._newest, None
                self._changed.notify_all()
            image = shot()
            if image is not None:
                self._given += 1
                return self._fit(image, aspect), moment, arrived


class CameraReader:
    """A local camera, read with OpenCV."""

    def __init__(self, capture: Any) -> None:
        self._capture = capture
        self.fps: float | None = capture.get(cv2.CAP_PROP_FPS)
        self.stamp: float | None = None
        self.aspect = Fraction(1)

    def read(self) -> Shot | None:
        decoded, image = self._capture.read()
        return (lambda: np.asarray(image)) if decoded and image is not None else None

    def close(self) -> None:
        self._capture.release()


class NetworkReader:
    """A network stream, read with PyAV."""

    def __init__(self, decoder: Decoder, *, may_be_recording: bool = False) -> None:
        """Take over an open decoder.

        Args:
            may_be_recording: whether beginning with the same packet again means that it is no live stream.
        """
        self._decoder = decoder
        # The pictures of an MJPEG camera need no others for decoding, and FFmpeg counts them and calls that a time.
        self._shots = self._pictures() if decoder.format == "mpjpeg" else self._shots_of_video()
        self._may_be_recording = may_be_recording
        self.fps = decoder.rate
        self.stamp: float | None = None
        self.aspect = Fraction(1)

    def read(self) -> Shot | None:
        with contextlib.suppress(Stalled):
            return next(self._shots, None)
        return None

    def _shots_of_video(self) -> Iterator[Shot]:
        for frame in self._decoder.frames(live=True):
            self.stamp, self.aspect = self._decoder.seconds(frame), self._decoder.aspect(frame)
            if frame.width * frame.height <= MAX_PIXELS:
                yield partial(self._decoder.image, frame)

    def _pictures(self) -> Iterator[Shot]:
        decode = self._decoder.picture_decoder()
        for packet in self._decoder.packets():
            if packet is None:
                return
            if bytes(packet).rstrip(b"\r\n\0").endswith(END_OF_JPEG):
                yield partial(decode, packet)
            elif (image := decode(packet)) is not None:  # cut off, so that one has to see what there is of it
                yield partial(_same, image)

    def begins_like(self, other: Reader) -> bool:
        """It is the same from its first packet on, so what both send is a file."""
        if not self._may_be_recording or not isinstance(other, NetworkReader):
            return False
        first = self._decoder.first_packet
        return first is not None and first == other._decoder.first_packet

    def close(self) -> None:
        self._decoder.close()


def _same(image: Image) -> Image:
    return image


def open_camera(target: int | str, settings: SourceSettings, warn: Warn = silent) -> LiveSource:
    """A camera by number or device path.

    Raises:
        InputError: none answers, or no frame comes.
    """

    def connect() -> CameraReader | None:
        capture = open_capture(target)
        if capture.isOpened():
            return CameraReader(capture)
        capture.release()
        return None

    reader = connect()
    name = f"camera{target}".replace("camera/dev/", "")
    try:
        if reader is None:
            raise InputError("")
        return LiveSource(reader, connect, settings, kind="camera", name=name, shown=f"camera {target}", warn=warn)
    except InputError:
        raise InputError(_no_camera(target)) from None


def open_capture(target: int | str) -> Any:
    """An OpenCV capture of a camera number or a device; the caller checks `isOpened()`.

    The one place where captures are made, so that tests can put a fake camera here.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    with quiet_opencv():
        return cv2.VideoCapture(target) if isinstance(target, int) else cv2.VideoCapture(target, cv2.CAP_V4L2)


def _no_camera(target: int | str) -> str:
    text = f"`source` {target}: no camera answers at index {target}."
    if isinstance(target, str):
        text = f"`source` {target}: no camera answers at this device."
    if sys.platform.startswith("linux"):
        devices = sorted(str(device) for device in Path("/dev").glob("video*"))
        found = f"devices found: {', '.join(devices)}" if devices else "no /dev/video* device exists"
        text += f" On this machine {found}."
    return text + " Connect it, close other programs that use it, or try another number, a video file, or demo."


def reconnecting(connect: Callable[[], NetworkReader]) -> Callable[[], NetworkReader | None]:
    """`connect` that gives None instead of an error."""

    def again() -> NetworkReader | None:
        try:
            return connect()
        except (av.FFmpegError, InputError):
            return None

    return again
