"""The threshold for enrolled people, found from their pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsort_cli.core.looks import Features, normalise
from deepsort_cli.evaluation.enrolment import PRIOR_PEOPLE, STRANGERS, calibrate

USUAL = 0.25


def crowd(people: int, pictures: int = 3, size: int = 64, noise: float = 0.3, seed: int = 0) -> list[Features]:
    """Features of people in random directions that share a common part, as those of networks do."""
    rng = np.random.default_rng(seed)
    middles = rng.normal(size=(people, 1, size)) + 1.0
    return list(
        normalise((middles + noise * rng.normal(size=(people, pictures, size))).reshape(-1, size).astype(np.float32))[
            0
        ].reshape(people, pictures, size)
    )


def named(features: list[Features]) -> list[str]:
    return [f"p{number}" for number in range(len(features))]


@pytest.mark.parametrize("people", [5, 20, 60])
def test_few_strangers_get_a_name_and_people_are_known_again(people: int) -> None:
    everybody = crowd(people + 400, pictures=6, seed=people)
    known, strangers = everybody[:people], everybody[people:]
    found = calibrate(named(known), [one[:3] for one in known], USUAL)
    assert found.calibrated
    means = np.array([one[:3].mean(0) / np.linalg.norm(one[:3].mean(0)) for one in known])

    def nearest(tracks: list[Features]) -> np.ndarray:
        looks = np.array([one[3:].mean(0) / np.linalg.norm(one[3:].mean(0)) for one in tracks])
        return np.asarray((1 - looks @ means.T).min(axis=1))

    assert np.mean(nearest(strangers) <= found.threshold) <= 2 * STRANGERS
    assert np.mean(nearest(known) <= found.threshold) >= 0.95
    assert found.missed == 0
    assert found.compared == 3 * people
    assert found.strangers is not None
    assert 0 <= found.strangers <= STRANGERS * (1 + PRIOR_PEOPLE)


def test_more_people_make_it_stricter() -> None:
    features = crowd(80)
    thresholds = [calibrate(named(features[:count]), features[:count], 0.4).threshold for count in (10, 40, 80)]
    assert thresholds == sorted(thresholds, reverse=True)


@pytest.mark.parametrize("features", [crowd(1), crowd(2), [crowd(1)[0]] * 4], ids=["one", "two", "all the same"])
def test_the_models_own_threshold_where_people_say_too_little(features: list[Features]) -> None:
    found = calibrate(named(features), features, USUAL)
    assert (found.calibrated, found.threshold, found.strangers) == (False, USUAL, None)


def test_single_pictures_say_nothing_of_the_missed() -> None:
    features = [one[:1] for one in crowd(6)]
    found = calibrate(named(features), features, USUAL)
    assert found.calibrated
    assert (found.missed, found.compared, found.pictures) == (None, 0, (1,) * 6)


def test_people_who_look_alike_and_pictures_in_the_wrong_folder_are_found() -> None:
    features = crowd(8, pictures=4)
    twin = normalise(features[0] + 0.01)[0].astype(np.float32)
    found = calibrate(["ann", *named(features[1:]), "twin"], [*features, twin], USUAL)
    assert [(one.first, one.second) for one in found.alike] == [("ann", "twin")]
    assert found.alike[0].distance < found.threshold

    wrong = [features[0], np.concatenate([features[1][:3], features[2][:1]]), *features[2:]]
    [mistake] = calibrate(named(wrong), wrong, USUAL).misplaced
    assert (mistake.name, mistake.picture, mistake.other) == ("p1", 3, "p2")
    assert mistake.other_distance < mistake.distance


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 4), st.floats(0.05, 1.0), st.integers(0, 99))
def test_it_depends_on_nobodys_place(people: int, pictures: int, usual: float, seed: int) -> None:
    features = crowd(people, pictures, size=8, seed=seed)
    found = calibrate(named(features), features, usual)
    assert 0 < found.threshold <= 2
    order = np.random.default_rng(seed).permutation(people)
    again = calibrate([named(features)[i] for i in order], [features[i][::-1] for i in order], usual)
    assert again.threshold == pytest.approx(found.threshold, abs=0.0011)
    assert again.missed == found.missed
    assert {frozenset((one.first, one.second)) for one in again.alike} == {
        frozenset((one.first, one.second)) for one in found.alike
    }


def test_nobody_is_an_error() -> None:
    with pytest.raises(ValueError, match="needs a feature"):
        calibrate([], [], USUAL)
    with pytest.raises(ValueError, match="needs a feature"):
        calibrate(["ann"], [np.empty((0, 4), np.float32)], USUAL)
