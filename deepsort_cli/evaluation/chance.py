"""What a ranking that knows nothing would reach on the same queries and gallery."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from deepsort_cli.core.types import IntArray
from deepsort_cli.evaluation.ranking import JUNK, Ranker


@dataclass(frozen=True)
class Chance:
    """Expected figures of a random order of the gallery, as fractions; NaN where no query can be answered."""

    mAP: float
    rank1: float


def luck(chance: float, people: int) -> float:
    """How far above `chance` a ranking that knows nothing may come with so few people: one standard deviation.

    Taken as that of a share of `people`, each right with probability `chance`: pictures of one person are found or
    missed together.
    """
    return math.sqrt(chance * (1 - chance) / max(people, 1))


def chance_level(q_pids: IntArray, g_pids: IntArray, q_camids: IntArray, g_camids: IntArray) -> Chance:
    """The exact expectation over all orders of the gallery, under the protocol of `ranking.rank`.

    Among n images that count, r of which are right, an image at place i is right with probability r/n, and then each
    of the i − 1 before it with (r − 1)/(n − 1). So the average precision is expected to be the mean over i of
    (1 + (i − 1)(r − 1)/(n − 1))/i, and rank 1 to be r/n.

    Args:
        q_pids, g_pids: (Q,), (G,) person ids; −1 is junk.
        q_camids, g_camids: (Q,), (G,) camera ids.
    """
    kept = np.flatnonzero(np.asarray(g_pids) != JUNK)
    same = Ranker(q_pids, g_pids[kept], q_camids, g_camids[kept]).same_person(slice(0, len(q_pids)))
    excluded = np.bincount(same.row[same.same_camera], minlength=len(q_pids))
    right = np.bincount(same.row[~same.same_camera], minlength=len(q_pids))
    number = len(kept) - excluded
    answered = right > 0
    n, r = number[answered], right[answered]
    if not len(n):
        return Chance(float("nan"), float("nan"))
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, len(kept) + 1))])[n]
    ap = (harmonic + (n - harmonic) * (r - 1) / np.maximum(n - 1, 1)) / n
    return Chance(float(ap.mean()), float((r / n).mean()))
