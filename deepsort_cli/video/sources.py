"""Where frames come from: cameras, video files, images, MOTChallenge sequences, network streams, the demo scene."""

from __future__ import annotations

import codecs
import contextlib
import glob
import math
import os
import re
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import cv2
import numpy as np
from PIL import Image as PillowImage

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.mot import DEFAULT_FPS, SequenceInfo, read_seqinfo
from deepsort_cli.core.types import Frame, Image, Media
from deepsort_cli.video.demo import DemoScene, GroundTruth
from deepsort_cli.video.settings import DemoSettings, SourceSettings

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"})
VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".wmv", ".flv"})
URL_SCHEMES = frozenset({"rtsp", "rtsps", "rtmp", "http", "https", "udp", "tcp", "srt", "rtp"})
MAX_PIXELS = 80_000_000
"""Larger frames are refused: they are damaged or made to exhaust memory."""

CAMERA_FPS = 30.0
MAX_RECONNECT_DELAY = 10.0

Warn = Callable[[str], None]


def open_source(
    spec: str,
    settings: SourceSettings,
    demo: DemoSettings,
    *,
    pixels: bool = True,
    frame_count: int | None = None,
    warn: Warn = lambda message: None,
) -> Source:
    """Open what a `--source` argument names.

    Args:
        spec: a camera number, a file, a folder, a glob, a URL, or `demo`. A number or `demo` that is meant as a file
            is written `./0`, `./demo`.
        settings: which frames to yield.
        demo: the scene of `demo`.
        pixels: whether images are needed. Without, nothing is decoded and frames carry no image; for a sequence
            folder no image need exist.
        frame_count: how many frames the source has, where it cannot tell by itself and `pixels` is off.
        warn: takes messages while running: a lost connection, a video that ends early.

    Raises:
        InputError: it does not exist, is empty or no video, or no camera answers. Nothing was written yet.
    """
    spec = str(spec).strip()
    if not spec:
        raise InputError("--source is empty. Give a video, a folder of images, a camera number (0), a URL, or demo.")
    if spec == "demo":
        return DemoSource(demo, settings, pixels=pixels)
    if spec.isdecimal():
        return LiveSource(int(spec), settings, warn=warn)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+)://", spec)
    if scheme:
        if scheme[1].lower() not in URL_SCHEMES:
            known = ", ".join(sorted(URL_SCHEMES))
            raise InputError(f"--source {hide_password(spec)}: unknown kind of address; known are {known}.")
        return _open_url(spec, settings, warn)
    path = Path(spec).expanduser()
    if path.is_dir():
        return _open_folder(path, settings, pixels=pixels, frame_count=frame_count, warn=warn)
    if path.is_char_device():
        return LiveSource(str(path), settings, warn=warn)
    if path.exists():
        if path.suffix.lower() in IMAGE_SUFFIXES:
            return ImagesSource([path], settings, kind="image", name=path.stem, pixels=pixels)
        return _open_video(path, settings, pixels=pixels, frame_count=frame_count, warn=warn)
    if glob.has_magic(spec):
        found = [Path(match) for match in glob.glob(str(path), recursive=True)]  # noqa: PTH207 (absolute patterns)
        images = _natural_order(match for match in found if match.suffix.lower() in IMAGE_SUFFIXES)
        if not images:
            what = "matches no file" if not found else f"none of the {len(found)} files it matches is an image"
            raise InputError(f"--source {spec}: {what}. For several videos, give --source several times.")
        return ImagesSource(images, settings, kind="images", name=images[0].parent.resolve().name, pixels=pixels)
    raise InputError(
        f"--source {spec}: no such file or folder. Give a video, a folder of images, a camera number (0), "
        "a URL (rtsp://…), or demo."
    )


