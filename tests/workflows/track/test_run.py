"""Runs: order, threads, errors, interruption, cameras, loops that are left."""

from __future__ import annotations

import errno
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import deepsort_cli as deepsort
from deepsort_cli.core import Detections, Frame, InputError, RunError, Tracks
from deepsort_cli.core.events import Listener
from deepsort_cli.perception.settings import CameraMotionSettings, DetectorSettings, EmbedderSettings
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.tracking import Tracker, TrackerSettings
from deepsort_cli.tracking.settings import RefinementSettings
from deepsort_cli.video import outputs, sinks
from deepsort_cli.video.settings import DemoSettings, OutputSettings, SourceSettings
from deepsort_cli.video.sources import live
from deepsort_cli.workflows.track import Functions, Progress, Run, Summary, run_track, track

from .helpers import Heard

DEMO = DemoSettings(width=320, height=240, people=3, frames=30)
IMAGE = np.full((240, 320, 3), 90, np.uint8)
STANDING = [[100.0, 60.0, 140.0, 160.0, 0.9]]
NO_REID = EmbedderSettings(model_path="none")


@pytest.fixture(autouse=True)
def _no_thread_survives() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 60
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not set(threading.enumerate()) - before


def standing(image: np.ndarray) -> list[list[float]]:
    """A detector that sees one standing person in every frame."""
    return STANDING


def made(
    *sources: str,
    listener: Listener | None = None,
    detect: Callable[..., Any] | None = standing,
    embed: Callable[..., Any] | None = None,
    **sections: Any,
) -> Run:
    """A run that tracks a standing person without appearance, unless told otherwise."""
    settings = TrackSettings(source=sources or ("demo",), **{"demo": DEMO, "reid": NO_REID, **sections})
    return run_track(settings, listener or Listener(), Functions(detect, embed), keep_rows=True)


class FakeCamera:
    """Gives `good` frames, then nothing; `reopened` cameras never answer."""

    def __init__(self, good: int, delay: float = 0.0) -> None:
        self.left, self.delay = good, delay

    def isOpened(self) -> bool:
        return self.left > 0

    def read(self) -> tuple[bool, np.ndarray | None]:
        time.sleep(self.delay)
        self.left -= 1
        return (True, IMAGE.copy()) if self.left >= 0 else (False, None)

    def get(self, prop: int) -> float:
        return {cv2.CAP_PROP_FPS: 30.0, cv2.CAP_PROP_FRAME_WIDTH: 320, cv2.CAP_PROP_FRAME_HEIGHT: 240}.get(prop, 0.0)

    def set(self, prop: int, value: float) -> bool:
        return False

    def release(self) -> None:
        pass


def frames_in(path: Path) -> int:
    return int(cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FRAME_COUNT))


def rows(path: Path) -> np.ndarray:
    return np.loadtxt(path, delimiter=",", ndmin=2)


def test_equals_a_plain_loop(tmp_path: Path) -> None:
    """Threads change nothing: the same rows as detecting, embedding and tracking frame by frame."""
    from deepsort_cli.core.boxes import xyxy_to_tlwh
    from deepsort_cli.core.mot import format_rows
    from deepsort_cli.perception.detectors import open_detector
    from deepsort_cli.perception.embedders import open_embedder
    from deepsort_cli.video.demo import DemoScene

    demo, hog = DemoSettings(frames=12), DetectorSettings(model_path="hog")
    output = OutputSettings(save_txt=tmp_path / "out.txt")
    made(detect=None, demo=demo, reid=EmbedderSettings(), detector=hog, output=output).finish()
    scene, detect, expected = DemoScene(demo), open_detector(hog), ""
    embed = open_embedder()
    assert embed is not None, "the bundled model"
    tracker = Tracker(TrackerSettings(max_cosine_distance=embed.threshold))
    for index in range(demo.frames):
        image = scene.render(index)
        found = detect(image)
        tracks = tracker.update(found.with_features(embed(image, found.boxes)))
        tracks = tracks[tracks.time_since_update == 0]
        expected += format_rows(index + 1, tracks.ids, xyxy_to_tlwh(tracks.boxes))
    assert (tmp_path / "out.txt").read_text() == expected
    assert expected.count("\n") > 10


