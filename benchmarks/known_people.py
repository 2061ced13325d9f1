"""How well people are known by name: names that strangers get, and known people who are missed, at the found threshold.

People of CUHK03 are enrolled with three pictures each from their first camera; the threshold comes from these alone
(`evaluation/enrolment.py`). Then the pictures of the second camera, up to five as one track, of these people and of all
others, who were never enrolled, are compared with everybody enrolled. The rule was chosen on one half of the people and
is reported on the other. Each line is the mean over `--rounds` draws of the people enrolled.

    python benchmarks/known_people.py
    python benchmarks/known_people.py --model osnet_x0_25_msmt17_dyn.onnx     # knows nobody of CUHK03
    python benchmarks/known_people.py --choose                                 # the half that was chosen on

The bundled model has learnt these very people, so its figures flatter it; those of a model that has not are the other
extreme.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tracking_quality import DATA, print_table

from deepsort_cli.core.images import read_image
from deepsort_cli.core.looks import Features
from deepsort_cli.evaluation.enrolment import calibrate
from deepsort_cli.perception.embedders import open_embedder
from deepsort_cli.perception.settings import EmbedderSettings
from deepsort_cli.tracking.settings import CANONICAL_COSINE_DISTANCE

NUMBERS = (1, 3, 5, 10, 20, 50)
PICTURES, LOOKS, BATCH = 3, 5, 64


@dataclass(frozen=True)
class Person:
    """Looks in the first camera, which are enrolled, and in the second, where the person is to be recognised."""

    enrolled: Features
    seen: Features


def load(root: Path, model: str | None, half: int) -> tuple[list[Person], float]:
    """Half of the people with enough pictures in two cameras, and the model's threshold."""
    embedder = open_embedder(EmbedderSettings(model_path=model))
    assert embedder is not None
    paths = sorted([*root.glob("query/*.jpg"), *root.glob("bounding_box_test/*.jpg")])
    batches = [paths[start : start + BATCH] for start in range(0, len(paths), BATCH)]
    features = np.concatenate([embedder.embed_crops([read_image(path) for path in batch]) for batch in batches])
    of: dict[int, dict[int, list[int]]] = {}
    for row, path in enumerate(paths):
        found = re.match(r"(\d+)_c(\d+)_", path.name)
        assert found is not None
        of.setdefault(int(found[1]), {}).setdefault(int(found[2]), []).append(row)
    order = np.random.default_rng(42).permutation(sorted(of)).tolist()[half::2]
    people = []
    for pid in order:
        cameras = [rows for _, rows in sorted(of[pid].items())]
        if len(cameras) > 1 and min(len(rows) for rows in cameras[:2]) >= PICTURES:
            people.append(Person(features[cameras[0][:PICTURES]], features[cameras[1][:LOOKS]]))
    return people, CANONICAL_COSINE_DISTANCE if embedder.threshold is None else embedder.threshold


def unit_mean(features: Features) -> Features:
    mean = features.mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def one_round(people: Sequence[Person], enrolled: Sequence[int], usual: float) -> list[float]:
    """Threshold; shares of strangers named, of them as foretold, of known people missed, and named as another."""
    chosen = set(enrolled)
    found = calibrate([str(i) for i in enrolled], [people[i].enrolled for i in enrolled], usual)
    gallery = np.array([unit_mean(people[i].enrolled) for i in enrolled])
    known = 1 - np.array([unit_mean(people[i].seen) for i in enrolled]) @ gallery.T
    strangers = 1 - np.array([unit_mean(one.seen) for i, one in enumerate(people) if i not in chosen]) @ gallery.T
    named = known.min(axis=1) <= found.threshold
    wrong = named & (known.argmin(axis=1) != np.arange(len(enrolled)))
    foretold = np.nan if found.strangers is None else found.strangers
    figures = [found.threshold, (strangers.min(axis=1) <= found.threshold).mean(), foretold, (~named).mean()]
    return [*map(float, figures), float(wrong.mean())]


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=DATA / "reid" / "cuhk03", help="folder with query and gallery")
    parser.add_argument("--model", help="Re-ID model in place of the bundled one")
    parser.add_argument("--rounds", type=int, default=200, help="draws of people for each line (200)")
    parser.add_argument("--choose", action="store_true", help="the half of the people the rule was chosen on")
    options = parser.parse_args(given)
    people, usual = load(options.root, options.model, 0 if options.choose else 1)
    print(f"{len(people)} people, threshold of the model {usual:g}")
    rows = []
    for count in NUMBERS:
        rounds = [
            one_round(people, np.random.default_rng(seed).choice(len(people), count, replace=False).tolist(), usual)
            for seed in range(options.rounds)
        ]
        threshold, named, foretold, missed, wrong = np.mean(rounds, axis=0).tolist()
        worst = float(np.quantile([one[1] for one in rounds], 0.95))
        told = "-" if np.isnan(foretold) else f"{foretold:.1%}"
        rows.append(
            [str(count), f"{threshold:.2f}", f"{named:.1%}", f"{worst:.1%}", told, f"{missed:.1%}", f"{wrong:.1%}"]
        )
    heads = ["enrolled", "threshold", "strangers named", "in the worst 5 %", "foretold", "missed", "wrong name"]
    print_table(heads, rows)


if __name__ == "__main__":
    main()
