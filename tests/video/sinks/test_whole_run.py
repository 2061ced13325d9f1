"""Sinks that write at the end of a run."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepsort_cli.core.regions import Counts, Line, LineCount
from deepsort_cli.core.types import Frame, Tracks
from deepsort_cli.tracking.refinement import refine
from deepsort_cli.tracking.settings import RefinementSettings
from deepsort_cli.video.colours import colour_of
from deepsort_cli.video.demo import GroundTruth
from deepsort_cli.video.sinks import (
    ComparisonSink,
    CsvSink,
    JsonlSink,
    MotSink,
    RefinedSink,
    SummarySink,
    TimelineSink,
    timeline,
)
from deepsort_cli.video.sinks.lives import Lives

NAMES = {0: "person", 2: "car"}


def at(places: dict[int, float], class_id: int = 0, age: int = 0, score: float = 0.8) -> Tracks:
    """Tracks with boxes 20 × 50 px, by id the x of their left edge."""
    x = np.array(list(places.values()), dtype=float)
    return Tracks(
        ids=np.array(list(places), dtype=np.int64),
        boxes=np.column_stack([x, 0 * x + 10, x + 20, 0 * x + 60]).reshape(-1, 4),
        scores=np.full(len(x), score),
        class_ids=np.full(len(x), class_id, np.int64),
        time_since_update=np.full(len(x), age, np.int64),
        detection_index=np.full(len(x), -1) if age else np.arange(len(x)),
    )


def frame(index: int, fps: float = 10.0) -> Frame:
    return Frame(index, None, index / fps)


def linear(table: np.ndarray) -> np.ndarray:
    return refine(table, RefinementSettings(interpolate="linear", min_length=2))


class TestRefined:
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
        assert {line["tracks"][0]["class"] for line in lines} == {"car"}
        assert lines[2]["counts"] == {"lines": [{"name": "door", "in": 3, "out": 1}], "zones": []}
        table = list(csv.DictReader(paths[2].open()))
        assert [row["score"] for row in table] == ["0.8000", "", "", "0.8000", "0.8000"]

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


class TestSummary:
    def rows(self, path: Path) -> list[dict[str, str]]:
        with path.open(newline="") as stream:
            return list(csv.DictReader(stream))

    def test_a_row_per_track(self, tmp_path: Path) -> None:
        with SummarySink(tmp_path / "s.csv", NAMES) as sink:
            sink.write(frame(0), at({1: 0.0}, score=0.5))
            sink.write(frame(1), at({1: 30.0, 7: 5.0}, score=0.9))
            sink.write(frame(2), at({}))
            sink.write(frame(3), at({1: 0.0}, age=1, score=0.1))
            sink.write(frame(4), at({1: 10.0}, class_id=2, score=float("nan")))
        first, second = self.rows(tmp_path / "s.csv")
        assert first == {
            "id": "1", "class_id": "0", "class": "person", "first_frame": "1", "last_frame": "5",
            "first_second": "0.000", "last_second": "0.400", "duration": "0.400", "frames": "4", "matched": "3",
            "distance": "70.0", "displacement": "10.0", "mean_score": "0.7000",
        }  # fmt: skip
        assert (second["id"], second["first_frame"], second["duration"], second["frames"]) == ("7", "2", "0.000", "1")

    def test_no_tracks_leave_the_header_and_no_frames_nothing(self, tmp_path: Path) -> None:
        SummarySink(tmp_path / "none.csv").close()
        with SummarySink(tmp_path / "s.csv") as sink:
            sink.write(frame(0), Tracks.empty())
        assert (tmp_path / "s.csv").read_text() == ",".join(SummarySink.COLUMNS) + "\n"
        assert [path.name for path in tmp_path.iterdir()] == ["s.csv"]


class TestTimeline:
    def test_bars_in_the_tracks_colours(self, tmp_path: Path) -> None:
        """Id 1 is there all the time, id 2 in the first and the last quarter."""
        with TimelineSink(tmp_path / "t.png", "street", fps=10) as sink:
            for index in range(40):
                sink.write(frame(index), at({1: 0.0} if 10 <= index < 30 else {1: 0.0, 2: 50.0}))
        image = cv2.imread(str(tmp_path / "t.png"))
        assert image is not None
        whole, parts = ((np.abs(image.astype(int) - colour_of(i)) < 6).all(axis=2) for i in (1, 2))
        length = whole.sum(axis=1).max()
        assert length > 0.8 * image.shape[1]
        assert parts.sum(axis=1).max() == pytest.approx(length / 2, rel=0.03)
        row = parts[parts.sum(axis=1).argmax()]
        assert np.count_nonzero(np.diff(row.astype(int)) == 1) == 2
        assert np.flatnonzero(whole.any(axis=1)).max() < np.flatnonzero(parts.any(axis=1)).min()

    @pytest.mark.parametrize(("tracks", "seconds"), [(0, 1), (1, 0), (700, 4000)])
    def test_any_number_of_tracks(self, tmp_path: Path, tracks: int, seconds: int) -> None:
        with TimelineSink(tmp_path / "t.png", "x", fps=1) as sink:
            for index in (0, seconds):
                sink.write(frame(index, fps=1), at(dict.fromkeys(range(1, tracks + 1), 0.0)))
        image = cv2.imread(str(tmp_path / "t.png"))
        assert image is not None
        assert image.shape[0] < 6000

    def test_no_frames_no_picture(self, tmp_path: Path) -> None:
        TimelineSink(tmp_path / "t.png", "x", fps=1).close()
        assert not list(tmp_path.iterdir())


class TestComparison:
    def test_ground_truth_of_the_frames_tracked(self) -> None:
        truth = np.array([[f, 1, 0, 0, 9, 9, 1, 1, 1] for f in range(1, 11)], dtype=float)
        sink = ComparisonSink("street", truth, lambda index: None)
        for index in (2, 4):
            sink.write(frame(index), at({5: 1.0049}))
        found = sink.comparison()
        assert found.name == "street"
        assert found.ground_truth[:, 0].tolist() == [3, 5]
        assert found.left_out == 8
        assert found.results.tolist() == [[f, 5, 1, 10, 20, 50, 1, -1, -1, -1] for f in (3, 5)]

    def test_exact_ground_truth_is_asked_for_frame_by_frame(self) -> None:
        def truth_of(index: int) -> GroundTruth:
            boxes = np.array([[index, 0, index + 9.123, 20.0], [0, 0, 1, 1]])
            return GroundTruth(np.array([1, 2]), boxes, np.array([0.55555, 0.0]))

        sink = ComparisonSink("demo", None, truth_of)
        sink.write(frame(3), Tracks.empty())
        found = sink.comparison()
        assert found.results.shape == (0, 10)
        assert found.ground_truth.tolist() == [[4, 1, 3, 0, 9.12, 20, 1, 1, 0.5556], [4, 2, 0, 0, 1, 1, 0, 1, 0]]
        assert found.left_out == 0


def test_a_timeline_shows_tracks_until_the_next_frame_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also at a rate that changes: frames are shown for different times."""
    drawn: list[dict[int, list[tuple[float, float]]]] = []

    def draw(path: Path, title: str, lives: Lives) -> None:
        drawn.append({track_id: life.spans for track_id, life in lives.of.items()})
        path.write_bytes(b"x")

    monkeypatch.setattr(timeline, "_draw_timeline", draw)
    with TimelineSink(tmp_path / "a.png", "a", 10) as sink:
        for index, (moment, ids) in enumerate([(0.0, [1]), (0.1, [1, 2]), (1.5, [2]), (1.7, [1]), (1.9, [1])]):
            sink.write(Frame(index, None, moment), at(dict.fromkeys(ids, 5.0)))
    (spans,) = drawn
    assert spans[1] == [(0.0, 1.5), (1.7, pytest.approx(2.1))]
    assert spans[2] == [(0.1, 1.7)]
