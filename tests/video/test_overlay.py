"""The overlay: colours, labels, trails, and that nothing a tracker reports can break it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsort_cli.core.masks import Mask
from deepsort_cli.core.regions import Counts, Line, LineCount, Zone, ZoneCount
from deepsort_cli.core.types import Tracks
from deepsort_cli.video.colours import colour_of
from deepsort_cli.video.overlay import Overlay
from deepsort_cli.video.settings import OutputSettings
from deepsort_cli.video.trails import Trails

GREY = 120


def blank(width: int = 320, height: int = 240) -> np.ndarray:
    return np.full((height, width, 3), GREY, np.uint8)


def tracks_of(boxes: list[list[float]], ids: list[int] | None = None, age: int = 0) -> Tracks:
    count = len(boxes)
    return Tracks(
        ids=np.array(ids or range(1, count + 1), dtype=np.int64),
        boxes=np.array(boxes, dtype=np.float64).reshape(-1, 4),
        scores=np.full(count, 0.9),
        class_ids=np.zeros(count, dtype=np.int64),
        time_since_update=np.full(count, age, dtype=np.int64),
        detection_index=np.arange(count, dtype=np.int64),
    )


def coloured(image: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Where an image has about this colour."""
    return (np.abs(image.astype(int) - colour) < 12).all(axis=2)


PLAIN = OutputSettings(trail=0)


def test_the_box_is_drawn_in_the_ids_colour_and_in_place() -> None:
    image = blank()
    assert Overlay(PLAIN).draw(image, tracks_of([[100, 80, 160, 200]], ids=[7])) is image
    where = coloured(image, colour_of(7))
    rows, columns = np.nonzero(where)
    assert (rows.max(), columns.min()) == pytest.approx((200, 100), abs=2)
    assert where[140, 100] or where[140, 101]
    assert not where[140, 120:150].any()


def test_the_label_holds_id_class_and_score() -> None:
    def label(**options: bool) -> np.ndarray:
        image = Overlay(OutputSettings(trail=0, **options), {0: "person"}).draw(
            blank(), tracks_of([[50, 80, 300, 200]])
        )
        return image[:79]

    full, no_class, no_score = label(), label(show_class=False), label(show_score=False)
    only_id = label(show_class=False, show_score=False)
    widths = [np.nonzero((image != GREY).any(axis=(0, 2)))[0] for image in (full, no_class, no_score, only_id)]
    full_width, no_class_width, no_score_width, id_width = (int(np.ptp(columns)) for columns in widths)
    assert full_width > no_score_width > id_width > 3
    assert full_width > no_class_width > id_width


def test_line_breaks_in_names_are_blanks() -> None:
    """A list of classes may have been read with them."""
    pictures = [
        Overlay(OutputSettings(labels="full"), {0: name}).draw(blank(), tracks_of([[50, 80, 300, 200]]))
        for name in ("some\r\nbody", "some body", "somebody")
    ]
    assert (pictures[0] == pictures[1]).all()
    assert (pictures[1] != pictures[2]).any()


def test_predicted_tracks_are_drawn_thinner_and_dashed() -> None:
    def pixels(age: int) -> tuple[int, np.ndarray]:
        image = Overlay(PLAIN).draw(blank(), tracks_of([[100, 80, 200, 220]], age=age))
        return int((image[82:] != GREY).any(axis=2).sum()), (image[90:210, 99:103] != GREY).any(axis=(1, 2))

    (solid, edge), (dashed, gaps) = pixels(0), pixels(1)
    assert dashed < 0.75 * solid
    assert edge.all()
    assert 0.3 < gaps.mean() < 0.8


def walk(overlay: Overlay, frames: int, ids: list[int] | None = None) -> np.ndarray:
    image = blank()
    for step in range(frames):
        image = blank()
        overlay.draw(image, tracks_of([[10 + 8 * step, 100, 40 + 8 * step, 180]], ids=ids))
    return image


def test_trails_follow_the_feet_and_fade() -> None:
    image = walk(Overlay(OutputSettings()), 25)
    line = np.abs(image[178:183, 20:200].astype(int) - GREY).max(axis=(0, 2))
    assert line[-20:].mean() > line[60:80].mean() > line[5:25].mean() > 0


