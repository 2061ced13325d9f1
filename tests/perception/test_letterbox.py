from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsort_cli.perception.letterbox import GREY, Fit, Letterbox, Pixels, fit

YOLOX = Pixels(rgb=False, std=(1.0, 1.0, 1.0), fit="corner")

FITS: tuple[Fit, ...] = ("centre", "corner", "stretch")
sides = st.integers(1, 5000)
multiples = st.integers(1, 40).map(lambda n: 32 * n)


@settings(max_examples=200, deadline=None)
@given(st.tuples(sides, sides), st.tuples(multiples, multiples), st.sampled_from(FITS), st.integers(0, 2**32 - 1))
def test_boxes_come_back(image_shape: tuple[int, int], input_shape: tuple[int, int], how: Fit, seed: int) -> None:
    geometry = fit(image_shape, input_shape, how)
    height, width = image_shape
    boxes = np.random.default_rng(seed).uniform(-0.5, 1.5, (5, 4)) * [width, height, width, height]
    np.testing.assert_allclose(geometry.to_image(geometry.to_input(boxes)), boxes, atol=1e-6)
    # The whole image lies inside the input, and touches two opposite sides of it.
    x1, y1, x2, y2 = geometry.to_input(np.array([[0.0, 0.0, width, height]]))[0]
    assert min(x1, y1) >= 0
    assert x2 <= input_shape[1] + 1e-6
    assert y2 <= input_shape[0] + 1e-6
    fills_width = x1 == 0 and x2 >= input_shape[1] - 1 - 1e-6
    fills_height = y1 == 0 and y2 >= input_shape[0] - 1 - 1e-6
    assert fills_width or fills_height
    assert how != "stretch" or (fills_width and fills_height)
    if how != "centre":
        assert (x1, y1) == (0, 0)


def test_known_cases() -> None:
    wide = fit((720, 1280), (640, 640), "centre")
    assert (wide.width, wide.height, wide.left, wide.top) == (640, 360, 0, 140)
    tall = fit((576, 768), (416, 416), "corner")
    assert (tall.width, tall.height, tall.left, tall.top) == (416, 312, 0, 0)
    # An odd rest: the smaller half of the padding goes first.
    odd = fit((100, 199), (64, 64), "centre")
    assert (odd.width, odd.height, odd.left, odd.top) == (64, 32, 0, 16)
    odd = fit((99, 200), (64, 64), "centre")
    assert (odd.height, odd.top) == (32, 16)
    odd = fit((97, 200), (64, 64), "centre")
    assert (odd.height, odd.top) == (31, 16)


def test_ultralytics_input_is_rgb_in_0_1_on_grey() -> None:
    image = np.zeros((10, 20, 3), np.uint8)
    image[:] = (255, 102, 51)  # blue, green, red
    blob, geometry = Letterbox(Pixels())(image, (32, 32))
    assert blob.shape == (1, 3, 32, 32)
    assert blob.dtype == np.float32
    assert (geometry.top, geometry.height) == (8, 16)
    np.testing.assert_allclose(blob[0, :, 8:24], np.broadcast_to([[[0.2]], [[0.4]], [[1.0]]], (3, 16, 32)), rtol=1e-6)
    np.testing.assert_allclose(blob[0, :, :8], GREY / 255, rtol=1e-6)
    np.testing.assert_allclose(blob[0, :, 24:], GREY / 255, rtol=1e-6)


def test_yolox_input_is_bgr_in_0_255_at_the_top_left() -> None:
    image = np.zeros((10, 20, 3), np.uint8)
    image[:] = (255, 102, 51)
    blob, _ = Letterbox(YOLOX)(image, (32, 32))
    np.testing.assert_array_equal(blob[0, :, :16], np.broadcast_to([[[255]], [[102]], [[51]]], (3, 16, 32)))
    assert (blob[0, :, 16:] == GREY).all()


def test_mean_and_deviation_are_in_the_networks_channel_order() -> None:
    image = np.zeros((16, 32, 3), np.uint8)
    image[:] = (255, 102, 51)
    pixels = Pixels(mean=(50.0, 100.0, 250.0), std=(1.0, 2.0, 5.0), fit="centre", padding=0)
    blob, _ = Letterbox(pixels)(image, (32, 32))
    np.testing.assert_allclose(blob[0, :, 16, 16], [1.0, 1.0, 1.0], atol=1e-5)
    np.testing.assert_allclose(blob[0, :, 0, 16], [-50.0, -50.0, -50.0], atol=1e-5)
    again, _ = Letterbox(pixels)(image, (32, 32))
    np.testing.assert_array_equal(blob, again)
    blob, geometry = Letterbox(Pixels(fit="stretch"))(image, (32, 32))
    assert (geometry.width, geometry.height) == (32, 32)
    np.testing.assert_allclose(blob[0, :, 0, 0], [0.2, 0.4, 1.0], rtol=1e-6)


@pytest.mark.parametrize("shape", [(32, 32, 3), (500, 7, 3), (1, 1, 3), (33, 64, 3)])
def test_frames_of_changing_size_do_not_leave_traces(shape: tuple[int, ...]) -> None:
    letterbox = Letterbox(Pixels())
    image = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    letterbox(np.full((20, 50, 3), 255, np.uint8), (32, 32))
    again, _ = letterbox(image, (32, 32))
    fresh, _ = Letterbox(Pixels())(image, (32, 32))
    np.testing.assert_array_equal(again, fresh)


def test_threads_do_not_share_buffers() -> None:
    letterbox = Letterbox(YOLOX)

    def level(value: int) -> bool:
        blob, _ = letterbox(np.full((64, 64, 3), value, np.uint8), (64, 64))
        return bool((blob == value).all())

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(level, list(range(200))))
