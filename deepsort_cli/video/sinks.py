"""Where results go: video, text tables, crops, a window. Every sink is a context manager.

A sink that is closed, also because of an error or Ctrl-C, leaves a complete file under its final name: it writes
under a temporary name beside it, and text in whole lines only. Nothing is left where no frame came. Sinks write all
the tracks that they are given.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import math
import os
import secrets
import struct
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from deepsort_cli.core.boxes import xyxy_to_tlwh
from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.mot import format_rows
from deepsort_cli.core.regions import Counts
from deepsort_cli.core.types import FloatArray, Frame, Image, Tracks
from deepsort_cli.video.demo import GroundTruth

ClassNames = Mapping[int, str]


class Sink(ABC):
    """Takes every frame's tracks, in order. `close` finishes the output; leaving the `with` block closes."""

    @abstractmethod
    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        """Take one frame, its tracks and, where people are counted, the counts after it.

        Raises:
            RunError: the output cannot be written any more (disk full, folder gone, …).
        """

    @abstractmethod
    def close(self) -> None:
        """Finish the output. Can be called again."""

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _LineFile:
    """Appends whole lines to a temporary file that takes its final name on `close`, if anything was ever appended."""

    def __init__(self, path: Path, header: str = "") -> None:
        self.path = path
        self._temporary = temporary_beside(path)
        try:
            # Unbuffered: one system call per frame, and after a failure it is known what reached the file.
            self._stream = self._temporary.open("xb", buffering=0)
        except OSError as error:
            raise write_error(path, error) from None
        self._header = header
        self._complete = 0
        self._used = False

    def append(self, lines: str) -> None:
        rest = memoryview((self._header + lines).encode())
        size = len(rest)
        try:
            while rest:
                rest = rest[self._stream.write(rest) :]
        except OSError as error:
            self._stream.truncate(self._complete)
            self._stream.seek(self._complete)
            raise write_error(self.path, error) from None
        self._header = ""
        self._complete += size
        self._used = True

    def close(self) -> None:
        if self._stream.closed:
            return
        failure: OSError | None = None
        try:
            os.fsync(self._stream.fileno())
        except OSError as error:
            if error.errno not in {errno.EINVAL, errno.ENOTSUP}:  # not every file system can
                failure = error
        self._stream.close()
        if self._used:
            publish(self._temporary, self.path)
        else:
            self._temporary.unlink(missing_ok=True)
        if failure is not None:
            raise write_error(self.path, failure)


def temporary_beside(path: Path) -> Path:
    """An unused hidden name in the folder of `path`, which is created, with the same suffix.

    Raises:
        InputError: `path` is something that must not be replaced: a folder, a device.
    """
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: not a regular file; choose another name.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(path, error) from None
    return path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")


def publish(temporary: Path, path: Path) -> None:
    """Give a finished file its final name."""
    try:
        temporary.replace(path)
    except OSError as error:
        raise write_error(path, error) from None


def write_error(path: Path, error: Exception) -> RunError:
    """The error that tells why writing `path` failed, from one of the system or of FFmpeg."""
    reasons = {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.EFBIG: "the file became larger than the system allows",
    }
    reason = reasons.get(getattr(error, "errno", None) or 0) or getattr(error, "strerror", None) or str(error)
    return RunError(f"{path}: cannot be written any more: {reason}. What was written so far is kept.")


class MotSink(Sink):
    """MOTChallenge results: `frame,id,left,top,width,height,1,-1,-1,-1`, frames and ids from 1."""

    def __init__(self, path: Path) -> None:
        self._file = _LineFile(path)

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        self._file.append(format_rows(frame.index + 1, tracks.ids, xyxy_to_tlwh(tracks.boxes)))

    def close(self) -> None:
        self._file.close()


