"""An output in several files, one after the other, so that a power cut costs the current one at most."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from deepsort_cli.core.files import claim
from deepsort_cli.core.regions import Counts
from deepsort_cli.core.streams import Behind
from deepsort_cli.core.types import Frame, Tracks
from deepsort_cli.video.rotation import Rotation
from deepsort_cli.video.sinks.base import Sink

HOUR = 3600
MEDIA_LABEL = r"\d{2,}-\d\d-\d\d"
LIVE_LABEL = r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d"
ANY_LABEL = rf"_(?:{MEDIA_LABEL}|{LIVE_LABEL})(?:-\d+)?"
"""What stands between stem and suffix of a part's name, as a regular expression."""


class PartClock:
    """The time of a frame that counts for new files: by the wall for what is live, else within the recording.

    One for all outputs of a source, so that all begin anew with the same frame.

    Args:
        live: the frames come from a camera or stream.
        now: seconds since 1970.
    """

    def __init__(self, live: bool, now: Callable[[], float] = time.time) -> None:
        self.is_live, self._now = live, now
        self._known: tuple[int, float] | None = None

    def __call__(self, frame: Frame) -> float:
        """Seconds since 1970, or from the beginning of the recording."""
        if not self.is_live:
            return max(0.0, frame.time)
        if self._known is None or self._known[0] != frame.index:
            late = 0.0 if frame.arrived is None else time.monotonic() - frame.arrived
            self._known = frame.index, self._now() - late
        return self._known[1]

    def period(self, moment: float, seconds: int) -> float:
        """When the whole time began in which a moment lies; by the wall they are counted from midnight, local time."""
        if not self.is_live:
            return moment // seconds * seconds
        # By what the clock shows, not by seconds gone by: some days have 23 or 25 hours.
        local = datetime.fromtimestamp(moment).replace(microsecond=0, fold=0)
        since = local.hour * 3600 + local.minute * 60 + local.second
        begin = local - timedelta(seconds=since % seconds)
        again = begin.replace(fold=1).timestamp()  # an hour that comes twice is two
        return again if seconds <= HOUR and again <= moment else begin.timestamp()

    def label(self, moment: float) -> str:
        """The moment, for a file's name: 2026-05-01_14-00-00, or 01-30-00 for an hour and a half into a recording."""
        if self.is_live:
            return datetime.fromtimestamp(moment).strftime("%Y-%m-%d_%H-%M-%S")
        minutes, seconds = divmod(int(moment), 60)
        return f"{minutes // 60:02d}-{minutes % 60:02d}-{seconds:02d}"


class RotatingSink(Sink):
    """Writes one part after the other, each by a sink of its own under a name with the time at which it begins.

    A part that is full is finished in a thread, while the next one is written already.
    """

    def __init__(
        self,
        path: Path,
        rotation: Rotation,
        clock: PartClock,
        open_part: Callable[[Path, bool], Sink],
        *,
        replaces: bool,
        began: Callable[[Path], None],
        modes: Mapping[Path, int | None] | None = None,
    ) -> None:
        """Prepare; the first part begins with the first frame.

        Args:
            path: gives the names: out.csv → out_2026-05-01_14-00-00.csv.
            open_part: makes the sink of a part; is told whether it is the first one.
            replaces: parts that are there already are replaced; else new ones get a number behind the time.
            began: takes the path of every part.
            modes: permissions of parts that were there before, which new ones in their place get.
        """
        self._path, self._rotation, self._clock = path, rotation, clock
        self._open_part, self._began, self._replaces = open_part, began, replaces
        self._part: Sink | None = None
        self._part_path = path
        self._modes: Mapping[Path, int | None] = modes or {}
        self._period = 0.0
        self._names: set[Path] = set()
        self._closed = False
        self._stack = contextlib.ExitStack()
        self._stack.callback(self._remove_unwritten)
        self._finishing: Behind[Sink] = self._stack.enter_context(Behind(lambda sink: sink.close(), 2))

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        moment = self._clock(frame)
        if self._part is not None and self._is_full(moment):
            part, self._part = self._part, None
            self._finishing.put(part)
        if self._part is None:
            self._begin(moment)
        assert self._part is not None
        self._part.write(frame, tracks, counts)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        with self._stack:  # waits for the parts before
            if self._part is not None:
                self._part.close()

    def _is_full(self, moment: float) -> bool:
        if self._rotation.seconds is not None:
            return self._clock.period(moment, self._rotation.seconds) != self._period
        try:
            size = self._part_path.stat().st_size
        except OSError:  # nothing is in it yet, or somebody has taken it away
            return False
        assert self._rotation.size is not None
        return size >= self._rotation.size

    def _begin(self, moment: float) -> None:
        if self._rotation.seconds is not None:
            self._period = self._clock.period(moment, self._rotation.seconds)
        first = not self._names
        # What is live did not begin at the whole time before it was connected to.
        exact = self._rotation.seconds is None or (first and self._clock.is_live)
        self._part_path = self._name(self._clock.label(moment if exact else self._period))
        self._names.add(self._part_path)
        if (mode := self._modes.get(self._part_path)) is not None:
            with contextlib.suppress(OSError):  # told when the part itself cannot be written
                claim(self._part_path, mode).close()  # the part takes its place, and so its permissions
                os.utime(self._part_path, (0, 0))  # by which it is told from a part without a row
        self._part = self._open_part(self._part_path, first)
        self._began(self._part_path)

    def _remove_unwritten(self) -> None:
        """Remove what stood in for parts that were not written, as where the disk was nearly full."""
        for path in self._names & self._modes.keys():
            with contextlib.suppress(OSError):
                found = path.stat()
                if not found.st_size and not found.st_mtime:
                    path.unlink()

    def _name(self, label: str) -> Path:
        path, number = self._path.with_name(f"{self._path.stem}_{label}{self._path.suffix}"), 1
        while path in self._names or (path.exists() and not self._replaces):
            number += 1
            path = self._path.with_name(f"{self._path.stem}_{label}-{number}{self._path.suffix}")
        return path


def parts_of(path: Path) -> list[Path]:
    """The parts of a recording's output that are there, but not those of live sources, whose names have a date."""
    name = re.compile(re.escape(f"{path.stem}_") + rf"{MEDIA_LABEL}(?:-\d+)?" + re.escape(path.suffix))
    try:
        return sorted(other for other in path.parent.iterdir() if name.fullmatch(other.name))
    except OSError:
        return []
