"""Fixtures of the tests of the page."""

from __future__ import annotations

import pytest

from .site import Page, make_page


@pytest.fixture
def page() -> Page:
    return make_page()
