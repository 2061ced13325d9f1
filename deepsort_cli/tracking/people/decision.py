"""What was decided about a track, and how near a thing it was, for whoever checks it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Nearness:
    """How near the looks of a track are to a person's.

    Attributes:
        person: the person's number.
        distance: cosine distance between the means of looks.
        limit: the largest that is admitted between the cameras of these looks.
        against: the camera of the person's looks that are nearest; empty: enrolled pictures.
    """

    person: int
    distance: float
    limit: float
    against: str

    @property
    def share(self) -> float:
        """The distance as a part of the limit; from 1 on they are two people."""
        return self.distance / self.limit


@dataclass(frozen=True)
class Decision:
    """A track got its person.

    Attributes:
        camera, track: which track.
        moment: when, in seconds on the clock of the run.
        looks: how many looks of the track had a say.
        person: number of its person from now on.
        name: the person's; empty: unknown.
        match: how near it is to that person; None where it is somebody new.
        runner_up: the nearest other person who might have been there; None where there was nobody.
    """

    camera: str
    track: int
    moment: float
    looks: int
    person: int
    name: str
    match: Nearness | None
    runner_up: Nearness | None
