"""A picture of all tracks over time, drawn at the end of a run."""

from __future__ import annotations

import math
from pathlib import Path

from deepsort_cli.core.counted import counted
from deepsort_cli.core.durations import clock_text
from deepsort_cli.core.errors import InputError
from deepsort_cli.video.colours import colour_of, colour_of_person
from deepsort_cli.video.sinks.base import Job, Output
from deepsort_cli.video.sinks.lives import Life, Lives, LivesSink

SUFFIXES = (".png", ".svg", ".pdf")


class TimelineSink(LivesSink):
    """A picture with a bar for every track over time, interrupted where it was not seen.

    Args:
        part: it shows a part of a longer run: time does not begin at 0.
    """

    def __init__(self, path: Path, title: str, fps: float, *, part: bool = False) -> None:
        super().__init__(path)
        self._part = part
        self._title = title
        self._frame_seconds = 1 / fps

    def _finish(self, path: Path, lives: Lives) -> None:
        lives.finish(self._frame_seconds)
        if not self._part:
            lives.begin = 0.0
        _draw_timeline(path, self._title, lives)


def _draw_timeline(path: Path, title: str, lives: Lives) -> None:
    """Tracks from top to bottom in the order they appeared, in the colours they have in the video."""
    from matplotlib.figure import Figure  # takes half a second, and most runs draw no timeline
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    tracks = sorted(lives.of.items(), key=lambda item: (item[1].first_time, item[0]))
    inches_a_bar = min(0.2, 40 / max(len(tracks), 1))
    figure = Figure(figsize=(10, 1.2 + inches_a_bar * max(len(tracks), 4)), layout="constrained", dpi=110)
    axes = figure.add_subplot()
    for row, (track_id, life) in enumerate(tracks):
        bars = [(begin, end - begin) for begin, end in life.spans]
        blue, green, red = colour_of(track_id) if not life.known else colour_of_person(life.known["person"])
        axes.broken_barh(bars, (row - 0.4, 0.8), facecolors=(red / 255, green / 255, blue / 255), linewidth=0)
    every = math.ceil(0.13 / inches_a_bar)  # numbers would overlap on bars thinner than that
    labels = [_label(*track) for track in tracks[::every]]
    axes.set_yticks(range(0, len(tracks), every), labels, fontsize=8, parse_math=False)  # a name may have $ in it
    axes.set_ylim(max(len(tracks), 1) - 0.3, -0.7)
    axes.set_xlim(min(lives.begin, lives.end), max(lives.begin, lives.end))
    axes.xaxis.set_major_locator(MaxNLocator(12, steps=[1, 2, 3, 6, 10] if lives.end >= 60 else None))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: clock_text(value) if lives.end >= 60 else f"{value:g}")
    )
    axes.set_xlabel("time" if lives.end >= 60 else "seconds")
    axes.set_ylabel("track")
    axes.set_title(f"{title}: {counted(len(tracks), 'track')}", loc="left", fontsize=11, parse_math=False)
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    for edge in ("top", "right", "left"):
        axes.spines[edge].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.savefig(path)


def _label(track_id: int, life: Life) -> str:
    """A track's id, and who it is."""
    person, name = (life.known.get(key) for key in ("person", "name"))
    return f"{name or f'P{person}'} · {track_id}" if person else str(track_id)


def check_suffix(job: Job) -> None:
    """Refuse a picture of another kind than matplotlib is to write.

    Raises:
        InputError: naming the kinds.
    """
    if job.path.suffix.lower() not in SUFFIXES:
        raise InputError(f"`{job.output.key}` {job.path}: use one of {', '.join(SUFFIXES)}.")


OUTPUTS = (
    Output(
        "save_timeline",
        "tables",
        lambda job: TimelineSink(job.path, job.source.name, job.source.output_fps, part=job.part),
        check=check_suffix,
    ),
)
