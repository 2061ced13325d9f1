"""P × K batches: P identities with K images each, as batch-hard triplets need them."""

from __future__ import annotations

import numpy as np

from deepsort_cli.core.types import IntArray


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
    groups: list[list[IntArray]] = []
    for images in np.split(order, starts[1:]):
        if len(images) < instances:
            extra = rng.choice(images, instances - len(images), replace=True)
            images = np.concatenate([images, extra])
        images = rng.permutation(images)
        whole = len(images) // instances * instances
        groups.append(list(images[:whole].reshape(-1, instances)))
    left = np.arange(len(groups))
    batches = []
    while len(left) >= identities:
        drawn = rng.choice(left, identities, replace=False)
        batches.append(np.concatenate([groups[i].pop() for i in drawn]))
        left = np.array([i for i in left if groups[i]], dtype=np.int64)
    return np.array(batches, dtype=np.int64).reshape(-1, identities * instances)
