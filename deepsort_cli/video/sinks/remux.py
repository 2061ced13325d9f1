"""A finished video copied into its last form: index first, with sound, packets as they are."""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from deepsort_cli.video.sinks.sound import Sound


@dataclass(frozen=True)
class Span:
    """What part of the source a written video shows.

    Attributes:
        begin: `Frame.time` of the first frame.
        last: when the last frame is shown, in seconds from the first.
        length: seconds from the first frame to the end of the last.
    """

    begin: float
    last: float
    length: float


def remux(
    source: Path, target: Path, format_name: str, options: dict[str, str], span: Span, sound: Sound | None
) -> None:
    """Copy the video of `source` and a source's sound into `target`.

    Raises:
        OSError, ValueError, av.FFmpegError: it cannot be read or written, or the sound does not fit.
    """
    with contextlib.ExitStack() as stack:
        video = stack.enter_context(av.open(str(source)))
        written = stack.enter_context(av.open(str(target), "w", format=format_name, options=options))
        copies: dict[Any, Any] = {video.streams.video[0]: written.add_stream_from_template(video.streams.video[0])}
        flows = [_video_packets(video, span)]
        if sound is not None:
            recording = stack.enter_context(sound.open())
            for track in sound.tracks:
                heard = recording.streams[track]
                copies[heard] = written.add_stream_from_template(heard)
                copies[heard].metadata.update(heard.metadata)
            flows.append(sound.packets(recording, span.begin, span.length))
        for packet in heapq.merge(*flows, key=lambda packet: packet.dts * packet.time_base):
            packet.stream = copies[packet.stream]
            written.mux(packet)


def _video_packets(container: Any, span: Span) -> Iterator[Any]:
    """The packets, the first one shown at 0, with durations that end where the last frame ends."""
    held = None  # one packet waits, to be known as the last
    first_pts = first_dts = 0
    for packet in _with_decoding_times(container.demux(video=0)):
        if held is None:
            first_pts, first_dts = packet.pts, packet.dts - packet.pts
        else:
            yield held
        # Fragments had to start later, to have room for reordered frames.
        packet.pts, packet.dts = packet.pts - first_pts, packet.dts - first_pts
        end, last = (round(seconds / packet.time_base) for seconds in (span.length, span.last))
        packet.duration = end - packet.pts if packet.pts >= last else min(packet.duration or 0, end - packet.pts)
        held = packet
    if held is not None:
        end = round(span.length / held.time_base)
        # An mp4's length is the sum of the distances in decoding order: those before the first frame is shown count.
        held.dts = max(held.dts, held.pts + first_dts)
        held.duration = max(1, end + first_dts - held.dts)
        yield held


def _with_decoding_times(packets: Iterator[Any]) -> Iterator[Any]:
    """All packets, with the times that are missing at the beginning of .mkv files and everywhere in .avi files."""
    waiting: list[Any] = []
    known: int | None = None
    for packet in packets:
        if packet.pts is None and packet.dts is None:
            continue
        if packet.pts is None:
            packet.pts = packet.dts
        if known is None and packet.dts is None:
            waiting.append(packet)
            continue
        known = packet.dts
        yield from _before(waiting, packet.dts)
        waiting = []
        yield packet
    yield from _before(waiting, max((packet.pts for packet in waiting), default=0) + 1)


def _before(packets: list[Any], dts: int) -> Iterator[Any]:
    for number, packet in enumerate(packets):
        packet.dts = min(packet.pts, dts - len(packets) + number)
        yield packet
