"""Tracks that are split where they went over to somebody else, and pieces of one person that are joined."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.looks import Looks
from deepsort_cli.tracking.evidence import Evidence
from deepsort_cli.tracking.linking import FEWEST_LOOKS, Known, Linking, link
from deepsort_cli.tracking.refinement import refine_file
from deepsort_cli.tracking.settings import LinkOptions, RefinementSettings

FPS = 10.0
SIZE = 16
OPTIONS = LinkOptions(distance=0.3, max_gap=8.0)
RED, BLUE, GREEN = np.eye(SIZE)[:3]


class Scene:
    """Rows and looks of tracks, added one after the other."""

    def __init__(self) -> None:
        self.rows: list[list[float]] = []
        self.features: list[np.ndarray] = []
        self._rng = np.random.default_rng(0)

    def add(
        self,
        track: int,
        frames: range,
        look: np.ndarray | None,
        x: float = 100.0,
        speed: float = 0.0,
        height: float = 100.0,
    ) -> Scene:
        """A track at `x` in frame 0 that moves by so many pixels a frame; every look is a little different."""
        for frame in frames:
            self.rows.append([frame, track, x + speed * frame, 50, 0.4 * height, height, 1])
            noise = self._rng.normal(0, 0.1, SIZE)
            self.features.append(np.full(SIZE, np.nan) if look is None else look + noise)
        return self

    def known(self, kinds: dict[int, int] | None = None) -> Known:
        table = np.array(self.rows)
        of = None if kinds is None else np.array([kinds[int(track)] for track in table[:, 1]])
        return Known((table[:, 0] - 1) / FPS, np.arange(len(table)), np.array(self.features, np.float32), of)

    def link(self, options: LinkOptions = OPTIONS) -> tuple[np.ndarray, Linking]:
        return link(np.array(self.rows), self.known(), options)

    def names(self, options: LinkOptions = OPTIONS) -> dict[tuple[int, int], list[int]]:
        """Of every track the ids that it has now, in order."""
        ids, _ = self.link(options)
        found: dict[tuple[int, int], list[int]] = {}
        for (_, track, *_), name in zip(self.rows, ids.tolist(), strict=True):
            one = found.setdefault(int(track), [])  # type: ignore[call-overload]
            if not one or one[-1] != name:
                one.append(name)
        return found


def test_who_was_lost_is_found_again() -> None:
    scene = (
        Scene().add(4, range(1, 21), RED, speed=3).add(7, range(30, 60), RED, speed=3).add(9, range(1, 60), BLUE, 400)
    )
    ids, done = scene.link()
    assert scene.names() == {4: [4], 7: [4], 9: [9]}
    assert done == Linking(tracks=3, split=0, tracklets=3, people=2)
    assert str(done) == "joined 3 tracklets into 2 people, split 0 of 3 tracks"
    ids, _ = link(np.array(scene.rows), scene.known({4: 0, 7: 2, 9: 0}), OPTIONS)
    assert set(ids.tolist()) == {4, 7, 9}, "what is of two kinds is never one"
    assert len(ids) == len(scene.rows)


@pytest.mark.parametrize(
    "second",
    [
        {"frames": range(30, 60), "look": BLUE},  # somebody else
        {"frames": range(30, 60), "look": None},  # nobody knows
        {"frames": range(20, 60), "look": RED},  # there at the same time
        {"frames": range(102, 140), "look": RED},  # too late
        {"frames": range(22, 60), "look": RED, "x": 500.0},  # too far away so soon
        {"frames": range(30, 60), "look": RED, "height": 30.0},  # another size
    ],
)
def test_what_speaks_against_it(second: dict) -> None:
    scene = Scene().add(1, range(1, 21), RED).add(2, **second)
    assert scene.names() == {1: [1], 2: [2]}


def test_a_person_may_walk_on_unseen_or_stop() -> None:
    """7 pixels a frame, 70 a second: 40 frames later 280 pixels on, or anywhere before."""
    for x in (240.0, 240 + 140.0, 240 + 280.0):
        walked = Scene().add(1, range(1, 21), RED, speed=7).add(2, range(60, 90), RED, x=x)
        assert walked.names() == {1: [1], 2: [1]}
    back = Scene().add(1, range(1, 21), RED, speed=7).add(2, range(60, 90), RED, x=240 - 400.0)
    assert back.names() == {1: [1], 2: [2]}


def test_the_more_alike_are_joined_where_two_could_be() -> None:
    """In the same place a second after both were lost stands the second of two people who dress nearly alike."""
    other = RED + 0.5 * BLUE
    scene = Scene().add(1, range(1, 21), RED).add(2, range(1, 21), other, 110).add(3, range(30, 50), other, 105)
    assert scene.names() == {1: [1], 2: [2], 3: [2]}


def test_a_track_that_went_over_to_somebody_else_is_split() -> None:
    """Where two met, each went on with the other's id."""
    scene = Scene()
    scene.add(1, range(1, 31), RED, speed=2).add(1, range(31, 61), BLUE, x=160)
    scene.add(2, range(1, 31), BLUE, x=220, speed=-2).add(2, range(31, 61), RED, speed=2)
    ids, done = scene.link()
    assert done == Linking(tracks=2, split=2, tracklets=4, people=2)
    expected = [1 if np.argmax(look) == 0 else 2 for look in scene.features]
    assert ids.tolist() == expected


