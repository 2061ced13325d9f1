"""Who crosses a line, who is in a zone."""

from __future__ import annotations

import itertools
import math

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from deepsort_cli.core import Tracks
from deepsort_cli.core.regions import Line, Zone
from deepsort_cli.tracking.counting import RegionCounter, distance_from_line, distance_into_zone

LINE = Line("door", (100, 200), (300, 200))  # from left to right: "in" is downwards
SQUARE = Zone("square", ((100, 100), (300, 100), (300, 300), (100, 300)))
HEIGHT = 100.0

point = st.tuples(st.floats(0, 400), st.floats(0, 400))
pixel = st.tuples(st.integers(0, 400), st.integers(0, 400))


def tracks_at(*feet: tuple[float, float], ids: list[int] | None = None, age: int = 0) -> Tracks:
    """Tracks with their feet at these points and boxes 100 px high."""
    n = len(feet)
    x, y = np.array(feet, dtype=float).reshape(n, 2).T
    return Tracks(
        ids=np.array(ids or range(1, n + 1), dtype=np.int64),
        boxes=np.column_stack([x - 20, y - HEIGHT, x + 20, y]),
        scores=np.ones(n),
        class_ids=np.zeros(n, np.int64),
        time_since_update=np.full(n, age),
        detection_index=np.arange(n),
    )


def crossings(path: list[tuple[float, float]], line: Line = LINE, margin: float = 0.05) -> tuple[int, int]:
    counter = RegionCounter([line], [], margin)
    for foot in path:
        counts = counter.update(tracks_at(foot))
    return counts.lines[0].inward, counts.lines[0].outward


def visits(path: list[tuple[float, float]], zone: Zone = SQUARE) -> tuple[int, int, int]:
    counter = RegionCounter([], [zone])
    for foot in path:
        counts = counter.update(tracks_at(foot))
    (count,) = counts.zones
    return count.inside, count.entered, count.distinct


