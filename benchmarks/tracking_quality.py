"""HOTA, IDF1 and ID switches of every preset of `deepsort track` and of each of its options alone; fps of the presets.

Sequences:

- *video*: vtest.avi (ground truth of PETS09-S2L1), TUD-Campus, TUD-Stadtmitte, with a detector and a Re-ID model;
- *demo*: the generated scene with many people who hide each other, three seeds;
- *moving*: vtest.avi, TUD-Stadtmitte and a demo scene as a swaying, shaking camera would see them (a window that moves
  over the frames; boxes of the ground truth move with it);
- *stored*: the detections that come with the MOTChallenge sequences, MOT17-05 with appearance, the others without.

Detector, Re-ID model and camera motion see each frame once; every option then tracks from the same recordings. The
frames per second are measured separately, end to end, the presets in turns. With `--cache` the recordings are kept.

    python benchmarks/tracking_quality.py
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

import deepsort_cli as deepsort
from deepsort_cli.core import Detections
from deepsort_cli.core.boxes import xyxy_to_tlwh
from deepsort_cli.core.mot import Comparison, read_seqinfo, read_table
from deepsort_cli.core.types import FloatArray, Image
from deepsort_cli.evaluation.mot_score import Score, score_comparisons
from deepsort_cli.perception.camera_motion import CameraMotion
from deepsort_cli.perception.detectors import Detector, open_detector
from deepsort_cli.perception.embedders import Embedder, open_embedder
from deepsort_cli.perception.settings import CameraMotionSettings, DetectorSettings, EmbedderSettings
from deepsort_cli.perception.stored import StoredDetections
from deepsort_cli.settings import resolve
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.tracking import Tracker
from deepsort_cli.tracking.refinement import refine
from deepsort_cli.video.demo import DemoScene
from deepsort_cli.video.settings import DemoSettings
from deepsort_cli.video.sinks import ground_truth_rows

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LOWEST, CONF = 0.1, 0.3
"""Confidence from which detections are recorded, and from which they count where low scores are not used."""
METHODS = ("flow", "ecc")
STORED = ("PETS09-S2L1", "TUD-Campus", "TUD-Stadtmitte", "ETH-Bahnhof", "KITTI-17", "MOT17-05-FRCNN")
PEOPLE, DEMO_FRAMES = 14, 200

OPTIONS: dict[str, list[str]] = {
    "deepsort": [],
    "strong": ["preset=strong"],
    "fast": ["preset=fast"],
    "strong, gaps filled linearly": ["preset=strong", "refinement.interpolate=linear"],
    "camera motion: flow": ["camera_motion.method=flow"],
    "camera motion: ecc": ["camera_motion.method=ecc"],
    "start score 0.6": ["tracker.start_score=0.6"],
    "start score 0.7": ["tracker.start_score=0.7"],
    "start score 0.8": ["tracker.start_score=0.8"],
    "overlap, lost up to 5 frames": ["tracker.overlap_age=5"],
    "overlap, lost up to 10 frames": ["tracker.overlap_age=10"],
    "boxes of detections": ["tracker.box=detection"],
    "low scores from 0.1": ["tracker.low_score=0.1"],
    "low scores from 0.2": ["tracker.low_score=0.2"],
    "EMA appearance, 0.9": ["tracker.ema_alpha=0.9"],
    "motion weight 0.02": ["tracker.motion_weight=0.02"],
    "motion weight 0.2": ["tracker.motion_weight=0.2"],
    "NSA": ["tracker.nsa=true"],
    "re-entry, 300 frames": ["tracker.reentry_age=300"],
    "detector every 2nd frame": ["detector.interval=2"],
    "embeddings on demand, 10": ["tracker.refresh_every=10"],
    "gaps filled linearly": ["refinement.interpolate=linear"],
    "gaps filled, smoothed": ["refinement.interpolate=gaussian"],
    "tracks of 10 frames or more": ["refinement.min_length=10"],
}
"""What is compared: name → `--set` values. `per_class` is left out, as all that is detected here are people."""


@dataclass
class Sequence:
    """One recording.

    Attributes:
        group, name: which kind of sequence, and which one.
        frames: detections of each frame, with features where there is appearance.
        motions: camera motion to each frame from the one before, by method; empty without images.
        ground_truth: MOTChallenge rows.
        live: whether a detector runs in each frame, which costs time, or its detections are stored.
        images: gives its pictures, one after the other; None where there are none.
    """

    group: str
    name: str
    frames: list[Detections]
    motions: dict[str, list[FloatArray | None]]
    ground_truth: FloatArray
    live: bool
    images: Callable[[], Iterator[Image]] | None = None


RATES = {"vtest": 10.0, "PETS09-S2L1": 7.0, "ETH-Bahnhof": 14.0, "KITTI-17": 10.0, "MOT17-05-FRCNN": 14.0}
"""Frames per second; all others have 25."""


def settings_for(values: list[str], threshold: float | None) -> TrackSettings:
    """Settings with these values, and the appearance threshold, None for the usual one."""
    chosen = [] if threshold is None else [f"tracker.max_cosine_distance={threshold}"]
    return resolve(TrackSettings, overrides=[f"detector.conf={CONF}", *chosen, *values])


def replay(sequence: Sequence, settings: TrackSettings) -> Comparison:
    """Track a recording as `deepsort track` would."""
    fps = RATES.get(sequence.name, 25.0)
    tracker = Tracker(settings.tracker.filled(CONF, None).at_rate(fps))
    interval = settings.detector.interval if sequence.live else 1
    lowest = CONF if settings.tracker.low_score is None else settings.tracker.low_score
    motions = sequence.motions.get(settings.camera_motion.method, itertools.repeat(None))
    rows = []
    for index, (seen, motion) in enumerate(zip(sequence.frames, motions, strict=False)):
        time = index / fps
        if index % interval:
            tracks = tracker.coast(motion, time)
        elif seen.features is None:
            tracks = tracker.update(seen[seen.scores >= lowest], motion, time=time)
        else:
            kept = seen[seen.scores >= lowest]
            features = kept.features
            bare = kept.with_features(None)
            tracks = tracker.update(bare, motion, lambda wanted, known=features: known[wanted], time)
        tracks = tracks[tracks.time_since_update == 0]
        for track_id, box in zip(tracks.ids, xyxy_to_tlwh(tracks.boxes), strict=True):
            rows.append([index + 1, track_id, *box, 1, -1, -1, -1])
    table = np.array(rows, dtype=np.float64).reshape(-1, 10)
    if settings.refinement.wanted:
        table = refine(table, settings.refinement)
    return Comparison(sequence.name, table, sequence.ground_truth)


class Scorer:
    """Scores sequences one by one; equal results only once, as many an option changes nothing in a sequence."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, bytes], Score] = {}

    def __call__(self, comparison: Comparison, group: str) -> Score:
        key = (group, comparison.name, comparison.results.tobytes())
        if key not in self._known:
            self._known[key] = score_comparisons([comparison]).scores[0]
        return self._known[key]


