"""Tracks read from JSON Lines and CSV, and copies that say who everybody is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.track_tables import read_tracks, write_people
from deepsort_cli.core.types import Frame, Tracks
from deepsort_cli.video.sinks import CsvSink, JsonlSink

FRAMES = (
    (0, [(4, 7, "=Ann"), (5, -1, "")]),
    (1, []),
    (3, [(5, 2, ""), (4, 7, "=Ann")]),
)
"""Index, and id, person and name of the tracks."""


def written(path: Path, *, told: bool = True) -> Path:
    sink = JsonlSink(path, {0: "-person"}) if path.suffix == ".jsonl" else CsvSink(path, {0: "-person"})
    for index, rows in FRAMES:
        ids = np.array([one for one, _, _ in rows], np.int64)
        tracks = Tracks(
            ids=ids,
            boxes=np.array([[10.5 * one, 20, 10.5 * one + 30, 80.25] for one in ids]).reshape(-1, 4),
            scores=np.full(len(rows), 0.5),
            class_ids=np.zeros(len(rows), np.int64),
            time_since_update=np.zeros(len(rows), np.int64),
            detection_index=np.arange(len(rows)),
        )
        if told:
            people = np.array([person for _, person, _ in rows], np.int64)
            tracks = tracks.with_people(people, np.array([name for _, _, name in rows], np.str_))
        sink.write(Frame(index, None, index / 4), tracks)
    sink.close()
    return path


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_rows_come_back(tmp_path: Path, suffix: str) -> None:
    table = read_tracks(written(tmp_path / f"out{suffix}"))
    assert table.frames.tolist() == [1, 1, 4, 4]
    assert table.ids.tolist() == [4, 5, 5, 4]
    assert table.times.tolist() == [0, 0, 0.75, 0.75]
    assert table.people is not None
    assert table.people.tolist() == [7, -1, 2, 7]
    assert list(table.names) == ["=Ann", "", "", "=Ann"]
    assert list(table.classes) == ["-person"] * 4
    np.testing.assert_array_equal(table.tlwh[0], [42, 20, 30, 60.25])
    assert read_tracks(written(tmp_path / f"plain{suffix}", told=False)).people is None


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_a_copy_differs_in_people_only(tmp_path: Path, suffix: str) -> None:
    """Whether the original tells people or not, the copy is what a run would have written."""
    original, copy = written(tmp_path / f"out{suffix}"), tmp_path / f"copy{suffix}"
    for told in (True, False):
        table = read_tracks(written(tmp_path / f"again{suffix}", told=told))
        write_people(table, copy, np.array([7, -1, 2, 7]), ["=Ann", "", "", "=Ann"])
        assert copy.read_bytes() == original.read_bytes()
    write_people(read_tracks(original), copy, np.array([1, 2, 2, 1]), [""] * 4)
    table = read_tracks(copy)
    assert table.people is not None
    assert table.people.tolist() == [1, 2, 2, 1]
    assert "name" not in copy.read_text()


def line(**changes: object) -> str:
    track = {"id": 1, "box": [1, 2, 3, 4]}
    return json.dumps({"frame": 1, "time": 0.0, "tracks": [track | changes]})


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", '{"frame":1,"time":0.0,"tr', "line 1: no JSON"),
        ("a.jsonl", "[1]", "line 1: expected frame, time, and tracks"),
        ("a.jsonl", line(box=[1, 2, 3]), "line 1: expected frame, time, and tracks"),
        ("a.jsonl", line(box=[1, 2, 3, "x"]), "could not convert"),
        ("a.jsonl", line(box=[3, 2, 1, 4]), "boxes are x1, y1, x2, y2"),
        ("a.jsonl", line(id=1.5), "'1.5' is no whole number"),
        ("a.jsonl", line(id=True), "'True' is no whole number"),
        ("a.jsonl", line() + "\n" + line(), "line 2: id 1 occurs twice in frame 1"),
        ("a.jsonl", line(person=1) + "\n" + line(id=2), "line 2: no person, but other lines"),
        ("a.csv", "frame,id\n1,2\n", "no column time, x1, y1, x2, y2"),
        ("a.csv", "frame,time,id,x1,y1,x2,y2\n1,0,1,1,1\n", "line 2: not as many columns"),
        ("a.csv", "frame,time,id,x1,y1,x2,y2\n0,0,1,1,1,2,2\n", "line 2: frame 0"),
        ("a.csv", "frame,time,id,x1,y1,x2,y2\n1,0,1,1,1,inf,2\n", "line 2: frame 1, time 0, box"),
    ],
)
def test_what_is_none(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_tracks(tmp_path / name)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_tracks(tmp_path / "a.jsonl")
