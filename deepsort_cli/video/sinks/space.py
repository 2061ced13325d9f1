"""Room on a disk: large outputs end before it is full, so that text can go on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from deepsort_cli.core.files import behind_link
from deepsort_cli.core.regions import Counts
from deepsort_cli.core.types import Frame, IntArray, Tracks
from deepsort_cli.video.sinks.base import Say, Sink

RESERVE_BYTES = 500 * 10**6
RESERVE_PART = 0.01
"""What large outputs leave free: so many bytes, but no more than this part of the disk."""

EVERY_FRAMES = 16


class Space(NamedTuple):
    """Bytes of a disk, and those of them that are free."""

    total: int
    free: int


def space_of(folder: Path) -> Space | None:
    """Of the disk that a folder, or the nearest one above it that is there, lies on; None where it cannot be told."""
    for place in (folder, *folder.absolute().parents):
        try:
            usage = shutil.disk_usage(place)
        except FileNotFoundError:
            continue
        except OSError:
            return None
        return Space(usage.total, usage.free)
    return None


def room_for(path: Path, size: int = 0) -> bool:
    """Whether so many bytes more beside `path` leave enough for text."""
    space = space_of(behind_link(path).parent)
    return space is None or space.free - size >= min(RESERVE_BYTES, RESERVE_PART * space.total)


class WhileRoomSink(Sink):
    """Ends another sink when its disk is nearly full, and says so; the frames that come later are not written.

    Args:
        what: how the message calls it.
        room: whether there is room; asked before the first frame, and again now and then.
        folder: it is one, finished when the run ends: until then the ids in it may change.
    """

    def __init__(
        self,
        sink: Sink,
        path: Path,
        what: str,
        warn: Say,
        room: Callable[[Path], bool] = room_for,
        *,
        folder: bool = False,
    ) -> None:
        self._sink, self._path, self._what, self._warn, self._room = sink, path, what, warn, room
        self._folder = folder
        self._frames = 0
        self._ended = False

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        if self._ended:
            return
        if self._frames % EVERY_FRAMES == 0 and not self._room(self._path):
            self._ended = True
            state = "ends here" if self._frames else "is not begun"
            self._warn(
                f"{self._path}: the disk is nearly full, so {self._what} {state} (frame {frame.index + 1}); text goes "
                "on. Free some space; the next file is written as usual."
            )
            if not self._folder:
                self._sink.close()
            return
        self._frames += 1
        self._sink.write(frame, tracks, counts)

    def rename(self, frames: IntArray, old: IntArray, new: IntArray) -> None:
        self._sink.rename(frames, old, new)

    def close(self) -> None:
        self._sink.close()