class Recorder:
    """Looks at every frame once."""

    def __init__(self, detector: Detector, embedder: Embedder, cache: Path | None) -> None:
        self._detect, self._embed, self._cache = detector, embedder, cache

    def record(self, group: str, name: str, images: Callable[[], Iterator[Image]], truth: FloatArray) -> Sequence:
        path = None if self._cache is None else self._cache / f"{group}-{name}.npz"
        if path is not None and path.is_file():
            with np.load(path) as stored:
                arrays = dict(stored)
        else:
            print(f"watching {name} ({group})", file=sys.stderr)
            arrays = self._watch(images())
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                np.savez(path, **arrays)
        found = Detections(arrays["boxes"], arrays["scores"], None, arrays["features"])
        motions = {
            method: [None if np.isnan(motion).any() else motion for motion in arrays[method]] for method in METHODS
        }
        frames = [found[arrays["frames"] == index] for index in range(len(arrays["flow"]))]
        return Sequence(group, name, frames, motions, truth[truth[:, 0] <= len(frames)], True, images)

    def _watch(self, images: Iterator[Image]) -> dict[str, np.ndarray]:
        cameras = {method: CameraMotion(CameraMotionSettings(method=method)) for method in METHODS}
        before = None
        frames, boxes, scores, features = [], [], [], []
        motions: dict[str, list[FloatArray]] = {method: [] for method in METHODS}
        for index, image in enumerate(images):
            found = self._detect(image)
            frames.append(np.full(len(found), index))
            boxes.append(found.boxes)
            scores.append(found.scores)
            features.append(self._embed(image, found.boxes))
            now = cameras["flow"].shrink(image)
            for method, camera in cameras.items():
                motion = None if before is None else camera(before, now, image.shape[:2], found.boxes)
                motions[method].append(np.full((2, 3), np.nan) if motion is None else motion)
            before = now
        return {
            "frames": np.concatenate(frames),
            "boxes": np.concatenate(boxes),
            "scores": np.concatenate(scores),
            "features": np.concatenate(features),
            **{method: np.array(values) for method, values in motions.items()},
        }


