from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from deepsort_cli.core.preprocess import Preprocess


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)


def reference(image: np.ndarray, box: tuple[int, int, int, int], settings: Preprocess) -> np.ndarray:
    """The textbook way, in float64."""
    x1, y1, x2, y2 = box
    crop = cv2.resize(image[y1:y2, x1:x2], (settings.width, settings.height), interpolation=cv2.INTER_LINEAR)
    if settings.channel_order == "RGB":
        crop = crop[..., ::-1]
    return ((crop / 255.0 - settings.mean) / settings.std).transpose(2, 0, 1)


@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_batch_is_the_textbook_preprocessing(image: np.ndarray, order: str) -> None:
    settings = Preprocess(channel_order=order, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7), height=64, width=32)
    boxes = [(10, 20, 50, 100), (0, 0, 160, 120), (150, 100, 160, 120)]
    crops, visible = settings.crop(image, np.array(boxes, dtype=float))
    batch = settings.batch(crops)
    assert visible.all()
    assert batch.dtype == np.float32
    assert batch.flags.c_contiguous
    np.testing.assert_allclose(batch, [reference(image, box, settings) for box in boxes], atol=2e-6)


def test_defaults_are_those_of_osnet() -> None:
    settings = Preprocess()
    assert (settings.height, settings.width, settings.channel_order) == (256, 128, "RGB")
    black = settings.batch(np.zeros((1, 256, 128, 3), np.uint8))
    assert black.shape == (1, 3, 256, 128)
    np.testing.assert_allclose(black[0, :, 0, 0], [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225], rtol=1e-6)


def test_boxes_are_clipped_and_those_without_pixels_are_flagged_in_place(image: np.ndarray) -> None:
    settings = Preprocess(height=16, width=8)
    boxes = np.array(
        [
            [-30.0, -30.0, 40.0, 50.0],  # partly outside
            [200.0, 10.0, 260.0, 90.0],  # outside
            [30.0, 30.0, 30.0, 60.0],  # no width
            [60.0, 60.0, 50.0, 50.0],  # turned round
            [np.nan, 0.0, 10.0, 10.0],
            [0.0, 0.0, np.inf, 10.0],
            [20.2, 20.2, 20.4, 40.0],  # thinner than a pixel
            [159.7, 119.7, 400.0, 400.0],  # a corner of the last pixel
            [10.0, 20.0, 50.0, 100.0],
        ]
    )
    crops, visible = settings.crop(image, boxes)
    assert visible.tolist() == [True, False, False, False, False, False, True, True, True]
    assert crops.shape == (9, 16, 8, 3)
    assert not crops[~visible].any()
    expected, _ = settings.crop(image, np.array([[0.0, 0.0, 40.0, 50.0]]))
    np.testing.assert_array_equal(crops[0], expected[0])
    np.testing.assert_array_equal(crops[8], cv2.resize(image[20:100, 10:50], (8, 16)))


def test_no_boxes_give_empty_arrays(image: np.ndarray) -> None:
    settings = Preprocess()
    crops, visible = settings.crop(image, np.empty((0, 4)))
    assert crops.shape == (0, 256, 128, 3)
    assert visible.shape == (0,)
    assert settings.batch(crops).shape == (0, 3, 256, 128)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.floats(-1e6, 1e6) | st.just(float("nan"))] * 4), max_size=6))
def test_any_boxes_keep_their_rows(boxes: list[tuple[float, ...]]) -> None:
    image = np.full((30, 40, 3), 200, np.uint8)
    crops, visible = Preprocess(height=8, width=4).crop(image, np.array(boxes, dtype=float).reshape(-1, 4))
    assert len(crops) == len(visible) == len(boxes)
    assert (crops[visible] == 200).all()
    for (x1, y1, x2, y2), seen in zip(boxes, visible, strict=True):
        overlaps = min(x2, 40) > max(x1, 0) and min(y2, 30) > max(y1, 0)
        assert seen == (overlaps and np.isfinite([x1, y1, x2, y2]).all())


def test_ready_made_crops_go_the_same_way(image: np.ndarray) -> None:
    settings = Preprocess(height=32, width=16)
    by_box, _ = settings.crop(image, np.array([[10.0, 20.0, 50.0, 100.0], [5.0, 5.0, 9.0, 7.0]]))
    by_crop = settings.resize_crops([image[20:100, 10:50], image[5:7, 5:9]])
    np.testing.assert_array_equal(by_box, by_crop)


@pytest.mark.parametrize(
    "crop",
    [np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3))],
)
def test_things_that_are_no_crops_are_refused(crop: np.ndarray) -> None:
    with pytest.raises(ValueError, match="crop"):
        Preprocess().resize_crops([crop])


@pytest.mark.parametrize("std", [(0.0, 1.0, 1.0), (-1.0, 1.0, 1.0), (float("nan"), 1.0, 1.0)])
def test_a_standard_deviation_must_be_positive(std: tuple[float, float, float]) -> None:
    with pytest.raises(ValidationError):
        Preprocess(std=std)
