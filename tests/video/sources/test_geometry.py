"""Turned frames and frames of other sizes."""

from __future__ import annotations

import struct
from fractions import Fraction

import numpy as np
import pytest

from deepsort_cli.video.sources.geometry import FirstSize, turn_of

ONE = 1 << 16


def matrix(a: int, b: int, c: int, d: int) -> bytes:
    return struct.pack("=9i", a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30)


@pytest.mark.parametrize(
    "entries",
    [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0), (-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0),
     (0, -1, -1, 0)],
)  # fmt: skip
def test_a_display_matrix_moves_every_pixel_as_it_says(entries: tuple[int, int, int, int]) -> None:
    a, b, c, d = entries
    image = np.random.default_rng(0).integers(0, 256, (3, 5, 3), dtype=np.uint8)
    turn, swapped = turn_of(matrix(*entries))
    turned = image if turn is None else turn(image)
    assert turned.shape[:2] == ((5, 3) if swapped else (3, 5))
    ys, xs = np.mgrid[:3, :5]
    new_x, new_y = a * xs + c * ys, b * xs + d * ys
    assert np.array_equal(turned[new_y - new_y.min(), new_x - new_x.min()], image)


def test_other_angles_and_no_matrix_change_nothing() -> None:
    slanted = struct.pack("=9i", 46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30)
    assert turn_of(slanted) == (None, False)
    assert turn_of(None) == (None, False)
    assert turn_of(b"short") == (None, False)


def square_in(image: np.ndarray) -> tuple[int, int]:
    white = image[..., 0] > 128
    return int(white.any(axis=0).sum()), int(white.any(axis=1).sum())


@pytest.mark.parametrize("size", [(240, 320), (640, 480), (100, 100), (1280, 300)])
def test_a_square_stays_square_when_the_size_changes(size: tuple[int, int]) -> None:
    told: list[str] = []
    fit = FirstSize("a.ts", told.append)
    first = np.zeros((240, 320, 3), np.uint8)
    assert fit(first) is first
    width, height = size
    second = np.zeros((height, width, 3), np.uint8)
    second[20:80, 20:80] = 255
    fitted = fit(second)
    assert fitted.shape == first.shape
    across, down = square_in(fitted)
    assert across == pytest.approx(60 * min(320 / width, 240 / height), abs=2)
    assert down == pytest.approx(across, abs=2)
    fit(second)
    assert len(told) == 1
    assert f"from 320×240 to {width}×{height}" in told[0]
    assert fit(first) is first


def test_pixels_of_another_shape_are_stretched_as_shown() -> None:
    """720×576 with pixels 16:15 as wide, then 768×576 with square ones: the same picture in the first one's pixels."""
    fit = FirstSize("a.ts", lambda message: None)
    fit(np.zeros((576, 720, 3), np.uint8), Fraction(16, 15))
    second = np.zeros((576, 768, 3), np.uint8)
    second[100:196, 100:196] = 255
    across, down = square_in(fit(second))
    assert (across, down) == (pytest.approx(90, abs=1), pytest.approx(96, abs=1))
