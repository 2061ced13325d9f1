"""Identities: how many images they have, and who weighs how much."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from deepsort_cli.core.counted import counted
from deepsort_cli.data.checks.facts import Facts, check, check_in_use
from deepsort_cli.data.finding import Finding
from deepsort_cli.data.naming import ZERO_PERSON

IMBALANCE = 10.0
"""The largest identity or camera against the median one, from which training should be told about it."""


@check
def small_identities(facts: Facts) -> Iterator[Finding]:
    """Identities with fewer images than `min_samples`."""
    settings = facts.settings
    people, counts = np.unique(facts.pids[facts.train], return_counts=True)
    dropped = (
        "They are left out, as asked." if settings.drop_small else "Set `data.scan.drop_small`=true to leave them out."
    )
    yield from facts.of_people(
        "small_identity",
        "info" if settings.drop_small else "warning",
        f"Identities with fewer than {settings.min_samples} images",
        people[counts < settings.min_samples],
        f"An identity needs two images to form a positive pair. {dropped}",
    )


@check_in_use
def one_identity(facts: Facts) -> Iterator[Finding]:
    """A single person to train on."""
    people = np.unique(facts.pids[facts.train])
    if len(people) == 1 and not len(facts.test):
        yield from facts.of_people(
            "one_identity",
            "warning",
            "All images show one identity",
            people,
            "Telling people apart takes at least two. Give the folder that holds the identity folders; if names say "
            "who it is, `data.scan.pattern` says how to read them.",
        )


@check_in_use
def junk_and_distractors(facts: Facts) -> Iterator[Finding]:
    """Images under pid −1 and 0."""
    for pid, code, what, meaning in (
        (-1, "junk", "Junk images (pid −1)", "They are neither trained on nor ranked."),
        (0, "distractors", "Distractors (pid 0)", "They are ranked as wrong answers, and not trained on."),
    ):
        positions = np.flatnonzero(facts.pids == pid)
        trained = np.isin(facts.role[positions], ["train", ""]).any()
        surprise = (
            " If 0 is a person here, number people from 1, or say so with folders: id_0000 is a person."
            if pid == 0
            else " In a training part they are a surprise: are they people?"
        )
        yield from facts.of_images(
            code, "warning" if trained else "info", what, positions, meaning + (surprise if trained else "")
        )


@check
def person_zero(facts: Facts) -> Iterator[Finding]:
    """An identity 0 that is a person."""
    yield from facts.of_images(
        "person_zero",
        "info",
        f"Images of identity 0, listed as {ZERO_PERSON}",
        np.flatnonzero(facts.pids == ZERO_PERSON),
        "Nothing to do: in this layout 0 is a person, while pid 0 means distractor everywhere else.",
    )


@check
def imbalance(facts: Facts) -> Iterator[Finding]:
    """Identities and cameras that outweigh the others."""
    for code, ids, what, several in (
        ("identity_imbalance", facts.pids[facts.train], "identity", "Identities"),
        ("camera_imbalance", facts.camids[facts.train], "camera", "Cameras"),
    ):
        values, counts = np.unique(ids, return_counts=True)
        if len(values) < 2 or (what == "camera" and not facts.has_cameras):
            continue
        heavy = np.flatnonzero(counts > IMBALANCE * np.median(counts))
        if len(heavy):
            order = heavy[np.argsort(-counts[heavy])]
            named = [facts.person(int(values[i])) if what == "identity" else f"camera {values[i]}" for i in order]
            yield Finding(
                code,
                "info",
                f"{several} with over {IMBALANCE:.0f} times the images of the median {what}",
                len(heavy),
                tuple(f"{name}: {counted(int(counts[i]), 'image')}" for name, i in zip(named, order, strict=True)),
                "The sampler draws identities evenly, so this is a matter of variety, not of weight."
                if what == "identity"
                else "Watch the figures per camera pair; the model will know this camera's look best.",
            )
