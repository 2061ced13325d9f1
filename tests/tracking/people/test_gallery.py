"""Which person tracks belong to, over several cameras."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsort_cli.core import Tracks
from deepsort_cli.tracking.people import PeopleGallery, Places
from deepsort_cli.tracking.people import gallery as gallery_module
from deepsort_cli.tracking.settings import AcrossSettings

LOOK = np.eye(16, dtype=np.float32)
RULE = AcrossSettings().rule(0.25)


def seen(looks: dict[int, int | np.ndarray], *, classes: int = 0) -> Tracks:
    """Tracks by id, side by side: of which person they have the looks."""
    ids = np.array(list(looks), np.int64)
    n = len(ids)
    boxes = np.array([[50.0 * i, 0, 50.0 * i + 20, 60] for i in range(n)]).reshape(-1, 4)
    features = np.array([LOOK[look] if isinstance(look, int) else look for look in looks.values()], np.float32)
    return Tracks(
        ids, boxes, np.ones(n), np.full(n, classes), np.zeros(n, np.int64), np.arange(n),
        features=features.reshape(n, 16),
    )  # fmt: skip


def between(first: int, second: int, part: float) -> np.ndarray:
    """A look that is so much of the second person; the cosine to the first is what remains."""
    look = (1 - part) * LOOK[first] + part * LOOK[second]
    return np.asarray(look / np.linalg.norm(look))


def people(tracks: Tracks) -> list[int]:
    assert tracks.people is not None
    return [int(person) for person in tracks.people]


def watch(gallery: PeopleGallery, camera: str, begin: float, looks: dict[int, int | np.ndarray]) -> list[int]:
    """The last answer of ten frames within a second."""
    return [people(gallery.see(camera, begin + 0.1 * i, seen(looks))) for i in range(10)][-1]


def test_a_person_keeps_the_number_in_other_cameras_and_on_coming_back() -> None:
    gallery = PeopleGallery(RULE)
    assert watch(gallery, "door", 0.0, {1: 1, 2: 2}) == [1, 2]
    assert watch(gallery, "yard", 2.0, {1: 2, 2: 3}) == [2, 3]
    assert watch(gallery, "door", 4.0, {3: 3, 4: 1}) == [3, 1]


def test_a_track_without_any_look_stays_undecided() -> None:
    gallery = PeopleGallery(RULE)
    nothing = replace(seen({1: 1}), features=np.full((1, 16), np.nan, np.float32))
    assert people(gallery.see("door", 0.0, nothing)) == [-1]
    assert people(gallery.see("door", 1.0, replace(nothing, features=None))) == [-1]
    assert people(gallery.see("door", 1.0, seen({}))) == []
    assert gallery.people == {}


def test_nobody_is_in_two_places_at_once_unless_both_see_the_same() -> None:
    apart, overlapping = PeopleGallery(RULE), PeopleGallery(RULE, Places([frozenset(("door", "yard"))]))
    for moment in (0.0, 0.5, 1.0):
        assert people(apart.see("door", moment, seen({1: 1}))) == [1]
        assert people(apart.see("yard", moment, seen({1: 1}))) == [2]
        assert people(overlapping.see("door", moment, seen({1: 1}))) == [1]
        assert people(overlapping.see("yard", moment, seen({1: 1}))) == [1]


def test_who_is_still_in_another_camera_is_not_here_whenever_its_frames_come() -> None:
    gallery = PeopleGallery(RULE)
    watch(gallery, "door", 0.0, {1: 1, 2: 2, 3: 3})
    assert people(gallery.see("yard", 0.95, seen({1: 1}))) == [4], "between two frames of the door"
    assert people(gallery.see("door", 1.0, seen({1: 1, 2: 2, 3: 3}))) == [1, 2, 3]
    assert people(gallery.see("gate", 1.15, seen({1: 2}))) == [5], "the door's next frame is late"
    gallery.see("door", 1.2, seen({1: 1}))
    assert people(gallery.see("gate", 1.25, seen({2: 3}))) == [3], "gone from the door's newest frame"
    assert people(gallery.see("gate", 9.0, seen({3: 1}))) == [1], "the door has sent nothing for long"


def test_who_stands_beside_somebody_alike_is_somebody_else() -> None:
    """Also at the first look of a new track, while the older one is found in the same frame."""
    gallery = PeopleGallery(RULE)
    watch(gallery, "door", 0.0, {1: 1, 2: 2, 3: 3})
    assert watch(gallery, "door", 1.0, {1: 1, 2: 2, 3: 3, 4: 1}) == [1, 2, 3, 4]
    assert watch(gallery, "door", 2.0, {2: 2, 3: 3, 4: 1}) == [2, 3, 4]
    assert watch(gallery, "door", 3.0, {3: 3, 4: 1, 5: 2}) == [3, 4, 2], "a new track of who was just lost"


def test_nobody_is_somewhere_sooner_than_one_can_walk() -> None:
    gallery = PeopleGallery(RULE, Places(seconds={frozenset(("door", "yard")): 30.0}))
    watch(gallery, "door", 0.0, {1: 1})
    assert watch(gallery, "yard", 20.0, {1: 1}) == [2]
    assert watch(gallery, "yard", 60.0, {2: 1}) != [-1]
    assert watch(gallery, "gate", 70.0, {1: 1}) in ([1], [2])


def test_two_alike_tracks_of_a_frame_are_not_one_person() -> None:
    """The nearer of two that both look like a person is that person; the other one is new."""
    gallery = PeopleGallery(RULE)
    watch(gallery, "door", 0.0, {1: 1, 2: 5, 3: 6})
    assert watch(gallery, "yard", 3.0, {1: between(1, 2, 0.3), 2: between(1, 2, 0.1)}) == [4, 1]


def test_at_the_least_total_distance_and_not_the_nearest_first() -> None:
    gallery = PeopleGallery(AcrossSettings(distance=0.6, looks=1).rule(0.25))
    gallery.enrol("Ada", LOOK[[1]])
    gallery.enrol("Bo", between(1, 2, 0.5)[None])
    first, second = between(1, 2, 0.3), LOOK[1]  # both are nearest to Ada
    assert people(gallery.see("door", 0.0, seen({1: second, 2: first}))) == [1, 2]


def test_what_was_reported_stays_and_doubt_waits() -> None:
    """A look halfway between two people is decided when there are enough, and then never changes."""
    gallery = PeopleGallery(AcrossSettings(distance=0.4).rule(0.25))
    watch(gallery, "door", 0.0, {1: 1})
    doubtful = between(1, 2, 0.55)
    answers = [people(gallery.see("yard", 2 + 0.2 * i, seen({1: doubtful if i < 8 else 3})))[0] for i in range(20)]
    assert answers[0] == -1
    assert answers[4:] == [1] * 16


def test_people_who_are_seen_at_once_tell_how_alike_people_look() -> None:
    """Where two who differ are as alike as these, somebody who is as alike to one of them is a third."""
    alike = between(1, 2, 0.3)
    strict, lax = PeopleGallery(RULE), PeopleGallery(RULE)
    watch(strict, "door", 0.0, {1: 1, 2: alike, 3: 7})
    watch(lax, "door", 0.0, {1: 1, 3: 7})
    third = 0.75 * LOOK[1] + 0.55 * LOOK[3]
    third /= np.linalg.norm(third)
    assert watch(lax, "yard", 3.0, {1: third}) == [1]
    assert watch(strict, "yard", 3.0, {1: third}) == [4]


def test_what_is_of_another_class_is_somebody_else() -> None:
    gallery = PeopleGallery(RULE)
    for moment in (0.0, 0.5, 1.0):
        gallery.see("door", moment, seen({1: 1}, classes=0))
    assert people(gallery.see("yard", 5.0, seen({1: 1}, classes=2))) == [2]
    assert people(gallery.see("yard", 9.0, seen({2: 1}, classes=0))) == [1]


def test_who_is_enrolled_has_a_name() -> None:
    gallery = PeopleGallery(RULE)
    ada = gallery.enrol("Ada", np.vstack([3 * LOOK[[3]], np.full((1, 16), np.nan)]))
    assert gallery.enrol("Ada", LOOK[[3]]) is ada
    tracks = gallery.see("door", 0.0, seen({1: 3, 2: 4}))
    assert people(tracks) == [1, 2]
    assert tracks.names is not None
    assert tracks.names.tolist() == ["Ada", ""]
    with pytest.raises(ValueError, match="name and a look"):
        gallery.enrol("Bo", np.full((1, 16), np.nan))


def test_people_of_an_earlier_run_keep_their_numbers() -> None:
    before = PeopleGallery(RULE)
    watch(before, "door", 0.0, {1: 1, 2: 2})
    later = PeopleGallery(RULE)
    later.restore(replace(before.people[2], seen={}))
    assert watch(later, "yard", 0.0, {1: 2, 2: 5}) == [2, 3]
    with pytest.raises(ValueError, match="there already"):
        later.restore(before.people[2])


def test_who_comes_back_unseen_after_a_long_time_hinders_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks of tracks long gone are forgotten; such a track may return under its id, and behind somebody at first."""
    monkeypatch.setattr(gallery_module, "FORGET_EVERY", 1)
    gallery = PeopleGallery(RULE)
    assert watch(gallery, "door", 0.0, {1: 1}) == [1]
    assert watch(gallery, "door", 100.0, {2: 2}) == [2]
    assert watch(gallery, "door", 200.0, {1: np.full(16, np.nan), 3: 3}) == [1, 3]
    assert watch(gallery, "door", 202.0, {1: 1, 3: 3, 4: 4}) == [1, 3, 4]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is gone for longest is forgotten, but nobody who has a name."""
    monkeypatch.setattr(gallery_module, "MOST_PEOPLE", 3)
    monkeypatch.setattr(gallery_module, "MOST_TRAILS", 4)
    monkeypatch.setattr(gallery_module, "FORGET_EVERY", 2)
    gallery = PeopleGallery(RULE)
    gallery.enrol("Ada", LOOK[[0]])
    for i in range(1, 13):
        watch(gallery, "door", 100.0 * i, {i: i})
    assert set(gallery.people) == {1, 10, 11, 12, 13}
    assert len(gallery._trails) <= 6


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 5), max_size=4), min_size=1, max_size=25), st.integers(0, 2**32 - 1))
def test_never_twice_in_a_camera_and_never_another_than_before(frames: list[list[int]], seed: int) -> None:
    """Whatever comes, also tracks that change their looks; and twice the same gives twice the same."""
    answers = []
    for _ in range(2):
        chance, gallery = np.random.default_rng(seed), PeopleGallery(RULE)
        told: dict[tuple[str, int], int] = {}
        rows: list[list[int]] = []
        for number, ids in enumerate(frames):
            camera = "door" if chance.random() < 0.5 else "yard"
            looks = {i: between(i, int(chance.integers(0, 16)), 0.4 * chance.random()) for i in sorted(set(ids))}
            found = people(gallery.see(camera, 0.3 * number, seen(looks)))
            decided = [person for person in found if person > 0]
            assert len(decided) == len(set(decided))
            for track_id, person in zip(looks, found, strict=True):
                assert person in (-1, told.get((camera, track_id), person))
                if person > 0:
                    told[camera, track_id] = person
            rows.append(found)
        answers.append(rows)
    assert answers[0] == answers[1]
