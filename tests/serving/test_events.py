"""What happens in front of the cameras."""

from __future__ import annotations

import numpy as np
import pytest

from deepsort_cli.core.regions import Counts, Passing
from deepsort_cli.core.types import Tracks
from deepsort_cli.serving import events
from deepsort_cli.serving.events import GONE_SECONDS, Comings, EventLog, kinds_of, number_of

from .site import tracks_of


@pytest.fixture
def log() -> EventLog:
    return EventLog()


def told(log: EventLog, after: int = 0) -> list[tuple[str, int]]:
    return [(event.kind, event.id) for event in log.after(after)[0]]


def people(ids: list[int], numbers: list[int], names: list[str] | None = None) -> Tracks:
    return tracks_of(ids, people=np.array(numbers), names=None if names is None else np.array(names))


def test_who_comes_and_goes(log: EventLog) -> None:
    door = Comings(log, 0, "door")
    door.see(10.0, tracks_of([1, 2]), None)
    door.see(10.1, tracks_of([1]), None)
    door.see(10.1 + GONE_SECONDS, tracks_of([1]), None)
    assert told(log) == [("appeared", 1), ("appeared", 2), ("left", 2)]
    assert log.after(2)[0][0].time == 10.0  # when they were seen last
    door.see(20.0, tracks_of([1, 2]), None)  # 1 was not there for long, and nobody looked
    door.end()
    assert sorted(told(log, 3)) == [("appeared", 2), ("left", 1), ("left", 2)]


def test_a_short_gap_is_no_leaving(log: EventLog) -> None:
    door = Comings(log, 0, "door")
    for moment, ids in ((1.0, [1]), (2.0, []), (2.5, [1]), (4.4, []), (4.5, [])):
        door.see(moment, tracks_of(ids), None)
    assert told(log) == [("appeared", 1)]


def test_who_is_counted_is_told_with_the_region(log: EventLog) -> None:
    passings = (Passing("gate", "in", 1), Passing("hall", "entered", 2))
    Comings(log, 3, "door").see(10.0, tracks_of([1, 2]), Counts((), (), passings))
    crossed, entered = log.after(2)[0]
    assert crossed.as_json() == {
        "type": "crossed", "time": 10.0, "camera": 3, "source": "door", "id": 1, "person": None, "name": "",
        "line": "gate", "direction": "in",
    }  # fmt: skip
    assert (entered.kind, entered.id, entered.detail) == ("entered", 2, {"zone": "hall"})


def test_who_is_known_from_elsewhere_or_by_name_is_recognised_once(log: EventLog) -> None:
    door, yard = Comings(log, 0, "door"), Comings(log, 1, "yard")
    door.see(1.0, people([1], [-1]), None)
    door.see(2.0, people([1], [7]), None)  # a new person: nobody to recognise
    for moment in (2.5, 3.0):
        yard.see(moment, people([4], [7]), None)
    assert told(log) == [("appeared", 1), ("appeared", 4), ("recognised", 4)]
    door.see(3.5, people([1, 2], [7, 8], ["", "Ada"]), None)
    assert told(log, 3) == [("appeared", 2), ("recognised", 2)]
    newest = log.after(4)[0][0]
    assert (newest.person, newest.name) == (8, "Ada")


def test_the_log_keeps_the_newest_and_says_how_many_it_has_not(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "KEPT", 10)
    log, heard = EventLog(), []
    log.tell(lambda: heard.append(log.last))
    door = Comings(log, 0, "door")
    door.see(1.0, tracks_of(list(range(1, 26))), None)
    assert heard == list(range(1, 26))
    found, missed = log.after(5)
    assert [event.number for event in found] == list(range(16, 26))
    assert missed == 10
    assert log.after(25) == ([], 0)
    assert log.totals["appeared"] == 25


def test_ids_of_another_run_are_not_taken_for_ours() -> None:
    assert number_of("abc-12", "abc") == 12
    for other in (None, "", "12", "abd-12", "abc-", "abc--1", "abc-x", "abc-99999999999999999999999", "abc-²"):
        assert number_of(other, "abc") is None


def test_kinds_that_a_reader_wants() -> None:
    assert kinds_of("left, crossed") == {"left", "crossed"}
    assert len(kinds_of(None)) == 5
    for text, named in (("left,nothing", "'nothing'"), ("", "''"), ("appears", "'appears'")):
        with pytest.raises(ValueError, match=f"{named} is no kind of event; expected some of appeared, left"):
            kinds_of(text)
