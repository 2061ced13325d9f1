"""Several sources at once: the same results as alone, and none hurt by another."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from deepsort_cli.core import InputError, RunError
from deepsort_cli.core.events import Listener
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.video.settings import OutputSettings, SourceSettings
from deepsort_cli.video.sinks import window
from deepsort_cli.workflows.track import Functions, Progress, Run, Summary, run_track, track

from .cameras import Cameras, serving
from .helpers import Heard

STANDING = [[60.0, 30.0, 100.0, 110.0, 0.9]]
FAST = {"reconnect_delay": 0.02, "timeout": 60}


@pytest.fixture
def cameras() -> Iterator[Cameras]:
    with serving() as served:
        yield served


def made(*sources: object, listener: Listener | None = None, detect: Any = None, **sections: Any) -> Run:
    """A run that finds one standing person everywhere, without appearance."""
    values = {"reid": {"model_path": "none"}, **sections}
    settings = TrackSettings(source=tuple(map(str, sources)), **values)
    return run_track(settings, listener or Listener(), Functions(detect or (lambda image: STANDING)), keep_rows=True)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three folders of pictures of different lengths, in which bright people walk over a dark floor."""
    folders = []
    for number, length in enumerate((14, 6, 10)):
        folder = tmp_path_factory.mktemp("films") / f"film{number}"
        folder.mkdir()
        for index in range(length):
            image = np.full((240, 320, 3), 40, np.uint8)
            for person in range(3):
                left = 20 + 90 * person + (3 + number) * index
                image[60 : 150 + 10 * person, left : left + 30] = 120 + 40 * person
            cv2.imwrite(str(folder / f"{index:03d}.png"), image)
        folders.append(folder)
    return folders


def bright(image: np.ndarray) -> list[list[float]]:
    """Finds the bright people."""
    count, _, stats, _ = cv2.connectedComponentsWithStats((image[:, :, 0] > 80).astype(np.uint8))
    return [[x, y, x + w, y + h, 0.9] for x, y, w, h, _ in stats[1:count].tolist()]


