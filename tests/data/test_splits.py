"""Splits by identity: disjoint, seeded, and every query can be answered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsort_cli.core.errors import InputError
from deepsort_cli.data.loading import load_manifest, load_query_gallery
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.data.scan import scan_dataset
from deepsort_cli.data.settings import ScanSettings
from deepsort_cli.data.splits import (
    choose_held_out,
    halves,
    hold_out,
    split_by_identity,
    why_no_halves,
    without_cameras,
)

NO_CACHE = ScanSettings(use_cache=False)


def manifest(pids: list[int], camids: list[int] | None = None) -> Manifest:
    cameras = camids if camids is not None else list(range(1, len(pids) + 1))
    names = tuple(f"{i}.jpg" for i in range(len(pids)))
    return Manifest(Path("data"), names, np.array(pids), np.array(cameras), camids is not None, "f" * 40)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-1, 12), st.integers(1, 4)), min_size=4, max_size=80),
    st.floats(0.05, 0.95),
    st.integers(0, 5),
    st.booleans(),
)
def test_split_properties(rows: list[tuple[int, int]], ratio: float, seed: int, cameras: bool) -> None:
    data = manifest([pid for pid, _ in rows], [camera for _, camera in rows] if cameras else None)
    try:
        wanted = choose_held_out(data, ratio).identities
    except InputError:
        people = set(data.pids[data.pids > 0].tolist())
        seen = {p: len(set(data.camids[data.pids == p].tolist())) for p in people}
        assert len(people) < 2 or max(seen.values()) < 2
        return
    train, query, gallery = split_by_identity(data, ratio, seed)
    names = [*train.paths, *query.paths, *gallery.paths]
    assert len(names) == len(set(names)) == int((data.pids > 0).sum())
    held_out = set(gallery.pids.tolist())
    assert len(held_out) == wanted
    assert set(query.pids.tolist()) == held_out
    assert not held_out & set(train.pids.tolist())
    assert len(train)
    for pid, camera in zip(query.pids, query.camids, strict=True):
        assert (gallery.camids[gallery.pids == pid] != camera).any()
    again = hold_out(data, wanted, seed)
    assert [part.paths for part in (train, query, gallery)] == [part.paths for part in again]


def test_share_of_identities_and_one_query_per_camera() -> None:
    data = manifest([pid for pid in range(1, 101) for _ in range(6)], [1, 1, 2, 2, 3, 3] * 100)
    assert choose_held_out(data, 0.2).identities == 20
    train, query, gallery = split_by_identity(data, 0.2, 0)
    assert len(np.unique(train.pids)) == 80
    assert len(query) == 60
    assert len(gallery) == 60
    assert hold_out(data, 20, 1)[1].paths != query.paths


def test_one_query_per_person_without_cameras() -> None:
    data = manifest([pid for pid in range(1, 11) for _ in range(3)])
    _, query, gallery = split_by_identity(data, 0.5, 0)
    assert len(query) == 5
    assert len(gallery) == 10


@pytest.mark.parametrize(
    ("people", "held_out", "doubtful"),
    [(1, 0, True), (9, 0, True), (14, 0, True), (15, 5, False), (40, 5, False), (200, 20, False)],
)
def test_a_handful_or_nobody_is_held_out(people: int, held_out: int, doubtful: bool) -> None:
    data = manifest([pid for pid in range(1, people + 1) for _ in range(4)], [1, 1, 2, 2] * people)
    found = choose_held_out(data, None)
    assert (found.identities, found.doubtful) == (held_out, doubtful)
    assert str(people) in found.reason
    by_halves = choose_held_out(data, None, halves=True)
    if 5 <= people < 60:  # all are learned from where halves of them can be tried
        assert (by_halves.identities, by_halves.doubtful) == (0, False)
        assert f"all {people} people" in by_halves.reason
    else:
        assert by_halves == found


def test_a_share_that_is_given_counts_and_is_doubted() -> None:
    data = manifest([pid for pid in range(1, 21) for _ in range(4)], [1, 1, 2, 2] * 20)
    found = choose_held_out(data, 0.1)
    assert (found.identities, found.doubtful) == (2, True)
    assert "too few to measure by" in found.reason
    assert choose_held_out(data, 0.25) == choose_held_out(data, None)
    assert choose_held_out(data, 0).identities == 0


def test_fewer_than_asked_for_are_not_called_what_was_asked_for() -> None:
    data = manifest([pid for pid in range(1, 41) for _ in range(2)], [1, 2] * 3 + [1, 1] * 37)
    found = choose_held_out(data, 0.5)
    assert (found.identities, found.doubtful) == (3, True)
    assert (
        "3 of 40 people are held out to validate on (20 would be, but no more are seen by two cameras)" in found.reason
    )
    assert "as `data.val_ratio` says" not in found.reason
    more = choose_held_out(manifest([pid for pid in range(1, 101) for _ in range(2)], [1, 2] * 6 + [1, 1] * 94), None)
    assert (more.identities, more.doubtful) == (6, False)
    assert "(10 would be, but no more" in more.reason


def test_few_people_with_two_cameras_are_not_measured_by() -> None:
    data = manifest([pid for pid in range(1, 31) for _ in range(2)], [1, 2] * 4 + [1, 1] * 26)
    found = choose_held_out(data, None)
    assert (found.identities, found.doubtful) == (0, True)
    assert "only 4 people are seen by two cameras" in found.reason
    assert choose_held_out(data, None, halves=True) == found
    assert choose_held_out(without_cameras(data), None).identities == 5


@pytest.mark.parametrize("ratio", [0.0, 1.0, -0.1, float("nan")])
def test_impossible_ratio(ratio: float) -> None:
    with pytest.raises(InputError, match="val_ratio"):
        split_by_identity(manifest([1, 1, 2, 2]), ratio, 0)


@pytest.mark.parametrize("number", [0, 2, 9])
def test_impossible_number(number: int) -> None:
    with pytest.raises(ValueError, match="cannot be held out"):
        hold_out(manifest([1, 1, 2, 2]), number, 0)


def test_nobody_can_be_held_out() -> None:
    with pytest.raises(InputError, match=r"nobody was seen by two cameras.*`data.ignore_camera`=true"):
        choose_held_out(manifest([1, 1, 2, 2], [1, 1, 2, 2]), 0.5)
    with pytest.raises(InputError, match=r"all images come from camera 3.*`data.ignore_camera`=true"):
        choose_held_out(manifest(sorted([*range(1, 21)] * 2), [3] * 40), None)
    with pytest.raises(InputError, match="1 identity"):
        choose_held_out(manifest([1, 1], [1, 2]), 0.5)


def test_market_style_folder(tmp_path: Path, write_flat: Callable[..., Path]) -> None:
    write_flat(tmp_path / "bounding_box_train", {1: [1, 2]})
    write_flat(tmp_path / "query", {5: [1]})
    write_flat(tmp_path / "bounding_box_test", {5: [1, 2], 0: [1], -1: [3]})
    said: list[str] = []
    train = load_manifest(tmp_path, NO_CACHE, notify=said.append)
    assert train.root == tmp_path / "bounding_box_train"
    assert train.pids.tolist() == [1, 1]
    assert "bounding_box_train" in said[0]
    query, gallery = load_query_gallery(tmp_path, NO_CACHE)
    assert query.pids.tolist() == [5]
    assert gallery.pids.tolist() == [-1, 0, 5, 5]
    small = ScanSettings(use_cache=False, min_samples=3, drop_small=True)
    assert len(load_query_gallery(tmp_path, small)[0]) == 1  # the setting is about training


def test_without_cameras_query_and_gallery_differ_in_camera(tmp_path: Path, person: Callable[..., object]) -> None:
    for part in ("query", "gallery"):
        for i in range(3):
            file = tmp_path / part / "id_0001" / f"{i}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            person(1, i + 10 * (part == "query")).save(file)  # type: ignore[attr-defined]
    query, gallery = load_query_gallery(tmp_path, NO_CACHE)
    assert not set(query.camids.tolist()) & set(gallery.camids.tolist())
    assert not query.has_cameras
    assert not gallery.has_cameras


def test_what_is_missing_is_named(tmp_path: Path, write_flat: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="no such folder"):
        load_manifest(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="this is a file"):
        load_manifest(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no usable image"):
        load_manifest(tmp_path / "empty", NO_CACHE)
    write_flat(tmp_path / "half" / "query", {1: [1]})
    with pytest.raises(InputError, match="no train part"):
        load_manifest(tmp_path / "half")
    with pytest.raises(InputError, match="no gallery folder"):
        load_query_gallery(tmp_path / "half")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "0001_c1_f0.jpg").write_text("text")
    with pytest.raises(InputError, match="1 not_an_image"):
        load_manifest(tmp_path / "bad", NO_CACHE)


def test_left_out_files_are_mentioned(tmp_path: Path, write_flat: Callable[..., Path]) -> None:
    root = write_flat(tmp_path / "d", {1: [1, 2], 2: [1]})
    (root / "0003_c1_f0.jpg").write_bytes(b"")
    said: list[str] = []
    result = load_manifest(root, ScanSettings(use_cache=False, drop_small=True), notify=said.append)
    assert result.pids.tolist() == [1, 1]
    assert "1 empty" in said[0]
    assert "1 image of identities with fewer than 2" in said[1]


def test_progress_reaches_the_total(
    tmp_path: Path, write_flat: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepsort_cli.data.workers.CHUNK", 4)
    monkeypatch.setattr("deepsort_cli.data.workers.SERIAL_BELOW", 1)
    calls: list[tuple[int, int]] = []
    root = write_flat(tmp_path / "d", {pid: [1, 2] for pid in range(1, 9)})
    scan_dataset(root, NO_CACHE, progress=lambda done, total: calls.append((done, total)))
    assert [total for _, total in calls] == [16] * 4
    assert [done for done, _ in calls] == [4, 8, 12, 16]


def test_halves_hold_everybody_out_once() -> None:
    """Those who cannot be queries are learned from both times."""
    data = manifest([1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6], [1, 2] * 5 + [1])
    first, second = halves(data, 0)
    for train, query, gallery in (first, second):
        held_out = set(query.pids.tolist())
        assert held_out == set(gallery.pids.tolist())
        assert set(train.pids.tolist()) == {1, 2, 3, 4, 5, 6} - held_out
    assert {*first[1].pids, *second[1].pids} == {1, 2, 3, 4, 5}
    assert halves(data, 0)[0][1].paths == first[1].paths
    few, one_camera = manifest([1, 1, 2, 2, 3, 3], [1, 2] * 3), manifest([1, 1, 2, 2, 3, 3, 4, 4, 5], [1, 2] + [1] * 7)
    assert halves(few, 0) == halves(one_camera, 0) == []
    assert why_no_halves(data) == ""
    assert why_no_halves(few) == "that takes 4 people"
    assert "4 people seen by two cameras, and 1 are (`data.ignore_camera`" in why_no_halves(one_camera)
    assert why_no_halves(without_cameras(one_camera)) == ""
    single = without_cameras(manifest([1, 1, 2, 3, 4], [1] * 5))
    assert why_no_halves(single) == "that takes 4 people with two pictures, and 1 have them"
