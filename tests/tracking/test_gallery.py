"""Ring buffers of appearance features."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsort_cli.core import InputError
from deepsort_cli.tracking import gallery as gallery_module
from deepsort_cli.tracking.gallery import Gallery, normalise


def unit(rng: np.random.Generator, n: int, size: int = 8) -> np.ndarray:
    return normalise(rng.normal(size=(n, size)).astype(np.float32))[0]


@settings(max_examples=40, deadline=None)
@given(st.one_of(st.none(), st.integers(1, 7)), st.integers(0, 2**32 - 1))
def test_holds_the_last_budget_features(budget: int | None, seed: int) -> None:
    """Random appends, releases and reuse, compared with plain lists."""
    rng = np.random.default_rng(seed)
    gallery = Gallery(budget)
    gallery.set_size(8)
    lists: dict[int, list[np.ndarray]] = {}
    for _ in range(60):
        action = rng.integers(4)
        if action == 0 or not lists:
            for slot in gallery.allocate(int(rng.integers(1, 25))).tolist():
                assert slot not in lists
                lists[slot] = []
        elif action == 1:
            slot = int(rng.choice(list(lists)))
            gallery.release(np.array([slot]))
            del lists[slot]
        else:
            slots = rng.choice(list(lists), size=min(len(lists), 5), replace=False)
            features = unit(rng, len(slots))
            gallery.append(slots, features)
            for slot, feature in zip(slots.tolist(), features, strict=True):
                lists[slot].append(feature)
    slots = np.array(list(lists), np.int64)
    probe = unit(rng, 3)
    rows, columns = np.divmod(np.arange(len(slots) * 3), 3)
    distances = gallery.distances(slots, probe, rows, columns)
    for row, column, distance in zip(rows, columns, distances, strict=True):
        kept = lists[int(slots[row])][-budget if budget else None :]
        expected = min((1 - float(f @ probe[column]) for f in kept), default=np.inf)
        assert distance == pytest.approx(expected, abs=1e-6)
        if kept:
            np.testing.assert_array_equal(gallery.newest(slots[[row]])[0], kept[-1])


def test_large_budgets_take_room_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery_module, "_AT_ONCE", 4)
    monkeypatch.setattr(gallery_module, "_FIRST", 2)
    rng, kept = np.random.default_rng(0), []
    gallery = Gallery(7)
    gallery.set_size(8)
    slots = gallery.allocate(1)
    probe = unit(rng, 1)
    for _ in range(30):
        feature = unit(rng, 1)
        gallery.append(slots, feature)
        kept = [*kept, feature[0]][-7:]
        [distance] = gallery.distances(slots, probe, np.zeros(1, np.int64), np.zeros(1, np.int64))
        assert distance == pytest.approx(min(1 - float(f @ probe[0]) for f in kept), abs=1e-6)
        np.testing.assert_array_equal(gallery.newest(slots)[0], kept[-1])
        assert len(gallery.features(int(slots[0]))) == len(kept)


def test_budgets_beyond_any_track() -> None:
    gallery, place = Gallery(10**20), np.zeros(1, np.int64)
    gallery.set_size(8)
    features = np.eye(8, dtype=np.float32)[:1]
    gallery.append(gallery.allocate(1), features)
    assert gallery.distances(place, features, place, place) == [0]


def test_memory_is_reused() -> None:
    gallery = Gallery(budget=10)
    gallery.set_size(4)
    features = np.ones((5, 4), np.float32) / 2
    for _ in range(1000):
        slots = gallery.allocate(5)
        gallery.append(slots, features)
        gallery.release(slots)
    assert max(slots) < 5


def test_more_tracks_leave_stored_features_where_they_are() -> None:
    """A frame with many new people must not pay for copying everybody else's features."""
    gallery = Gallery(budget=100)
    gallery.set_size(8)
    slots = gallery.allocate(200)
    gallery.append(slots, unit(np.random.default_rng(0), 200))
    before = [gallery.features(slot) for slot in slots.tolist()]
    gallery.allocate(1000)
    assert all(np.shares_memory(old, gallery.features(slot)) for old, slot in zip(before, slots.tolist(), strict=True))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([None, 1, 5, 100]),
    st.floats(0.0, 1.5),
    st.floats(0.0, 1.2),
    st.sampled_from([2, 8, 64]),
    st.integers(0, 2**32 - 1),
)
def test_what_may_not_match_is_beyond_the_threshold(
    budget: int | None, spread: float, threshold: float, size: int, seed: int
) -> None:
    """Galleries that grow and turn over, of looks near to and far from each other."""
    rng = np.random.default_rng(seed)
    people = unit(rng, 6, size)
    gallery = Gallery(budget)
    gallery.set_size(size)
    slots = gallery.allocate(6)
    rows, columns = np.divmod(np.arange(36), 6)
    for _ in range(12):
        seen = rng.choice(6, size=4, replace=False)
        noise = rng.normal(0, spread / np.sqrt(size), (4, size))
        gallery.append(slots[seen], normalise((people[seen] + noise).astype(np.float32))[0])
        filled = ~gallery.is_empty(slots)[rows]
        probe = normalise((people + rng.normal(0, spread / np.sqrt(size), (6, size))).astype(np.float32))[0]
        pairs = (slots, probe, rows[filled], columns[filled])
        distances = gallery.distances(*pairs)
        assert gallery.may_match(*pairs, threshold)[distances <= threshold].all()