def video(path: Path, frames: int | None = None) -> Callable[[], Iterator[Image]]:
    def read() -> Iterator[Image]:
        capture = cv2.VideoCapture(str(path))
        for _ in range(frames) if frames else itertools.count():
            good, image = capture.read()
            if not good:
                return
            yield image

    return read


def demo(seed: int) -> tuple[Callable[[], Iterator[Image]], FloatArray]:
    scene = DemoScene(DemoSettings(people=PEOPLE, frames=DEMO_FRAMES, seed=seed))
    truth = [ground_truth_rows(index, scene.ground_truth(index)) for index in range(DEMO_FRAMES)]
    return lambda: (scene.render(index) for index in range(DEMO_FRAMES)), np.concatenate(truth)


def moving(
    images: Callable[[], Iterator[Image]], truth: FloatArray, seed: int
) -> tuple[Callable[[], Iterator[Image]], FloatArray]:
    """The same seen by a camera that sways and shakes: a window of 0.8 frame sides that moves about."""
    height, width = next(images()).shape[:2]
    size = np.array([round(0.8 * width), round(0.8 * height)])
    count = int(truth[:, 0].max())
    rng = np.random.default_rng(seed)
    time = np.arange(count)[:, None]
    sway = np.sin(2 * np.pi * (time / [90, 130] + rng.random(2)))
    corner = (np.array([width, height]) - size) / 2 * (1 + 0.8 * sway) + rng.normal(0, 6.0, (count, 2))
    corner = np.clip(np.rint(corner), 0, np.array([width, height]) - size).astype(int)

    def window() -> Iterator[Image]:
        for image, (x, y) in zip(images(), corner.tolist(), strict=False):
            yield np.ascontiguousarray(image[y : y + size[1], x : x + size[0]])

    seen = truth.copy()
    seen[:, 2:4] -= corner[truth[:, 0].astype(int) - 1]
    low, high = np.maximum(seen[:, 2:4], 0), np.minimum(seen[:, 2:4] + seen[:, 4:6], size)
    inside = np.prod(np.clip(high - low, 0, None), axis=1) / np.prod(seen[:, 4:6], axis=1)
    seen[:, 2:4], seen[:, 4:6] = low, high - low
    return window, seen[inside >= 0.3]


def sequences(recorder: Recorder, data: Path) -> Iterator[Sequence]:
    """All sequences whose data is there; the demo scenes are always."""
    mot = data / "mot"
    for seed in range(3):
        images, truth = demo(seed)
        yield recorder.record("demo", f"seed {seed}", images, truth)
    images, truth = moving(*demo(3), seed=3)
    yield recorder.record("moving", "demo", images, truth)
    films = {"vtest": (data / "video" / "vtest.avi", "PETS09-S2L1")}
    films |= {name: (mot / name / f"{name}.mp4", name) for name in ("TUD-Campus", "TUD-Stadtmitte")}
    for name, (path, folder) in films.items():
        if not path.is_file():
            continue
        truth = read_table(mot / folder / "gt" / "gt.txt", min_columns=7)
        yield recorder.record("video", name, video(path), truth)
        if name != "TUD-Campus":
            part = truth[truth[:, 0] <= 300]
            yield recorder.record("moving", name, *moving(video(path, 300), part, seed=len(name)))
    for name in STORED:
        folder = mot / name
        found = [file for file in (folder / "det" / "det_features.npz", folder / "det" / "det.txt") if file.is_file()]
        if found:
            stored = StoredDetections.load(found[0], conf=LOWEST)
            frames = [stored.detections(index) for index in range(read_seqinfo(folder).length)]
            truth = read_table(folder / "gt" / "gt.txt", min_columns=7)
            yield Sequence("stored", name, frames, {}, truth, live=False)


def speeds(video: Path, detector: str, reid: str | None, frames: int, rounds: int) -> dict[str, list[float]]:
    """Frames per second of the presets from decoding to text, in turns."""
    found: dict[str, list[float]] = {preset: [] for preset in TrackSettings.presets}
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "out.txt"
        for _, preset in itertools.product(range(rounds), found):
            run = deepsort.track(
                video,
                preset=preset,
                detector=detector,
                reid=reid,
                max_frames=frames,
                save_txt=text,
                overwrite=True,
            )
            found[preset].append(run.finish().summary.fps)
    return found


