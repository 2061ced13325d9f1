"""Ids close to each other look different, to colour-blind eyes as well, and carry readable text."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from deepsort_cli.video.colours import PALETTE, colour_of, text_colour_on

EYES = {
    "usual": np.eye(3),
    "no red": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "no green": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
"""Linear RGB as seen by people without one kind of cones: Machado, Oliveira and Fernandes (2009), severity 1.0."""

XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
COUNT = len(PALETTE) // 3


def linear(bgr: tuple[int, int, int]) -> np.ndarray:
    """Red, green and blue, proportional to light (IEC 61966-2-1)."""
    value = np.array(bgr[::-1]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(bgr: tuple[int, int, int], eyes: str) -> np.ndarray:
    """CIELAB of a colour as these eyes see it."""
    x, y, z = np.cbrt(XYZ @ np.clip(EYES[eyes] @ linear(bgr), 1e-4, 1) / (0.95047, 1.0, 1.08883))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("eyes", EYES)
def test_six_ids_in_a_row_differ_clearly(eyes: str) -> None:
    for first in range(COUNT):
        seen = [lab(colour_of(track_id), eyes) for track_id in range(first, first + 6)]
        for a, b in itertools.combinations(seen, 2):
            assert np.linalg.norm(a - b) > 20, first


@pytest.mark.parametrize("eyes", EYES)
def test_no_two_colours_are_alike(eyes: str) -> None:
    seen = [lab(colour_of(track_id), eyes) for track_id in range(COUNT)]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 8


def test_colours_stay_with_their_ids_and_are_neither_dark_nor_grey() -> None:
    for track_id in range(1, 3 * COUNT):
        colour = colour_of(track_id)
        assert colour == colour_of(track_id)
        assert max(colour) >= 150
        assert max(colour) - min(colour) >= 60


def test_text_on_plates_is_readable() -> None:
    """At least the contrast that WCAG 2 asks of large text, 3:1; of most colours, that of small text."""
    for track_id in range(COUNT):
        light = [float(XYZ[1] @ linear(c)) for c in (colour_of(track_id), text_colour_on(colour_of(track_id)))]
        assert (max(light) + 0.05) / (min(light) + 0.05) > 3.5
