"""The tracker's life cycle, its robustness, and its equality with the reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from deepsort_cli.core import Detections, InputError, Tracks
from deepsort_cli.core.boxes import tlwh_to_xyxy, xyxy_to_tlwh
from deepsort_cli.tracking import Tracker, TrackerSettings

BOX = np.array([[100.0, 100.0, 140.0, 200.0]])
LOOK = np.eye(8, dtype=np.float32)


def see(tracker: Tracker, *boxes: list[float], looks: list[int] | None = None) -> Tracks:
    features = None if looks is None else LOOK[looks]
    return tracker.update(Detections(np.array(boxes, float).reshape(-1, 4), features=features))


def live_through(gap: int, **options: float) -> list[int]:
    """Ids reported after a standing person, confirmed, disappears for `gap` frames."""
    tracker = Tracker(TrackerSettings(**options))  # type: ignore[arg-type]
    for _ in range(3):
        see(tracker, BOX[0].tolist(), looks=[0])
    for _ in range(gap - 1):
        see(tracker)
    ids: list[int] = []
    for _ in range(3):
        ids += see(tracker, BOX[0].tolist(), looks=[0]).ids.tolist()
    return ids


class TestLifecycle:
    def test_first_reported_in_its_third_frame(self) -> None:
        tracker = Tracker()
        reports = [see(tracker, BOX[0].tolist()) for _ in range(4)]
        assert [len(report) for report in reports] == [0, 0, 1, 1]
        assert reports[2].ids.tolist() == [1]

    def test_n_init_one_reports_at_once(self) -> None:
        assert len(see(Tracker(TrackerSettings(n_init=1)), BOX[0].tolist())) == 1

    def test_tentative_track_dies_on_its_first_miss(self) -> None:
        tracker = Tracker()
        see(tracker, BOX[0].tolist())
        see(tracker, BOX[0].tolist())
        see(tracker)
        assert len(tracker) == 0
        for _ in range(3):
            tracks = see(tracker, BOX[0].tolist())
        assert tracks.ids.tolist() == [2]

    def test_gap_of_thirty_frames_keeps_the_id(self) -> None:
        assert live_through(30) == [1, 1, 1]

    def test_gap_of_thirty_one_frames_gets_a_new_id(self) -> None:
        assert live_through(31) == [2]

    def test_max_age_is_that_gap(self) -> None:
        assert live_through(5, max_age=5) == [1, 1, 1]
        assert live_through(6, max_age=5) == [2]

    def test_one_predicted_row_follows_a_miss(self) -> None:
        tracker = Tracker()
        for _ in range(3):
            see(tracker, BOX[0].tolist())
        missed, later = see(tracker), see(tracker)
        assert missed.ids.tolist() == [1]
        assert missed.time_since_update.tolist() == [1]
        assert missed.detection_index.tolist() == [-1]
        assert len(later) == 0

    def test_lost_track_is_not_revived_by_position_alone(self) -> None:
        """After one miss only appearance brings a confirmed track back."""
        tracker = Tracker()
        for _ in range(3):
            see(tracker, BOX[0].tolist())
        see(tracker)
        assert len(see(tracker, BOX[0].tolist())) == 0

    def test_ids_start_again_after_reset_and_belong_to_the_tracker(self) -> None:
        first, second = Tracker(), Tracker()
        for _ in range(3):
            see(first, BOX[0].tolist())
        for _ in range(3):
            tracks = see(second, BOX[0].tolist())
        assert tracks.ids.tolist() == [1]
        first.reset()
        for _ in range(3):
            tracks = see(first, BOX[0].tolist())
        assert tracks.ids.tolist() == [1]


class TestAppearance:
    def test_crossing_people_keep_their_ids(self) -> None:
        """Two boxes swap places within the gate: appearance decides, not position."""
        tracker = Tracker()
        a, b = [100.0, 100.0, 140.0, 200.0], [112.0, 100.0, 152.0, 200.0]
        for _ in range(5):
            see(tracker, a, b, looks=[0, 1])
        tracks = see(tracker, a, b, looks=[1, 0])
        assert tracks.ids.tolist() == [1, 2]
        assert tracks.detection_index.tolist() == [1, 0]

    def test_motion_gates_appearance(self) -> None:
        """The same look far away is someone else, unless gating is off."""
        far = [900.0, 100.0, 940.0, 200.0]
        for gating, expected in [(True, []), (False, [1])]:
            tracker = Tracker(TrackerSettings(gating=gating))
            for _ in range(3):
                see(tracker, BOX[0].tolist(), looks=[0])
            tracks = see(tracker, far, looks=[0])
            assert tracks.ids[tracks.time_since_update == 0].tolist() == expected

    def test_features_gathered_while_tentative_count(self) -> None:
        tracker = Tracker()
        for look in (0, 1, 2):
            see(tracker, BOX[0].tolist(), looks=[look])
        see(tracker)
        assert see(tracker, BOX[0].tolist(), looks=[0]).ids.tolist() == [1]

    def test_budget_forgets_the_oldest(self) -> None:
        tracker = Tracker(TrackerSettings(nn_budget=2))
        for look in (0, 1, 2):
            see(tracker, BOX[0].tolist(), looks=[look])
        see(tracker)
        assert len(see(tracker, BOX[0].tolist(), looks=[0])) == 0

    def test_a_miss_does_not_change_the_gallery(self) -> None:
        """Re-inserting the last feature while a track is missing would evict the rest."""
        tracker = Tracker(TrackerSettings(nn_budget=3))
        for look in (0, 1, 2):
            see(tracker, BOX[0].tolist(), looks=[look])
        for _ in range(10):
            see(tracker)
        assert see(tracker, BOX[0].tolist(), looks=[0]).ids.tolist() == [1]

    def test_unknown_appearance_falls_back_to_iou(self) -> None:
        tracker = Tracker()
        features = np.full((1, 8), np.nan, np.float32)
        for _ in range(3):
            tracks = tracker.update(Detections(BOX, features=features))
        assert tracks.ids.tolist() == [1]

    def test_degenerate_box_does_not_shift_features(self) -> None:
        """A dropped zero-area box must not move its neighbours' features."""
        tracker = Tracker()
        a, b, flat = [100.0, 100.0, 140.0, 200.0], [112.0, 100.0, 152.0, 200.0], [10.0, 10.0, 10.0, 50.0]
        for _ in range(4):
            tracks = see(tracker, flat, a, b, looks=[5, 0, 1])
        assert tracks.detection_index.tolist() == [1, 2]
        tracks = see(tracker, a, flat, b, looks=[1, 5, 0])
        assert tracks.detection_index.tolist() == [2, 0]

    def test_the_distance_may_be_another_from_the_next_frame_on(self) -> None:
        tracker = Tracker(TrackerSettings(n_init=1, max_iou_distance=0.0))
        for _ in range(2):  # also after `reset`
            see(tracker, [10, 10, 50, 90], looks=[0])
            tracker.compare_by(0.2)
            assert see(tracker, [11, 10, 51, 90], looks=[1]).ids.tolist() == [1, 2]  # 1 only predicted
            tracker.compare_by(1.5)
            assert see(tracker, [12, 10, 52, 90], looks=[2]).ids.tolist() == [2]
            assert len(tracker) == 2
            tracker.reset()
            assert tracker.settings.appearance_threshold == 1.5

    def test_changing_dimension_is_a_clear_error(self) -> None:
        tracker = Tracker()
        tracker.update(Detections(BOX, features=np.ones((1, 8))))
        with pytest.raises(InputError, match="8 to 16"):
            tracker.update(Detections(BOX, features=np.ones((1, 16))))
        tracker.reset()
        tracker.update(Detections(BOX, features=np.ones((1, 16))))


