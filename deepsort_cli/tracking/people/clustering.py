"""Which finished tracks of all cameras are of one person, decided when all of them are known.

Agglomerative clustering with average linkage (Sokal and Michener 1958), under cannot-links (Davidson and Ravi 2005):
the two clusters that are most alike are joined, over and over, as long as there are such that may be one person.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from deepsort_cli.core.looks import Features
from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.tracking.people.places import Places
from deepsort_cli.tracking.settings import LEAST_LIMIT, UNLIKE_STRANGERS, PeopleRule

FEWEST_COUPLES = 10
"""Of people seen at once that say how alike they look; one track of two people, or two of one, may be among them."""

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Tracklet:
    """A finished track of one camera.

    Attributes:
        camera: its name.
        first, last: when it was seen, in seconds on a clock that all cameras share.
        mean: (D,) of its looks, of unit length.
        looks: how many there are.
        kind: what it was taken for; those of different kinds are never one.
    """

    camera: str
    first: float
    last: float
    mean: Features
    looks: int
    kind: str = ""


def cluster(tracklets: Sequence[Tracklet], rule: PeopleRule, places: Places) -> IntArray:
    """Join tracklets into people.

    How unlike two tracklets are is the cosine distance between their means, as a multiple of the largest that `rule`
    admits, within one camera or between two; how unlike two clusters, the mean of that over all pairs, weighted by
    numbers of looks. Clusters below 1 are joined, the most alike first. Never joined are tracklets of one camera that
    overlap in time, nor those of two cameras that nobody can have been in (`Places`), nor those of two kinds, nor
    clusters that hold such.
    Where people who are seen at once by one camera, and so are different, mostly look alike, less is admitted.

    Neither chance nor the order of equal distances plays a part but that of `tracklets`.

    Returns:
        (N,) the person of each, from 0 in the order in which they first appear.
    """
    count = len(tracklets)
    label = np.arange(count)
    unlike = _unlike(tracklets, rule, places)
    weights = np.array([one.looks for one in tracklets], np.float64)
    # An average below 1 needs a pair below 1, so clusters that no chain of such pairs connects never meet.
    rows, columns = np.nonzero(unlike < 1)
    graph = coo_array((np.ones(len(rows), bool), (rows, columns)), shape=(count, count))
    parts, part = connected_components(graph, directed=False)
    order = np.argsort(part, kind="stable")
    for members in np.split(order, np.cumsum(np.bincount(part, minlength=parts))[:-1]) if count else ():
        label[members] = members[_joined(unlike[np.ix_(members, members)].astype(np.float64), weights[members])]
    return _numbered(label, [one.first for one in tracklets])


def _unlike(tracklets: Sequence[Tracklet], rule: PeopleRule, places: Places) -> Matrix:
    """(N, N) how unlike tracklets are, 1 being as much as is admitted; inf where they cannot be one person."""
    count = len(tracklets)
    unlike = np.full((count, count), np.inf, np.float32)
    first, last = (np.array([getattr(one, name) for one in tracklets]) for name in ("first", "last"))
    by_camera: dict[str, list[int]] = {}
    for i, one in enumerate(tracklets):
        by_camera.setdefault(one.camera, []).append(i)
    means = np.array([one.mean for one in tracklets], np.float32)
    beside: dict[tuple[str, str], list[int]] = {}
    for i, one in enumerate(tracklets):
        beside.setdefault((one.camera, one.kind), []).append(i)
    admitted = _admitted(beside.values(), first, last, means, rule)
    for camera, some in by_camera.items():
        for other, others in by_camera.items():
            distance = (1 - means[some] @ means[others].T) / np.float32(admitted * rule.limits(camera, other)[1])
            least = places.least(camera, other)
            if least is not None:
                between = np.maximum(
                    first[some][:, None] - last[others][None], first[others][None] - last[some][:, None]
                )
                distance[(between <= 0) | (between < least)] = np.inf
            unlike[np.ix_(some, others)] = distance
    unlike = np.minimum(unlike, unlike.T)  # equal but for the last bit
    kinds = np.array([one.kind for one in tracklets])
    for kind in np.unique(kinds) if count else ():
        unlike[np.ix_(kinds == kind, kinds != kind)] = np.inf
    np.fill_diagonal(unlike, np.inf)
    return unlike


def _admitted(
    groups: Iterable[list[int]], first: FloatArray, last: FloatArray, means: Features, rule: PeopleRule
) -> float:
    """The part of the largest distances that is admitted, by how alike people look who are seen at once."""
    apart: list[float] = []
    for some in groups:
        for position, i in enumerate(some):
            beside = np.array(some[position + 1 :], np.int64)
            beside = beside[(first[beside] < last[i]) & (last[beside] > first[i])]
            apart += (1.0 - means[beside] @ means[i]).tolist()
    if not rule.adapts or len(apart) < FEWEST_COUPLES:
        return 1.0
    return min(1.0, max(UNLIKE_STRANGERS * float(np.median(apart)) / rule.across, LEAST_LIMIT))


def _joined(unlike: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> IntArray:
    """(n,) a representative of each one's cluster; `unlike` and `weights` are used up."""
    count = len(unlike)
    into = np.arange(count)
    nearest = unlike.argmin(axis=1) if count else into
    least = unlike[into, nearest]
    while count and least.min() < 1:
        one = int(least.argmin())
        other = int(nearest[one])
        keep, gone = min(one, other), max(one, other)
        total = weights[keep] + weights[gone]
        row = (weights[keep] * unlike[keep] + weights[gone] * unlike[gone]) / total
        row[[keep, gone]] = np.inf
        unlike[keep], unlike[:, keep] = row, row
        unlike[gone], unlike[:, gone] = np.inf, np.inf
        weights[keep] = total
        into[into == gone] = keep
        least[gone] = np.inf
        # Whose nearest was one of the two looks again; for others the new cluster may be nearer.
        again = np.flatnonzero((nearest == keep) | (nearest == gone))
        again = np.union1d(again, [keep])
        nearest[again] = unlike[again].argmin(axis=1)
        least[again] = unlike[again, nearest[again]]
        nearer = np.flatnonzero(row < least)
        nearest[nearer], least[nearer] = keep, row[nearer]
    return into


def _numbered(label: IntArray, first: Sequence[float]) -> IntArray:
    """Labels from 0 in the order in which they first appear in time, then among the tracklets."""
    number: dict[int, int] = {}
    for i in np.lexsort((np.arange(len(label)), np.array(first, np.float64))).tolist():
        number.setdefault(int(label[i]), len(number))
    return np.array([number[int(one)] for one in label], np.int64)
