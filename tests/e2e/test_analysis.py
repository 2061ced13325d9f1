"""What `deepsort track` tells about people beyond their boxes: counts, summaries, refined tracks, scores."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


def sequence(folder: Path, name: str = "SEQ-01", frames: int = 24, missing: tuple[int, ...] = ()) -> Path:
    """A sequence without images in which two people walk down and to the right, with its detections and truth.

    Person 1's feet go from y = 143 down by 3 px a frame; person 2 walks 200 px to the right of them.
    """
    rows = [(f, i, 100 + 200 * (i - 1) + 2 * f, 40 + 3 * f, 40, 100) for f in range(1, frames + 1) for i in (1, 2)]
    for part, lines in (
        ("gt", [f"{f},{i},{x},{y},{w},{h},1,1,1" for f, i, x, y, w, h in rows]),
        ("det", [f"{f},-1,{x},{y},{w},{h},0.9" for f, i, x, y, w, h in rows if not (i == 1 and f in missing)]),
    ):
        (folder / name / part).mkdir(parents=True)
        (folder / name / part / f"{part}.txt").write_text("\n".join(lines) + "\n")
    (folder / name / "seqinfo.ini").write_text(
        f"[Sequence]\nname={name}\nframeRate=10\nseqLength={frames}\nimWidth=640\nimHeight=480\n"
    )
    return folder / name


def tracked(deepsort: Run, folder: Path, *arguments: object) -> dict:
    """The summary that `track --json` prints for a sequence's stored detections."""
    done = deepsort("track", "--detections", folder / "det" / "det.txt", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    (summary,) = json.loads(done.stdout)
    return summary


def words(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join(done.stderr.replace("│", " ").split())


class TestCounting:
    def test_lines_and_zones(self, deepsort: Run, tmp_path: Path) -> None:
        summary = tracked(
            deepsort, sequence(tmp_path), "--line", "path=0,180,300,180", "--line", "640,180,0,180",
            "--zone", "shop=100,170,640,170,640,200,100,200", "--save-jsonl", "out.jsonl",
        )  # fmt: skip
        assert summary["counts"] == {
            "lines": [{"name": "path", "in": 1, "out": 0}, {"name": "line 2", "in": 0, "out": 2}],
            "zones": [{"name": "shop", "inside": 0, "entered": 2, "distinct": 2}],
        }
        frames = [json.loads(line)["counts"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        inward = [counts["lines"][0]["in"] for counts in frames]
        assert inward == sorted(inward)
        assert (inward[0], inward[-1]) == (0, 1)
        assert max(counts["zones"][0]["inside"] for counts in frames) == 2
        assert frames[-1] == summary["counts"]

    def test_counts_in_table_and_config(self, deepsort: Run, tmp_path: Path) -> None:
        folder = sequence(tmp_path)
        (tmp_path / "config.yaml").write_text(
            "counting:\n  lines: ['door=0,180,640,180']\n  zones: [0, 0, 9, 0, 9, 9]\n"
        )
        done = deepsort("track", "--detections", folder / "det" / "det.txt", "--config", "config.yaml")
        assert done.returncode == 0, done.stderr
        table = " ".join(done.stdout.replace("│", " ").split())
        assert "door 2 in, 0 out" in table
        assert "zone 1 0 inside, 0 entered, 0 in all" in table
        printed = deepsort("track", "--config", "config.yaml", "--print-config").stdout
        assert "door=0,180,640,180" in printed

    def test_in_the_picture(self, deepsort: Run, tmp_path: Path) -> None:
        for name, line in (("a", []), ("b", ["--line", "40,200,300,200"])):
            small = ["--set", "demo.width=320", "--set", "demo.height=240", "--set", "demo.people=0"]
            done = deepsort("track", "--source", "demo", *small, "--max-frames", 2, "--save", f"{name}.mp4", *line)
            assert done.returncode == 0, done.stderr
        a, b = (cv2.VideoCapture(str(tmp_path / f"{name}.mp4")).read()[1].astype(int) for name in "ab")
        assert np.abs(a - b)[195:206, 50:290].max(axis=(0, 2)).min() > 25
        assert np.abs(a - b)[:150].max() < 25

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--line", "a=1,2,x,4"], "'x' is not a number"),
            (["--line", "0,0,641,9"], "the point 641,9 is outside of the picture; SEQ-01 has 640×480 pixels"),
            (["--zone", "0,0,9,9"], "three corners"),
        ],
    )
    def test_bad_regions(self, deepsort: Run, tmp_path: Path, arguments: list[str], message: str) -> None:
        folder = sequence(tmp_path)
        done = deepsort("track", "--detections", folder / "det" / "det.txt", "--save-txt", "out.txt", *arguments)
        assert done.returncode == 2
        assert message in words(done)
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "out.txt").exists()


class TestSummaries:
    def test_summary_and_timeline(self, deepsort: Run, tmp_path: Path) -> None:
        tracked(deepsort, sequence(tmp_path), "--save-summary", "people.csv", "--save-timeline", "people.png")
        rows = list(csv.DictReader((tmp_path / "people.csv").open()))
        assert [(row["id"], row["class"], row["first_frame"], row["last_frame"]) for row in rows] == [
            ("1", "person", "3", "24"),
            ("2", "person", "3", "24"),
        ]
        assert rows[0]["duration"] == "2.100"
        assert float(rows[0]["displacement"]) == pytest.approx(21 * np.hypot(2, 3), rel=0.02)
        assert float(rows[0]["mean_score"]) == pytest.approx(0.9)
        assert cv2.imread(str(tmp_path / "people.png")) is not None

    def test_unknown_picture_format(self, deepsort: Run, tmp_path: Path) -> None:
        done = deepsort("track", "--source", "demo", "--save-timeline", "people.docx")
        assert done.returncode == 2
        assert "--save-timeline people.docx: use one of .png, .svg, .pdf" in words(done)
        assert not list(tmp_path.iterdir())

    def test_interrupted_run(self, tmp_path: Path) -> None:
        script = Path(sys.executable).with_name("deepsort")
        process = subprocess.Popen(
            [str(script), "track", "--source", "demo", "--set", "demo.width=320", "--set", "demo.height=240",
             "--set", "demo.frames=100000", "--save-summary", "s.csv", "--save-timeline", "t.png", "--save-jsonl",
             "live.jsonl", "--interpolate", "linear", "--zone", "0,0,320,0,320,240,0,240", "--save-crops", "crops"],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "NO_COLOR": "1"},
        )  # fmt: skip
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline and process.poll() is None and not list(tmp_path.glob("crops/*/*.jpg")):
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        table, errors = process.communicate(timeout=900)
        assert process.returncode == 130, errors
        assert "(interrupted)" in table
        assert "zone 1" in table
        assert {path.name for path in tmp_path.iterdir()} == {"s.csv", "t.png", "live.jsonl", "crops"}
        frames = [json.loads(line) for line in (tmp_path / "live.jsonl").read_text().splitlines()]
        seen = {track["id"] for frame in frames for track in frame["tracks"]}
        assert seen
        assert {int(row["id"]) for row in csv.DictReader((tmp_path / "s.csv").open())} == seen
        assert cv2.imread(str(tmp_path / "t.png")) is not None


