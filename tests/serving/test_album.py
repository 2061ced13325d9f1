"""What is remembered of people: who, where, when, the best picture; and that memory stays bounded."""

from __future__ import annotations

import io
import threading
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deepsort_cli.core.types import Frame, Tracks
from deepsort_cli.serving import person as person_module
from deepsort_cli.serving.album import Album
from deepsort_cli.serving.crops import promise, sharpness, visible

STARTED = 1_700_000_000.0
RED, BLUE = (0, 0, 255), (255, 0, 0)


def tracks_of(
    *boxes: tuple[float, float, float, float],
    ids: list[int] | None = None,
    scores: list[float] | None = None,
    features: list[list[float]] | None = None,
    people: list[int] | None = None,
    names: list[str] | None = None,
    matched: bool = True,
) -> Tracks:
    count = len(boxes)
    return Tracks(
        ids=np.array(ids or range(1, count + 1), dtype=np.int64),
        boxes=np.array(boxes, dtype=np.float64).reshape(-1, 4),
        scores=np.array(scores or [0.9] * count),
        class_ids=np.zeros(count, np.int64),
        time_since_update=np.zeros(count, np.int64),
        detection_index=np.arange(count) if matched else np.full(count, -1),
        features=None if features is None else np.array(features, np.float32),
        people=None if people is None else np.array(people, np.int64),
        names=None if names is None else np.array(names, dtype=np.str_),
    )


def frame_of(seconds: float, colour: tuple[int, int, int] = RED, *, size: tuple[int, int] = (100, 200)) -> Frame:
    return Frame(round(seconds * 10), np.full((*size, 3), colour, np.uint8), seconds)


BOX = (10.0, 10.0, 40.0, 90.0)


@pytest.fixture
def album() -> Album:
    return Album(started=STARTED, threshold=0.2)


def crop_of(album: Album, key: str) -> Any:
    content = album.crop(key)
    assert content is not None
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_a_visit_is_when_where_and_how_long(album: Album) -> None:
    for step in range(21):
        album.see(0, frame_of(step / 10), tracks_of((10 + step, 10, 40 + step, 90)))
    (row,) = album.people()["people"]
    assert (row["key"], row["person"], row["name"], row["cameras"]) == ("c0-1", None, "", [0])
    assert (row["first"], row["last"], row["seconds"], row["now"]) == (STARTED, STARTED + 2, 2.0, True)
    found = album.person("c0-1")
    assert found is not None
    (visit,) = found["visits"]
    assert (visit["camera"], visit["id"], visit["from"], visit["to"]) == (0, 1, STARTED, STARTED + 2)
    assert visit["path"][0] == [STARTED, 25.0, 90.0]  # the feet
    assert visit["path"][-1] == [STARTED + 2, 45.0, 90.0]
    gaps = np.diff([point[0] for point in visit["path"]])
    assert gaps.min() > 0
    assert len(visit["path"]) == 11


def test_live_frames_have_the_time_of_day(album: Album) -> None:
    earliest = time.time() - 5
    arrived = time.monotonic() - 5
    latest = time.time() - 5
    album.see(0, Frame(0, None, 123.0, arrived=arrived), tracks_of(BOX))
    (row,) = album.people()["people"]
    assert earliest - 0.1 <= row["first"] <= latest + 0.1


def test_who_is_away_for_long_comes_for_another_visit(album: Album) -> None:
    for seconds in (0.0, 1.0, 8.0, 30.0, 31.0):
        album.see(0, frame_of(seconds), tracks_of(BOX))
    found = album.person("c0-1")
    assert found is not None
    assert [(visit["from"] - STARTED, visit["to"] - STARTED) for visit in found["visits"]] == [(0, 8), (30, 31)]
    assert found["seconds"] == 9.0


def test_one_person_over_cameras(album: Album) -> None:
    """Together from the start or later on; a track that belonged to nobody brings along what is known of it."""
    album.see(0, frame_of(0), tracks_of(BOX, people=[-1]))
    album.see(1, frame_of(0.5), tracks_of(BOX, ids=[9], people=[4]))
    assert {row["key"] for row in album.people()["people"]} == {"c0-1", "p4"}
    album.see(0, frame_of(2), tracks_of(BOX, people=[4], names=["Ada"]))
    (row,) = album.people()["people"]
    assert (row["key"], row["person"], row["name"], row["cameras"]) == ("p4", 4, "Ada", [0, 1])
    assert row["first"] == STARTED
    by_track = album.person("c0-1")  # a page that was opened before still finds them
    assert by_track is not None
    assert by_track["key"] == "p4"
    assert [(visit["camera"], visit["id"]) for visit in by_track["visits"]] == [(0, 1), (1, 9)]
    assert by_track["seconds"] == 2.0  # in both cameras at once counts once
    album.see(0, frame_of(3), tracks_of(BOX, people=[-1]))  # no news is no reason to split
    assert album.people()["total"] == 1


