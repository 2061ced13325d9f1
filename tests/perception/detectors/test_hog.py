from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from deepsort_cli.core.boxes import iou, xyxy_to_tlwh
from deepsort_cli.core.errors import InputError
from deepsort_cli.perception.detectors import HogDetector, open_detector
from deepsort_cli.perception.settings import DetectorSettings
from deepsort_cli.video.demo import DemoScene
from deepsort_cli.video.settings import DemoSettings


def figure(height: int = 200, width: int = 160) -> tuple[np.ndarray, tuple[float, ...]]:
    """A plainly drawn person on a smooth background, and its box."""
    image = np.full((height, width, 3), 200, np.uint8)
    x, y = width // 2, 40
    dark = (40, 40, 40)
    cv2.circle(image, (x, y), 11, dark, -1)
    cv2.ellipse(image, (x, y + 40), (17, 32), 0, 0, 360, dark, -1)
    for side in (-1, 1):
        cv2.line(image, (x + side * 14, y + 22), (x + side * 22, y + 66), dark, 7)
        cv2.line(image, (x + side * 7, y + 64), (x + side * 11, y + 118), dark, 10)
    return image, (x - 25, y - 11, x + 25, y + 123)


def test_hog_is_the_default_and_finds_a_drawn_person(overlap) -> None:
    detector = open_detector()
    assert isinstance(detector, HogDetector)
    assert (detector.name, detector.class_names) == ("hog", {0: "person"})
    image, box = figure()
    found = detector(image)
    assert len(found) == 1
    assert found.class_ids.tolist() == [0]
    assert 0.3 <= found.scores[0] <= 1.0
    assert overlap(found.boxes, np.array([box]))[0, 0] > 0.6


def test_hog_scores_order_and_threshold(overlap) -> None:
    image = np.concatenate([figure()[0], figure()[0][::-1], figure()[0]], axis=1)
    everything = open_detector(DetectorSettings(conf=0.0))(image)
    assert (np.diff(everything.scores) <= 0).all()
    assert everything.scores.min() >= 0.0
    strict = open_detector(DetectorSettings(conf=0.8))(image)
    sure = everything[everything.scores >= 0.8]
    assert len(sure) >= 2
    np.testing.assert_allclose(strict.scores, sure.scores, rtol=1e-12)
    assert (overlap(strict.boxes, sure.boxes).diagonal() > 0.8).all()  # weaker windows move the average a little
    assert len(open_detector(DetectorSettings(conf=1.0))(image)) == 0
    assert len(open_detector(DetectorSettings(conf=0.0, max_det=1))(image)) == 1


@pytest.mark.parametrize("shape", [(1, 1), (20, 400), (400, 20), (127, 63), (128, 64)])
def test_hog_takes_images_smaller_than_its_window(shape: tuple[int, int]) -> None:
    found = open_detector()(np.full((*shape, 3), 90, np.uint8))
    assert (found.boxes[:, 2:] <= shape[::-1]).all()


def test_hog_finds_a_person_in_an_image_lower_than_its_window(overlap) -> None:
    image, (x1, y1, x2, y2) = figure()
    low = cv2.resize(image[int(y1) - 8 : int(y2) + 8], None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    assert low.shape[0] < 128
    found = open_detector()(low)
    assert len(found) == 1
    person = np.array([[0.7 * x1, 0.7 * 8, 0.7 * x2, 0.7 * (8 + y2 - y1)]])
    assert overlap(found.boxes, person)[0, 0] > 0.6


@pytest.mark.parametrize("height", [46, 60, 90, 160])
def test_hog_finds_small_and_large_people(overlap, height: int) -> None:
    """From smaller than either search window to most of a small picture."""
    drawn, box = figure()
    factor = height / (box[3] - box[1])
    person = cv2.resize(drawn, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    image = np.full((240, 320, 3), 200, np.uint8)
    top = max(0, round(29 * factor) - 10)  # what is above the head
    person = person[top : top + 240]
    image[: person.shape[0], 40 : 40 + person.shape[1]] = person
    truth = np.array(box) * factor + (40, -top, 40, -top)
    best = overlap(open_detector()(image).boxes, truth[None]).max(initial=0.0)
    assert best > 0.6


def test_hog_boxes_hold_heads_and_feet() -> None:
    """People that are seen whole have nearly all of their height inside their box, and boxes are not much taller."""
    detector, cut, extra = open_detector(), [], []
    for seed in (21, 22):
        scene = DemoScene(DemoSettings(seed=seed))
        for index in (40, 110):
            truth, found = scene.ground_truth(index), detector(scene.render(index)).boxes
            for box, visible in zip(truth.boxes, truth.visibility, strict=True):
                shared = iou(xyxy_to_tlwh(box[None]), xyxy_to_tlwh(found))[0]
                if visible < 0.95 or shared.max(initial=0.0) < 0.6:
                    continue
                height, match = box[3] - box[1], found[shared.argmax()]
                cut.append(max(match[1] - box[1], box[3] - match[3]) / height)
                extra.append((match[3] - match[1]) / height)
    assert len(cut) >= 10
    assert np.median(cut) < 0.02
    assert np.quantile(cut, 0.9) < 0.06
    assert 0.95 < np.median(extra) < 1.1


def test_hog_knows_no_other_class() -> None:
    assert open_detector(DetectorSettings(classes="person")).name == "hog"
    with pytest.raises(InputError, match="car"):
        open_detector(DetectorSettings(classes="car"))


def test_hog_serves_several_threads() -> None:
    detector = open_detector(DetectorSettings(conf=0.05))
    images = [np.roll(figure()[0], 6 * i, axis=1) for i in range(8)] * 2
    expected = [detector(image) for image in images]
    with ThreadPoolExecutor(4) as threads:
        for found, reference in zip(threads.map(detector, images), expected, strict=True):
            np.testing.assert_array_equal(found.boxes, reference.boxes)
            np.testing.assert_array_equal(found.scores, reference.scores)


def test_hog_counts_what_it_found() -> None:
    detector = open_detector(DetectorSettings(conf=0.3))
    found = len(detector(figure()[0])) + len(detector(np.full((200, 100, 3), 90, np.uint8)))
    counts = detector.tally.counts
    assert (counts.frames, counts.kept) == (2, found)
    assert counts.found == counts.kept + counts.below_conf + counts.suppressed + counts.outside > 0
    strict = open_detector(DetectorSettings(conf=0.9999999))
    assert len(strict(figure()[0])) == 0
    assert strict.tally.counts.below_conf > 0
    assert 0.5 < strict.tally.counts.best_score < 1


@pytest.mark.real_data
def test_hog_finds_people_in_real_video(found_people) -> None:
    recall, precision = found_people(open_detector(DetectorSettings(model_path="hog", conf=0.3)))
    assert recall >= 0.55
    assert precision >= 0.65