def test_strangers_are_ruled_out() -> None:
    """Noise as long as that of real looks; whoever is somebody else costs one product."""
    rng = np.random.default_rng(3)
    people = unit(rng, 40, 512)
    gallery = Gallery(budget=100)
    gallery.set_size(512)
    slots = gallery.allocate(40)
    for _ in range(10):
        gallery.append(slots, normalise(people + rng.normal(0, 0.4 / np.sqrt(512), (40, 512)).astype(np.float32))[0])
    rows, columns = np.divmod(np.arange(1600), 40)
    may = gallery.may_match(slots, people, rows, columns, 0.2)
    assert may[rows == columns].all()
    assert may.sum() == 40


def test_unusable_features() -> None:
    features = np.ones((5, 3), np.float32)
    features[1] = 0
    features[2, 0] = np.nan
    features[3, 1] = np.inf
    units, usable = normalise(features)
    assert usable.tolist() == [True, False, False, False, True]
    assert np.isfinite(units).all()
    np.testing.assert_allclose(np.linalg.norm(units[usable], axis=1), 1, rtol=1e-6)


def test_changing_dimension_is_refused() -> None:
    gallery = Gallery(budget=10)
    gallery.set_size(128)
    gallery.set_size(128)
    with pytest.raises(InputError, match="from 128 to 512"):
        gallery.set_size(512)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 0.99), st.integers(0, 2**32 - 1))
def test_running_mean_of_appearance(alpha: float, seed: int) -> None:
    """One unit feature per slot, e ← normalise(α e + (1 − α) f), beginning with the first f."""
    rng = np.random.default_rng(seed)
    gallery = Gallery(budget=100, ema_alpha=alpha)
    gallery.set_size(8)
    slots = gallery.allocate(3)
    expected: dict[int, np.ndarray] = {}
    for _ in range(10):
        chosen = rng.choice(slots, size=2, replace=False)
        features = unit(rng, 2)
        gallery.append(chosen, features)
        for slot, feature in zip(chosen.tolist(), features.astype(float), strict=True):
            mean = alpha * expected[slot] + (1 - alpha) * feature if slot in expected else feature
            expected[slot] = mean / np.linalg.norm(mean)
    for slot, mean in expected.items():
        np.testing.assert_allclose(gallery.features(slot), mean[None], atol=1e-5)
    gallery.release(slots)
    fresh = gallery.allocate(1)
    feature = unit(rng, 1)
    gallery.append(fresh, feature)
    np.testing.assert_allclose(gallery.features(int(fresh[0])), feature, atol=1e-6)


def test_opposite_looks_do_not_erase_a_running_mean() -> None:
    gallery = Gallery(budget=None, ema_alpha=0.5)
    gallery.set_size(2)
    slot = gallery.allocate(1)
    gallery.append(slot, np.array([[1, 0]], np.float32))
    gallery.append(slot, np.array([[-1, 0]], np.float32))
    assert gallery.features(int(slot[0])).tolist() == [[1, 0]]
