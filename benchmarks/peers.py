"""HOTA, IDF1, MOTA and ID switches of `deepsort track` beside other trackers, on the same detections and embeddings.

Everybody gets the same recordings (those of `tracking_quality.py`: yolox_nano from score 0.1 on, the bundled Re-ID
model; MOT17-05 with the features stored with it) and runs with its own defaults; what it reports is scored by the same
scorer. Trackers that compensate camera motion get the pictures; for sequences without, grey ones, in which nothing
moves.

The others are in no extra of this package. In an environment of its own:

    python -m venv peers && peers/bin/pip install '.[score]' supervision trackers norfair deep-sort-realtime
    peers/bin/pip install torch torchvision filterpy lapx && peers/bin/pip install --no-deps boxmot  # the largest part
    peers/bin/python benchmarks/peers.py --cache recordings

What is not installed is skipped, with a line. boxmot is under the AGPL, the others under MIT, BSD or Apache licences;
the package itself imports none of them.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import io
import logging
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tracking_quality import (
    CONF,
    DATA,
    Recorder,
    Scorer,
    Sequence,
    print_table,
    replay,
    sequences,
    settings_for,
)

from deepsort_cli.core import Detections
from deepsort_cli.core.boxes import xyxy_to_tlwh
from deepsort_cli.core.mot import Comparison
from deepsort_cli.core.types import FloatArray, Image, IntArray
from deepsort_cli.evaluation.mot_score import Score
from deepsort_cli.perception.detectors import open_detector
from deepsort_cli.perception.embedders import open_embedder
from deepsort_cli.perception.settings import DetectorSettings, EmbedderSettings

Found = tuple[IntArray, FloatArray]
"""(T,) ids and (T, 4) boxes x1 y1 x2 y2 of the tracks reported in a frame."""
Update = Callable[[Detections, Image], Found]
"""Takes a frame's detections, with features where there are any, and its picture."""


class NeedsAppearance(Exception):
    """A tracker does nothing without embeddings."""


GREY = np.full((480, 640, 3), 127, np.uint8)
WANTED = {
    ("video", "vtest"): "vtest",
    ("video", "TUD-Campus"): "TUD-Campus",
    ("video", "TUD-Stadtmitte"): "TUD-Stadtmitte",
    ("stored", "MOT17-05-FRCNN"): "MOT17-05-FRCNN",
    ("moving", "vtest"): "shaking ×2",
    ("moving", "TUD-Stadtmitte"): "shaking ×2",
} | {
    ("stored", name): "no appearance ×5"
    for name in ("PETS09-S2L1", "TUD-Campus", "TUD-Stadtmitte", "ETH-Bahnhof", "KITTI-17")
}
"""Which recordings are used, and the column of each; several in one are averaged, their switches summed."""
OURS = {
    "deepsort": ["preset=deepsort"],
    "deepsort, --start-score 0.7": ["preset=deepsort", "tracker.start_score=0.7"],
    "fast": ["preset=fast"],
    "strong": ["preset=strong"],
    "strong, gaps filled (offline)": ["preset=strong", "refinement.interpolate=linear"],
}


def supervision_detections(seen: Detections) -> Any:
    import supervision

    return supervision.Detections(seen.boxes.astype(np.float32), confidence=seen.scores, class_id=seen.class_ids)


def roboflow(name: str, *, frames: bool = False) -> Callable[[bool], Update]:
    """A tracker of `trackers`."""

    def begin(appearance: bool) -> Update:
        import trackers

        tracker = getattr(trackers, name)()

        def update(seen: Detections, image: Image) -> Found:
            given = supervision_detections(seen)
            found = tracker.update(given, image) if frames else tracker.update(given)
            shown = found.tracker_id >= 0
            return found.tracker_id[shown], found.xyxy[shown]

        return update

    return begin


def norfair_iou(appearance: bool) -> Update:
    """With the distance and threshold of its own demonstration for boxes, from the confidence that we begin at."""
    import norfair

    tracker = norfair.Tracker(distance_function="iou", distance_threshold=0.7)

    def update(seen: Detections, image: Image) -> Found:
        kept = seen[seen.scores >= CONF]
        given = [
            norfair.Detection(box.reshape(2, 2), np.full(2, score))
            for box, score in zip(kept.boxes, kept.scores, strict=True)
        ]
        found = [one for one in tracker.update(given) if one.hit_counter and one.last_detection in given]
        boxes = np.array([one.estimate.reshape(4) for one in found]).reshape(-1, 4)
        return np.array([one.id for one in found], np.int64), boxes

    return update


