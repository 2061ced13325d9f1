"""P × K batches: P identities with K images each, as batch-hard triplets need them."""

from __future__ import annotations

import math

import numpy as np

from deepsort_cli.core.types import IntArray

MOST_PER_IDENTITY = 16
"""Most batches for each identity in an epoch that has to repeat others, so that a few with thousands of images do not
make it endless."""


def seed_of(*keys: int) -> int:
    """One 63-bit seed from several numbers, such as (seed, epoch, step): what any moment of a run draws from.

    Deriving every seed instead of carrying generator states makes a resumed run draw what an uninterrupted one draws.
    """
    return int(np.random.SeedSequence(keys).generate_state(1, np.uint64)[0] >> np.uint64(1))


def plan_epoch(classes: IntArray, identities: int, instances: int, *, seed: int, epoch: int) -> IntArray:
    """The batches of one epoch.

    Each identity's images are shuffled and cut into groups of K; the incomplete last group is dropped, and an identity
    with fewer than K images makes one group with repetitions. Batches draw P distinct identities among those with
    groups left, until there are fewer than P (Hermans et al. 2017, as in torchreid and fast-reid).

    Where most groups would be left over, because few identities have most of the images, the epoch goes on: identities
    that had their turn fill up batches with K of their images drawn anew, until there are as many batches as if the
    groups were shared out equally, but `MOST_PER_IDENTITY` at most. Where they are, that never happens: more than
    half of them are seen whatever is drawn, and no draw is another.

    Args:
        classes: (N,) identity of each image.
        identities: P.
        instances: K.

    Returns:
        (batches, P·K) positions in `classes`; the K images of an identity are neighbours.
    """
    rng = np.random.default_rng(seed_of(seed, epoch))
    order = np.argsort(classes, kind="stable")
    starts = np.flatnonzero(np.diff(classes[order], prepend=classes[order[0]] - 1))
    images_of = np.split(order, starts[1:])
    groups = [_groups(images, instances, rng) for images in images_of]
    total = sum(map(len, groups))
    left = np.arange(len(groups))
    batches: list[IntArray] = []
    while len(left) >= identities:
        drawn = rng.choice(left, identities, replace=False)
        batches.append(np.concatenate([groups[i].pop() for i in drawn]))
        left = np.array([i for i in left if groups[i]], dtype=np.int64)
    if batches and 2 * sum(map(len, groups)) > total:
        longest = min(math.ceil(total / identities), MOST_PER_IDENTITY * len(groups))
        while len(left) and len(batches) < longest:
            done = np.setdiff1d(np.arange(len(groups)), left)
            again = rng.choice(done, identities - len(left), replace=False)
            turns = [groups[i].pop() for i in left]
            fill = [_groups(images_of[i], instances, rng)[0] for i in again]
            batches.append(np.concatenate([*turns, *fill]))
            left = np.array([i for i in left if groups[i]], dtype=np.int64)
    return np.array(batches, dtype=np.int64).reshape(-1, identities * instances)


def _groups(images: IntArray, instances: int, rng: np.random.Generator) -> list[IntArray]:
    """One identity's images in groups of K."""
    if len(images) < instances:
        extra = rng.choice(images, instances - len(images), replace=True)
        images = np.concatenate([images, extra])
    images = rng.permutation(images)
    return list(images[: len(images) // instances * instances].reshape(-1, instances))