def test_the_rest_of_a_split_track_gets_an_id_nobody_had() -> None:
    scene = Scene().add(5, range(1, 31), RED).add(5, range(31, 61), BLUE).add(12, range(1, 61), GREEN, 500)
    assert scene.names() == {5: [5, 13], 12: [12]}


def test_few_looks_split_nothing() -> None:
    for count, people in ((4, [1]), (FEWEST_LOOKS, [1, 2])):
        assert Scene().add(1, range(1, 31), RED).add(1, range(31, 31 + count), BLUE).names() == {1: people}


def test_somebody_who_passes_in_front_splits_nothing() -> None:
    scene = Scene().add(1, range(1, 31), RED).add(1, range(31, 36), BLUE).add(1, range(36, 66), RED)
    assert scene.names() == {1: [1]}


def test_rows_without_looks_go_with_the_nearer_ones() -> None:
    """Between the last look before a change and the first after it, half of the time belongs to either."""
    scene = Scene().add(1, range(1, 21), RED).add(1, range(21, 31), None).add(1, range(31, 51), BLUE)
    ids, _ = scene.link()
    assert ids.tolist() == [1] * 25 + [2] * 25


def test_nothing_and_one_row() -> None:
    none = Known(np.empty(0), np.empty(0, np.int64), np.empty((0, 0), np.float32))
    ids, done = link(np.empty((0, 7)), none, OPTIONS)
    assert (len(ids), done) == (0, Linking(0, 0, 0, 0))
    one = Known(np.zeros(1), np.empty(0, np.int64), np.empty((0, 0), np.float32))
    ids, done = link(np.array([[3.0, 8, 0, 0, 0, 0]]), one, OPTIONS)
    assert (ids.tolist(), done) == ([8], Linking(1, 0, 1, 1))