class TestLoop:
    """`for frame, tracks in run`."""

    def test_it_is_lazy_and_gives_what_is_written(self, tmp_path: Path) -> None:
        run = made(output=OutputSettings(save_csv=tmp_path / "out.csv", emit="paper"))
        assert not list(tmp_path.iterdir()), "nothing is written before somebody iterates"
        seen = [(frame.index, frame.time, tracks.ids.tolist()) for frame, tracks in run]
        assert [index for index, _, _ in seen] == list(range(DEMO.frames))
        assert seen[10] == (10, 10 / DEMO.fps, [1])
        table, written = run.table(), np.genfromtxt(tmp_path / "out.csv", delimiter=",", names=True)
        assert len(table) == run.summary.rows == 28
        for name in ("frame", "id", "x1", "y1", "x2", "y2", "time_since_update"):
            np.testing.assert_allclose(table[name], written[name], atol=0.006)

    @pytest.mark.parametrize("leave", ["break", "raise", "interrupt", "with", "close"])
    def test_leaving_it_closes_all_outputs(self, tmp_path: Path, leave: str) -> None:
        heard = Heard()
        run = made(output=outputs_in(tmp_path), listener=heard)
        errors = {"raise": ZeroDivisionError, "interrupt": KeyboardInterrupt}

        def loop() -> None:
            for frame, _ in run:
                if frame.index == 6:
                    if leave in errors:
                        raise errors[leave]
                    if leave == "close":
                        run.close()
                    if leave != "close":
                        break

        if leave in errors:
            with pytest.raises(errors[leave]):
                loop()
        elif leave == "with":
            with run:
                iterator = iter(run)
                for _ in range(7):
                    next(iterator)
        else:
            loop()
        assert usable(tmp_path) == frames_in(tmp_path / "out.mp4") == 7
        assert (run.summary.ending, run.summary.frames) == ("stopped", 7)
        assert heard.summaries == [run.summary]
        assert run.table()["frame"].max() == 7
        with pytest.raises(InputError, match="can be iterated over once"):
            iter(run)

    def test_images_and_tracks_are_the_loop_s_own(self, tmp_path: Path) -> None:
        """What a loop draws or changes does not get into outputs, and what outputs draw does not get into the loop."""
        from deepsort_cli.video.demo import DemoScene

        scene = DemoScene(DEMO)
        run = made(output=outputs_in(tmp_path))
        for frame, tracks in run:
            assert frame.image is not None
            time.sleep(0.005)  # the writer has time to draw
            assert (frame.image == scene.render(frame.index)).all()
            frame.image[:] = 0
            tracks.boxes[:], tracks.ids[:] = 0, 7
        assert set(run.table()["id"]) == {1}
        assert (run.table()["x2"] > 100).all()
        capture = cv2.VideoCapture(str(tmp_path / "out.mp4"))
        assert all(capture.read()[1].mean() > 20 for _ in range(DEMO.frames))

    def test_nothing_to_ask_for_before_the_end(self) -> None:
        with made() as run:
            with pytest.raises(InputError, match="no summary yet"):
                _ = run.summary
            iterator = iter(run)
            next(iterator)
            with pytest.raises(InputError, match="no table yet"):
                run.table()
        assert "in 1 frame (stopped)" in str(run.summary)

    def test_finishing_what_is_finished_does_nothing(self) -> None:
        run = made()
        assert len(list(run)) == DEMO.frames
        assert run.finish().finish() is run
        assert run.summary.frames == DEMO.frames

    @pytest.mark.parametrize(
        ("row", "words"),
        [
            (
                [140.0, 60.0, 100.0, 160.0],
                "no tracks: the boxes are without area, or",
            ),
            ([float("nan"), 60.0, 100.0, 160.0], "no tracks: the boxes are without area, or"),
            (None, "no tracks: the function given as detector found nothing at all"),
        ],
    )
    def test_no_tracks_is_a_warning_that_says_why(self, row: list[float] | None, words: str) -> None:
        heard = Heard()
        made(detect=lambda image: [row] if row else [], listener=heard).finish()
        assert [warning for warning in heard.warnings if words in warning]

    def test_some_boxes_that_cannot_be_used_are_a_warning(self) -> None:
        heard = Heard()
        made(detect=lambda image: [*STANDING, [9.0, 9.0, 9.0, 20.0, 0.8]], listener=heard).finish()
        assert any("demo: 30 of 60 detections were ignored" in warning for warning in heard.warnings)

    def test_the_table_is_refined_where_text_is(self) -> None:
        """The person is hidden in frames 10 to 12."""
        answers = iter([[] if 10 <= number <= 12 else STANDING for number in range(1, 31)])
        looks = {"detect": lambda image: next(answers), "embed": lambda image, boxes: np.ones((len(boxes), 4))}
        run = made(**looks, refinement=RefinementSettings(interpolate="linear")).finish()
        assert run.table()["frame"].tolist() == list(range(3, 31))
        assert np.isnan(run.table()["score"]).sum() == 3

    @pytest.mark.parametrize(
        ("least", "notes", "warnings"),
        [
            (10, ["demo: dropped 1 of 2 tracks, in fewer than 10 frames"], []),
            (
                29,
                ["demo: dropped 2 of 2 tracks, in fewer than 29 frames (the longest in 28)"],
                [
                    "demo: `refinement.min_length`=29: no track has boxes in so many frames, so all are dropped. Set "
                    "less."
                ],
            ),
        ],
    )
    def test_tracks_that_are_dropped_as_too_short_are_told(
        self, least: int, notes: list[str], warnings: list[str]
    ) -> None:
        """Somebody else is there in frames 1 to 9."""
        heard, other = Heard(), [20.0, 60.0, 50.0, 160.0, 0.9]
        answers = iter([[*STANDING, other] if number <= 9 else STANDING for number in range(1, 31)])
        looks = {"detect": lambda image: next(answers), "embed": lambda image, boxes: np.ones((len(boxes), 4))}
        run = made(**looks, refinement=RefinementSettings(min_length=least), listener=heard).finish()
        assert len(set(run.table()["id"].tolist())) == 1 - len(warnings)
        assert [note for note in heard.notes if "dropped" in note] == notes
        assert [warning for warning in heard.warnings if "min_length" in warning] == warnings

    def test_a_run_nobody_iterated_lets_its_sources_go(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(live, "open_capture", lambda target: FakeCamera(1000, delay=0.01))
        run = made("0")
        del run  # the fixture finds out whether a thread is left

    def test_progress_and_counts(self) -> None:
        from deepsort_cli.tracking.settings import CountingSettings

        heard = Heard()
        run = made(listener=heard, counting=CountingSettings(zones=("all=0,0,319,0,319,239,0,239",)))
        assert [run.counts.zones[0].inside for _ in run if run.counts is not None] == [0, 0] + [1] * 28
        progress = [event for event in heard.events if isinstance(event, Progress)]
        assert [one.frames for one in progress] == list(range(31))
        assert (progress[-1].total, progress[-1].tracks, progress[-1].present) == (30, 1, 1)


def outputs_in(folder: Path, **more: Any) -> OutputSettings:
    return OutputSettings(save_video=folder / "out.mp4", save_jsonl=folder / "out.jsonl", **more)


def usable(folder: Path) -> int:
    """Outputs are complete and agree; nothing else lies in the folder."""
    lines = (folder / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["frame"] for line in lines] == list(range(1, len(lines) + 1))
    assert {path.name for path in folder.iterdir()} == {"out.mp4", "out.jsonl"}
    return len(lines)


class TestCamera:
    def test_works_where_a_camera_is(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(live, "open_capture", lambda target: FakeCamera(1000, delay=0.002))
        output = OutputSettings(save_video=tmp_path / "out.mp4", save_txt=tmp_path / "out.txt")
        run = made("0", input=SourceSettings(max_frames=10), output=output).finish()
        summary = run.summary
        assert (summary.kind, summary.frames, summary.tracks, summary.ending) == ("camera", 10, 1, "end")
        assert frames_in(tmp_path / "out.mp4") == 10
        assert rows(tmp_path / "out.txt")[:, 0].tolist() == run.table()["frame"].tolist() == list(range(3, 11))

    def test_lost_camera_keeps_what_was_written(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        cameras = iter([FakeCamera(8, delay=0.01)])
        monkeypatch.setattr(live, "open_capture", lambda target: next(cameras, FakeCamera(0)))
        heard = Heard()
        source = SourceSettings(reconnect_attempts=2, reconnect_delay=0.01, newest=False)
        run = made("0", input=source, output=outputs_in(tmp_path), listener=heard)
        with pytest.raises(RunError, match="camera 0: lost"):
            run.finish()
        assert len(heard.warnings) == 2
        assert usable(tmp_path) == frames_in(tmp_path / "out.mp4") == 8
        with pytest.raises(InputError, match="may go on for ever"):
            run.table()

    def test_waiting_for_a_silent_camera_can_be_interrupted(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Ctrl-C while the reader waits to reconnect ends at once."""
        written = threading.Event()

        class LostLater(FakeCamera):
            """Gives two frames; the connection is lost when one is written."""

            def read(self) -> tuple[bool, np.ndarray | None]:
                assert self.left or written.wait(60)
                return super().read()

        cameras = iter([LostLater(2)])
        monkeypatch.setattr(live, "open_capture", lambda target: next(cameras, FakeCamera(0)))

        def see(event: object) -> None:
            if isinstance(event, Progress) and event.frames:
                written.set()

        def interrupt(message: str) -> None:
            import _thread

            _thread.interrupt_main()

        begin = time.monotonic()
        source = SourceSettings(reconnect_attempts=50, reconnect_delay=60)
        output = OutputSettings(save_jsonl=tmp_path / "out.jsonl")
        with pytest.raises(KeyboardInterrupt):
            made("0", input=source, output=output, listener=Heard(see, alarm=interrupt)).finish()
        assert time.monotonic() - begin < 300
        json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])


class TestEndings:
    def test_error_in_the_detector_surfaces(self, tmp_path: Path) -> None:
        seen = 0

        def failing(image: np.ndarray) -> Detections:
            nonlocal seen
            seen += 1
            if seen == 10:
                raise RunError("the detector broke")
            return Detections.empty()

        with pytest.raises(RunError, match="the detector broke"):
            made(detect=failing, output=outputs_in(tmp_path)).finish()
        assert usable(tmp_path) == frames_in(tmp_path / "out.mp4") == 9

    def test_full_disk_surfaces(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        write = sinks.JsonlSink.write

        def failing(self: sinks.JsonlSink, frame: Frame, tracks: Tracks, counts: object = None) -> None:
            if frame.index == 5:
                raise sinks.write_error(tmp_path / "out.jsonl", OSError(errno.ENOSPC, "No space left on device"))
            write(self, frame, tracks)

        monkeypatch.setattr(sinks.JsonlSink, "write", failing)
        run = made(output=outputs_in(tmp_path))
        with pytest.raises(RunError, match="the disk is full"):
            run.finish()
        assert usable(tmp_path) == frames_in(tmp_path / "out.mp4") == 5
        assert run.summaries == []

    def test_interruption_reports_and_closes(self, tmp_path: Path) -> None:
        def stop(event: object) -> None:
            if isinstance(event, Progress) and event.frames == 7:
                raise KeyboardInterrupt

        heard = Heard(stop)
        with pytest.raises(KeyboardInterrupt):
            made(output=outputs_in(tmp_path), listener=heard).finish()
        assert usable(tmp_path) == frames_in(tmp_path / "out.mp4") == 7
        assert (heard.summaries[0].ending, heard.summaries[0].frames) == ("interrupted", 7)

    def test_q_in_the_window_ends_the_run(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        class Window(sinks.Sink):
            def __init__(self, title: str) -> None:
                self.stopped = False

            def write(self, frame: Frame, tracks: Tracks, counts: object = None) -> None:
                assert threading.current_thread() is threading.main_thread()
                self.stopped = frame.index == 4

            def close(self) -> None: ...

        monkeypatch.setattr(outputs, "DisplaySink", Window)
        summary = made(output=outputs_in(tmp_path, display=True)).finish().summary
        assert (summary.ending, summary.frames) == ("quit", 5)
        assert usable(tmp_path) == 5

    def test_no_screen_is_said_before_work(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("DISPLAY", raising=False)
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        with pytest.raises(InputError, match="`output.display`: no screen"):
            made(output=outputs_in(tmp_path, display=True)).finish()
        assert list(tmp_path.iterdir()) == []


class TestOptions:
    """Options that reach beyond the tracker: who looks at which frame, and what is embedded."""

    @pytest.fixture
    def embedded(self) -> list[int]:
        """How many boxes each call embedded."""
        return []

    @pytest.fixture
    def pair(self, embedded: list[int]) -> dict[str, Callable[..., Any]]:
        """A detector of two people, one of them at a score of 0.2, and an embedder."""

        def embed(image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
            embedded.append(len(boxes))
            return np.ones((len(boxes), 4), np.float32)

        return {"detect": lambda image: [[20, 60, 60, 160, 0.9], [200, 60, 240, 160, 0.2]], "embed": embed}

    def test_detector_on_every_third_frame(self, pair: dict[str, Any], embedded: list[int], tmp_path: Path) -> None:
        run = made(**pair, detector=DetectorSettings(interval=3, conf=0.3)).finish()
        assert (run.summary.frames, run.summary.frames_detected, run.summary.embedded) == (30, 10, 10)
        assert embedded == [1] * 10
        assert run.table()["frame"].tolist() == list(range(7, 31)), "reported in between as well"

    def test_embedding_on_demand(self, pair: dict[str, Any], embedded: list[int]) -> None:
        """Nobody else is near: after confirmation, once in ten frames is enough."""
        tracker = TrackerSettings(refresh_every=10)
        summary = made(**pair, detector=DetectorSettings(conf=0.3), tracker=tracker).finish().summary
        assert summary.embedded == sum(embedded) == 3
        assert summary.embeddings_skipped == 27
        assert summary.tracks == 1

    def test_low_scores_are_detected_but_not_embedded(self, pair: dict[str, Any], embedded: list[int]) -> None:
        tracker = TrackerSettings(low_score=0.1, high_score=0.3)
        summary = made(**pair, tracker=tracker).finish().summary
        assert summary.fate is not None
        assert (summary.fate.conf, summary.fate.counts.kept) == (0.1, 60)
        assert embedded == [1] * 30
        assert summary.tracks == 1, "a low score begins no track"

    def test_camera_motion_of_a_still_scene(self, pair: dict[str, Any]) -> None:
        tables = []
        for method in ("none", "flow"):
            run = made(**pair, camera_motion=CameraMotionSettings(method=method)).finish()  # type: ignore[arg-type]
            tables.append(run.table())
        for name in ("x1", "y1", "x2", "y2"):
            np.testing.assert_allclose(tables[0][name], tables[1][name], atol=1.5)
        assert run.summary.camera_motions is not None
        assert 0 < run.summary.camera_motions <= 29
        assert "camera" in run.summary.stage_ms

    @pytest.mark.parametrize(("given", "expected"), [(None, 0.37), (0.5, 0.5), (0.2, 0.2)])
    def test_threshold_of_the_model_is_used_where_none_is_given(
        self, monkeypatch: pytest.MonkeyPatch, given: float | None, expected: float
    ) -> None:
        from deepsort_cli.perception.embedders import Embedder

        init = Embedder.__init__

        def with_threshold(self: Embedder, *args: Any) -> None:
            init(self, *args)
            self.threshold = 0.37

        monkeypatch.setattr(Embedder, "__init__", with_threshold)
        demo = DemoSettings(width=160, height=120, people=1, frames=1)
        tracker = TrackerSettings(max_cosine_distance=given)
        summary = made(demo=demo, reid=EmbedderSettings(), tracker=tracker).finish().summary
        assert summary.max_cosine_distance == expected


def test_what_changes_nothing_with_this_detector_is_said(tmp_path: Path) -> None:
    stored = tmp_path / "det.txt"
    stored.write_text("1,-1,10,10,20,40,0.9\n")

    def said(**keywords: Any) -> list[str]:
        heard = Heard()
        deepsort.track("demo", reid="none", max_frames=1, listener=heard, **keywords).close()
        return [warning for warning in heard.warnings if "changes nothing" in warning]

    told = said(detections=stored, detector="hog", detect_every=3, max_det=5, conf=0.2, iou=0.5)
    assert [warning.partition(" ")[0] for warning in told] == [
        "`detector.model_path`", "`detector.max_det`", "`detector.interval`",
    ]  # fmt: skip
    assert all(warning.endswith("as detections are stored (`detections`).") for warning in told)
    assert not said(detections=stored, preset="fast"), "the preset's own, which is nobody's wish"
    (told_of_hog,) = said(detector=DetectorSettings(model_path="hog", color="BGR", interval=2, hog_stride=16))
    assert told_of_hog == "`detector.color` changes nothing, as the detector is hog, no network."


class TestFate:
    """What became of the detections of a run."""

    def run(self, tmp_path: Path, numbers: list[int], **sections: Any) -> Summary:
        folder = tmp_path / "frames"
        folder.mkdir()
        for number in range(1, 6):
            cv2.imwrite(str(folder / f"{number:06d}.png"), IMAGE)
        (tmp_path / "det.txt").write_text("".join(f"{number},-1,20,20,40,80,0.9\n" for number in numbers))
        return made(str(folder), detect=None, detections=tmp_path / "det.txt", **sections).finish().summary

    @pytest.mark.parametrize(("rows", "why"), [("", "no row"), ("1,1,0,0,9,9,0,1,1\n", "column 7 is 0 in every row")])
    def test_ground_truth_without_a_row_that_counts_is_refused_before_work(
        self, tmp_path: Path, rows: str, why: str
    ) -> None:
        (tmp_path / "gt.txt").write_text(rows)
        with pytest.raises(InputError, match=f"gt.txt: nothing in it counts .{why}"):
            self.run(
                tmp_path,
                [1, 2, 3],
                gt=tmp_path / "gt.txt",
                output=OutputSettings(save_txt=tmp_path / "out.txt"),
            )
        assert not (tmp_path / "out.txt").exists()

    def test_detections_of_larger_pictures_are_noticed(self, tmp_path: Path) -> None:
        (tmp_path / "det.txt").write_text("".join(f"{n},-1,1500,900,40,80,0.9\n" for n in range(1, 4)))
        (tmp_path / "seqinfo.ini").write_text("[Sequence]\nname=S\nseqLength=3\nimWidth=320\nimHeight=240\n")
        heard = Heard()
        run_track(TrackSettings(detections=tmp_path / "det.txt"), heard).finish()
        assert any("reach far beyond the picture" in line for line in heard.warnings)

    def test_detections_behind_the_end(self, tmp_path: Path) -> None:
        fate = self.run(tmp_path, list(range(1, 10))).fate
        assert fate is not None
        assert (fate.counts.found, fate.counts.kept, fate.beyond, fate.unconfirmed) == (5, 5, 4, 0)

    def test_frames_left_out_on_purpose_are_not_the_end(self, tmp_path: Path) -> None:
        fate = self.run(tmp_path, [1, 2, 3, 4, 5], input=SourceSettings(max_frames=2)).fate
        assert fate is not None
        assert (fate.counts.found, fate.beyond, fate.begun, fate.unconfirmed) == (2, 0, 1, 1)


@pytest.mark.parametrize("source", [np.zeros((2, 2, 3)), None, 1.5])
def test_what_is_no_source_is_refused_in_one_line(source: Any) -> None:
    with pytest.raises(InputError, match=f"^`source`: a {type(source).__name__} is no source"):
        track(source)


def test_outputs_that_are_links_stay_links(tmp_path: Path) -> None:
    names = ("save_txt", "save_csv", "save_summary", "save_heatmap", "save_video", "save_detections")
    suffixes = {"save_heatmap": ".png", "save_video": ".mp4", "save_detections": ".npz", "save_summary": ".json"}
    (tmp_path / "disk").mkdir()
    links = {name: tmp_path / f"{name}{suffixes.get(name, '.txt')}" for name in names}
    for link in links.values():
        link.symlink_to(tmp_path / "disk" / link.name)
        link.write_text("old")
    settings = TrackSettings(
        source=("demo",),
        demo=DemoSettings(width=320, height=240, frames=4),
        tracker=TrackerSettings(n_init=1),
        reid=NO_REID,
        output=OutputSettings(overwrite=True, **links),
    )
    people = np.array([[20.0, 20, 60, 120, 0.9, 0]])
    run_track(settings, Listener(), Functions(lambda image: people, None)).finish()
    assert all(link.is_symlink() and link.read_bytes() != b"old" for link in links.values())
    assert len(list((tmp_path / "disk").iterdir())) == len(links)


def test_no_output_takes_the_place_of_what_is_read(tmp_path: Path) -> None:
    """By whatever name both go, and of whichever source it is."""
    frames, stored, link = tmp_path / "frames", tmp_path / "det.txt", tmp_path / "link.txt"
    frames.mkdir()
    for number in (1, 2):
        cv2.imwrite(str(frames / f"{number}.png"), IMAGE)
    (tmp_path / "out_frames.png").write_bytes((frames / "1.png").read_bytes())
    stored.write_text("1,-1,100,60,40,100,0.9\n")
    link.symlink_to(stored)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for source, output, key, more in (
        ([frames], {"save_txt": link}, "detections", {"detections": stored}),
        ([frames], {"save_csv": stored}, "gt", {"gt": stored}),
        ([frames.as_uri()], {"save_timeline": frames / "2.png"}, "source", {}),
        ([frames, tmp_path / "out_frames.png"], {"save_timeline": tmp_path / "out.png"}, "source", {}),
        ([frames], {"save_crops": tmp_path}, "source", {}),
    ):
        settings = TrackSettings(
            source=tuple(map(str, source)),
            detector=DetectorSettings(model_path="hog"),
            reid=NO_REID,
            output=OutputSettings(overwrite=True, **output),
            **more,
        )
        words = f"`output.{next(iter(output))}` .*: `{key}` reads .*this (file|folder)"
        with pytest.raises(InputError, match=words):
            run_track(settings, Listener())
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
