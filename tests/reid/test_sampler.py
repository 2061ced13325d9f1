"""P × K batches."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsort_cli.reid.sampler import plan_epoch, seed_of


@settings(max_examples=40, deadline=None)
@given(
    counts=st.lists(st.integers(1, 11), min_size=3, max_size=12),
    instances=st.integers(2, 4),
    seed=st.integers(0, 1000),
    epoch=st.integers(0, 100),
)
def test_batches_hold_whole_groups_of_distinct_identities(counts, instances, seed, epoch) -> None:
    classes = np.repeat(np.arange(len(counts)), counts)
    classes = np.random.default_rng(seed).permutation(classes)
    batches = plan_epoch(classes, 3, instances, seed=seed, epoch=epoch)
    assert batches.shape[1] == 3 * instances
    used = np.bincount(classes[batches].ravel(), minlength=len(counts))
    for batch in batches:
        groups = classes[batch].reshape(3, instances)
        assert (groups == groups[:, :1]).all()
        assert len(set(groups[:, 0])) == 3
    for pid, count in enumerate(counts):
        images = batches[classes[batches] == pid]
        if count >= instances:  # no image twice, and at most its whole groups
            assert len(np.unique(images)) == len(images)
            assert used[pid] <= count // instances * instances
        else:  # repeated to one group, which holds every image
            assert used[pid] in (0, instances)
            assert len(images) == 0 or len(np.unique(images)) == count
    # It stops only when fewer than three identities have groups left.
    left = [max(1, count // instances) - used[pid] // instances for pid, count in enumerate(counts)]
    assert sum(groups > 0 for groups in left) < 3


def test_an_epoch_uses_nearly_all_images() -> None:
    """One group per identity and epoch is the commonest mistake; it would give a quarter of these batches."""
    classes = np.repeat(np.arange(100), 16)
    batches = plan_epoch(classes, 16, 4, seed=0, epoch=0)
    assert len(batches) >= 24
    assert len(np.unique(batches)) >= 0.95 * len(classes)


def test_epochs_differ_and_repeat_exactly() -> None:
    classes = np.repeat(np.arange(20), 6)
    first, again, other = (plan_epoch(classes, 4, 4, seed=1, epoch=epoch) for epoch in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, plan_epoch(classes, 4, 4, seed=2, epoch=0))


def test_too_few_identities_give_no_batch() -> None:
    assert len(plan_epoch(np.repeat(np.arange(3), 4), 4, 4, seed=0, epoch=0)) == 0


def test_seeds_are_distinct_and_stable() -> None:
    seeds = {seed_of(a, b, c) for a in range(4) for b in range(4) for c in range(4)}
    assert len(seeds) == 64
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert seed_of(1, 2) == 7764949442709860949  # another value would break resuming older runs
