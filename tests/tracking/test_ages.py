"""Ages in frames or seconds, as settings take them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from deepsort_cli.core import InputError
from deepsort_cli.settings import resolve
from deepsort_cli.settings.keywords import from_keywords
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.tracking import TrackerSettings
from deepsort_cli.tracking.ages import Age


@pytest.mark.parametrize(
    ("written", "kept", "age"),
    [
        (30, 30, Age(30, False)),
        ("30", 30, Age(30, False)),
        (30.0, 30, Age(30, False)),
        ("1.2s", "1.2s", Age(1.2, True)),
        (" 1.20 S ", "1.2s", Age(1.2, True)),
        (".5s", "0.5s", Age(0.5, True)),
        ("2.s", "2s", Age(2, True)),
    ],
)
def test_what_is_understood(written: Any, kept: Any, age: Age) -> None:
    settings = TrackerSettings(max_age=written, overlap_age=written, n_init=written, reentry_age=written)
    assert [settings.max_age, settings.overlap_age, settings.n_init, settings.reentry_age] == [kept] * 4
    assert Age.of(settings.max_age) == age
    assert TrackerSettings(**settings.model_dump()) == settings


@pytest.mark.parametrize(
    "written", ["0s", "-1s", "1.2", 1.2, "1s2", "s", "1e3s", "nans", "infs", math.nan, math.inf, "1m", "١s", None, True]
)
def test_what_is_not(written: Any) -> None:
    for name in ("max_age", "n_init", "overlap_age", "reentry_age"):
        with pytest.raises(ValidationError, match="must be"):
            TrackerSettings(**{name: written})


def test_only_re_entry_can_be_nothing() -> None:
    assert TrackerSettings(reentry_age=0).reentry_age == 0
    for name, value in (("max_age", 0), ("n_init", "0"), ("overlap_age", -1), ("reentry_age", -1)):
        with pytest.raises(ValidationError, match="must be at least"):
            TrackerSettings(**{name: value})


def test_every_layer_takes_them(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("tracker: {max_age: 1.2s, n_init: 0.1s}")
    monkeypatch.setenv("DEEPSORT_TRACKER__OVERLAP_AGE", "0.5s")
    settings = resolve(TrackSettings, config=config, overrides=["tracker.reentry_age=12s"]).tracker
    assert settings.seconds == ["max_age", "n_init", "overlap_age", "reentry_age"]
    without = TrackerSettings(without_looks={"n_init": 2, "overlap_age": "2s"})
    assert without.seconds == ["without_looks.overlap_age"]
    assert without.needs_time
    assert resolve(TrackSettings, config=config, flags={"tracker.max_age": "50"}).tracker.max_age == 50
    assert from_keywords(TrackSettings, {"max_age": "1.2s", "reentry": 5}).tracker.seconds == ["max_age"]
    with pytest.raises(InputError, match=r"^`max_age` '1.2': must be a whole number of frames, or seconds as in 1\.2s"):
        from_keywords(TrackSettings, {"max_age": "1.2"})
