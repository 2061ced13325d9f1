"""How well people are known across cameras: identity scores on generated worlds, and tracklets of CUHK03.

Worlds: four cameras each (`demo:SEED/1` to `/4`), 40 s at 5 frames a second, found by YOLOX nano, known by the bundled
model. Scored over all cameras (`deepsort score --across`): every track for itself, as without `--across`; `--across`;
`refine --across`; and as if of every track were known whose it is, which is what these tracks allow. Worlds 0 to 3 are
for choosing, 10 to 13 for reporting.

CUHK03: rank-1 and mAP between its cameras for single pictures, and for tracklets of up to five pictures of a person and
camera, by the mean of their looks, as the gallery of `--across` takes it. And how many pairs are right if tracklets of
all cameras are clustered as `refine --across` does it.

    python benchmarks/across.py --keep runs
    python benchmarks/across.py --choose --keep runs      # worlds 0 to 3, over largest distances
    python benchmarks/across.py --cuhk --keep runs
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tracking_quality import DATA, print_table

import deepsort_cli as deepsort
from deepsort_cli.core.box_tables import read_boxes
from deepsort_cli.core.boxes import iou
from deepsort_cli.core.images import read_image
from deepsort_cli.core.looks import Features, normalise
from deepsort_cli.core.track_tables import read_tracks, write_people
from deepsort_cli.core.types import IntArray
from deepsort_cli.evaluation.mot_score import Score
from deepsort_cli.evaluation.ranking import RankingResult, rank
from deepsort_cli.perception.embedders import open_embedder
from deepsort_cli.tracking.people import Places
from deepsort_cli.tracking.people.clustering import Tracklet, cluster
from deepsort_cli.tracking.people.person import LookSet
from deepsort_cli.tracking.settings import CamerasSettings

CHOSEN_ON, REPORTED_ON = range(4), range(10, 14)
CAMERAS = range(1, 5)
DISTANCES = (None, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7)
OVERLAP = ("1,2",)
LOOKS = 5
"""Pictures of a person and camera."""


class World:
    """The files of one world: tracks, looks and truth of every camera, made where they are missing."""

    def __init__(self, seed: int, folder: Path, detector: Path) -> None:
        self.seed = seed
        self.folder = folder / str(seed)
        if not (self.folder / "done").is_file():
            deepsort.track(
                *(f"demo:{seed}/{camera}" for camera in CAMERAS),
                across=True,
                overlap=OVERLAP,
                detector=detector,
                demo={"fps": 5, "frames": 200},
                save_jsonl=self.folder / "out.jsonl",
                save_looks=self.folder / "looks.npz",
                save_gt=self.folder / "gt.txt",
                overwrite=True,
            ).finish()
            (self.folder / "done").touch()
        self.tracks, self.looks, self.truth = (
            [self.folder / f"{kind}_demo_{seed}_{camera}.{suffix}" for camera in CAMERAS]
            for kind, suffix in (("out", "jsonl"), ("looks", "npz"), ("gt", "txt"))
        )

    def score(self, results: Sequence[Path] | None = None) -> Score:
        """Over all cameras; None: as `--across` told people."""
        return deepsort.score(self.truth, results or self.tracks, across=True).scores[-1]

    def alone(self) -> Score:
        """Every track is somebody of its own."""
        return self.score(self._copies([np.full(len(read_tracks(path)), -1) for path in self.tracks]))

    def ideal(self) -> Score:
        """Every track is the person whom most of its boxes are of."""
        return self.score(self._copies([_owners(*paths) for paths in zip(self.tracks, self.truth, strict=True)]))

    def refined(self, distance: float | None = None) -> tuple[Score, int]:
        """Offline; and how many people that makes."""
        with tempfile.TemporaryDirectory() as folder:
            done = deepsort.refine(
                self.tracks,
                looks=self.looks,
                output=Path(folder),
                across=CamerasSettings(enabled=True, overlap=OVERLAP, distance=distance),
            )
            assert done.across is not None
            return self.score([Path(path) for path in done.across.outputs]), len(done.across.people)

    def _copies(self, people: Sequence[IntArray]) -> list[Path]:
        copies = [self.folder / f"copy_{path.name}" for path in self.tracks]
        for path, copy, own in zip(self.tracks, copies, people, strict=True):
            write_people(read_tracks(path), copy, own, [""] * len(own))
        return copies


def _owners(tracks: Path, truth: Path) -> IntArray:
    """For every row of tracks, the id of ground truth that most boxes of its track overlap by half; −1 for none."""
    table, rows = read_tracks(tracks), read_boxes(truth).with_ids()
    votes: dict[int, Counter[int]] = {}
    for i in range(len(table)):
        there = rows[rows[:, 0] == table.frames[i]]
        overlap = iou(table.tlwh[i : i + 1], there[:, 2:6])[0]
        if len(overlap) and overlap.max() > 0.5:
            votes.setdefault(int(table.ids[i]), Counter())[int(there[overlap.argmax(), 1])] += 1
    owner = {track: counts.most_common(1)[0][0] for track, counts in votes.items()}
    people = np.array([owner.get(int(one), -1) for one in table.ids], np.int64)
    _, first = np.unique(np.column_stack([table.frames, people]), axis=0, return_index=True)
    again = np.setdiff1d(np.arange(len(people)), first)
    people[again] = -1  # two tracks of one person at once
    return people


def report(worlds: Sequence[World]) -> None:
    """Scores of all worlds, and their means."""
    rows: list[list[str]] = []
    means: dict[str, list[tuple[float, ...]]] = {}
    for world in worlds:
        refined, people = world.refined()
        done = {
            "every track for itself": world.alone(),
            "--across": world.score(),
            f"refine --across ({people} people)": refined,
            "whose every track is": world.ideal(),
        }
        for name, score in done.items():
            figures = (score.IDF1, score.IDP, score.IDR, score.HOTA, score.AssA, score.DetA)
            means.setdefault(name.partition(" (")[0], []).append(figures)
            rows.append([str(world.seed), name, *(f"{100 * one:.1f}" for one in figures)])
    for name, several in means.items():
        rows.append(["mean", name, *(f"{100 * statistics.mean(one):.1f}" for one in zip(*several, strict=True))])
    print_table(["world", "people by", "IDF1", "IDP", "IDR", "HOTA", "AssA", "DetA"], rows)


def choose(worlds: Sequence[World]) -> None:
    """IDF1 of `refine --across` by its largest distance."""
    rows: list[list[str]] = []
    for distance in DISTANCES:
        done = [world.refined(distance) for world in worlds]
        scores = [f"{100 * score.IDF1:.1f} ({people})" for score, people in done]
        mean = statistics.mean(score.IDF1 for score, _ in done)
        rows.append([str(distance or "by looks"), *scores, f"{100 * mean:.1f}"])
    print_table(["distance", *(f"world {world.seed} (people)" for world in worlds), "mean IDF1"], rows)


def cuhk(root: Path, folder: Path) -> None:
    """Single pictures against tracklets."""
    pids, cams, is_query, features = _pictures(root, folder / "cuhk03.npz")
    query, gallery = np.flatnonzero(is_query), np.flatnonzero(~is_query)
    rows = [["single pictures, query and gallery as given", *_figures(_rank(features, pids, cams, query, gallery))]]
    keys, which = np.unique(np.column_stack([pids, cams]), axis=0, return_inverse=True)
    for count in (1, 2, LOOKS):
        means = np.array(
            [_mean(features[np.flatnonzero(which.reshape(-1) == one)[:count]]) for one in range(len(keys))]
        )
        everything = np.arange(len(keys))
        result = _rank(means, keys[:, 0], keys[:, 1], everything, everything)
        rows.append([f"tracklets of {count}, each against all others", *_figures(result)])
    print_table(["CUHK03", "queries", "gallery", "rank-1", "mAP"], rows)
    rows = []
    for distance in DISTANCES:
        precision, recall, people = _clustered(means, keys, distance)
        f1 = 2 * precision * recall / (precision + recall)
        figures = [f"{100 * one:.1f}" for one in (precision, recall, f1)]
        rows.append([str(distance or "by looks"), str(people), *figures])
    true = len(np.unique(keys[:, 0]))
    print_table(["largest distance", f"people ({true})", "pairs right", "pairs found", "F1"], rows)


def _pictures(root: Path, cache: Path) -> tuple[IntArray, IntArray, np.ndarray, Features]:
    """Person, camera, whether it is a query, and feature of the test pictures."""
    paths = [path for part in ("query", "bounding_box_test") for path in sorted((root / part).glob("*.jpg"))]
    if not cache.is_file():
        embedder = open_embedder()
        assert embedder is not None
        parts = [
            embedder.embed_crops([read_image(path) for path in paths[i : i + 32]]) for i in range(0, len(paths), 32)
        ]
        np.savez(cache, features=np.concatenate(parts))
    found = [re.match(r"(-?\d+)_c(\d+)", path.name) for path in paths]
    pids, cams = (np.array([int(one[group]) for one in found if one], np.int64) for group in (1, 2))
    features, _ = normalise(np.load(cache)["features"].astype(np.float32))
    return pids, cams, np.array([path.parent.name == "query" for path in paths]), features


def _mean(features: Features) -> Features:
    """The mean of looks, as the gallery has it."""
    looks = LookSet()
    for feature in features:
        looks.add(feature)
    return looks.mean()


def _rank(features: Features, pids: IntArray, cams: IntArray, query: IntArray, gallery: IntArray) -> RankingResult:
    return rank(features[query], features[gallery], pids[query], pids[gallery], cams[query], cams[gallery])


def _figures(result: RankingResult) -> list[str]:
    return [
        str(result.num_valid),
        str(result.gallery_size),
        f"{100 * result.rank(1):.2f}",
        f"{100 * result.mAP:.2f}",
    ]


def _clustered(means: Features, keys: IntArray, distance: float | None) -> tuple[float, float, int]:
    """Precision and recall of pairs of two cameras, where everybody is seen by all cameras at once."""
    cameras = [str(camera) for camera in keys[:, 1]]
    overlap = frozenset(frozenset((a, b)) for a in cameras for b in cameras if a != b)
    tracklets = [Tracklet(camera, 0.0, 1.0, mean, LOOKS) for camera, mean in zip(cameras, means, strict=True)]
    rule = CamerasSettings(distance=distance).rule(THRESHOLD)
    label = cluster(tracklets, rule, Places(overlap))
    same, truth = label[:, None] == label, keys[:, :1] == keys[:, 0]
    np.fill_diagonal(same, False)
    np.fill_diagonal(truth, False)
    right = np.count_nonzero(same & truth)
    return right / max(same.sum(), 1), right / truth.sum(), len(np.unique(label))


THRESHOLD = 0.25
"""The bundled model's `max_cosine_distance`."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="folder for runs and features, which are not made again")
    parser.add_argument("--choose", action="store_true", help="worlds 0 to 3, over largest distances")
    parser.add_argument("--cuhk", action="store_true", help="tracklets of CUHK03")
    parser.add_argument("--worlds", type=int, nargs="+", help="other worlds")
    parser.add_argument("--detector", type=Path, default=DATA / "models" / "yolox_nano.onnx")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if args.cuhk:
            cuhk(DATA / "reid" / "cuhk03", folder)
            return
        seeds = args.worlds or (CHOSEN_ON if args.choose else REPORTED_ON)
        worlds = [World(seed, folder, args.detector) for seed in seeds]
        (choose if args.choose else report)(worlds)


if __name__ == "__main__":
    main()