def test_scores_and_classes_travel() -> None:
    tracker = Tracker(TrackerSettings(n_init=1))
    boxes = np.array([[0.0, 0.0, 10.0, 20.0], [100.0, 0.0, 130.0, 60.0]])
    tracks = tracker.update(Detections(boxes, np.array([0.5, 0.75]), np.array([2, 7])))
    assert tracks.scores.tolist() == [0.5, 0.75]
    assert tracks.class_ids.tolist() == [2, 7]


coordinate = st.one_of(
    st.floats(-2000, 4000), st.sampled_from([0.0, np.nan, np.inf, -np.inf, 1e300, -1e300, 1e-300, 1e7, 5e6])
)


@st.composite
def frames(draw: st.DrawFn) -> list[Detections]:
    out = []
    for _ in range(draw(st.integers(1, 12))):
        n = draw(st.integers(0, 6))
        boxes = draw(arrays(float, (n, 4), elements=coordinate))
        if draw(st.booleans()):
            boxes[:, 2:] = boxes[:, :2] + np.abs(np.nan_to_num(boxes[:, 2:], posinf=5, neginf=5)) % 300
        features = None
        if draw(st.booleans()):
            features = draw(arrays(np.float32, (n, 4), elements=st.sampled_from([0.0, 1.0, -1.0, 0.5, np.nan, np.inf])))
        out.append(Detections(boxes, features=features))
    return out


