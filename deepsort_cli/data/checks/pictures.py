"""Pictures that occur twice, and pictures of an odd shape."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from deepsort_cli.core.types import IntArray
from deepsort_cli.data.checks.facts import Facts, check, check_in_use
from deepsort_cli.data.finding import Finding

SMALL_CROP = (16, 40)
"""Width and height below which nothing is left to recognise a person by."""
SIZE_RATIO = 12.0
"""An area this many times above or below the median is an outlier."""
MEANINGLESS = 0.5
"""Share of queries with a copy in the gallery from which rank-1 says nothing any more."""


@check_in_use
def identical_images(facts: Facts) -> Iterator[Finding]:
    """Byte-identical files, judged by where and under whom they occur."""
    leaks, conflicts, copies = [], [], []
    for same in _equal_files(facts):
        same = list({facts.files[i]: i for i in same}.values())
        if len(same) < 2:
            continue  # one file that is used twice
        sides = {bool(facts.is_test[i]) for i in same}
        people = {int(facts.pids[i]) for i in same if facts.pids[i] >= 0}
        roles = {str(facts.role[i]) for i in same}
        if len(sides) > 1:
            leaks.append(same)
        elif len(people) > 1:
            conflicts.append(same)
        elif not {"query", "gallery"} <= roles:  # those are for the next check
            copies.append(same)
    yield from facts.of_groups(
        "identical_across_split",
        "error",
        "Identical images in training and test parts",
        leaks,
        "Remove them from the training part: the test would measure memory.",
    )
    yield from facts.of_groups(
        "identical_across_identities",
        "error",
        "Identical images under several identities",
        conflicts,
        "Keep each under the right identity only: they teach that one person is two.",
    )
    yield from facts.of_groups(
        "identical_within_identity",
        "warning",
        "Identical images under one identity",
        copies,
        "Remove the copies: they weigh double in training and are trivial matches in a gallery.",
    )


@check_in_use
def query_copies(facts: Facts) -> Iterator[Finding]:
    """Queries that are copies of gallery images of the same person."""
    trivial: list[list[int]] = []
    excluded: list[list[int]] = []
    for same in _equal_files(facts):
        for i in same:
            if facts.role[i] != "query":
                continue
            found = [j for j in same if facts.role[j] == "gallery" and facts.pids[j] == facts.pids[i]]
            found = [j for j in found if facts.files[j] != facts.files[i]]  # one file never matches itself
            if found and facts.has_cameras and not facts.ignore_camera:
                other = [j for j in found if facts.camids[j] != facts.camids[i]]
                (trivial if other else excluded).append([i, *(other or found)])
            elif found:
                trivial.append([i, *found])
    queries = int((facts.role == "query").sum())
    yield from facts.of_groups(
        "query_copies",
        "error" if len(trivial) >= MEANINGLESS * queries else "warning",
        f"Queries that are copies of gallery images, identical to the byte, among {queries:,} queries",
        trivial,
        "A copy is found by any model, so rank-1 and mAP are too high. Remove the copies from the gallery, or name the "
        "cameras: images of a query's own camera are left out of its ranking.",
    )
    yield from facts.of_groups(
        "query_copies_same_camera",
        "info",
        "Queries with an identical gallery image of the same camera",
        excluded,
        "Nothing to do: the protocol leaves out gallery images of a query's own camera. An evaluation "
        "with `evaluation.ignore_camera`=true "
        "counts them.",
    )


@check
def near_duplicates(facts: Facts) -> Iterator[Finding]:
    """Nearly equal pictures where they do harm."""
    near = facts.result.near if facts.result is not None else None
    if near is None or len(near) == 0:
        return
    first, second = near[:, 0], near[:, 1]
    across = facts.is_test[first] != facts.is_test[second]
    other_person = facts.pids[first] != facts.pids[second]
    other_camera = facts.camids[first] != facts.camids[second]
    copied = ~across & ~other_person & facts.is_test[first] & (facts.role[first] != facts.role[second])
    yield from facts.of_groups(
        "near_across_split",
        "warning",
        "Nearly equal images in training and test parts",
        near[across].tolist(),
        "Look at the pairs; where they are one picture, remove it from the training part.",
    )
    yield from facts.of_groups(
        "near_across_identities",
        "warning",
        "Nearly equal images under several identities",
        near[~across & other_person].tolist(),
        "Look at the pairs; where they are one person, merge the identities or remove one image.",
    )
    if facts.has_cameras:
        yield from facts.of_groups(
            "near_across_cameras",
            "warning",
            "Nearly equal images of one person under several cameras",
            near[~across & ~other_person & other_camera].tolist(),
            "Look at the pairs; a picture copied under another camera makes a trivial match.",
        )
    else:
        yield from facts.of_groups(
            "near_query_copies",
            "warning",
            "Queries nearly equal to a gallery image",
            near[copied].tolist(),
            "Any model finds such a match. Look at the pairs and remove copies, or name the cameras.",
        )


@check
def odd_shapes(facts: Facts) -> Iterator[Finding]:
    """Crops that do not look like whole standing people, or whatever `aspect` says that they show."""
    if facts.result is None or len(facts.paths) == 0:
        return
    width, height = facts.result.shapes[:, 0], facts.result.shapes[:, 1]
    low, high = facts.settings.aspect
    aspect = height / width
    odd = np.flatnonzero((aspect < low) | (aspect > high))
    usual = 2 * len(odd) <= len(aspect)

    def sizes(positions: IntArray) -> list[str]:
        return [f"{w}×{h}" for w, h in facts.result.shapes[positions].tolist()] if facts.result else []

    yield from facts.of_images(
        "odd_aspect",
        "warning" if usual else "info",
        f"Images that are no upright person crops (height/width outside {low:g} to {high:g})",
        odd,
        "They are stretched to the model's 2:1. Crop them to one whole person, or remove them."
        if usual
        else "Most are like that. If they show vehicles or animals, choose a fitting input (model.input in training), "
        "and say what is usual with `data.scan.aspect`=LOW,HIGH.",
        sizes(odd),
    )
    tiny = (width < SMALL_CROP[0]) | (height < SMALL_CROP[1])
    yield from facts.of_images(
        "tiny_crop",
        "warning",
        f"Crops smaller than {SMALL_CROP[0]}×{SMALL_CROP[1]} pixels",
        np.flatnonzero(tiny),
        "Little is left to tell people apart by; consider removing them.",
        sizes(np.flatnonzero(tiny)),
    )
    ratio = width * height / np.median(width * height)
    outliers = np.flatnonzero(((ratio > SIZE_RATIO) | (ratio < 1 / SIZE_RATIO)) & ~tiny)
    yield from facts.of_images(
        "odd_size",
        "warning",
        f"Images {SIZE_RATIO:.0f} times larger or smaller than the median",
        outliers,
        "Check that they are crops and not whole frames or thumbnails.",
        sizes(outliers),
    )


def _equal_files(facts: Facts) -> list[list[int]]:
    """Positions of byte-identical files, one list for each content that occurs more than once."""
    if len(facts.digests) != len(facts.paths):
        return []
    _, group, counts = np.unique(facts.digests, return_inverse=True, return_counts=True)
    group = group.ravel()
    members: dict[int, list[int]] = {}
    for i in np.flatnonzero(counts[group] > 1).tolist():
        members.setdefault(int(group[i]), []).append(i)
    return list(members.values())
