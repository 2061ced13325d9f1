"""How near enrolled people have to be to be recognised, found from their pictures alone.

A track is compared with a person by the cosine distance between the means of their looks. Here the means of any two
enrolled people say how near strangers come to somebody, for everybody is a stranger to everybody else; a picture and
the mean of the person's other pictures say how far a person is from themselves, though pictures taken one after the
other flatter that. The threshold comes from strangers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from deepsort_cli.core.looks import Features
from deepsort_cli.core.types import FloatArray

STRANGERS = 0.03
"""Share of strangers that may get a name."""
NEARER = 0.16
"""The spread of distances is told by the median and the distance that so many are below: a few people who look alike,
or are one person under two names, change neither."""
PRIOR_PEOPLE = 5
"""So many people's worth is the threshold of the model trusted, beside what the enrolled people say."""
LEAST = 0.5
"""The lowest threshold, as a part of the model's own."""
LEAST_PEOPLE = 3
"""With fewer, the model's threshold is taken as it is: one pair of people says nothing about all others."""


@dataclass(frozen=True)
class Alike:
    """Two people who look too alike, with the distance between them."""

    first: str
    second: str
    distance: float


@dataclass(frozen=True)
class Misplaced:
    """A picture that is nearer to another person than to its own."""

    name: str
    picture: int
    distance: float
    other: str
    other_distance: float


@dataclass(frozen=True)
class Enrolment:
    """What is known of enrolled people together.

    Attributes:
        names: (P,) the people.
        pictures: (P,) how many pictures each has.
        threshold: the largest cosine distance at which a track is somebody.
        usual: the model's own threshold.
        calibrated: whether the people had a say in the threshold.
        strangers: share of strangers expected to get a name; None where too few people are known.
        missed: share of the pictures further from the person's others than the threshold; None where nobody has two.
        compared: how many pictures `missed` is of.
        alike: people nearer to each other than the threshold, the nearest first.
        misplaced: pictures that are nearer to somebody else.
    """

    names: tuple[str, ...]
    pictures: tuple[int, ...]
    threshold: float
    usual: float
    calibrated: bool
    strangers: float | None
    missed: float | None
    compared: int
    alike: tuple[Alike, ...]
    misplaced: tuple[Misplaced, ...]


def calibrate(names: Sequence[str], features: Sequence[Features], usual: float) -> Enrolment:
    """Find the threshold for people by their pictures.

    Distances between the means of two people are taken as normal, with the spread of their nearer half, which is what
    the threshold is about. It lies where `STRANGERS` of those who are nobody come nearer to one of the P people, and
    is then drawn to the model's own by `PRIOR_PEOPLE` / (P − 1 + `PRIOR_PEOPLE`); half of the model's own is the
    least. `benchmarks/known_people.py` measures it.

    Args:
        names: (P,) the people.
        features: (n, D) of unit length for each, n ≥ 1.
        usual: the model's own threshold.

    Raises:
        ValueError: nobody, or somebody without features.
    """
    if not names or len(names) != len(features) or any(len(one) == 0 for one in features):
        raise ValueError("every person needs a feature")
    means = np.array([_mean(one) for one in features])
    between = np.asarray(1.0 - means @ means.T, np.float64)
    pairs = between[np.triu_indices(len(names), 1)]
    calibrated = len(names) >= LEAST_PEOPLE and _spread(pairs) > 0
    threshold = _threshold(pairs, len(names), usual) if calibrated else usual
    own = [(person, picture, *_own(one, picture)) for person, one in enumerate(features) for picture in range(len(one))]
    lone = [distance for *_, distance, several in own if several]
    return Enrolment(
        names=tuple(names),
        pictures=tuple(len(one) for one in features),
        threshold=threshold,
        usual=usual,
        calibrated=calibrated,
        strangers=_named_strangers(pairs, len(names), threshold) if calibrated else None,
        missed=float(np.mean(np.array(lone) > threshold)) if lone else None,
        compared=len(lone),
        alike=_alike(names, between, threshold),
        misplaced=tuple(_misplaced(names, features, means, own)),
    )


def _threshold(pairs: FloatArray, people: int, usual: float) -> float:
    centre, spread = float(np.median(pairs)), _spread(pairs)
    found = centre + NormalDist().inv_cdf(STRANGERS / people) * spread
    weight = (people - 1) / (people - 1 + PRIOR_PEOPLE)
    drawn = weight * found + (1 - weight) * usual
    return round(min(max(drawn, LEAST * usual), 2.0), 3)


def _spread(pairs: FloatArray) -> float:
    """Deviation of the distances, by those below the median."""
    if not len(pairs):
        return 0.0
    low, centre = np.quantile(pairs, [NEARER, 0.5])
    return float(centre - low) / -NormalDist().inv_cdf(NEARER)


def _named_strangers(pairs: FloatArray, people: int, threshold: float) -> float:
    """Share of strangers nearer to one of the people at least.

    By the pairs that are so near, or by the normal distribution where those are few: whichever is more, as real tails
    are heavier.
    """
    normal = NormalDist(float(np.median(pairs)), _spread(pairs)).cdf(threshold)
    nearer = max(normal, float(np.mean(pairs <= threshold)))
    return float(1 - (1 - nearer) ** people)


def _own(features: Features, picture: int) -> tuple[float, bool]:
    """Distance of a picture to the mean of the person's others, and whether there are any."""
    others = np.delete(features, picture, axis=0)
    if not len(others):
        return math.nan, False
    return float(1 - features[picture] @ _mean(others)), True


def _mean(features: Features) -> FloatArray:
    """(D,) the mean of (n, D) features, of unit length; zero where they cancel out."""
    mean = features.mean(axis=0, dtype=np.float64)
    length = float(np.linalg.norm(mean))
    return np.asarray(mean / length if length > 0 else mean, np.float64)


def _alike(names: Sequence[str], between: FloatArray, threshold: float) -> tuple[Alike, ...]:
    rows, columns = np.triu_indices(len(names), 1)
    near = np.flatnonzero(between[rows, columns] <= threshold)
    near = near[np.argsort(between[rows[near], columns[near]], kind="stable")]
    return tuple(
        Alike(names[i], names[j], max(float(between[i, j]), 0.0))
        for i, j in zip(rows[near].tolist(), columns[near].tolist(), strict=True)
    )


def _misplaced(
    names: Sequence[str],
    features: Sequence[Features],
    means: FloatArray,
    own: Sequence[tuple[int, int, float, bool]],
) -> list[Misplaced]:
    if len(names) < 2:
        return []
    found = []
    for person, picture, distance, several in own:
        if not several:
            continue
        others = 1 - means @ features[person][picture]
        others[person] = np.inf
        nearest = int(others.argmin())
        if others[nearest] < distance:
            found.append(Misplaced(names[person], picture, distance, names[nearest], max(float(others[nearest]), 0.0)))
    return found