class TestRefinement:
    def test_tables_get_refined_tracks(self, deepsort: Run, tmp_path: Path) -> None:
        """Overlap bridges no gap of several frames; the track goes on under its id because its features say so."""
        folder = sequence(tmp_path, missing=(10, 11, 12))
        det = np.loadtxt(folder / "det" / "det.txt", delimiter=",")
        looks = np.eye(8, dtype=np.float32)[(det[:, 2] - 2 * det[:, 0] > 200).astype(int)]
        np.savez(folder / "det" / "det.npz", det=det, features=looks)
        tables = {}
        for name, options in (("plain", []), ("refined", ["--interpolate", "linear", "--min-length", 5])):
            done = deepsort(
                "track", "--detections", folder / "det" / "det.npz", "--save-txt", f"{name}.txt",
                "--save-csv", f"{name}.csv", *options,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            tables[name] = np.loadtxt(tmp_path / f"{name}.txt", delimiter=",")
        frames = [set(table[table[:, 1] == 1, 0].astype(int)) for table in tables.values()]
        assert frames[1] - frames[0] == {10, 11, 12}
        refined = deepsort("refine", "plain.txt", "-o", "again.txt", "--interpolate", "linear", "--min-length", 5)
        assert refined.returncode == 0, refined.stderr
        assert np.abs(np.loadtxt(tmp_path / "again.txt", delimiter=",") - tables["refined"]).max() < 0.011
        assert len((tmp_path / "refined.csv").read_text().splitlines()) == len(tables["refined"]) + 1


class TestScore:
    @pytest.fixture(autouse=True)
    def _needs_trackeval(self) -> None:
        pytest.importorskip("trackeval", reason="needs the extra [score]")

    def test_equals_deepsort_score(self, deepsort: Run, tmp_path: Path) -> None:
        folder = sequence(tmp_path, missing=(8, 9, 10))
        summary = tracked(deepsort, folder, "--score", "--save-txt", "out.txt")
        done = deepsort("score", "--gt", folder, "--results", "out.txt", "--json")
        assert done.returncode == 0, done.stderr
        (expected,) = json.loads(done.stdout)
        assert summary["scores"] == expected
        assert 30 < expected["HOTA"] < 99

    def test_demo_and_frame_selection(self, deepsort: Run, tmp_path: Path) -> None:
        done = deepsort(
            "track", "--source", "demo", "--start", 20, "--stride", 2, "--max-frames", 8, "--conf", 0.7, "--score",
            "--save-txt", "out.txt", "--save-gt", "demo.txt",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        expected = deepsort("score", "--gt", "demo.txt", "--results", "out.txt")
        assert done.stdout.endswith(expected.stdout)
        assert "HOTA" in expected.stdout

    def test_only_tracked_frames_count(self, deepsort: Run, tmp_path: Path) -> None:
        folder = sequence(tmp_path)
        done = deepsort("track", "--detections", folder / "det" / "det.txt", "--score", "--max-frames", 10, "--json")
        assert done.returncode == 0, done.stderr
        (summary,) = json.loads(done.stdout)
        assert summary["scores"]["misses"] == 4  # two people in the two frames before their tracks are confirmed
        assert "left out of the scores, because not tracked: 14" in words(done)

    def test_several_sources(self, deepsort: Run, tmp_path: Path) -> None:
        sources = []
        for name in ("A", "B"):
            folder = sequence(tmp_path, name, frames=6)
            (folder / "img1").mkdir()
            for number in range(1, 7):
                cv2.imwrite(str(folder / "img1" / f"{number:06d}.jpg"), np.full((120, 160, 3), 90, np.uint8))
            sources += ["--source", folder]
        done = deepsort("track", *sources, "--score", "--json")
        assert done.returncode == 0, done.stderr
        entries = json.loads(done.stdout)
        assert [entry["source"] for entry in entries] == ["A", "B", "COMBINED"]
        assert [entry["scores"]["misses"] for entry in entries] == [12, 12, 24]

    def test_ground_truth_beside_a_source(self, deepsort: Run, tmp_path: Path) -> None:
        folder = sequence(tmp_path)
        (tmp_path / "det.txt").write_text((folder / "det" / "det.txt").read_text())
        for gt in (folder, folder / "gt" / "gt.txt"):
            done = deepsort("track", "--detections", "det.txt", "--gt", gt, "--json")
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout)[0]["scores"]["HOTA"] > 80

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--score"], "--score: det has no ground truth"),
            (["--gt", "nothing"], "--gt nothing: no such file or folder"),
            (["--gt", "twice.txt"], "twice.txt, line 2: id 1 occurs twice in frame 1"),
            (["--gt", "det.csv"], "det.csv"),
        ],
    )
    def test_no_ground_truth(self, deepsort: Run, tmp_path: Path, arguments: list[str], message: str) -> None:
        folder = sequence(tmp_path)
        (tmp_path / "det.txt").write_text((folder / "det" / "det.txt").read_text())
        (tmp_path / "twice.txt").write_text("1,1,0,0,9,9,1,1,1\n" * 2)
        (tmp_path / "det.csv").write_text("frame,id\n1,2\n")
        done = deepsort("track", "--detections", "det.txt", "--save-txt", "out.txt", *arguments)
        assert done.returncode == 2
        assert message in words(done)
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "out.txt").exists()

    @pytest.mark.real_data
    def test_published_figures(self, deepsort: Run, tmp_path: Path, shared_data: Path) -> None:
        """The canonical tracker's scores at the end of its run, with preprocessing for MOT17."""
        folder = shared_data / "mot" / "MOT17-05-FRCNN"
        done = deepsort(
            "track", "--detections", folder / "det" / "det_features.npz", "--conf", 0.3, "--iou", 1,
            "--max-cosine-distance", 0.2, "--emit", "paper", "--score", "--json",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        scores = json.loads(done.stdout)[0]["scores"]
        assert (scores["HOTA"], scores["MOTA"], scores["IDF1"], scores["id_switches"]) == (46.08, 47.61, 60.13, 22)
