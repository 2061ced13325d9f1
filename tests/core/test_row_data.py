"""What detections and tracks carry along."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsort_cli.core import Detections, Tracks
from deepsort_cli.core.masks import Mask
from deepsort_cli.core.row_data import aligned, in_turn, is_known, picked

BOXES = np.array([[10.0, 20, 30, 60], [50, 20, 90, 80], [5, 5, 9, 9]])


def carrying(n: int = 3) -> Detections:
    """Boxes whose every value says which row it belongs to."""
    rows = np.arange(n, dtype=float)
    masks = np.zeros((n, 12, 12), bool)
    masks[np.arange(n), np.arange(n), 3] = True
    return Detections(
        np.stack([rows * 10, rows, rows * 10 + 8, rows + 20], axis=1),
        np.linspace(0.9, 0.2, n),
        data={
            "masks": masks,
            "keypoints": np.tile(rows[:, None, None], (1, 17, 3)),
            "corners": np.tile(rows[:, None, None], (1, 4, 2)),
            "names": [f"row {i}" for i in range(n)],
            "counts": np.arange(n),
        },
    )


def rows_of(data: dict, n: int) -> list[int | None]:
    """Which row each says it is; all names have to agree."""
    found = []
    for i in range(n):
        mask = data["masks"][i]
        said = {
            None if mask is None else mask.crop()[1],
            None if np.isnan(data["keypoints"][i]).all() else int(data["keypoints"][i, 0, 0]),
            None if np.isnan(data["corners"][i]).all() else int(data["corners"][i, 0, 0]),
            None if data["names"][i] is None else int(data["names"][i][4:]),
            None if data["counts"][i] is None else int(data["counts"][i]),
        }
        assert len(said) == 1, said
        found.append(said.pop())
    return found


@given(st.lists(st.integers(0, 5), max_size=8), st.lists(st.booleans(), min_size=6, max_size=6))
def test_every_way_of_choosing_rows_keeps_them_together(positions: list[int], mask: list[bool]) -> None:
    given = carrying(6)
    assert rows_of(given[positions].data, len(positions)) == positions
    assert rows_of(given[np.array(positions, np.int64)].data, len(positions)) == positions
    kept = [i for i in range(6) if mask[i]]
    assert rows_of(given[np.array(mask)].data, len(kept)) == kept
    assert rows_of(given[1:4].data, 3) == [1, 2, 3]
    index = np.array([*positions, -1])
    assert rows_of(aligned(given.data, index), len(index)) == [*positions, None]
    twice = in_turn([(given.data, 6), ({}, 2), (picked(given.data, slice(2)), 2)])
    assert twice["names"] == [*given.data["names"], None, None, "row 0", "row 1"]


def test_masks_are_kept_small() -> None:
    found = carrying().data["masks"]
    assert all(isinstance(mask, Mask) for mask in found)
    assert Detections(BOXES, data={"masks": found}).data["masks"] == found
    assert Detections.empty().data == {}
    assert Detections([], data={"masks": [], "keypoints": [], "note": []}).data["note"] == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"masks": np.zeros((2, 5, 5))}, r"data\['masks'\] must have one value per box, 3, got 2"),
        ({"masks": np.zeros((3, 5))}, "a mask must have shape"),
        ({"keypoints": np.zeros((3, 17, 4))}, r"shape \(3, K, 2\) or \(3, K, 3\), got \(3, 17, 4\)"),
        ({"keypoints": [["a"]] * 3}, "no table of numbers"),
        ({"corners": np.zeros((3, 4, 3))}, r"shape \(3, P, 2\)"),
        ({"team": "red"}, "one value per box, got a str"),
        ({"team": 7}, "one value per box, got a int"),
        ({"team": np.float64(7)}, "one value per box"),
        ({"team": ["a", "b"]}, "one value per box, 3, got 2"),
        ({"team": {"a": 1}}, "got a dict"),
    ],
)
def test_what_has_no_value_per_box_is_refused(data: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Detections(BOXES, data=data)


def test_what_a_row_has() -> None:
    assert not any(is_known(value) for value in (None, float("nan"), np.full((2, 2), np.nan), np.float32("nan")))
    assert all(is_known(value) for value in (0, "", np.array([np.nan, 1.0]), np.zeros(2, np.int64), []))


POINTS = np.array([[[12.0, 22, 0.9], [0, 0, 0], [28, 58, 0.7]], [[0, 0, 0]] * 3])


def ultralytics(**parts: object) -> SimpleNamespace:
    """One person's results in a picture of 100×200, seen by a network of 64×64: scaled by 0.32, 16 rows above it."""
    boxes = SimpleNamespace(xyxy=np.array([[50.0, 25, 100, 75]]), conf=np.array([0.9]), cls=np.array([0]))
    usual = {"boxes": boxes, "names": {0: "person"}, "orig_shape": (100, 200), "masks": None, "keypoints": None}
    return SimpleNamespace(**(usual | parts))


