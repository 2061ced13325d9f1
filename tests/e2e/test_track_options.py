"""What the options of `deepsort track` beyond the original do, seen through the command."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
LOOK = np.eye(4, dtype=np.float32)


def det_file(folder: Path, rows: list[tuple[float, ...]]) -> Path:
    """Stored detections from (frame, left, top, score[, class, look]); boxes of 40 × 100 pixels."""
    table = np.array([[row[0], -1, row[1], row[2], 40, 100, row[3], *row[4:5]] for row in rows], dtype=np.float64)
    if len(rows[0]) == 6:
        table = np.column_stack([table, np.full((len(rows), 2), -1.0)])
        path = folder / "det.npz"
        np.savez(path, det=table, features=LOOK[[int(row[5]) for row in rows]])
        return path
    path = folder / "det.txt"
    np.savetxt(path, table, fmt="%g", delimiter=",")
    return path


def tracked(deepsort: Run, folder: Path, detections: Path, *options: object) -> np.ndarray:
    """Rows `frame, id, left, …` that the command writes."""
    done = deepsort("track", "--detections", detections, "--save-txt", "out.txt", "--overwrite", "-q", *options)
    assert done.returncode == 0, done.stderr
    return np.loadtxt(folder / "out.txt", delimiter=",", ndmin=2)


def test_low_score_continues_a_track(deepsort: Run, tmp_path: Path) -> None:
    """Somebody is half hidden in frames 6 to 9; without appearance, a gap of four frames costs the id."""
    rows = [(frame, 50 + 2 * frame, 60, 0.2 if 6 <= frame <= 9 else 0.9) for frame in range(1, 13)]
    path = det_file(tmp_path, rows)
    without, with_low = tracked(deepsort, tmp_path, path), tracked(deepsort, tmp_path, path, "--low-score", 0.1)
    assert without[:, :2].tolist() == [[3, 1], [4, 1], [5, 1], [12, 2]]
    assert with_low[:, 0].tolist() == list(range(3, 13))
    assert set(with_low[:, 1]) == {1}


def test_reentry_gives_the_id_back(deepsort: Run, tmp_path: Path) -> None:
    frames = [*range(1, 9), *range(30, 38)]
    path = det_file(tmp_path, [(frame, 50 if frame < 20 else 300, 60, 0.9, -1, 0) for frame in frames])
    options = ("--max-age", 5)
    assert set(tracked(deepsort, tmp_path, path, *options)[:, 1]) == {1, 2}
    assert set(tracked(deepsort, tmp_path, path, *options, "--reentry", 100)[:, 1]) == {1}
    assert set(tracked(deepsort, tmp_path, path, *options, "--reentry", 10)[:, 1]) == {1, 2}


def test_ema_forgets_old_looks(deepsort: Run, tmp_path: Path) -> None:
    """Somebody turns round in frame 10, is hidden from frame 36 to 38, and then looks as in the beginning."""
    rows = [(frame, 50, 60, 0.9, -1, 1 if 10 <= frame < 36 else 0) for frame in range(1, 45) if not 36 <= frame <= 38]
    path = det_file(tmp_path, rows)
    assert set(tracked(deepsort, tmp_path, path)[:, 1]) == {1}
    assert set(tracked(deepsort, tmp_path, path, "--set", "tracker.ema_alpha=0.8")[:, 1]) == {1, 2}


def test_motion_weight_decides_between_twins(deepsort: Run, tmp_path: Path) -> None:
    """Two people who look alike, one detection a frame after a gap of two frames: whose is it?"""
    rows = [(frame, left, 60, 0.9, -1, 0) for frame in range(1, 8) for left in (50, 75)]
    rows += [(frame, 75, 60, 0.9, -1, 0) for frame in range(10, 13)]
    path = det_file(tmp_path, rows)
    last = tracked(deepsort, tmp_path, path, "--set", "tracker.motion_weight=0.5")[-1]
    assert last[1] == 2
    assert last[2] == pytest.approx(75, abs=2)


def test_nsa_follows_confident_detections(deepsort: Run, tmp_path: Path) -> None:
    """Somebody makes a step aside of 20 pixels."""
    path = det_file(tmp_path, [(frame, 50 if frame < 10 else 70, 60, 0.98) for frame in range(1, 11)])
    usual, close = (
        tracked(deepsort, tmp_path, path, "--set", f"tracker.nsa={nsa}")[-1, 2] for nsa in ("false", "true")
    )
    assert usual < close
    assert close == pytest.approx(70, abs=2)  # a tenth of the noise is left


def test_per_class_keeps_classes_apart(deepsort: Run, tmp_path: Path) -> None:
    path = det_file(tmp_path, [(frame, 50, 60, 0.9, 0 if frame < 8 else 2) for frame in range(1, 15)])
    assert set(tracked(deepsort, tmp_path, path)[:, 1]) == {1}
    assert set(tracked(deepsort, tmp_path, path, "--set", "tracker.per_class=true")[:, 1]) == {1, 2}


class TestCameraMotion:
    def pan(self, folder: Path) -> Path:
        """A camera that is jerked to and fro before a person who stands still; returns the detections."""
        rng = np.random.default_rng(0)
        wall = cv2.GaussianBlur(rng.uniform(0, 255, (240, 640, 3)).astype(np.float32), (0, 0), 3)
        wall = cv2.normalize(wall, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)  # type: ignore[call-overload]
        (folder / "frames").mkdir()
        rows = []
        for frame in range(1, 21):
            x = 150 + 24 * (frame % 2)
            cv2.imwrite(str(folder / "frames" / f"{frame:03}.png"), wall[:, x : x + 320])
            rows.append(f"{frame},-1,{300 - x},100,16,80,0.9\n")
        (folder / "det.txt").write_text("".join(rows))
        return folder / "det.txt"

    @pytest.mark.parametrize("method", ["flow", "ecc"])
    def test_tracks_hold_while_the_camera_moves(self, deepsort: Run, tmp_path: Path, method: str) -> None:
        path = self.pan(tmp_path)
        done = deepsort(
            "track", "--detections", path, "--source", "frames", "--camera-motion", method, "--save-txt", "out.txt",
            "--json",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        rows = np.loadtxt(tmp_path / "out.txt", delimiter=",")
        assert rows[:, 0].tolist() == list(range(3, 21))
        assert set(rows[:, 1]) == {1}
        assert json.loads(done.stdout)[0]["camera_motions"] == 19
        if method == "flow":
            done = deepsort("track", "--detections", path, "--source", "frames", "--json")
            assert json.loads(done.stdout)[0]["rows"] == 0

    def test_without_images_it_is_said(self, deepsort: Run, tmp_path: Path) -> None:
        path = det_file(tmp_path, [(frame, 50, 60, 0.9) for frame in range(1, 6)])
        done = deepsort("track", "--detections", path, "--preset", "strong", "--json")
        assert done.returncode == 0, done.stderr
        assert "no images, so the camera's motion is not compensated" in " ".join(done.stderr.split())
        (summary,) = json.loads(done.stdout)
        assert summary["rows"] == 5, "who is there in the first frame is confirmed at once"
        assert summary["camera_motions"] is None


class TestPresets:
    DEMO = ("--source", "demo", "--set", "demo.width=320", "--set", "demo.height=240", "--max-frames", 21)

    def test_fast_looks_less_often(self, deepsort: Run, tmp_path: Path, colour_model: Path) -> None:
        """Half of the frames are detected, fewer people embedded, and yet people are reported in every frame."""
        done = deepsort(
            "track", *self.DEMO, "--reid", colour_model, "--preset", "fast", "--save-txt", "out.txt", "--json"
        )
        assert done.returncode == 0, done.stderr
        (summary,) = json.loads(done.stdout)
        assert summary["frames_detected"] == 11
        assert summary["embeddings_skipped"] > 0
        assert summary["embedded"] > 0
        rows = np.loadtxt(tmp_path / "out.txt", delimiter=",", ndmin=2)
        assert set(rows[:, 0]) == set(range(1, 22))

    def test_deepsort_is_the_default(self, deepsort: Run, tmp_path: Path, colour_model: Path) -> None:
        texts = []
        for options in ([], ["--preset", "deepsort"]):
            done = deepsort(
                "track", *self.DEMO, "--reid", colour_model, "--save-txt", "out.txt", "--overwrite", *options
            )
            assert done.returncode == 0, done.stderr
            texts.append((tmp_path / "out.txt").read_text())
        assert texts[0] == texts[1]
        assert "skipped" not in done.stdout + done.stderr

    def test_flags_win_over_the_preset(self, deepsort: Run) -> None:
        done = deepsort("track", "--preset", "fast", "--detect-every", 3, "--print-config")
        assert "interval: 3" in done.stdout
        assert "refresh_every: null" not in done.stdout

    def test_what_was_overruled_is_said(self, deepsort: Run, tmp_path: Path) -> None:
        path = det_file(tmp_path, [(frame, 50, 60, 0.9) for frame in range(1, 6)])
        done = deepsort("track", "--detections", path, "--preset", "fast", "--detect-every", 1)
        assert "preset fast, except detector.interval=1" in done.stderr

    def test_unknown_preset(self, deepsort: Run) -> None:
        done = deepsort("track", *self.DEMO, "--preset", "quick")
        assert done.returncode == 2
        assert "'deepsort', 'strong' or 'fast'" in " ".join(done.stderr.replace("│", " ").split())

    def test_low_score_above_the_confidence(self, deepsort: Run) -> None:
        done = deepsort("track", *self.DEMO, "--conf", 0.4, "--low-score", 0.5)
        assert done.returncode == 2
        assert "--low-score 0.5 must be below the detector's conf 0.4" in " ".join(
            done.stderr.replace("│", " ").split()
        )
