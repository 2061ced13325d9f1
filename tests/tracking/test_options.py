"""What the options beyond DeepSORT do to people in small scenes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from deepsort_cli.core import Detections, InputError, Tracks
from deepsort_cli.tracking import Tracker, TrackerSettings

LOOK = np.eye(8, dtype=np.float32)
SIZE = np.array([40.0, 100.0])


def people(
    *centres: tuple[float, float],
    looks: list[int] | None = None,
    scores: list[float] | None = None,
    classes: list[int] | None = None,
) -> Detections:
    """Detections of people 40 × 100 pixels large."""
    centre = np.array(centres, float).reshape(-1, 2)
    boxes = np.concatenate([centre - SIZE / 2, centre + SIZE / 2], axis=1)
    return Detections(boxes, scores, classes, None if looks is None else LOOK[looks])  # type: ignore[arg-type]


def matched(tracks: Tracks) -> dict[int, int]:
    """Id by detection, of the tracks matched in this frame."""
    now = tracks[tracks.time_since_update == 0]
    return dict(zip(now.detection_index.tolist(), now.ids.tolist(), strict=True))


class Embedder:
    """An `embed` callable that knows the features of one frame and remembers what it was asked for."""

    def __init__(self, features: npt.NDArray[np.float32]) -> None:
        self.features = features
        self.asked: list[int] = []

    def __call__(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        self.asked += positions.tolist()
        return self.features[positions]


def lazily(tracker: Tracker, detections: Detections, **options: Any) -> tuple[Tracks, list[int]]:
    """One frame with lazy embedding; the tracks, and the detections embedded."""
    assert detections.features is not None
    embed = Embedder(detections.features)
    return tracker.update(detections.with_features(None), embed=embed, **options), embed.asked


class TestCameraMotion:
    PAN = np.array([[1.0, 0.0, -60.0], [0.0, 1.0, 0.0]])

    def pan(self, compensate: bool, looks: list[int] | None, missing: range = range(0)) -> list[dict[int, int]]:
        """Someone stands still while the camera turns right by more than their width in every frame."""
        tracker, out = Tracker(), []
        for frame in range(12):
            detections = people() if frame in missing else people((900 - 60 * frame, 200), looks=looks)
            out.append(matched(tracker.update(detections, camera_motion=self.PAN if compensate and frame else None)))
        return out

    @pytest.mark.parametrize("looks", [None, [0]])
    def test_standing_person_in_a_pan(self, looks: list[int] | None) -> None:
        assert self.pan(True, looks)[2:] == [{0: 1}] * 10
        assert self.pan(False, looks) == [{}] * 12, "never matched, so never confirmed"

    def test_through_an_occlusion(self) -> None:
        assert self.pan(True, [0], missing=range(5, 9))[9:] == [{0: 1}] * 3

    def test_zoom_scales_boxes(self) -> None:
        tracker = Tracker(TrackerSettings(n_init=1))
        tracker.update(people((100, 200)))
        tracks = tracker.update(people(), camera_motion=[[1.5, 0, 10], [0, 1.5, -20]])
        np.testing.assert_allclose(tracks.boxes, [[130, 205, 190, 355]])

    @settings(max_examples=12, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.booleans())
    def test_pan_and_zoom_change_no_decision(self, seed: int, nsa: bool) -> None:
        """Seen through a camera that pans and zooms by known amounts, the same people get the same ids."""
        rng = np.random.default_rng(seed)
        resting, moving = Tracker(TrackerSettings(nsa=nsa)), Tracker(TrackerSettings(nsa=nsa))
        scale, shift = 1.0, np.zeros(2)
        for detections in scene(seed, frames=30):
            zoom, pan = np.exp(rng.normal(0, 0.05)), rng.normal(0, 40, 2)
            scale, shift = zoom * scale, zoom * shift + pan
            boxes = scale * detections.boxes + np.tile(shift, 2)
            expected = resting.update(detections)
            found = moving.update(
                Detections(boxes, detections.scores, detections.class_ids, detections.features),
                camera_motion=np.c_[zoom * np.eye(2), pan],
            )
            assert (found.ids.tolist(), found.detection_index.tolist()) == (
                expected.ids.tolist(),
                expected.detection_index.tolist(),
            )
            np.testing.assert_allclose(found.boxes, scale * expected.boxes + np.tile(shift, 2), atol=1e-6)

    def test_resting_camera_changes_nothing(self) -> None:
        assert walk(Tracker()) == walk(Tracker(), camera_motion=np.eye(2, 3))

    def test_a_refused_motion_leaves_the_tracker_as_it_was(self) -> None:
        tracker = Tracker(TrackerSettings(n_init=1))
        tracker.update(people((100, 200)))
        with pytest.raises(ValueError, match=r"camera_motion must have shape \(2, 3\)"):
            tracker.update(people((100, 200)), camera_motion=np.eye(3))
        tracks = tracker.update(people((100, 200)))
        assert tracks.ids.tolist() == [1]


def walk(tracker: Tracker, step: Callable[..., Tracks] | None = None, seed: int = 3, **options: Any) -> list[Any]:
    """Twelve people walk about, meet and are missed now and then; the ids and detections of every frame."""
    out = []
    for detections in scene(seed):
        tracks = tracker.update(detections, **options) if step is None else step(tracker, detections)
        out.append((tracks.ids.tolist(), tracks.detection_index.tolist()))
    return out


def scene(seed: int, n: int = 12, frames: int = 60) -> list[Detections]:
    rng = np.random.default_rng(seed)
    looks = rng.normal(size=(n, 16))
    centre, velocity = rng.uniform(0, 400, (n, 2)), rng.normal(0, 4, (n, 2))
    classes, out = rng.integers(0, 2, n), []
    for _ in range(frames):
        centre = centre + velocity
        seen = np.flatnonzero(rng.random(n) > 0.15)
        where = centre[seen] + rng.normal(0, 2, (len(seen), 2))
        features = (looks[seen] + rng.normal(0, 0.3, (len(seen), 16))).astype(np.float32)
        boxes = np.concatenate([where - SIZE / 2, where + SIZE / 2], axis=1)
        out.append(Detections(boxes, rng.uniform(0.2, 1, len(seen)), classes[seen], features))
    return out


class TestLowScores:
    OPTIONS = TrackerSettings(low_score=0.1, high_score=0.5, max_age=5)

    def test_an_occluded_person_is_followed(self) -> None:
        """Ten frames behind a bush, where the detector is unsure: longer than max_age."""
        for low_score, hidden, afterwards in [(0.1, {0: 1}, {0: 1}), (0.3, {}, {0: 2})]:
            tracker = Tracker(TrackerSettings(low_score=low_score, high_score=0.5, max_age=5))
            for frame in range(20):
                score = 0.2 if 5 <= frame < 15 else 0.9
                now = matched(tracker.update(people((100 + 3 * frame, 200), looks=[0], scores=[score])))
                if frame in range(5, 15):
                    assert now == hidden
            assert now == afterwards

    def test_they_begin_no_track(self) -> None:
        tracker = Tracker(self.OPTIONS)
        for _ in range(6):
            tracker.update(people((100, 200), scores=[0.4]))
        assert len(tracker) == 0

    def test_they_do_not_continue_a_tentative_track(self) -> None:
        tracker = Tracker(self.OPTIONS)
        for score in (0.9, 0.9, 0.4):
            tracker.update(people((100, 200), scores=[score]))
        assert len(tracker) == 0

    def test_they_do_not_revive_a_track_lost_for_longer(self) -> None:
        tracker = Tracker(self.OPTIONS)
        for scores in ([0.9], [0.9], [0.9], [], [0.4]):
            tracks = tracker.update(people(*[(100, 200)] * len(scores), scores=scores))
        assert matched(tracks) == {}

    def test_full_detections_choose_first(self) -> None:
        """The low-scored box fits better, but is only second choice."""
        tracker = Tracker(self.OPTIONS)
        for _ in range(4):
            tracker.update(people((100, 200), scores=[0.9]))
        assert matched(tracker.update(people((100, 200), (106, 200), scores=[0.4, 0.9]))) == {1: 1}

    @pytest.mark.parametrize(
        ("score", "x", "expected"),
        [(0.09, 100, {}), (0.1, 100, {0: 1}), (0.1, 112, {0: 1}), (0.1, 116, {}), (0.5, 116, {0: 1})],
    )
    def test_bounds_and_overlap(self, score: float, x: float, expected: dict[int, int]) -> None:
        """Below low_score a detection is ignored, from high_score on it is a full one; half an overlap is needed."""
        tracker = Tracker(self.OPTIONS)
        for _ in range(4):
            tracker.update(people((100, 200), scores=[0.9]))
        assert matched(tracker.update(people((x, 200), scores=[score]))) == expected

    def test_their_looks_are_not_learnt(self) -> None:
        tracker = Tracker(TrackerSettings(low_score=0.1, nn_budget=1))
        for score, look in ((0.9, 0), (0.9, 0), (0.9, 0), (0.2, 1), (0.2, 1)):
            tracker.update(people((100, 200), looks=[look], scores=[score]))
        tracker.update(people())
        assert matched(tracker.update(people((100, 200), looks=[0]))) == {0: 1}

    def test_bounds_must_be_in_order(self) -> None:
        with pytest.raises(
            ValidationError, match=r"`tracker\.low_score` 0\.6 must be below `tracker\.high_score` 0\.5"
        ):
            TrackerSettings(low_score=0.6, high_score=0.5)


class TestStartScore:
    """A track begins with a sure detection and continues with weaker ones."""

    def test_weak_detections_continue_what_a_sure_one_began(self) -> None:
        tracker = Tracker(TrackerSettings(start_score=0.7))
        shown = [matched(tracker.update(people((100, 200), scores=[score]))) for score in (0.69, 0.7, 0.4, 0.4, 0.4)]
        assert shown == [{}, {}, {}, {0: 1}, {0: 1}]
        assert (tracker.begun, tracker.held_back) == (1, 1)
        tracker.reset()
        assert tracker.held_back == 0

    def test_looks_of_weak_detections_count(self) -> None:
        """Unlike those below the lowest full score: they find a lost track again, and are learnt."""
        tracker = Tracker(TrackerSettings(start_score=0.7, nn_budget=1))
        for look, score in ((0, 0.9), (0, 0.9), (0, 0.9), (1, 0.5)):
            tracker.update(people((100, 200), looks=[look], scores=[score]))
        for _ in range(3):
            tracker.update(people())
        assert matched(tracker.update(people((100, 200), looks=[1], scores=[0.5]))) == {0: 1}

    def test_below_every_score_it_changes_nothing(self) -> None:
        assert walk(Tracker(TrackerSettings(start_score=0.1))) == walk(Tracker())

    def test_low_scores_beside_it(self) -> None:
        settings = TrackerSettings(low_score=0.1, high_score=0.5, start_score=0.8)
        for first, expected in ((0.8, {0: 1}), (0.7, {})):
            tracker = Tracker(settings)
            for score in (first, 0.6, 0.6, 0.2):
                tracks = tracker.update(people((100, 200), scores=[score]))
            assert matched(tracks) == expected


class TestOverlapAge:
    def after_a_gap(self, frames: int, before: list[int] | None, after: list[int] | None, **options: Any) -> list[int]:
        tracker = Tracker(TrackerSettings(**options))
        for _ in range(4):
            tracker.update(people((100, 200), looks=before))
        for _ in range(frames):
            tracker.update(people())
        return list(matched(tracker.update(people((100, 200), looks=after))).values())

    def test_without_looks_overlap_finds_who_was_lost(self) -> None:
        assert self.after_a_gap(3, None, None, overlap_age=4) == [1]
        assert self.after_a_gap(4, None, None, overlap_age=4) == []
        assert self.after_a_gap(1, None, None) == [], "the paper looks once"

    def test_looks_that_are_known_decide_alone(self) -> None:
        assert self.after_a_gap(3, [0], [1], overlap_age=10) == []
        assert self.after_a_gap(3, [0], None, overlap_age=10) == [1], "unknown in this frame"
        assert self.after_a_gap(3, None, [0], overlap_age=10) == [1], "nothing to compare with"

    def test_those_just_lost_choose_first(self) -> None:
        """The older one fits better."""
        tracker = Tracker(TrackerSettings(overlap_age=5, max_iou_distance=0.9))
        for _ in range(4):
            tracker.update(people((100, 200), (118, 200)))
        for _ in range(2):
            tracker.update(people((118, 200)))
        assert matched(tracker.update(people((108, 200)))) == {0: 2}


class TestWithoutLooks:
    """Rules of their own where no look was ever known."""

    @pytest.mark.parametrize(("age", "expected"), [(None, {}), (5, {0: 1}), ("0.6s", {0: 1})])
    def test_confirmed_tracks_choose_before_tentative_ones(
        self, age: int | str | None, expected: dict[int, int]
    ) -> None:
        """Where the tentative one, not reported, fits better."""
        without = {"overlap_age": age, "max_iou_distance": 0.8}
        tracker = Tracker(TrackerSettings(without_looks=without, nominal_fps=10))
        for _ in range(4):
            tracker.update(people((100, 200)))
        assert matched(tracker.update(people((100, 200), (128, 200)))) == {0: 1}
        assert matched(tracker.update(people((122, 200)))) == expected

    def test_older_ones_that_fit_better_win(self) -> None:
        """The paper's order, and that of `overlap_age`, prefers whoever was seen last."""
        tracker = Tracker(TrackerSettings(without_looks={"overlap_age": 5, "max_iou_distance": 0.9}))
        for _ in range(4):
            tracker.update(people((100, 200), (118, 200)))
        for _ in range(2):
            tracker.update(people((118, 200)))
        assert matched(tracker.update(people((105, 200)))) == {0: 1}

    def test_age_and_distance_are_limits(self) -> None:
        def again(frames: int, shift: float, **without: Any) -> list[int]:
            tracker = Tracker(TrackerSettings(without_looks={"overlap_age": 3, **without}))
            for _ in range(4):
                tracker.update(people((100, 200)))
            for _ in range(frames):
                tracker.update(people())
            return list(matched(tracker.update(people((100 + shift, 200)))).values())

        assert again(2, 0) == [1]
        assert again(3, 0) == []
        assert again(0, 25) == [], "an IoU of 0.23"
        assert again(0, 25, max_iou_distance=0.8) == [1]

    def test_detections_that_confirm(self) -> None:
        tracker = Tracker(TrackerSettings(without_looks={"n_init": 2}))
        tracker.update(people((100, 200)))
        assert matched(tracker.update(people((100, 200)))) == {0: 1}

    def test_one_look_is_enough_for_the_usual_rules(self) -> None:
        """Also in frames that bring none."""
        without = {"n_init": 1, "overlap_age": 9, "max_iou_distance": 0.99}
        plain, special = Tracker(), Tracker(TrackerSettings(without_looks=without))
        for frame, detections in enumerate(scene(3)):
            given = detections if frame % 3 == 0 else detections.with_features(None)
            a, b = plain.update(given), special.update(given)
            assert (matched(a), a.boxes.tolist()) == (matched(b), b.boxes.tolist())


