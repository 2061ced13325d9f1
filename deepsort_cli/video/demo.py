"""The built-in demo scene: people walk, cross and hide each other on a paved square, and the truth is known exactly.

Everything is drawn here from a seed; no picture is stored. A frame can be asked for by its number alone.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

from deepsort_cli.video.chance import Chance
from deepsort_cli.video.figures import PHASES, STRIDES, Placement, dress
from deepsort_cli.video.ground import pave
from deepsort_cli.video.scene import Scene
from deepsort_cli.video.settings import DemoSettings

PEOPLE, FRAMES = 7, 200
"""How many people, and how long, where settings do not say."""

CYCLE = 0.62
"""Body heights walked in one cycle of two steps."""

SETTLE_SECONDS = 0.25
"""How long people take to come to a halt."""

FAR_SIZE, NEAR_SIZE = 0.26, 0.46
"""Height of people at the far and near edge of the walked ground, in picture heights."""

FAR_LINE, NEAR_LINE = 0.40, 0.95
"""Where their feet are, in picture heights from the top."""


class DemoScene(Scene):
    """A seeded scene of walking people; equal settings give equal frames."""

    def __init__(self, settings: DemoSettings) -> None:
        chance = Chance(settings.seed)
        people, frames = settings.length(PEOPLE, FRAMES)
        floor = pave(settings.width, settings.height, chance)
        super().__init__(settings, frames, floor, dress(people, chance))
        self._walks = _plan_walks(settings, people, frames / settings.fps, chance)

    def _people(self, index: int) -> list[tuple[int, Placement]]:
        seconds = index / self.settings.fps
        return self._in_picture((person, walk.at(seconds)) for person, walk in enumerate(self._walks))


@dataclass(frozen=True)
class _Leg:
    """A straight part of a walk; `walked` is how many body heights were walked before it."""

    start: float
    seconds: float
    x: tuple[float, float]
    depth: tuple[float, float]
    faces_left: bool
    walked: float


class _Walk:
    """One person's way: walks and stops, laid out by `go`, `wait` and `return_from`."""

    def __init__(self, picture_height: int, x: float, depth: float, speed: float) -> None:
        """Begin at `x` pixels and `depth` (0 far … 1 near), walking `speed` body heights a second."""
        self._height = picture_height
        self._x, self._depth, self._speed = x, depth, speed
        self._legs: list[_Leg] = []
        self._faces_left = False
        self.seconds = 0.0
        self._walked = 0.0

    def size(self, depth: float) -> float:
        """Height in pixels of a person at this depth."""
        return self._height * (FAR_SIZE + (NEAR_SIZE - FAR_SIZE) * depth)

    def go(self, x: float, depth: float) -> None:
        size = (self.size(self._depth) + self.size(depth)) / 2
        self._faces_left = x < self._x
        self._add(abs(x - self._x) / (self._speed * size), x, depth)
        self._walked += _heights_walked(self._legs[-1], 1.0, self)

    def wait(self, seconds: float) -> None:
        self._add(seconds, self._x, self._depth)

    def return_from(self, depth: float, seconds: float) -> None:
        """Stay out of the picture for a while and be at another depth afterwards."""
        self.wait(seconds)
        self._depth = depth

    def _add(self, seconds: float, x: float, depth: float) -> None:
        leg = _Leg(self.seconds, seconds, (self._x, x), (self._depth, depth), self._faces_left, self._walked)
        self._legs.append(leg)
        self.seconds += seconds
        self._x, self._depth = x, depth

    def at(self, seconds: float) -> Placement:
        leg = self._legs[max(0, bisect_right(self._legs, seconds, key=lambda leg: leg.start) - 1)]
        part = min(1.0, (seconds - leg.start) / leg.seconds) if leg.seconds > 0 else 1.0
        x = leg.x[0] + part * (leg.x[1] - leg.x[0])
        depth = leg.depth[0] + part * (leg.depth[1] - leg.depth[0])
        phase = int((leg.walked + _heights_walked(leg, part, self)) / CYCLE * PHASES) % PHASES
        stride = STRIDES
        if leg.x[0] == leg.x[1]:  # waiting: the legs come together, and part again in time
            margin = min(seconds - leg.start, leg.start + leg.seconds - seconds)
            stride = STRIDES - round(STRIDES * min(1.0, max(0.0, margin / SETTLE_SECONDS)))
        y = self._height * (FAR_LINE + (NEAR_LINE - FAR_LINE) * depth)
        return Placement(x, y, self.size(depth), phase, stride, leg.faces_left)


def _heights_walked(leg: _Leg, part: float, walk: _Walk) -> float:
    """Body heights walked in the first `part` of a leg: the way in pixels over a size that changes evenly."""
    size = walk.size(leg.depth[0])
    growth = walk.size(leg.depth[1]) / size - 1
    heights = abs(leg.x[1] - leg.x[0]) / size
    return heights * (math.log1p(growth * part) / growth if abs(growth) > 1e-9 else part)


def _plan_walks(settings: DemoSettings, people: int, duration: float, chance: Chance) -> list[_Walk]:
    """A way for everybody, long enough for all of `duration` in seconds.

    People come in pairs from opposite sides and meet inside the picture at nearly the same depth; every second pair
    stops for a moment. Whoever leaves comes back after a while at another depth.
    """
    width, height = settings.width, settings.height
    pairs = (people + 1) // 2
    depths = chance.shuffled([(i + 0.5) / pairs for i in range(pairs)])
    walks = []
    for person in range(people):
        pair, second = divmod(person, 2)
        if not second:
            meeting_x = width * chance.between(0.25, 0.75)
            meeting_time = 0.8 + (pair * 0.618 % 1.0) * min(4.0, 0.6 * duration)
            stop = chance.between(0.8, 1.6) if pair % 2 else 0.0
        heading = -1 if (pair + second) % 2 else 1
        depth = min(1.0, max(0.0, depths[pair] + (0.03 if second else -0.03)))
        speed = chance.between(0.50, 0.64)
        size = height * (FAR_SIZE + (NEAR_SIZE - FAR_SIZE) * depth)
        walk = _Walk(height, meeting_x - heading * speed * size * meeting_time, depth, speed)
        walk.go(meeting_x - (heading * 0.2 * size if stop else 0.0), depth)
        if stop:
            walk.wait(stop)
        while walk.seconds <= duration:
            outside = 0.4 * height * NEAR_SIZE
            drift = chance.between(-0.12, 0.12)
            depth = min(1.0, max(0.0, depth + drift))
            walk.go(width + outside if heading > 0 else -outside, depth)
            depth = chance.between(0.0, 1.0)
            walk.return_from(depth, chance.between(0.3, 1.2))
            heading = -heading
        walks.append(walk)
    return walks
