"""Where cameras are, as the settings say it."""

from __future__ import annotations

import pytest

from deepsort_cli.core import InputError
from deepsort_cli.tracking.people import Person, Places
from deepsort_cli.tracking.settings import AcrossSettings

CAMERAS = ["door", "yard", "gate"]


def allowed(places: Places, camera: str, since: float) -> bool:
    """Whether somebody seen at the door at second 10 may be in a camera since then."""
    return places.allow(Person(1, seen={"door": 10.0}), camera, since)


def test_overlap_by_numbers_or_all() -> None:
    places = Places.of(AcrossSettings(overlap="1,2"), CAMERAS)
    assert [allowed(places, camera, 5.0) for camera in CAMERAS] == [False, True, False]
    places = Places.of(AcrossSettings(overlap=[[1, 3], [2, 3]]), CAMERAS)
    assert [allowed(places, camera, 5.0) for camera in CAMERAS] == [False, False, True]
    places = Places.of(AcrossSettings(overlap="all"), CAMERAS)
    assert [allowed(places, camera, 5.0) for camera in CAMERAS] == [False, True, True]


def test_travel_times_for_all_or_by_pair() -> None:
    places = Places.of(AcrossSettings(min_seconds=20), CAMERAS)
    assert [allowed(places, camera, 29.0) for camera in CAMERAS] == [True, False, False]
    assert allowed(places, "yard", 30.0)
    places = Places.of(AcrossSettings(min_seconds={"2,1": 20}), CAMERAS)
    assert [allowed(places, camera, 29.0) for camera in CAMERAS] == [True, False, True]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"overlap": "1"}, "across.overlap` 1: name two sources"),
        ({"overlap": "1,4"}, "'4' is no source.*1 to 3"),
        ({"overlap": "door,yard"}, "'door' is no source"),
        ({"overlap": "1,1"}, "named twice"),
        ({"min_seconds": {"1,2,3": 5}}, "across.min_seconds` 1,2,3: name a pair"),
        ({"min_seconds": {"0,1": 5}}, "'0' is no source"),
        ({"min_seconds": {"1,2": 5, "2,1": 6}}, "2,1: 6 s, but 5 s the other way round"),
    ],
)
def test_what_fits_no_sources_is_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Places.of(AcrossSettings(**settings), CAMERAS)
    with pytest.raises(InputError, match="there is only one"):
        Places.of(AcrossSettings(overlap="1,2"), CAMERAS[:1])


@pytest.mark.parametrize("value", [-1, "soon", {"1,2": "soon"}, {"1,2": -3}, float("inf"), True])
def test_times_are_seconds(value: object) -> None:
    with pytest.raises(ValueError, match="must be seconds"):
        AcrossSettings(min_seconds=value)
