"""What is behind a URL: a recording, read once to its end, or a live stream."""

from __future__ import annotations

import time
from typing import Any

import av

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.urls import connectable, hide_secrets, name_of, scheme_of
from deepsort_cli.video.settings import SourceSettings
from deepsort_cli.video.sources.base import Source, Warn, silent
from deepsort_cli.video.sources.decoder import Decoder, Stalled, reason_of
from deepsort_cli.video.sources.live import LiveSource, NetworkReader, reconnecting
from deepsort_cli.video.sources.video import VideoSource

URL_SCHEMES = frozenset({"rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "udp", "tcp", "srt", "rtp"})
PACE_SECONDS = 1.0
"""How long one listens to tell a live stream from a recording that is sent as fast as possible."""
PACE_BYTES = 32 * 2**20


def open_url(url: str, settings: SourceSettings, *, pixels: bool = True, warn: Warn = silent) -> Source:
    """A video or stream behind a URL.

    Raises:
        InputError: nothing answers, or no video comes.
    """
    shown, location = hide_secrets(url), connectable(url)
    scheme = scheme_of(url) or ""
    options = _options(scheme, settings.timeout)

    def connect(low_delay: bool) -> Decoder:
        return Decoder(location, shown, timeout=settings.timeout, options=options, low_delay=low_delay)

    try:
        decoder = connect(scheme not in {"http", "https"})
    except av.FFmpegError as error:
        raise InputError(
            f"`source` {shown}: no video comes from this address ({reason_of(error)}; waited up to "
            f"{settings.timeout:g} s). Check the address, user and password, and that the camera is reachable."
        ) from None
    unsure = scheme in {"http", "https", "tcp"} and decoder.format not in {"mpjpeg", "hls"}
    if _is_recording(decoder, scheme) or (unsure and _comes_at_once(decoder)):
        return VideoSource(decoder, settings, name=name_of(url), pixels=pixels, warn=warn)

    def reader() -> NetworkReader:
        return NetworkReader(connect(low_delay=True), may_be_recording=unsure)

    first = NetworkReader(decoder, may_be_recording=unsure)
    return LiveSource(first, reconnecting(reader), settings, kind="stream", name=name_of(url), shown=shown, warn=warn)


def _options(scheme: str, timeout: float) -> dict[str, str]:
    """FFmpeg's options for a protocol; PyAV's own timeouts watch over all of them."""
    microseconds = str(int(timeout * 1e6))
    if scheme in {"rtsp", "rtsps"}:
        return {"rtsp_flags": "prefer_tcp", "timeout": microseconds}
    if scheme in {"http", "https", "tcp"}:
        return {"timeout": microseconds, "rw_timeout": microseconds}
    return {}


def _is_recording(decoder: Decoder, scheme: str) -> bool:
    """It has an end that is known beforehand: a length in seconds or bytes."""
    if decoder.format == "mpjpeg":  # cameras announce lengths that they do not mean
        return decoder.size is not None and _comes_at_once(decoder)
    if decoder.format == "hls":
        return decoder.duration is not None
    if scheme in {"http", "https"} and decoder.size is not None:
        return True
    return decoder.duration is not None


def _comes_at_once(decoder: Decoder) -> bool:
    """Whether a stream of unknown length comes faster than it plays, or has ended already, as no camera does.

    Listens for a moment; the packets are kept for the decoder.
    """
    begin = time.monotonic()
    held: list[Any] = []
    stamps: list[float] = []
    total, ended = 0, False
    try:
        for packet in decoder.packets():
            held.append(packet)
            if packet is None:
                ended = True
                break
            total += packet.size
            if packet.dts is not None and packet.time_base is not None:
                stamps.append(float(packet.dts * packet.time_base))
            if time.monotonic() - begin > PACE_SECONDS or total > PACE_BYTES:
                break
    except Stalled:
        pass
    elapsed = time.monotonic() - begin
    decoder.hold(held)
    played = max(stamps) - min(stamps) if stamps else len(held) / (decoder.rate or 25.0)
    return ended or played > 5.0 + 4.0 * elapsed  # servers send up to some seconds of the past first