class TestNewTracksNearConfirmedOnes:
    """They may be the same person, so they wait longer."""

    @pytest.mark.parametrize(("n_init", "near", "frames"), [(2, 4, 4), (1, 3, 3), (3, 2, 3), (2, "0.35s", 5)])
    @pytest.mark.parametrize("shift", [15, 200])
    def test_wait_while_they_overlap(self, n_init: int, near: int | str, frames: int, shift: int) -> None:
        """A confirmed track goes on beside the new one, so nothing else decides when that is confirmed."""
        tracker = Tracker(TrackerSettings(n_init=n_init, n_init_near=near, nominal_fps=10))
        for frame in range(3):
            tracker.update(people((100, 200)), time=frame / 10)
        shown = []
        for frame in range(3, 9):
            tracks = tracker.update(people((100, 200), (100 + shift, 200)), time=frame / 10)
            shown.append(len(tracks))
        wait = (n_init if shift == 200 else frames) - 1
        assert shown == [1] * wait + [2] * (6 - wait)

    def test_who_is_found_again_in_the_frame_after_keeps_the_id(self) -> None:
        """For one frame the looks are too strange, so that a new track takes the detection."""

        def ids(**options: Any) -> set[int]:
            tracker = Tracker(TrackerSettings(n_init=2, gating=False, max_iou_distance=0.75, **options))
            for _ in range(3):
                tracker.update(people((100, 200), looks=[0]))
            tracker.update(people())
            seen = [tracker.update(people((110, 200), looks=[look])) for look in (1, 1, 0, 0)]
            return {track_id for tracks in seen for track_id in matched(tracks).values()}

        assert ids() == {1, 2}
        assert ids(n_init_near=3) == {1}

    def test_not_where_other_rules_confirm_without_looks(self) -> None:
        options = {"n_init": 2, "n_init_near": 9, "without_looks": {"n_init": 2}}
        tracker = Tracker(TrackerSettings(**options))
        for _ in range(2):
            tracker.update(people((100, 200)))
        tracker.update(people((100, 200), (115, 200)))
        assert len(tracker.update(people((100, 200), (115, 200)))) == 2