def test_filters_and_order(album: Album) -> None:
    album.see(0, frame_of(0), tracks_of(BOX, (60, 10, 90, 90)))
    album.see(1, frame_of(5), tracks_of(BOX, ids=[7]))
    album.see(0, frame_of(6), tracks_of(BOX, ids=[1]))
    keys = lambda **query: [row["key"] for row in album.people(**query)["people"]]  # noqa: E731
    assert keys() == ["c1-7", "c0-1", "c0-2"]
    assert keys(camera=0) == ["c0-1", "c0-2"]
    assert set(keys(now=True)) == {"c1-7", "c0-1"}
    assert keys(offset=1, limit=1) == ["c0-1"]
    assert album.people(offset=1, limit=1)["total"] == 3
    album.leave(1)
    assert keys(now=True) == ["c0-1"]


@pytest.mark.parametrize("key", ["", "p1", "c0-2", "c0", "c0-1x", "../../etc/passwd", "c٠-١"])
def test_nobody_of_that_key(album: Album, key: str) -> None:
    album.see(0, frame_of(0), tracks_of(BOX))
    assert album.person(key) is None
    assert album.crop(key) is None


def test_the_better_picture_is_kept(album: Album) -> None:
    album.see(0, frame_of(0, RED), tracks_of(BOX, scores=[0.5]))
    first = album.people()["people"][0]["crop"]
    album.see(0, frame_of(1, BLUE), tracks_of(BOX, scores=[0.4]))
    assert crop_of(album, "c0-1")[5, 5].tolist() == pytest.approx([254, 0, 0], abs=6)
    assert album.people()["people"][0]["crop"] == first
    album.see(0, frame_of(2, BLUE), tracks_of(BOX, scores=[0.9]))
    assert crop_of(album, "c0-1")[5, 5].tolist() == pytest.approx([0, 0, 254], abs=6)
    assert album.people()["people"][0]["crop"] != first  # browsers must not show the old one
    assert crop_of(album, "c0-1").shape[:2] == (80, 30)


def test_a_predicted_box_is_no_picture_and_no_look(album: Album) -> None:
    album.see(0, frame_of(0), tracks_of(BOX, features=[[1, 0]], matched=False))
    assert album.crop("c0-1") is None
    assert album.people()["people"][0]["crop"] is None
    assert album.people()["people"][0]["looks"] == 0


def test_large_crops_are_kept_small(album: Album) -> None:
    album.see(0, frame_of(0, size=(2000, 3000)), tracks_of((100, 100, 900, 1900)))
    assert crop_of(album, "c0-1").shape[0] == 320


def test_odd_boxes_do_no_harm(album: Album) -> None:
    nan = float("nan")
    album.see(0, frame_of(0), tracks_of((nan, nan, nan, nan), (-500, -500, -400, -400), (0, 0, 1e9, 1e9)))
    album.see(0, Frame(1, None, 0.1), tracks_of(BOX))
    album.see(0, frame_of(0.2), Tracks.empty())
    assert album.people()["total"] == 3
    assert album.person("c0-1") is not None


def test_what_is_seen_of_people() -> None:
    """Outside of the picture and behind somebody nearer is not seen; in front of somebody is."""
    boxes = np.array([[0, 0, 40, 80], [0, 0, 40, 90], [-20, 0, 20, 40], [300, 300, 340, 380]], dtype=np.float64)
    near, front, half, outside = visible(boxes, 200, 100)
    assert near == 0  # all of it is behind the second
    assert front == 1
    assert half == 0  # half outside, the other half hidden
    assert outside == 0
    alone = visible(boxes[2:3], 200, 100)
    assert alone == 0.5
    better = promise(tracks_of(BOX, BOX, scores=[0.9, 0.9]), np.array([1.0, 0.5]))
    assert better[0] == 4 * better[1]


def test_sharp_is_better_than_blurred() -> None:
    image = np.random.default_rng(0).integers(0, 256, (80, 40, 3), dtype=np.uint8)
    blurred = np.full_like(image, 100)
    assert 0.5 <= sharpness(blurred) < sharpness(image) <= 1


