"""`deepsort track` as a user runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import requests

Run = Callable[..., subprocess.CompletedProcess[str]]
SMALL = ["--set", "demo.width=320", "--set", "demo.height=240", "--set", "demo.people=3"]


def det_file(folder: Path, frames: int = 12, people: int = 3) -> Path:
    """Stored detections of people who walk to the right."""
    path = folder / "det.txt"
    path.write_text(
        "".join(
            f"{frame},-1,{50 + 100 * person + 3 * frame},{60},{30},{80},0.9\n"
            for frame in range(1, frames + 1)
            for person in range(people)
        )
    )
    return path


def failed(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """One panel, the right exit code, no traceback, and the words that name the fault and the remedy."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("error") >= 1
    text = " ".join(done.stderr.replace("│", " ").split())
    for word in words:
        assert word in text, text


class TestOutputs:
    def test_demo_to_every_output(self, deepsort: Run, tmp_path: Path) -> None:
        done = deepsort(
            "track", "--source", "demo", "--max-frames", 12, "--save", "out.mp4", "--save-txt", "out.txt",
            "--save-jsonl", "out.jsonl", "--save-csv", "out.csv", "--save-gt", "gt.txt", "--save-crops", "crops",
            "--show-fps", "--json",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        (summary,) = json.loads(done.stdout)
        assert summary["frames"] == 12
        assert summary["ending"] == "end"
        assert set(summary["outputs"]) == {"out.mp4", "out.txt", "out.jsonl", "out.csv", "gt.txt", "crops"}
        video = cv2.VideoCapture(str(tmp_path / "out.mp4"))
        assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 12
        assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(25)
        rows = np.loadtxt(tmp_path / "out.txt", delimiter=",", ndmin=2)
        assert rows.shape[1] == 10
        assert (rows[:, 6:] == [1, -1, -1, -1]).all()
        frames = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        assert [frame["frame"] for frame in frames] == list(range(1, 13))
        listed = [(frame["frame"], track["id"]) for frame in frames for track in frame["tracks"]]
        assert listed == [(int(row[0]), int(row[1])) for row in rows]
        table = (tmp_path / "out.csv").read_text().splitlines()
        assert len(table) == len(rows) + 1
        crops = sorted((tmp_path / "crops").rglob("*.jpg"))
        assert len(crops) == len(rows) == summary["rows"]

    def test_quiet_says_nothing(self, deepsort: Run, tmp_path: Path) -> None:
        done = deepsort("track", "--detections", det_file(tmp_path), "--save-txt", "out.txt", "--quiet")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def test_emit(self, deepsort: Run, tmp_path: Path) -> None:
        """A person missing in frame 6 is a predicted row in `paper`, and no row in `matched`."""
        path = det_file(tmp_path, people=1)
        path.write_text("".join(line for line in path.read_text().splitlines(True) if not line.startswith("6,")))
        frames = {}
        for emit in ("paper", "matched"):
            done = deepsort("track", "--detections", path, "--save-txt", f"{emit}.txt", "--emit", emit, "--max-age", 5)
            assert done.returncode == 0, done.stderr
            frames[emit] = np.loadtxt(tmp_path / f"{emit}.txt", delimiter=",")[:, 0].tolist()
        assert 6 in frames["paper"]
        assert 6 not in frames["matched"]

    def test_existing_output_is_kept_unless_told(self, deepsort: Run, tmp_path: Path) -> None:
        det_file(tmp_path)
        (tmp_path / "out.txt").write_text("precious")
        done = deepsort("track", "--detections", "det.txt", "--save-txt", "out.txt")
        failed(done, 2, "out.txt", "the file exists", "--overwrite")
        assert (tmp_path / "out.txt").read_text() == "precious"
        assert deepsort("track", "--detections", "det.txt", "--save-txt", "out.txt", "--overwrite").returncode == 0
        assert (tmp_path / "out.txt").read_text().startswith("3,1,")

    def test_unwritable_output(self, deepsort: Run, tmp_path: Path) -> None:
        det_file(tmp_path)
        (tmp_path / "file").write_text("")
        failed(deepsort("track", "--detections", "det.txt", "--save-txt", "file/out.txt"), 2, "is a file, not a folder")
        failed(deepsort("track", "--detections", "det.txt", "--save-txt", "."), 2, "this is a folder")
        failed(deepsort("track", "--source", "demo", "--save", "out.xyz"), 2, "unknown video format")

    def test_source_is_never_overwritten(self, deepsort: Run, tmp_path: Path) -> None:
        assert deepsort("track", "--source", "demo", *SMALL, "--max-frames", 3, "--save", "a.mp4").returncode == 0
        before = (tmp_path / "a.mp4").read_bytes()
        failed(deepsort("track", "--source", "a.mp4", "--save", "a.mp4", "--overwrite"), 2, "--source reads this file")
        assert (tmp_path / "a.mp4").read_bytes() == before


class TestSources:
    def test_several_sources_have_their_own_outputs_and_ids(self, deepsort: Run, tmp_path: Path) -> None:
        for name in ("left", "right"):
            folder = tmp_path / name
            folder.mkdir()
            for index in range(5):
                cv2.imwrite(str(folder / f"{index}.png"), np.full((240, 320, 3), 40 * index, np.uint8))
        done = deepsort("track", "--source", "left", "--source", "right", "--save-jsonl", "out.jsonl", "--json")
        assert done.returncode == 0, done.stderr
        assert [summary["frames"] for summary in json.loads(done.stdout)] == [5, 5]
        assert {path.name for path in tmp_path.glob("*.jsonl")} == {"out_left.jsonl", "out_right.jsonl"}

    def test_frame_selection(self, deepsort: Run, tmp_path: Path) -> None:
        done = deepsort(
            "track", "--source", "demo", *SMALL, "--start", 4, "--stride", 3, "--max-frames", 4,
            "--save-jsonl", "out.jsonl", "--save", "out.mp4",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        frames = [json.loads(line)["frame"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        assert frames == [5, 8, 11, 14]
        assert cv2.VideoCapture(str(tmp_path / "out.mp4")).get(cv2.CAP_PROP_FPS) == pytest.approx(25 / 3, rel=1e-3)

    def test_stored_detections_need_no_images(self, deepsort: Run, tmp_path: Path) -> None:
        sequence = tmp_path / "SEQ-01"
        (sequence / "det").mkdir(parents=True)
        det_file(sequence / "det")
        (sequence / "seqinfo.ini").write_text(
            "[Sequence]\nname=SEQ-01\nimDir=img1\nframeRate=14\nseqLength=20\nimWidth=640\nimHeight=480\nimExt=.jpg\n"
        )
        for arguments in (["--source", sequence], []):
            done = deepsort("track", *arguments, "--detections", sequence / "det" / "det.txt", "--json")
            assert done.returncode == 0, done.stderr
            (summary,) = json.loads(done.stdout)
            assert (summary["source"], summary["frames"], summary["tracks"]) == ("SEQ-01", 20, 3)

    def test_stored_features_decide(self, deepsort: Run, tmp_path: Path) -> None:
        """Two people swap places; with their features the ids swap too, with --reid none they do not."""
        rows, looks = [], []
        for frame in range(1, 9):
            for person, x in enumerate((100, 112) if frame < 6 else (112, 100)):
                rows.append([frame, -1, x, 100, 40, 100, 0.9])
                looks.append(np.eye(4)[person])
        np.savez(tmp_path / "det.npz", det=np.array(rows), features=np.array(looks, np.float32))
        at_left = {}
        for reid in (None, "none"):
            done = deepsort(
                "track", "--detections", "det.npz", "--save-txt", f"{reid}.txt", *(["--reid", reid] if reid else [])
            )
            assert done.returncode == 0, done.stderr
            table = np.loadtxt(tmp_path / f"{reid}.txt", delimiter=",")
            at_left[reid] = [int(table[table[:, 0] == f][:, 1][table[table[:, 0] == f][:, 2].argmin()]) for f in (5, 6)]
        assert at_left[None] == [1, 2]
        assert at_left["none"] == [1, 1]

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ([], ["no source is given"]),
            (["--source", "missing.mp4"], ["missing.mp4", "no such file"]),
            (["--source", "empty.mp4"], ["empty.mp4", "empty"]),
            (["--source", "text.mp4"], ["text.mp4", "a text file"]),
            (["--source", "noise.mp4"], ["noise.mp4", "not a video"]),
            (["--source", "nothing"], ["nothing", "no images in this folder"]),
            (["--source", "7"], ["--source 7", "no camera answers at index 7"]),
            (["--source", "ftp://host/a.mp4"], ["unknown kind of address"]),
            (["--source", "demo", "--start", "1000"], ["--start 1000", "only"]),
            (["--source", "demo", "--save-txt", "x.txt", "--save-csv", "x.txt"], ["writes the same file"]),
            (["--source", "demo", "--detector", "text.onnx"], ["text.onnx", "text file"]),
            (["--source", "demo", "--detector", "missing.onnx"], ["missing.onnx", "no such model file"]),
            (["--source", "demo", "--reid", "noise.onnx"], ["noise.onnx"]),
            (["--source", "demo", "--reid", "model.pth"], ["model.pth", "deepsort export"]),
            (["--source", "demo", "--classes", "dragon"], ["dragon"]),
            (["--source", "demo", "--device", "abacus"], ["abacus"]),
            (["--source", "demo", "--conf", "1.5"], ["--conf 1.5", "at most 1"]),
            (["--source", "demo", "--emit", "all"], ["--emit", "matched"]),
            (["--source", "demo", "--set", "tracker.max_agee=3"], ["tracker.max_agee", "tracker.max_age"]),
            (["--source", "demo", "--config", "bad.yaml"], ["bad.yaml", "not valid YAML"]),
            (["--source", "noise.mp4", "--save-gt", "gt.txt"], []),
            (["--detections", "det.txt", "--source", "demo", "--source", "demo"], ["belongs to one source"]),
            (["--detections", "columns.txt"], ["columns.txt", "line 2"]),
            (["--detections", "order.txt"], ["order.txt", "line 2", "out of order"]),
            (["--detections", "double.txt"], ["double.txt", "line 2", "duplicate"]),
            (["--detections", "det.txt", "--save", "out.mp4"], ["--source is missing"]),
        ],
        ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else None,
    )
    def test_bad_input(self, deepsort: Run, tmp_path: Path, arguments: list[str], words: list[str]) -> None:
        (tmp_path / "empty.mp4").touch()
        for name in ("text.mp4", "text.onnx"):
            (tmp_path / name).write_text("<html>not found</html>" * 50)
        noise = np.random.default_rng(0).integers(0, 256, 5000, dtype=np.uint8).tobytes()
        for name in ("noise.mp4", "noise.onnx"):
            (tmp_path / name).write_bytes(noise)
        (tmp_path / "model.pth").write_bytes(b"PK\x03\x04" + noise)
        (tmp_path / "nothing").mkdir()
        (tmp_path / "bad.yaml").write_text("tracker: [")
        det_file(tmp_path)
        (tmp_path / "columns.txt").write_text("1,-1,0,0,10,20,0.9\n1,-1,5\n")
        (tmp_path / "order.txt").write_text("2,-1,0,0,10,20,0.9\n1,-1,0,0,10,20,0.9\n")
        (tmp_path / "double.txt").write_text("1,-1,0,0,10,20,0.9\n1,-1,0,0,10,20,0.9\n")
        before = set(os.listdir(tmp_path))
        failed(deepsort("track", *arguments), 2, *words)
        assert set(os.listdir(tmp_path)) == before, "something was left behind"


class TestInterruption:
    @pytest.mark.parametrize(
        ("sign", "names"),
        [(getattr(signal, "SIGHUP", signal.SIGINT), ["out"]), (signal.SIGTERM, ["out_demo", "out_demo-2"])],
        ids=["a lost connection", "SIGTERM, two sources"],
    )
    def test_interrupted_run_leaves_usable_files(self, tmp_path: Path, sign: signal.Signals, names: list[str]) -> None:
        script = Path(sys.executable).with_name("deepsort")
        sources = ["demo"] * len(names)
        process = subprocess.Popen(
            [str(script), "track", *sources, "--jobs", "2", *SMALL, "--set", "demo.frames=100000", "--save", "out.mp4",
             "--save-txt", "out.txt", "--save-jsonl", "out.jsonl"],
            cwd=tmp_path, stderr=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"},
        )  # fmt: skip
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline and process.poll() is None:
            if sum(path.stat().st_size > 2000 for path in tmp_path.glob(".out*l")) == len(names):
                break
            time.sleep(0.1)
        process.send_signal(sign)
        _, errors = process.communicate(timeout=900)
        assert process.returncode == 130, errors
        assert "Traceback" not in errors
        wanted = {f"{name}.{suffix}" for name in names for suffix in ("mp4", "txt", "jsonl")}
        assert {path.name for path in tmp_path.iterdir()} == wanted
        for name in names:
            lines = [json.loads(line) for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()]
            assert [line["frame"] for line in lines] == list(range(1, len(lines) + 1))
            assert cv2.VideoCapture(str(tmp_path / f"{name}.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == len(lines) > 3

    def test_a_page_stays_on_view_until_it_is_ended_and_rows_go_down_the_pipe(self, tmp_path: Path) -> None:
        det_file(tmp_path)
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("deepsort")), "track", "demo", "--detections", "det.txt", "--reid",
             "none", "--max-frames", "12", "--serve", "0", "--save-jsonl", "-", "--line", "gate=100,0,100,500"],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "NO_COLOR": "1"},
        )  # fmt: skip
        assert process.stderr is not None
        said = ""
        while "stays on view" not in said and (line := process.stderr.readline()):
            said += line
        page = re.search(r"^open (http://127\.0\.0\.1:\d+/)(\?token=\S{40,})$", said, re.MULTILINE)
        assert page is not None, said
        browser = requests.Session()
        assert browser.get(page[1] + page[2], timeout=60).status_code == 200
        state = browser.get(f"{page[1]}api/state", timeout=60).json()
        assert (state["writable"], state["cameras"][0]["frames"]) == (True, 12)
        process.send_signal(signal.SIGTERM)
        rows, more = process.communicate(timeout=600)
        assert process.returncode == 0, said + more
        assert [json.loads(row)["frame"] for row in rows.splitlines()] == list(range(1, 13))
        assert "tracks" in said, "the table is on the screen all the same"

    def test_what_a_killed_run_has_rotated_is_there_and_plays(self, tmp_path: Path) -> None:
        """Also the part that was being written, under its own name; nothing of it was asked to end."""
        det_file(tmp_path, frames=20)
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("deepsort")), "track", "--source", "demo", "--set", "demo.frames=99999",
             "--set", "demo.width=160", "--set", "demo.height=120", "--detections", "det.txt", "--reid", "none",
             "--rotate", "4s", "--save", "out.mp4", "--save-jsonl", "out.jsonl"],
            cwd=tmp_path, stderr=subprocess.PIPE, env={**os.environ, "NO_COLOR": "1"},
        )  # fmt: skip
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline and process.poll() is None:
            grown = sorted(path for path in tmp_path.glob("out_*.mp4") if path.stat().st_size > 10_000)
            if len(grown) >= 3:
                break
            time.sleep(0.05)
        process.kill()
        _, errors = process.communicate(timeout=600)
        assert process.returncode == -signal.SIGKILL, errors
        films = sorted(tmp_path.glob("*.mp4"))
        assert [film.name for film in films[:3]] == ["out_00-00-00.mp4", "out_00-00-04.mp4", "out_00-00-08.mp4"]
        counts = []
        for film in films:
            lines = film.with_suffix(".jsonl").read_text().splitlines()
            with av.open(str(film)) as container:
                counts.append((sum(1 for _ in container.decode(video=0)), len(lines)))
            assert all(json.loads(line)["frame"] for line in lines), "whole lines"
        assert counts[0] == (100, 100)
        played, written = counts[-1]
        assert written - 60 <= played <= written, "at most about two seconds are lost"
        assert sum(played for played, _ in counts) > 200

    def test_truncated_video_is_tracked_to_its_end(self, deepsort: Run, tmp_path: Path) -> None:
        assert deepsort("track", "--source", "demo", "--max-frames", 60, "--save", "a.mkv").returncode == 0
        data = (tmp_path / "a.mkv").read_bytes()
        (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
        done = deepsort("track", "--source", "cut.mkv", "--save-jsonl", "out.jsonl", "--json")
        assert done.returncode == 0, done.stderr
        (summary,) = json.loads(done.stdout)
        assert 0 < summary["frames"] < 60
        assert len((tmp_path / "out.jsonl").read_text().splitlines()) == summary["frames"]


def test_print_config_is_a_config(deepsort: Run, tmp_path: Path) -> None:
    first = deepsort("track", "--source", "demo", "--max-age", 7, "--classes", "person", "--print-config")
    assert first.returncode == 0
    (tmp_path / "config.yaml").write_text(first.stdout)
    again = deepsort("track", "--config", "config.yaml", "--print-config")
    assert again.stdout == first.stdout
    assert "max_age: 7" in again.stdout


def test_environment_reaches_the_command(deepsort: Run) -> None:
    done = deepsort("track", "--print-config", env={"DEEPSORT_TRACKER__MAX_AGE": "9"})
    assert "max_age: 9" in done.stdout


def test_help_reads_well(deepsort: Run) -> None:
    text = deepsort("--help").stdout
    assert "track" in text
    assert "Track people" in text
    text = deepsort("track", "--help-all", env={"COLUMNS": "100"}).stdout
    for part in ("--source", "[default: 30]", "Examples", "Output"):
        assert part in text
    assert max(map(len, text.splitlines())) <= 100


def test_nothing_tracked_says_why(deepsort: Run, tmp_path: Path) -> None:
    (tmp_path / "det.txt").write_text("".join(f"{frame},-1,{frame},20,40,80,0.1,-1,-1,-1\n" for frame in range(1, 6)))
    done = deepsort("track", "--detections", "det.txt", "--save-txt", "out.txt")
    assert done.returncode == 0, done.stderr
    assert "5 found in 5 frames" in done.stdout
    assert "5 below --conf 0.3" in done.stdout
    assert "lower --conf" in " ".join(done.stderr.split())
    done = deepsort("track", "--detections", "det.txt", "--conf", 0, "--json")
    (summary,) = json.loads(done.stdout)
    assert (summary["tracks"], summary["detections"]["kept"], summary["detections"]["tracks_begun"]) == (1, 5, 1)


def test_unknown_command_suggests(deepsort: Run) -> None:
    done = deepsort("trak")
    assert done.returncode == 2
    assert "track" in done.stderr


@pytest.mark.real_data
@pytest.mark.slow
def test_real_pedestrians(deepsort: Run, tmp_path: Path, shared_data: Path) -> None:
    models = shared_data / "models"
    done = deepsort(
        "track", "--source", shared_data / "video" / "vtest.avi", "--detector", models / "yolox_nano.onnx",
        "--reid", models / "osnet_x0_25_msmt17_dyn.onnx", "--save", "out.mp4", "--save-txt", "out.txt",
        "--max-frames", 60, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (summary,) = json.loads(done.stdout)
    assert summary["frames"] == 60
    assert 5 <= summary["tracks"] <= 15
    video = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    assert (video.get(cv2.CAP_PROP_FRAME_COUNT), video.get(cv2.CAP_PROP_FPS)) == (60, 10)


@pytest.mark.real_data
def test_equals_the_reference(deepsort: Run, tmp_path: Path, shared_data: Path) -> None:
    """The command writes the reference's file, byte for byte."""
    detections = shared_data / "mot" / "MOT17-05-FRCNN" / "det" / "det_features.npz"
    done = deepsort("track", "--detections", detections, "--save-txt", "out.txt", "--emit", "paper")
    assert done.returncode == 0, done.stderr
    expected = shared_data / "golden" / "canonical" / "MOT17-05-FRCNN.txt"
    found, wanted = (np.loadtxt(path, delimiter=",") for path in (tmp_path / "out.txt", expected))
    np.testing.assert_array_equal(found[:, :2], wanted[:, :2])
    np.testing.assert_allclose(found[:, 2:6], wanted[:, 2:6], atol=0.011)
