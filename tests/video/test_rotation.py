"""When new files begin: what may be asked for."""

from __future__ import annotations

import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.settings.keywords import from_keywords
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.video.rotation import Rotation, parse_rotation


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", Rotation(seconds=30)),
        ("15m", Rotation(seconds=900)),
        ("1.5h", Rotation(seconds=5400)),
        (" 1 d ", Rotation(seconds=86_400)),
        ("500MB", Rotation(size=500_000_000)),
        ("2gb", Rotation(size=2_000_000_000)),
        ("1.5MiB", Rotation(size=1_572_864)),
    ],
)
def test_times_and_sizes(text: str, expected: Rotation) -> None:
    assert parse_rotation(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1x", "neither a time"),
        ("", "neither a time"),
        ("500", "neither a time"),
        ("h", "neither a time"),
        ("-1h", "neither a time"),
        ("nanh", "neither a time"),
        ("30M", "; 30m are minutes, 30MB megabytes"),
        ("0s", "every second up to once a day"),
        ("2d", "every second up to once a day"),
        ("0.5s", "every second"),
        ("1KB", "too small"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, words: str) -> None:
    with pytest.raises(InputError, match=f"`rotate`.*{words}"):
        from_keywords(TrackSettings, {"rotate": text})
