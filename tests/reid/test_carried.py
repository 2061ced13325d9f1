"""The threshold of what was learned, from that of the start and from people neither has seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsort_cli.reid.carried import MOST_PICTURES, CarriedThreshold, mean_of


def people(count: int, pictures: int, spread: float, seed: int = 0) -> np.ndarray:
    """Unit features of people, the same people and pictures whatever their `spread`."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(count, 1, 32))
    features = (centers + spread * rng.normal(size=(count, pictures, 32))).reshape(-1, 32).astype(np.float32)
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def accepted(features: np.ndarray, threshold: float) -> float:
    distances = 1 - features @ features.T
    return float((distances[np.triu_indices(len(features), k=1)] < threshold).mean())


@settings(max_examples=30, deadline=None)
@given(start=st.floats(0.25, 1.0), spread=st.floats(0.1, 1.0), seed=st.integers(0, 99))
def test_as_many_pairs_are_accepted_as_by_the_start(start: float, spread: float, seed: int) -> None:
    before, after = people(6, 8, 0.5, seed), people(6, 8, spread, seed)
    known = CarriedThreshold(start).after(before, 6)
    assert known.at(0) == ({"threshold": start}, "that of the weights it started from, which these are")
    metrics, source = known.after(after, 6).at(3)
    assert accepted(after, metrics["threshold"]) == pytest.approx(accepted(before, start), abs=0.02)
    assert f"6 people not learned from as the start did at its {start:g}" in source
    unchanged = known.after(before, 6).at(3)[0]
    assert unchanged["threshold"] == pytest.approx(start, abs=1e-3)


def test_where_the_run_puts_out_another_feature_its_start_has_another_threshold_too() -> None:
    shown, inside, later = people(6, 8, 0.5), people(6, 8, 0.3), people(6, 8, 0.2)
    unknown = CarriedThreshold(0.4, same_feature=False)
    assert unknown.at(0) == unknown.after(inside, 6).at(3) == ({}, "")
    known = unknown.after(inside, 6, of_start=shown)
    first = known.at(0)[0]["threshold"]
    assert first < 0.4
    assert accepted(inside, first) == pytest.approx(accepted(shown, 0.4), abs=0.02)
    assert known.at(2) == ({}, ""), "not measured yet"
    assert known.after(later, 6).at(2)[0]["threshold"] < first
    both = mean_of([known.after(later, 6), known.after(inside, 6)])
    assert both is not None
    assert both.at(0)[0]["threshold"] == first


def test_many_pictures_are_looked_at_in_part() -> None:
    many = people(300, 10, 0.5)
    assert len(many) > 2 * MOST_PICTURES
    known = CarriedThreshold(0.4).after(many, 300)
    assert known.share == pytest.approx(accepted(many, 0.4), abs=0.01)


def test_what_is_not_known_is_not_claimed() -> None:
    assert CarriedThreshold().after(people(3, 4, 0.5), 3) == CarriedThreshold()
    assert CarriedThreshold().at(5) == ({}, "")
    unseen = CarriedThreshold(0.3)
    assert unseen.after(None, 0) is unseen
    assert unseen.at(5) == ({"threshold": 0.3}, "that of the weights it started from; not measured since")
    outside = CarriedThreshold(1e-9).after(people(3, 4, 0.5), 3).after(people(3, 4, 0.4), 3)
    assert outside.at(5)[1].endswith("not measured since")
    assert mean_of([]) is None
    tiny = CarriedThreshold(0.3, 0.1, 0.000412345, 4)
    assert tiny.at(5)[0] == {"threshold": 0.000412}, "models with small distances have small thresholds, and not 0"
    assert mean_of([CarriedThreshold(0.3, 0.1, 0.2, 4), outside]) is None


def test_halves_are_averaged_and_it_is_kept() -> None:
    both = mean_of([CarriedThreshold(0.3, 0.1, 0.2, 4), CarriedThreshold(0.3, 0.2, 0.26, 5)])
    assert both is not None
    assert (both.value, both.people, both.at(1)[0]) == (pytest.approx(0.23), 9, {"threshold": 0.23})
    assert CarriedThreshold.read(vars(both)) == both
    assert CarriedThreshold.read(None) == CarriedThreshold()
