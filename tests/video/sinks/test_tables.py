"""Text: whole lines, whatever happens."""

from __future__ import annotations

import csv
import errno
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.masks import Mask
from deepsort_cli.core.mot import read_table
from deepsort_cli.video.scene import GroundTruth
from deepsort_cli.video.sinks import STDOUT, CsvSink, GroundTruthSink, JsonlSink, MotSink

from .helpers import NAMES, fill_disk, frame_of, left_over, tracks_of

TEXT_SINKS = {"mot": MotSink, "jsonl": JsonlSink, "csv": CsvSink}


def test_mot_rows(tmp_path: Path) -> None:
    with MotSink(tmp_path / "out.txt") as sink:
        sink.write(frame_of(0), tracks_of(1, 2))
        sink.write(frame_of(1), tracks_of())
        sink.write(frame_of(2), tracks_of(2))
    assert (tmp_path / "out.txt").read_text() == (
        "1,1,10.00,5.00,20.25,40.50,1,-1,-1,-1\n1,2,20.00,5.00,20.25,40.50,1,-1,-1,-1\n3,2,20.00,5.00,20.25,40.50,1,-1,-1,-1\n"
    )


def test_jsonl_has_every_frame(tmp_path: Path) -> None:
    with JsonlSink(tmp_path / "out.jsonl", NAMES) as sink:
        sink.write(frame_of(0), tracks_of(3, age=1))
        sink.write(frame_of(5), tracks_of())
    first, second = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert first == {
        "frame": 1,
        "time": 0.0,
        "tracks": [
            {
                "id": 3,
                "box": [30.0, 5.0, 50.25, 45.5],
                "score": 0.875,
                "class_id": 2,
                "class": "car, red",
                "time_since_update": 1,
            }
        ],
    }
    assert second == {"frame": 6, "time": 0.2, "tracks": []}


def test_jsonl_has_what_detections_carry(tmp_path: Path) -> None:
    """Also for a track without a detection in this frame, which has none; what JSON does not know is told once."""
    picture = np.zeros((4, 5), bool)
    picture[1:3, 2:4] = True
    data = {
        "masks": [Mask.of(picture), None],
        "keypoints": np.array([[[1.234, 2, 0.98765], [np.nan, 3, 1]], [[np.nan] * 3] * 2]),
        "team": ["red", None],
        "thing": [object(), None],
        "note": [{"a": np.int64(1), "b": (np.float32(0.5), True)}, None],
    }
    told: list[str] = []
    with JsonlSink(tmp_path / "out.jsonl", NAMES, told.append) as sink:
        for index in range(2):
            sink.write(frame_of(index), replace(tracks_of(3, 4), data=data))
        sink.write(frame_of(2), tracks_of())
    first, second, third = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    seen, unseen = (track["data"] for track in first["tracks"])
    assert np.asarray(Mask.from_coco(seen.pop("masks"))).tolist() == picture.tolist()
    assert seen == {
        "keypoints": [[1.23, 2.0, 0.99], [None, 3.0, 1.0]],
        "team": "red",
        "note": {"a": 1, "b": [0.5, True]},
    }
    assert unseen == {"masks": None, "keypoints": None, "team": None, "note": None}
    assert second["tracks"][1] == first["tracks"][1]
    assert third["tracks"] == []
    assert told == ["`output.save_jsonl`: what detections carry as 'thing' is left out: a object has no form in JSON."]


