"""The tracker alone, against deep-sort-realtime, side by side in one run.

A seeded scene: N people walk at constant velocity with jitter across 1920 × 1080 pixels and reflect at its edges; 10 %
of them are missed in each frame, 5 % false positives are added; each person has a 512-d unit feature with noise. With
noise 0.3 (its length, where the feature's is 1) two looks of a person are at cosine distance 0.08 and the newest look
of a track mostly settles a match; with 0.6 they are at 0.26, beyond the threshold of 0.2, so whole galleries have to
be searched, people are lost, and many lost tracks wait to be recognised.

Both trackers get the same detections in the same order, in alternating blocks of frames, with one BLAS thread. What is
counted is CPU time, so that other work on the machine disturbs as little as possible.

    python benchmarks/tracker_speed.py                 # the table
    python benchmarks/tracker_speed.py --long 10000    # time and memory per frame over 10,000 frames
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_threads] = "1"  # read when NumPy is imported

import numpy as np  # noqa: E402
import psutil  # noqa: E402

from deepsort_cli.core import Detections  # noqa: E402
from deepsort_cli.core.boxes import xyxy_to_tlwh  # noqa: E402
from deepsort_cli.tracking import Tracker, TrackerSettings  # noqa: E402

WIDTH, HEIGHT, FEATURE_SIZE = 1920, 1080, 512
NN_BUDGET, MAX_AGE, N_INIT, MAX_COSINE_DISTANCE, MAX_IOU_DISTANCE = 100, 30, 3, 0.2, 0.7
BLOCK = 10


class Scene:
    """Seeded detections with features, one frame at a time."""

    def __init__(self, people: int, noise: float, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.people = people
        self.noise = noise / np.sqrt(FEATURE_SIZE)
        height = self.rng.uniform(80, 240, people)
        self.size = np.stack([height * self.rng.uniform(0.35, 0.5, people), height], axis=1)
        self.centre = self.rng.uniform([0, 0], [WIDTH, HEIGHT], (people, 2))
        self.velocity = self.rng.normal(0, 3, (people, 2))
        self.looks = _unit(self.rng.normal(size=(people, FEATURE_SIZE)))

    def frame(self) -> Detections:
        rng = self.rng
        self.centre += self.velocity
        outside = (self.centre < 0) | (self.centre > [WIDTH, HEIGHT])
        self.velocity[outside] *= -1
        seen = np.flatnonzero(rng.random(self.people) > 0.1)
        centre = self.centre[seen] + rng.normal(0, 1.5, (len(seen), 2))
        size = self.size[seen] * (1 + rng.normal(0, 0.02, (len(seen), 2)))
        looks = self.looks[seen] + rng.normal(0, self.noise, (len(seen), FEATURE_SIZE))
        extra = rng.binomial(self.people, 0.05)
        centre = np.concatenate([centre, rng.uniform([0, 0], [WIDTH, HEIGHT], (extra, 2))])
        size = np.concatenate([size, rng.uniform([30, 80], [110, 240], (extra, 2))])
        looks = np.concatenate([looks, rng.normal(size=(extra, FEATURE_SIZE))])
        order = rng.permutation(len(centre))
        boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=1)[order]
        scores = rng.uniform(0.5, 1.0, len(boxes))
        return Detections(boxes, scores, features=_unit(looks)[order].astype(np.float32))


def _unit(features: np.ndarray) -> np.ndarray:
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def ours() -> Callable[[Detections], int]:
    tracker = Tracker(
        TrackerSettings(
            max_cosine_distance=MAX_COSINE_DISTANCE,
            nn_budget=NN_BUDGET,
            max_iou_distance=MAX_IOU_DISTANCE,
            max_age=MAX_AGE,
            n_init=N_INIT,
        )
    )
    return lambda detections: len(tracker.update(detections))


def deep_sort_realtime() -> Callable[[Detections], int]:
    from deep_sort_realtime.deepsort_tracker import DeepSort

    tracker = DeepSort(
        max_iou_distance=MAX_IOU_DISTANCE,
        max_age=MAX_AGE,
        n_init=N_INIT,
        nms_max_overlap=1.0,
        max_cosine_distance=MAX_COSINE_DISTANCE,
        nn_budget=NN_BUDGET,
        embedder=None,
    )

    def step(detections: Detections) -> int:
        boxes = xyxy_to_tlwh(detections.boxes)
        raw = [(list(box), score, 0) for box, score in zip(boxes, detections.scores, strict=True)]
        tracks = tracker.update_tracks(raw, embeds=list(detections.features))
        return sum(track.is_confirmed() and track.time_since_update <= 1 for track in tracks)

    return step


def compare(people: int, noise: float, frames: int, warm_up: int) -> tuple[float, float, float, float]:
    """Milliseconds per frame of ours, our slowest frame, theirs, and by how many reported tracks they disagree."""
    scene = Scene(people, noise)
    mine, theirs = ours(), deep_sort_realtime()
    mine_ms: list[float] = []
    theirs_ms: list[float] = []
    apart = 0
    for start in range(0, warm_up + frames, BLOCK):
        block = [scene.frame() for _ in range(BLOCK)]
        for step, milliseconds in ((mine, mine_ms), (theirs, theirs_ms)):
            shown = 0
            for detections in block:
                begin = time.process_time()
                shown += step(detections)
                milliseconds.append(1e3 * (time.process_time() - begin))
            apart += (shown if step is mine else -shown) if start >= warm_up else 0
    counted = [np.array(milliseconds[warm_up:]) for milliseconds in (mine_ms, theirs_ms)]
    return counted[0].mean(), max(mine_ms), counted[1].mean(), abs(apart) / len(counted[0])


def long_run(frames: int, people: int, noise: float) -> None:
    scene, step, process = Scene(people, noise), ours(), psutil.Process()
    window = max(frames // 10, 1)
    print(f"{people} people, noise {noise}, {frames} frames\n{'frames':>16} {'ms/frame':>9} {'memory MB':>10}")
    for start in range(0, frames, window):
        elapsed = 0.0
        for _ in range(window):
            detections = scene.frame()
            begin = time.process_time()
            step(detections)
            elapsed += time.process_time() - begin
        memory = process.memory_info().rss / 1e6
        print(f"{start:>7} – {start + window:<6} {1e3 * elapsed / window:>9.2f} {memory:>10.0f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, nargs="+", default=[10, 50, 100, 200, 500])
    parser.add_argument("--noise", type=float, nargs="+", default=[0.3, 0.6], help="length of the features' noise")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--warm-up", type=int, default=110, help="frames before the clock runs; fills the galleries")
    parser.add_argument("--long", type=int, default=0, metavar="FRAMES", help="run only ours, this long, instead")
    arguments = parser.parse_args()
    if arguments.long:
        for noise in arguments.noise:
            long_run(arguments.long, people=50, noise=noise)
        return
    names = f"{'deepsort':>12} {'slowest':>11} {'deep-sort-realtime':>20} {'ratio':>8} {'apart':>6}"
    print(f"noise people {names}")
    for noise in arguments.noise:
        for people in arguments.people:
            a, slowest, b, apart = compare(people, noise, arguments.frames, arguments.warm_up)
            print(
                f"{noise:>5} {people:>6} {a:>9.2f} ms {slowest:>8.1f} ms {b:>17.1f} ms {b / a:>7.1f}× {apart:>6.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