def test_who_is_there_in_the_first_frame() -> None:
    """Is confirmed at once, those who come later by `n_init`; with reset the first frame comes again."""
    tracker = Tracker(TrackerSettings(confirm_first=True, start_score=0.6))
    for _ in range(2):
        first = people((100, 200), (300, 200), scores=[0.9, 0.5])
        assert matched(tracker.update(first)) == {0: 1}
        assert matched(tracker.update(people((100, 200), (500, 200)))) == {0: 1}
        assert matched(tracker.update(people((100, 200), (500, 200)))) == {0: 1}
        assert matched(tracker.update(people((100, 200), (500, 200)))) == {0: 1, 1: 2}
        tracker.reset()


@pytest.mark.parametrize("options", [{}, {"low_score": 0.5, "high_score": 0.7}, {"start_score": 0.6}])
def test_boxes_of_detections(options: dict[str, Any]) -> None:
    """The same tracks, reported where detections were; a prediction where there was none."""
    kalman, detection = Tracker(TrackerSettings(**options)), Tracker(TrackerSettings(box="detection", **options))
    for detections in scene(5):
        expected, found = kalman.update(detections), detection.update(detections)
        assert found.ids.tolist() == expected.ids.tolist()
        seen = found.detection_index >= 0
        np.testing.assert_allclose(found.boxes[seen], detections.boxes[found.detection_index[seen]], atol=1e-9)
        np.testing.assert_array_equal(found.boxes[~seen], expected.boxes[~seen])
    np.testing.assert_array_equal(detection.coast().boxes, kalman.coast().boxes)


