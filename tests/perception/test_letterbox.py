from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsort_cli.perception.letterbox import GREY, Letterbox, fit

sides = st.integers(1, 5000)
multiples = st.integers(1, 40).map(lambda n: 32 * n)


@settings(max_examples=200, deadline=None)
@given(st.tuples(sides, sides), st.tuples(multiples, multiples), st.booleans(), st.integers(0, 2**32 - 1))
def test_boxes_come_back(image_shape: tuple[int, int], input_shape: tuple[int, int], centred: bool, seed: int) -> None:
    geometry = fit(image_shape, input_shape, centred=centred)
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
    if not centred:
        assert (x1, y1) == (0, 0)


def test_known_cases() -> None:
    wide = fit((720, 1280), (640, 640), centred=True)
    assert (wide.width, wide.height, wide.left, wide.top) == (640, 360, 0, 140)
    tall = fit((576, 768), (416, 416), centred=False)
    assert (tall.width, tall.height, tall.left, tall.top) == (416, 312, 0, 0)
    # An odd rest: the smaller half of the padding goes first.
    odd = fit((100, 199), (64, 64), centred=True)
    assert (odd.width, odd.height, odd.left, odd.top) == (64, 32, 0, 16)
    odd = fit((99, 200), (64, 64), centred=True)
    assert (odd.height, odd.top) == (32, 16)
    odd = fit((97, 200), (64, 64), centred=True)
    assert (odd.height, odd.top) == (31, 16)


def test_ultralytics_input_is_rgb_in_0_1_on_grey() -> None:
    image = np.zeros((10, 20, 3), np.uint8)
    image[:] = (255, 102, 51)  # blue, green, red
    blob, geometry = Letterbox(rgb=True, scale=1 / 255, centred=True)(image, (32, 32))
    assert blob.shape == (1, 3, 32, 32)
    assert blob.dtype == np.float32
    assert (geometry.top, geometry.height) == (8, 16)
    np.testing.assert_allclose(blob[0, :, 8:24], np.broadcast_to([[[0.2]], [[0.4]], [[1.0]]], (3, 16, 32)), rtol=1e-6)
    np.testing.assert_allclose(blob[0, :, :8], GREY / 255, rtol=1e-6)
    np.testing.assert_allclose(blob[0, :, 24:], GREY / 255, rtol=1e-6)


def test_yolox_input_is_bgr_in_0_255_at_the_top_left() -> None:
    image = np.zeros((10, 20, 3), np.uint8)
    image[:] = (255, 102, 51)
    blob, _ = Letterbox(rgb=False, scale=1.0, centred=False)(image, (32, 32))
    np.testing.assert_array_equal(blob[0, :, :16], np.broadcast_to([[[255]], [[102]], [[51]]], (3, 16, 32)))
    assert (blob[0, :, 16:] == GREY).all()


@pytest.mark.parametrize("shape", [(32, 32, 3), (500, 7, 3), (1, 1, 3), (33, 64, 3)])
def test_frames_of_changing_size_do_not_leave_traces(shape: tuple[int, ...]) -> None:
    letterbox = Letterbox(rgb=True, scale=1 / 255, centred=True)
    image = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    letterbox(np.full((20, 50, 3), 255, np.uint8), (32, 32))
    again, _ = letterbox(image, (32, 32))
    fresh, _ = Letterbox(rgb=True, scale=1 / 255, centred=True)(image, (32, 32))
    np.testing.assert_array_equal(again, fresh)


def test_threads_do_not_share_buffers() -> None:
    letterbox = Letterbox(rgb=False, scale=1.0, centred=False)

    def level(value: int) -> bool:
        blob, _ = letterbox(np.full((64, 64, 3), value, np.uint8), (64, 64))
        return bool((blob == value).all())

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(level, list(range(200))))
