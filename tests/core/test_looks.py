"""Records of looks, and their file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.looks import LookRecord, Looks, normalise


def watched(frames: int, tracks: int, **limits: int) -> tuple[np.ndarray, np.ndarray]:
    """(K, 2) frame and track of the looks kept of so many tracks, all of them seen in so many frames."""
    record = LookRecord(**limits)
    ids = np.arange(tracks)
    for frame in range(frames):
        features = np.tile([3.0, 4.0 + frame], (tracks, 1)).astype(np.float32)
        record.add(ids, np.column_stack([np.full(tracks, frame), ids]), features)
    about, features = record.table()
    assert len(record) == len(about) == len(features)
    return about, features


def test_all_looks_are_kept_as_long_as_there_are_few() -> None:
    about, features = watched(16, 2, most_per_track=16)
    assert about.tolist() == [[frame, track] for frame in range(16) for track in range(2)]
    unit = np.array([3.0, 4 + 15]) / np.hypot(3, 4 + 15)
    assert_allclose(features[-1], unit, atol=1e-3)


def test_a_long_track_keeps_looks_spread_evenly() -> None:
    about, _ = watched(1000, 1, most_per_track=16)
    assert 8 <= len(about) <= 16
    assert len(set(np.diff(about[:, 0]))) == 1
    assert about[0, 0] == 0
    assert about[-1, 0] > 900


def test_many_tracks_do_not_fill_the_memory() -> None:
    about, _ = watched(50, 40, most_per_track=32, most=300)
    assert len(about) <= 300
    assert_array_equal(np.unique(about[:, 1]), np.arange(40))


def test_unknown_looks_are_left_out() -> None:
    record = LookRecord()
    features = np.array([[1, 0], [0, 0], [np.nan, 1], [np.inf, 0], [0, 1e15]], np.float32)
    record.add(np.arange(5), np.arange(5.0)[:, None], features)
    about, kept = record.table()
    assert about.ravel().tolist() == [0, 4]
    assert_array_equal(kept, [[1, 0], [0, 1]])


def looks() -> Looks:
    table = np.array([[1, 7, 10.0, 20, 30, 80, 0.5], [3, 7, 12.0, 20, 30, 80, 0.75]])
    return Looks(table, np.array([[0.5, 0.5], [1, 0]], np.float32), max_cosine_distance=0.25, fps=12.5)


def test_a_file_tells_what_was_written(tmp_path: Path) -> None:
    looks().save(tmp_path / "a.npz")
    found = Looks.load(tmp_path / "a.npz", key="looks")
    assert_array_equal(found.table, looks().table)
    assert_array_equal(found.features, looks().features)
    assert (found.max_cosine_distance, found.fps) == (0.25, 12.5)
    Looks(looks().table, looks().features).save(tmp_path / "b.npz")
    bare = Looks.load(tmp_path / "b.npz", key="looks")
    assert (bare.max_cosine_distance, bare.fps) == (None, None)


GOOD = {"det": np.ones((2, 7)), "features": np.ones((2, 3), np.float16)}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"det": GOOD["det"]}, "`features` of shape .*; found nothing"),
        ({**GOOD, "det": np.ones((2, 5))}, r"`det` of shape .*; found float64 of shape \(2, 5\)"),
        ({**GOOD, "features": np.array([["a"], ["b"]])}, "`features`"),
        ({**GOOD, "features": np.ones((3, 3))}, "2 rows of `det`, but 3 of `features`"),
        ({**GOOD, "features": np.full((2, 3), np.nan)}, "NaN"),
        ({**GOOD, "det": np.full((2, 7), 1.5)}, "frame 1.5, id 1.5"),
        ({**GOOD, "det": np.full((2, 7), 1e300)}, "frame 1e\\+300"),
        ({**GOOD, "det": GOOD["det"] * [1, -1, 1, 1, 1, 1, 1]}, "these are detections"),
        ({**GOOD, "fps": np.array(0.0)}, "`fps` must be one number above 0"),
        ({**GOOD, "max_cosine_distance": np.array([0.1, 0.2])}, "`max_cosine_distance` must be one number"),
    ],
)
def test_other_archives_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=message):
        Looks.load(tmp_path / "a.npz", key="looks")


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with pytest.raises(InputError, match="`looks` .*no such file. `output.save_looks` writes one"):
        Looks.load(path, key="looks")
    np.savez(path, det=np.array([{"a": 1}], dtype=object), features=np.ones((1, 1)), allow_pickle=True)
    with pytest.raises(InputError, match="not a NumPy archive of numbers"):
        Looks.load(path, key="looks")
    path.write_text("1,1,10,20,30,40,1\n")
    with pytest.raises(InputError, match="not a NumPy archive"):
        Looks.load(path, key="looks")
    np.savez(path, recording=np.array("{}"))
    with pytest.raises(InputError, match="recording of detections .*, which knows no tracks"):
        Looks.load(path, key="looks")


FEATURES = np.random.default_rng(0).standard_normal((6, 512)).astype(np.float32)


@pytest.mark.parametrize("scale", [1e18, 1e37, 1e-15, 1e-30])
def test_features_of_any_size_have_a_direction(scale: float) -> None:
    unit, usable = normalise(FEATURES * np.float32(scale))
    assert usable.all()
    assert_allclose(unit, normalise(FEATURES)[0], rtol=1e-5)
    mixed = FEATURES.copy()
    mixed[1] *= np.float32(scale)
    mixed[2], mixed[3, 5], mixed[4, 6] = 0, np.nan, np.inf
    unit, usable = normalise(mixed)
    assert usable.tolist() == [True, True, False, False, False, True]
    assert_array_equal(unit[[0, 5]], normalise(FEATURES)[0][[0, 5]])
    assert not unit[~usable].any()


def test_ordinary_features_are_divided_by_their_lengths() -> None:
    assert_array_equal(normalise(FEATURES)[0], FEATURES / np.linalg.norm(FEATURES, axis=1, keepdims=True))
    assert normalise(np.empty((0, 512), np.float32))[0].shape == (0, 512)
    assert not normalise(np.empty((3, 0), np.float32))[1].any()