@settings(max_examples=150, deadline=None)
@given(frames(), st.integers(1, 3), st.booleans(), st.sampled_from([1, 3, None]))
def test_survives_anything(sequence: list[Detections], n_init: int, gating: bool, budget: int | None) -> None:
    tracker = Tracker(TrackerSettings(n_init=n_init, gating=gating, nn_budget=budget, max_age=3))
    with np.errstate(all="raise", under="ignore"):
        for detections in sequence:
            check(tracker.update(detections), detections)


@pytest.mark.parametrize("n", [0, 1, 100, 500])
def test_any_number_of_detections(n: int) -> None:
    rng = np.random.default_rng(n)
    tracker = Tracker(TrackerSettings(n_init=1))
    for size in (n, 0, n // 2, n):
        corner = rng.uniform(0, 1000, (size, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(1, 200, (size, 2))], axis=1)
        detections = Detections(boxes, features=rng.normal(size=(size, 16)))
        check(tracker.update(detections), detections)


def check(tracks: Tracks, detections: Detections) -> None:
    """What must hold for every report."""
    assert len(set(tracks.ids.tolist())) == len(tracks)
    assert (np.diff(tracks.ids) > 0).all()
    assert np.isfinite(tracks.boxes).all()
    matched = tracks.time_since_update == 0
    assert (tracks.detection_index[~matched] == -1).all()
    index = tracks.detection_index[matched]
    assert len(set(index.tolist())) == len(index)
    boxes = detections.boxes[index]
    assert np.isfinite(boxes).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()


def naive_distances(self, slots, features, rows, columns):  # type: ignore[no-untyped-def]
    return np.array(
        [
            min((1 - float(f @ features[c]) for f in self.features(int(slots[r]))), default=np.inf)
            for r, c in zip(rows, columns, strict=True)
        ]
    )


@pytest.mark.parametrize("options", [{}, {"motion_weight": 0.5}, {"ema_alpha": 0.9}, {"gating": False}])
def test_shortcuts_change_no_decision(monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]) -> None:
    """The lonely-pair shortcut and the gate-first order against computing everything."""
    import deepsort_cli.tracking.association as association
    import deepsort_cli.tracking.costs as module
    from deepsort_cli.tracking.gallery import Gallery

    def run() -> list[tuple[list[int], list[int]]]:
        rng = np.random.default_rng(7)
        looks = rng.normal(size=(12, 16))
        centre, velocity = rng.uniform(0, 300, (12, 2)), rng.normal(0, 4, (12, 2))
        tracker, out = Tracker(TrackerSettings(**options)), []
        for _ in range(80):
            centre = centre + velocity
            seen = np.flatnonzero(rng.random(12) > 0.2)
            boxes = np.concatenate([centre[seen], centre[seen] + [40, 90]], axis=1) + rng.normal(0, 2, (len(seen), 4))
            features = looks[seen] + rng.normal(0, 0.35, (len(seen), 16))
            tracks = tracker.update(Detections(boxes, features=features))
            out.append((tracks.ids.tolist(), tracks.detection_index.tolist()))
        return out

    fast = run()
    monkeypatch.setattr(module, "lonely_pairs", lambda rows, columns, n, m: np.zeros(len(rows), bool))
    monkeypatch.setattr(Gallery, "distances", naive_distances)
    assert run() == fast
    # Levels looked through together, even where there are few.
    monkeypatch.undo()
    monkeypatch.setattr(association, "_FEW_LEVELS", 0)
    assert run() == fast
    assert max(ids[-1] for ids, _ in fast if ids) > 12, "the scene must be hard enough to lose people"


