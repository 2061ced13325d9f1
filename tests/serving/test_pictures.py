"""Pictures for the browser."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import cv2
import numpy as np
import pytest

from deepsort_cli.core.masks import masks_of
from deepsort_cli.core.regions import Counts, Line, LineCount, Zone, ZoneCount
from deepsort_cli.serving.hub import View
from deepsort_cli.serving.pictures import WIDTHS, Pictures, Wish, width_for
from deepsort_cli.video.settings import OutputSettings

from .site import Page, picture, tracks_of

COUNTS = Counts(
    (LineCount(Line("gate", (0, 400), (1200, 400))),), (ZoneCount(Zone("hall", ((0, 0), (300, 0), (300, 300)))),)
)


def made(page: Page, view: View, wish: Wish) -> np.ndarray:
    pictures = Pictures(OutputSettings(labels="none"), {0: "person"})
    data = asyncio.run(pictures.get(page.hub.cameras[0], view, wish))
    pictures.close()
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


@pytest.fixture
def view() -> View:
    tracks = tracks_of([1])
    tracks.boxes[:] = [600, 200, 800, 600]
    return View(0, 0.0, picture(90, 720, 1280), tracks, COUNTS, {1: [(600.0, 600.0), (700.0, 600.0)]})


def test_small_pictures_show_the_same(page: Page, view: View) -> None:
    bare = replace(view, counts=None)  # numbers are written as large as they have to be to be read
    large, small = made(page, bare, Wish(1280)), made(page, bare, Wish(320))
    assert large.shape == (720, 1280, 3)
    assert small.shape == (180, 320, 3)
    expected = cv2.resize(large, (320, 180), interpolation=cv2.INTER_AREA)
    marked, marked_small = (np.abs(one.astype(int) - 90).max(axis=2) > 25 for one in (expected, small))
    near = cv2.dilate(marked.astype(np.uint8), np.ones((7, 7))).astype(bool)
    assert marked_small.any()
    assert not (marked_small & ~near).any()
    with_line = made(page, view, Wish(320))
    assert np.abs(with_line[100, 200:220].astype(int) - small[100, 200:220]).max() > 50
    assert view.image is not None
    assert (view.image == 90).all()  # nobody has drawn into the run's own


def test_masks_are_drawn_in_small_pictures_too(page: Page, view: View) -> None:
    pixels = np.zeros((720, 1280), bool)
    pixels[300:500, 650:750] = True
    tracks = replace(view.tracks, data={"masks": masks_of(pixels[None])})
    masked = made(page, replace(view, tracks=tracks), Wish(320))
    plain = made(page, view, Wish(320))
    assert np.abs(masked[100, 175].astype(int) - plain[100, 175]).max() > 10


def test_widths_are_few() -> None:
    assert {width_for(width) for width in range(5000)} == set(WIDTHS)
    assert width_for(None) == width_for(10**9) == WIDTHS[-1]
    assert width_for(481) == 640


def test_pictures_are_not_enlarged(page: Page) -> None:
    small = View(0, 0.0, picture(), tracks_of([]), None, {})
    assert made(page, small, Wish(1920)).shape == (120, 160, 3)
