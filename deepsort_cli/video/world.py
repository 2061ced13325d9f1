"""A generated world of several cameras: the same people walk past all of them, and who is who is known exactly.

Cameras 1 and 2 look at one plaza from opposite sides, in another light; cameras 3 and 4 look at a door each, west and
east of it. Between the views people are on their way for some seconds, seen by nobody. Frame i of every camera
shows the same moment, and a person has the same id in all of them.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

import cv2
import numpy as np

from deepsort_cli.core.types import Image
from deepsort_cli.video.chance import Chance
from deepsort_cli.video.demo import CYCLE, SETTLE_SECONDS
from deepsort_cli.video.figures import PHASES, STRIDES, Placement, dress
from deepsort_cli.video.ground import Floor, pave
from deepsort_cli.video.scene import Scene
from deepsort_cli.video.settings import DemoSettings

PEOPLE, FRAMES = 12, 750
"""How many people, and how long, where settings do not say."""

PLAZA, WEST, EAST = 0, 1, 2
"""The places. Their ground is measured in body heights: u along the street from west to east, v across it."""

DEPTH = 2.2
"""How far people walk across the street: v from 0 to this."""

ON_THE_WAY = 1.5, 4.0
"""Seconds between leaving one place and reaching the next, from street end to street end; nobody sees them there."""

INDOORS = 2.0, 6.0
"""Seconds behind a door, or around the corner, before somebody comes back."""


@dataclass(frozen=True)
class View:
    """A camera: a pinhole that looks level along the ground, with its picture moved down.

    Attributes:
        place: what it looks at.
        u, v: where it hangs, in body heights.
        yaw: where it looks, in degrees; 0 towards greater v, 180 towards smaller v, which mirrors the street.
        focal: picture heights per body height at a distance of one body height.
        tall: how high it hangs, in body heights.
        horizon: in picture heights from the top.
        floor: the ground it sees.
        gains: what the channels B, G, R are multiplied by.
        gamma: above 1 darkens.
        blur: of the lens, in pixels for a picture 576 high.
    """

    place: int
    u: float
    v: float
    yaw: float
    focal: float
    tall: float
    horizon: float
    floor: Floor
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gamma: float = 1.0
    blur: float = 0.0

    def seen(self, u: float, v: float) -> tuple[float, float]:
        """How far a point of the ground is to the right of the camera, and how far before it, in body heights."""
        cosine, sine = math.cos(math.radians(self.yaw)), math.sin(math.radians(self.yaw))
        du, dv = u - self.u, v - self.v
        return du * cosine - dv * sine, du * sine + dv * cosine

    def edges(self, v: float, aspect: float) -> tuple[float, float]:
        """Between which u it sees the line `v`."""
        cosine, sine = math.cos(math.radians(self.yaw)), math.sin(math.radians(self.yaw))
        ends = []
        for side in (-aspect / 2 / self.focal, aspect / 2 / self.focal):
            ends.append(self.u + (v - self.v) * (side * cosine + sine) / (cosine - side * sine))
        return min(ends), max(ends)


VIEWS = (
    View(PLAZA, 0.0, -2.6, 6, 1.2, 2.75, -0.315, Floor()),
    View(
        PLAZA, 0.4, 5.3, 173, 1.22, 2.4, -0.02, Floor(0.085, 176, 16, 12, (1.02, 0.99, 0.95)),
        gains=(1.10, 0.98, 0.86), gamma=1.25,
    ),
    View(
        WEST, -0.2, -2.9, -5, 1.2, 2.5, -0.16, Floor(0.05, 170, 40, 34, (0.74, 0.86, 1.0)),
        gains=(0.84, 0.96, 1.08), gamma=0.88,
    ),
    View(
        EAST, 0.1, 5.0, 182, 1.15, 2.6, -0.13, Floor(0.16, 150, 6, 8, (0.98, 1.0, 0.97)),
        gains=(0.92, 1.04, 0.90), gamma=1.1, blur=0.9,
    ),
)  # fmt: skip
"""Cameras 1, 2, …"""


class WorldScene(Scene):
    """What one camera of a seeded world sees; equal settings give equal frames, and every camera the same people."""

    def __init__(self, settings: DemoSettings, camera: int) -> None:
        """Prepare.

        Args:
            camera: 1 to `len(VIEWS)`.
        """
        chance = Chance(settings.seed)
        people, frames = settings.length(PEOPLE, FRAMES)
        clothes = dress(people, chance)
        aspect = settings.width / settings.height
        self._walks = [_Walk(chance, aspect, frames / settings.fps) for _ in range(people)]
        self.view = VIEWS[camera - 1]
        own = Chance(settings.seed * len(VIEWS) + camera)
        floor = pave(settings.width, settings.height, own, self.view.floor)
        super().__init__(settings, frames, floor, clothes)
        self._tones = _tones(self.view)

    def render(self, index: int) -> Image:
        """Frame `index` (from 0) as a new (H, W, 3) uint8 BGR array."""
        image = cv2.LUT(super().render(index), self._tones)
        blur = self.view.blur * self.settings.height / 576
        return np.asarray(cv2.GaussianBlur(image, (0, 0), blur) if blur > 0.3 else image, dtype=np.uint8)

    def _people(self, index: int) -> list[tuple[int, Placement]]:
        seconds = index / self.settings.fps
        stands = ((person, walk.at(seconds)) for person, walk in enumerate(self._walks))
        return self._in_picture((person, self._place(at)) for person, at in stands if at.place == self.view.place)

    def _place(self, stand: _Stand) -> Placement:
        """Where somebody is in the picture."""
        view, height = self.view, self.settings.height
        aside, ahead = view.seen(stand.u, stand.v)
        next_aside, next_ahead = view.seen(stand.u + stand.heading[0] * 0.01, stand.v + stand.heading[1] * 0.01)
        size = view.focal / ahead
        return Placement(
            x=self.settings.width / 2 + height * size * aside,
            y=height * (view.horizon + size * view.tall),
            height=height * size,
            phase=stand.phase,
            stride=stand.stride,
            faces_left=next_aside / next_ahead < aside / ahead,
        )


def _tones(view: View) -> Image:
    """(1, 256, 3) uint8: what a camera makes of each brightness of each channel."""
    bright = (np.arange(256) / 255) ** view.gamma
    return np.asarray(np.clip(np.round(255 * bright[:, None] * np.array(view.gains)), 0, 255), dtype=np.uint8)[None]


@dataclass(frozen=True)
class _Stand:
    """Where somebody is at one moment, which way they look, and in which step of their walk."""

    place: int
    u: float
    v: float
    heading: tuple[float, float]
    phase: int
    stride: int


@dataclass(frozen=True)
class _Leg:
    """A straight part of a walk in one place; `walked` is how many body heights were walked before it."""

    start: float
    seconds: float
    place: int
    u: tuple[float, float]
    v: tuple[float, float]
    heading: tuple[float, float]
    walked: float


class _Walk:
    """One person's way through the places, long enough for the whole scene.

    Whoever leaves the plaza to the west comes to the west door, and so on; behind the doors people stay for a while and
    come back. Some never leave the place where they are: they turn around out of sight.
    """

    def __init__(self, chance: Chance, aspect: float, duration: float) -> None:
        self._chance = chance
        self._ends = tuple(_street_end(place, aspect) for place in (PLAZA, WEST, EAST))
        self._speed = chance.between(0.62, 0.9)
        self._stays = chance.between(0, 1) < 0.25
        self._legs: list[_Leg] = []
        self._seconds = -chance.between(0.0, 9.0)
        self._walked = 0.0
        place, side = chance.pick((PLAZA, PLAZA, WEST, EAST)), chance.pick((-1, 1))
        while self._seconds <= duration:
            place, side = self._visit(place, side)

    def at(self, seconds: float) -> _Stand:
        """Where they are; `stride` is 0 while they stand."""
        leg = self._legs[max(0, bisect_right(self._legs, seconds, key=lambda leg: leg.start) - 1)]
        part = min(1.0, max(0.0, (seconds - leg.start) / leg.seconds)) if leg.seconds > 0 else 1.0
        length = math.hypot(leg.u[1] - leg.u[0], leg.v[1] - leg.v[0])
        stride = STRIDES
        if not length:  # waiting: the legs come together, and part again in time
            margin = min(seconds - leg.start, leg.start + leg.seconds - seconds)
            stride = STRIDES - round(STRIDES * min(1.0, max(0.0, margin / SETTLE_SECONDS)))
        return _Stand(
            place=leg.place,
            u=leg.u[0] + part * (leg.u[1] - leg.u[0]),
            v=leg.v[0] + part * (leg.v[1] - leg.v[0]),
            heading=leg.heading,
            phase=int((leg.walked + part * length) / CYCLE * PHASES) % PHASES,
            stride=stride,
        )

    def _visit(self, place: int, side: int) -> tuple[int, int]:
        """Walk into a place from one of its sides, −1 west or 1 east, and out of it; where they come to next."""
        chance, end = self._chance, self._ends[place]
        v = chance.between(0.1, DEPTH - 0.1)
        u, leaves = side * end, side if chance.between(0, 1) < 0.2 else -side
        if leaves == side or chance.between(0, 1) < 0.35:
            middle = chance.between(-1.2, 1.2)
            self._go(place, (u, middle), (v, v))
            self._go(place, (middle, middle), (v, v), chance.between(0.8, 2.5))
            u = middle
        self._go(place, (u, leaves * end), (v, min(DEPTH - 0.1, max(0.1, v + chance.between(-0.4, 0.4)))))
        inwards = {PLAZA: 0, WEST: 1, EAST: -1}[place]  # the side that leads to the plaza
        if self._stays or (place != PLAZA and leaves != inwards):
            self._go(place, (leaves * end, leaves * end), (v, v), chance.between(*INDOORS))
            return place, leaves
        self._go(place, (leaves * end, leaves * end), (v, v), chance.between(*ON_THE_WAY))
        if place == PLAZA:
            return (WEST if leaves < 0 else EAST), -leaves
        return PLAZA, -leaves

    def _go(self, place: int, u: tuple[float, float], v: tuple[float, float], waits: float = 0.0) -> None:
        length = math.hypot(u[1] - u[0], v[1] - v[0])
        heading = ((u[1] - u[0]) / length, (v[1] - v[0]) / length) if length else self._legs[-1].heading
        seconds = waits or length / self._speed
        self._legs.append(_Leg(self._seconds, seconds, place, u, v, heading, self._walked))
        self._seconds += seconds
        self._walked += length


def _street_end(place: int, aspect: float) -> float:
    """How far from the middle of a place nobody is seen any more, in body heights."""
    reach = [abs(u) for view in VIEWS if view.place == place for v in (0.0, DEPTH) for u in view.edges(v, aspect)]
    return max(reach) + 0.4
