"""What linking gains (`deepsort track --link`): HOTA, IDF1 and ID switches with and without it, and how long it takes.

Sequences with appearance, as `tracking_quality.py` records them (videos, those seen by a shaking camera, demo scenes,
MOT17-05 with its stored features), and further demo scenes: seeds 4 to 6, on which the constants of
`tracking/linking.py` were chosen beside all of the former, and seeds 10 to 13, on which nothing was.

    python benchmarks/linking.py --cache recordings
    python benchmarks/linking.py --choose --cache recordings     # the choice, leaving out one sequence at a time
    python benchmarks/linking.py --ceiling --cache recordings    # what is left to link, by the ground truth
    python benchmarks/linking.py --speed                         # seconds for 500 to 8,000 tracklets
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
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

from deepsort_cli.core.boxes import iou, xyxy_to_tlwh
from deepsort_cli.core.looks import LookRecord
from deepsort_cli.core.mot import Comparison
from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.evaluation.mot_score import Score
from deepsort_cli.perception.detectors import open_detector
from deepsort_cli.perception.embedders import open_embedder
from deepsort_cli.perception.settings import DetectorSettings, EmbedderSettings
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.tracking import Tracker, linking
from deepsort_cli.tracking.association import match
from deepsort_cli.tracking.linking import Known, Linking, link
from deepsort_cli.tracking.refinement import refine
from deepsort_cli.tracking.settings import CANONICAL_COSINE_DISTANCE, LinkOptions, RefinementSettings

FPS = {"vtest": 10.0, "MOT17-05-FRCNN": 14.0}
"""Frames per second, 25 where nothing is said."""
CHOSEN_ON, KEPT_ASIDE = range(4, 7), range(10, 14)
PRESETS = ("deepsort", "strong", "fast")
SCORER = Scorer()


@dataclass
class Tracked:
    """A sequence as a preset tracked it: MOTChallenge rows, what linking may know, and the appearance threshold."""

    sequence: Sequence
    table: FloatArray
    known: Known
    threshold: float

    def linked(self, per_threshold: float = 1.25, max_gap: float = 8.0) -> tuple[FloatArray, Linking]:
        ids, done = link(self.table, self.known, LinkOptions(per_threshold * self.threshold, max_gap))
        table = self.table.copy()
        table[:, 1] = ids
        return table, done

    def score(self, table: FloatArray) -> Score:
        return SCORER(Comparison(self.sequence.name, table, self.sequence.ground_truth), self.sequence.group)


def track(sequence: Sequence, settings: TrackSettings, threshold: float) -> Tracked:
    """Track a recording as `deepsort track` would, and keep looks as it does."""
    fps = RATES.get(sequence.name, 25.0)
    tracker = Tracker(settings.tracker.filled(CONF, None).at_rate(fps))
    motions = sequence.motions.get(settings.camera_motion.method, itertools.repeat(None))
    interval = settings.detector.interval if sequence.live else 1
    rows: list[list[float]] = []
    record = LookRecord()
    for index, (seen, motion) in enumerate(zip(sequence.frames, motions, strict=False)):
        kept = seen[seen.scores >= CONF]
        asked: list[IntArray] = []

        def embed(wanted: IntArray, features: np.ndarray = kept.features, asked: list[IntArray] = asked) -> np.ndarray:
            asked.append(wanted)
            return features[wanted]

        watched = index % interval == 0
        if watched:
            tracks = tracker.update(kept.with_features(None), motion, embed, index / fps)
        else:
            tracks = tracker.coast(motion, index / fps)
        tracks = tracks[tracks.time_since_update == 0]
        if watched and asked:
            known = np.full_like(kept.features, np.nan)
            known[np.concatenate(asked)] = kept.features[np.concatenate(asked)]
            here = np.arange(len(rows), len(rows) + len(tracks), dtype=float)[:, None]
            record.add(tracks.ids, here, known[tracks.detection_index])
        for track_id, box in zip(tracks.ids, xyxy_to_tlwh(tracks.boxes), strict=True):
            rows.append([index + 1, track_id, *box, 1, -1, -1, -1])
    table = np.array(rows, dtype=np.float64).reshape(-1, 10)
    where, looks = record.table()
    seconds = (table[:, 0] - 1) / FPS.get(sequence.name, 25.0)
    return Tracked(sequence, table, Known(seconds, where.reshape(-1).astype(np.int64), looks), threshold)


def with_looks(recorder: Recorder, data: Path) -> Iterator[tuple[str, Sequence]]:
    """All sequences with appearance, and on what they are used: for choosing, or kept aside."""
    for sequence in sequences(recorder, data):
        if any(len(frame) and frame.features is not None for frame in sequence.frames):
            yield "chosen on", sequence
    for use, seeds in (("chosen on", CHOSEN_ON), ("kept aside", KEPT_ASIDE)):
        for seed in seeds:
            images, truth = demo(seed)
            yield use, recorder.record("demo", f"seed {seed}", images, truth)


def compare(found: list[tuple[str, Sequence]], threshold: float) -> None:
    """Every preset with and without linking."""
    for preset in PRESETS:
        rows, gains = [], []
        for use, sequence in found:
            one = track_with(preset, sequence, threshold)
            linked, done = one.linked()
            filled = refine(linked, RefinementSettings(interpolate="linear"))
            scores = [one.score(table) for table in (one.table, linked, filled)]
            gains.append(
                (use, *(100 * (getattr(scores[1], key) - getattr(scores[0], key)) for key in ("HOTA", "IDF1")))
            )
            texts = [f"{100 * score.HOTA:.1f} / {100 * score.IDF1:.1f} / {score.id_switches}" for score in scores]
            people = len(np.unique(sequence.ground_truth[:, 1]))
            counts = f"{done.tracks} → {done.people} ({people}), {done.split} split"
            rows.append([f"{sequence.name} ({sequence.group})", use, *texts, counts])
        print_table(["sequence", "", preset, f"{preset}, linked", "linked, gaps filled", "tracks → ids (people)"], rows)
        for use in ("chosen on", "kept aside"):
            mean = [statistics.fmean(gain[i] for gain in gains if gain[0] == use) for i in (1, 2)]
            print(f"{preset}, {use}: {mean[0]:+.1f} HOTA, {mean[1]:+.1f} IDF1 by linking")
        print(f"{preset}, worst: {min(gain[2] for gain in gains):+.1f} IDF1\n")


def track_with(preset: str, sequence: Sequence, threshold: float) -> Tracked:
    own = CANONICAL_COSINE_DISTANCE if sequence.group == "stored" else threshold
    return track(sequence, settings_for([f"preset={preset}"], own), own)


def choose(found: list[tuple[str, Sequence]], threshold: float) -> None:
    """IDF1 gained on each sequence by the constants that are best on the others."""
    tracked = [track_with("strong", sequence, threshold) for use, sequence in found if use == "chosen on"]
    before = np.array([one.score(one.table).IDF1 for one in tracked])
    usual = (1.25, 8.0, linking.REACH, linking.SPEED)
    options = list(itertools.product((1.0, 1.25, 1.5), (5.0, 8.0, 12.0), (1.0, 1.5, 2.5), (0.25, 0.5)))
    gains = []
    for per_threshold, max_gap, reach, speed in options:
        linking.REACH, linking.SPEED = reach, speed
        tables = [one.linked(per_threshold, max_gap)[0] for one in tracked]
        gains.append([one.score(table).IDF1 for one, table in zip(tracked, tables, strict=True)] - before)
        print(options[len(gains) - 1], f"{100 * gains[-1].mean():+.2f}", np.round(100 * gains[-1], 1))
    table = 100 * np.array(gains)
    rows = []
    for i, one in enumerate(tracked):
        best = int(np.delete(table, i, axis=1).mean(axis=1).argmax())
        mine = table[options.index(usual), i]
        rows.append(
            [
                f"{one.sequence.name} ({one.sequence.group})",
                str(options[best]),
                f"{table[best, i]:+.1f}",
                f"{mine:+.1f}",
            ]
        )
    print_table(["left out", "best on the others", "gains there", "as chosen"], rows)


def ceiling(found: list[tuple[str, Sequence]], threshold: float) -> None:
    """How much better `strong` would be, had the ground truth linked its tracks."""
    rows = []
    for _, sequence in found:
        one = track_with("strong", sequence, threshold)
        people = true_people(one)
        joined, renamed = one.table.copy(), one.table.copy()
        joined[:, 1] = joined_ids(one.table, people)
        renamed[:, 1] = np.where(people > 0, -people, one.table[:, 1])
        _, renamed[:, 1] = np.unique(renamed[:, 1], return_inverse=True)
        scores = [one.score(table) for table in (one.table, one.linked()[0], joined, renamed)]
        texts = [f"{100 * score.HOTA:.1f} / {100 * score.IDF1:.1f}" for score in scores]
        rows.append([f"{sequence.name} ({sequence.group})", *texts])
    print_table(["sequence", "strong", "linked", "joined by the truth", "joined and split by the truth"], rows)


def true_people(one: Tracked) -> IntArray:
    """(K,) the person each row of the tracks shows, by an IoU of 0.5 and one to one in a frame; 0: nobody."""
    truth, people = one.sequence.ground_truth, np.zeros(len(one.table), np.int64)
    for frame in np.unique(one.table[:, 0]):
        here, there = np.flatnonzero(one.table[:, 0] == frame), np.flatnonzero(truth[:, 0] == frame)
        overlap = iou(one.table[here, 2:6], truth[there, 2:6])
        rows, columns, _ = match(1.0 - overlap, 0.5)
        people[here[rows]] = truth[there[columns], 1]
    return people


def joined_ids(table: FloatArray, people: IntArray) -> IntArray:
    """(K,) ids of whole tracks joined to people: each belongs to whom it shows most, unless that person has a longer
    track in one of its frames."""
    ids = table[:, 1].astype(np.int64)
    given, frames = ids.copy(), {person: set[float]() for person in np.unique(people).tolist()}
    for track_id in sorted(np.unique(ids).tolist(), key=lambda one: -np.count_nonzero(ids == one)):
        rows = ids == track_id
        shown = people[rows & (people > 0)]
        if len(shown):
            person = int(np.bincount(shown).argmax())
            if not frames[person] & set(table[rows, 0]):
                frames[person] |= set(table[rows, 0])
                given[rows] = ids.max() + person
    return given


def speed() -> None:
    """Tracklets of people who walk through a picture, one after the other and many at once."""
    rng = np.random.default_rng(0)
    for count in (500, 2000, 8000):
        people = rng.normal(size=(count // 2, 512))
        start = np.sort(rng.integers(1, 5 * count, count))
        length = rng.integers(20, 120, count)
        whose = rng.integers(0, len(people), count)
        rows, features = [], []
        for number, (first, frames) in enumerate(zip(start, length, strict=True)):
            x = rng.uniform(0, 1900) + rng.normal(0, 3) * np.arange(frames)
            box = np.column_stack([x, np.full((frames, 3), [rng.uniform(0, 800), 60, 150])])
            rows.append(np.column_stack([first + np.arange(frames), np.full(frames, number + 1), box]))
            features.append(people[whose[number]] + rng.normal(0, 0.5, (frames, 512)))
        table = np.concatenate(rows)
        known = Known(table[:, 0] / 25, np.arange(len(table)), np.concatenate(features).astype(np.float32))
        begin = time.perf_counter()
        _, done = link(table, known, LinkOptions(0.3, 8.0))
        print(f"{count:5d} tracklets, {len(table):7,} rows: {time.perf_counter() - begin:5.2f} s ({done})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with video/, mot/ and models/")
    parser.add_argument("--detector", type=Path, default=DATA / "models" / "yolox_nano.onnx")
    parser.add_argument("--cache", type=Path, help="folder to keep the recordings in")
    parser.add_argument(
        "--choose", action="store_true", help="choose the constants, leaving out one sequence at a time"
    )
    parser.add_argument("--ceiling", action="store_true", help="what linking by the ground truth would reach")
    parser.add_argument("--speed", action="store_true", help="measure how long linking takes")
    arguments = parser.parse_args()
    if arguments.speed:
        speed()
        return
    if not arguments.detector.is_file():
        print(f"skipped: not found: {arguments.detector}; name your own with --detector")
        return
    detector = open_detector(DetectorSettings(model_path=str(arguments.detector), conf=LOWEST))
    embedder = open_embedder(EmbedderSettings())
    assert embedder is not None
    assert embedder.threshold is not None
    found = list(with_looks(Recorder(detector, embedder, arguments.cache), arguments.data))
    (choose if arguments.choose else ceiling if arguments.ceiling else compare)(found, embedder.threshold)


if __name__ == "__main__":
    main()