def test_trails_have_the_length_asked_for() -> None:
    image = walk(Overlay(OutputSettings(trail=5)), 25)
    changed = np.nonzero((image[178:183] != GREY).any(axis=(0, 2)))[0]
    assert changed.min() > 217 - 5 * 8 - 10
    assert not (walk(Overlay(PLAIN), 25)[178:183, :190] != GREY).any()


def test_trails_of_tracks_long_gone_are_forgotten() -> None:
    trails = Trails(30)
    for track_id in range(1, 3000):
        trails.add(tracks_of([[1, 1, 9, 9]], ids=[track_id]))
    known = trails.of(np.arange(3000))
    assert known[2999] == ((5.0, 9.0),)
    assert len(known) < 200


def test_lines_and_text_grow_with_the_picture() -> None:
    def share(width: int, height: int, scale: float = 1.0) -> float:
        box = [width * 0.4, height * 0.3, width * 0.6, height * 0.9]
        image = Overlay(OutputSettings(trail=0, scale=scale), {0: "person"}).draw(
            blank(width, height), tracks_of([box])
        )
        return float((image != GREY).any(axis=2).mean())

    small, large = share(768, 576), share(3840, 2880)
    assert large == pytest.approx(small, rel=0.35)
    assert share(640, 480, 2.0) > 1.5 * small


def test_speed_is_shown_when_given() -> None:
    overlay = Overlay(PLAIN)
    assert (overlay.draw(blank(), Tracks.empty()) == GREY).all()
    assert (overlay.draw(blank(), Tracks.empty(), fps=24.0)[:40, :100] != GREY).any()
    with_other = overlay.draw(blank(), Tracks.empty(), fps=7.5)
    assert (with_other != overlay.draw(blank(), Tracks.empty(), fps=24.0)).any()


side = st.floats(-1e9, 1e9) | st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 10.0])


@given(
    st.lists(st.tuples(side, side, side, side), max_size=4),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([0.0, 0.5, np.nan, 7.0]),
    st.integers(0, 1),
)
@settings(max_examples=60, deadline=None)
def test_nothing_a_tracker_reports_breaks_it(
    boxes: list, width: int, height: int, score: float, age: int
) -> None:  # fmt: skip
    overlay = Overlay(OutputSettings(trail=3), {0: "Fußgänger 人"})
    tracks = tracks_of([list(box) for box in boxes], age=age)
    before = tracks.boxes.copy()
    tracks.scores[:] = score
    for _ in range(3):
        image = overlay.draw(blank(width, height), tracks)
        assert image.shape == (height, width, 3)
    np.testing.assert_array_equal(tracks.boxes, before)  # it only looks
    # Without trails: what reaches into the picture is there, and nothing else.
    image = Overlay(PLAIN).draw(blank(width, height), tracks)
    left, top, right, bottom = np.nan_to_num(before, nan=0.0).T
    within = (left < width) & (top < height) & (right > 0) & (bottom > 0) & np.isfinite(before).all(axis=1)
    assert (image != GREY).any() == within.any()


DOOR, SHOP = Line("door", (40, 200), (280, 200)), Zone("shop", ((60, 60), (260, 60), (260, 150), (60, 150)))


def amber(image: np.ndarray) -> np.ndarray:
    return image[..., 2].astype(int) - image[..., 0] > 60


def test_lines_and_zones_are_drawn_where_they_are() -> None:
    counts = Counts((LineCount(DOOR),), (ZoneCount(SHOP),))
    image = Overlay(PLAIN).draw(blank(), Tracks.empty(), counts=counts)
    assert amber(image[198:203, 42:278]).any(axis=0).all()
    assert amber(image[60:150, 58:63]).any(axis=1).all()
    inside, outside = image[100, 160].astype(int), image[170, 160].astype(int)
    assert inside[2] > inside[0] + 10  # tinted
    assert (outside == GREY).all()
    assert amber(image[204:, 150:170]).any(), "the arrow points inwards, downwards here"