class TestLine:
    def test_each_direction_has_its_count(self) -> None:
        down = [(200, y) for y in range(150, 260, 10)]
        assert crossings(down) == (1, 0)
        assert crossings(down[::-1]) == (0, 1)
        assert crossings(down + down[::-1] + down) == (2, 1)
        assert crossings(down, Line("turned", LINE.end, LINE.start)) == (0, 1)

    def test_a_step_of_any_length_counts(self) -> None:
        assert crossings([(150, 20), (250, 390)]) == (1, 0)

    def test_around_the_end_does_not_count(self) -> None:
        assert crossings([(350, 150), (350, 250)]) == (0, 0)
        # Where the line's extension is met decides, not where the person is seen for certain afterwards.
        assert crossings([(280, 150), (310, 202), (200, 260)]) == (0, 0)

    def test_around_the_end_and_through_again_counts_once(self) -> None:
        lap = [(200, 150), (200, 250), (350, 250), (350, 150)]
        assert crossings(lap * 3) == (1, 0)
        assert crossings([*lap * 2, (200, 150), (200, 250), (200, 150)]) == (1, 1)

    def test_who_stands_on_the_line_is_not_counted(self) -> None:
        jitter = [(200, 200 + 4 * (-1) ** i) for i in range(50)]
        assert crossings([(200, 150), *jitter, (200, 150)]) == (0, 0)
        assert crossings([(200, 150), *jitter, (200, 250)]) == (1, 0)
        assert crossings(jitter) == (0, 0)

    def test_the_margin_follows_the_height(self) -> None:
        path = [(200.0, 150.0), (200.0, 215.0)]
        assert crossings(path, margin=0.1) == (1, 0)
        assert crossings(path, margin=0.2) == (0, 0)
        assert crossings(path, margin=0.0) == (1, 0)

    def test_tracks_are_counted_each_for_itself(self) -> None:
        counter = RegionCounter([LINE, Line("other", (0, 300), (400, 300))], [])
        counter.update(tracks_at((150, 150), (250, 250), (200, 10)))
        counts = counter.update(tracks_at((150, 250), (250, 150), (200, 390)))
        assert [(c.inward, c.outward) for c in counts.lines] == [(2, 1), (1, 0)]

    def test_a_gap_is_crossed_in_a_straight_line(self) -> None:
        counter = RegionCounter([LINE], [])
        counter.update(tracks_at((200, 150)))
        counter.update(tracks_at())
        counter.update(tracks_at((200, 190), age=1))  # predicted only
        assert counter.update(tracks_at((200, 250))).lines[0].inward == 1

    def test_another_id_is_another_person(self) -> None:
        counter = RegionCounter([LINE], [])
        counter.update(tracks_at((200, 150), ids=[1]))
        assert counter.update(tracks_at((200, 250), ids=[2])).lines[0].inward == 0

    @settings(max_examples=60, deadline=None)
    @given(st.lists(point, min_size=1, max_size=20), point, point)
    def test_counts_alternate(self, path: list, start: tuple, end: tuple) -> None:
        """A track cannot go in twice without going out."""
        assume(math.dist(start, end) > 1)
        inward, outward = crossings(path, Line("a", start, end))
        assert abs(inward - outward) <= 1
        assert inward + outward < len(path)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(pixel, min_size=2, max_size=12), pixel, pixel)
    def test_the_turned_line_swaps_the_counts(self, path: list, start: tuple, end: tuple) -> None:
        assume(start != end)
        path = [(x + 0.371, y + 0.592) for x, y in path]  # on neither the line nor its ends
        inward, outward = crossings(path, Line("a", start, end))
        assert crossings(path, Line("b", end, start)) == (outward, inward)

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(point, min_size=2, max_size=8), st.floats(0, 2 * math.pi), st.floats(-500, 500), st.floats(-500, 500)
    )
    def test_turned_and_moved_pictures_give_the_same(self, path: list, angle: float, dx: float, dy: float) -> None:
        def move(at: tuple[float, float]) -> tuple[float, float]:
            c, s = math.cos(angle), math.sin(angle)
            return c * at[0] - s * at[1] + dx, s * at[0] + c * at[1] + dy

        distances = distance_from_line(np.array(path), LINE)
        assume((np.abs(np.abs(distances) - 5) > 1e-6).all())
        assume((np.abs(distances) > 1e-6).all())
        assume(all(abs(x - end) > 1e-3 for x in _meetings(path) for end in (100, 300)))
        moved = Line("moved", move(LINE.start), move(LINE.end))
        assert crossings([move(at) for at in path], moved) == crossings(path)

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.floats(-4.9, 4.9), max_size=40), st.booleans())
    def test_jitter_within_the_margin_counts_at_most_once(self, offsets: list[float], goes: bool) -> None:
        path = [(200, 150.0), *((200, 200 + offset) for offset in offsets), (200, 260.0 if goes else 150.0)]
        assert crossings(path) == (int(goes), 0)


def _meetings(path: list[tuple[float, float]]) -> list[float]:
    """Where a path meets the height of LINE."""
    pairs = itertools.pairwise(path)
    return [
        a[0] + (200 - a[1]) / (b[1] - a[1]) * (b[0] - a[0]) for a, b in pairs if (a[1] > 200) != (b[1] > 200)
    ]  # fmt: skip


