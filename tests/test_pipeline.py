"""The pipeline: order, threads, errors, interruption, cameras."""

from __future__ import annotations

import errno
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepsort_cli import pipeline
from deepsort_cli.core import Detections, Frame, InputError, RunError, Tracks
from deepsort_cli.perception.detectors.tally import Tally
from deepsort_cli.perception.settings import CameraMotionSettings, DetectorSettings, EmbedderSettings
from deepsort_cli.pipeline import Observer, Summary, track
from deepsort_cli.tracking import Tracker, TrackerSettings
from deepsort_cli.video import outputs, sinks
from deepsort_cli.video.settings import DemoSettings, OutputSettings, SourceSettings
from deepsort_cli.video.sources import live

DEMO = DemoSettings(width=320, height=240, people=3, frames=30)
IMAGE = np.full((240, 320, 3), 90, np.uint8)


@pytest.fixture(autouse=True)
def _no_thread_survives() -> Iterator[None]:
    yield
    deadline = time.monotonic() + 5
    while threading.active_count() > 1 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert threading.active_count() == 1, threading.enumerate()


@pytest.fixture
def quick_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """A detector that sees one standing person in every frame, instead of hog."""

    class Standing:
        name = "standing"
        class_names = {0: "person"}  # noqa: RUF012
        tally = Tally()

        def __call__(self, image: np.ndarray) -> Detections:
            return Detections(np.array([[100.0, 60.0, 140.0, 160.0]]), np.array([0.9]))

    monkeypatch.setattr(pipeline, "open_detector", lambda settings, runtime, warn: Standing())


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

    demo = DemoSettings(frames=12)
    track(["demo"], demo=demo, output=OutputSettings(save_txt=tmp_path / "out.txt"))
    scene, detect, tracker, expected = DemoScene(demo), open_detector(), Tracker(), ""
    embed = open_embedder()
    assert embed is not None, "the bundled model"
    for index in range(demo.frames):
        image = scene.render(index)
        found = detect(image)
        tracks = tracker.update(found.with_features(embed(image, found.boxes)))
        tracks = tracks[tracks.time_since_update == 0]
        expected += format_rows(index + 1, tracks.ids, xyxy_to_tlwh(tracks.boxes))
    assert (tmp_path / "out.txt").read_text() == expected
    assert expected.count("\n") > 10