class Source(ABC):
    """Frames in order; a context manager that can be iterated once.

    Attributes:
        kind: camera, stream, video, image, images, sequence or demo.
        name: short name, fit for file names.
        width, height: frame size in pixels; 0 where unknown because no pixels are read.
        fps: frames per second of the source itself.
        frame_count: number of frames that will be yielded, as far as the source knows; None when it does not end.
        is_live: frames arrive in real time; they are numbered in the order they are yielded.
        sequence: `seqinfo.ini` of a MOTChallenge sequence.
        ground_truth_file: its `gt/gt.txt`, where there is one.
        media: the container behind a recorded video; None for everything else.
    """

    kind: str
    is_live = False
    sequence: SequenceInfo | None = None
    ground_truth_file: Path | None = None
    media: Media | None = None

    def __init__(
        self, name: str, size: tuple[int, int], fps: float, settings: SourceSettings, total: int | None
    ) -> None:
        self.name = re.sub(r"[^\w.-]+", "_", name).strip("._") or "source"
        self.width, self.height = size
        self.fps = settings.fps or fps
        self.settings = settings
        self.frame_count = settings.max_frames
        if total is not None:
            left = max(0, math.ceil((total - settings.start) / settings.stride))
            self.frame_count = min(left, settings.max_frames or left)

    @property
    def output_fps(self) -> float:
        """Frames per second of what is yielded: what a video writer must use for true speed."""
        return self.fps / self.settings.stride

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]: ...

    def ground_truth(self, index: int) -> GroundTruth | None:
        """Who really is where in a frame; known for the demo scene only."""
        return None

    def close(self) -> None:  # noqa: B027 (most have nothing to release)
        """Release the camera, file or connection."""

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _indices(self, total: int) -> range:
        """The frame indices to yield of a source with `total` frames."""
        start, stride = self.settings.start, self.settings.stride
        chosen = range(start, total, stride)
        return chosen[: self.settings.max_frames]

    def _check_start(self, total: int, what: str) -> None:
        if self.settings.start >= total:
            raise InputError(f"--start {self.settings.start}: {what} has only {total} frames.")


class DemoSource(Source):
    """The generated scene."""

    kind = "demo"

    def __init__(self, demo: DemoSettings, settings: SourceSettings, *, pixels: bool = True) -> None:
        super().__init__("demo", (demo.width, demo.height), demo.fps, settings, demo.frames)
        self._check_start(demo.frames, "the demo scene")
        self.scene = DemoScene(demo)
        self._pixels = pixels

    def __iter__(self) -> Iterator[Frame]:
        for index in self._indices(self.scene.settings.frames):
            image = self.scene.render(index) if self._pixels else None
            yield Frame(index, image, index / self.fps)

    def ground_truth(self, index: int) -> GroundTruth:
        return self.scene.ground_truth(index)


class BlankSource(Source):
    """Frames without images, for detections stored in a file."""

    def __init__(
        self,
        name: str,
        length: int,
        settings: SourceSettings,
        *,
        fps: float = DEFAULT_FPS,
        size: tuple[int, int] = (0, 0),
        kind: str = "sequence",
        sequence: SequenceInfo | None = None,
    ) -> None:
        super().__init__(name, size, fps, settings, length)
        self.kind = kind
        self.sequence = sequence
        self._check_start(length, self.name)
        self._length = length

    def __iter__(self) -> Iterator[Frame]:
        for index in self._indices(self._length):
            yield Frame(index, None, index / self.fps)


class ImagesSource(Source):
    """Image files, one frame each."""

    def __init__(
        self,
        paths: Sequence[Path],
        settings: SourceSettings,
        *,
        kind: str,
        name: str,
        fps: float = DEFAULT_FPS,
        sequence: SequenceInfo | None = None,
        pixels: bool = True,
    ) -> None:
        super().__init__(name, (0, 0), fps, settings, len(paths))
        self.kind = kind
        self.sequence = sequence
        self._paths = paths
        self._pixels = pixels
        self._check_start(len(paths), name)
        if pixels:
            self.height, self.width = _read_image(paths[settings.start], InputError).shape[:2]

    def __iter__(self) -> Iterator[Frame]:
        for index in self._indices(len(self._paths)):
            image = _read_image(self._paths[index], RunError) if self._pixels else None
            yield Frame(index, image, index / self.fps)