class TestZone:
    def test_entering_leaving_and_coming_back(self) -> None:
        assert visits([(50, 200), (200, 200)]) == (1, 1, 1)
        assert visits([(50, 200), (200, 200), (50, 200)]) == (0, 1, 1)
        assert visits([(50, 200), (200, 200), (50, 200), (200, 200)]) == (1, 2, 1)

    def test_who_appears_inside_has_not_entered(self) -> None:
        assert visits([(200, 200)]) == (1, 0, 1)

    def test_jitter_on_the_border(self) -> None:
        border = [(100 + 4 * (-1) ** i, 200) for i in range(50)]
        assert visits([(50, 200), *border]) == (0, 0, 0)
        assert visits([(50, 200), (200, 200), *border, (200, 200)]) == (1, 1, 1)

    def test_several_people(self) -> None:
        counter = RegionCounter([], [SQUARE])
        counter.update(tracks_at((50, 200), (200, 200), (50, 50)))
        (count,) = counter.update(tracks_at((200, 150), (200, 210), (50, 60))).zones
        assert (count.inside, count.entered, count.distinct) == (2, 1, 2)
        (count,) = counter.update(tracks_at()).zones
        assert (count.inside, count.entered, count.distinct) == (0, 1, 2)

    def test_distance_to_a_square(self) -> None:
        points = np.array([[200, 200], [110, 200], [90, 200], [0, 0], [200, 299], [300, 300]], dtype=float)
        expected = [100, 10, -10, -100 * math.sqrt(2), 1, 0]
        assert_allclose(np.abs(distance_into_zone(points, SQUARE)), np.abs(expected), atol=1e-9)
        assert (distance_into_zone(points, SQUARE)[:5] > 0).tolist() == [True, True, False, False, True]

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=3, max_size=8, unique=True),
        st.lists(st.tuples(st.integers(-50, 450), st.integers(-50, 450)), min_size=1, max_size=20),
    )
    def test_distance_agrees_with_opencv(self, corners: list, points: list) -> None:
        contour = np.array(corners, np.int32)
        expected = [cv2.pointPolygonTest(contour, (float(x), float(y)), True) for x, y in points]
        found = distance_into_zone(np.array(points, float), Zone("z", tuple(corners)))
        assert_allclose(np.abs(found), np.abs(expected), atol=1e-3)
        clear = np.abs(expected) > 1e-3
        assert ((found > 0) == (np.array(expected) > 0))[clear].all()

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.lists(point, max_size=3), min_size=1, max_size=12))
    def test_counts_hold_together(self, frames: list) -> None:
        counter = RegionCounter([], [SQUARE])
        last = 0
        for feet in frames:
            (count,) = counter.update(tracks_at(*feet)).zones
            assert 0 <= count.inside <= min(count.distinct, len(feet))
            assert count.entered >= last
            last = count.entered


def test_boxes_that_are_no_numbers_are_left_out() -> None:
    counter = RegionCounter([LINE], [SQUARE])
    counter.update(tracks_at((200, 150)))
    counter.update(tracks_at((math.nan, 250)))
    counts = counter.update(tracks_at((200, 250)))
    assert counts.lines[0].inward == 1
    assert counts.zones[0].inside == 1


@pytest.mark.parametrize("margin", [0.0, 0.05])
def test_on_the_line_without_margin(margin: float) -> None:
    """A foot exactly on the line belongs to the outer side until it is beyond."""
    assert crossings([(200, 190), (200, 200), (200, 210)], margin=margin) == (1, 0)


def test_who_was_counted_is_told_once() -> None:
    counter = RegionCounter([LINE], [SQUARE])
    told = []
    for y in (80, 150, 195, 230, 250, 290, 330, 250):
        counts = counter.update(tracks_at((200, y), (10, y), ids=[4, 9]))
        told += [(y, passing.region, passing.way, passing.id) for passing in counts.passings]
    # y=150: inside of the square; 230: over the line; 250: back over the border.
    assert told == [(150, "square", "entered", 4), (230, "door", "in", 4), (250, "square", "entered", 4)]


def test_lines_can_be_changed_and_those_that_stay_keep_their_counts() -> None:
    other = Line("other", (100, 100), (300, 100))
    counter = RegionCounter([LINE], [])
    for y in (150, 250):
        counter.update(tracks_at((200, y)))
    counter.change([other, LINE], [SQUARE])
    counts = counter.update(tracks_at((200, 250)))
    assert [(c.line.name, c.inward, c.outward) for c in counts.lines] == [("other", 0, 0), ("door", 1, 0)]
    assert [c.inside for c in counts.zones] == [1]
    counts = counter.update(tracks_at((200, 150)))
    assert [(c.inward, c.outward) for c in counts.lines] == [(0, 0), (1, 1)]
    counter.change([Line("door", (100, 201), (300, 201))], [])  # of the same name in another place
    counts = counter.update(tracks_at((200, 150)))
    assert [(c.inward, c.outward) for c in counts.lines] == [(0, 0)]
    assert counts.zones == ()