def deep_sort_realtime(appearance: bool) -> Update:
    from deep_sort_realtime.deepsort_tracker import DeepSort

    tracker = DeepSort(embedder=None)
    nothing = np.zeros(1)

    def update(seen: Detections, image: Image) -> Found:
        kept = seen[seen.scores >= CONF]
        given = [
            (box, score, 0) for box, score in zip(xyxy_to_tlwh(kept.boxes).tolist(), kept.scores.tolist(), strict=True)
        ]
        # Without appearance every look is the same, so that motion alone decides.
        looks = [nothing + 1] * len(kept) if kept.features is None else list(kept.features)
        found = tracker.update_tracks(given, embeds=looks)
        found = [one for one in found if one.is_confirmed() and one.time_since_update == 0]
        return np.array([int(one.track_id) for one in found], np.int64), np.array(
            [one.to_ltrb() for one in found]
        ).reshape(-1, 4)

    return update


def boxmot(name: str) -> Callable[[bool], Update]:
    """A tracker of boxmot, with the embeddings of the recording in place of its own network."""

    def begin(appearance: bool) -> Update:
        import torch
        from boxmot.structures import Boxes
        from boxmot.structures import Detections as Given
        from boxmot.trackers.factory import create_tracker
        from boxmot.trackers.registry import get_tracker_definition
        from boxmot.trackers.specs import TrackerSpec

        able = get_tracker_definition(name).capabilities
        if able.requires_embeddings and not appearance:
            raise NeedsAppearance
        options = () if appearance or not able.accepts_embeddings else (("use_embeddings", False),)
        tracker = create_tracker(TrackerSpec(name, options=options))
        number = 0

        def update(seen: Detections, image: Image) -> Found:
            nonlocal number
            number += 1
            looks = seen.features if able.accepts_embeddings else None
            given = Given(
                Boxes(torch.from_numpy(seen.boxes.astype(np.float32))),
                torch.from_numpy(seen.scores.astype(np.float32).clip(0, 1)),
                torch.from_numpy(seen.class_ids),
                sample_id=str(number),
                embeddings=None if looks is None else torch.from_numpy(np.ascontiguousarray(looks)),
            )
            found = tracker.update(given, _as_frame(image, str(number)))
            return found.track_ids.numpy(), found.geometry.values.numpy().astype(np.float64)

        return update

    return begin


def _as_frame(image: Image, sample_id: str) -> Any:
    import torch
    from boxmot.structures import Frame

    return Frame(torch.from_numpy(np.ascontiguousarray(image[..., ::-1].transpose(2, 0, 1))), sample_id)


PEERS: dict[str, tuple[str, Callable[[bool], Update]]] = {
    **{
        f"boxmot {name}": ("boxmot", boxmot(name))
        for name in (
            "occluboost", "botsort", "boosttrack", "strongsort", "hybridsort", "deepocsort", "bytetrack", "ocsort",
            "sfsort",
        )
    },
    "trackers BoT-SORT": ("trackers", roboflow("BoTSORTTracker", frames=True)),
    "trackers C-BIoU": ("trackers", roboflow("CBIoUTracker")),
    "trackers ByteTrack": ("trackers", roboflow("ByteTrackTracker")),
    "trackers OC-SORT": ("trackers", roboflow("OCSORTTracker")),
    "trackers SORT": ("trackers", roboflow("SORTTracker")),
    "deep-sort-realtime": ("deep-sort-realtime", deep_sort_realtime),
    "norfair, IoU": ("norfair", norfair_iou),
}  # fmt: skip
"""Name → the distribution it comes in, and how it begins; that is told whether detections have features."""


def follow(sequence: Sequence, begin: Callable[[bool], Update]) -> tuple[Comparison, float]:
    """The tracks of a peer, and the milliseconds of each of its updates."""
    appearance = any(seen.features is not None for seen in sequence.frames)
    update = begin(appearance)
    rows, spent = [], 0.0
    images = iter([]) if sequence.images is None else sequence.images()
    for index, seen in enumerate(sequence.frames):
        image = next(images, GREY)
        start = time.perf_counter()
        ids, boxes = update(seen, image)
        spent += time.perf_counter() - start
        for track_id, box in zip(ids.tolist(), xyxy_to_tlwh(np.asarray(boxes, np.float64)), strict=True):
            rows.append([index + 1, track_id + 1, *box, 1, -1, -1, -1])
    table = np.array(rows, dtype=np.float64).reshape(-1, 10)
    # The scorer takes an id once in a frame, and so should a tracker give it.
    _, first = np.unique(table[:, :2], axis=0, return_index=True)
    return Comparison(sequence.name, table[np.sort(first)], sequence.ground_truth), 1e3 * spent / len(sequence.frames)