def test_counts_are_shown_and_lie_on_top() -> None:
    def drawn(counts: Counts | None, boxes: list[list[float]]) -> np.ndarray:
        return Overlay(PLAIN).draw(blank(), tracks_of(boxes), counts=counts)

    few, many = (Counts((LineCount(DOOR, n, 0),), (ZoneCount(SHOP, n, n, n),)) for n in (1, 8))
    changed = (drawn(few, []) != drawn(many, [])).any(axis=2)
    assert changed[180:200, 40:].any()
    assert changed[40:60, 60:].any()
    assert not changed[61:180].any()
    boxes = [[30.0, 30.0, 200.0, 220.0]]
    assert (drawn(few, boxes) == drawn(few, []))[186:197, 42:100].all()


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=3, max_size=6, unique=True))
@settings(max_examples=30, deadline=None)
def test_regions_of_any_shape_can_be_drawn(corners: list) -> None:
    counts = Counts((LineCount(Line("a", corners[0], corners[1])),), (ZoneCount(Zone("b", tuple(corners))),))
    large = blank(140, 140)
    Overlay(PLAIN).draw(large, Tracks.empty(), counts=counts)
    for x, y in corners:
        seen = large[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
        assert (seen != GREY).any(), "every corner is on a line, or under the plate with the counts"
    assert (large[90:] == GREY).all()
    assert (Overlay(PLAIN).draw(blank(40, 40), Tracks.empty(), counts=counts) != GREY).any()


def test_masks_tint_what_they_cover_and_nothing_else() -> None:
    picture = np.zeros((240, 320), bool)
    picture[100:150, 110:140] = True
    tracks = replace(tracks_of([[100, 80, 160, 200]], ids=[7]), data={"masks": [Mask.of(picture)]})
    changed = Overlay(PLAIN).draw(blank(), tracks) != Overlay(PLAIN).draw(blank(), replace(tracks, data={}))
    np.testing.assert_array_equal(changed.any(axis=2), picture)
    image = Overlay(PLAIN).draw(blank(), tracks)
    assert not coloured(image, colour_of(7))[105:145, 115:135].any()  # seen through
    elsewhere = replace(tracks, data={"masks": [Mask.of(picture[:100])]})
    bare = Overlay(PLAIN).draw(blank(), replace(tracks, data={}))
    np.testing.assert_array_equal(Overlay(PLAIN).draw(blank(), elsewhere), bare)


def test_key_points_are_dots_and_cocos_have_bones() -> None:
    box = [[60, 20, 260, 230]]
    places = np.stack([70 + 11.0 * np.arange(17), 40 + 37.0 * np.arange(17) % 170, np.ones(17)], axis=1)
    places[3] = np.nan
    places[4, 2] = 0.1

    def drawn(points: np.ndarray) -> np.ndarray:
        tracks = replace(tracks_of(box, ids=[7]), data={"keypoints": points[None]})
        bare = Overlay(PLAIN).draw(blank(), replace(tracks, data={}))
        return np.asarray((Overlay(PLAIN).draw(blank(), tracks) != bare).any(axis=2))

    def at(where: np.ndarray, i: int) -> bool:
        return bool(where[round(places[i, 1]), round(places[i, 0])])

    others, coco = drawn(places[:16]), drawn(places)
    assert [at(coco, i) for i in (5, 9, 16)] == [True, True, True]
    assert not at(others, 4)
    assert coco.sum() > 2 * others.sum()
    assert not drawn(np.full((17, 3), np.nan)).any()


def test_turned_boxes_are_drawn_by_their_corners() -> None:
    corners = np.array([[[130.0, 60], [180, 130], [130, 200], [80, 130]]])
    tracks = replace(tracks_of([[80, 60, 180, 200]], ids=[7]), data={"corners": corners})
    where = coloured(Overlay(OutputSettings(trail=0, labels="none")).draw(blank(), tracks), colour_of(7))
    assert where[95, 103:108].any()
    assert not where[60, 80:100].any()
    lost = replace(tracks, data={"corners": corners * np.nan})
    assert coloured(Overlay(PLAIN).draw(blank(), lost), colour_of(7))[60, 90:120].any()