class VideoSource(Source):
    """A video file, or a finite video behind a URL. Frames have the rotation that the file's metadata asks for."""

    kind = "video"

    def __init__(
        self,
        capture: Any,
        settings: SourceSettings,
        *,
        name: str,
        shown: str,
        fps: float | None = None,
        warn: Warn = lambda message: None,
    ) -> None:
        """Wrap an opened `cv2.VideoCapture` and read its first wanted frame.

        Args:
            shown: how messages call it.
            fps: its frame rate where that is known better than the file says it.

        Raises:
            InputError: no frame can be decoded, or it ends before `settings.start`.
        """
        self._capture = capture
        self._shown = shown
        self._warn = warn
        self._total = _counted_frames(capture)
        self._position = 0  # frames taken from the capture so far
        try:
            _check_size(capture, shown)
            self._first: Image | None = self._frame_at_start(settings.start)
        except BaseException:
            capture.release()
            raise
        height, width = self._first.shape[:2]
        rate = fps or settings.fps or _frame_rate(capture, shown, warn)
        super().__init__(name, (width, height), rate, settings, self._total)

    def _frame_at_start(self, start: int) -> Image:
        # Frames are decoded and dropped: seeking by frame number is not exact in all containers.
        image = self._read() if self._skip(start) else None
        if image is None and self._position == 0:
            raise InputError(f"--source {self._shown}: no frame can be decoded. The file is damaged or no video.")
        if image is None:
            raise InputError(f"--start {start}: {self._shown} has only {self._position} frames.")
        return image

    def __iter__(self) -> Iterator[Frame]:
        image, self._first = self._first, None
        count = 0
        while image is not None:
            index = self._position - 1
            yield Frame(index, image, index / self.fps)
            count += 1
            if count == self.settings.max_frames:
                return
            image = self._read() if self._skip(self.settings.stride - 1) else None
        self._check_length()

    def _skip(self, frames: int) -> bool:
        """Pass over frames; false where the video ends before."""
        for _ in range(frames):
            if not self._capture.grab():
                return False
            self._position += 1
        return True

    def _read(self) -> Image | None:
        decoded, image = self._capture.read()
        self._position += bool(decoded)
        return image if decoded else None

    def _check_length(self) -> None:
        """Say so when a file holds clearly fewer frames than it announces; small differences are usual."""
        if self._total is not None and self._position < self._total - max(2, self._total // 50):
            self._warn(
                f"{self._shown} ends after {self._position} of {self._total} frames; "
                "the file is probably cut off or damaged."
            )

    def close(self) -> None:
        self._capture.release()


class LiveSource(Source):
    """A camera or network stream, read by a thread that keeps only the newest frame and reconnects when it is lost."""

    is_live = True

    def __init__(
        self, target: int | str, settings: SourceSettings, *, capture: Any = None, warn: Warn = lambda message: None
    ) -> None:
        """Open the camera or stream and read one frame.

        Args:
            target: camera number, device path or URL.
            capture: an open capture of it, if there is one already.
            warn: called from the reading thread when the connection is lost and found again.

        Raises:
            InputError: nothing answers, or no frame comes.
        """
        self.kind = "stream" if isinstance(target, str) and "://" in target else "camera"
        self._target = target
        self._shown = hide_password(str(target)) if self.kind == "stream" else f"camera {target}"
        self._warn = warn
        self._capture = capture if capture is not None else open_capture(target, settings.timeout)
        decoded, image = self._capture.read() if self._capture.isOpened() else (False, None)
        if image is None or not decoded:
            self._capture.release()
            raise InputError(_no_answer(target, self._shown, settings.timeout))
        name = _url_name(str(target)) if self.kind == "stream" else f"camera{target}".replace("camera/dev/", "")
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        fps = fps if math.isfinite(fps) and 1 <= fps <= 240 else CAMERA_FPS
        super().__init__(name, image.shape[1::-1], fps, settings, None)
        self._started = time.monotonic()
        self._captured = 0
        self._newest: tuple[Image, float] | None = None
        self._error: Exception | None = None
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._offer(image)
        self._thread = threading.Thread(target=self._read_forever, name=f"reader of {self.name}", daemon=True)

    def __iter__(self) -> Iterator[Frame]:
        self._thread.start()
        index = 0
        while self.settings.max_frames is None or index < self.settings.max_frames:
            taken = self._take()
            if taken is None:
                return
            yield Frame(index, *taken)
            index += 1

    def close(self) -> None:
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.is_alive():
            # A read that hangs ends by its own timeout; the thread is a daemon and releases the capture itself.
            self._thread.join(timeout=2.0)
        else:
            self._capture.release()

    def _read_forever(self) -> None:
        try:
            while not self._stop.is_set():
                decoded, image = self._capture.read()
                if not decoded:
                    image = self._reconnect()
                if image is None:
                    break
                self._offer(image)
        except Exception as error:  # surfaces in the thread that takes the frames
            self._error = error
        finally:
            self._capture.release()
            self._stop.set()
            with self._changed:
                self._changed.notify_all()

    def _reconnect(self) -> Image | None:
        """The first frame after a lost connection; None when stopped meanwhile."""
        attempts, delay = self.settings.reconnect_attempts, self.settings.reconnect_delay
        self._capture.release()
        for attempt in range(1, attempts + 1):
            if self._stop.is_set():
                return None
            self._warn(f"{self._shown}: no frame comes; attempt {attempt} of {attempts} to reconnect in {delay:g} s.")
            if self._stop.wait(delay):
                return None
            self._capture = open_capture(self._target, self.settings.timeout)
            decoded, image = self._capture.read() if self._capture.isOpened() else (False, None)
            if decoded:
                self._warn(f"{self._shown}: connected again.")
                return np.asarray(image)
            self._capture.release()
            delay = min(2 * delay, MAX_RECONNECT_DELAY)
        raise RunError(f"{self._shown}: lost, and {attempts} attempts to reconnect failed. Results so far are kept.")

    def _offer(self, image: Image) -> None:
        number = self._captured - self.settings.start
        self._captured += 1
        if number < 0 or number % self.settings.stride:
            return
        with self._changed:
            while not self.settings.newest and self._newest is not None and not self._stop.is_set():
                self._changed.wait(0.5)
            self._newest = image, time.monotonic() - self._started
            self._changed.notify_all()

    def _take(self) -> tuple[Image, float] | None:
        with self._changed:
            while self._newest is None:
                if self._error is not None:
                    raise self._error
                if self._stop.is_set():
                    return None
                self._changed.wait(0.5)  # a wait without limit could not be interrupted by Ctrl-C everywhere
            taken, self._newest = self._newest, None
            self._changed.notify_all()
            return taken


def open_capture(target: int | str, timeout: float) -> Any:
    """An OpenCV capture of a camera number, a device, a file or a URL; the caller checks `isOpened()`.

    The one place where captures are made, so that tests can put a fake camera here.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    with _quiet_opencv():
        if isinstance(target, int):
            return cv2.VideoCapture(target)
        if target.startswith("/dev/"):
            return cv2.VideoCapture(target, cv2.CAP_V4L2)
        limit = int(timeout * 1000)
        return cv2.VideoCapture(
            target,
            cv2.CAP_FFMPEG,
            [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, limit, cv2.CAP_PROP_READ_TIMEOUT_MSEC, limit],
        )


def hide_password(url: str) -> str:
    """A URL without its password, for messages."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:…@{host}"))


