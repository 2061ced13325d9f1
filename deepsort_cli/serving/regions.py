"""Lines and zones that a browser sends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.regions import Line, Zone, check_inside, parse_lines, parse_zones

MOST_REGIONS, MOST_CORNERS, LONGEST_NAME = 50, 100, 60


def read_regions(body: Any, width: int, height: int, camera: str) -> tuple[list[str], list[str]]:
    """Lines and zones of `PUT /api/cameras/N/regions` in the form of the settings, checked.

    Raises:
        InputError: something is wrong with them.
    """
    if not isinstance(body, dict) or set(body) - {"lines", "zones"}:
        raise InputError('expected {"lines": [{"name": …, "points": [[x, y], …]}, …], "zones": […]}')
    lines, zones = (_texts(body.get(kind, []), kind) for kind in ("lines", "zones"))
    parsed: tuple[list[Line], list[Zone]] = parse_lines(lines), parse_zones(zones)
    if width and height:
        check_inside(*parsed, width, height, camera)
    return lines, zones


def _texts(regions: Any, kind: str) -> list[str]:
    if not isinstance(regions, list) or len(regions) > MOST_REGIONS:
        raise InputError(f"{kind}: expected a list of at most {MOST_REGIONS}")
    return [_text(region, kind, number) for number, region in enumerate(regions, 1)]


def _text(region: Any, kind: str, number: int) -> str:
    where = f"{kind}, {number}"
    if not isinstance(region, dict) or set(region) - {"name", "points"}:
        raise InputError(f"{where}: expected a name and points, and nothing else")
    name, points = region.get("name", f"{kind[:-1]} {number}"), region.get("points")
    if not isinstance(name, str) or not 0 < len(name.strip()) <= LONGEST_NAME or not name.isprintable():
        raise InputError(f"{where}: the name must have 1 to {LONGEST_NAME} characters that can be shown")
    if not isinstance(points, list) or len(points) > MOST_CORNERS or not all(map(_is_point, points)):
        raise InputError(f"{where} ({name}): points must be at most {MOST_CORNERS} pairs [x, y] of numbers")
    if not points:
        raise InputError(f"{where} ({name}): there are no points")
    return _written(name.strip(), points)


def as_text(region: Line | Zone) -> str:
    """A line or zone as the settings have it."""
    return _written(region.name, region.points)


def _written(name: str, points: Sequence[Sequence[float]]) -> str:
    return f"{name}={','.join(_number(value) for point in points for value in point)}"


def _is_point(point: Any) -> bool:
    return isinstance(point, Sequence) and len(point) == 2 and all(map(_is_number, point))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e6


def _number(value: float) -> str:
    """Pixels with at most one decimal."""
    return f"{round(value, 1):g}" if abs(value) < 1e5 else str(round(value))
