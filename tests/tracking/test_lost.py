"""Recognising deleted tracks."""

from __future__ import annotations

import numpy as np

from deepsort_cli.tracking.lost import MOST_FEATURES, MOST_LOST, LostGallery

LOOK = np.eye(8, dtype=np.float32)


def gallery_of(*looks: int, age: int = 100, frame: int = 50) -> LostGallery:
    """A lost gallery with track 1 of the first look, 2 of the second, …, last seen in frame 10."""
    lost = LostGallery(age)
    for number, look in enumerate(looks, start=1):
        lost.add(number, class_id=0, last_seen=10, deleted=frame, features=LOOK[[look]])
    return lost


def claim(lost: LostGallery, *looks: np.ndarray, first_seen: int = 60, threshold: float = 0.3, **options: object):  # type: ignore[no-untyped-def]
    classes = options.get("class_ids", np.zeros(len(looks), np.int64))
    per_class = bool(options.get("per_class", False))
    return lost.claim(list(looks), classes, np.full(len(looks), first_seen), threshold, per_class)  # type: ignore[arg-type]


def test_the_same_look_gets_its_id_once() -> None:
    lost = gallery_of(0, 1)
    assert claim(lost, LOOK[[1]]) == {0: 2}
    assert len(lost) == 1
    assert claim(lost, LOOK[[1]]) == {}


def test_unlike_looks_and_empty_galleries_stay_new() -> None:
    lost = gallery_of(0, 1)
    assert claim(lost, LOOK[[2]], LOOK[:0]) == {}
    assert len(lost) == 2


def test_one_to_one_at_the_least_total_distance() -> None:
    """Both new tracks are nearest to track 1; together they fit better the other way round."""

    def mixed(*weights: float) -> np.ndarray:
        look = np.zeros((1, 8), np.float32)
        look[0, : len(weights)] = weights
        return look / np.linalg.norm(look)

    assert claim(gallery_of(0, 1), mixed(1, 0.9), mixed(1, 0.1), threshold=0.9) == {0: 2, 1: 1}


def test_who_was_seen_at_the_same_time_is_someone_else() -> None:
    assert claim(gallery_of(0), LOOK[[0]], first_seen=10) == {}
    assert claim(gallery_of(0), LOOK[[0]], first_seen=11) == {0: 1}


def test_classes() -> None:
    for per_class, expected in [(True, {}), (False, {0: 1})]:
        assert claim(gallery_of(0), LOOK[[0]], class_ids=np.array([3]), per_class=per_class) == expected


def test_distance_is_the_mean_over_the_new_features() -> None:
    """One chance likeness among three features is not enough."""
    new = np.concatenate([LOOK[[0]], LOOK[[1]], LOOK[[2]]])
    assert claim(gallery_of(0), new, threshold=0.6) == {}
    assert claim(gallery_of(0), new, threshold=0.7) == {0: 1}


def test_forgets_after_its_age() -> None:
    lost = gallery_of(0, age=5, frame=50)
    lost.expire(55)
    assert len(lost) == 1
    lost.expire(56)
    assert len(lost) == 0


def test_memory_is_bounded() -> None:
    lost = LostGallery(10**9)
    for number in range(MOST_LOST + 10):
        lost.add(number, 0, 0, 0, np.full((200, 4), number, np.float32))
    assert len(lost) == MOST_LOST
    assert all(len(track.features) == MOST_FEATURES for track in lost._tracks)
    assert lost._tracks[0].track_id == 10, "the longest gone is forgotten first"
    assert lost._tracks[0].features.base is None, "a view would keep the gallery it was taken from alive"


def test_without_features_nothing_is_kept() -> None:
    lost = LostGallery(10)
    lost.add(1, 0, 0, 0, LOOK[:0])
    assert len(lost) == 0
