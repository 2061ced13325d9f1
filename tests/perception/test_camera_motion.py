"""Camera motion: known movements of a generated scene are found, people in front notwithstanding."""

from __future__ import annotations

import warnings

import cv2
import numpy as np
import pytest

from deepsort_cli.core.types import FloatArray, Image
from deepsort_cli.perception.camera_motion import CameraMotion
from deepsort_cli.perception.settings import CameraMotionSettings

HEIGHT, WIDTH = 288, 384
CORNERS = np.array([[0, 0, 1], [WIDTH, 0, 1], [0, HEIGHT, 1], [WIDTH, HEIGHT, 1]], dtype=float).T


def texture(seed: int) -> Image:
    """A cloudy picture, larger than the frame on all sides."""
    noise = np.random.default_rng(seed).uniform(0, 1, (HEIGHT + 300, WIDTH + 300, 3)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)  # type: ignore[call-overload]


SCENE, OTHER_SCENE, CLOTHES = texture(0), texture(1), texture(2)


def similarity(turn: float = 0.0, zoom: float = 1.0, x: float = 0.0, y: float = 0.0) -> FloatArray:
    """(2, 3): turn (radians) and zoom about the middle of the frame, then shift by (x, y)."""
    middle = np.array([WIDTH / 2, HEIGHT / 2])
    linear = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.column_stack([linear, middle - linear @ middle + (x, y)])


def view(motion: FloatArray, scene: Image = SCENE) -> Image:
    """The frame after the camera moved so that points (from the pixels' corners) go where `motion` takes them."""
    linear, shift = motion[:, :2], motion[:, 2]
    from_scene = shift + linear @ (0.5, 0.5) - 0.5 - linear @ (150, 150)
    return cv2.warpAffine(scene, np.column_stack([linear, from_scene]), (WIDTH, HEIGHT))


def walkers(image: Image, offset: int, people: int) -> tuple[Image, FloatArray]:
    """Textured people, five of whom fill two thirds of the frame, moved right by `offset` pixels; and their boxes."""
    image, boxes = image.copy(), []
    for person in range(people):
        left = 5 + 68 * person + offset
        image[20:, left : left + 52] = CLOTHES[20:HEIGHT, 70 * person : 70 * person + 52]
        boxes.append([left, 20, left + 52, HEIGHT])
    return image, np.array(boxes, dtype=float)


def error(found: FloatArray | None, true: FloatArray) -> float:
    """The largest distance in pixels at the frame's corners."""
    assert found is not None
    return float(np.abs((found - true) @ CORNERS).max())


def estimate(method: str, before: Image, after: Image, boxes: FloatArray | None = None) -> FloatArray | None:
    camera = CameraMotion(CameraMotionSettings(method=method))  # type: ignore[arg-type]
    return camera(camera.shrink(before), camera.shrink(after), (HEIGHT, WIDTH), boxes)


@pytest.mark.parametrize("method", ["flow", "ecc"])
@pytest.mark.parametrize(
    "motion",
    [similarity(), similarity(x=3.4, y=-2.3), similarity(x=30, y=8), similarity(turn=0.02, x=2)],
    ids=["none", "shift", "large shift", "rotation"],
)
def test_known_motion(method: str, motion: FloatArray) -> None:
    assert error(estimate(method, view(similarity()), view(motion)), motion) < 0.35


def test_flow_finds_zoom() -> None:
    motion = similarity(turn=0.03, zoom=1.04, x=-4, y=3)
    assert error(estimate("flow", view(similarity()), view(motion)), motion) < 0.5


@pytest.mark.parametrize(("method", "people"), [("flow", 5), ("ecc", 3)])
def test_people_in_front_do_not_count(method: str, people: int) -> None:
    """They go against the camera."""
    motion = similarity(x=5, y=2)
    before, _ = walkers(view(similarity()), 0, people)
    after, boxes = walkers(view(motion), -4, people)
    found = estimate(method, before, after, boxes)
    assert error(found, motion) < 0.5
    odd = np.array([[np.nan, 0, WIDTH, HEIGHT], [0, 0, np.inf, HEIGHT]])  # a function's, which nobody tracks
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(estimate(method, before, after, np.concatenate([odd, boxes])), found)


def test_without_their_boxes_a_crowd_misleads() -> None:
    motion = similarity(x=5, y=2)
    before, _ = walkers(view(similarity()), 0, 5)
    after, _ = walkers(view(motion), -4, 5)
    misled = estimate("flow", before, after)
    assert misled is None or error(misled, motion) > 2


@pytest.mark.parametrize("method", ["flow", "ecc"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (view(similarity()), view(similarity(), OTHER_SCENE)),
        (np.full((HEIGHT, WIDTH, 3), 90, np.uint8), np.full((HEIGHT, WIDTH, 3), 90, np.uint8)),
        (view(similarity()), np.zeros((HEIGHT, WIDTH, 3), np.uint8)),
        (view(similarity()), view(similarity())[:200]),
    ],
    ids=["cut", "no texture", "black", "another size"],
)
def test_nothing_to_measure(method: str, before: Image, after: Image) -> None:
    assert estimate(method, before, after) is None


@pytest.mark.parametrize("method", ["flow", "ecc"])
def test_people_everywhere(method: str) -> None:
    """Boxes that leave no background are not hidden: better the whole picture than nothing."""
    motion = similarity(x=3, y=1)
    everywhere = np.array([[-10.0, -10.0, WIDTH + 10.0, HEIGHT + 10.0]])
    assert error(estimate(method, view(similarity()), view(motion), everywhere), motion) < 0.35


def test_large_frames_are_measured_small() -> None:
    camera = CameraMotion(CameraMotionSettings(method="flow", size=96))
    before, after = camera.shrink(view(similarity())), camera.shrink(view(similarity(x=8)))
    assert before.shape == (72, 96)
    assert error(camera(before, after, (HEIGHT, WIDTH)), similarity(x=8)) < 1.5