def test_classes_that_overlap_keep_their_tracks() -> None:
    """A rider and a bicycle in nearly the same box; the rider is hidden for a frame."""
    for per_class, expected in [(True, {0: 2}), (False, {0: 1})]:
        for looks in (None, [0, 0]):
            tracker = Tracker(TrackerSettings(per_class=per_class))
            for _ in range(4):
                tracker.update(people((100, 200), (104, 200), classes=[0, 1], looks=looks))
            alone = people((101, 200), classes=[1], looks=looks[:1] if looks else None)
            assert matched(tracker.update(alone)) == expected


def test_motion_decides_between_equal_looks() -> None:
    """Twins in the same clothes: the one a little more alike is not the one who is nearer."""
    rng = np.random.default_rng(0)
    for weight, expected in [(0.0, {0: 2, 1: 1}), (0.5, {0: 1, 1: 2})]:
        tracker = Tracker(TrackerSettings(motion_weight=weight))
        look = rng.normal(size=16).astype(np.float32)
        a, b = look + 0.1 * LOOK[0].repeat(2), look + 0.1 * LOOK[1].repeat(2)
        for _ in range(5):
            tracker.update(people((100, 200), (120, 200)).with_features(np.stack([a, b])))
        tracks = tracker.update(people((100, 200), (120, 200)).with_features(np.stack([b, a])))
        assert matched(tracks) == expected


