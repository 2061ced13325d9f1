"""A run that is ended from elsewhere than its loop, and what several runs at once share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

import deepsort_cli as deepsort
from deepsort_cli.workflows.track.iteration import opencv_single_threaded

SCENE = {"width": 160, "height": 120, "people": 1, "frames": 40}


def run_of(detector: Callable[..., Any], **more: Any) -> Any:
    return deepsort.track("demo", demo=SCENE, detector=detector, reid="none", **more)


class Blocked:
    """A detector that does not answer in its fifth frame until it may."""

    def __init__(self) -> None:
        self.seen, self.reached, self.may = 0, threading.Event(), threading.Event()

    def __call__(self, image: np.ndarray) -> list[list[float]]:
        self.seen += 1
        if self.seen == 5:
            self.reached.set()
            assert self.may.wait(600)
        return [[40.0, 30.0, 60.0, 80.0, 0.9]]


def test_another_thread_ends_the_loop_amid_a_frame(tmp_path: Path) -> None:
    detector = Blocked()
    run = run_of(detector, save_jsonl=tmp_path / "rows.jsonl")

    def end() -> None:
        detector.reached.wait(600)
        run.close()  # comes back though nothing goes on in the loop
        detector.may.set()

    other = threading.Thread(target=end)
    other.start()
    given = [frame.index for frame, _ in run]
    other.join()
    assert len(given) < SCENE["frames"]
    assert (run.summary.ending, run.summary.frames) == ("stopped", len(given))
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) >= len(given)
    run.close()
    with pytest.raises(deepsort.InputError, match="iterated over once"):
        run.finish()


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="POSIX signals")
@pytest.mark.parametrize("finish", [False, True])
def test_a_signal_handler_of_the_program_ends_the_run(finish: bool) -> None:
    detector = Blocked()
    run = run_of(detector)

    def end(*_: object) -> None:
        run.close()
        detector.may.set()

    before = signal.signal(signal.SIGUSR1, end)
    main = threading.main_thread().ident
    assert main is not None
    other = threading.Thread(target=lambda: detector.reached.wait(600) and signal.pthread_kill(main, signal.SIGUSR1))
    other.start()
    try:
        if finish:
            run.finish()
        else:
            for _ in run:
                pass
    finally:
        other.join()
        signal.signal(signal.SIGUSR1, before)
    assert run.summary.ending == "stopped"
    assert run.summary.frames < SCENE["frames"]


def test_a_detector_may_end_its_own_run() -> None:
    run: Any = None

    def detect(image: np.ndarray) -> list[list[float]]:
        run.close()
        return []

    run = run_of(detect)
    assert run.finish().summary.ending == "stopped"


def test_opencv_gets_its_threads_back_when_the_last_run_has_ended() -> None:
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        wanted = cv2.getNumThreads()
        first, second = ExitStack(), ExitStack()
        first.enter_context(opencv_single_threaded())
        second.enter_context(opencv_single_threaded())
        first.close()
        assert cv2.getNumThreads() == 1
        second.close()
        assert cv2.getNumThreads() == wanted
    finally:
        cv2.setNumThreads(before)


def test_a_file_of_another_working_folder_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it may be replaced was checked in the first one."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "rows.txt").write_text("precious")
    monkeypatch.chdir(tmp_path)
    run = run_of(lambda image: np.empty((0, 4)), save_txt="rows.txt", max_frames=2)
    whole = run_of(lambda image: np.empty((0, 4)), save_txt=tmp_path / "whole.txt", max_frames=2)
    monkeypatch.chdir(tmp_path / "other")
    with pytest.raises(deepsort.InputError, match=r"^`output\.save_txt` rows\.txt: the working folder was .*other now"):
        run.finish()
    assert (tmp_path / "other" / "rows.txt").read_text() == "precious"
    whole.finish()
    assert (tmp_path / "whole.txt").exists()
    monkeypatch.chdir(tmp_path)
    assert run.finish().summary.frames == 2
    assert (tmp_path / "rows.txt").exists()


PROGRAM = """
import sys, threading, time
import deepsort_cli as deepsort

run = deepsort.track(
    "demo", detector=lambda image: [[10, 10, 60, 120]], reid="none", save_txt="rows.txt", save="video.mp4"
)
frames = iter(run)
if sys.argv[1] == "thread":
    seen = []
    threading.Thread(target=lambda: [seen.append(time.sleep(0.01)) for _ in frames], daemon=True).start()
    while len(seen) < 5:
        time.sleep(0.01)
else:
    for _ in range(5):
        next(frames)
"""


@pytest.mark.parametrize("where", ["here", "thread"])
def test_the_end_of_the_program_closes_a_run_under_way(tmp_path: Path, where: str) -> None:
    path = os.pathsep.join([str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, where],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "rows.txt").read_text()
    with av.open(str(tmp_path / "video.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) >= 5
