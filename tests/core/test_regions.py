"""Lines and zones as users write them."""

from __future__ import annotations

import pytest

from deepsort_cli.core import InputError
from deepsort_cli.core.regions import check_inside, parse_lines, parse_zones


def test_lines() -> None:
    first, second = parse_lines(["1,2,3,4", " door = 10, 20.5, 30,  40 "])
    assert (first.name, first.start, first.end) == ("line 1", (1, 2), (3, 4))
    assert (second.name, second.start, second.end) == ("door", (10, 20.5), (30, 40))


def test_zones() -> None:
    (zone,) = parse_zones(["shop=0,0,10,0,10,10,0,10,0,0"])
    assert (zone.name, zone.points) == ("shop", ((0, 0), (10, 0), (10, 10), (0, 10)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "`counting.lines` : '' is not a number"),
        ("1,2,3", "3 numbers; x and y come in pairs"),
        ("1,2", "expected x1,y1,x2,y2 in pixels, got 2 numbers"),
        ("1,2,3,4,5,6", "got 6 numbers"),
        ("1,2,three,4", "'three' is not a number"),
        ("1,2,nan,4", "'nan' is not a number"),
        ("1,2,inf,4", "'inf' is not a number"),
        ("1,2,,4", "'' is not a number"),
        ("1,2,1,2", "the same point"),
        ("=1,2,3,4", "no name"),
        ("T\udcfcr=1,2,3,4", r"T\\udcfcr=1,2,3,4: the name is no text in UTF-8"),
    ],
)
def test_bad_lines(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_lines([text])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,0,1,1", "at least three corners"),
        ("0,0,1,1,0,0", "at least three corners"),
        ("0,0,10,10,10,0,0,10", "borders cross"),
        ("0,0,5,5,10,10", "on one line"),
        ("0,0,1,1,2", "pairs"),
    ],
)
def test_bad_zones(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_zones([text])


def test_names_differ() -> None:
    with pytest.raises(InputError, match="'a' is given twice"):
        parse_lines(["a=1,2,3,4", "a=1,2,3,5"])
    with pytest.raises(InputError, match="'zone 2' is given twice"):
        parse_zones(["zone 2=0,0,9,0,9,9", "0,0,9,0,9,9"])


def test_points_must_be_in_the_picture() -> None:
    lines, zones = parse_lines(["0,0,640,480"]), parse_zones(["z=0,0,9,0,9,481"])
    check_inside(lines, [], 640, 480, "video")
    with pytest.raises(InputError, match=r"`counting.zones` z: the point 9,481 is outside .* video has 640×480"):
        check_inside(lines, zones, 640, 480, "video")
    with pytest.raises(InputError, match="`counting.lines` line 1: the point 640,480"):
        check_inside(lines, [], 639, 480, "video")
