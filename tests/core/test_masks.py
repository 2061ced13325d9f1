"""Masks as run lengths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from deepsort_cli.core.masks import Mask, masks_of, traced

COCO_TEXT = "jU1X1d0000000000000000000ROF::FF::FF::FF::FF::FF::FF::FF::FF::FF::d" + 59 * "0" + "^b0"
PICTURES = arrays.arrays(bool, arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9))


@given(PICTURES)
def test_nothing_is_lost(pixels: np.ndarray) -> None:
    mask = Mask.of(pixels)
    np.testing.assert_array_equal(np.asarray(mask), pixels)
    assert mask.area == pixels.sum()
    left, top, crop = mask.crop()
    whole = np.zeros_like(pixels)
    whole[top : top + crop.shape[0], left : left + crop.shape[1]] = crop
    np.testing.assert_array_equal(whole, pixels)
    assert not crop.size or (crop[0].any() and crop[-1].any() and crop[:, 0].any() and crop[:, -1].any())
    for coded in (mask.as_coco(), mask.as_coco() | {"counts": mask.runs.tolist()}):
        np.testing.assert_array_equal(Mask.from_coco(coded).to_array(), pixels)


@given(PICTURES, st.integers(0, 4), st.integers(0, 4))
def test_a_part_of_a_picture_is_placed_in_it(part: np.ndarray, left: int, top: int) -> None:
    picture = np.zeros((14, 15), bool)
    picture[top : top + part.shape[0], left : left + part.shape[1]] = part
    np.testing.assert_array_equal(Mask.of(part, left, top, picture.shape).runs, Mask.of(picture).runs)


def test_the_text_is_that_of_cocos_tools() -> None:
    """Computed once with pycocotools.mask.encode."""
    picture = np.zeros((60, 80), np.uint8)
    picture[10:50, 20:70] = 1
    picture[20:30, 30:40] = 0
    mask = Mask.of(picture)
    assert mask.as_coco() == {"size": [60, 80], "counts": COCO_TEXT}
    np.testing.assert_array_equal(Mask.from_coco({"size": [60, 80], "counts": COCO_TEXT.encode()}), picture)
    first = Mask.of(np.array([[1, 0], [0, 0]]))
    assert first.runs.tolist() == [0, 1, 3]


def test_a_mask_of_a_person_is_small() -> None:
    y, x = np.mgrid[:1080, :1920]
    person = ((x - 900) / 90) ** 2 + ((y - 500) / 260) ** 2 < 1
    assert Mask.of(person).runs.nbytes < 2000


def test_what_is_no_mask_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        Mask.of(np.zeros(3))
    with pytest.raises(ValueError, match="beyond"):
        Mask.of(np.zeros((3, 3)), 2, 0, (4, 4))
    with pytest.raises(ValueError, match="add up to 4"):
        Mask.from_coco({"size": [2, 2], "counts": [1, 2]})
    assert masks_of(np.zeros((0, 5, 5))) == []


def test_a_coarse_map_is_traced_in_the_picture() -> None:
    """A disc on a map of a quarter of the size, with a margin around the picture; the box cuts it off on the right."""
    y, x = np.mgrid[:40, :60] + 0.5
    coarse = (10 - np.hypot(x - 30, y - 20)).astype(np.float32)
    mask = traced(coarse, np.array([0.0, 0, 120, 200]), (140, 220), (0.25, 0.25), (2.0, 1.0))
    v, u = np.mgrid[:140, :220] + 0.5
    expected = (np.hypot(u / 4 + 2 - 30, v / 4 + 1 - 20) < 10) & (u <= 120)
    found = mask.to_array()
    assert (found ^ expected).sum() < 0.01 * expected.sum()
    nothing = traced(coarse, np.array([-50.0, -50, -10, -10]), (140, 220), (0.25, 0.25))
    assert nothing.area == 0
