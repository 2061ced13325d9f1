"""Lines and zones that a browser sends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.regions import parse_lines, parse_zones
from deepsort_cli.serving.regions import LONGEST_NAME, MOST_CORNERS, MOST_REGIONS, as_text, read_regions

pixels = st.floats(0, 700, allow_nan=False)


@given(st.lists(st.tuples(pixels, pixels), min_size=2, max_size=2), st.text(max_size=12))
def test_what_is_taken_comes_back_from_the_flag(points: list[tuple[float, float]], name: str) -> None:
    try:
        lines, _ = read_regions({"lines": [{"name": name, "points": points}]}, 700, 700, "door")
    except InputError:
        return
    line = parse_lines(lines)[0]
    assert line.name == name.strip()
    assert all(abs(a - b) <= 0.051 for p, q in zip(line.points, points, strict=True) for a, b in zip(p, q, strict=True))
    assert parse_lines([as_text(line)]) == [line]


def test_names_may_have_any_sign_and_need_not_be_there() -> None:
    names = ["a=b", "x, y", "Tür „Süd“", "--zone", "'; rm"]
    triangle = [[0, 0], [50, 0], [50, 50]]
    _, zones = read_regions({"zones": [{"name": name, "points": triangle} for name in names]}, 100, 100, "door")
    assert [zone.name for zone in parse_zones(zones)] == names
    lines, zones = read_regions(
        {"lines": [{"points": [[0, 0], [9, 9]]}], "zones": [{"points": triangle}]}, 100, 100, ""
    )
    assert (lines, zones) == (["line 1=0,0,9,9"], ["zone 1=0,0,50,0,50,50"])
    assert read_regions({}, 100, 100, "door") == ([], [])


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (None, "expected"),
        ({"line": []}, "expected"),
        ({"lines": {}}, "list"),
        ({"lines": [None]}, "name and points"),
        ({"lines": [{"name": "a", "points": [[0, 0], [1, 1]], "colour": 1}]}, "nothing else"),
        ({"lines": [{"name": 7, "points": [[0, 0], [1, 1]]}]}, "name"),
        ({"lines": [{"name": " ", "points": [[0, 0], [1, 1]]}]}, "name"),
        ({"lines": [{"name": "a\nb", "points": [[0, 0], [1, 1]]}]}, "name"),
        ({"lines": [{"name": "a" * (LONGEST_NAME + 1), "points": [[0, 0], [1, 1]]}]}, "name"),
        ({"lines": [{"name": "a"}]}, "pairs"),
        ({"lines": [{"name": "a", "points": []}]}, "no points"),
        ({"lines": [{"name": "a", "points": [[0, 0], [0, 0]]}]}, "same point"),
        ({"lines": [{"name": "a", "points": [[0, 0], [0.01, 0]]}]}, "same point"),
        ({"lines": [{"name": "a", "points": [[0, 0], [1, 1], [2, 2]]}]}, "6 numbers"),
        ({"lines": [{"name": "a", "points": [[0, 0], [1, "1"]]}]}, "pairs"),
        ({"lines": [{"name": "a", "points": [[0, 0], [1, True]]}]}, "pairs"),
        ({"lines": [{"name": "a", "points": [[0, 0], [1, 10**400]]}]}, "pairs"),
        ({"lines": [{"name": "a", "points": [[0, 0], [1, float("nan")]]}]}, "pairs"),
        ({"lines": [{"name": "a", "points": [[0, 0], [1, 1e300]]}]}, "pairs"),
        ({"lines": [{"name": "a", "points": ["00", "11"]}]}, "pairs"),
        ({"lines": [{"name": "a", "points": [[0, 0], [101, 50]]}]}, "outside"),
        ({"lines": [{"name": "a", "points": [[0, 0], [1, 1]]}] * 2}, "twice"),
        ({"zones": [{"name": "a", "points": [[0, 0], [50, 50], [50, 0], [0, 50]]}]}, "cross"),
        ({"zones": [{"name": "a", "points": [[i, i % 7] for i in range(MOST_CORNERS + 1)]}]}, "pairs"),
        ({"zones": [{"points": [[0, 0], [50, 0], [50, 50]]}] * (MOST_REGIONS + 1)}, "at most"),
    ],
)
def test_what_cannot_be_counted_at_is_refused(body: Any, why: str) -> None:
    with pytest.raises(InputError, match=why):
        read_regions(body, 100, 100, "door")
