"""What an archive tells its listener while it is worked on, and what comes of each video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

State = Literal["done", "skipped", "failed", "to do", "interrupted"]
"""Tracked in this run; done before; an error; what a dry run would track; not reached, or not finished."""


@dataclass(frozen=True)
class Planned:
    """What is to be done; told once, before the first video.

    Attributes:
        to_do, skipped: numbers of videos.
        workers: videos tracked at once.
    """

    to_do: int
    skipped: int
    workers: int


@dataclass(frozen=True)
class Working:
    """What a worker is at.

    Attributes:
        worker: its number, from 0.
        node: the machine it is on; empty where there is only one.
        place: of the video; empty: it waits, starts or has ended.
        frames: tracked so far.
        total: frames to come in all, often an estimate; None where that is not known.
        left: seconds until everything is done, as far as can be told; None at the start.
    """

    worker: int
    node: str = ""
    place: str = ""
    frames: int = 0
    total: int | None = None
    left: float | None = None


@dataclass(frozen=True)
class Result:
    """What came of a video; told when its results are in place.

    Attributes:
        source: what was tracked.
        place: where its results are, relative to the archive's folder.
        folder: the same, whole.
        state: what became of it.
        reason: why it is to do, was skipped or failed.
        record: what `summary.json` says; None where there are no results.
    """

    source: str
    place: str
    folder: Path
    state: State
    reason: str = ""
    record: dict[str, Any] | None = None

    @property
    def frames(self) -> int | None:
        return None if self.record is None else self.record.get("frames")

    @property
    def people(self) -> int | None:
        """Distinct ids."""
        return None if self.record is None else self.record.get("people")

    @property
    def duration(self) -> float | None:
        """Seconds of video."""
        return None if self.record is None else self.record.get("duration")

    @property
    def outputs(self) -> list[Path]:
        """The files and folders of its results."""
        return [] if self.record is None else [self.folder / name for name in self.record.get("outputs", [])]

    def as_json(self) -> dict[str, Any]:
        facts = {name: getattr(self, name) for name in ("frames", "people", "duration")}
        paths = {"folder": str(self.folder), "outputs": [str(path) for path in self.outputs]}
        return {"source": self.source, "state": self.state, "reason": self.reason, **facts, **paths}
