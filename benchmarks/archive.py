"""An archive of 24 clips with one worker, with one for each core, and on a Ray cluster of two nodes on this machine.

The clips are generated. First the CPU seconds that they take in one process that has its models open are measured: no
way of sharing them out can do with fewer, so these seconds, spread over the cores, are the ideal. Then each way runs in
turns with the others, its start and its index included, and

- *efficiency* is the ideal by the CPU seconds that were there to be had: cores × wall time, less what other programs
  used meanwhile (from /proc/stat), so that a busy machine does not count against the archive;
- *a video* is what a way adds to the ideal, in CPU seconds for each clip; for Ray its processes beside the workers
  (two raylets and the control store) are in it.

All results are compared byte by byte.

    python benchmarks/archive.py --detector yolox_nano.onnx
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import av
import psutil

import deepsort_cli as deepsort
from deepsort_cli.core.cpus import available_cpus
from deepsort_cli.settings.keywords import from_keywords
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.video.settings import DemoSettings, SourceSettings
from deepsort_cli.video.sources import DemoSource
from deepsort_cli.workflows.archive.videos import Video
from deepsort_cli.workflows.archive.work import Job, Worker

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def make_clips(folder: Path, clips: int, frames: int) -> None:
    """Scenes of different people, in two folders."""
    for seed in range(clips):
        scene = DemoSource("demo", DemoSettings(width=640, height=480, frames=frames, seed=seed), SourceSettings())
        path = folder / f"camera{seed % 2}" / f"{seed:02d}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25, options={"preset": "veryfast"})
            stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
            for frame in scene:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.image, format="bgr24")))
            container.mux(stream.encode())


@dataclass
class Meter:
    """CPU seconds of this process's children, grandchildren and so on, and of everything on the machine."""

    seconds: dict[int, float] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Meter:
        self._begin, self._busy, self._before = time.perf_counter(), busy(), self._own()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.busy = time.perf_counter() - self._begin, busy() - self._busy
        self._stop.set()
        self._thread.join()
        self.cpu = sum(self.seconds.values()) + self._own() - self._before

    def _own(self) -> float:
        times = psutil.Process().cpu_times()
        return times.user + times.system

    def _sample(self) -> None:
        first: dict[int, float] = {}
        while not self._stop.wait(0.2):
            for child in psutil.Process().children(recursive=True):
                try:
                    times = child.cpu_times()
                except psutil.Error:
                    continue
                used = times.user + times.system
                # A node of the cluster has been there before.
                begin = first.setdefault(child.pid, used if child.create_time() < time.time() - 1 else 0.0)
                self.seconds[child.pid] = max(self.seconds.get(child.pid, 0.0), used - begin)

    @property
    def available(self) -> float:
        """CPU seconds that others left."""
        return available_cpus() * self.wall - max(0.0, self.busy - self.cpu)


def busy() -> float:
    """CPU seconds that everything on this machine has used."""
    times = psutil.cpu_times()
    return sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "steal"))


def ideal(clips: Path, work: Path, settings: TrackSettings) -> float:
    """CPU seconds of all clips in one process that has its models open."""
    worker = Worker(settings, 1)
    jobs = [
        Job(number, Video(str(path), str(number)), work / str(number))
        for number, path in enumerate(sorted(clips.rglob("*.mp4")))
    ]
    worker(jobs[0].attempt("warm"), {}, lambda frames, total: None, lambda: False)
    begin = time.process_time()
    for job in jobs:
        assert worker(job, {}, lambda frames, total: None, lambda: False).error is None
    return time.process_time() - begin


def contents(folder: Path) -> dict[str, str]:
    """What is in every file of an archive, without the seconds that its making took."""
    found = {}
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if path.is_file() and place.parts[0] != ".deepsort":
            data = path.read_bytes()
            if path.name == "summary.json":
                data = json.dumps(json.loads(data) | {"seconds": 0}).encode()
            found[place.as_posix()] = hashlib.sha256(data).hexdigest()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", default=str(DATA / "models" / "yolox_nano.onnx"))
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    detector = options.detector if Path(options.detector).exists() else "hog"
    cores = available_cpus()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_clips(folder / "clips", options.clips, options.frames)
        keywords = {"detector": detector, "save_txt": "tracks.txt", "source": [str(folder / "clips")]}
        best = ideal(folder / "clips", folder / "ideal", from_keywords(TrackSettings, keywords))
        print(f"{options.clips} clips of {options.frames} frames, {detector}, {cores} cores: ideal {best:.1f} CPU s")
        ways: dict[str, Callable[[Path], None]] = {
            "1 worker": lambda out: track(keywords, out, jobs=1),
            f"{cores} workers": lambda out: track(keywords, out, jobs=cores),
        }
        cluster = None
        if importlib.util.find_spec("ray") is not None:
            from ray.cluster_utils import Cluster

            node = {"object_store_memory": 100_000_000}
            cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **node})
            for _ in range(2):
                cluster.add_node(num_cpus=max(1, cores // 2), **node)
            address = cluster.address
            ways["Ray, 2 nodes"] = lambda out: track(keywords, out, cluster=address, device="cpu")
        measured: dict[str, list[Meter]] = {way: [] for way in ways}
        results = []
        for _ in range(options.rounds):
            for way, run in ways.items():
                out = folder / "out"
                shutil.rmtree(out, ignore_errors=True)
                with Meter() as meter:
                    run(out)
                measured[way].append(meter)
                results.append(contents(out))
        if cluster is not None:
            cluster.shutdown()
        print(f"{'':14} {'wall s':>7} {'CPU s':>7} {'to be had':>10} {'efficiency':>11} {'more CPU s a video':>19}")
        for way, meters in measured.items():
            wall, cpu, there = (
                statistics.median(getattr(m, key) for m in meters) for key in ("wall", "cpu", "available")
            )
            # One worker cannot use what is there on the other cores: its CPU seconds are compared with the ideal.
            efficiency = best / (cpu if way == "1 worker" else there)
            print(
                f"{way:14} {wall:7.1f} {cpu:7.1f} {there:10.1f} {efficiency:11.2f} {(cpu - best) / options.clips:19.2f}"
            )
        for result in results:
            differing = sorted(name for name in results[0] | result if results[0].get(name) != result.get(name))
            assert not differing, f"results differ: {differing}"
        print(f"results of {len(results)} runs are equal, byte by byte")


def track(keywords: dict[str, object], out: Path, **more: object) -> None:
    archive = deepsort.track_archive(output_dir=out, **keywords, **more)
    assert not archive.failed, archive.failure()


if __name__ == "__main__":
    main()
