"""Outputs in several files, one after the other."""

from __future__ import annotations

import json
import stat
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import av
import numpy as np
import pytest

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.types import Frame
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.video.rotation import Rotation, parse_rotation
from deepsort_cli.video.settings import DemoSettings, OutputSettings
from deepsort_cli.video.sinks import CsvSink, JsonlSink, PartClock, RotatingSink, Sink, VideoSink, space
from deepsort_cli.workflows.track import Functions, run_track

from ...workflows.track.helpers import Heard
from .helpers import NAMES, frame_of, tracks_of

PEOPLE = np.array([[20.0, 20, 60, 120, 0.9, 0]])
HOUR = Rotation(seconds=3600)


def rotating(
    path: Path,
    rotation: Rotation,
    clock: PartClock,
    *,
    replaces: bool = False,
    open_part: Callable[[Path], Sink] | None = None,
) -> tuple[RotatingSink, list[Path]]:
    began: list[Path] = []
    make = open_part or (lambda part: JsonlSink(part, NAMES, in_place=True))
    sink = RotatingSink(path, rotation, clock, lambda part, _: make(part), replaces=replaces, began=began.append)
    return sink, began


def frames_of(path: Path) -> list[int]:
    return [json.loads(line)["frame"] for line in path.read_text().splitlines()]


class Wall:
    """A clock that is set by hand."""

    def __init__(self, *when: int) -> None:
        self.now = datetime(*when)  # type: ignore[arg-type]

    def __call__(self) -> float:
        return self.now.timestamp()


def test_a_live_source_begins_new_files_at_whole_hours_of_the_day(tmp_path: Path) -> None:
    wall = Wall(2026, 5, 1, 13, 59, 30)
    sink, began = rotating(tmp_path / "out.jsonl", HOUR, PartClock(True, wall))
    with sink:
        for index in range(8):
            sink.write(frame_of(index), tracks_of(1))
            wall.now += timedelta(minutes=20)
        wall.now += timedelta(hours=5)  # it was silent
        sink.write(frame_of(8), tracks_of(1))
    names = [f"out_2026-05-01_{clock}.jsonl" for clock in ("13-59-30", "14-00-00", "15-00-00", "16-00-00", "21-00-00")]
    assert [path.name for path in began] == sorted(path.name for path in tmp_path.iterdir()) == names
    assert [frames_of(path) for path in began] == [[1], [2, 3, 4], [5, 6, 7], [8], [9]]


