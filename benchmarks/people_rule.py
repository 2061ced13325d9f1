"""How well people are told apart over several cameras where tracks are given: what `--across` adds to a tracker.

Two kinds of runs, both with tracks as a perfect tracker would give them, so that only the looks and the rule decide:

- `--worlds SEED …`: the four cameras of generated worlds (`demo:SEED/1` to `/4`), five frames a second, boxes of the
  ground truth that can be seen by 30 % at least. Somebody who comes back to a camera has another id.
- `--market ROOT`: a dataset with Market-1501's names whose people are seen by pairs of cameras (CUHK03). Twenty people
  walk past the first camera, three at a time, and some time later past the second one, with the few looks that there
  are. `--alone`: one at a time, so that nobody is ever seen beside anybody. `--half 0` takes people of even numbers,
  `--half 1` those of odd ones: choose on one, report on the other.

Reported is IDF1 over all cameras, that of ids per camera without `--across`, that of perfect ids per camera, how many
people were found of how many, and which part of the rows came before the decision.

    python benchmarks/people_rule.py --worlds 10 11 12 13 14 15
    python benchmarks/people_rule.py --market ../shared/data/reid/cuhk03 --half 1 --reid MODEL.onnx
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from deepsort_cli.core import Tracks
from deepsort_cli.perception.embedders import Embedder, open_embedder
from deepsort_cli.perception.settings import EmbedderSettings, RuntimeSettings
from deepsort_cli.tracking.people import PeopleGallery, Places
from deepsort_cli.tracking.settings import AcrossSettings
from deepsort_cli.video.settings import DemoSettings
from deepsort_cli.video.world import VIEWS, WorldScene

EVERY, SEEN, AWAY = 5, 0.3, 1.0
"""Frames between two that are looked at; visible part of a figure; seconds after which a track ends."""
PEOPLE, SIZE, APART = 20, 3, 0.25
"""People of a walk, how many come at once, seconds between two looks."""

Features = npt.NDArray[np.float32]


class Sight(NamedTuple):
    """What a camera sees at one moment: N people."""

    camera: str
    moment: float
    people: list[int]
    ids: list[int]
    boxes: npt.NDArray[np.float64]
    features: Features


class Found(NamedTuple):
    """Rows of a run: who it was, as whom it was reported, and the track."""

    truth: list[int]
    reported: list[int]
    camera: list[str]
    track: list[int]

    def line(self) -> list[float]:
        """IDF1 of people, of ids per camera, of perfect ids per camera; people found and there; undecided rows."""
        tracks, own = (_numbered(list(zip(self.camera, ids, strict=True))) for ids in (self.track, self.truth))
        found = len(set(self.reported) - {-1})
        undecided = float(np.mean(np.array(self.reported) < 0))
        scores = [idf1(self.truth, ids) for ids in (self.reported, tracks, own)]
        return [*scores, found, len(set(self.truth)), undecided]


def _numbered(pairs: list[tuple[str, int]]) -> list[int]:
    """A number for each that is different."""
    numbers: dict[tuple[str, int], int] = {}
    return [numbers.setdefault(pair, len(numbers)) for pair in pairs]


def idf1(truth: list[int], reported: list[int]) -> float:
    """Rows of people and those reported for them matched one to one; −1 is nobody."""
    known = np.array(reported) >= 0
    _, rows = np.unique(truth, return_inverse=True)
    _, columns = np.unique(np.array(reported)[known], return_inverse=True)
    shared = np.zeros((rows.max() + 1, columns.max(initial=-1) + 1))
    np.add.at(shared, (rows[known], columns), 1)
    pairs = linear_sum_assignment(-shared)
    return float(2 * shared[pairs].sum() / (len(truth) + known.sum()))


def follow(sights: Iterator[Sight], threshold: float, places: Places) -> Found:
    """Let the gallery say who everybody is."""
    gallery, found = PeopleGallery(AcrossSettings().rule(threshold), places), Found([], [], [], [])
    for sight in sights:
        n = len(sight.ids)
        zeros = np.zeros(n, np.int64)
        tracks = Tracks(np.array(sight.ids, np.int64), sight.boxes, np.ones(n), zeros, zeros, np.arange(n))
        people = gallery.see(sight.camera, sight.moment, tracks.with_features(sight.features)).people
        assert people is not None
        found.truth.extend(sight.people)
        found.reported.extend(people.tolist())
        found.camera.extend([sight.camera] * n)
        found.track.extend(sight.ids)
    return found


def world(seed: int, embed: Embedder) -> Iterator[Sight]:
    """All cameras of a world, moment after moment."""
    scenes = [WorldScene(DemoSettings(seed=seed), camera + 1) for camera in range(len(VIEWS))]
    last: dict[tuple[int, int], tuple[float, int]] = {}
    begun = [0] * len(scenes)
    for index in range(0, scenes[0].frames, EVERY):
        moment = index / scenes[0].settings.fps
        for camera, scene in enumerate(scenes):
            truth = scene.ground_truth(index)
            seen = truth.visibility > SEEN
            people, boxes = truth.ids[seen].tolist(), truth.boxes[seen]
            ids = []
            for person in people:
                before, track = last.get((camera, person), (-np.inf, 0))
                if moment - before > AWAY:
                    begun[camera] += 1
                    track = begun[camera]
                last[camera, person] = (moment, track)
                ids.append(track)
            order = np.argsort(ids)
            features = embed(scene.render(index), boxes) if people else np.empty((0, 0), np.float32)
            yield Sight(
                str(camera + 1), moment, [people[i] for i in order], sorted(ids), boxes[order], features[order]
            )  # fmt: skip


class Looks(NamedTuple):
    """All looks of a dataset."""

    person: npt.NDArray[np.int64]
    camera: npt.NDArray[np.int64]
    features: Features


def read(root: Path, embed: Embedder, half: int) -> Looks:
    """The looks of half the people of its test parts."""
    found = []
    for path in sorted([*root.glob("query/*.jpg"), *root.glob("bounding_box_test/*.jpg")]):
        name = re.match(r"(\d+)_c(\d+)", path.name)
        if name is None or int(name[1]) % 2 != half:
            continue
        image = np.asarray(cv2.imread(str(path)), np.uint8)
        height, width = image.shape[:2]
        found.append((int(name[1]), int(name[2]), embed(image, np.array([[0.0, 0, width, height]]))[0]))
    people, cameras, features = zip(*found, strict=True)
    return Looks(np.array(people), np.array(cameras), np.array(features))


def walk(looks: Looks, cameras: tuple[int, int], seed: int, size: int) -> Iterator[Sight]:
    """People who come past one camera, `size` at a time, and past the other while later ones are at the first."""

    def of(person: int, camera: int) -> Features:
        return np.asarray(looks.features[(looks.person == person) & (looks.camera == camera)])

    able = [person for person in np.unique(looks.person) if min(len(of(person, camera)) for camera in cameras) >= 4]
    people = np.random.default_rng(seed).permutation(able)[:PEOPLE]
    groups = [people[i : i + size] for i in range(0, len(people), size)]
    visits = [(cameras[0], group) for group in groups[:2]]
    for number, group in enumerate(groups):
        visits += [(cameras[0], later) for later in groups[number + 2 : number + 3]] + [(cameras[1], group)]
    moment = 0.0
    for number, (camera, group) in enumerate(visits):
        for k in range(max(len(of(person, camera)) for person in group)):
            here = [j for j, person in enumerate(group) if k < len(of(person, camera))]
            yield Sight(
                f"camera {camera}", moment, [int(group[j]) for j in here], [number * size + j for j in here],
                np.array([[100.0 * j, 0, 100 * j + 40, 100] for j in here]),
                np.array([of(group[j], camera)[k] for j in here]),
            )  # fmt: skip
            moment += APART
        moment += 2.0


def runs(options: argparse.Namespace, embed: Embedder) -> Iterator[tuple[str, Found]]:
    """Every run asked for, and its name."""
    threshold = options.threshold or embed.threshold or 0.2
    for seed in options.worlds:
        yield f"world {seed}", follow(world(seed, embed), threshold, Places([frozenset(("1", "2"))]))
    if options.market is None:
        return
    looks = read(options.market, embed, options.half)
    for first in sorted(set(looks.camera.tolist()))[::2]:
        for seed in range(options.seeds):
            sights = walk(looks, (first, first + 1), seed, 1 if options.alone else SIZE)
            found = follow(sights, threshold, Places())
            if len(set(found.truth)) == PEOPLE:
                yield f"cameras {first}, {first + 1}; {seed}", found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, nargs="*", default=[], metavar="SEED")
    parser.add_argument("--market", type=Path, metavar="ROOT")
    parser.add_argument("--half", type=int, choices=(0, 1), default=1)
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--seeds", type=int, default=4, help="walks per pair of cameras")
    parser.add_argument("--reid", default=None, metavar="MODEL")
    parser.add_argument(
        "--threshold", type=float, default=None, help="the model's max_cosine_distance; default: its own"
    )
    options = parser.parse_args()
    embed = open_embedder(EmbedderSettings(model_path=options.reid), RuntimeSettings(threads=1), print)
    assert isinstance(embed, Embedder)
    lines = []
    print(f"{'run':24} {'IDF1':>6} {'ids':>6} {'perfect':>8} {'people':>7} {'of':>4} {'undecided':>10}")
    for name, found in runs(options, embed):
        lines.append(found.line())
        print("{:24} {:6.3f} {:6.3f} {:8.3f} {:7.0f} {:4.0f} {:10.3f}".format(name, *lines[-1]), flush=True)
    print("{:24} {:6.3f} {:6.3f} {:8.3f} {:7.1f} {:4.1f} {:10.3f}".format("mean", *np.mean(lines, axis=0)))


if __name__ == "__main__":
    main()