def test_confident_boxes_are_followed_closely() -> None:
    """Someone starts to run; with NSA a confident box pulls the track along faster."""
    error = {}
    for nsa in (False, True):
        tracker = Tracker(TrackerSettings(nsa=nsa))
        for frame in range(12):
            x = 100 + 4 * max(0, frame - 6)
            tracks = tracker.update(people((x, 200), scores=[0.9]))
        error[nsa] = abs(tracks.boxes[0, 0] + 20 - x)
    assert error[True] < error[False] / 2


def test_running_mean_outlives_the_gallery_of_the_past() -> None:
    """A gallery remembers a look from long ago; a running mean moves on."""
    for alpha, expected in [(None, {0: 1}), (0.5, {})]:
        tracker = Tracker(TrackerSettings(ema_alpha=alpha))
        for look in [0] * 5 + [1] * 10:
            tracker.update(people((100, 200), looks=[look]))
        tracker.update(people())
        assert matched(tracker.update(people((100, 200), looks=[0]))) == expected


class TestReentry:
    def absence(self, look: int = 0, gap: int = 50, x: float = 500, **options: Any) -> list[dict[int, int]]:
        """Ids of someone who leaves for `gap` frames and comes back elsewhere while another person stays."""
        tracker = Tracker(TrackerSettings(max_age=10, **options))
        out = []
        for frame in range(5 + gap + 6):
            if frame < 5:
                found = people((100, 200), (900, 200), looks=[0, 7])
            elif frame < 5 + gap:
                found = people((900, 200), looks=[7])
            else:
                found = people((x, 200), (900, 200), looks=[look, 7])
            out.append(matched(tracker.update(found)))
        return out

    def test_the_old_id_returns(self) -> None:
        ids = self.absence(reentry_age=100)
        assert ids[4] == {0: 1, 1: 2}
        assert ids[-6:] == [{1: 2}, {1: 2}, *[{0: 1, 1: 2}] * 4], "reported from its confirmation on, with its old id"

    def test_off_by_default(self) -> None:
        assert self.absence()[-1] == {0: 3, 1: 2}

    def test_another_look_is_someone_else(self) -> None:
        assert self.absence(look=3, reentry_age=100)[-1] == {0: 3, 1: 2}

    def test_forgotten_after_reentry_age(self) -> None:
        """Deleted 11 frames after it was last seen, in the first of the 50 − 10 frames of absence left."""
        assert self.absence(reentry_age=42)[-1] == {0: 1, 1: 2}
        assert self.absence(reentry_age=41)[-1] == {0: 3, 1: 2}

    def test_confirmed_at_once(self) -> None:
        assert self.absence(reentry_age=100, n_init=1)[-6] == {0: 1, 1: 2}

    def test_distance(self) -> None:
        """Half of max_cosine_distance unless given."""
        for options, expected in [
            ({"max_cosine_distance": 0.3}, 2),
            ({"max_cosine_distance": 0.5}, 1),
            ({"max_cosine_distance": 0.3, "reentry_distance": 0.25}, 1),
        ]:
            tracker = Tracker(TrackerSettings(max_age=5, reentry_age=100, **options))  # type: ignore[arg-type]
            for frame in range(30):
                look = LOOK[:1] if frame < 10 else np.array([[0.8, 0.6, 0, 0, 0, 0, 0, 0]])  # at distance 0.2
                found = people((100, 200)).with_features(look) if not 5 <= frame < 20 else people()
                tracks = tracker.update(found)
            assert tracks.ids.tolist() == [expected]

    def test_ids_are_reported_in_order(self) -> None:
        """The returned id belongs to the last of the tracks."""
        tracker = Tracker(TrackerSettings(max_age=3, reentry_age=100))
        for frame in range(30):
            absent = people((900, 200), looks=[7])
            found = people((500, 200), (900, 200), looks=[0, 7]) if not 5 <= frame < 20 else absent
            tracks = tracker.update(found)
        assert tracks.ids.tolist() == [1, 2]
        assert tracks.detection_index.tolist() == [0, 1]

    def test_two_at_once_are_two(self) -> None:
        """Someone alike who appeared before the first was last seen is another person."""
        tracker = Tracker(TrackerSettings(max_age=1, reentry_age=100, per_class=True))
        a, b = (100, 200), (500, 200)
        for places in ([a], [a], [a], [a, b], [b], [b], [b]):
            tracks = tracker.update(people(*places, looks=[0] * len(places)))
        assert tracks.ids.tolist() == [2]

    def test_unknown_looks_are_never_recognised(self) -> None:
        tracker = Tracker(TrackerSettings(max_age=3, reentry_age=100))
        for frame in range(30):
            tracks = tracker.update(people((100, 200)) if not 5 <= frame < 20 else people())
        assert tracks.ids.tolist() == [2]

    @settings(max_examples=12, deadline=None)
    @given(st.integers(0, 2**32 - 1))
    def test_reported_ids_never_change(self, seed: int) -> None:
        """With and without re-entry, tracks match the same detections; an id stays with its track once reported."""
        plain = Tracker(TrackerSettings(max_age=3, max_cosine_distance=0.4))
        again = Tracker(plain.settings.model_copy(update={"reentry_age": 30}))
        name: dict[int, int] = {}
        for detections in scene(seed):
            a, b = plain.update(detections), again.update(detections)
            assert len(set(b.ids.tolist())) == len(b)
            first, second = matched(a), matched(b)
            assert first.keys() == second.keys()
            for index, track_id in first.items():
                assert name.setdefault(track_id, second[index]) == second[index]


