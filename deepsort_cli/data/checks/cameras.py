"""Cameras: unknown, the only one, or missing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from deepsort_cli.data.checks.facts import Facts, check, check_in_use
from deepsort_cli.data.finding import Finding
from deepsort_cli.data.images import NO_CAMERA


@check
def no_cameras(facts: Facts) -> Iterator[Finding]:
    """A dataset that knows of no cameras."""
    positions = facts.train if len(facts.train) else facts.test
    if not facts.has_cameras:
        yield from facts.of_images(
            "no_cameras",
            "info",
            "Names carry no camera",
            positions,
            "Every image counts as a camera of its own. Put _cNN_ into the names if you know the cameras.",
        )


@check_in_use
def one_camera(facts: Facts) -> Iterator[Finding]:
    """A single camera for everybody, or for most people."""
    positions = facts.train if len(facts.train) else facts.test
    if len(positions) == 0 or not facts.has_cameras or facts.ignore_camera:
        return
    pids, camids = facts.pids[positions], facts.camids[positions]
    if len(np.unique(camids)) == 1:
        yield from facts.of_images(
            "one_camera",
            "warning",
            f"All images come from camera {camids[0]}",
            positions,
            "Matching across cameras can neither be learned nor measured with it. If the names mean something else by "
            "it, `data.scan.pattern` says how to read them.",
        )
        return
    people, seen_by = np.unique(np.unique(np.stack([pids, camids]), axis=1)[0], return_counts=True)
    single = people[seen_by == 1]
    if facts.result is not None or 2 * len(single) > len(people):
        yield from facts.of_people(
            "single_camera_identity",
            "warning",
            f"Identities seen by a single camera, of {len(people):,}",
            single,
            "They teach nothing about other cameras. Add images from another camera, or leave the people out.",
        )


@check
def missing_cameras(facts: Facts) -> Iterator[Finding]:
    """Some names carry a camera and some do not."""
    if facts.has_cameras and facts.result is not None:
        yield from facts.of_images(
            "missing_camera",
            "warning",
            "Images without a camera in their name, among others with one",
            np.flatnonzero(facts.result.flags & NO_CAMERA),
            "Each counts as a camera of its own. Rename them like the others.",
        )
