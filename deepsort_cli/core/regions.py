"""Lines and zones in the picture where people are counted, and the counts."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Literal

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import printable

Point = tuple[float, float]

LINES, ZONES = "`counting.lines`", "`counting.zones`"
"""How messages name the settings."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line from `start` to `end`, x and y in pixels. "In" is across it to the right of someone who walks along it:
    downwards where it runs from left to right."""

    name: str
    start: Point
    end: Point

    @property
    def points(self) -> tuple[Point, ...]:
        return self.start, self.end


@dataclass(frozen=True, slots=True)
class Zone:
    """A polygon, its corners in order around it, x and y in pixels."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class LineCount:
    """How many crossings of a line there were in each direction so far."""

    line: Line
    inward: int = 0
    outward: int = 0


@dataclass(frozen=True, slots=True)
class ZoneCount:
    """What happened in a zone: tracks inside now, times one walked in so far, and distinct tracks ever inside."""

    zone: Zone
    inside: int = 0
    entered: int = 0
    distinct: int = 0


@dataclass(frozen=True, slots=True)
class Passing:
    """A track was counted.

    Attributes:
        region: name of the line or zone.
        way: across a line, in or out, or into a zone.
        id: of the track.
    """

    region: str
    way: Literal["in", "out", "entered"]
    id: int


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of all lines and zones after a frame, and who was counted in it."""

    lines: tuple[LineCount, ...]
    zones: tuple[ZoneCount, ...]
    passings: tuple[Passing, ...] = field(default=(), compare=False)

    def as_json(self) -> dict[str, list[dict[str, Any]]]:
        return {
            "lines": [{"name": c.line.name, "in": c.inward, "out": c.outward} for c in self.lines],
            "zones": [
                {"name": c.zone.name, "inside": c.inside, "entered": c.entered, "distinct": c.distinct}
                for c in self.zones
            ],
        }


def parse_lines(texts: Sequence[str]) -> list[Line]:
    """Lines written `[name=]x1,y1,x2,y2`; those without a name are called `line 1`, `line 2`, ….

    Raises:
        InputError: malformed, without length, or two of the same name.
    """
    lines = []
    for number, text in enumerate(texts, 1):
        name, points = _parse(LINES, text, f"line {number}")
        if len(points) != 2:
            raise InputError(f"{LINES} {text}: expected x1,y1,x2,y2 in pixels, got {2 * len(points)} numbers.")
        if points[0] == points[1]:
            raise InputError(f"{LINES} {text}: both ends are the same point.")
        lines.append(Line(name, points[0], points[1]))
    _check_names(LINES, lines)
    return lines


def parse_zones(texts: Sequence[str]) -> list[Zone]:
    """Zones written `[name=]x1,y1,x2,y2,x3,y3,…`; those without a name are called `zone 1`, `zone 2`, ….

    Raises:
        InputError: malformed, fewer than three corners, borders that cross, no area, or two of the same name.
    """
    zones = []
    for number, text in enumerate(texts, 1):
        name, points = _parse(ZONES, text, f"zone {number}")
        if len(points) > 1 and points[0] == points[-1]:  # some programs close the polygon
            points = points[:-1]
        if len(points) < 3:
            raise InputError(f"{ZONES} {text}: a zone needs at least three corners x1,y1,x2,y2,x3,y3 in pixels.")
        edges = list(zip(points, (*points[1:], points[0]), strict=True))
        if any(_cross(*a, *b) for a, b in combinations(edges, 2)):
            raise InputError(f"{ZONES} {text}: its borders cross. List the corners in order around the zone.")
        if sum(a[0] * b[1] - a[1] * b[0] for a, b in edges) == 0:
            raise InputError(f"{ZONES} {text}: all corners lie on one line.")
        zones.append(Zone(name, points))
    _check_names(ZONES, zones)
    return zones


def check_inside(lines: Sequence[Line], zones: Sequence[Zone], width: int, height: int, source: str) -> None:
    """Make sure that all points are in a picture of this size.

    Raises:
        InputError: one is not.
    """
    for key, regions in ((LINES, lines), (ZONES, zones)):
        for region in regions:
            for x, y in region.points:
                if not (0 <= x <= width and 0 <= y <= height):
                    raise InputError(
                        f"{key} {region.name}: the point {x:g},{y:g} is outside of the picture; "
                        f"{source} has {width}×{height} pixels."
                    )


def _parse(key: str, text: str, default_name: str) -> tuple[str, tuple[Point, ...]]:
    name, equals, rest = text.rpartition("=")
    name = name.strip()
    if equals and not name:
        raise InputError(f"{key} {text}: no name before the equals sign.")
    if any("\ud800" <= character <= "\udfff" for character in name):  # how Python carries bytes that are no text
        raise InputError(f"{key} {printable(text)}: the name is no text in UTF-8. Write it in that encoding.")
    values = []
    for cell in re.split(r"\s*,\s*|\s+", rest.strip()):
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InputError(f"{key} {text}: {cell!r} is not a number; expected [name=]x1,y1,x2,y2,… in pixels.")
        values.append(value)
    if len(values) % 2:
        raise InputError(f"{key} {text}: {len(values)} numbers; x and y come in pairs.")
    return name or default_name, tuple(zip(values[::2], values[1::2], strict=True))


def _check_names(key: str, regions: Sequence[Line] | Sequence[Zone]) -> None:
    names = [region.name for region in regions]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{key}: the name {name!r} is given twice; names must differ.")


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether the inner parts of a–b and c–d cross."""
    return _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
