"""Dividing a dataset for training, validation and evaluation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.types import IntArray
from deepsort_cli.data.manifest import Manifest

USUAL_SHARE = 0.1
"""Share of the people that is held out where none is given."""

HANDFUL = 5
"""Fewest people whose figures are worth looking at; with one alone every ranking is right."""

ENOUGH_TO_LEARN = 10
"""Fewest people that must be left to learn from for others to be held out unasked."""

ENOUGH_TO_HOLD_OUT = 60
"""Fewest people of whom a tenth is held out where halves of all of them can be tried instead: five or six held-out
people decide between two models as a coin does, more or less (docs/TRAINING.md, "Few people")."""

FEWEST_IN_A_HALF = 2
"""People of a half that is learned from while the other is held out; one alone has nobody to be told apart from."""


@dataclass(frozen=True)
class HoldOut:
    """How many people to hold out, and what there is to say about it.

    Attributes:
        identities: 0 holds out nobody.
        reason: why so many, for people.
        doubtful: whether the number calls for a warning.
    """

    identities: int
    reason: str
    doubtful: bool = False


def choose_held_out(manifest: Manifest, val_ratio: float | None, *, halves: bool = False) -> HoldOut:
    """How many identities to hold out for validation.

    Args:
        halves: whether halves can be tried instead, so that fewer than `ENOUGH_TO_HOLD_OUT` are all learned from.
        val_ratio: share of the identities, at least one; None: a tenth, at least `HANDFUL`, and nobody where there
            are not enough people for that.

    Raises:
        InputError: there are enough people, or a share was given, and nobody can be held out.
    """
    people = np.unique(manifest.pids[manifest.pids > 0])
    if val_ratio == 0:
        return HoldOut(0, "nobody is held out (`data.val_ratio`=0)")
    able = _able(manifest, people)
    if halves and val_ratio is None and len(able) >= HANDFUL and len(people) < ENOUGH_TO_HOLD_OUT:
        return HoldOut(0, f"all {len(people)} people are learned from, and halves of them tell whether that helps")
    few = len(people) < HANDFUL + ENOUGH_TO_LEARN
    if val_ratio is None and few:
        reason = f"{len(people)} people are too few to hold {HANDFUL} of them out, so all are learned from"
        return HoldOut(0, reason, doubtful=True)
    if not len(able) or len(people) < 2:
        why = _why_nobody(manifest, people)
        raise InputError(f"{manifest.root}: no identity can be held out for validation: {why}")
    what = "are seen by two cameras" if manifest.has_cameras else "have two images"
    if val_ratio is None and len(able) < HANDFUL:
        reason = f"only {len(able)} people {what}, too few to measure by, so all are learned from"
        return HoldOut(0, f"{reason} (`data.ignore_camera` counts every image as another camera)", doubtful=True)
    asked = max(1, round(val_ratio * len(people))) if val_ratio else max(HANDFUL, round(USUAL_SHARE * len(people)))
    wanted = min(asked, len(able), len(people) - 1)
    reason = f"{wanted} of {len(people)} people {'is' if wanted == 1 else 'are'} held out to validate on"
    short = wanted < asked and wanted == len(able)
    if short:
        reason += f" ({asked} would be, but no more {what})"
    if wanted < HANDFUL:
        as_said = "" if short else ", as `data.val_ratio` says"
        doubt = f"too few to measure by, {HANDFUL} is the least that means something"
        return HoldOut(wanted, f"{reason}{as_said}: {doubt}", doubtful=True)
    return HoldOut(wanted, reason)


def split_by_identity(manifest: Manifest, val_ratio: float, seed: int) -> tuple[Manifest, Manifest, Manifest]:
    """Hold out a share of the identities; see `choose_held_out` and `hold_out`.

    Raises:
        InputError: `val_ratio` is not between 0 and 1, or no identity can be held out with another left to train on.
    """
    if not 0.0 < val_ratio < 1.0:
        raise InputError(f"val_ratio {val_ratio}: expected a share between 0 and 1, for example 0.1.")
    return hold_out(manifest, choose_held_out(manifest, val_ratio).identities, seed)


def hold_out(manifest: Manifest, identities: int, seed: int) -> tuple[Manifest, Manifest, Manifest]:
    """Hold out whole identities for validation and divide them into queries and gallery.

    As in Market-1501 there is one query per identity and camera, and every query finds an image of its identity in
    the gallery under another camera (any other image where the dataset has no cameras). Identities that cannot
    offer that stay in training. Distractors (pid 0) and junk images (pid −1) are left out.

    Args:
        manifest: the images to divide.
        identities: number of identities to hold out.
        seed: chooses the identities and the queries.

    Returns:
        train, query, gallery.

    Raises:
        ValueError: so many cannot be held out with another left to train on.
    """
    people = np.unique(manifest.pids[manifest.pids > 0])
    able = _able(manifest, people)
    if not 1 <= identities <= min(len(able), len(people) - 1):
        raise ValueError(f"{identities} of {len(people)} identities cannot be held out, {len(able)} could")
    rng = np.random.default_rng(seed)
    return _divide(manifest, np.sort(rng.choice(able, size=identities, replace=False)), rng)


def halves(manifest: Manifest, seed: int) -> list[tuple[Manifest, Manifest, Manifest]]:
    """Divide the identities in two and hold out each half in turn, as `hold_out` does.

    Identities that cannot be queries are learned from both times.

    Returns:
        train, query, gallery for either half; nothing where there are fewer than `FEWEST_IN_A_HALF` for either.
    """
    able = _able(manifest, np.unique(manifest.pids[manifest.pids > 0]))
    if len(able) < 2 * FEWEST_IN_A_HALF:
        return []
    rng = np.random.default_rng(seed)
    mixed = rng.permutation(able)
    middle = len(mixed) // 2
    return [_divide(manifest, np.sort(half), rng) for half in (mixed[:middle], mixed[middle:])]


def why_no_halves(manifest: Manifest) -> str:
    """Why `halves` gives nothing, for people; empty where it gives something."""
    fewest, people = 2 * FEWEST_IN_A_HALF, np.unique(manifest.pids[manifest.pids > 0])
    able = len(_able(manifest, people))
    if able >= fewest:
        return ""
    if len(people) < fewest:
        return f"that takes {fewest} people"
    if not manifest.has_cameras:
        return f"that takes {fewest} people with two pictures, and {able} have them"
    return (
        f"that takes {fewest} people seen by two cameras, and {able} are (`data.ignore_camera` counts every image as "
        "another camera)"
    )


def _divide(manifest: Manifest, held_out: IntArray, rng: np.random.Generator) -> tuple[Manifest, Manifest, Manifest]:
    """Training, query and gallery with these identities held out."""
    named = np.flatnonzero(manifest.pids > 0)
    named = named[np.argsort(manifest.pids[named], kind="stable")]
    people, starts = np.unique(manifest.pids[named], return_index=True)
    images_of = dict(zip(people.tolist(), np.split(named, starts[1:]), strict=False))
    query: list[int] = []
    gallery: list[int] = []
    for pid in held_out:
        chosen = _choose_queries(manifest, images_of[int(pid)], rng)
        query += chosen
        gallery += [int(i) for i in images_of[int(pid)] if i not in chosen]
    train = np.sort(named[~np.isin(manifest.pids[named], held_out)])
    return manifest[train], manifest[sorted(query)], manifest[sorted(gallery)]


def without_cameras(images: Manifest, first: int = 1) -> Manifest:
    """The same images, each seen by a camera of its own; their numbers begin with `first`."""
    camids = np.arange(first, first + len(images), dtype=np.int64)
    return replace(images, camids=camids, has_cameras=False)


def _able(manifest: Manifest, people: IntArray) -> IntArray:
    """Those of `people` that were seen by two cameras, and so can be queries."""
    pairs = np.unique(np.stack([manifest.pids, manifest.camids]), axis=1)
    pids, cameras = np.unique(pairs[0], return_counts=True)
    return people[np.isin(people, pids[cameras >= 2])]


def _why_nobody(manifest: Manifest, people: IntArray) -> str:
    if len(people) < 2:
        return f"{len(people)} {'identity' if len(people) == 1 else 'identities'} in all. Add people."
    if not manifest.has_cameras:
        return f"none of {len(people)} has two images. Give a test folder (`data.test_root`), or add images."
    cameras = np.unique(manifest.camids[manifest.pids > 0])
    seen = f"all images come from camera {cameras[0]}" if len(cameras) == 1 else "nobody was seen by two cameras"
    return (
        f"{seen}. Set `data.ignore_camera`=true to count every image as another camera, `data.test_root` to a folder "
        "to validate on, or `data.val_ratio`=0 to train without validation."
    )


def _choose_queries(manifest: Manifest, images: np.ndarray, rng: np.random.Generator) -> list[int]:
    """Positions of the queries of one identity: one per camera, yet one image under another camera stays behind."""
    if not manifest.has_cameras:
        return [int(rng.choice(images))]
    camera_of = manifest.camids
    queries: list[int] = []
    for camera in np.unique(camera_of[images]):
        candidate = [*queries, int(rng.choice(images[camera_of[images] == camera]))]
        left = {int(camera_of[i]) for i in images if i not in candidate}
        if all(left - {int(camera_of[query])} for query in candidate):
            queries = candidate
    return queries
