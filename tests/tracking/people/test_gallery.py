"""Which person tracks belong to, over several cameras."""

from __future__ import annotations

import numpy as np

from deepsort_cli.core import Tracks
from deepsort_cli.tracking.people import PeopleGallery
from deepsort_cli.tracking.settings import AcrossSettings

LOOK = np.eye(8, dtype=np.float32)


def seen(**looks: int) -> Tracks:
    """Tracks `t3=1, …`: track 3 looks like the first person."""
    ids = np.array([int(name[1:]) for name in looks], np.int64)
    n = len(ids)
    zeros = np.zeros(n, np.int64)
    return Tracks(ids, np.zeros((n, 4)), np.ones(n), zeros, zeros, np.arange(n), features=LOOK[list(looks.values())])


def gallery() -> PeopleGallery:
    return PeopleGallery(AcrossSettings().rule(0.25))


def test_a_person_keeps_the_number_in_another_camera() -> None:
    people = gallery()
    assert people.see("door", 0.0, seen(t1=1, t2=2)).people.tolist() == [1, 2]
    assert people.see("yard", 1.0, seen(t1=2)).people.tolist() == [2]


def test_nobody_is_in_two_places_at_once() -> None:
    people = gallery()
    people.see("door", 0.0, seen(t1=1))
    assert people.see("yard", 0.0, seen(t1=1)).people.tolist() == [2]
    people.see("door", 1.0, seen(t1=1))
    assert people.see("yard", 1.1, seen(t2=1)).people.tolist() == [1]


def test_an_enrolled_person_has_a_name() -> None:
    people = gallery()
    people.enrol("Ada", LOOK[[3]])
    tracks = people.see("door", 0.0, seen(t1=3, t2=4))
    assert tracks.people.tolist() == [1, 2]
    assert tracks.names.tolist() == ["Ada", ""]
