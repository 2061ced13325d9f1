"""What an album remembers of one person: visits with their paths, looks, the best crop. None of it grows for ever."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.images import jpeg, shrunk
from deepsort_cli.core.types import Image
from deepsort_cli.serving.crops import sharpness

AWAY = 10.0
"""Seconds without news after which a track that goes on begins a new visit."""
MOST_LOOKS = 32
"""Appearance features kept of a person."""
MOST_POINTS, MOST_OLD_POINTS = 240, 24
"""Points kept of the path of a visit, and of one that is long past."""
MOST_VISITS, RECENT = 200, 8
"""Visits kept of a person, and how many of them are not long past."""
CROP_SIDE, CROP_QUALITY = 320, 88
"""Pixels that a kept crop is high and wide at most, and its quality as a JPEG."""
_POINT_EVERY = 0.2
"""Seconds from point to point of a path that is short enough to be kept whole."""
_TRY_EVERY = 0.25
"""Seconds until another crop of the same person may take the place of the kept one."""
_BETTER = 1.05
"""How much more than the kept crop another one has to promise."""

Feature = npt.NDArray[np.float16]


@dataclass(slots=True)
class Visit:
    """One track of one camera, without a long break.

    Attributes:
        path: t, x, y of the feet one after the other, in seconds and pixels, about evenly spaced in time.
        last: the newest of these, whether it is kept or not.
    """

    camera: int
    id: int
    start: float
    end: float
    path: array[float] = field(default_factory=lambda: array("d"))
    last: tuple[float, float, float] | None = None
    every: float = _POINT_EVERY

    def at(self, time: float, x: float, y: float) -> None:
        """The person is here now."""
        self.end = max(self.end, time)
        self.last = (time, x, y)
        if not self.path or time - self.path[-3] >= self.every - 1e-6:
            self.path.extend(self.last)
            self.thin(MOST_POINTS)

    def thin(self, most: int) -> None:
        """Forget every second point until there are no more than so many."""
        while len(self.path) > 3 * most:
            points = np.frombuffer(self.path).reshape(-1, 3)[::2]
            spacing = float(points[-1, 0] - points[0, 0]) / (len(points) - 1)
            self.path, self.every = array("d", points.tobytes()), max(2 * self.every, spacing)

    def as_json(self) -> dict[str, Any]:
        points = np.frombuffer(self.path).reshape(-1, 3).tolist() if self.path else []
        if points and self.last is not None and points[-1][0] != self.last[0]:
            points.append(list(self.last))
        path = [[round(t, 2), round(x, 1), round(y, 1)] for t, x, y in points]
        return {
            "camera": self.camera, "id": self.id, "from": round(self.start, 2), "to": round(self.end, 2), "path": path,
        }  # fmt: skip


@dataclass(slots=True)
class Looks:
    """Every `step`-th look of a person."""

    step: int = 1
    seen: int = 0
    features: list[Feature] = field(default_factory=list)

    def add(self, feature: Feature) -> None:
        if self.seen % self.step == 0:
            self.features.append(feature)
            self._thin()
        self.seen += 1

    def take(self, other: Looks) -> None:
        """Take over those of somebody who turned out to be the same person."""
        self.features.extend(other.features)
        self.seen += other.seen
        self.step = max(self.step, other.step)
        self._thin()

    def _thin(self) -> None:
        while len(self.features) > MOST_LOOKS:
            self.features, self.step = self.features[::2], 2 * self.step


@dataclass(slots=True)
class Person:
    """Somebody in the album.

    Attributes:
        person: their number over all cameras; None where they are known as a track of one camera only.
        version: how many crops there have been, so that browsers notice a new one.
    """

    key: str
    person: int | None
    name: str = ""
    visits: list[Visit] = field(default_factory=list)
    visits_dropped: int = 0
    looks: Looks = field(default_factory=Looks)
    crop: bytes | None = None
    quality: float = 0.0
    version: int = 0
    tried: float = float("-inf")

    @property
    def first(self) -> float:
        return min(visit.start for visit in self.visits)

    @property
    def last(self) -> float:
        return max(visit.end for visit in self.visits)

    @property
    def arrived(self) -> float:
        """When the newest visit began."""
        return self.visits[-1].start

    def visit(self, camera: int, track: int, time: float) -> Visit:
        """The visit that this track is on, a new one where it is new or was away."""
        for visit in reversed(self.visits):
            if (visit.camera, visit.id) == (camera, track):
                if time - visit.end <= AWAY:
                    return visit
                break
        self.visits.append(Visit(camera, track, time, time))
        self._tidy()
        return self.visits[-1]

    def promises_more(self, promise: float, time: float) -> bool:
        """Whether a crop that promises this much is worth a closer look."""
        if promise <= self.quality * _BETTER or 0 <= time - self.tried < _TRY_EVERY:
            return False
        self.tried = time
        return True

    def show(self, crop: Image, promise: float) -> None:
        """Keep this crop if it is better than the kept one."""
        small = shrunk(crop, CROP_SIDE / max(crop.shape[:2]))
        quality = promise * sharpness(small)
        if self.crop is None or quality > self.quality:
            self.crop, self.quality, self.version = jpeg(small, CROP_QUALITY), quality, self.version + 1

    def take(self, other: Person) -> None:
        """Take over all that is known of somebody who turned out to be the same person."""
        self.visits = sorted([*self.visits, *other.visits], key=lambda visit: visit.start)
        self.visits_dropped += other.visits_dropped
        self._tidy()
        self.looks.take(other.looks)
        if other.crop is not None and other.quality > self.quality:
            self.crop, self.quality = other.crop, other.quality
            self.version += 1

    def seconds(self) -> float:
        """How long they were seen, in one camera or several."""
        total, until = 0.0, float("-inf")
        for visit in sorted(self.visits, key=lambda visit: visit.start):
            total += max(0.0, visit.end - max(visit.start, until))
            until = max(until, visit.end)
        return total

    def as_json(self, *, now: bool, visits: bool = False) -> dict[str, Any]:
        """As the API gives it.

        Args:
            now: they are in the picture of a camera.
            visits: with visits and paths.
        """
        row: dict[str, Any] = {
            "key": self.key,
            "person": self.person,
            "name": self.name,
            "cameras": sorted({visit.camera for visit in self.visits}),
            "first": round(self.first, 2),
            "last": round(self.last, 2),
            "seconds": round(self.seconds(), 2),
            "looks": len(self.looks.features),
            "now": now,
            "crop": f"/api/people/{self.key}/crop?v={self.version}" if self.crop else None,
        }
        if visits:
            row["visits"] = [one.as_json() for one in self.visits]
            row["visits_dropped"] = self.visits_dropped
        return row

    def _tidy(self) -> None:
        """Keep less of what is long past."""
        for visit in self.visits[:-RECENT]:
            visit.thin(MOST_OLD_POINTS)
        extra = len(self.visits) - MOST_VISITS
        if extra > 0:
            del self.visits[:extra]
            self.visits_dropped += extra
