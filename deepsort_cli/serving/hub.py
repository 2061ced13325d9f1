"""What a run gives away about itself, always the newest: the one place where its threads and the server's meet.

A run's threads replace whole values and never wait for whoever reads them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.regions import Counts, Line, Zone
from deepsort_cli.core.types import Frame, Image, IntArray, Tracks
from deepsort_cli.serving.events import Comings, EventLog
from deepsort_cli.serving.history import History
from deepsort_cli.video.sinks.base import Sink
from deepsort_cli.video.trails import Points, Trails

State = Literal["waiting", "running", "ended", "failed"]

Regions = tuple[tuple[Line, ...], tuple[Zone, ...]]

LOOKED_AT_SECONDS = 3.0
"""How long after the last picture somebody still counts as looking."""
SPARE_SECONDS = 1.0
"""Where frames have to be copied, and nobody looks: how old the one that is kept may get."""


@dataclass(frozen=True)
class Status:
    """How a camera is; see `/api/state`."""

    state: State = "waiting"
    message: str = ""
    frames: int = 0
    fps: float = 0.0
    latency_ms: float | None = None
    skipped: int = 0
    reconnects: int = 0
    people: int = 0


@dataclass(frozen=True, eq=False)
class View:
    """A frame as it can be shown.

    Attributes:
        number: how many came before.
        time: when it was, in seconds since 1970; see `Camera.began`.
        image: (H, W, 3) uint8 BGR, never written to; None where the source has no pictures.
        tracks, counts: after it.
        trails: where the tracks were, by id.
    """

    number: int
    time: float
    image: Image | None
    tracks: Tracks
    counts: Counts | None
    trails: Mapping[int, Points]


class People(Protocol):
    """What the hub gives frames to beside its cameras: the album of people."""

    def see(self, camera: int, frame: Frame, tracks: Tracks) -> None:
        """Take the next frame of a camera, before anything is drawn: called for every frame, in a thread of the run's.
        `tracks.features` are there where a Re-ID model is."""

    def leave(self, camera: int) -> None:
        """The camera has ended or failed."""


class Camera:
    """One source of the run, as it is seen from outside.

    Attributes:
        index, name: position in the run, and name.
        live: it is a camera or a stream; else it is recorded.
        began: when its `Frame.time` was 0, in seconds since 1970. Of a recording, that is when the run began: what
            happens in it gets the time it would have had if the recording had begun then.
        size: width and height of its pictures, 0 where unknown.
        status: how it is.
        time: of its newest frame, in seconds since 1970; None before the first.
        counts: of its lines and zones after that frame; None where there are none.
        people: (T,) the person of each track in that frame, −1 for undecided; None where people are not told apart.
        view: the newest frame that can be shown; None before the first.
        regions: the lines and zones that are counted, or will be from its next frame on.
        history: its figures over the last hours.
    """

    def __init__(
        self, index: int, name: str, *, live: bool, size: tuple[int, int], trail: int, began: float | None = None
    ) -> None:
        self.index, self.name, self.live, self.size = index, name, live, size
        self.began = time.time() if began is None else began
        self.status = Status()
        self.time: float | None = None
        self.counts: Counts | None = None
        self.people: IntArray | None = None
        self.view: View | None = None
        self.history = History()
        self._trails = Trails(trail)
        self._looked_at = 0.0
        self.regions: Regions = ((), ())
        self._changed = False

    def look(self) -> View | None:
        """The newest frame; whoever calls this looks at the camera, and will for a while."""
        self._looked_at = time.monotonic()
        return self.view

    @property
    def is_looked_at(self) -> bool:
        return time.monotonic() - self._looked_at < LOOKED_AT_SECONDS

    def show(self, view: View, *, is_ours: bool) -> None:
        """Take the next frame, without trails; called by the run.

        Args:
            is_ours: nobody writes into its image later.
        """
        self.time, self.counts, self.people = view.time, view.counts, view.tracks.people
        self.history.add(view.time, len(view.tracks), self.status.fps, self.status.latency_ms, view.counts)
        self._trails.add(view.tracks)
        looked_at, image = self.is_looked_at, view.image
        if not is_ours and image is not None:
            last = self.view
            due = last is None or last.image is None or view.time - last.time >= SPARE_SECONDS
            if not (looked_at or due):
                return
            image = image.copy()
        trails = self._trails.of(view.tracks.ids) if looked_at else {}
        self.view = replace(view, image=image, trails=trails)

    def change_regions(self, lines: Sequence[Line], zones: Sequence[Zone]) -> None:
        """Have these lines and zones counted from the next frame on."""
        self.regions = tuple(lines), tuple(zones)
        self._changed = True

    def take_regions(self) -> Regions | None:
        """Lines and zones that shall be counted from now on; None: those that are. Called by the run."""
        if not self._changed:
            return None
        self._changed = False  # first: what comes in between is taken next time
        return self.regions


@dataclass
class Hub:
    """All that is on view.

    Attributes:
        name, version: of the program.
        cameras: in the order of the run.
        across: people have one id in all cameras.
        log: what happened in front of the cameras.
        album: the wall of people; None where there is none.
        describe: from a (H, W, 3) uint8 BGR picture of one person to (D,) features; None without a Re-ID model.
        started: when the run began, in seconds since 1970.
    """

    name: str
    version: str
    cameras: Sequence[Camera]
    across: bool = False
    log: EventLog = field(default_factory=EventLog)
    album: People | None = None
    describe: Callable[[Image], npt.NDArray[np.float32]] | None = None
    started: float = field(default_factory=time.time)

    @property
    def people_now(self) -> int:
        """In pictures now; who is in several at once counts once, where people are told apart."""
        known: set[int] = set()
        others = 0
        for camera in self.cameras:
            people = camera.people
            if people is None:
                others += camera.status.people
            else:
                known.update(people[people > 0].tolist())
                others += int(np.count_nonzero(people <= 0))
        return len(known) + others

    def sink(self, camera: Camera) -> HubSink:
        """What a source's frames go into."""
        return HubSink(self, camera)