class TestRecordings:
    OUTPUTS = ("save_txt", "save_jsonl", "save_csv", "save_video")

    def outputs(self, folder: Path) -> OutputSettings:
        endings = {"save_txt": "txt", "save_jsonl": "jsonl", "save_csv": "csv", "save_video": "mp4"}
        paths = {name: folder / f"out.{endings[name]}" for name in self.OUTPUTS}
        # x264 with several threads does not write the same bytes twice when every picture tells how long it is shown.
        return OutputSettings(**paths, codec="mpeg4")

    def test_all_at_once_they_give_the_same_bytes_as_alone(self, films: list[Path], tmp_path: Path) -> None:
        """With the real detector and embedder, whose workers they share."""
        sections: dict[str, Any] = {
            "reid": {},
            "detector": {"model_path": "hog"},
            "demo": {"width": 320, "height": 240},
        }

        def tracked(*sources: object, folder: Path, **more: Any) -> Run:
            settings = TrackSettings(
                source=tuple(map(str, sources)),
                output=self.outputs(folder),
                input={"max_frames": 8},
                **sections,
                **more,
            )
            return run_track(settings, Listener(), keep_rows=True).finish()

        together = tracked("demo", *films, folder=tmp_path / "together", jobs=3)
        assert [summary.source for summary in together.summaries] == ["demo", "film0", "film1", "film2"]
        assert [summary.frames for summary in together.summaries] == [8, 8, 6, 8]
        tables = []
        for source, name in (("demo", "demo"), *((film, film.name) for film in films)):
            alone = tracked(source, folder=tmp_path / name)
            tables.append(alone.table())
            for ending in ("txt", "jsonl", "csv", "mp4"):
                expected = tmp_path / name / f"out.{ending}"
                found = tmp_path / "together" / f"out_{name}.{ending}"
                assert found.exists() == expected.exists()
                assert not expected.exists() or found.read_bytes() == expected.read_bytes(), found
            assert str(alone.summary.fate) == str(together.summaries[len(tables) - 1].fate), "counts of its own"
        table = together.table()
        for place, expected in enumerate(tables):
            expected["source"] = place
            assert (table[table["source"] == place] == expected).all()
        assert len(tables[0]) > 5

    def test_the_rows_of_a_loop_interleave_and_say_whose_they_are(self, films: list[Path]) -> None:
        heard = Heard()
        run = made(*films, detect=bright, listener=heard, jobs=2)
        seen = [(frame.source, frame.index, run.source) for frame, _ in run]
        names = [source for source, _, _ in seen]
        assert all(source == current for source, _, current in seen)
        for film, length in zip(films, (14, 6, 10), strict=True):
            assert [index for source, index, _ in seen if source == film.name] == list(range(length))
        assert names.index("film1") < 12, "the second does not wait for the first"
        assert names.index("film2") > names.index("film1") + 5, "two at once"
        assert [summary.source for summary in run.summaries] == ["film0", "film1", "film2"]
        assert {summary.ending for summary in run.summaries} == {"end"}
        assert run.finish() is run
        assert any("3 recordings are tracked, 2 of them at once (`jobs`)" in note for note in heard.notes)

    def test_functions_get_one_recording_after_the_other_unless_told(self, films: list[Path]) -> None:
        names = [frame.source for frame, _ in made(*films, detect=bright)]
        assert [name for name, _ in itertools.groupby(names)] == ["film0", "film1", "film2"]
        names = [frame.source for frame, _ in track(*films, detector=bright, reid="none", jobs=3)]
        assert len([name for name, _ in itertools.groupby(names)]) > 3

    def test_one_that_fails_is_told_and_the_others_are_finished(self, films: list[Path], tmp_path: Path) -> None:
        def failing(image: np.ndarray) -> list[list[float]]:
            found = bright(image)
            if max(box[0] for box in found) > 220:  # only the last film's people get that far by its sixth picture
                raise RunError("too far to the right")
            return found

        heard = Heard()
        run = made(films[0], films[2], films[1], detect=failing, listener=heard, jobs=2, output=self.outputs(tmp_path))
        with pytest.raises(RunError, match="too far to the right"):
            run.finish()
        endings = {summary.source: (summary.ending, summary.error) for summary in run.summaries}
        assert endings["film1"] == ("end", None)
        assert endings["film2"] == ("failed", "too far to the right")
        assert any("film2: failed" in warning and "too far" in warning for warning in heard.warnings)
        frames = {summary.source: summary.frames for summary in run.summaries}
        for name, count in frames.items():
            lines = (tmp_path / f"out_{name}.jsonl").read_text().splitlines()
            assert [json.loads(line)["frame"] for line in lines] == list(range(1, count + 1))
        assert not list(tmp_path.glob(".*"))

    def test_leaving_the_loop_closes_all(self, films: list[Path], tmp_path: Path) -> None:
        run = made(*films, detect=bright, output=self.outputs(tmp_path), jobs=2)
        for given, _ in enumerate(run, 1):
            if given == 9:
                break
        assert [(one.source, one.ending) for one in run.summaries] == [("film0", "stopped"), ("film1", "stopped")]
        lines = [path.read_text().splitlines() for path in sorted(tmp_path.glob("*.jsonl"))]
        assert sum(map(len, lines)) == 9
        assert not list(tmp_path.glob(".*"))

    def test_standard_input_is_no_two_sources(self) -> None:
        with pytest.raises(InputError, match="`source` -: standard input can be read by one source only"):
            made("-", "demo", "-")

    @pytest.mark.parametrize("jobs", [0, -1, "many"])
    def test_jobs_that_make_no_sense(self, jobs: object) -> None:
        with pytest.raises(InputError, match="`jobs`"):
            track("demo", jobs=jobs)