def print_table(header: list[str], rows: list[list[str]]) -> None:
    for row in (header, ["---"] * len(header), *rows):
        print(f"| {' | '.join(row)} |")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with video/, mot/ and models/")
    parser.add_argument("--detector", type=Path, default=DATA / "models" / "yolox_nano.onnx")
    parser.add_argument("--reid", default=None, help="Re-ID model; by default the bundled one")
    parser.add_argument("--cache", type=Path, help="folder to keep the recordings in")
    parser.add_argument("--frames", type=int, default=200, help="frames of vtest.avi per measurement of speed")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of speed; 0 leaves it out")
    arguments = parser.parse_args()
    if not arguments.detector.is_file():
        print(f"skipped: not found: {arguments.detector}; name your own with --detector", file=sys.stderr)
        return
    detector = open_detector(DetectorSettings(model_path=str(arguments.detector), conf=LOWEST))
    embedder = open_embedder(EmbedderSettings(model_path=arguments.reid))
    if embedder is None:
        print("skipped: no Re-ID model; name one with --reid", file=sys.stderr)
        return
    recorded = list(sequences(Recorder(detector, embedder, arguments.cache), arguments.data))
    groups = list(dict.fromkeys(sequence.group for sequence in recorded))
    # The model's own threshold suits its own features only, not those stored with detections.
    threshold = dict.fromkeys(groups, embedder.threshold) | {"stored": None}
    scores: dict[str, list[Score]] = {}
    scorer = Scorer()
    for name, values in OPTIONS.items():
        settings = {group: settings_for(values, threshold.get(group)) for group in groups}
        scores[name] = [scorer(replay(one, settings[one.group]), one.group) for one in recorded]
        print(f"{name}: HOTA {mean(scores[name], 'HOTA'):.2f}, IDF1 {mean(scores[name], 'IDF1'):.2f}", file=sys.stderr)
    fps = {}
    film = arguments.data / "video" / "vtest.avi"
    if arguments.rounds and film.is_file():
        fps = speeds(film, str(arguments.detector), arguments.reid, arguments.frames, arguments.rounds)

    base = scores["deepsort"]
    print(f"Means over {len(recorded)} sequences; {embedder.name}, {arguments.detector.name}. ± against deepsort.\n")
    rows = []
    for name, found in scores.items():
        row = [name, f"{mean(found, 'HOTA'):.1f}", f"{mean(found, 'IDF1'):.1f}"]
        row.append(str(sum(one.id_switches for one in found)))
        for group in groups:
            pairs = [
                (one, other)
                for one, other, sequence in zip(found, base, recorded, strict=True)
                if sequence.group == group
            ]
            changes = (mean([a for a, _ in pairs], key) - mean([b for _, b in pairs], key) for key in ("HOTA", "IDF1"))
            row.append(" / ".join(f"{change:+.1f}" for change in changes))
        better = sum(one.HOTA > other.HOTA + 5e-4 for one, other in zip(found, base, strict=True))
        worse = sum(one.HOTA < other.HOTA - 5e-4 for one, other in zip(found, base, strict=True))
        row.append(f"{better} / {worse}")
        row.append(f"{statistics.median(fps[name]):.1f}" if name in fps else "")
        rows.append(row)
    columns = [f"{group}: ± HOTA / IDF1" for group in groups]
    print_table(["option", "HOTA", "IDF1", "IDSW", *columns, "HOTA better / worse on", "fps"], rows)

    presets = list(TrackSettings.presets)
    rows = [
        [f"{sequence.name} ({sequence.group})"]
        + [
            f"{100 * one.HOTA:.1f} / {100 * one.IDF1:.1f} / {one.id_switches}"
            for one in (scores[preset][i] for preset in presets)
        ]
        for i, sequence in enumerate(recorded)
    ]
    print_table(["sequence", *(f"{preset}: HOTA / IDF1 / IDSW" for preset in presets)], rows)
    for preset, values in fps.items():
        ratios = [value / other for value, other in zip(values, fps["deepsort"], strict=True)]
        print(
            f"{preset}: {statistics.median(values):.1f} fps on {film.name}, {statistics.median(ratios):.2f} × deepsort"
        )


def mean(scores: list[Score], name: str) -> float:
    return 100 * statistics.fmean(getattr(score, name) for score in scores)


if __name__ == "__main__":
    main()