@contextlib.contextmanager
def _quiet_opencv() -> Iterator[None]:
    """OpenCV tells every backend it tries on stderr; our own message says what matters."""
    log: Any = getattr(cv2.utils, "logging", cv2)  # older 4.x have the functions at the top
    level = log.getLogLevel()
    log.setLogLevel(0)
    try:
        yield
    finally:
        log.setLogLevel(level)


def _no_answer(target: int | str, shown: str, timeout: float) -> str:
    if shown.startswith("camera"):
        text = f"--source {target}: no camera answers at index {target}."
        if isinstance(target, str):
            text = f"--source {target}: no camera answers at this device."
        if sys.platform.startswith("linux"):
            devices = sorted(str(device) for device in Path("/dev").glob("video*"))
            found = f"devices found: {', '.join(devices)}" if devices else "no /dev/video* device exists"
            text += f" On this machine {found}."
        return text + " Connect it, close other programs that use it, or try another number, a video file, or demo."
    return (
        f"--source {shown}: no video comes from this address (waited up to {timeout:g} s). "
        "Check the address, user and password, and that the camera is reachable."
    )


def _open_url(url: str, settings: SourceSettings, warn: Warn) -> Source:
    capture = open_capture(url, settings.timeout)
    if not capture.isOpened():
        raise InputError(_no_answer(url, hide_password(url), settings.timeout))
    finite = urlsplit(url).scheme.lower() in {"http", "https"} and _counted_frames(capture) is not None
    if finite:
        return VideoSource(capture, settings, name=_url_name(url), shown=hide_password(url), warn=warn)
    return LiveSource(url, settings, capture=capture, warn=warn)


