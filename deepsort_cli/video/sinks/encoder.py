"""FFmpeg's encoders: which one writes what, and whether it can."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from deepsort_cli.core.errors import InputError
from deepsort_cli.video.settings import OutputSettings
from deepsort_cli.video.sinks.pace import CLOCK, EvenPace, Pace, exact_rate
from deepsort_cli.video.sinks.pictures import written_size
from deepsort_cli.video.sinks.sound import FAILURES, format_of

CODECS = {
    ".mp4": "libx264",
    ".m4v": "libx264",
    ".mov": "libx264",
    ".mkv": "libx264",
    ".webm": "libvpx-vp9",
    ".avi": "mpeg4",
}
"""Video suffixes and the encoder that plays best in what opens such files."""

ALWAYS_FITS = 4096
"""Pixels of a side that every usual encoder writes and every usual player shows."""

MPEG4_CLOCK = 65_535
"""Ticks per second that MPEG-4's header can hold."""


@dataclass(frozen=True)
class Encoding:
    """How a video is encoded.

    Attributes:
        codec: the encoder by FFmpeg's name.
        options: its options.
        rate: nominal frames per second.
        even: frames can only lie at even distances.
    """

    codec: str
    options: dict[str, str]
    rate: Fraction
    even: bool = False

    @property
    def keeps_shape(self) -> bool:
        """Whether it can say that pixels are not square."""
        return self.codec == "mpeg4" or self.codec.startswith(("libx264", "libx265", "h264_", "hevc_"))

    def without_delay(self) -> Encoding:
        """The same, every frame written as soon as it came, in a somewhat larger file."""
        if self.codec in {"libx264", "libx265"}:
            return replace(self, options={**self.options, "tune": "zerolatency"})
        return replace(self, options={**self.options, "lag-in-frames": "0"}) if self.codec == "libvpx-vp9" else self

    def pace(self) -> Pace:
        """What places the frames of one video."""
        if self.even:
            return EvenPace(self.rate)
        return Pace(self.rate, clock=MPEG4_CLOCK if self.codec == "mpeg4" else CLOCK)

    def add_to(self, container: Any, width: int, height: int, shape: Fraction = Fraction(1)) -> Any:
        """The stream for pictures of this size, with pixels of this shape (width / height), in an open container."""
        stream = container.add_stream(self.codec, rate=self.rate, options=self.options)
        stream.width, stream.height, stream.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
        stream.time_base = stream.codec_context.time_base = self.pace().tick
        stream.sample_aspect_ratio = stream.codec_context.sample_aspect_ratio = shape
        # What OpenCV's colour conversion makes; players otherwise guess by the frame's size.
        stream.codec_context.colorspace = av.video.reformatter.Colorspace.SMPTE170M
        stream.codec_context.color_range = av.video.reformatter.ColorRange.MPEG
        return stream

    def works(self, path: Path, width: int, height: int) -> bool:
        """Whether a picture of this size can be encoded here into a file like `path`."""
        try:
            with av.open(io.BytesIO(), "w", format=format_of(path)) as container:
                stream = self.add_to(container, width, height)
                picture = av.VideoFrame(stream.width, stream.height, "yuv420p")
                picture.pts, picture.time_base = 0, stream.codec_context.time_base
                container.mux(stream.encode(picture))
                container.mux(stream.encode())
        except FAILURES:
            return False
        return True


def choose_encoding(path: Path, fps: float, settings: OutputSettings) -> Encoding:
    """The encoding for a file at `path`, by its suffix unless the settings name a codec.

    Raises:
        InputError: the suffix or the codec is unknown, or they do not go together.
    """
    suffix = path.suffix.lower()
    if suffix not in CODECS:
        known = ", ".join(CODECS)
        raise InputError(f"`output.save_video` {path}: unknown video format {path.suffix!r}; use one of {known}.")
    name = settings.codec or CODECS[suffix]
    try:
        kind = av.codec.Codec(name, "w").type
    except ValueError:
        remedy = "Leave it out to choose by suffix." if settings.codec else "Choose another with `output.codec`=…"
        raise InputError(f"`output.codec` {name}: this PyAV has no such encoder. {remedy}") from None
    if kind != "video":
        raise InputError(f"`output.codec` {name}: not a video encoder; for example libx264, libx265, libvpx-vp9.")
    encoding = Encoding(name, _options(name, settings.crf, settings.preset), _rate(fps, name, suffix))
    choices = [encoding, _even(encoding)] if suffix != ".avi" else [_even(encoding)]
    for choice in choices:
        if settings.codec is None or choice.works(path, 64, 64):
            return choice
    raise InputError(
        f"`output.codec` {name}: does not work here or not in {suffix} files. Leave it out to choose by suffix."
    )


def check_video(
    path: Path, fps: float, settings: OutputSettings, width: int, height: int, shape: Fraction = Fraction(1)
) -> None:
    """Make sure, before work starts, that pictures of this size and shape of pixels can be written to `path`.

    Raises:
        InputError: unknown suffix or codec, or the encoder does not write such pictures.
    """
    encoding = choose_encoding(path, fps, settings)
    size = written_size(width, height, settings.max_side, Fraction(1) if encoding.keeps_shape else shape)
    if (max(size) > ALWAYS_FITS or settings.codec is not None) and not encoding.works(path, *size):
        raise InputError(
            f"`output.save_video` {path}: the encoder {encoding.codec} does not write pictures of {size[0]}×{size[1]} "
            f"pixels. Have them scaled down with `output.max_side`={ALWAYS_FITS}."
        )


def _even(encoding: Encoding) -> Encoding:
    return Encoding(encoding.codec, encoding.options, encoding.rate, even=True)


def _rate(fps: float, codec: str, suffix: str) -> Fraction:
    """The frame rate as a fraction; near it where the header of MPEG-4 has no room for that."""
    rate = exact_rate(fps)
    if suffix == ".avi" or codec == "mpeg4":
        rate = rate.limit_denominator(max(1, int(MPEG4_CLOCK / max(float(rate), 1.0))))
    return rate


def _options(codec: str, crf: int, preset: str) -> dict[str, str]:
    if codec in {"libx264", "libx265"}:
        return {"preset": preset, "crf": str(crf)}
    if codec == "libvpx-vp9":
        return {"crf": str(min(63, crf + 8)), "b": "0", "deadline": "realtime", "cpu-used": "8", "row-mt": "1"}
    if codec == "mpeg4":
        # A fixed quantiser between 1 and 31, in units of FFmpeg's lambda.
        return {"flags": "+qscale", "global_quality": str(118 * max(1, min(31, round(crf / 5))))}
    return {}