class JsonlSink(Sink):
    """One JSON object per frame, also for frames without tracks.

    Keys: `frame` (from 1), `time` (seconds) and `tracks`, a list of `id`, `box` ([x1, y1, x2, y2] in pixels), `score`
    (null where unknown), `class_id`, `class` and `time_since_update`. Where people are counted also `counts`, those of
    all lines and zones after the frame.
    """

    def __init__(self, path: Path, class_names: ClassNames | None = None) -> None:
        self._file = _LineFile(path)
        self._names = class_names or {}

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        listed = [
            {
                "id": track_id,
                "box": [round(value, 2) for value in box],
                "score": round(score, 4) if math.isfinite(score) else None,
                "class_id": class_id,
                "class": self._names.get(class_id, str(class_id)),
                "time_since_update": age,
            }
            for track_id, box, score, class_id, age in _rows(tracks)
        ]
        record = {"frame": frame.index + 1, "time": round(frame.time, 4), "tracks": listed}
        if counts is not None:
            record["counts"] = counts.as_json()
        self._file.append(json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n")

    def close(self) -> None:
        self._file.close()


class CsvSink(Sink):
    """A table with one row per track and frame, with a header."""

    COLUMNS = ("frame", "time", "id", "x1", "y1", "x2", "y2", "score", "class_id", "class", "time_since_update")

    def __init__(self, path: Path, class_names: ClassNames | None = None) -> None:
        self._file = _LineFile(path, header=",".join(self.COLUMNS) + "\n")
        self._names = class_names or {}

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(
            (
                frame.index + 1,
                f"{frame.time:.4f}",
                track_id,
                *(f"{value:.2f}" for value in box),
                f"{score:.4f}" if math.isfinite(score) else "",
                class_id,
                self._names.get(class_id, str(class_id)),
                age,
            )
            for track_id, box, score, class_id, age in _rows(tracks)
        )
        self._file.append(text.getvalue())

    def close(self) -> None:
        self._file.close()


class GroundTruthSink(Sink):
    """Ground truth of the frames it is shown: `frame,id,left,top,width,height,1,1,visibility`.

    Column 7 is 0, which tells scorers to leave the row out, where nothing of the figure can be seen.
    """

    def __init__(self, path: Path, ground_truth: Callable[[int], GroundTruth | None]) -> None:
        self._file = _LineFile(path)
        self._ground_truth = ground_truth

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        truth = self._ground_truth(frame.index)
        if truth is None:
            return
        self._file.append(
            "".join(
                f"{frame:.0f},{i:.0f},{x:.2f},{y:.2f},{w:.2f},{h:.2f},{valid:.0f},{class_id:.0f},{seen:.4f}\n"
                for frame, i, x, y, w, h, valid, class_id, seen in ground_truth_rows(frame.index, truth).tolist()
            )
        )

    def close(self) -> None:
        self._file.close()


def ground_truth_rows(index: int, truth: GroundTruth) -> FloatArray:
    """(N, 9) ground truth of the frame with this 0-based index as MOTChallenge has it, rounded as it is written."""
    rows = np.empty((len(truth.ids), 9))
    rows[:, 0] = index + 1
    rows[:, 1] = truth.ids
    rows[:, 2:6] = np.round(xyxy_to_tlwh(truth.boxes), 2)
    rows[:, 6] = truth.visibility > 0
    rows[:, 7] = 1
    rows[:, 8] = np.round(truth.visibility, 4)
    return rows


class CropSink(Sink):
    """A JPEG of every matched track in every frame: `<folder>/<id>/<frame>.jpg`. Needs frames before drawing."""

    def __init__(self, folder: Path, *, quality: int = 95) -> None:
        self._folder = folder
        self._options = [cv2.IMWRITE_JPEG_QUALITY, quality]

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        if frame.image is None:
            raise ValueError("crops need frames with images")
        seen = tracks[tracks.detection_index >= 0]  # a predicted box may miss the person
        for track_id, box, *_ in _rows(seen):
            crop = _cut(frame.image, box)
            if crop is None:
                continue
            path = self._folder / f"{track_id:05d}" / f"{frame.index + 1:06d}.jpg"
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(cv2.imencode(".jpg", crop, self._options)[1].tobytes())
            except OSError as error:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
                raise write_error(path, error) from None

    def close(self) -> None:
        """Every picture is complete when `write` returns."""


def remove_old_crops(folder: Path) -> None:
    """Delete what an earlier `CropSink` wrote into `folder`, and nothing else."""
    for picture in folder.glob("[0-9]*/[0-9]*.jpg"):
        if picture.stem.isdecimal() and picture.parent.name.isdecimal():
            picture.unlink()
    for inner in folder.glob("[0-9]*"):
        if inner.is_dir() and inner.name.isdecimal():
            with contextlib.suppress(OSError):
                inner.rmdir()


class VideoSink(Sink):
    """A video file of the frames' images.

    The codec follows the suffix: H.264 for .mp4, .m4v, .mov, .mkv; VP9 for .webm; MPEG-4 for .avi. Frames of another
    size than the first are fitted into it. An mp4 is recorded in fragments, so that it can be played whatever happens,
    and rewritten for the web, index first, when it is closed. OpenCV writes MPEG-4 where PyAV is missing.
    """

    def __init__(
        self,
        path: Path,
        fps: float,
        *,
        codec: str | None = None,
        crf: int = 23,
        preset: str = "veryfast",
        real_time: bool = False,
        warn: Callable[[str], None] = lambda message: None,
    ) -> None:
        """Prepare the file; the encoder starts with the first frame.

        Args:
            fps: frames per second of what will be written.
            codec: encoder by FFmpeg's name; None chooses by the suffix.
            crf: quality of H.264 and VP9, 0 to 51, lower is better.
            preset: speed of H.264 and H.265.
            real_time: place frames by their `time` instead of evenly, for cameras.
            warn: takes the message when OpenCV has to write instead of PyAV.

        Raises:
            InputError: unknown suffix or codec.
        """
        if path.suffix.lower() not in CODECS:
            known = ", ".join(CODECS)
            raise InputError(f"--save {path}: unknown video format {path.suffix!r}; use one of {known}.")
        self._path = path
        self._encoder = _choose_encoder(path, fps, codec, crf, preset, real_time, warn)
        self._closed = False

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        if frame.image is None:
            raise ValueError("a video needs frames with images")
        self._encoder.add(frame.image, frame.time)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._encoder.close()


CODECS = {
    ".mp4": "libx264",
    ".m4v": "libx264",
    ".mov": "libx264",
    ".mkv": "libx264",
    ".webm": "libvpx-vp9",
    ".avi": "mpeg4",
}
"""Video suffixes and the encoder that plays best in what opens such files."""

CLOCK = 90_000
"""Ticks per second of frames placed by their time."""


def _choose_encoder(
    path: Path,
    fps: float,
    codec: str | None,
    crf: int,
    preset: str,
    real_time: bool,
    warn: Callable[[str], None],
) -> _PyAvEncoder | _OpenCvEncoder:
    name = codec or CODECS[path.suffix.lower()]
    try:
        import av
    except ImportError:
        missing = "PyAV is not installed (pip install av)"
    else:
        av.logging.set_level(av.logging.PANIC)  # what goes wrong arrives as an exception
        try:
            encoder = av.codec.Codec(name, "w")
        except ValueError:
            missing = f"this PyAV has no encoder {name}"
        else:
            if encoder.type != "video":
                raise InputError(f"output.codec {name}: not a video encoder; for example libx264, libx265, libvpx-vp9.")
            options = _encoder_options(name, crf, preset)
            if codec is not None:
                _check_fits(path, name, options)
            return _PyAvEncoder(path, exact_rate(fps), name, options, real_time)
    if codec is not None:
        raise InputError(f"output.codec {codec}: {missing}. Leave it out to choose by suffix.")
    if path.suffix.lower() == ".webm":
        raise InputError(f"--save {path}: {missing}, and OpenCV cannot write .webm. Use .mp4.")
    warn(f"{path.name}: {missing}; OpenCV writes MPEG-4 instead, which browsers may not play.")
    return _OpenCvEncoder(path, fps)


def _check_fits(path: Path, codec: str, options: dict[str, str]) -> None:
    """Refuse an encoder that cannot run here or does not go with the file's suffix, before any work is done."""
    import av

    containers = {".m4v": "mp4", ".mkv": "matroska"}
    suffix = path.suffix.lower()
    try:
        with av.open(io.BytesIO(), "w", format=containers.get(suffix, suffix[1:])) as container:
            stream: Any = container.add_stream(codec, rate=25, options=options)
            stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
            container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
            container.mux(stream.encode())
    except (OSError, ValueError, av.FFmpegError):
        raise InputError(
            f"output.codec {codec}: does not work here or not in {suffix} files. Leave it out to choose by suffix."
        ) from None


def exact_rate(fps: float) -> Fraction:
    """The fraction behind a decimal frame rate: 29.97002997 → 30000/1001, 14.0 → 14."""
    return Fraction(fps).limit_denominator(10_000)


def _encoder_options(codec: str, crf: int, preset: str) -> dict[str, str]:
    if codec in {"libx264", "libx265"}:
        return {"preset": preset, "crf": str(crf)}
    if codec == "libvpx-vp9":
        return {"crf": str(min(63, crf + 8)), "b": "0", "deadline": "realtime", "cpu-used": "8", "row-mt": "1"}
    if codec == "mpeg4":
        # A fixed quantiser between 1 and 31, in units of FFmpeg's lambda.
        return {"flags": "+qscale", "global_quality": str(118 * max(1, min(31, round(crf / 5))))}
    return {}


class _PyAvEncoder:
    """Encodes with FFmpeg's libraries into a temporary file that takes its final name on `close`."""

    def __init__(self, path: Path, rate: Fraction, codec: str, options: dict[str, str], real_time: bool) -> None:
        self._path = path
        self._rate = rate
        self._codec = codec
        self._options = options
        self._is_mp4 = path.suffix.lower() in {".mp4", ".m4v", ".mov"}
        if path.suffix.lower() == ".avi":  # knows even spacing only, in units its MPEG-4 header can hold
            real_time = False
            self._rate = rate.limit_denominator(max(1, int(65_535 / max(float(rate), 1.0))))
        self._tick = Fraction(1, CLOCK) if real_time else 1 / self._rate
        self._real_time = real_time
        self._temporary = temporary_beside(path)
        self._container: Any = None
        self._stream: Any = None
        self._size = (0, 0)
        self._next = 0
        self._zero: float | None = None
        self._failed = False

    def add(self, image: Image, seconds: float) -> None:
        import av

        try:
            if self._container is None:
                self._start(image.shape[1], image.shape[0])
            planes = cv2.cvtColor(_even(fit(image, *self._size)), cv2.COLOR_BGR2YUV_I420)
            picture = av.VideoFrame.from_ndarray(np.asarray(planes, dtype=np.uint8), format="yuv420p")
            picture.pts = self._next = self._tick_of(seconds)
            picture.time_base = self._tick
            self._next += 1
            self._container.mux(self._stream.encode(picture))
        except (OSError, av.FFmpegError) as error:
            self._failed = True
            raise write_error(self._path, error) from None

    def close(self) -> None:
        import av

        if self._container is None:
            return
        reason: RunError | None = None
        try:
            if not self._failed:
                self._container.mux(self._stream.encode())
        except (OSError, av.FFmpegError) as error:
            self._failed, reason = True, write_error(self._path, error)
        try:
            self._container.close()
        except (OSError, av.FFmpegError) as error:
            reason = None if self._failed else write_error(self._path, error)
            self._failed = True
        try:
            if self._is_mp4 and self._failed:
                _cut_torn_end(self._temporary)
            elif self._is_mp4:
                self._move_index_to_front()
        finally:
            publish(self._temporary, self._path)
        if reason is not None:
            raise reason

    def _start(self, width: int, height: int) -> None:
        import av

        self._size = (width, height)
        # Fragments carry their own index: cut off anywhere, the file still plays.
        options = {"movflags": "empty_moov+default_base_moof", "frag_duration": "1000000"} if self._is_mp4 else {}
        self._container = av.open(str(self._temporary), "w", options=options)
        stream = self._container.add_stream(self._codec, rate=self._rate)
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        stream.options = self._options
        stream.time_base = stream.codec_context.time_base = self._tick
        # What OpenCV's colour conversion makes; players otherwise guess by the frame's size.
        stream.codec_context.colorspace = av.video.reformatter.Colorspace.SMPTE170M
        stream.codec_context.color_range = av.video.reformatter.ColorRange.MPEG
        self._stream = stream

    def _tick_of(self, seconds: float) -> int:
        if not self._real_time:
            return self._next
        if self._zero is None:
            self._zero = seconds
        return max(self._next, round((seconds - self._zero) * CLOCK))

    def _move_index_to_front(self) -> None:
        """Copy the packets into a plain mp4 with its index first. Without room for it, the fragments stay."""
        import av

        rewritten = temporary_beside(self._path)
        try:
            with (
                av.open(str(self._temporary)) as fragments,
                av.open(str(rewritten), "w", options={"movflags": "+faststart"}) as plain,
            ):
                stream = plain.add_stream_from_template(fragments.streams.video[0])
                begin: int | None = None  # fragments had to start later, to have room for reordered frames
                for packet in fragments.demux(video=0):
                    if packet.dts is None or packet.pts is None:
                        continue
                    begin = packet.pts if begin is None else begin
                    packet.pts, packet.dts = packet.pts - begin, packet.dts - begin
                    packet.stream = stream
                    plain.mux(packet)
            rewritten.replace(self._temporary)
        except (OSError, av.FFmpegError):
            rewritten.unlink(missing_ok=True)
        except BaseException:
            rewritten.unlink(missing_ok=True)
            raise


def _cut_torn_end(path: Path) -> None:
    """Shorten a fragmented mp4 that was cut off anywhere to its last whole fragment."""
    size, start, whole = path.stat().st_size, 0, 0
    with path.open("r+b") as file:
        while start + 16 <= size:
            file.seek(start)
            length, kind = struct.unpack(">I4s", file.read(8))
            if length == 1:  # the length follows in eight bytes
                length = struct.unpack(">Q", file.read(8))[0]
            if length < 8 or start + length > size:
                break
            start += length
            if kind != b"moof":  # an index of frames counts only with its frames behind it
                whole = start
        file.truncate(whole)


class _OpenCvEncoder:
    """Writes MPEG-4 with OpenCV, where PyAV is missing."""

    def __init__(self, path: Path, fps: float) -> None:
        self._path = path
        self._fps = fps
        self._temporary = temporary_beside(path)
        self._writer: Any = None
        self._size = (0, 0)

    def add(self, image: Image, seconds: float) -> None:
        if self._writer is None:
            self._size = (image.shape[1], image.shape[0])
            even = (self._size[0] + self._size[0] % 2, self._size[1] + self._size[1] % 2)
            code = cv2.VideoWriter.fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(str(self._temporary), code, self._fps, even)
            if not self._writer.isOpened():
                self._writer = None
                raise RunError(f"{self._path}: OpenCV cannot write this video. Install PyAV: pip install av")
        self._writer.write(_even(fit(image, *self._size)))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.release()
            self._writer = None
            publish(self._temporary, self._path)


def fit(image: Image, width: int, height: int) -> Image:
    """The image at this size, scaled to fit with black bars; itself where it has the size already."""
    if image.shape[:2] == (height, width):
        return image
    scale = min(width / image.shape[1], height / image.shape[0])
    inner = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    canvas = np.zeros((height, width, 3), dtype=np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner, interpolation=cv2.INTER_AREA)
    return canvas


def _even(image: Image) -> Image:
    """The image with its last column or row repeated where needed: 4:2:0 video has even sides."""
    odd_y, odd_x = image.shape[0] % 2, image.shape[1] % 2
    if not odd_y and not odd_x:
        return image
    return np.asarray(cv2.copyMakeBorder(image, 0, odd_y, 0, odd_x, cv2.BORDER_REPLICATE), dtype=np.uint8)


class DisplaySink(Sink):
    """A live window. `stopped` becomes true when q or Esc is pressed, or the window is closed."""

    def __init__(self, title: str = "deepsort") -> None:
        """Make sure that a window can be opened.

        Raises:
            InputError: there is no screen, or this OpenCV has no windows.
        """
        problem = window_problem()
        if problem:
            raise InputError(f"--display: {problem} Leave --display out and use --save out.mp4.")
        self._title = title
        self._open = False
        self.stopped = False

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        if frame.image is None or self.stopped:
            return
        if not self._open:
            height, width = frame.image.shape[:2]
            cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
            scale = min(1.0, 1280 / width, 720 / height)
            cv2.resizeWindow(self._title, round(width * scale), round(height * scale))
            self._open = True
        cv2.imshow(self._title, frame.image)
        key = cv2.waitKey(1) & 0xFF
        closed = cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1
        self.stopped = closed or key in (ord("q"), ord("Q"), 27)

    def close(self) -> None:
        if self._open:
            self._open = False
            with contextlib.suppress(cv2.error):
                cv2.destroyWindow(self._title)
                cv2.waitKey(1)


def window_problem() -> str | None:
    """Why no window can be opened here; None where one can."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "no screen is available (neither DISPLAY nor WAYLAND_DISPLAY is set)."
    # Tried in another process: where the screen cannot be reached, the window library ends the whole process.
    code = "import cv2; cv2.namedWindow('deepsort'); cv2.waitKey(1); cv2.destroyAllWindows()"
    try:
        tried = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "no window could be opened."
    if tried.returncode == 0:
        return None
    if "not implemented" in tried.stderr:
        return "this OpenCV is the headless build (pip install opencv-python instead of opencv-python-headless)."
    return "no window could be opened; the screen cannot be reached."


def output_path(path: Path, source_name: str, many: bool) -> Path:
    """The output of one source: `path` itself, or with several sources `out.mp4` → `out_<source>.mp4`."""
    return path.with_name(f"{path.stem}_{source_name}{path.suffix}") if many else path


def unique_names(names: Sequence[str]) -> list[str]:
    """Source names made distinct: a, a → a, a-2."""
    taken: set[str] = set()
    result = []
    for name in names:
        candidate, number = name, 1
        while candidate.lower() in taken:
            number += 1
            candidate = f"{name}-{number}"
        taken.add(candidate.lower())
        result.append(candidate)
    return result


def _rows(tracks: Tracks) -> Iterator[tuple[int, list[float], float, int, int]]:
    """Id, box, score, class and age of every track as plain Python values."""
    return zip(
        tracks.ids.tolist(),
        tracks.boxes.tolist(),
        tracks.scores.tolist(),
        tracks.class_ids.tolist(),
        tracks.time_since_update.tolist(),
        strict=True,
    )


def _cut(image: Image, box: Sequence[float]) -> Image | None:
    """The part of the image inside a box x1 y1 x2 y2; None where nothing of it is inside."""
    height, width = image.shape[:2]
    left, top = max(0, math.floor(box[0])), max(0, math.floor(box[1]))
    right, bottom = min(width, math.ceil(box[2])), min(height, math.ceil(box[3]))
    return image[top:bottom, left:right] if right > left and bottom > top else None
