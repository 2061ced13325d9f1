"""All tracks of a run from their first to their last frame, for sinks that write about them at its end."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from deepsort_cli.core.files import atomic_path
from deepsort_cli.core.regions import Counts
from deepsort_cli.core.types import Frame, Tracks
from deepsort_cli.video.sinks.base import Sink, write_error
from deepsort_cli.video.sinks.tables import people_columns, who


@dataclass
class Life:
    """One track from its first to its last frame."""

    first_frame: int
    first_time: float
    first_foot: tuple[float, float]
    last_frame: int = 0
    last_time: float = 0.0
    last_foot: tuple[float, float] = (0.0, 0.0)
    frames: int = 0
    matched: int = 0
    distance: float = 0.0
    score_sum: float = 0.0
    scores: int = 0
    classes: Counter[int] = field(default_factory=Counter)
    spans: list[tuple[float, float]] = field(default_factory=list)
    """Seconds from when to when it was there without a gap: until the next frame came, which did not show it."""
    last_number: int = -1
    known: dict[str, int | str | None] = field(default_factory=dict)
    """`person`, where people are told apart, and `name`, where some have one; None where unknown."""


class Lives:
    """All tracks of a run, gathered frame by frame; memory grows with tracks and gaps, not with frames."""

    def __init__(self) -> None:
        self.of: dict[int, Life] = {}
        self.frames = 0
        self.begin = self.end = 0.0
        self.columns: list[str] = []
        """What is known of people: nothing, `person`, or `person` and `name`."""
        self._present: list[int] = []
        self._steps: deque[float] = deque(maxlen=15)

    def add(self, frame: Frame, tracks: Tracks) -> None:
        if self.frames:
            self._steps.append(frame.time - self.end)
            self._prolong(frame.time)
        else:
            self.begin = frame.time
        number, self.frames, self.end = self.frames, self.frames + 1, frame.time
        self._present = tracks.ids.tolist()
        people = who(tracks)
        self.columns = self.columns or people_columns(tracks)
        for i, (left, _, right, bottom) in enumerate(tracks.boxes.tolist()):
            track_id, foot = int(tracks.ids[i]), ((left + right) / 2, bottom)
            life = self.of.get(track_id)
            if life is None:
                life = self.of[track_id] = Life(frame.index + 1, frame.time, foot, last_foot=foot)
            if life.last_number == number - 1 and life.spans:
                life.spans[-1] = (life.spans[-1][0], frame.time)
            else:
                life.spans.append((frame.time, frame.time))
            life.last_number = number
            if people[i].get("person") or not life.known:
                life.known = people[i]
            life.distance += math.dist(life.last_foot, foot)
            life.last_frame, life.last_time, life.last_foot = frame.index + 1, frame.time, foot
            life.frames += 1
            matched = bool(tracks.detection_index[i] >= 0)
            life.matched += matched
            life.classes[int(tracks.class_ids[i])] += 1
            if matched and math.isfinite(tracks.scores[i]):
                life.score_sum += float(tracks.scores[i])
                life.scores += 1

    def finish(self, frame_seconds: float) -> None:
        """Let the last frame last as long as those before it; `frame_seconds` where there is none."""
        usual = median(self._steps) if self._steps else 0.0
        self.end += usual if usual > 0 else frame_seconds
        self._prolong(self.end)

    def _prolong(self, until: float) -> None:
        """Those of the last frame were there until now."""
        for track_id in self._present:
            spans = self.of[track_id].spans
            spans[-1] = (spans[-1][0], until)


class LivesSink(Sink):
    """Gathers all tracks and writes about them when closed; nothing where there was no frame."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lives: Lives | None = Lives()

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        assert self._lives is not None
        self._lives.add(frame, tracks)

    def close(self) -> None:
        lives, self._lives = self._lives, None
        if lives is None or not lives.frames:
            return
        try:
            with atomic_path(self._path, follow=True) as temporary:
                self._finish(temporary, lives)
        except OSError as error:
            raise write_error(self._path, error, whole=True) from None

    @abstractmethod
    def _finish(self, path: Path, lives: Lives) -> None:
        """Write the whole file."""
