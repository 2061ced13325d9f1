"""Training against test, query against gallery."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from deepsort_cli.data.checks.facts import Facts, check, check_in_use
from deepsort_cli.data.finding import Finding
from deepsort_cli.data.layouts import FLAT_NAMES

MOST = 0.5
"""Share of equal images from which one set is a copy of the other."""


@check_in_use
def trained_on_test(facts: Facts) -> Iterator[Finding]:
    """The same images, or copies of most of them, to train on and to evaluate on."""
    if facts.result is not None or not facts.is_test.any():
        return
    tests, trains = np.flatnonzero(facts.is_test).tolist(), np.flatnonzero(~facts.is_test).tolist()
    tested = {facts.files[i] for i in tests}
    both = [i for i in trains if facts.files[i] in tested]
    if not both and len(facts.digests):
        both = np.flatnonzero(~facts.is_test & np.isin(facts.digests, facts.digests[tests])).tolist()
        if len(both) < MOST * min(len(tests), len(trains)):
            return  # single copies are another finding
    yield from facts.of_images(
        "trained_on_test",
        "error",
        "Images to train on that are the test images themselves",
        both,
        "Train on other people: this would measure memory. In a Market-1501-style dataset, give the whole "
        "dataset or its train folder as `data.root`.",
    )


@check_in_use
def test_part_to_train_on(facts: Facts) -> Iterator[Finding]:
    """A folder to train on that is called like the test part of a dataset."""
    if facts.train_folder:
        yield Finding(
            "test_part_to_train_on",
            "warning",
            f"The images to train on lie in {facts.train_folder}, by its name the test part of a dataset",
            0,
            (),
            "Figures on that test set would measure memory. Give the whole dataset, or its train folder.",
        )


@check_in_use
def identity_overlap(facts: Facts) -> Iterator[Finding]:
    """People both in the training part and in query or gallery."""
    if not facts.one_dataset:
        return  # two datasets number their people alike
    trained = facts.in_role("train", "val")
    both = np.intersect1d(facts.pids[trained], facts.pids[facts.test])
    if len(both) == 0:
        return
    rule = FLAT_NAMES["msmt17"]
    restarts = any(rule.match(facts.paths[i].rpartition("/")[2]) for i in trained if facts.pids[i] == both[0])
    yield from facts.of_people(
        "identity_overlap",
        "info" if restarts else "error" if facts.result is not None else "warning",
        "Identities both in training and test parts",
        both,
        "MSMT17 numbers each part from 0, so equal numbers are different people there."
        if restarts
        else "Give every person to one side only: the test must be on people never seen. If the parts are merely "
        "numbered alike, renumber one.",
    )


@check
def lonely_queries(facts: Facts) -> Iterator[Finding]:
    """Queries that evaluation has to skip: no gallery image of the person from another camera."""
    queries, gallery = facts.in_role("query"), facts.in_role("gallery")
    if len(queries) == 0 or len(gallery) == 0:
        return
    cameras: dict[int, set[int]] = {}
    for i in gallery:
        cameras.setdefault(int(facts.pids[i]), set()).add(int(facts.camids[i]))
    remedy = "Nothing to do: evaluation skips and counts them. Check the names if you did not expect any."
    yield from facts.of_images(
        "query_without_match",
        "warning",
        "Queries with no cross-camera match in the gallery",
        [i for i in queries if cameras.get(int(facts.pids[i])) == {int(facts.camids[i])}],
        remedy,
    )
    yield from facts.of_images(
        "query_identity_absent",
        "warning",
        "Queries of people who are not in the gallery",
        [i for i in queries if int(facts.pids[i]) not in cameras],
        remedy,
    )
