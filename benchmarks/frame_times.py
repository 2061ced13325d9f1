"""Tracking by time against tracking by frames, where frames come rarely, irregularly, or get lost.

Every sequence is seen once by detector and Re-ID model, as for `tracking_quality.py`, whose recordings are shared
(`--cache`). Then frames are left out, and what is left is tracked and scored:

- *all*: every frame; time and frames are the same here;
- *5* and *2 a second*: every n-th frame;
- *variable*: the rate changes every one or two seconds, from about ten frames a second to two;
- *drops*: a third of the frames is lost one by one, and now and then up to a second at a stretch.

`deepsort` and `strong` are the presets; *by frames* with one step a frame and an age of 30 frames, *by time* with the
time that passed and an age of 3 seconds.

    python benchmarks/frame_times.py --cache recordings
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from tracking_quality import (
    CONF,
    DATA,
    LOWEST,
    RATES,
    Recorder,
    Scorer,
    Sequence,
    demo,
    print_table,
    sequences,
    settings_for,
)

from deepsort_cli.core.boxes import xyxy_to_tlwh
from deepsort_cli.core.mot import Comparison
from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.evaluation.mot_score import Score
from deepsort_cli.perception.detectors import open_detector
from deepsort_cli.perception.embedders import open_embedder
from deepsort_cli.perception.settings import DetectorSettings, EmbedderSettings
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.tracking import Tracker

SCENES = (10, 11, 12)
"""Seeds of demo scenes on which nothing was chosen."""
FEWEST = 30
"""Frames below which a score says nothing."""
BY_FRAMES, BY_TIME = ["tracker.clock=frames", "tracker.max_age=30"], ["tracker.clock=time", "tracker.max_age=3s"]
WAYS = {f"{preset}, by {way}": [f"preset={preset}", *values]
        for preset in ("deepsort", "strong") for way, values in (("frames", BY_FRAMES), ("time", BY_TIME))}  # fmt: skip


def kept_frames(count: int, fps: float) -> dict[str, IntArray]:
    """Name of each way to leave frames out → the frames that are left, seeded."""
    rng = np.random.default_rng(0)
    chosen = {"all": np.arange(count)}
    chosen |= {f"{rate} a second": np.arange(0, count, max(1, round(fps / rate))) for rate in (5, 2)}
    variable: list[int] = []
    begin = 0
    while begin < count:
        stride = int(rng.choice([1, 2, 3, 5])) * max(1, round(fps / 10))
        end = begin + int(rng.integers(1, 3) * fps)
        variable += range(begin, min(end, count), stride)
        begin = max(end, variable[-1] + stride)
    left = rng.random(count) > 0.33
    for start in np.flatnonzero(rng.random(count) < 0.3 / fps):
        left[start : start + int(rng.uniform(0.3, 1.0) * fps)] = False
    return chosen | {"variable": np.array(variable), "drops": np.flatnonzero(left)}


def thinned(sequence: Sequence, kept: IntArray) -> Sequence:
    """The sequence with these frames only, numbered anew; camera motions lead from each to the next."""
    numbers = np.zeros(len(sequence.frames) + 1, np.int64)
    numbers[kept + 1] = np.arange(1, len(kept) + 1)
    truth = sequence.ground_truth[numbers[sequence.ground_truth[:, 0].astype(int)] > 0].copy()
    truth[:, 0] = numbers[truth[:, 0].astype(int)]
    motions = {
        method: [joined(found[a + 1 : b + 1]) for a, b in zip([-1, *kept[:-1].tolist()], kept.tolist(), strict=True)]
        for method, found in sequence.motions.items()
    }
    return replace(sequence, frames=[sequence.frames[i] for i in kept], motions=motions, ground_truth=truth)


def joined(motions: list[FloatArray | None]) -> FloatArray | None:
    """Several camera motions, one after the other."""
    whole = np.eye(3)
    for motion in motions:
        if motion is not None:
            whole = np.vstack([motion, [0, 0, 1]]) @ whole
    return whole[:2] if any(motion is not None for motion in motions) else None


def tracked(sequence: Sequence, times: FloatArray, fps: float, settings: TrackSettings) -> Comparison:
    """Track what is left of a sequence as `deepsort track` would."""
    tracker = Tracker(settings.tracker.filled(CONF, None).at_rate(fps))
    motions = sequence.motions.get(settings.camera_motion.method) or [None] * len(times)
    rows = []
    for number, (seen, motion, time) in enumerate(zip(sequence.frames, motions, times.tolist(), strict=True), 1):
        kept = seen[seen.scores >= CONF]
        tracks = tracker.update(kept, motion, time=time)
        tracks = tracks[tracks.time_since_update == 0]
        boxes = xyxy_to_tlwh(tracks.boxes)
        rows += [[number, one, *box, 1, -1, -1, -1] for one, box in zip(tracks.ids, boxes, strict=True)]
    return Comparison(sequence.name, np.array(rows, dtype=np.float64).reshape(-1, 10), sequence.ground_truth)


def wanted(recorder: Recorder, data: Path) -> Iterator[Sequence]:
    """The videos with a camera that stands still, MOT17-05 and demo scenes."""
    for sequence in sequences(recorder, data):
        if sequence.group == "video" or sequence.name == "MOT17-05-FRCNN":
            yield sequence
    for seed in SCENES:
        images, truth = demo(seed)
        yield recorder.record("demo", f"seed {seed}", images, truth)


def shown(score: Score) -> str:
    return f"{100 * score.HOTA:.1f} / {100 * score.IDF1:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with video/, mot/ and models/")
    parser.add_argument("--detector", type=Path, default=DATA / "models" / "yolox_nano.onnx")
    parser.add_argument("--cache", type=Path, help="folder to keep the recordings in")
    arguments = parser.parse_args()
    if not arguments.detector.is_file():
        print(f"skipped: not found: {arguments.detector}; name your own with --detector", file=sys.stderr)
        return
    detector = open_detector(DetectorSettings(model_path=str(arguments.detector), conf=LOWEST))
    embedder = open_embedder(EmbedderSettings())
    if embedder is None:
        print("skipped: no Re-ID model", file=sys.stderr)
        return
    rows, found = [], {}
    for sequence in wanted(Recorder(detector, embedder, arguments.cache), arguments.data):
        fps = RATES.get(sequence.name, 25.0)
        threshold = None if sequence.group == "stored" else embedder.threshold
        for name, kept in kept_frames(len(sequence.frames), fps).items():
            if len(kept) < FEWEST:
                continue
            part = thinned(sequence, kept)
            results = [tracked(part, kept / fps, fps, settings_for(values, threshold)) for values in WAYS.values()]
            scores = [Scorer()(result, name) for result in results]
            rows.append([sequence.name, name, str(len(kept)), *map(shown, scores)])
            print(*rows[-1], file=sys.stderr)
            found.setdefault(name, []).append(scores)
    for name, several in found.items():
        means = [
            " / ".join(
                f"{100 * statistics.fmean(getattr(one[way], key) for one in several):.1f}" for key in ("HOTA", "IDF1")
            )
            for way in range(len(WAYS))
        ]
        rows.append(["mean", name, "", *means])
    print_table(["sequence", "frames left", "number", *WAYS], rows)


if __name__ == "__main__":
    main()
