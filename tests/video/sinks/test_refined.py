"""Tracks that are refined before they go into tables."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from deepsort_cli.core.looks import Looks
from deepsort_cli.core.regions import Counts, Line, LineCount
from deepsort_cli.core.types import Tracks
from deepsort_cli.tracking.refinement import refine
from deepsort_cli.tracking.settings import RefinementSettings
from deepsort_cli.video.sinks import (
    CsvSink,
    JsonlSink,
    LooksSink,
    MotSink,
    RefinedSink,
)

from .helpers import NAMES, at, frame


def linear(table: np.ndarray) -> np.ndarray:
    return refine(table, RefinementSettings(interpolate="linear", min_length=2))


class TestRefined:
    def test_what_detections_carry_stays_with_their_rows(self, tmp_path: Path) -> None:
        """Rows that were filled in carry nothing; a frame whose detector told of nothing has none either."""
        with RefinedSink(linear, [JsonlSink(tmp_path / "a.jsonl")]) as sink:
            for index, places in ((0, {1: 10.0, 2: 90.0}), (1, {2: 91.0}), (2, {1: 16.0, 2: 92.0}), (3, {2: 93.0})):
                data = {"team": [f"{index}{i}" for i in places]} if index < 3 else {}
                sink.write(frame(index), replace(at(places), data=data))
        rows = [json.loads(line)["tracks"] for line in (tmp_path / "a.jsonl").read_text().splitlines()]
        carried = [{row["id"]: row["data"]["team"] for row in frame_rows} for frame_rows in rows]
        assert carried == [{1: "01", 2: "02"}, {1: None, 2: "12"}, {1: "21", 2: "22"}, {2: None}]

    def test_all_tables_get_the_refined_tracks(self, tmp_path: Path) -> None:
        """Every second frame of a video is tracked; id 1 is missing in two of them, id 2 is seen once."""
        paths = [tmp_path / name for name in ("a.txt", "a.jsonl", "a.csv")]
        inner = [MotSink(paths[0]), JsonlSink(paths[1], NAMES), CsvSink(paths[2], NAMES)]
        counts = Counts((LineCount(Line("door", (0, 0), (9, 9)), 3, 1),), ())
        with RefinedSink(linear, inner) as sink:
            for index, places in ((4, {1: 10.0, 2: 90.0}), (6, {}), (8, {}), (10, {1: 16.0}), (12, {1: 18.0})):
                sink.write(frame(index), at(places, class_id=2), counts)
                assert not any(path.exists() for path in paths)
        rows = np.loadtxt(paths[0], delimiter=",")
        assert rows[:, :3].tolist() == [[5, 1, 10], [7, 1, 12], [9, 1, 14], [11, 1, 16], [13, 1, 18]]
        lines = [json.loads(line) for line in paths[1].read_text().splitlines()]
        assert [line["frame"] for line in lines] == [5, 7, 9, 11, 13]
        assert [line["tracks"][0]["score"] for line in lines] == [0.8, None, None, 0.8, 0.8]
        assert [line["tracks"][0]["time_since_update"] for line in lines] == [0, 1, 2, 0, 0]
        assert {line["tracks"][0]["class"] for line in lines} == {"car, red"}
        assert lines[2]["counts"] == {"lines": [{"name": "door", "in": 3, "out": 1}], "zones": []}
        table = list(csv.DictReader(paths[2].open()))
        assert [row["score"] for row in table] == ["0.8000", "", "", "0.8000", "0.8000"]

    def test_nobody_is_in_a_frame_twice(self, tmp_path: Path) -> None:
        """Track 1 is lost, comes back as 2, and then is found again, beside 2."""
        with RefinedSink(linear, [CsvSink(tmp_path / "a.csv", NAMES)]) as sink:
            for index, known in enumerate([{1: 7}, {1: 7, 3: -1}, {2: 7, 3: 4}, {1: 7, 2: -1, 3: 4}, {2: 7}]):
                people = np.array(list(known.values()))
                names = np.where(people > 0, "Ann", "")
                sink.write(frame(index), at(dict.fromkeys(known, 10.0)).with_people(people, names))
        rows = list(csv.DictReader((tmp_path / "a.csv").open()))
        assert [(row["frame"], row["id"], row["person"], row["name"]) for row in rows] == [
            ("1", "1", "7", "Ann"),
            ("2", "1", "7", "Ann"), ("2", "3", "4", "Ann"),
            ("3", "1", "", ""), ("3", "2", "7", "Ann"), ("3", "3", "4", "Ann"),  # 1 is filled in
            ("4", "1", "7", "Ann"), ("4", "2", "", ""), ("4", "3", "4", "Ann"),
            ("5", "2", "7", "Ann"),
        ]  # fmt: skip

    def test_linked_ids_reach_every_sink(self, tmp_path: Path) -> None:
        """Id 2 is lost and comes back as 3; who is written already is told, tables and looks have the new id."""
        told: list[list[int]] = []

        class Written(MotSink):
            def rename(self, frames: np.ndarray, old: np.ndarray, new: np.ndarray) -> None:
                told.extend(np.column_stack([frames, old, new]).tolist())

        def link(
            table: np.ndarray, seconds: np.ndarray, classes: np.ndarray, rows: np.ndarray, looks: np.ndarray
        ) -> np.ndarray:
            assert len(classes) == len(table)
            assert_allclose(seconds, table[:, 0] * 0.2 - 0.2)
            assert rows.tolist() == [0, 2, 3]  # the second row's look is not known
            assert_allclose(looks, [[1, 0], [1, 0], [1, 0]])
            return np.where(table[:, 1] == 3, 2, table[:, 1]).astype(np.int64)

        written = Written(tmp_path / "early.txt")
        inner = [MotSink(tmp_path / "a.txt"), LooksSink(tmp_path / "a.npz", fps=1, threshold=lambda: 0.3)]
        with written, RefinedSink(linear, inner, link=link, written=[written]) as sink:
            for index, places in enumerate(({2: 10.0}, {2: 12.0}, {3: 14.0}, {}, {3: 18.0})):
                tracks = at(places)
                known = np.full((len(tracks), 2), [np.nan if index == 1 else 5.0, 0], np.float32)
                sink.write(frame(2 * index), tracks.with_features(known))
        assert told == [[4, 3, 2], [8, 3, 2]]
        rows = np.loadtxt(tmp_path / "a.txt", delimiter=",")
        assert rows[:, :3].tolist() == [[1, 2, 10], [3, 2, 12], [5, 2, 14], [7, 2, 16], [9, 2, 18]]
        looks = Looks.load(tmp_path / "a.npz", key="looks")
        assert looks.table[:, :2].tolist() == [[1, 2], [5, 2], [9, 2]]
        assert (looks.max_cosine_distance, looks.fps) == (0.3, 10)

    def test_nothing_comes_of_nothing(self, tmp_path: Path) -> None:
        RefinedSink(linear, [MotSink(tmp_path / "a.txt")]).close()
        assert not list(tmp_path.iterdir())
        with RefinedSink(linear, [JsonlSink(tmp_path / "a.jsonl")]) as sink:
            for index in range(3):
                sink.write(frame(index), Tracks.empty())
        assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 3

    def test_sinks_are_closed_when_refining_fails(self, tmp_path: Path) -> None:
        def broken(table: np.ndarray) -> np.ndarray:
            raise ValueError("broken")

        sink = RefinedSink(broken, [MotSink(tmp_path / "a.txt")])
        sink.write(frame(0), at({1: 0.0}))
        with pytest.raises(ValueError, match="broken"):
            sink.close()
        assert not list(tmp_path.iterdir())