def test_results_of_ultralytics_keep_what_they_have() -> None:
    maps = np.zeros((1, 64, 64), np.float32)
    maps[0, 24:40, 16:32] = 1.0
    found = Detections.of(ultralytics(masks=SimpleNamespace(data=maps), keypoints=SimpleNamespace(data=POINTS[:1])))
    np.testing.assert_array_equal(found.data["keypoints"], POINTS[:1])
    expected = np.zeros((100, 200), bool)
    expected[25:75, 50:100] = True
    assert (found.data["masks"][0].to_array() ^ expected).sum() <= 4  # its corners are rounded
    full = Detections.of(ultralytics(masks=SimpleNamespace(data=expected[None])))
    np.testing.assert_array_equal(full.data["masks"][0], expected)
    corners = np.array([[[50.0, 50], [75, 25], [100, 50], [75, 75]]])
    turned = ultralytics().boxes
    turned.xyxyxyxy = corners
    np.testing.assert_array_equal(Detections.of(ultralytics(boxes=None, obb=turned)).data["corners"], corners)
    assert Detections.of(ultralytics()).data == {}


def test_supervision_there_and_back() -> None:
    supervision = pytest.importorskip("supervision")
    masks = carrying().data["masks"]
    given = supervision.Detections(
        xyxy=BOXES,
        mask=np.stack([np.asarray(mask) for mask in masks]),
        confidence=np.array([0.9, 0.8, 0.7]),
        class_id=np.zeros(3, int),
        data={"class_name": ["person"] * 3, "xyxyxyxy": np.zeros((3, 4, 2)), "team": ["a", "b", "c"]},
    )
    found = Detections.of(given)
    assert set(found.data) == {"masks", "corners", "team"}
    np.testing.assert_array_equal(found.data["masks"][1], masks[1])
    none = np.zeros(2, np.int64)
    carried = aligned(found.data, np.array([2, -1]))
    back = Tracks(np.array([3, 7]), BOXES[:2], np.ones(2), none, none, none, carried).to_supervision()
    np.testing.assert_array_equal(back.mask[0], masks[2])
    assert not back.mask[1].any()
    assert set(back.data) == {"xyxyxyxy", "team"}


def test_key_points_alone_make_boxes_around_the_points_seen() -> None:
    """As supervision's KeyPoints have them."""
    found = SimpleNamespace(xy=POINTS[..., :2], confidence=POINTS[..., 2], class_id=None, data={})
    detections = Detections.of(found)
    assert detections.boxes.tolist() == [[12, 22, 28, 58], [0, 0, 0, 0]]
    np.testing.assert_allclose(detections.scores, [0.8, 0])
    np.testing.assert_array_equal(detections.data["keypoints"], POINTS)
    nobody = SimpleNamespace(xy=np.empty((0, 17, 2)), confidence=None, class_id=None, data={})
    assert len(Detections.of(nobody)) == 0
