"""Finished tracks of several cameras become people: by looks, and never against what is impossible."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsort_cli.core.looks import normalise
from deepsort_cli.tracking.people import Places
from deepsort_cli.tracking.people.clustering import Tracklet, cluster
from deepsort_cli.tracking.settings import AcrossSettings, PeopleRule

RULE = AcrossSettings(distance=0.5).rule(0.25)


def look(*parts: float) -> np.ndarray:
    return normalise(np.array([parts], np.float32))[0][0]


RED, PINK, BLUE = look(1, 0, 0), look(1, 0.5, 0), look(0, 0, 1)


def seen(camera: str, first: float, last: float, mean: np.ndarray, looks: int = 5) -> Tracklet:
    return Tracklet(camera, first, last, mean, looks)


def people(*tracklets: Tracklet, rule: PeopleRule = RULE, places: Places | None = None) -> list[int]:
    return cluster(tracklets, rule, places or Places()).tolist()


def test_who_looks_alike_is_one_numbered_by_first_appearance() -> None:
    assert people(seen("a", 5, 9, RED), seen("b", 0, 3, BLUE), seen("b", 11, 15, PINK), seen("a", 5, 9, BLUE)) == [
        1, 0, 1, 0,
    ]  # fmt: skip
    assert people() == []
    assert people(seen("a", 0, 1, RED)) == [0]


def test_nobody_is_twice_in_a_camera_nor_in_two_at_once() -> None:
    assert people(seen("a", 0, 5, RED), seen("a", 4, 9, RED)) == [0, 1]
    assert people(seen("a", 0, 5, RED), seen("a", 5, 9, RED)) == [0, 1], "the last and first frame are one"
    assert people(seen("a", 0, 5, RED), seen("a", 5.1, 9, RED)) == [0, 0]
    both = (seen("a", 0, 5, RED), seen("b", 4, 9, RED))
    assert people(*both) == [0, 1]
    assert people(*both, places=Places(frozenset([frozenset("ab")]))) == [0, 0]


def test_what_is_of_two_kinds_is_never_one() -> None:
    """Nor through a third."""
    car = replace(seen("c", 20, 25, RED), kind="car")
    assert people(seen("a", 0, 5, RED), car, seen("b", 10, 15, RED)) == [0, 1, 0]


def test_the_way_between_cameras_takes_its_time() -> None:
    away = (seen("a", 0, 5, RED), seen("b", 12, 15, RED), seen("c", 12, 15, BLUE))
    assert people(*away, places=Places(usual_seconds=7)) == [0, 0, 1]
    assert people(*away, places=Places(usual_seconds=7.1)) == [0, 1, 2]
    assert people(*away, places=Places(seconds={frozenset("ab"): 30}, usual_seconds=0)) == [0, 1, 2]


def test_what_is_impossible_for_one_is_so_for_all_who_were_joined() -> None:
    """The two of one camera stay apart, though both look like the one in between, who goes to the more alike."""
    between = seen("b", 20, 25, RED)
    assert people(seen("a", 0, 5, RED), seen("a", 3, 9, PINK), between) == [0, 1, 0]
    assert people(seen("a", 0, 5, PINK), seen("a", 3, 9, RED), between) == [0, 1, 1]


def test_an_average_decides_not_the_nearest() -> None:
    """A chain of looks, each like the next, is not one person; more looks weigh more."""
    chain = [look(np.cos(angle), np.sin(angle)) for angle in np.radians([0, 50, 100])]  # distances .36, .36 and 1.17
    tracklets = [
        seen("abc"[i], 10 * i, 10 * i + 5, mean, looks)
        for i, (mean, looks) in enumerate(zip(chain, (5, 1, 5), strict=False))
    ]
    assert people(*tracklets) == [0, 0, 1]
    heavy = [seen("a", 0, 5, chain[0], 1), seen("b", 10, 15, chain[1], 60), seen("c", 20, 25, chain[2], 1)]
    assert len(set(people(*heavy, rule=AcrossSettings(distance=0.42).rule(0.25)))) == 1
    light = [seen("a", 0, 5, chain[0], 60), seen("b", 10, 15, chain[1], 1), seen("c", 20, 25, chain[2], 1)]
    assert len(set(people(*light, rule=AcrossSettings(distance=0.42).rule(0.25)))) == 2


def test_less_is_admitted_where_people_at_once_look_alike() -> None:
    """Twelve walk past one camera together, 0.2 apart; who is 0.2 away in another is not taken for one of them."""
    uniforms = [normalise(np.array([[2.0, *row]], np.float32))[0][0] for row in np.eye(12)]
    crowd = [seen("a", 0, 5, mean) for mean in uniforms]
    stranger = seen("b", 10, 15, normalise(np.array([[2.0, *np.zeros(11), -1.0]], np.float32))[0][0])
    adaptive = AcrossSettings().rule(0.25)
    assert len(set(people(*crowd, stranger, rule=adaptive))) == 13
    assert len(set(people(*crowd, stranger))) == 12, "a distance that is given is kept to"
    assert people(*crowd, seen("b", 10, 15, uniforms[3]), rule=adaptive)[-1] == 3


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 14))
def test_as_the_plain_algorithm(seed: int, count: int) -> None:
    """The same as joining, over and over, the two clusters with the least weighted mean over all pairs."""
    chance = np.random.default_rng(seed)
    unit, _ = normalise(chance.normal(size=(count, 3)).astype(np.float32))
    first = chance.uniform(0, 20, count)
    tracklets = [
        Tracklet(str(chance.integers(3)), begin, begin + 3, mean, int(chance.integers(1, 9)))
        for begin, mean in zip(first.tolist(), unit, strict=True)
    ]
    places = Places(frozenset([frozenset("01")]), usual_seconds=1)
    label = cluster(tracklets, RULE, places)
    clusters = [[i] for i in range(count)]

    def unlike(one: list[int], other: list[int]) -> float:
        total = weight = 0.0
        for i in one:
            for j in other:
                a, b = tracklets[i], tracklets[j]
                least = places.least(a.camera, b.camera)
                gap = max(a.first - b.last, b.first - a.last)
                if least is not None and (gap <= 0 or gap < least):
                    return np.inf
                share = a.looks * b.looks
                total += share * float(1 - a.mean @ b.mean) / RULE.limits(a.camera, b.camera)[1]
                weight += share
        return total / weight

    while len(clusters) > 1:
        pairs = [(unlike(a, b), i, j) for i, a in enumerate(clusters) for j, b in enumerate(clusters) if i < j]
        best, i, j = min(pairs)
        if best >= 1:
            break
        clusters[i] += clusters.pop(j)
    assert {frozenset(one) for one in clusters} == {
        frozenset(np.flatnonzero(label == one).tolist()) for one in np.unique(label)
    }


def test_many_at_once() -> None:
    """Two hundred people of five tracklets each, in ten cameras, come out right."""
    chance = np.random.default_rng(0)
    looks = normalise(chance.normal(size=(200, 64)).astype(np.float32))[0]
    who = np.tile(np.arange(200), 5)
    means = normalise((looks[who] + chance.normal(0, 0.05, (1000, 64))).astype(np.float32))[0]
    tracklets = [seen(str(chance.integers(10)), 100.0 * i, 100.0 * i + 50, mean) for i, mean in enumerate(means)]
    np.testing.assert_array_equal(cluster(tracklets, RULE, Places()), who)


@pytest.mark.parametrize("order", range(3))
def test_the_order_of_tracklets_does_not_matter(order: int) -> None:
    chance = np.random.default_rng(order)
    unit, _ = normalise(chance.normal(size=(30, 6)).astype(np.float32))
    tracklets = [seen(str(i % 3), 2.0 * i, 2.0 * i + 5, mean) for i, mean in enumerate(unit)]
    shuffled = chance.permutation(30)
    label = cluster(tracklets, RULE, Places())
    again = cluster([tracklets[i] for i in shuffled], RULE, Places())
    np.testing.assert_array_equal(again, label[shuffled])
