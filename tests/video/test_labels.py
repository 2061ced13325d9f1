"""Labels say no more than there is room for, and lie where they cover least."""

from __future__ import annotations

import numpy as np
import pytest

from deepsort_cli.core.types import Tracks
from deepsort_cli.video.labels import Labels
from deepsort_cli.video.settings import OutputSettings

GREY = 120


def tracks_of(boxes: list[list[float]]) -> Tracks:
    count = len(boxes)
    return Tracks(
        ids=np.arange(1, count + 1),
        boxes=np.array(boxes, dtype=np.float64).reshape(-1, 4),
        scores=np.full(count, 0.9),
        class_ids=np.zeros(count, dtype=np.int64),
        time_since_update=np.zeros(count, dtype=np.int64),
        detection_index=np.arange(count),
    )


def drawn(
    boxes: list[list[float]],
    width: int = 768,
    height: int = 576,
    size: float | None = None,
    maker: Labels | None = None,
    **options: str,
) -> np.ndarray:
    """Where labels are: (height, width) booleans."""
    image = np.full((height, width, 3), GREY, np.uint8)
    maker = maker or Labels(OutputSettings(trail=0, **options), {0: "person"})
    size = min(height, 0.75 * width) / 576 if size is None else size
    maker.draw(image, tracks_of(boxes), list(range(len(boxes)))[::-1], size)
    return (image != GREY).any(axis=2)


def width_of(labels: np.ndarray) -> int:
    return int(np.ptp(np.nonzero(labels)[1])) + 1


LARGE, SMALL = [300.0, 150.0, 390.0, 400.0], [300.0, 150.0, 324.0, 214.0]


def test_modes_say_all_the_id_or_nothing() -> None:
    full, only_id, nothing = (drawn([LARGE], labels=mode) for mode in ("full", "id", "none"))
    assert width_of(full) > 3 * width_of(only_id)
    assert not nothing.any()


def test_auto_says_all_on_large_boxes_and_the_id_on_small_ones() -> None:
    assert (drawn([LARGE]) == drawn([LARGE], labels="full")).all()
    assert (drawn([SMALL]) == drawn([SMALL], labels="id")).all()


def test_text_is_smaller_on_small_boxes() -> None:
    heights = [int(np.ptp(np.nonzero(drawn([box], labels="id"))[0])) for box in (LARGE, SMALL)]
    assert heights[0] > 1.2 * heights[1] > 8


@pytest.mark.parametrize("box", [[-30, -20, 40, 60], [280, 0, 400, 100], [300, 200, 330, 260], [-5, 235, 5, 300]])
@pytest.mark.parametrize("mode", ["auto", "full", "id"])
def test_labels_are_whole_at_the_edges_of_the_picture(box: list[float], mode: str) -> None:
    roomy = drawn([[side + 300 for side in box]], 900, 900, size=0.4, labels=mode)
    assert drawn([box], 320, 240, size=0.4, labels=mode).sum() == roomy.sum() > 100


def crowd(count: int, width: int, height: int, tall: float) -> list[list[float]]:
    chance = np.random.default_rng(0)
    x, y = chance.uniform(0, width - tall / 2.5, count), chance.uniform(height * 0.1, height - tall, count)
    order = np.argsort(y)
    return [[x[i], y[i], x[i] + tall / 2.5, y[i] + tall] for i in order]


@pytest.mark.parametrize(("width", "height", "tall"), [(768, 576, 130.0), (320, 240, 60.0), (1920, 1080, 90.0)])
def test_labels_of_a_crowd_cover_little_of_it(width: int, height: int, tall: float) -> None:
    """Less than a third of what full labels on the upper edges would."""
    boxes = crowd(25, width, height, tall)
    people = np.zeros((height, width), bool)
    for x1, y1, x2, y2 in np.rint(boxes).astype(int):
        people[y1:y2, x1:x2] = True
    above = np.zeros((height, width), bool)
    plate = drawn([[0.4 * width, 0.4 * height, 0.5 * width, 0.9 * height]], width, height, labels="full")
    rows, columns = (int(np.ptp(np.nonzero(plate)[axis])) + 1 for axis in (0, 1))
    for x1, y1, _, _ in np.rint(boxes).astype(int):
        above[max(0, y1 - rows) : y1, x1 : x1 + columns] = True
    labels = drawn(boxes, width, height)
    assert labels.any()
    assert (labels & people).sum() < (above & people).sum() / 3


def test_a_label_goes_below_where_somebody_stands_behind() -> None:
    behind = [280.0, 60.0, 400.0, 300.0]
    labels = drawn([behind, LARGE])
    alone = drawn([LARGE])
    assert alone[:150].any(), "above, where nobody is"
    assert not labels[150:300, 300:390].any()
    assert labels[400:].any() or labels[:, 391:].any() or labels[:, :280].any()


def test_labels_do_not_cover_each_other() -> None:
    boxes = [[300.0, 150.0 + 2 * k, 390.0, 400.0 + 2 * k] for k in range(3)]
    one = drawn(boxes[:1], labels="full").sum()
    assert drawn(boxes, labels="full").sum() > 2.9 * one


def test_labels_hold_still_while_people_sway() -> None:
    maker = Labels(OutputSettings(trail=0), {0: "person"})
    still = []
    for step in range(20):
        sway = 3 * (-1) ** step
        boxes = [[300.0 + sway, 150.0, 390.0 + sway, 400.0], [392.0 - sway, 150.0, 480.0 - sway, 400.0]]
        rows, columns = np.nonzero(drawn(boxes, maker=maker))
        still.append((int(rows.min()), int(rows.max()), int(columns.max() - columns.min())))
    assert np.ptp(np.array(still[1:]), axis=0).max() <= 14


def test_what_is_forgotten_after_long_absence() -> None:
    maker = Labels(OutputSettings(trail=0), {0: "person"})
    drawn([LARGE, SMALL], maker=maker)
    for _ in range(700):
        maker.draw(np.full((32, 32, 3), GREY, np.uint8), tracks_of([[2, 2, 9, 9]]), [0], 0.1)
    assert set(maker._last) == {1}
