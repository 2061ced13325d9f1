"""Linking of finished tracks: a track that went over to somebody else is split, and pieces of one person are joined.

How far two sets of looks lie apart is the mean cosine distance between a look of one and a look of the other, less the
mean of what the looks of each have among themselves. For unit vectors that is half the squared distance of their means
(energy distance, Székely and Rizzo 2013): 0 for two halves of the same looks, however much they vary.

Splitting and joining by looks is the idea of GTA-Link (Sun et al. 2024), meeting ends in space and time that of AFLink
(Du et al. 2023, StrongSORT++). GTA-Link takes one threshold after the other, AFLink a network; here all that speaks
against a pair adds up, and all joins are decided at once, at the least total cost.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from deepsort_cli.core.looks import Features, normalise
from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.tracking.settings import LinkOptions

FEWEST_LOOKS = 8
"""On either side of a split; fewer may be of somebody who passed in front."""
END_ROWS = 10
"""Rows at either end of a piece that say how fast it moves and how large it is."""
REACH, SPEED = 1.5, 0.5
"""Body heights, and body heights per second of absence, that a person may be from where expected."""
_TINY = 1e-9


@dataclass(frozen=True)
class Linking:
    """What came of linking.

    Attributes:
        tracks: how many tracks there were.
        split: how many of them fell into pieces.
        tracklets: how many pieces there were then, whole tracks among them.
        people: how many ids there are now.
    """

    tracks: int
    split: int
    tracklets: int
    people: int

    def __str__(self) -> str:
        return (
            f"joined {self.tracklets} tracklets into {self.people} people, split {self.split} of {self.tracks} tracks"
        )


class Known(NamedTuple):
    """What is known beside the boxes of N rows.

    Attributes:
        seconds: (N,) when each row was.
        rows: (K,) positions of the rows with a look, each at most once.
        features: (K, D) their looks, of any length; one that is not finite or of length zero is unknown.
        kinds: (N,) what each row was taken for, a number for each class; None where nobody knows. A piece is of the
            kind of most of its rows, and pieces of two kinds are never one.
    """

    seconds: FloatArray
    rows: IntArray
    features: Features
    kinds: IntArray | None = None


def link(table: FloatArray, known: Known, options: LinkOptions) -> tuple[IntArray, Linking]:
    """Give the rows of finished tracks the ids of people.

    1. A track is split where its looks change for good: where those before and those after, 8 at least, lie further
       apart than `distance`.
    2. A piece may be continued by one that begins after its end. Against that speak, each as a part of what would
       forbid it alone: how far apart they look (`distance`); the time between them (`max_gap`); how far the second
       begins from the way of the first, and the first ends from the way of the second (on average 1.5 body heights,
       and half a one more per second between them); the ratio of their heights (e).
    3. Of the pairs in which these add up to less than 1, those are joined that together save most, each piece with at
       most one before and one after it.

    Neither the order of rows nor chance plays a part. Pieces without a known look stay as they are.

    Args:
        table: (N, C ≥ 6) rows `frame, id, left, top, width, height, …` in any order, an id at most once in a frame.
        known: times and looks.
        options: `distance` and `max_gap`, both above 0.

    Returns:
        (N,) the new ids, and what was done. A person has the id it began with; where somebody else has that already,
        after a split, a new one above all others. No two rows of a frame get the same.
    """
    if len(table) == 0:
        return np.empty(0, np.int64), Linking(0, 0, 0, 0)
    order = np.lexsort((table[:, 0], table[:, 1]))
    unit, usable = normalise(np.asarray(known.features, np.float32))
    look = np.full(len(table), -1)
    look[known.rows[usable]] = np.flatnonzero(usable)
    look = look[order]
    rows, seconds = table[order], known.seconds[order]
    begins = np.flatnonzero(np.diff(rows[:, 1], prepend=np.nan) != 0)
    pieces: list[slice] = []
    split = 0
    for first, last in zip(begins.tolist(), [*begins[1:].tolist(), len(rows)], strict=True):
        seen = first + np.flatnonzero(look[first:last] >= 0)
        cuts = _changes(unit[look[seen]], options.distance)
        # Of the rows between two looks nobody knows whose they are.
        halfway = [(rows[seen[cut - 1], 0] + rows[seen[cut], 0]) / 2 for cut in cuts]
        edges = [first, *(first + np.searchsorted(rows[first:last, 0], halfway, side="right")).tolist(), last]
        pieces += [slice(*pair) for pair in itertools.pairwise(edges)]
        split += bool(cuts)
    pieces.sort(key=lambda piece: (rows[piece.start, 0], rows[piece.start, 1]))
    ends = _Ends.of(rows, seconds, pieces)
    means = np.array([_mean(unit, look[piece]) for piece in pieces])
    kinds = np.zeros(len(table), np.int64) if known.kinds is None else np.unique(known.kinds, return_inverse=True)[1]
    kind = np.array([np.bincount(kinds[order[piece]]).argmax() for piece in pieces])
    before = _joined(*_admissible(ends, means, kind, options), len(pieces))
    names = _names(before, rows[[piece.start for piece in pieces], 1].astype(np.int64))
    ids = np.empty(len(table), np.int64)
    for piece, name in zip(pieces, names, strict=True):
        ids[order[piece]] = name
    return ids, Linking(len(begins), split, len(pieces), len(set(names)))


def _changes(looks: Features, distance: float) -> list[int]:
    """Positions in (K, D) unit looks of one track, in order of time, where they change for good.

    A stretch is cut where its two parts are each most alike, which is where the sums of their looks are longest
    (spherical 2-means), and then its parts are, as long as parts lie further apart than `distance`.
    """
    sums = np.zeros((len(looks) + 1, looks.shape[1]))
    np.cumsum(looks, axis=0, out=sums[1:])
    found, todo = [], [(0, len(looks))]
    while todo:
        first, last = todo.pop()
        cuts = np.arange(first + FEWEST_LOOKS, last - FEWEST_LOOKS + 1)
        if not len(cuts):
            continue
        before, after = sums[cuts] - sums[first], sums[last] - sums[cuts]
        best = int(np.argmax(np.linalg.norm(before, axis=1) + np.linalg.norm(after, axis=1)))
        cut = int(cuts[best])
        apart = before[best] / (cut - first) - after[best] / (last - cut)
        if apart @ apart / 2 > distance:
            found.append(cut)
            todo += [(first, cut), (cut, last)]
    return sorted(found)


def _mean(unit: Features, look: IntArray) -> Features:
    """The mean of a piece's looks, from the position of each row's look in `unit`, −1 for none; NaN without any."""
    known = look[look >= 0]
    return unit[known].mean(axis=0) if len(known) else np.full(max(unit.shape[1], 1), np.nan, np.float32)


@dataclass(frozen=True)
class _Ends:
    """How P pieces begin ([:, 0]) and end ([:, 1]).

    Attributes:
        frames, seconds, heights: (P, 2).
        centres: (P, 2, 2) pixels.
        speeds: (P, 2, 2) pixels per second.
    """

    frames: FloatArray
    seconds: FloatArray
    heights: FloatArray
    centres: FloatArray
    speeds: FloatArray

    @classmethod
    def of(cls, rows: FloatArray, seconds: FloatArray, pieces: list[slice]) -> _Ends:
        """Of pieces of rows in the order of their frames."""
        centres = rows[:, 2:4] + rows[:, 4:6] / 2
        ends = [
            (
                slice(piece.start, min(piece.start + END_ROWS, piece.stop)),
                slice(max(piece.start, piece.stop - END_ROWS), piece.stop),
            )
            for piece in pieces
        ]
        outermost = np.array([(piece.start, piece.stop - 1) for piece in pieces])
        return cls(
            frames=rows[outermost, 0],
            seconds=seconds[outermost],
            heights=np.array([[max(rows[end, 5].mean(), _TINY) for end in both] for both in ends]),
            centres=centres[outermost],
            speeds=np.array([[_speed(seconds[end], centres[end]) for end in both] for both in ends]),
        )


def _speed(seconds: FloatArray, centres: FloatArray) -> FloatArray:
    """(2,) pixels per second of the line through n centres; nothing where fewer than three say so."""
    since = seconds - seconds.mean()
    spread = since @ since
    return since @ (centres - centres.mean(axis=0)) / spread if len(since) > 2 and spread > 0 else np.zeros(2)


def _admissible(
    ends: _Ends, means: Features, kind: IntArray, options: LinkOptions
) -> tuple[list[IntArray], list[IntArray], list[FloatArray]]:
    """Pairs of pieces, earlier and later, that may be one person, and what speaks against each, from 0 to below 1."""
    earlier, later, costs = [], [], []
    # Pieces come in the order in which they begin: what may follow one is a stretch of them.
    first = np.searchsorted(ends.frames[:, 0], ends.frames[:, 1], side="right")
    last = np.searchsorted(ends.seconds[:, 0], ends.seconds[:, 1] + options.max_gap, side="right")
    for i in range(len(means)):
        after = slice(int(first[i]), int(last[i]))
        if after.start >= after.stop:
            continue
        gap = np.maximum(ends.seconds[after, 0] - ends.seconds[i, 1], 0)
        height = (ends.heights[after, 0] + ends.heights[i, 1]) / 2
        offset = ends.centres[after, 0] - ends.centres[i, 1]
        astray = _astray(offset, ends.speeds[i, 1], gap) + _astray(offset, ends.speeds[after, 0], gap)
        apart = means[after] - means[i]
        cost = (
            np.einsum("nd,nd->n", apart, apart) / 2 / options.distance
            + gap / options.max_gap
            + astray / 2 / height / (REACH + SPEED * gap)
            + np.abs(np.log(ends.heights[after, 0] / ends.heights[i, 1]))
        )
        # Which an unknown look, NaN, never is.
        fits = np.flatnonzero((cost < 1) & (kind[after] == kind[i]))
        earlier.append(np.full(len(fits), i))
        later.append(after.start + fits)
        costs.append(cost[fits])
    return earlier, later, costs


def _astray(offset: FloatArray, speed: FloatArray, gap: FloatArray) -> FloatArray:
    """How far N places are from the way of somebody who walks on at this speed, and may stop at any time.

    Args:
        offset: (N, 2) the places, from where that person was last.
        speed: (2,) or (N, 2) pixels per second.
        gap: (N,) seconds.
    """
    way = speed * gap[:, None]
    part = np.clip((offset * way).sum(axis=1) / np.maximum((way * way).sum(axis=1), _TINY), 0, 1)
    return np.asarray(np.linalg.norm(offset - part[:, None] * way, axis=1))


def _joined(earlier: list[IntArray], later: list[IntArray], costs: list[FloatArray], count: int) -> IntArray:
    """(count,) the piece before each, −1 for none: the joins that save most against a cost of 1 for every end."""
    own = np.arange(count)
    rows = np.concatenate([*earlier, own]).astype(np.int64)
    # A piece without a follower has a column of its own.
    columns = np.concatenate([*later, count + own]).astype(np.int64)
    weights = 1 + np.concatenate([*costs, np.ones(count)])  # a weight of 0 would be no edge; all rows get one edge
    graph = csr_array((weights, (rows, columns)), shape=(count, 2 * count))
    chosen = np.empty(count, np.int64)
    matched, partner = min_weight_full_bipartite_matching(graph)
    chosen[matched] = partner
    before = np.full(count, -1)
    follows = np.flatnonzero(chosen < count)
    before[chosen[follows]] = follows
    return before


def _names(before: IntArray, ids: IntArray) -> list[int]:
    """The id of each piece's person, pieces in the order in which they begin, from the ids of their tracks."""
    names: list[int] = []
    taken: set[int] = set()
    fresh = int(ids.max()) + 1
    for i, previous in enumerate(before.tolist()):
        if previous >= 0:
            names.append(names[previous])
            continue
        name = int(ids[i])
        if name in taken:
            name, fresh = fresh, fresh + 1
        taken.add(name)
        names.append(name)
    return names