class HubSink(Sink):
    """Puts a source's frames into the hub. It must not hold up the run: what costs time waits until somebody looks.

    Attributes:
        shared: others draw into the frames' images afterwards.
    """

    def __init__(self, hub: Hub, camera: Camera) -> None:
        self._hub, self._camera = hub, camera
        self.take_regions = camera.take_regions
        self.shared = False
        self._number = 0
        self._comings = Comings(hub.log, camera.index, camera.name)
        self._turn = threading.Lock()

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        with self._turn:
            self._take(frame, tracks, counts)

    def _take(self, frame: Frame, tracks: Tracks, counts: Counts | None) -> None:
        camera = self._camera
        view = View(self._number, wall_time(frame, camera.began), frame.image, tracks, counts, {})
        self._number += 1
        if frame.image is not None:
            camera.size = frame.image.shape[1], frame.image.shape[0]
        camera.show(view, is_ours=not self.shared)
        self._comings.see(view.time, tracks, counts)
        if self._hub.album is not None:
            self._hub.album.see(camera.index, frame, tracks)

    def lose(self) -> None:
        """The source is away: nobody knows who is in front of it. From any thread, more than once."""
        with self._turn:
            self._comings.end()
            self._camera.people = None
            if self._hub.album is not None:
                self._hub.album.leave(self._camera.index)

    def close(self) -> None:
        """The source has ended: nobody is in the picture any more."""
        self.lose()


def wall_time(frame: Frame, began: float) -> float:
    """When a frame was taken, in seconds since 1970.

    Args:
        began: when the time of recorded frames was 0; those of cameras and streams know when they came.
    """
    if frame.arrived is not None:
        return time.time() - (time.monotonic() - frame.arrived)
    return began + frame.time
