"""One row per track, at the end of a run."""

from __future__ import annotations

import csv
from pathlib import Path

from deepsort_cli.core.types import Tracks
from deepsort_cli.video.sinks import (
    SummarySink,
)

from .helpers import NAMES, at, frame


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