class TestCameras:
    def test_they_run_together_while_one_is_lost_and_returns_and_one_stalls(
        self, cameras: Cameras, tmp_path: Path
    ) -> None:
        """`a` goes on all the time, `b` is unplugged for a while and returns larger, `c` stalls for good."""
        states: list[str] = []

        def then(event: object) -> None:
            if not isinstance(event, Progress):
                return
            if event.source.endswith("_b") and event.frames == 5:
                cameras.unplugged.add("b")
                states.append("unplugged")
            if event.source.endswith("_a") and states == ["unplugged"] and cameras.asked["b"] > 1:
                cameras.sizes["b"] = (240, 320)
                cameras.unplugged.discard("b")
                states.append("plugged in")
            if event.source.endswith("_c") and event.frames == 5:
                cameras.stalled.add("c")

        heard = Heard(then)
        source = SourceSettings(reconnect_attempts=None, **FAST)
        run = made(
            *map(cameras.url, "abc"), input=source, listener=heard, output={"save_jsonl": tmp_path / "out.jsonl"}
        )
        seen: dict[str, list[int]] = {}
        for frame, tracks in run:
            name = frame.source[-1]
            seen.setdefault(name, []).append(frame.index)
            assert len(tracks) == (frame.index >= 2)
            silent = {one.source[-1] for one in heard.events if isinstance(one, Progress) and one.fps == 0 < one.frames}
            if min(len(seen.get(camera, ())) for camera in "ab") >= 60 and "c" in silent:
                break  # a camera that sends nothing has no speed
        assert all(seen[camera] == list(range(len(seen[camera]))) for camera in "abc")
        assert 5 <= len(seen["c"]) < 20
        assert states == ["unplugged", "plugged in"]
        live = {summary.source[-1]: summary.live for summary in run.summaries}
        assert (live["a"].reconnects, live["b"].reconnects) == (0, 1)
        assert all(one.latency_ms is not None and one.latency_ms < 60_000 for one in live.values())
        assert any("size changes" in warning for warning in heard.warnings)
        for path in tmp_path.glob("*.jsonl"):
            numbers = [json.loads(line)["frame"] for line in path.read_text().splitlines()]
            assert numbers == list(range(1, len(numbers) + 1))
        assert len(list(tmp_path.iterdir())) == 3

    def test_one_that_is_lost_for_good_fails_alone(self, cameras: Cameras) -> None:
        def then(event: object) -> None:
            if isinstance(event, Progress) and event.source.endswith("_b") and event.frames == 3:
                cameras.unplugged.add("b")

        heard = Heard(then)
        run = made(
            cameras.url("a"), cameras.url("b"), listener=heard,
            input=SourceSettings(max_frames=70, reconnect_attempts=1, **FAST),
        )  # fmt: skip
        with pytest.raises(RunError, match="lost, and 1 attempt to reconnect failed.*reconnect_attempts"):
            run.finish()
        endings = [(summary.ending, summary.frames == 70) for summary in run.summaries]
        assert endings == [("end", True), ("failed", False)]
        assert run.summaries[1].live is not None and not run.summaries[1].live.connected

    def test_ctrl_c_closes_all(self, cameras: Cameras, tmp_path: Path) -> None:
        """Also a recording that runs beside them, and a camera that sends nothing."""

        def then(event: object) -> None:
            if isinstance(event, Progress) and event.frames == 3 and event.source.endswith("_b"):
                cameras.stalled.add("b")
            if isinstance(event, Progress) and event.frames == 25 and event.source.endswith("_a"):
                raise KeyboardInterrupt

        heard = Heard(then)
        run = made(
            "demo", cameras.url("a"), cameras.url("b"), listener=heard,
            demo={"frames": 100_000, "width": 64, "height": 64},
            output=OutputSettings(save_video=tmp_path / "out.mp4", save_csv=tmp_path / "out.csv"),
        )  # fmt: skip
        with pytest.raises(KeyboardInterrupt):
            run.finish()
        assert [summary.ending for summary in run.summaries] == ["interrupted"] * 3
        for summary in run.summaries:
            film = next(path for path in summary.outputs if path.suffix == ".mp4")
            assert int(cv2.VideoCapture(str(film)).get(cv2.CAP_PROP_FRAME_COUNT)) == summary.frames
        assert len(list(tmp_path.iterdir())) == 6

    def test_q_in_one_window_ends_all(self, cameras: Cameras, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each source has a window; the key is pressed in that of the second, at its fourth picture."""
        shown: Counter[str] = Counter()
        latest = ""

        def show(title: str, image: np.ndarray) -> None:
            nonlocal latest
            latest = title
            shown[title] += 1

        def key(delay: int) -> int:
            return ord("q") if latest.endswith("_b") and shown[latest] == 4 else -1

        stand_in = {
            "namedWindow": lambda *_: None, "resizeWindow": lambda *_: None, "destroyWindow": lambda *_: None,
            "imshow": show, "waitKey": key, "getWindowProperty": lambda *_: 1.0,
        }  # fmt: skip
        for name, function in stand_in.items():
            monkeypatch.setattr(cv2, name, function)
        monkeypatch.setattr(window, "window_problem", lambda: None)
        output = OutputSettings(display=True, save_csv=tmp_path / "out.csv")
        run = made(cameras.url("a"), cameras.url("b"), output=output).finish()
        assert [summary.ending for summary in run.summaries] == ["quit", "quit"]
        assert [title.rpartition("_")[2] for title in sorted(shown)] == ["a", "b"]
        assert [shown[title] for title in sorted(shown)] == [summary.frames for summary in run.summaries]
        assert run.summaries[1].frames == 4
        assert len(list(tmp_path.iterdir())) == 2

    def test_enough_frames_are_enough_though_nothing_more_comes(self, cameras: Cameras) -> None:
        def then(event: object) -> None:
            if isinstance(event, Progress) and event.frames == 5:
                cameras.stalled.add("a")

        source = SourceSettings(max_frames=5, timeout=60)
        run = made(cameras.url("a"), input=source, listener=Heard(then)).finish()
        assert (run.summary.frames, run.summary.ending) == (5, "end")

    def test_a_slow_loop_gets_the_newest_frames_and_the_rest_is_counted(self, cameras: Cameras) -> None:
        run = made(cameras.url("a"), cameras.url("b"), input=SourceSettings(max_frames=6))
        times: dict[str, list[float]] = {}
        for frame, _ in run:
            times.setdefault(frame.source, []).append(frame.time)
            name = frame.source[-1]
            sent = cameras.sent[name]
            while len(times[frame.source]) < 6 and cameras.sent[name] < sent + 6:  # more than 0.1 s; later it may end
                time.sleep(0.01)
        for summary in run.summaries:
            assert isinstance(summary, Summary)
            assert summary.live is not None and summary.live.skipped >= 5
            assert np.diff(times[summary.source]).max() > 0.1
