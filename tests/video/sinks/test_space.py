"""A disk that gets full: video ends before text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.video.outputs import Outputs
from deepsort_cli.video.settings import DemoSettings, OutputSettings, SourceSettings
from deepsort_cli.video.sinks import space
from deepsort_cli.video.sinks.space import Space, room_for, space_of
from deepsort_cli.video.sources import DemoSource
from deepsort_cli.workflows.track import Functions, Run, run_track

from ...workflows.track.helpers import Heard
from .helpers import frame_of, tracks_of

GB = 10**9
Fill = Callable[[Iterator[Space | None]], None]


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Fill:
    """Lets the disk have what comes next from an iterator, each time somebody asks."""

    def fill(states: Iterator[Space | None]) -> None:
        monkeypatch.setattr(space, "space_of", lambda folder: next(states))

    return fill


def states(*found: Space | None) -> Iterator[Space | None]:
    """These, and the last of them for ever."""
    yield from found
    while True:
        yield found[-1]


def tracked(folder: Path, heard: Heard, **output: Any) -> Run:
    settings = TrackSettings(
        source=("demo",), demo=DemoSettings(width=64, height=64, frames=60), reid={"model_path": "none"},
        output=OutputSettings(save_video=folder / "o.mp4", save_jsonl=folder / "o.jsonl", **output),
    )  # fmt: skip
    return run_track(settings, heard, Functions(lambda image: [[10, 10, 30, 50, 0.9]])).finish()


def played(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.mark.parametrize(
    ("total", "free", "size", "expected"),
    [
        (100 * GB, 501 * 10**6, 0, True),
        (100 * GB, 499 * 10**6, 0, False),
        (100 * GB, 2 * GB, 1900 * 10**6, False),
        (1 * GB, 11 * 10**6, 0, True),  # a small disk: a hundredth of it
        (1 * GB, 9 * 10**6, 0, False),
    ],
)
def test_what_is_left_free(disk: Fill, tmp_path: Path, total: int, free: int, size: int, expected: bool) -> None:
    disk(states(Space(total, free)))
    assert room_for(tmp_path / "o.mp4", size) is expected


def test_a_disk_that_does_not_say_has_room(disk: Fill, tmp_path: Path) -> None:
    found = space_of(tmp_path / "not" / "there" / "yet")
    assert found is not None and 0 < found.free <= found.total
    disk(states(None))
    assert room_for(tmp_path / "o.mp4")


def test_video_ends_and_text_goes_on(disk: Fill, tmp_path: Path) -> None:
    heard = Heard()
    disk(states(Space(100 * GB, GB), Space(100 * GB, GB), Space(100 * GB, 10**6)))
    run = tracked(tmp_path, heard, save_crops=tmp_path / "crops")
    assert run.summary.frames == len((tmp_path / "o.jsonl").read_text().splitlines()) == 60
    assert 10 < played(tmp_path / "o.mp4") < 40
    told = [warning for warning in heard.warnings if "the disk is nearly full" in warning]
    assert len(told) == 2, "video and crops, once each"
    assert any("o.mp4: the disk is nearly full, so video ends here (frame " in warning for warning in told)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crops", "o.jsonl", "o.mp4"], "no second file was made"


def test_a_disk_that_is_full_already_gets_no_video(disk: Fill, tmp_path: Path) -> None:
    heard = Heard()
    disk(states(Space(100 * GB, 10**6)))
    run = tracked(tmp_path, heard)
    assert [path.name for path in run.summary.outputs] == ["o.jsonl"]
    assert any("so video is not begun (frame 1); text goes on" in warning for warning in heard.warnings)


def test_with_parts_video_begins_again_when_there_is_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The second of three parts finds the disk full."""
    heard = Heard()
    asked: set[str] = set()

    def of_part(path: Path) -> Space:
        asked.add(path.name)
        return Space(100 * GB, 10**6 if path.name == "o_00-00-01.mp4" else GB)

    monkeypatch.setattr(space, "behind_link", lambda path: path / "file")  # so that a part asks for a disk of its own
    monkeypatch.setattr(space, "space_of", of_part)
    run = tracked(tmp_path, heard, rotate="1s")
    films = [path.name for path in run.summary.outputs if path.suffix == ".mp4"]
    assert films == ["o_00-00-00.mp4", "o_00-00-02.mp4"]
    lines = [json.loads(line)["frame"] for path in sorted(tmp_path.glob("*.jsonl")) for line in path.open()]
    assert lines == list(range(1, 61))
    assert len([warning for warning in heard.warnings if "nearly full" in warning]) == 1
    assert asked >= {f"o_00-00-0{i}.mp4" for i in range(3)}


def test_crops_that_ended_early_get_their_last_ids_all_the_same(tmp_path: Path, disk: Fill) -> None:
    disk(states(Space(100 * GB, 50 * GB), Space(100 * GB, GB // 10)))
    source = DemoSource("demo", DemoSettings(width=64, height=64), SourceSettings())
    with Outputs.plan(source, OutputSettings(save_crops=tmp_path / "crops")).open() as sinks:
        for index in range(20):
            tracks = tracks_of(1 if index < 8 else 2).with_people(np.array([7]))
            sinks.data[0].write(frame_of(index, np.zeros((64, 64, 3), np.uint8)), tracks)
        sinks.data[0].rename(np.arange(8, 16), np.full(8, 2), np.full(8, 1))  # linked at the end
    assert [path.name for path in (tmp_path / "crops").iterdir()] == ["00001_p00007"]
    assert len(list((tmp_path / "crops").rglob("*.jpg"))) == 16
