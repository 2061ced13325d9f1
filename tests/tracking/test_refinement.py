"""Filling, smoothing and dropping of finished tracks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from deepsort_cli.core import InputError
from deepsort_cli.core.mot import read_table
from deepsort_cli.tracking.refinement import drop_short, interpolate, refine, refine_file
from deepsort_cli.tracking.settings import RefinementSettings


def track(frames: list[int], track_id: int = 1, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """A box that moves 3 px a frame to the right, 1 px down, and grows; column 7 is the frame it was seen in."""
    t = np.array(frames, dtype=float)
    box = np.column_stack([10 + 3 * t, 20 + t, 30 + 0.5 * t, 80 + t])
    box += noise * np.random.default_rng(seed).normal(size=box.shape)
    return np.column_stack([t, np.full(len(t), track_id), box, t])


def test_linear_filling_lies_on_the_line() -> None:
    whole = track(list(range(1, 21)))
    gappy = track([1, 2, 3, 8, 9, 12, 20])
    filled = interpolate(gappy, "linear", max_gap=20)
    assert_allclose(filled[:, :6], whole[:, :6], atol=1e-9)
    assert_array_equal(filled[:, 6], [1, 2, 3, 3, 3, 3, 3, 8, 9, 9, 9, 12, 12, 12, 12, 12, 12, 12, 12, 20])


@pytest.mark.parametrize(("max_gap", "rows"), [(3, 3), (4, 7)])
def test_longest_gap(max_gap: int, rows: int) -> None:
    """Between frames 2 and 7 four are missing."""
    filled = interpolate(track([1, 2, 7]), "linear", max_gap)
    assert len(filled) == rows


def test_tracks_are_filled_each_for_itself() -> None:
    table = np.concatenate([track([1, 4], 1), track([2, 3, 5], 2), track([9], 3)])
    shuffled = table[np.random.default_rng(0).permutation(len(table))]
    refined = refine(shuffled, RefinementSettings(interpolate="linear"))
    assert refined[:, :2].tolist() == [[1, 1], [2, 1], [2, 2], [3, 1], [3, 2], [4, 1], [4, 2], [5, 2], [9, 3]]


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(1, 60), min_size=1), st.integers(1, 30), st.sampled_from(["linear", "gaussian"]))
def test_no_row_is_lost_and_no_frame_doubled(frames: set[int], max_gap: int, method: str) -> None:
    given_track = track(sorted(frames), noise=1.0)
    filled = interpolate(given_track, method, max_gap)  # type: ignore[arg-type]
    assert frames <= set(filled[:, 0].astype(int))
    assert (np.diff(filled[:, 0]) > 0).all()
    gaps = np.diff(filled[:, 0]) - 1
    assert ((gaps == 0) | (gaps > max_gap)).all()
    assert (filled[:, 4:6] > 0).all()
    if method == "linear":
        assert_array_equal(filled[np.isin(filled[:, 0], list(frames))], given_track)
        again = interpolate(filled, "linear", max_gap)
        assert_array_equal(again, filled)


def test_gaussian_smoothing_takes_noise_away() -> None:
    frames = list(range(1, 61))
    noisy, true = track(frames, noise=2.0), track(frames)
    smooth = interpolate(noisy, "gaussian")
    assert_array_equal(smooth[:, [0, 1, 6]], noisy[:, [0, 1, 6]])
    assert np.abs(smooth[:, 2:6] - true[:, 2:6]).mean() < 0.75 * np.abs(noisy[:, 2:6] - true[:, 2:6]).mean()
    roughness = [np.abs(np.diff(one[:, 2:6], n=2, axis=0)).mean() for one in (smooth, noisy)]
    assert roughness[0] < 0.4 * roughness[1]


def test_gaussian_smoothing_keeps_what_is_smooth() -> None:
    true = track(list(range(1, 81)))
    assert_allclose(interpolate(true, "gaussian")[:, 2:6], true[:, 2:6], atol=0.05)


def test_gaussian_smoothing_is_the_published_formula() -> None:
    """Kernel matrix and posterior mean written out, for one coordinate."""
    given_track = track([1, 2, 3, 5, 6, 9], noise=1.5)
    filled = interpolate(given_track, "linear")
    t, y = filled[:, 0], filled[:, 2]
    scale = 10 * np.log(1000 / len(t))
    kernel = np.exp(-((t[:, None] - t) ** 2) / (2 * scale**2))
    expected = y.mean() + kernel @ np.linalg.solve(kernel + 1e-10 * np.eye(len(t)), y - y.mean())
    assert_allclose(interpolate(given_track, "gaussian")[:, 2], expected, atol=1e-3)


def test_very_long_tracks_are_not_smoothed() -> None:
    long = track(list(range(1, 1200)), noise=1.0)
    assert_array_equal(interpolate(long, "gaussian"), long)


def test_short_tracks_are_dropped_before_gaps_are_filled() -> None:
    table = np.concatenate([track([1, 9], 1), track([1, 2, 3], 2)])
    assert set(drop_short(table, 3)[:, 1]) == {2}
    refined = refine(table, RefinementSettings(interpolate="linear", min_length=3))
    assert set(refined[:, 1]) == {2}
    assert len(refine(table, RefinementSettings(min_length=9))) == 0


def test_empty_and_single() -> None:
    for method in ("linear", "gaussian"):
        assert interpolate(np.empty((0, 7)), method).shape == (0, 7)  # type: ignore[arg-type]
        assert_array_equal(interpolate(track([5]), method), track([5]))  # type: ignore[arg-type]


class TestFiles:
    def write(self, folder: Path, text: str) -> Path:
        path = folder / "in.txt"
        path.write_text(text)
        return path

    def test_columns_are_kept(self, tmp_path: Path) -> None:
        path = self.write(
            tmp_path,
            "1,7,10,20,30,40,0.12345678,-1,14213.456,1234567\n4,7,13,20,30,40,1,-1,-1,-1\n2,9,1,1,2,2,1,-1,-1,-1\n",
        )
        done = refine_file(path, tmp_path / "out.txt", RefinementSettings(interpolate="linear", min_length=2))
        assert (tmp_path / "out.txt").read_text().splitlines() == [
            f"{frame},7,{9 + frame}.00,20.00,30.00,40.00,{rest}"
            for frame, rest in enumerate([*["0.12345678,-1,14213.456,1234567"] * 3, "1,-1,-1,-1"], 1)
        ]
        assert (done.tracks, done.rows, done.dropped_tracks, done.filled_rows, done.written_rows) == (2, 3, 1, 2, 4)

    def test_input_stays_unless_told(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, "1,1,0,0,9,9,1\n3,1,0,0,9,9,1\n")
        wanted = RefinementSettings(interpolate="linear")
        with pytest.raises(InputError, match="exists"):
            refine_file(path, path, wanted)
        assert len(read_table(path)) == 2
        refine_file(path, path, wanted, overwrite=True)
        assert len(read_table(path)) == 3

    @pytest.mark.parametrize(
        ("text", "wanted", "message"),
        [
            ("1,1,0,0,9,9,1\n", RefinementSettings(), "nothing to do"),
            ("1,1,0,0,9,9,1\n1,1,0,0,9,9,1\n", RefinementSettings(min_length=2), "line 2: id 1 occurs twice"),
            ("1,1,0,0,9\n", RefinementSettings(min_length=2), "line 1: 5 columns"),
        ],
    )
    def test_bad_input(self, tmp_path: Path, text: str, wanted: RefinementSettings, message: str) -> None:
        with pytest.raises(InputError, match=message):
            refine_file(self.write(tmp_path, text), tmp_path / "out.txt", wanted)
        assert not (tmp_path / "out.txt").exists()