class TestCoast:
    """Frames that nobody looked at."""

    def walk(self, tracker: Tracker, frames: int, every: int) -> list[Tracks]:
        """Somebody walks 4 pixels a frame; the detector looks at every n-th frame."""
        found = []
        for frame in range(frames):
            if frame % every:
                found.append(tracker.coast())
            else:
                box = np.array([[100.0 + 4 * frame, 50, 140 + 4 * frame, 150]])
                found.append(tracker.update(Detections(box)))
        return found

    def test_tracks_follow_their_way(self) -> None:
        found = self.walk(Tracker(), frames=31, every=3)
        assert [len(tracks) for tracks in found] == [0] * 6 + [1] * 25  # confirmed by the third look
        assert all(tracks.ids.tolist() == [1] for tracks in found[6:])
        assert [tracks.detection_index.tolist() for tracks in found[-4:]] == [[0], [-1], [-1], [0]]
        assert all(tracks.time_since_update.tolist() == [0] for tracks in found[6:])
        for frame in range(20, 31):
            assert found[frame].boxes[0, 0] == pytest.approx(100 + 4 * frame, abs=1.0)

    def test_nobody_ages(self) -> None:
        """Not even a tentative track, which dies when it is looked for in vain."""
        tracker = Tracker(TrackerSettings(max_age=1))
        tracker.update(Detections(np.array([[0.0, 0, 40, 100]])))
        for _ in range(10):
            tracker.coast()
        assert len(tracker) == 1
        tracker.update(Detections.empty())
        assert len(tracker) == 0

    def test_moves_with_the_camera(self) -> None:
        tracker = Tracker(TrackerSettings(n_init=1))
        tracker.update(Detections(np.array([[10.0, 20, 50, 120]])))
        tracks = tracker.coast(camera_motion=[[1, 0, 7], [0, 1, -3]])
        np.testing.assert_allclose(tracks.boxes, [[17, 17, 57, 117]])

    def test_who_shrinks_never_has_less_than_no_size(self) -> None:
        tracker, size = Tracker(TrackerSettings(n_init=1)), 400.0
        for _ in range(6):
            tracker.update([[100.0, 500 - size, 100 + 0.4 * size, 500]])
            size *= 0.75
        boxes = np.concatenate([tracker.coast().boxes for _ in range(15)])
        sides = boxes[:, 2:] - boxes[:, :2]
        assert (sides >= 0).all()
        assert sides[0].min() > 0
        assert (sides[-1] == 0).all()

    def test_until_somebody_is_missed(self) -> None:
        """A miss is reported as one predicted row (paper), and that row's age stays while coasting."""
        tracker = Tracker()
        self.walk(tracker, frames=5, every=2)
        tracker.update(Detections.empty())
        assert tracker.coast().time_since_update.tolist() == [1]
        tracker.update(Detections.empty())
        assert len(tracker.coast()) == 0