OPTIONS = st.fixed_dictionaries(
    {
        "n_init": st.integers(1, 3),
        "n_init_near": st.sampled_from([None, 3]),
        "confirm_first": st.booleans(),
        "gating": st.sampled_from([True, True, False]),
        "motion_weight": st.sampled_from([0.0, 0.3]),
        "nsa": st.booleans(),
        "ema_alpha": st.sampled_from([None, 0.9]),
        "low_score": st.sampled_from([None, 0.3]),
        "per_class": st.booleans(),
        "reentry_age": st.sampled_from([0, 20]),
        "start_score": st.sampled_from([None, 0.6]),
        "overlap_age": st.sampled_from([1, 4]),
        "refresh_every": st.integers(1, 8),
        "max_age": st.sampled_from([3, 30]),
        "max_cosine_distance": st.sampled_from([0.1, 0.2, 0.5]),
    }
)


class TestLazyEmbedding:
    LAZY = TrackerSettings(refresh_every=5)

    @settings(max_examples=20, deadline=None)
    @given(OPTIONS, st.integers(0, 2**32 - 1))
    def test_given_the_same_galleries_decisions_are_those_of_full_embedding(
        self, options: dict[str, Any], seed: int
    ) -> None:
        """In every frame of a crowded scene, a copy of the tracker sees everything and must decide the same.

        Only the order in which several new tracks are numbered may differ.
        """
        tracker = Tracker(TrackerSettings(**options))
        known = 0
        for detections in scene(seed, frames=30):
            full = copy.deepcopy(tracker)
            expected = full.update(detections)
            found, asked = lazily(tracker, detections)
            assert len(set(asked)) == len(asked), "a detection is embedded once at most"
            lazy, eager = matched(found), matched(expected)
            assert lazy.keys() == eager.keys()
            if not options["reentry_age"]:
                assert {i: name for i, name in lazy.items() if name <= known} == {
                    i: name for i, name in eager.items() if name <= known
                }
            known = max([known, *found.ids.tolist()])

    def test_two_people_far_apart_are_embedded_now_and_then(self) -> None:
        tracker, asked = Tracker(self.LAZY), []
        for frame in range(18):
            tracks, positions = lazily(tracker, people((100 + 3 * frame, 200), (700, 200), looks=[0, 1]))
            asked.append(positions)
        assert matched(tracks) == {0: 1, 1: 2}
        assert [frame for frame, positions in enumerate(asked) if positions] == [2, 7, 12, 17], "from confirmation on"
        assert (tracker.seen, tracker.embedded) == (36, 8)

    def test_people_who_meet_are_embedded_and_keep_their_ids(self) -> None:
        """They cross; appearance must be asked for while either could be the other."""
        tracker, asked = Tracker(self.LAZY), {}
        for frame in range(60):
            a, b = (100 + 8 * frame, 200), (580 - 8 * frame, 204)
            # Behind each other there is one box.
            found = people(a, looks=[0]) if abs(a[0] - b[0]) < 10 else people(a, b, looks=[0, 1])
            tracks, positions = lazily(tracker, found)
            asked[abs(a[0] - b[0])] = len(positions)
            if frame > 2:
                assert matched(tracks).get(0) == 1
        assert matched(tracks) == {0: 1, 1: 2}
        assert all(count == 2 for distance, count in asked.items() if 10 <= distance < 20)
        assert np.mean([count for distance, count in asked.items() if distance > 150]) < 0.5

    def test_after_a_gap_appearance_is_asked_for(self) -> None:
        tracker = Tracker(self.LAZY)
        for _ in range(4):
            lazily(tracker, people((100, 200), looks=[0]))
        lazily(tracker, people().with_features(LOOK[:0]))
        tracks, asked = lazily(tracker, people((100, 200), looks=[0]))
        assert (matched(tracks), asked) == ({0: 1}, [0])

    def test_false_alarms_cost_nothing(self) -> None:
        """What is never confirmed is never embedded."""
        tracker = Tracker(self.LAZY)
        for frame in range(10):
            _, asked = lazily(tracker, people((100 + 300 * (frame % 2), 200), looks=[0]))
            assert asked == []

    def test_without_refresh_every_everything_is_embedded(self) -> None:
        """And the tracks are those of features given beforehand."""
        lazy = Tracker()
        assert walk(Tracker()) == walk(lazy, lambda tracker, detections: lazily(tracker, detections)[0])
        assert lazy.embedded == lazy.seen > 500

    def test_low_scored_detections_are_not_embedded(self) -> None:
        for refresh_every in (None, 1):
            tracker = Tracker(TrackerSettings(low_score=0.1, refresh_every=refresh_every, n_init=1))
            lazily(tracker, people((100, 200), looks=[0], scores=[0.9]))
            tracks, asked = lazily(tracker, people((100, 200), looks=[0], scores=[0.2]))
            assert (matched(tracks), asked, tracker.seen) == ({0: 1}, [], 1)

    def test_positions_are_those_of_the_input(self) -> None:
        """Boxes that cannot be tracked are left out, but counted."""
        tracker = Tracker(TrackerSettings(refresh_every=1, n_init=1))
        boxes = np.array([[5.0, 5, 5, 5], [0, 0, 40, 100], [np.nan, 0, 40, 100], [300, 0, 340, 100]])
        _, asked = lazily(tracker, Detections(boxes, features=LOOK[:4]))
        assert asked == [1, 3]

    def test_counters_start_again_after_reset(self) -> None:
        tracker = Tracker()
        lazily(tracker, people((100, 200), looks=[0]))
        assert (tracker.seen, tracker.embedded) == (1, 1)
        tracker.reset()
        assert (tracker.seen, tracker.embedded) == (0, 0)

    def test_errors(self) -> None:
        tracker, found = Tracker(TrackerSettings(n_init=1)), people((100, 200))
        with pytest.raises(ValueError, match="features with the detections or embed, not both"):
            tracker.update(found.with_features(LOOK[:1]), embed=lambda positions: LOOK[positions])
        with pytest.raises(ValueError, match=r"shape \(1, D\), one row per position, got \(3, 8\)"):
            tracker.update(found, embed=lambda positions: LOOK[:3])
        tracker.update(found, embed=lambda positions: LOOK[positions])
        with pytest.raises(InputError, match="from 8 to 4"):
            tracker.update(found, embed=lambda positions: LOOK[positions, :4])