def _url_name(url: str) -> str:
    parts = urlsplit(url)
    last = Path(parts.path).stem
    return f"{parts.hostname or 'stream'}_{last}" if last else parts.hostname or "stream"


def _open_video(
    path: Path, settings: SourceSettings, *, pixels: bool, frame_count: int | None, warn: Warn, fps: float | None = None
) -> Source:
    _check_is_no_text(path)
    # An absolute path: in a relative one with a colon FFmpeg would read a protocol.
    capture = open_capture(str(path.resolve()), settings.timeout)
    if not capture.isOpened():
        raise InputError(
            f"--source {path}: not a video that can be read. It is damaged, cut off, or of an unknown format."
        )
    if pixels:
        return VideoSource(capture, settings, name=path.stem, shown=str(path), fps=fps, warn=warn)
    try:
        length = _counted_frames(capture) or frame_count or _count_by_decoding(capture)
        size = (int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
        rate = fps or _frame_rate(capture, str(path), warn)
    finally:
        capture.release()
    return BlankSource(path.stem, length, settings, fps=rate, size=size, kind="video")


def _open_folder(
    folder: Path, settings: SourceSettings, *, pixels: bool, frame_count: int | None, warn: Warn
) -> Source:
    if not (folder / "seqinfo.ini").is_file() and not (folder / "img1").is_dir():
        images = _images_in(folder)
        if not images:
            raise InputError(
                f"--source {folder}: no images in this folder, and neither img1/ nor seqinfo.ini as in a "
                f"MOTChallenge sequence. Image files end in {', '.join(sorted(IMAGE_SUFFIXES))}."
            )
        return ImagesSource(images, settings, kind="images", name=folder.resolve().name, pixels=pixels)
    source = _open_sequence(folder, settings, pixels=pixels, frame_count=frame_count, warn=warn)
    if (folder / "gt" / "gt.txt").is_file():
        source.ground_truth_file = folder / "gt" / "gt.txt"
    return source


def _open_sequence(
    folder: Path, settings: SourceSettings, *, pixels: bool, frame_count: int | None, warn: Warn
) -> Source:
    """A MOTChallenge sequence: its images, its only video, or no pixels at all."""
    sequence = read_seqinfo(folder) if (folder / "seqinfo.ini").is_file() else None
    image_folder = folder / (sequence.image_folder if sequence else "img1")
    images = _images_in(image_folder) if image_folder.is_dir() else []
    name = sequence.name if sequence else folder.resolve().name
    fps = sequence.fps if sequence else DEFAULT_FPS
    if not pixels:
        length = sequence.length if sequence else len(images) or frame_count
        if not length:
            raise InputError(f"--source {folder}: no seqinfo.ini and no images: its length is unknown.")
        size = (sequence.width, sequence.height) if sequence else (0, 0)
        return BlankSource(name, length, settings, fps=fps, size=size, sequence=sequence)
    if images:
        if sequence and len(images) != sequence.length:
            warn(f"{image_folder} holds {len(images)} images, but seqinfo.ini says {sequence.length}.")
        return ImagesSource(images, settings, kind="sequence", name=name, fps=fps, sequence=sequence)
    videos = sorted(path for path in folder.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES)
    if len(videos) == 1:
        source = _open_video(videos[0], settings, pixels=True, frame_count=None, warn=warn, fps=fps)
        source.sequence = sequence
        return source
    raise InputError(
        f"--source {folder}: the sequence has no images in {image_folder.name}/. Without images, only stored "
        "detections can be tracked: --detections FILE, without a video, crops or a window."
    )


def _images_in(folder: Path) -> list[Path]:
    return _natural_order(
        path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    )


def _natural_order(paths: Iterator[Path]) -> list[Path]:
    """Sorted so that frame 9 comes before frame 10."""

    def key(path: Path) -> list[tuple[int, int, str]]:
        parts = re.split(r"(\d+)", str(path))
        return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]

    return sorted(paths, key=key)


