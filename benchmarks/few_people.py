"""How far `deepsort train` comes with few people: the start and the result on people it never saw, and the minutes.

For each number of people the first so many of a Market-style training part are trained on with the plain command,
`deepsort train --root PEOPLE --pretrained START`, once for each seed, and start and best.pth are tested on the
dataset's own query and gallery. The dataset's people must be unknown to the start: the bundled weights have learnt from
CUHK03.

    python benchmarks/few_people.py --people 5,9,14,40,100,200,400,767 --seeds 3

prints the whole table, a line as soon as it is known, and on two cores takes a day. Any part of it is a call of its own
(`--people 40 --seeds 1`); docs/TRAINING.md says which parts were run. A star marks a run that kept its start.
`--keep FOLDER` keeps the people and the runs there: the same command goes on with a run that was interrupted, and tests
one that was over without training it again. Its minutes are then those of the last call alone.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import deepsort_cli as deepsort
from deepsort_cli.core.types import FloatArray
from deepsort_cli.data.loading import load_manifest, load_query_gallery
from deepsort_cli.evaluation.ranking import rank
from deepsort_cli.reid.bundled import weights_file
from deepsort_cli.reid.certainty import People, signed
from deepsort_cli.reid.checkpoint import load_model
from deepsort_cli.reid.extract import extract_features

DATA = Path(os.environ.get("DEEPSORT_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


@dataclass(frozen=True)
class Found:
    """(Q,) average precisions of the test queries, and the share of them whose first find is right."""

    ap: FloatArray
    rank1: float

    @property
    def mAP(self) -> float:
        return float(np.nanmean(self.ap))


class Test:
    """The people to test on."""

    def __init__(self, root: Path):
        self.query, self.gallery = load_query_gallery(root)
        self.paths = [part.root / path for part in (self.query, self.gallery) for path in part.paths]
        self.people = People(self.query.pids)

    def __call__(self, weights: Path) -> Found:
        model, info = load_model(weights)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        features = extract_features(model, self.paths, info.preprocess, device=device)
        q, g, count = self.query, self.gallery, len(self.query)
        result = rank(features[:count], features[count:], q.pids, g.pids, q.camids, g.camids)
        return Found(result.ap, float(result.rank(1)))


def first_people(root: Path, count: int, target: Path) -> int:
    """Copy the pictures of the first people of a folder to another; return how many pictures."""
    images = load_manifest(root)
    pids = sorted(set(images.pids[images.pids > 0].tolist()))
    if count > len(pids):
        sys.exit(f"{root}: has {len(pids)} people, not {count}")
    target.mkdir(parents=True, exist_ok=True)
    chosen = [path for path, pid in zip(images.paths, images.pids.tolist(), strict=True) if pid in set(pids[:count])]
    for path in chosen:
        if not (target / Path(path).name).exists():  # of an earlier call
            shutil.copyfile(images.root / path, target / Path(path).name)
    return len(chosen)


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    reid = DATA / "reid" / "cuhk03"
    parser.add_argument("--train", type=Path, default=reid / "bounding_box_train", help="folder to take people from")
    parser.add_argument("--test", type=Path, default=reid, help="folder with query and gallery")
    parser.add_argument(
        "--start", default=str(DATA / "models" / "osnet_x0_25_msmt17.pth"), help="`--pretrained` of the command"
    )
    parser.add_argument("--people", type=numbers, default=[9, 40], help="numbers of people (9,40)")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each (1)")
    parser.add_argument("--first-seed", type=int, default=0, help="the first of their seeds (0)")
    parser.add_argument("--keep", type=Path, help="folder to keep people and runs in (none)")
    return parser.parse_args(given)


@contextlib.contextmanager
def kept_or_temporary(folder: Path | None) -> Iterator[Path]:
    """That folder, or one that is gone afterwards."""
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(given: Sequence[str] | None = None) -> None:
    options = arguments(given)
    test = Test(options.test)
    start = test(weights_file(options.start)) if options.start != "none" else None
    if start is not None:
        print(f"start: mAP {start.mAP:.1%}, rank 1 {start.rank1:.1%}", flush=True)
    heads = ("people", "pictures", "mAP, each seed", "gain of the first, 95 %", "rank 1", "minutes")
    print(line(heads), line(["---"] * len(heads)).replace(" ", ""), sep="\n", flush=True)
    for count in options.people:
        with kept_or_temporary(options.keep) as folder:
            root = folder / f"people{count}"
            pictures = first_people(options.train, count, root)
            found, minutes, kept_start = [], [], []
            for seed in range(options.first_seed, options.first_seed + options.seeds):
                began = time.monotonic()
                run = deepsort.train(
                    root, pretrained=options.start, output_dir=folder, name=f"people{count}-seed{seed}", seed=seed
                )
                minutes.append((time.monotonic() - began) / 60)
                kept_start.append(run.best["epoch"] == 0)
                found.append(test(run.folder / "checkpoints" / "best.pth"))
        gain = None if start is None else test.people.difference(found[0].ap, start.ap)
        figures = ", ".join(f"{one.mAP:.1%}{'*' * kept}" for one, kept in zip(found, kept_start, strict=True))
        points = "" if gain is None else signed(gain.interval)
        rank1, took = statistics.fmean(one.rank1 for one in found), statistics.fmean(minutes)
        print(line([str(count), str(pictures), figures, points, f"{rank1:.1%}", f"{took:.1f}"]), flush=True)


if __name__ == "__main__":
    main()