def test_days_begin_at_midnight_and_names_that_are_taken_get_a_number(tmp_path: Path) -> None:
    wall = Wall(2026, 5, 1, 23, 0)
    (tmp_path / "out_2026-05-02_00-00-00.jsonl").write_text("of an earlier run")
    sink, began = rotating(tmp_path / "out.jsonl", parse_rotation("7h"), PartClock(True, wall))
    with sink:
        for index in range(8):
            sink.write(frame_of(index), tracks_of())
            wall.now += timedelta(hours=1)
    names = ["out_2026-05-01_23-00-00.jsonl", "out_2026-05-02_00-00-00-2.jsonl"]
    assert [path.name for path in began] == names
    assert (tmp_path / "out_2026-05-02_00-00-00.jsonl").read_text() == "of an earlier run"


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone cannot be set here")
@pytest.mark.parametrize(
    ("zone", "day", "every", "begins"),
    [
        # In 2026 Paris' clocks were put from 2 to 3 on 29 March, and from 3 back to 2 on 25 October.
        ("Europe/Paris", "2026-03-29", "1d", ["00-00-00"]),
        ("Europe/Paris", "2026-03-29", "6h", ["00-00-00", "06-00-00", "12-00-00", "18-00-00"]),
        ("Europe/Paris", "2026-03-29", "1h", [f"{hour:02d}-00-00" for hour in range(24) if hour != 2]),
        ("Europe/Paris", "2026-10-25", "1d", ["00-00-00"]),
        ("Europe/Paris", "2026-10-25", "8h", ["00-00-00", "08-00-00", "16-00-00"]),
        ("Europe/Paris", "2026-10-25", "1h", [f"{hour:02d}-00-00" for hour in sorted([*range(24), 2])]),
        ("America/Santiago", "2026-09-06", "12h", ["01-00-00", "12-00-00"]),  # the day begins at 1
    ],
)
def test_days_on_which_clocks_are_changed(
    monkeypatch: pytest.MonkeyPatch, zone: str, day: str, every: str, begins: list[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        try:
            clock, rotation = PartClock(True), parse_rotation(every)
            assert rotation.seconds is not None
            midnight = datetime.fromisoformat(day).timestamp()
            moments = [midnight + minutes * 60 + 0.5 for minutes in range(0, 26 * 60, 15)]
            today = [moment for moment in moments if datetime.fromtimestamp(moment).isoformat().startswith(day)]
            periods = list(dict.fromkeys(clock.period(moment, rotation.seconds) for moment in today))
            assert [clock.label(period) for period in periods] == [f"{day}_{begin}" for begin in begins]
            assert periods == sorted(periods)
        finally:
            patch.undo()
            time.tzset()


def test_all_outputs_of_a_source_begin_anew_with_the_same_frame(tmp_path: Path) -> None:
    wall = Wall(2026, 5, 1, 13, 59, 59)
    clock = PartClock(True, wall)
    sinks = [rotating(tmp_path / f"{name}.jsonl", HOUR, clock) for name in "ab"]
    for index in range(4):
        for sink, _ in sinks:
            sink.write(frame_of(index), tracks_of(1))
            wall.now += timedelta(seconds=0.4)
    for sink, began in sinks:
        sink.close()
        assert [frames_of(path) for path in began] == [[1, 2], [3, 4]]


def test_a_recording_goes_by_its_own_time(tmp_path: Path) -> None:
    sink, began = rotating(tmp_path / "out.jsonl", HOUR, PartClock(False))
    with sink:
        for seconds in (70, 3599.9, 3600, 7300, 400_000):
            sink.write(Frame(seconds and int(seconds), None, seconds), tracks_of(1))
    labels = ["00-00-00", "01-00-00", "02-00-00", "111-00-00"]
    assert [path.name for path in began] == [f"out_{label}.jsonl" for label in labels]
    assert [len(frames_of(path)) for path in began] == [2, 1, 1, 1]


def test_files_that_have_grown_large(tmp_path: Path) -> None:
    def csv(part: Path) -> Sink:
        return CsvSink(part, NAMES, in_place=True)

    sink, began = rotating(tmp_path / "out.csv", Rotation(size=10_000), PartClock(False), open_part=csv)
    with sink:
        for index in range(600):
            sink.write(frame_of(index), tracks_of(1))
            if index == 300:
                assert began[-1].stat().st_size > 0, "it lies there while it is written"
    assert len(began) == len(set(began)) > 2
    tables = [path.read_text().splitlines() for path in began]
    assert {lines[0] for lines in tables} == {",".join(CsvSink.COLUMNS)}, "every file has the header"
    assert [int(line.split(",")[0]) for lines in tables for line in lines[1:]] == list(range(1, 601))
    assert all(10_000 <= path.stat().st_size < 10_100 for path in began[:-1])
    assert began[1].name.startswith("out_00-00-0")


def test_a_film_in_parts_keeps_every_frame_and_plays_while_it_is_written(tmp_path: Path) -> None:
    def film(part: Path) -> Sink:
        return VideoSink(part, 25, in_place=True)

    sink, began = rotating(tmp_path / "out.mp4", Rotation(seconds=2), PartClock(False), open_part=film)
    rng = np.random.default_rng(0)
    with sink:
        for index in range(130):
            sink.write(frame_of(index, rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)), tracks_of())
        with av.open(str(began[-1])) as container:
            assert 4 <= sum(1 for _ in container.decode(video=0)) <= 30
    counts = []
    for path in began:
        with av.open(str(path)) as container:
            times = [frame.time for frame in container.decode(video=0)]
            assert times[0] == 0
            counts.append(len(times))
    assert counts == [50, 50, 30]
    assert sorted(path.name for path in tmp_path.iterdir()) == [path.name for path in began], "nothing else is left"


def test_the_next_part_does_not_wait_until_the_last_one_is_finished(tmp_path: Path) -> None:
    finish, closed = threading.Event(), []

    class Slow(Sink):
        def __init__(self, path: Path) -> None:
            self.path = path

        def write(self, frame: Frame, tracks: object, counts: object = None) -> None: ...

        def close(self) -> None:
            finish.wait(600)
            closed.append(self.path.name)

    sink, began = rotating(tmp_path / "a.mp4", Rotation(seconds=1), PartClock(False), open_part=Slow)
    for index in range(60):
        sink.write(frame_of(index), tracks_of())
    assert (len(began), closed) == (3, [])
    finish.set()
    sink.close()
    assert sorted(closed) == [path.name for path in began]


def test_a_part_that_cannot_be_finished_is_told(tmp_path: Path) -> None:
    class Broken(JsonlSink):
        def close(self) -> None:
            super().close()
            raise RunError("the disk does not answer")

    sink, _ = rotating(tmp_path / "a.jsonl", Rotation(seconds=1), PartClock(False), open_part=Broken)
    with pytest.raises(RunError, match="does not answer"):
        for index in range(60_000):
            sink.write(frame_of(index), tracks_of())
            time.sleep(0.001)
    with pytest.raises(RunError, match="does not answer"):
        sink.close()


class TestRun:
    """`output.rotate` of a run."""

    def made(self, folder: Path, heard: Heard | None = None, **output: object) -> list[str]:
        """The names of what the run says it has written."""
        settings = TrackSettings(
            source=("demo",),
            demo=DemoSettings(width=64, height=64, frames=60),
            reid={"model_path": "none"},
            output=OutputSettings(rotate="1s", **output),  # type: ignore[arg-type]
        )
        find = Functions(lambda image: [[10, 10, 30, 50, 0.9]])
        summary = run_track(settings, heard or Heard(), find).finish().summary
        assert all(path.parent == folder for path in summary.outputs)
        return [path.name for path in summary.outputs]

    def test_every_file_is_rotated_and_named(self, tmp_path: Path) -> None:
        heard = Heard()
        names = self.made(
            tmp_path, heard,
            save_video=tmp_path / "o.mp4", save_csv=tmp_path / "o.csv", save_summary=tmp_path / "s.csv",
            save_crops=tmp_path / "crops",
        )  # fmt: skip
        labels = ("00-00-00", "00-00-01", "00-00-02")
        expected = [
            f"{stem}_{label}{end}" for stem, end in (("o", ".mp4"), ("o", ".csv"), ("s", ".csv")) for label in labels
        ]
        assert sorted(names) == sorted([*expected, "crops"])
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
        assert len([note for note in heard.notes if "`output.rotate`=1s" in note]) == 1
        whole = self.made(tmp_path / "b", save_csv=tmp_path / "b" / "o.csv")
        assert whole == [f"o_{label}.csv" for label in labels]
        assert (tmp_path / "b" / whole[0]).read_bytes() == (tmp_path / "o_00-00-00.csv").read_bytes()

    def test_parts_of_an_earlier_run_are_kept_unless_told(self, tmp_path: Path) -> None:
        (tmp_path / "o_05-00-00.csv").write_text("precious")
        (tmp_path / "o_2026-05-01_05-00-00.csv").write_text("a camera's")
        with pytest.raises(InputError, match=r"`output\.save_csv`.*o_05-00-00\.csv already.*`output\.overwrite`"):
            self.made(tmp_path, save_csv=tmp_path / "o.csv")
        assert (tmp_path / "o_05-00-00.csv").read_text() == "precious"
        names = self.made(tmp_path, save_csv=tmp_path / "o.csv", overwrite=True)
        assert {path.name for path in tmp_path.iterdir()} == {*names, "o_2026-05-01_05-00-00.csv"}

    def test_refined_tables_are_one_file(self, tmp_path: Path) -> None:
        heard = Heard()
        settings = TrackSettings(
            source=("demo",), demo=DemoSettings(width=64, height=64, frames=30), reid={"model_path": "none"},
            refinement={"interpolate": "linear"}, output=OutputSettings(rotate="1s", save_csv=tmp_path / "o.csv"),
        )  # fmt: skip
        run_track(settings, heard, Functions(lambda image: [[10, 10, 30, 50, 0.9]])).finish()
        assert [path.name for path in tmp_path.iterdir()] == ["o.csv"]
        assert any("each into one file" in warning for warning in heard.warnings)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_parts_keep_the_permissions_of_those_that_they_replace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = {"save_csv": "out.csv", "save_jsonl": "out.jsonl", "save_video": "out.mkv", "save_heatmap": "out.png"}
    settings = TrackSettings(
        source=("demo",),
        demo=DemoSettings(width=320, height=240, frames=30),
        input={"fps": 10},
        tracker={"n_init": 1},
        reid={"model_path": "none"},
        output=OutputSettings(rotate="1s", overwrite=True, **{key: tmp_path / name for key, name in outputs.items()}),
    )
    functions = Functions(lambda image: PEOPLE, None)
    run_track(settings, Heard(), functions).finish()
    parts = sorted(tmp_path.iterdir())
    assert len(parts) == 3 * len(outputs)
    for part in parts:
        part.chmod(0o600)
    (tmp_path / "out_00-00-09.csv").touch()  # of a longer recording
    run_track(settings, Heard(), functions).finish()
    assert sorted(tmp_path.iterdir()) == parts
    assert {stat.S_IMODE(part.stat().st_mode) for part in parts} == {0o600}
    assert all(part.stat().st_size for part in parts)
    monkeypatch.setattr(space, "room_for", lambda path, size=0: False)
    monkeypatch.setattr(space.WhileRoomSink.__init__, "__defaults__", (space.room_for,))
    run_track(settings, Heard(), functions).finish()
    assert sorted(tmp_path.iterdir()) == [part for part in parts if part.suffix != ".mkv"]


def test_parts_without_a_row_are_replaced_as_well(tmp_path: Path) -> None:
    seen: list[int] = []

    def leaves(image: object) -> np.ndarray:
        seen.append(1)
        return PEOPLE if len(seen) < 8 else PEOPLE[:0]

    settings = TrackSettings(
        source=("demo",),
        demo=DemoSettings(width=320, height=240, frames=30),
        input={"fps": 10},
        tracker={"n_init": 1, "max_age": 1},
        reid={"model_path": "none"},
        output=OutputSettings(rotate="1s", overwrite=True, save_txt=tmp_path / "out.txt"),
    )
    for _ in range(2):
        seen.clear()
        run_track(settings, Heard(), Functions(leaves, None)).finish()
        parts = sorted(tmp_path.iterdir())
        assert [bool(part.stat().st_size) for part in parts] == [True, False, False]