@settings(max_examples=30, deadline=None)
@given(OPTIONS, st.booleans(), st.integers(0, 2**32 - 1))
def test_all_options_together(options: dict[str, Any], lazy: bool, seed: int) -> None:
    """Whatever is turned on: one id per person and frame, in order, on finite boxes."""
    rng = np.random.default_rng(seed)
    tracker = Tracker(TrackerSettings(**options))
    with np.errstate(all="raise", under="ignore"):
        for detections in scene(seed, n=6, frames=25):
            angle, scale = rng.normal(0, 0.02), np.exp(rng.normal(0, 0.02))
            a, b = scale * np.cos(angle), scale * np.sin(angle)
            motion = [[a, -b, rng.normal(0, 5)], [b, a, rng.normal(0, 5)]]
            if lazy:
                tracks, _ = lazily(tracker, detections, camera_motion=motion)
            else:
                tracks = tracker.update(detections, camera_motion=motion)
            assert (np.diff(tracks.ids) > 0).all()
            assert np.isfinite(tracks.boxes).all()
            index = tracks.detection_index[tracks.time_since_update == 0]
            assert len(set(index.tolist())) == len(index)
            if options["per_class"]:
                now = tracks.time_since_update == 0
                assert (tracks.class_ids[now] == detections.class_ids[index]).all()


