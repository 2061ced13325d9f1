"""P × K batches."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
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
    groups = np.maximum(np.array(counts) // instances, 1)
    took = used // instances
    if (took <= groups).all():  # nobody twice: it stops only when fewer than three identities have groups left
        assert ((groups - took) > 0).sum() < 3
        for pid, count in enumerate(counts):
            images = batches[classes[batches] == pid]
            assert len(np.unique(images)) == (len(images) if count >= instances else min(count, len(images)))
        assert 2 * took.sum() >= groups.sum()
    else:  # a few have most of the images: as many batches as if these were shared out, or all had their turn
        longest = math.ceil(groups.sum() / 3)
        assert len(batches) == longest or (len(batches) < longest and (took >= groups).all())


@pytest.mark.parametrize(
    ("counts", "identities", "first", "other"),
    [
        ([10, 9, 8, 10, 7, 10] * 7, 16, "4fdc92b0359e", "bb862c8959c2"),
        ([6] * 20, 4, "56ba4945bd0f", "f89d92484767"),
        ([40] * 20, 16, "9d1ca0cad514", "723cacdde153"),
        ([5, 3, 2, 8] * 5, 8, "193ce6e43775", "efd39c0cefab"),
    ],
)
def test_batches_of_shared_out_images_never_change(counts, identities, first, other) -> None:
    """Every weight of a training hangs on them: a run of an earlier version goes on as it began."""
    classes = np.repeat(np.arange(len(counts)), counts)
    plans = [plan_epoch(classes, identities, 4, seed=seed, epoch=epoch) for seed, epoch in ((0, 0), (1, 7))]
    assert [hashlib.sha1(plan.tobytes()).hexdigest()[:12] for plan in plans] == [first, other]


@settings(max_examples=60, deadline=None)
@given(people=st.integers(2, 40), groups=st.integers(1, 9), identities=st.integers(2, 16), epoch=st.integers(0, 10))
def test_nobody_is_repeated_where_images_are_shared_out_equally(people, groups, identities, epoch) -> None:
    batches = plan_epoch(np.repeat(np.arange(people), 2 * groups), identities, 2, seed=0, epoch=epoch)
    assert len(np.unique(batches)) == batches.size
    assert people < identities or batches.size > people * groups


@pytest.mark.parametrize(
    ("counts", "identities", "batches"),
    [
        ([4, 400], 2, 32),  # 16 for each identity at most
        ([400] + [4] * 9, 10, 11),
        ([40_000] + [4] * 9, 10, 160),
        ([374, 381, 346, 334, 260, 11, 5, 6], 8, 54),
    ],
)
def test_an_epoch_does_not_end_with_whoever_has_fewest_images(counts, identities, batches) -> None:
    classes = np.repeat(np.arange(len(counts)), counts)
    plans = [plan_epoch(classes, identities, 4, seed=3, epoch=epoch) for epoch in (0, 0, 1)]
    assert len(plans[0]) == batches
    assert np.array_equal(plans[0], plans[1])
    assert not np.array_equal(plans[0][0], plans[2][0])
    for batch in plans[0]:
        assert (np.bincount(classes[batch], minlength=len(counts)) == 4).all()
    most = plans[0][classes[plans[0]] == np.argmax(counts)]
    assert len(np.unique(most)) == len(most)  # of the largest no image twice


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