@st.composite
def scenes(draw: st.DrawFn) -> tuple[np.ndarray, Known]:
    """Some tracks of a few people who dress more or less alike, seen with gaps, some of them changing on the way."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    people = rng.normal(size=(draw(st.integers(1, 4)), 8)) + draw(st.sampled_from([0.0, 2.0]))
    rows, features = [], []
    for track in range(draw(st.integers(1, 8))):
        first, length = int(rng.integers(1, 60)), int(rng.integers(1, 60))
        frames = first + np.flatnonzero(rng.random(length) < 0.8)
        whose = rng.integers(0, len(people), 2)
        change = rng.integers(0, 2 * length)
        x, speed = rng.uniform(0, 300), rng.normal(0, 4)
        for frame in frames.tolist():
            rows.append([frame, 3 * track + 2, x + speed * (frame - first), 40, 30, rng.uniform(70, 90)])
            look = people[whose[int(frame - first > change)]] + rng.normal(0, 0.3, 8)
            features.append(look if rng.random() < 0.9 else np.full(8, np.nan))
    table = np.array(rows).reshape(-1, 6)
    return table, Known(table[:, 0] / FPS, np.arange(len(table)), np.array(features, np.float32).reshape(-1, 8))


@settings(max_examples=40, deadline=None)
@given(scenes(), st.floats(0.05, 1.0), st.floats(0.5, 10.0), st.integers(0, 2**32 - 1))
def test_what_always_holds(scene: tuple[np.ndarray, Known], distance: float, max_gap: float, seed: int) -> None:
    table, known = scene
    options = LinkOptions(distance, max_gap)
    ids, done = link(table, known, options)
    # No row is lost, and nobody is in two places at once.
    assert len(ids) == len(table)
    assert len(np.unique(np.column_stack([table[:, 0], ids]), axis=0)) == len(table)
    assert done.people == len(np.unique(ids)) <= done.tracklets
    assert done.tracks == len(np.unique(table[:, 1])) <= done.tracklets
    # The pieces that make up a person come one after the other.
    for person in np.unique(ids):
        mine = np.flatnonzero(ids == person)
        mine = mine[np.argsort(table[mine, 0])]
        assert np.count_nonzero(np.diff(table[mine, 1])) < done.tracklets
    # The order of rows and of looks plays no part.
    order = np.random.default_rng(seed).permutation(len(table))
    back = np.argsort(order)
    shuffle = np.random.default_rng(seed + 1).permutation(len(table))
    shuffled = Known(known.seconds[order], back[known.rows][shuffle], known.features[shuffle])
    again, same = link(table[order], shuffled, options)
    assert_array_equal(again, ids[order])
    assert same == done
    # Once more changes nothing in who is one person, where looks that differ that much cannot be.
    whole, none = link(table, known, LinkOptions(2.0, max_gap))
    assert none.split == 0
    for track in np.unique(table[:, 1]):
        assert len(np.unique(whole[table[:, 1] == track])) == 1


@settings(max_examples=20, deadline=None)
@given(scenes(), st.floats(0.05, 0.8))
def test_a_split_has_evidence(scene: tuple[np.ndarray, Known], distance: float) -> None:
    """Wherever a track was split, the looks in all before and all after are at least 8, and not the same."""
    table, known = scene
    ids, _ = link(table, known, LinkOptions(distance, 1e-3))  # nothing is joined
    usable = np.isfinite(known.features).all(axis=1)
    for track in np.unique(table[:, 1]):
        mine = np.flatnonzero((table[:, 1] == track) & usable)
        names = np.unique(ids[table[:, 1] == track])
        if len(names) > 1:
            for name in names:
                assert np.count_nonzero(ids[mine] == name) >= FEWEST_LOOKS


class TestFiles:
    def written(self, folder: Path) -> tuple[Path, Evidence]:
        """A file of somebody who is lost once, and the looks."""
        scene = Scene().add(3, range(1, 11), RED).add(9, range(15, 30), RED).add(2**60, range(1, 30), BLUE, 400)
        path = folder / "in.txt"
        path.write_text("".join(f"{int(r[0])},{int(r[1])},{r[2]},{r[3]},{r[4]},{r[5]},1\n" for r in scene.rows))
        table = np.array(scene.rows)
        return path, Evidence(folder / "l.npz", Looks(table, np.array(scene.features, np.float32)), FPS, OPTIONS)

    def test_ids_are_joined_and_their_gap_is_filled(self, tmp_path: Path) -> None:
        path, evidence = self.written(tmp_path)
        wanted = RefinementSettings(link=True, interpolate="linear")
        done = refine_file(path, tmp_path / "out.txt", wanted, evidence)
        assert done.linking == Linking(3, 0, 3, 2)
        assert (done.tracks, done.dropped_tracks, done.filled_rows) == (3, 0, 4)
        rows = [line.split(",") for line in (tmp_path / "out.txt").read_text().splitlines()]
        assert [int(row[0]) for row in rows if row[1] == "3"] == list(range(1, 30))
        assert {row[1] for row in rows} == {"3", str(2**60)}

    def test_a_new_id_is_above_all_others(self, tmp_path: Path) -> None:
        scene = Scene().add(3, range(1, 31), RED).add(3, range(31, 61), BLUE).add(2**60, range(1, 30), GREEN, 400)
        path, table = tmp_path / "in.txt", np.array(scene.rows)
        path.write_text("".join(f"{int(r[0])},{int(r[1])},{r[2]},{r[3]},{r[4]},{r[5]},1\n" for r in scene.rows))
        evidence = Evidence(path, Looks(table, np.array(scene.features, np.float32)), FPS, OPTIONS)
        refine_file(path, tmp_path / "out.txt", RefinementSettings(link=True), evidence)
        ids = {int(line.split(",")[1]) for line in (tmp_path / "out.txt").read_text().splitlines()}
        assert ids == {3, 2**60, 2**60 + 1}

    def test_looks_of_another_run_are_refused(self, tmp_path: Path) -> None:
        path, evidence = self.written(tmp_path)
        looks = evidence.looks
        for column, value, message in ((0, 100, "none of its 54 looks"), (2, 1000, "its boxes are elsewhere")):
            moved = looks.table.copy()
            moved[:, column] += value
            other = Evidence(evidence.path, Looks(moved, looks.features), FPS, OPTIONS)
            with pytest.raises(InputError, match=message):
                refine_file(path, tmp_path / "out.txt", RefinementSettings(link=True), other)
        assert not (tmp_path / "out.txt").exists()