def test_search_finds_the_nearest_look(album: Album) -> None:
    album.see(0, frame_of(0), tracks_of(BOX, (60, 10, 90, 90), features=[[1, 0, 0], [0, 1, 0]]))
    album.see(0, frame_of(1), tracks_of(BOX, (60, 10, 90, 90), features=[[0, 0, 1], [0, 1, 0]]))
    result = album.search([0.1, 0, 2])
    assert result["threshold"] == 0.2
    assert result["compared"] == 2
    first, second = result["found"]
    assert (first["key"], first["likely"]) == ("c0-1", True)
    assert first["distance"] == pytest.approx(1 - 2 / np.hypot(2, 0.1), abs=1e-3)
    assert (second["key"], second["likely"], second["distance"]) == ("c0-2", False, 1.0)
    assert first["looks"] == 2
    assert len(album.search([1, 0, 0], limit=1)["found"]) == 1
    assert Album().search([1.0]) == {"threshold": None, "compared": 0, "found": []}
    album.admits = lambda: 0.3  # where people are told apart: by the limit and the means that tell them apart
    result = album.search([1, 0, 0])
    assert result["threshold"] == 0.3
    assert [(row["key"], row["likely"]) for row in result["found"]] == [("c0-1", True), ("c0-2", False)]
    assert result["found"][0]["distance"] == pytest.approx(1 - 1 / np.sqrt(2), abs=1e-3)


@pytest.mark.parametrize("features", [[1.0, 0.0], [0.0, 0.0, 0.0], [np.nan, 1.0, 0.0]])
def test_features_that_cannot_be_compared(album: Album, features: list[float]) -> None:
    album.see(0, frame_of(0), tracks_of(BOX, features=[[1, 0, 0]]))
    with pytest.raises(ValueError, match="features? "):
        album.search(features)


def test_looks_of_hidden_people_do_not_count(album: Album) -> None:
    """But for the first: something is better than nothing."""
    hidden = tracks_of((60, 10, 90, 80), (60, 10, 90, 90), features=[[1, 0], [0, 1]])
    album.see(0, frame_of(0), hidden)
    album.see(0, frame_of(1), hidden)
    looks = {row["key"]: row["looks"] for row in album.people()["people"]}
    assert looks == {"c0-1": 1, "c0-2": 2}


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("MOST_LOOKS", 8), ("MOST_POINTS", 20), ("MOST_VISITS", 5)):
        monkeypatch.setattr(person_module, name, value)
    album = Album(started=STARTED, most=50)
    for step in range(300):
        album.see(0, frame_of(step), tracks_of(BOX, features=[[1, step]]))
    for visit in range(20):
        album.see(1, frame_of(1000 + 100 * visit), tracks_of(BOX, ids=[1], people=[1]))
    for track in range(2, 200):
        album.see(1, frame_of(5000 + track), tracks_of(BOX, ids=[track]))
    everyone = album.people(limit=1000)
    assert everyone["total"] <= 50
    assert everyone["total"] + everyone["forgotten"] == 1 + 1 + 198
    one = album.person("c0-1")  # still in the picture of camera 0: nobody forgets them
    assert one is not None
    assert one["looks"] <= 8
    (visit,) = one["visits"]
    assert 10 <= len(visit["path"]) <= 21
    gaps = np.diff([point[0] for point in visit["path"][:-1]])
    assert gaps.max() <= 3 * gaps.min()  # about evenly thinned
    assert (visit["path"][0][0], visit["path"][-1][0]) == (STARTED, STARTED + 299)
    assert album.person("c1-2") is None
    assert len(album._owners) <= 50


def test_visits_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(person_module, "MOST_VISITS", 5)
    album = Album(started=STARTED)
    for visit in range(20):
        album.see(1, frame_of(100 * visit), tracks_of(BOX, ids=[visit + 1], people=[1]))
    found = album.person("p1")
    assert found is not None
    assert (len(found["visits"]), found["visits_dropped"]) == (5, 15)


def test_long_past_visits_keep_few_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(person_module, "MOST_OLD_POINTS", 4)
    monkeypatch.setattr(person_module, "RECENT", 2)
    album = Album(started=STARTED)
    for visit in range(4):
        for step in range(20):
            album.see(1, frame_of(100 * visit + step), tracks_of(BOX, ids=[visit + 1], people=[1]))
    found = album.person("p1")
    assert found is not None
    assert [len(visit["path"]) for visit in found["visits"]] == [4, 4, 20, 20]
    assert found["visits"][0]["path"][-1][0] == STARTED + 19


def test_many_threads(album: Album) -> None:
    """Cameras write while browsers read."""
    faults: list[BaseException] = []

    def write(camera: int) -> None:
        try:
            for step in range(150):
                people = [1 if step > 50 else -1]
                seen = tracks_of(BOX, ids=[step // 30 + 1], people=people, features=[[1, 0]])
                album.see(camera, frame_of(step), seen)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=write, args=(camera,)) for camera in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for row in album.people(limit=100)["people"]:
            album.person(row["key"])
            album.crop(row["key"])
        album.search([1.0, 0.0])
    for thread in threads:
        thread.join()
    assert faults == []
    found = album.person("p1")
    assert found is not None
    assert {visit["camera"] for visit in found["visits"]} == {0, 1, 2}