def test_csv_can_be_read_as_a_table(tmp_path: Path) -> None:
    with CsvSink(tmp_path / "out.csv", NAMES) as sink:
        sink.write(frame_of(0), tracks_of())
        sink.write(frame_of(1), tracks_of(1, 4))
    with (tmp_path / "out.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["id"] for row in rows] == ["1", "4"]
    assert rows[1] == {
        "frame": "2", "time": "0.0400", "id": "4", "x1": "40.00", "y1": "5.00", "x2": "60.25", "y2": "45.50",
        "score": "0.8750", "class_id": "2", "class": "car, red", "time_since_update": "0",
    }  # fmt: skip


def test_unknown_scores_stay_parseable(tmp_path: Path) -> None:
    unknown = tracks_of(1)
    unknown.scores[0] = np.nan
    for name, kind in (("a.jsonl", JsonlSink), ("a.csv", CsvSink)):
        with kind(tmp_path / name) as sink:
            sink.write(frame_of(0), unknown)
    assert json.loads((tmp_path / "a.jsonl").read_text())["tracks"][0]["score"] is None
    assert next(iter(csv.DictReader((tmp_path / "a.csv").open())))["score"] == ""


def test_ground_truth_rows(tmp_path: Path) -> None:
    truth = GroundTruth(np.array([1, 5]), np.array([[0.0, 1, 2, 4], [5, 5, 6, 7]]), np.array([0.5, 0.0]))
    with GroundTruthSink(tmp_path / "gt.txt", lambda index: truth if index == 1 else None) as sink:
        sink.write(frame_of(0), tracks_of())
        sink.write(frame_of(1), tracks_of())
    rows = read_table(tmp_path / "gt.txt")
    np.testing.assert_allclose(rows, [[2, 1, 0, 1, 2, 3, 1, 1, 0.5], [2, 5, 5, 5, 1, 2, 0, 1, 0]])


@pytest.mark.parametrize("kind", TEXT_SINKS)
def test_interruption_leaves_whole_lines_and_nothing_else(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "out.data"
    with pytest.raises(KeyboardInterrupt), TEXT_SINKS[kind](path) as sink:
        for index in range(5):
            sink.write(frame_of(index), tracks_of(1, 2))
        assert not path.exists(), "the final name appears with the complete file only"
        raise KeyboardInterrupt
    assert path.read_text().endswith("\n")
    assert len(path.read_text().splitlines()) == {"mot": 10, "jsonl": 5, "csv": 11}[kind]
    assert left_over(tmp_path, "out.data") == []


@pytest.mark.parametrize("kind", TEXT_SINKS)
def test_a_failure_before_the_first_frame_leaves_nothing(tmp_path: Path, kind: str) -> None:
    (tmp_path / "old.data").write_text("earlier results")
    with pytest.raises(RuntimeError), TEXT_SINKS[kind](tmp_path / "old.data"):
        raise RuntimeError
    assert (tmp_path / "old.data").read_text() == "earlier results"
    assert left_over(tmp_path, "old.data") == []


def test_a_source_without_tracks_leaves_an_empty_result(tmp_path: Path) -> None:
    with MotSink(tmp_path / "out.txt") as sink:
        sink.write(frame_of(0), tracks_of())
    assert (tmp_path / "out.txt").read_text() == ""


def test_devices_and_folders_are_never_replaced(tmp_path: Path) -> None:
    for path in (Path("/dev/null"), tmp_path):
        if path.exists():
            with pytest.raises(InputError, match="not a regular file"):
                MotSink(path)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX resource limits")
@pytest.mark.parametrize("kind", ["MotSink", "JsonlSink", "CsvSink"])
def test_a_full_disk_leaves_whole_lines(tmp_path: Path, kind: str) -> None:
    done = fill_disk(tmp_path, f"{kind}(Path('out.data'))", 100_001)
    assert "cannot be written any more" in done.stdout, done.stderr
    frames = int(done.stdout.split()[0])
    text = (tmp_path / "out.data").read_text()
    assert text.endswith("\n")
    per_frame = {"MotSink": 20 * frames, "JsonlSink": frames, "CsvSink": 20 * frames + 1}[kind]
    assert len(text.splitlines()) == per_frame
    assert left_over(tmp_path, "out.data") == []


def test_a_write_that_fails_only_when_flushed_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    sink = MotSink(tmp_path / "out.txt")
    sink.write(frame_of(0), tracks_of(1))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match="the disk is full"):
        sink.close()
    assert left_over(tmp_path) == ["out.txt"]


def test_a_folder_that_disappears_is_a_clear_error(tmp_path: Path) -> None:
    sink = MotSink(tmp_path / "gone" / "out.txt")
    sink.write(frame_of(0), tracks_of(1))
    for path in (tmp_path / "gone").iterdir():
        path.unlink()
    (tmp_path / "gone").rmdir()
    with pytest.raises(RunError, match=r"out\.txt: cannot be written"):
        sink.close()


@pytest.mark.parametrize("kind", TEXT_SINKS)
def test_rows_go_to_standard_output_frame_by_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes], kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with TEXT_SINKS[kind](Path("out.data")) as sink:
        sink.write(frame_of(0), tracks_of(1, 2))
        sink.write(frame_of(1), tracks_of(2))
    sink = TEXT_SINKS[kind](STDOUT)
    sink.write(frame_of(0), tracks_of(1, 2))
    first = capsysbinary.readouterr().out
    sink.write(frame_of(1), tracks_of(2))
    sink.close()
    assert first
    assert first + capsysbinary.readouterr().out == Path("out.data").read_bytes()
    assert left_over(tmp_path) == ["out.data"]