@pytest.mark.usefixtures("quick_detector")
class TestCamera:
    def test_works_where_a_camera_is(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(live, "open_capture", lambda target: FakeCamera(1000, delay=0.002))
        (summary,) = track(
            ["0"],
            source=SourceSettings(max_frames=10),
            output=OutputSettings(save_video=tmp_path / "out.mp4", save_txt=tmp_path / "out.txt"),
        )
        assert (summary.kind, summary.frames, summary.tracks, summary.ending) == ("camera", 10, 1, "end")
        assert frames_in(tmp_path / "out.mp4") == 10
        assert rows(tmp_path / "out.txt")[:, 0].tolist() == list(range(3, 11))

    def test_lost_camera_keeps_what_was_written(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        cameras = iter([FakeCamera(8, delay=0.01)])
        monkeypatch.setattr(live, "open_capture", lambda target: next(cameras, FakeCamera(0)))
        warnings: list[str] = []
        with pytest.raises(RunError, match="camera 0: lost"):
            track(
                ["0"],
                source=SourceSettings(reconnect_attempts=2, reconnect_delay=0.01, newest=False),
                output=OutputSettings(save_video=tmp_path / "out.mp4", save_jsonl=tmp_path / "out.jsonl"),
                observer=Observer(warn=warnings.append),
            )
        assert len(warnings) == 2
        lines = (tmp_path / "out.jsonl").read_text().splitlines()
        assert len(lines) == 8
        assert frames_in(tmp_path / "out.mp4") == 8

    def test_waiting_for_a_silent_camera_can_be_interrupted(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Ctrl-C while the reader waits to reconnect ends at once."""
        cameras = iter([FakeCamera(3, delay=0.3)])
        monkeypatch.setattr(live, "open_capture", lambda target: next(cameras, FakeCamera(0)))

        def interrupt(message: str) -> None:
            import _thread

            _thread.interrupt_main()

        begin = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            track(
                ["0"],
                source=SourceSettings(reconnect_attempts=50, reconnect_delay=30),
                output=OutputSettings(save_jsonl=tmp_path / "out.jsonl"),
                observer=Observer(warn=interrupt),
            )
        assert time.monotonic() - begin < 10
        json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])


@pytest.mark.usefixtures("quick_detector")
class TestEndings:
    def run(self, folder: Path, observer: Observer | None = None, **output: object) -> list[Summary]:
        settings = OutputSettings(save_video=folder / "out.mp4", save_jsonl=folder / "out.jsonl", **output)  # type: ignore[arg-type]
        return track(["demo"], demo=DEMO, output=settings, observer=observer)

    def usable(self, folder: Path) -> int:
        """Outputs are complete and agree; nothing else lies in the folder."""
        lines = (folder / "out.jsonl").read_text().splitlines()
        assert [json.loads(line)["frame"] for line in lines] == list(range(1, len(lines) + 1))
        assert {path.name for path in folder.iterdir()} == {"out.mp4", "out.jsonl"}
        return len(lines)

    def test_error_in_the_detector_surfaces(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        seen = 0

        class Failing:
            name = "failing"
            class_names = {0: "person"}  # noqa: RUF012
            tally = Tally()

            def __call__(self, image: np.ndarray) -> Detections:
                nonlocal seen
                seen += 1
                if seen == 10:
                    raise RunError("the detector broke")
                return Detections.empty()

        monkeypatch.setattr(pipeline, "open_detector", lambda settings, runtime, warn: Failing())
        with pytest.raises(RunError, match="the detector broke"):
            self.run(tmp_path)
        assert self.usable(tmp_path) == 9
        assert frames_in(tmp_path / "out.mp4") == 9

    def test_full_disk_surfaces(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        write = sinks.JsonlSink.write

        def failing(self: sinks.JsonlSink, frame: Frame, tracks: Tracks, counts: object = None) -> None:
            if frame.index == 5:
                raise sinks.write_error(tmp_path / "out.jsonl", OSError(errno.ENOSPC, "No space left on device"))
            write(self, frame, tracks)

        monkeypatch.setattr(sinks.JsonlSink, "write", failing)
        with pytest.raises(RunError, match="the disk is full"):
            self.run(tmp_path)
        assert self.usable(tmp_path) == 5
        assert frames_in(tmp_path / "out.mp4") == 5

    def test_interruption_reports_and_closes(self, tmp_path: Path) -> None:
        summaries: list[Summary] = []

        def stop(progress: pipeline.Progress) -> None:
            if progress.frames == 7:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            self.run(tmp_path, Observer(advanced=stop, finished=summaries.append))
        assert self.usable(tmp_path) == 7
        assert frames_in(tmp_path / "out.mp4") == 7
        assert (summaries[0].ending, summaries[0].frames) == ("interrupted", 7)

    def test_q_in_the_window_ends_the_run(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        class Window(sinks.Sink):
            def __init__(self, title: str) -> None:
                self.stopped = False

            def write(self, frame: Frame, tracks: Tracks, counts: object = None) -> None:
                assert threading.current_thread() is threading.main_thread()
                self.stopped = frame.index == 4

            def close(self) -> None: ...

        monkeypatch.setattr(outputs, "DisplaySink", Window)
        (summary,) = self.run(tmp_path, display=True)
        assert (summary.ending, summary.frames) == ("quit", 5)
        assert self.usable(tmp_path) == 5

    def test_no_screen_is_said_before_work(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("DISPLAY", raising=False)
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        with pytest.raises(InputError, match="--display: no screen"):
            self.run(tmp_path, display=True)
        assert list(tmp_path.iterdir()) == []


def test_threshold_of_the_model_is_used_where_none_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Model:
        name, feature_size, threshold = "model", 4, 0.37

        def __call__(self, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
            return np.ones((len(boxes), 4), np.float32)

    monkeypatch.setattr(pipeline, "open_embedder", lambda settings, runtime, warn: Model())
    demo = DemoSettings(width=160, height=120, people=1, frames=2)
    for given, expected in [(None, 0.37), (0.5, 0.5), (0.2, 0.2)]:
        (summary,) = track(["demo"], demo=demo, tracker=TrackerSettings(max_cosine_distance=given))
        assert summary.max_cosine_distance == expected
        assert summary.embedder == "model"


class TestOptions:
    """Options that reach beyond the tracker: who looks at which frame, and what is embedded."""

    @pytest.fixture
    def crew(self, monkeypatch: pytest.MonkeyPatch) -> list[float | int]:
        """A detector of two people, one of them at a score of 0.2, and an embedder.

        The list holds the detector's confidences (floats) and how many boxes each call embedded (ints).
        """
        calls: list[float | int] = []

        class Pair:
            name = "pair"
            class_names = {0: "person"}  # noqa: RUF012
            tally = Tally()

            def __init__(self, settings: DetectorSettings) -> None:
                self.conf = settings.conf or 0.3
                calls.append(self.conf)

            def __call__(self, image: np.ndarray) -> Detections:
                found = Detections(np.array([[20.0, 60, 60, 160], [200.0, 60, 240, 160]]), np.array([0.9, 0.2]))
                return found[found.scores >= self.conf]

        class Model:
            name, feature_size, threshold = "model", 4, None

            def __call__(self, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
                calls.append(len(boxes))
                return np.ones((len(boxes), 4), np.float32)

        monkeypatch.setattr(pipeline, "open_detector", lambda settings, runtime, warn: Pair(settings))
        monkeypatch.setattr(pipeline, "open_embedder", lambda settings, runtime, warn: Model())
        return calls

    def test_detector_on_every_third_frame(self, crew: list[float | int], tmp_path: Path) -> None:
        output = OutputSettings(save_txt=tmp_path / "out.txt")
        (summary,) = track(["demo"], demo=DEMO, detector=DetectorSettings(interval=3), output=output)
        assert (summary.frames, summary.frames_detected, summary.embedded) == (30, 10, 10)
        assert crew[1:] == [1] * 10
        assert rows(tmp_path / "out.txt")[:, 0].tolist() == list(range(7, 31)), "reported in between as well"

    def test_embedding_on_demand(self, crew: list[float | int]) -> None:
        """Nobody else is near: after confirmation, once in ten frames is enough."""
        (summary,) = track(["demo"], demo=DEMO, tracker=TrackerSettings(refresh_every=10))
        assert summary.embedded == sum(crew[1:]) == 3
        assert summary.embeddings_skipped == 27
        assert summary.tracks == 1

    def test_low_scores_are_detected_but_not_embedded(self, crew: list[float | int], tmp_path: Path) -> None:
        (summary,) = track(["demo"], demo=DEMO, tracker=TrackerSettings(low_score=0.1, high_score=0.3))
        assert crew[0] == 0.1
        assert crew[1:] == [1] * 30
        assert summary.tracks == 1, "a low score begins no track"

    def test_camera_motion_of_a_still_scene(self, crew: list[float | int], tmp_path: Path) -> None:
        texts = []
        for method in ("none", "flow"):
            output = OutputSettings(save_txt=tmp_path / f"{method}.txt")
            camera = CameraMotionSettings(method=method)  # type: ignore[arg-type]
            (summary,) = track(["demo"], demo=DEMO, camera_motion=camera, output=output)
            texts.append(rows(tmp_path / f"{method}.txt"))
        np.testing.assert_allclose(texts[0], texts[1], atol=1.5)
        assert summary.camera_motions is not None
        assert 0 < summary.camera_motions <= 29
        assert "camera" in summary.stage_ms


class TestFate:
    """What became of the detections of a run."""

    def run(self, tmp_path: Path, numbers: list[int], **settings: object) -> Summary:
        folder = tmp_path / "frames"
        folder.mkdir()
        for number in range(1, 6):
            cv2.imwrite(str(folder / f"{number:06d}.png"), IMAGE)
        (tmp_path / "det.txt").write_text("".join(f"{number},-1,20,20,40,80,0.9\n" for number in numbers))
        (summary,) = track([str(folder)], detections=tmp_path / "det.txt", **settings)  # type: ignore[arg-type]
        return summary

    @pytest.mark.parametrize(("rows", "why"), [("", "no row"), ("1,1,0,0,9,9,0,1,1\n", "column 7 is 0 in every row")])
    def test_ground_truth_without_a_row_that_counts_is_refused_before_work(
        self, tmp_path: Path, rows: str, why: str
    ) -> None:
        (tmp_path / "gt.txt").write_text(rows)
        with pytest.raises(InputError, match=f"gt.txt: nothing in it counts .{why}"):
            self.run(
                tmp_path,
                [1, 2, 3],
                compare=True,
                ground_truth=tmp_path / "gt.txt",
                output=OutputSettings(save_txt=tmp_path / "out.txt"),
            )
        assert not (tmp_path / "out.txt").exists()

    def test_detections_of_larger_pictures_are_noticed(self, tmp_path: Path) -> None:
        said: list[str] = []
        (tmp_path / "det.txt").write_text("".join(f"{n},-1,1500,900,40,80,0.9\n" for n in range(1, 4)))
        (tmp_path / "seqinfo.ini").write_text("[Sequence]\nname=S\nseqLength=3\nimWidth=320\nimHeight=240\n")
        track([], detections=tmp_path / "det.txt", observer=Observer(warn=said.append))
        assert any("reach far beyond the picture" in line for line in said)

    def test_detections_behind_the_end(self, tmp_path: Path) -> None:
        fate = self.run(tmp_path, list(range(1, 10))).fate
        assert fate is not None
        assert (fate.counts.found, fate.counts.kept, fate.beyond, fate.unconfirmed) == (5, 5, 4, 0)

    def test_frames_left_out_on_purpose_are_not_the_end(self, tmp_path: Path) -> None:
        fate = self.run(tmp_path, [1, 2, 3, 4, 5], source=SourceSettings(max_frames=2)).fate
        assert fate is not None
        assert (fate.counts.found, fate.beyond, fate.begun, fate.unconfirmed) == (2, 0, 1, 1)

    def test_every_source_has_its_own_counts(self, quick_detector: None) -> None:
        demo = DemoSettings(frames=4, width=320, height=240)
        first, second = track(["demo", "demo"], demo=demo, reid=EmbedderSettings(model_path="none"))
        assert first.fate is not None and second.fate is not None
        assert first.fate.begun == second.fate.begun == 1
