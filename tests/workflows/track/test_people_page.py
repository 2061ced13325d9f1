"""The page to check who was matched to what."""

from __future__ import annotations

import re

import pytest

from deepsort_cli.tracking.people import Decision
from deepsort_cli.workflows.track.people_page import Page, render
from deepsort_cli.workflows.track.portraits import Portraits


@pytest.mark.parametrize(
    ("moment", "shown"), [(0.0, "0:00.0"), (59.94, "0:59.9"), (59.96, "1:00.0"), (3725.25, "62:05.2")]
)
def test_moments_of_recordings(moment: float, shown: str) -> None:
    decision = Decision("door", 3, moment, 1, 1, "", None, None)
    html = render(Page((decision,), 1, {}, None, None, "", by_clock=False, began=0.0), Portraits())
    assert re.findall(r"track 3 in door, ([\d:.]+),", html) == [shown]
