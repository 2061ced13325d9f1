"""Counting of tracks that cross lines and enter zones.

A track stands where the middle of its box's lower edge is. Boxes jitter, so a change of side counts only once the track
is a margin beyond the line or border, in parts of its box's height. Nearer it keeps the side it had.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from deepsort_cli.core.regions import Counts, Line, LineCount, Passing, Zone, ZoneCount
from deepsort_cli.core.types import FloatArray, Tracks


class RegionCounter:
    """Counts one source's tracks, frame after frame."""

    def __init__(self, lines: Sequence[Line], zones: Sequence[Zone], margin: float = 0.05) -> None:
        self._lines = [_LineState(line) for line in lines]
        self._zones = [_ZoneState(zone) for zone in zones]
        self._margin = margin

    def change(self, lines: Sequence[Line], zones: Sequence[Zone]) -> None:
        """Count at these from now on. Those that there are already, of the same name and place, keep their counts."""
        known_lines = {state.line: state for state in self._lines}
        known_zones = {state.zone: state for state in self._zones}
        self._lines = [known_lines.get(line) or _LineState(line) for line in lines]
        self._zones = [known_zones.get(zone) or _ZoneState(zone) for zone in zones]

    def update(self, tracks: Tracks) -> Counts:
        """Take the tracks of the next frame and tell the counts after it; tracks missed in it are left out."""
        seen = tracks[(tracks.time_since_update == 0) & np.isfinite(tracks.boxes).all(axis=1)]
        feet = np.column_stack([(seen.boxes[:, 0] + seen.boxes[:, 2]) / 2, seen.boxes[:, 3]])
        margins = self._margin * np.maximum(seen.boxes[:, 3] - seen.boxes[:, 1], 0.0)
        ids = seen.ids.tolist()
        lines = tuple(state.update(ids, feet, margins) for state in self._lines)
        zones = tuple(state.update(ids, feet, margins) for state in self._zones)
        return Counts(lines, zones, tuple(self._passings()))

    def _passings(self) -> Iterator[Passing]:
        """Who was counted in the last frame."""
        for state in self._lines:
            for track_id, side in state.crossed:
                yield Passing(state.line.name, "in" if side > 0 else "out", track_id)
        for zone in self._zones:
            for track_id in zone.came:
                yield Passing(zone.zone.name, "entered", track_id)


@dataclass(slots=True)
class _Walker:
    """What a line remembers of a track.

    Attributes:
        foot: where it stood last.
        distance: its distance from the line then, positive on the inner side.
        side: the side it is on for certain, 1 inside, −1 outside; 0 before it was certain of any.
        through: whether it last changed sides between the line's ends, not around them.
        counted: the direction in which it was counted last.
    """

    foot: FloatArray
    distance: float
    side: int = 0
    through: bool = False
    counted: int = 0


@dataclass
class _LineState:
    line: Line
    inward: int = 0
    outward: int = 0
    walkers: dict[int, _Walker] = field(default_factory=dict)
    crossed: list[tuple[int, int]] = field(default_factory=list)  # tracks counted in the last frame, and where to

    def update(self, ids: list[int], feet: FloatArray, margins: FloatArray) -> LineCount:
        distances = distance_from_line(feet, self.line)
        self.crossed = []
        for track_id, foot, distance, margin in zip(ids, feet, distances.tolist(), margins.tolist(), strict=True):
            walker = self.walkers.setdefault(track_id, _Walker(foot, distance))
            if (walker.distance > 0) != (distance > 0):
                walker.through = crosses_between_ends(walker.foot, foot, walker.distance, distance, self.line)
            walker.foot, walker.distance = foot, distance
            if abs(distance) > margin:
                self._arrive(track_id, walker, 1 if distance > 0 else -1)
        return LineCount(self.line, self.inward, self.outward)

    def _arrive(self, track_id: int, walker: _Walker, side: int) -> None:
        """The track is certainly on this side. Who went around the line's end since counts only after crossing back."""
        changed = walker.side not in (0, side)
        walker.side = side
        if changed and walker.through and walker.counted != side:
            walker.counted = side
            self.crossed.append((track_id, side))
            self.inward += side > 0
            self.outward += side < 0


@dataclass
class _ZoneState:
    zone: Zone
    entered: int = 0
    is_inside: dict[int, bool] = field(default_factory=dict)  # of every track; absent before it was certain
    ever_inside: set[int] = field(default_factory=set)
    came: list[int] = field(default_factory=list)  # tracks that walked in in the last frame

    def update(self, ids: list[int], feet: FloatArray, margins: FloatArray) -> ZoneCount:
        distances = distance_into_zone(feet, self.zone)
        inside_now = 0
        self.came = []
        for track_id, distance, margin in zip(ids, distances.tolist(), margins.tolist(), strict=True):
            inside = self.is_inside.get(track_id)
            if abs(distance) > margin:
                if inside is False and distance > 0:
                    self.came.append(track_id)
                inside = self.is_inside[track_id] = distance > 0
            if inside:
                inside_now += 1
                self.ever_inside.add(track_id)
        self.entered += len(self.came)
        return ZoneCount(self.zone, inside_now, self.entered, len(self.ever_inside))


def distance_from_line(points: FloatArray, line: Line) -> FloatArray:
    """(N,) pixels of (N, 2) points from the straight line through both ends, positive on the inner side."""
    start, along = np.array(line.start), np.subtract(line.end, line.start)
    off = points - start
    distance: FloatArray = (along[0] * off[:, 1] - along[1] * off[:, 0]) / np.hypot(*along)
    return distance


def crosses_between_ends(
    before: FloatArray, after: FloatArray, distance_before: float, distance_after: float, line: Line
) -> bool:
    """Whether the way between two points on different sides meets the line between its ends."""
    part = distance_before / (distance_before - distance_after)
    meeting = before + part * (after - before)
    along = np.subtract(line.end, line.start)
    position = float((meeting - line.start) @ along / (along @ along))
    return 0.0 <= position <= 1.0


def distance_into_zone(points: FloatArray, zone: Zone) -> FloatArray:
    """(N,) pixels of (N, 2) points from the border of a polygon, positive inside."""
    corners = np.array(zone.points)
    edges = np.roll(corners, -1, axis=0) - corners  # (E, 2)
    off = points[:, None] - corners  # (N, E, 2)
    part = np.clip((off * edges).sum(axis=2) / np.maximum((edges**2).sum(axis=1), 1e-300), 0.0, 1.0)
    nearest = np.linalg.norm(off - part[..., None] * edges, axis=2).min(axis=1)
    # Even-odd rule: how many edges a ray to the right meets.
    spans = (corners[:, 1] > points[:, None, 1]) != (np.roll(corners[:, 1], -1) > points[:, None, 1])
    slope = np.divide(edges[:, 0], edges[:, 1], out=np.zeros(len(edges)), where=edges[:, 1] != 0)
    right = points[:, None, 0] < corners[:, 0] + (points[:, None, 1] - corners[:, 1]) * slope
    inside = (spans & right).sum(axis=1) % 2 == 1
    distance: FloatArray = np.where(inside, nearest, -nearest)
    return distance