@settings(max_examples=15, deadline=None)
@given(OPTIONS, st.integers(0, 2**32 - 1))
def test_dense_ids_are_the_same_people_numbered_as_they_are_confirmed(options: dict[str, Any], seed: int) -> None:
    """Decisions do not change; ids are 1, 2, 3, … in the order of their first appearance, and only those reported."""
    usual, dense = Tracker(TrackerSettings(**options)), Tracker(TrackerSettings(**options, dense_ids=True))
    number: dict[int, int] = {}
    for detections in scene(seed, n=8, frames=40):
        one, other = usual.update(detections), dense.update(detections)
        for track_id in one.ids.tolist():
            number.setdefault(track_id, len(number) + 1)
        order = np.argsort([number[track_id] for track_id in one.ids.tolist()]).astype(int)
        assert [number[track_id] for track_id in one.ids[order].tolist()] == other.ids.tolist()
        np.testing.assert_array_equal(one.boxes[order], other.boxes)
        np.testing.assert_array_equal(one.detection_index[order], other.detection_index)
    assert usual.begun == dense.begun
    dense.reset()
    again = [
        track_id for detections in scene(seed, n=8, frames=9) for track_id in dense.update(detections).ids.tolist()
    ]
    assert set(again) == set(range(1, len(set(again)) + 1))