def _read_image(path: Path, error: type[InputError] | type[RunError]) -> Image:
    """Decode an image file, as its EXIF orientation asks; raises `error` where it cannot be read or is too large."""
    try:
        with PillowImage.open(path) as header:
            width, height = header.size
        if width * height > MAX_PIXELS:
            raise error(f"{path}: {width}×{height} pixels are more than the {MAX_PIXELS:,} allowed.")
        image = cv2.imdecode(np.fromfile(path, dtype=np.uint8), cv2.IMREAD_COLOR)
    except PillowImage.DecompressionBombError:
        raise error(f"{path}: more than the {MAX_PIXELS:,} pixels allowed.") from None
    except (OSError, ValueError, SyntaxError, cv2.error):
        image = None
    if image is None:
        raise error(f"{path}: not an image that can be read. It is damaged, empty, or of an unknown format.")
    return np.asarray(image, dtype=np.uint8)


def _check_is_no_text(path: Path) -> None:
    """FFmpeg plays some text files as video; tell what they are instead."""
    try:
        with path.open("rb") as stream:
            head = stream.read(1024)
    except OSError as error:
        raise InputError(f"--source {path}: cannot be read ({error.strerror or error}).") from None
    if not head:
        raise InputError(f"--source {path}: the file is empty.")
    if head.startswith(b"version https://git-lfs"):
        raise InputError(f"--source {path}: a Git LFS pointer, not the video itself. Fetch it with: git lfs pull")
    if all(byte >= 32 or byte in b"\t\n\r\f\x1b" for byte in head):
        with contextlib.suppress(UnicodeDecodeError):
            codecs.getincrementaldecoder("utf-8")().decode(head)  # a character cut at the end is fine
            raise InputError(f"--source {path}: a text file, not a video.")


def _check_size(capture: Any, shown: str) -> None:
    width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
    if width * height > MAX_PIXELS:
        raise InputError(f"--source {shown}: {width:g}×{height:g} pixels are more than the {MAX_PIXELS:,} allowed.")


def _counted_frames(capture: Any) -> int | None:
    """The number of frames a capture announces; None where it does not know."""
    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return int(count) if 0 < count < 1e9 else None


def _count_by_decoding(capture: Any) -> int:
    count = 0
    while capture.grab():
        count += 1
    return count


def _frame_rate(capture: Any, shown: str, warn: Warn) -> float:
    fps = capture.get(cv2.CAP_PROP_FPS)
    if math.isfinite(fps) and 0.1 <= fps <= 480:
        return float(fps)
    warn(f"{shown} gives no usable frame rate ({fps:g}); {DEFAULT_FPS:g} is assumed. Set it with --set input.fps=30.")
    return DEFAULT_FPS
