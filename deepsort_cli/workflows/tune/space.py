"""What is searched: keys of the settings of `deepsort track`, and from where to where."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.recording import Recording
from deepsort_cli.settings.loader import merged, nest
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.tracking.settings import START_SCORE

LEAST_CONF = 0.05
"""How far above the lowest recorded score the search for `detector.conf` begins, so that low scores may be lower."""

MOST_CONF = 0.7
LOW = ("detector.conf", "tracker.low_score")
"""What is not searched where low scores were not recorded, which is where that search would begin above `MOST_CONF`."""

Values = Mapping[str, Any]
"""Settings by dotted key."""


@dataclass(frozen=True)
class Parameter:
    """One key that is searched.

    Attributes:
        key: dotted.
        suggest: takes an Optuna trial, gives a value in its own terms.
        value: makes the settings' value of it.
        trial_value: the reverse, for settings that are tried first; None where it cannot be written so.
    """

    key: str
    suggest: Callable[[Any], Any]
    value: Callable[[Any], Any]
    trial_value: Callable[[Any], Any]


def _between(key: str, low: float, high: float, step: float = 0.005) -> Parameter:
    def inside(value: Any) -> float | None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return None
        return round(round((min(max(value, low), high) - low) / step) * step + low, 6)

    def suggest(trial: Any) -> Any:
        return trial.suggest_float(key, low, high, step=step)

    return Parameter(key, suggest, lambda value: round(value, 4), inside)


def _whole(key: str, low: int, high: int) -> Parameter:
    def inside(value: Any) -> int | None:
        return min(max(value, low), high) if isinstance(value, int) else None

    return Parameter(key, lambda trial: trial.suggest_int(key, low, high), int, inside)


def _seconds(key: str, low: float, high: float, fps: float) -> Parameter:
    """An age in seconds, on a logarithmic scale; settings may say it in frames."""

    def inside(value: Any) -> float | None:
        number = float(value.removesuffix("s")) if isinstance(value, str) else value / fps
        return min(max(number, low), high)

    def suggest(trial: Any) -> Any:
        return trial.suggest_float(key, low, high, log=True)

    return Parameter(key, suggest, lambda value: f"{value:.2f}s", inside)


def _one_of(key: str, *choices: Any) -> Parameter:
    """A few values; text, numbers and null as YAML has them."""
    words = {str(choice): choice for choice in choices}

    def word(value: Any) -> str | None:
        return str(value) if str(value) in words else None

    return Parameter(key, lambda trial: trial.suggest_categorical(key, list(words)), lambda chosen: words[chosen], word)


def search_space(recordings: Sequence[Recording], keep: Sequence[str]) -> list[Parameter]:
    """The keys that matter for these recordings, without those to keep.

    Raises:
        InputError: a key to keep is none of them.
    """
    lowest = max(*(recording.origin.conf for recording in recordings), 0.1)
    fps = min(recording.origin.fps for recording in recordings)
    least = round(lowest + LEAST_CONF, 3)
    shortest = max(0.2, 2 / fps)
    found = [
        _between("detector.conf", least, max(least, MOST_CONF)),
        _between("tracker.start_score", 0.2, 0.9),
        _one_of("tracker.low_score", None, round(lowest, 3)),
        _between("tracker.max_iou_distance", 0.4, 0.95),
        _seconds("tracker.max_age", shortest, 8.0 if shortest <= 8.0 else 4 * shortest, fps),
        _one_of("tracker.confirm_first", False, True),
        _whole("tracker.overlap_age", 1, 15),
        _one_of("tracker.nsa", False, True),
        _one_of("tracker.box", "kalman", "detection"),
        _one_of("tracker.clock", "frames", "time"),
    ]
    if any(recording.detections.features is not None for recording in recordings):
        found += [
            _whole("tracker.n_init", 1, 5),
            _whole("tracker.n_init_near", 1, 5),
            _between("tracker.max_cosine_distance", 0.03, 0.7),
            _one_of("tracker.ema_alpha", None, 0.9),
            _one_of("tracker.reentry_age", 0, "10s", "30s"),
        ]
    else:
        found += [
            _whole("tracker.without_looks.n_init", 1, 5),
            _one_of("tracker.without_looks.overlap_age", None, "1s", "2s", "3s"),
            _between("tracker.without_looks.max_iou_distance", 0.4, 0.95),
        ]
    if least > MOST_CONF:
        found = [parameter for parameter in found if parameter.key not in LOW]
    methods = {recording.origin.camera_motion for recording in recordings}
    if len(methods) == 1 and None not in methods:
        found.append(_one_of("camera_motion.method", "none", methods.pop()))
    known = [parameter.key for parameter in found]
    wrong = next((key for key in keep if key not in known), None)
    if wrong is not None:
        raise InputError(f"`search.keep` {wrong}: is not searched. What is: {', '.join(known)}.")
    found = [parameter for parameter in found if parameter.key not in keep]
    if not found:
        raise InputError("`search.keep`: nothing is left to search.")
    return found


def suggested(trial: Any, space: Sequence[Parameter]) -> dict[str, Any]:
    """Values for a trial."""
    return {parameter.key: parameter.value(parameter.suggest(trial)) for parameter in space}


def first_trial(settings: TrackSettings, space: Sequence[Parameter]) -> dict[str, Any]:
    """Settings in the terms of the search, as near as it can come to them."""
    at = {parameter.key: value_at(settings, parameter.key) for parameter in space}
    full = settings.detector.lowest_confidence(stored=True)
    if settings.tracker.start_score == "auto":
        at["tracker.start_score"] = START_SCORE
    usual = {
        "detector.conf": full,
        "tracker.start_score": full,
        "tracker.max_cosine_distance": 0.25,
        "tracker.clock": "frames",
        "tracker.n_init_near": settings.tracker.n_init,
        "tracker.without_looks.n_init": settings.tracker.n_init,
        "tracker.without_looks.max_iou_distance": settings.tracker.max_iou_distance,
    }
    found = {}
    for parameter in space:
        value = at[parameter.key]
        in_terms = parameter.trial_value(
            usual.get(parameter.key) if value is None and parameter.key in usual else value
        )
        if in_terms is not None:
            found[parameter.key] = in_terms
    return found


def with_values(settings: TrackSettings, values: Values) -> TrackSettings:
    """The settings with these values.

    Raises:
        pydantic.ValidationError: they do not go together.
    """
    return TrackSettings.model_validate(merged(settings.model_dump(), nest(values)))


def value_at(settings: TrackSettings, key: str) -> Any:
    """The value of a dotted key."""
    value: Any = settings
    for part in key.split("."):
        value = getattr(value, part)
    return value