@pytest.mark.real_data
@pytest.mark.parametrize(
    "sequence", ["MOT17-05-FRCNN", "PETS09-S2L1", "TUD-Campus", "TUD-Stadtmitte", "ETH-Bahnhof", "KITTI-17"]
)
def test_equals_the_reference(shared_data: Path, sequence: str) -> None:
    """Same rows, same ids, boxes within the rounding of the file."""
    expected = np.loadtxt(shared_data / "golden" / "canonical" / f"{sequence}.txt", delimiter=",")
    folder = shared_data / "mot" / sequence / "det"
    features = None
    if (folder / "det_features.npz").exists():
        with np.load(folder / "det_features.npz") as stored:
            table, features = stored["det"], stored["features"]
    else:
        table = np.loadtxt(folder / "det.txt", delimiter=",")
    keep = table[:, 6] >= 0.3
    table = table[keep]
    tracker = Tracker(
        TrackerSettings(max_cosine_distance=0.2, nn_budget=100, max_iou_distance=0.7, max_age=30, n_init=3)
    )
    rows = []
    for frame in range(1, int(max(table[:, 0].max(), expected[:, 0].max())) + 1):
        here = table[:, 0] == frame
        looks = None if features is None else features[keep][here]
        tracks = tracker.update(Detections(tlwh_to_xyxy(table[here, 2:6]), table[here, 6], features=looks))
        rows += [[frame, i, *box] for i, box in zip(tracks.ids, xyxy_to_tlwh(tracks.boxes), strict=True)]
    found = np.array(rows)
    np.testing.assert_array_equal(found[:, :2], expected[:, :2])
    np.testing.assert_allclose(found[:, 2:], expected[:, 2:6], atol=0.011)


def test_tracks_that_are_never_confirmed_are_counted() -> None:
    tracker = Tracker(TrackerSettings(n_init=3))
    person, passer = [10.0, 10, 50, 110], [300.0, 10, 340, 110]
    for boxes in ([person, passer], [person, passer], [person], [person, [5.0, 5, 5, 9]]):
        tracker.update(Detections(np.array(boxes)))
    assert (tracker.begun, tracker.unconfirmed, tracker.unusable) == (2, 1, 1)
    tracker.update(Detections(np.array([passer])))
    assert (tracker.begun, tracker.unconfirmed) == (3, 2)
    tracker.reset()
    assert (tracker.begun, tracker.unconfirmed, tracker.unusable) == (0, 0, 0)


def test_tracks_bring_along_what_their_detections_carry() -> None:
    """Through shuffled and unusable detections, frames with none or without anything, and frames nobody looked at."""
    rng = np.random.default_rng(0)
    tracker = Tracker(TrackerSettings(n_init=1))
    for frame in range(30):
        people = np.flatnonzero(rng.random(5) < 0.8)
        boxes = np.stack([people * 100.0 + frame, people * 0.0, people * 100.0 + frame + 40, people * 0.0 + 90], axis=1)
        boxes = np.concatenate([boxes, [[5, 5, 5, 5]]])
        order = rng.permutation(len(boxes))
        names = np.array([*people, 9])[order]
        data = {"person": names, "places": names[:, None].astype(float), "mark": [f"{i}" for i in names]}
        given = Detections(boxes[order], data={} if frame % 10 == 9 else data)
        tracks = tracker.coast() if frame % 7 == 3 else tracker.update(given)
        assert set(tracks.data) == {"person", "places", "mark"}
        for i, index in enumerate(tracks.detection_index.tolist()):
            told = tracks.data["person"][i], tracks.data["mark"][i]
            if index < 0 or frame % 10 == 9:
                assert told == (None, None)
                assert np.isnan(tracks.data["places"][i]).all()
                continue
            person = int((tracks.boxes[i, 0] + 20) // 100)
            assert told == (person, f"{person}")
            assert tracks.data["places"][i] == [person]
        seen = tracks[tracks.detection_index >= 0]
        assert len(seen.data["mark"]) == len(seen)
    tracker.reset()
    assert tracker.update([[0, 0, 10, 20]]).data == {}
