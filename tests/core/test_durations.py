"""Times as people write and read them."""

from __future__ import annotations

import pytest

from deepsort_cli.core.durations import clock_text, seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1800), ("12h", 43_200), (" 1.5 min ", 90), ("7d", 604_800), ("2w", 1_209_600)]
)
def test_times_are_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "7", "0d", "-1h", "7y", "1h30m", "nan"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write 30m, 12h, 7d or 2w"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (65, "1:05"), (3599.7, "1:00:00"), (7200, "2:00:00")]
)
def test_times_are_shown(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text
