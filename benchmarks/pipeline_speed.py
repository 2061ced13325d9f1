"""End-to-end frames per second of `deepsort track`, against what ONNX Runtime alone needs for the same inputs.

The very arrays that detector and embedder give to ONNX Runtime are recorded once. Then, in alternating rounds:

- *networks, one after the other*: ONNX Runtime on the recorded arrays, every network with all cores;
- *networks, side by side*: the same, detector and embedder in a thread each with half of the cores;
- *text output*: the whole pipeline (decode, letterbox, detect, crop, embed, track) writing MOT text;
- *video output*: the same, drawing and encoding H.264 as well.

The bound for text output is the faster of the first two. Video output adds work that no network waits for, so its bound
is all the CPU time the run used, spread evenly over the cores.

    python benchmarks/pipeline_speed.py --video vtest.avi --detector yolox_nano.onnx --reid osnet_x0_25.onnx
"""

from __future__ import annotations

import argparse
import queue
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import deepsort_cli as deepsort
from deepsort_cli.core.cpus import available_cpus
from deepsort_cli.perception.detectors import open_detector
from deepsort_cli.perception.embedders import open_embedder
from deepsort_cli.perception.runtime import Session, open_session
from deepsort_cli.perception.settings import DetectorSettings, EmbedderSettings, RuntimeSettings

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


class Recorder:
    """Stands in for a session and keeps copies of what it is run on."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.inputs: list[np.ndarray] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        self.inputs.append(images.copy())
        return self._session.run(images)


def record(video: Path, detector: Path, reid: Path, frames: int) -> list[tuple[np.ndarray, list[np.ndarray]]]:
    """For every frame, the detector's input and the embedder's inputs."""
    detect = open_detector(DetectorSettings(model_path=str(detector)))
    embed = open_embedder(EmbedderSettings(model_path=str(reid)))
    assert embed is not None
    first, second = Recorder(detect._session), Recorder(embed._session)  # type: ignore[attr-defined]
    detect._session, embed._session = first, second  # type: ignore[attr-defined,assignment]
    capture, recorded = cv2.VideoCapture(str(video)), []
    while len(recorded) < frames:
        read, image = capture.read()
        if not read:
            break
        first.inputs.clear()
        second.inputs.clear()
        embed(image, detect(image).boxes)
        recorded.append((first.inputs[0], list(second.inputs)))
    return recorded


def one_after_the_other(recorded: list, detector: Path, reid: Path, threads: int) -> Callable[[], None]:
    settings = RuntimeSettings(threads=threads)
    first, second = open_session(detector, settings), open_session(reid, settings)

    def run() -> None:
        for frame, crops in recorded:
            first.run(frame)
            for batch in crops:
                second.run(batch)

    return run


def side_by_side(recorded: list, detector: Path, reid: Path, threads: int) -> Callable[[], None]:
    settings = RuntimeSettings(threads=threads)
    first, second = open_session(detector, settings), open_session(reid, settings)

    def run() -> None:
        done: queue.Queue[list[np.ndarray] | None] = queue.Queue(2)

        def detect() -> None:
            for frame, crops in recorded:
                first.run(frame)
                done.put(crops)
            done.put(None)

        thread = threading.Thread(target=detect)
        thread.start()
        while (crops := done.get()) is not None:
            for batch in crops:
                second.run(batch)
        thread.join()

    return run


def pipeline(video: Path, detector: Path, reid: Path, frames: int, **output: object) -> tuple[float, float]:
    """Frames per second, and those that the CPU time used would allow if no core were ever idle."""
    run = deepsort.track(video, detector=detector, reid=reid, max_frames=frames, overwrite=True, **output)
    begin = time.process_time()
    summary = run.finish().summary
    used = time.process_time() - begin
    return summary.fps, available_cpus() * summary.frames / used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path, default=DATA / "video" / "vtest.avi")
    parser.add_argument("--detector", type=Path, default=DATA / "models" / "yolox_nano.onnx")
    parser.add_argument("--reid", type=Path, default=DATA / "models" / "osnet_x0_25_msmt17_dyn.onnx")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    missing = [str(path) for path in (arguments.video, arguments.detector, arguments.reid) if not path.exists()]
    if missing:
        print(f"skipped: not found: {', '.join(missing)}; name your own files", file=sys.stderr)
        return
    video, detector, reid = arguments.video, arguments.detector, arguments.reid
    cpus = available_cpus()
    recorded = record(video, detector, reid, arguments.frames)
    frames, crops = len(recorded), sum(len(batch) for _, batches in recorded for batch in batches)
    print(f"{video.name}: {frames} frames, {crops / frames:.1f} crops a frame, {cpus} cores")
    bounds = {
        "networks, one after the other": one_after_the_other(recorded, detector, reid, cpus),
        "networks, side by side": side_by_side(recorded, detector, reid, max(1, cpus // 2)),
    }
    speeds: dict[str, list[float]] = {name: [] for name in (*bounds, "text output", "video output")}
    work: dict[str, list[float]] = {name: [] for name in speeds}
    text_ratios, video_ratios = [], []
    with tempfile.TemporaryDirectory() as folder:
        text: dict[str, object] = {"save_txt": Path(folder) / "out.txt"}
        film: dict[str, object] = {**text, "save": Path(folder) / "out.mp4"}
        for _ in range(arguments.rounds):
            for name, run in bounds.items():
                begin, used = time.perf_counter(), time.process_time()
                run()
                speeds[name].append(frames / (time.perf_counter() - begin))
                work[name].append((time.process_time() - used) / frames)
            fps, allowed = pipeline(video, detector, reid, frames, **text)
            speeds["text output"].append(fps)
            work["text output"].append(cpus / allowed)
            text_ratios.append(fps / max(values[-1] for values in (speeds[name] for name in bounds)))
            fps, allowed = pipeline(video, detector, reid, frames, **film)
            speeds["video output"].append(fps)
            work["video output"].append(cpus / allowed)
            video_ratios.append(fps / allowed)
    for name, values in speeds.items():
        used = 1e3 * statistics.median(work[name])
        print(f"{name:<32}{statistics.median(values):>7.1f} fps {used:>7.1f} ms of CPU time a frame")
    sequential = statistics.median(speeds["networks, one after the other"])
    print(f"text output / networks, one after the other: {statistics.median(speeds['text output']) / sequential:.2f}")
    print(f"text output / the faster of the two:         {statistics.median(text_ratios):.2f}")
    print(f"video output / all CPU work over the cores:  {statistics.median(video_ratios):.2f}")


if __name__ == "__main__":
    main()
