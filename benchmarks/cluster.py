"""What it costs to share trials and pictures out: among processes, and on a Ray cluster of two nodes on this machine.

First tasks that do nothing, so that only the sharing is measured: the time from one result to the next, and what a
task costs in CPU seconds, all processes of the cluster included. Then 256 pictures of 20 kB in one task, the size in
which `eval` sends them. At last a study with its real trials, and a gallery: CPU seconds of each way, and whether
the results are the same.

    python benchmarks/cluster.py
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import deepsort_cli as deepsort
from deepsort_cli.core.cpus import available_cpus
from deepsort_cli.workflows import evaluate
from deepsort_cli.workflows.workers import Cluster, Do, Here, OnCluster, Processes, Workers

sys.path.insert(0, str(Path(__file__).resolve().parent))
from archive import Meter


@dataclass(frozen=True)
class Nothing:
    """Workers that do nothing."""

    def open(self) -> Do:
        return lambda task, tell, stopped: None


def sharing(name: str, workers: Workers, tasks: list[Any]) -> None:
    """What a task costs beside its work."""
    with workers:
        for _ in workers.share(deque([None] * workers.count)):  # they are there
            pass
        with Meter() as meter:
            for _ in workers.share(deque(tasks)):
                pass
    wall, cpu = 1000 * meter.wall / len(tasks), 1000 * meter.cpu / len(tasks)
    size = len(tasks[0]) if isinstance(tasks[0], list) else 0
    what = f"{size} pictures of 20 kB" if size else "nothing"
    print(f"{name:16} {what:24} {wall:8.2f} ms a task {cpu:8.2f} CPU ms a task")


@contextmanager
def local_cluster(nodes: int) -> Iterator[str]:
    """The address of a cluster on this machine."""
    from ray.cluster_utils import Cluster as Nodes

    memory = {"object_store_memory": 200_000_000}
    found = Nodes(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **memory})
    try:
        for _ in range(nodes):
            found.add_node(num_cpus=1, **memory)
        found.wait_for_nodes()
        yield found.address
    finally:
        found.shutdown()


def study(recordings: list[Path], folder: Path, trials: int, **more: Any) -> Any:
    shutil.rmtree(folder, ignore_errors=True)
    done = deepsort.tune(*recordings, output_dir=folder, trials=trials, **more)
    return [(trial.values, trial.figures) for trial in done.trials], done.folds


def gallery(folder: Path, people: int, each: int) -> None:
    """Pictures of coloured noise: how long a network takes does not depend on what it sees."""
    random = np.random.default_rng(0)
    for part, cameras in (("query", (1,)), ("bounding_box_test", range(2, 2 + each))):
        (folder / part).mkdir(parents=True)
        for person in range(1, people + 1):
            for camera in cameras:
                pixels = random.integers(0, 255, (128, 64, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(folder / part / f"{person:04}_c{camera}s1_000001_00.jpg", quality=90)


def compare(what: str, ways: dict[str, Callable[[], Any]], tasks: int) -> None:
    """CPU seconds of each way, and whether results are those of the first."""
    first = None
    for name, call in ways.items():
        with Meter() as meter:
            found = call()
        first = first or (found, meter.cpu)
        more = (meter.cpu - first[1]) / tasks
        same = "the same" if found == first[0] else "DIFFERENT"
        print(f"{what:24} {name:16} {meter.wall:7.1f} s {meter.cpu:7.1f} CPU s {more:+7.3f} a task, results {same}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=300)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--people", type=int, default=128)
    options = parser.parse_args()
    cores = available_cpus()
    packed = [("picture.jpg", bytes(20_000))] * 256
    with tempfile.TemporaryDirectory() as name, local_cluster(2) as address:
        folder = Path(name)
        cluster = Cluster(address)
        for label, make in (
            ("this process", lambda: Here(Nothing())),
            (f"{cores} processes", lambda: Processes(Nothing(), cores, patience=0)),
            ("Ray, 2 nodes", lambda: OnCluster(cluster, Nothing(), patience=0)),
        ):
            sharing(label, make(), [None] * options.tasks)
            sharing(label, make(), [packed] * (options.tasks // 10))

        recordings = []
        for seed in (20, 21):
            path = folder / f"{seed}.npz"
            demo = {"seed": seed, "frames": 60, "width": 640, "height": 480}
            deepsort.track(
                "demo", detector="hog", demo=demo, save_detections=path, save_gt=folder / f"{seed}.txt"
            ).finish()
            recordings.append(path)
        keywords = {"gt": [str(path.with_suffix(".txt")) for path in recordings]}
        tasks = 2 * options.trials + 2 * options.trials
        ways = {
            "this process": lambda: study(recordings, folder / "study", options.trials, **keywords),
            f"{cores} processes": lambda: study(recordings, folder / "study", options.trials, jobs=cores, **keywords),
            "Ray, 2 nodes": lambda: study(recordings, folder / "study", options.trials, cluster=address, **keywords),
        }
        compare("a study", ways, tasks)

        gallery(folder / "gallery", options.people, 15)
        seen: list[tuple[bytes, bytes]] = []
        usual = evaluate.evaluate_features
        evaluate.evaluate_features = lambda images, query, found, *rest: (
            seen.append((query.tobytes(), found.tobytes())) or usual(images, query, found, *rest)
        )

        def embedded(**more: Any) -> Any:
            deepsort.evaluate(root=folder / "gallery", output_dir=folder / "out", plots=False, device="cpu", **more)
            return seen[-1]

        ways = {"this process": embedded, "Ray, 2 nodes": lambda: embedded(cluster=address)}
        compare(f"{options.people * 16:,} pictures", ways, options.people * 16 // 256)


if __name__ == "__main__":
    if importlib.util.find_spec("ray") is None:
        sys.exit("error: this needs Ray: pip install '.[cluster]'")
    from cluster import main as in_a_module  # where workers can import what they are sent; a script they cannot

    in_a_module()