def ours(sequence: Sequence, values: list[str], threshold: float | None) -> tuple[Comparison, float]:
    settings = settings_for(values, None if sequence.group == "stored" else threshold)
    start = time.perf_counter()
    comparison = replay(sequence, settings)
    return comparison, 1e3 * (time.perf_counter() - start) / len(sequence.frames)


def cell(scores: list[Score]) -> str:
    """HOTA / IDF1 / MOTA / switches."""
    means = [f"{100 * statistics.fmean(getattr(one, name) for one in scores):.1f}" for name in ("HOTA", "IDF1", "MOTA")]
    return " / ".join([*means, str(sum(one.id_switches for one in scores))])


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Peers print and log as they like."""
    logging.disable(logging.CRITICAL)
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


def recordings(arguments: argparse.Namespace) -> tuple[list[Sequence], float | None]:
    """What everybody tracks, and the Re-ID model's own threshold."""
    detector = open_detector(DetectorSettings(model_path=str(arguments.detector), conf=0.1))
    embedder = open_embedder(EmbedderSettings(model_path=arguments.reid))
    if embedder is None:
        raise SystemExit("no Re-ID model; name one with --reid")
    recorder = Recorder(detector, embedder, arguments.cache)
    wanted = [one for one in sequences(recorder, arguments.data) if (one.group, one.name) in WANTED]
    return [replace(one, frames=[usable(seen) for seen in one.frames]) for one in wanted], embedder.threshold


def usable(seen: Detections) -> Detections:
    """Without boxes of no area, which some peers refuse."""
    return seen[(seen.boxes[:, 2:] - seen.boxes[:, :2] > 1e-3).all(axis=1)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with video/, mot/ and models/")
    parser.add_argument("--detector", type=Path, default=DATA / "models" / "yolox_nano.onnx")
    parser.add_argument("--reid", default=None, help="Re-ID model; by default the bundled one")
    parser.add_argument("--cache", type=Path, help="folder to keep the recordings in, as of tracking_quality.py")
    parser.add_argument("--only", nargs="*", help="words that names of trackers must contain")
    arguments = parser.parse_args()
    if not arguments.detector.is_file():
        print(f"skipped: not found: {arguments.detector}; name your own with --detector", file=sys.stderr)
        return
    recorded, threshold = recordings(arguments)
    columns = list(dict.fromkeys(WANTED[one.group, one.name] for one in recorded))
    trackers: dict[str, Callable[[Sequence], tuple[Comparison, float]]] = {
        f"**deepsort_cli {name}**": lambda one, values=values: ours(one, values, threshold)
        for name, values in OURS.items()
    }
    for name, (distribution, begin) in PEERS.items():
        try:
            version = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            print(f"skipped: {name}: {distribution} is not installed", file=sys.stderr)
            continue
        trackers[f"{name} ({version})"] = lambda one, begin=begin: follow(one, begin)
    rows, scorer = [], Scorer()
    for name, track in trackers.items():
        if arguments.only and not any(word in name for word in arguments.only):
            continue
        cells: dict[str, list[Score]] = {}
        spent: dict[bool, list[float]] = {True: [0.0], False: [0.0]}
        try:
            for one in recorded:
                try:
                    with quiet():
                        comparison, milliseconds = track(one)
                except NeedsAppearance:
                    continue
                spent[one.live].append(milliseconds)
                cells.setdefault(WANTED[one.group, one.name], []).append(scorer(comparison, one.group))
        except Exception as error:
            print(f"failed: {name} on {one.name} ({one.group}): {type(error).__name__}: {error}", file=sys.stderr)
        times = " / ".join(f"{statistics.fmean(values[1:] or values):.1f}" for values in spent.values())
        rows.append([name, *(cell(cells[column]) if column in cells else "–" for column in columns), times])
        print(" | ".join(rows[-1]), file=sys.stderr)
    print("HOTA / IDF1 / MOTA / identity switches; milliseconds of the tracker per frame with pictures / without.\n")
    print_table(["tracker", *columns, "ms"], rows)


if __name__ == "__main__":
    main()
