"""A tracker that is told when its frames were taken."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsort_cli.core import Detections, Tracks
from deepsort_cli.core.boxes import iou, xyxy_to_tlwh
from deepsort_cli.core.mot import read_seqinfo
from deepsort_cli.perception.stored import StoredDetections
from deepsort_cli.settings.loader import nest
from deepsort_cli.settings.track import PRESETS
from deepsort_cli.tracking import Tracker, TrackerSettings
from deepsort_cli.tracking.clock import FrameClock

LOOK = np.eye(8, dtype=np.float32)
STRONG = nest(PRESETS["strong"])["tracker"]


def person(x: float, height: float = 100.0) -> npt.NDArray[np.float64]:
    return np.array([[x, 50.0, x + 0.4 * height, 50.0 + height]])


def seen(x: float, look: int | None = 0) -> Detections:
    return Detections(person(x), features=None if look is None else LOOK[[look]])


def tracker_at(fps: float, **options: Any) -> Tracker:
    return Tracker(TrackerSettings(nominal_fps=fps, **options))


class Crowd:
    """Seeded people who walk, are missed now and then, and look alike a little."""

    def __init__(self, seed: int, people: int = 6) -> None:
        rng = self.rng = np.random.default_rng(seed)
        self.start, self.speed = rng.uniform(0, 600, (people, 2)), rng.normal(0, 60, (people, 2))  # pixels, per second
        self.looks = rng.normal(size=(people, 8))

    def at(self, time: float) -> Detections:
        there = np.flatnonzero(self.rng.random(len(self.start)) > 0.15)
        corner = (self.start + self.speed * time)[there] + self.rng.normal(0, 1, (len(there), 2))
        looks = self.looks[there] + self.rng.normal(0, 0.2, (len(there), 8))
        return Detections(
            np.concatenate([corner, corner + np.array([40, 100])], axis=1), features=looks.astype(np.float32)
        )


def rows(found: Iterable[Tracks]) -> list[list[Any]]:
    return [[tracks.ids.tolist(), tracks.boxes.tolist(), tracks.time_since_update.tolist()] for tracks in found]


@settings(max_examples=10, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1.0, 5.0, 10.0, 24000 / 1001, 25.0, 30000 / 1001, 60.0]),
    st.floats(-1e4, 1e6),
    st.sampled_from([{}, STRONG]),
    st.sampled_from([0.0, 5e-4]),
)
def test_time_at_the_nominal_rate_is_frames(
    seed: int, fps: float, origin: float, options: dict[str, Any], rounding: float
) -> None:
    """To the last bit, wherever time begins, and also where a container rounds it to milliseconds."""
    options = {**options, "clock": None, "max_age": 5, "reentry_age": 0, "without_looks": {"overlap_age": 5}}
    by_time, by_frames = tracker_at(fps, **options), Tracker(TrackerSettings(**options))
    crowd, jitter = Crowd(seed), np.random.default_rng(seed)
    frames = [crowd.at(number / fps) for number in range(15)]
    times = [origin + number / fps + jitter.uniform(-rounding, rounding) for number in range(15)]
    told = [by_time.update(frame, time=time) for frame, time in zip(frames, times, strict=True)]
    assert rows(told) == rows(by_frames.update(frame) for frame in frames)


def test_the_clock_can_be_frames_although_times_are_told() -> None:
    crowd = Crowd(3)
    frames = [crowd.at(number / 10) for number in range(20)]
    plain, told = Tracker(), tracker_at(10, clock="frames")
    assert rows(map(plain.update, frames)) == rows(
        told.update(frame, time=float(number**2)) for number, frame in enumerate(frames)
    )


@pytest.mark.parametrize("look", [0, None])
@pytest.mark.parametrize("clock", ["frames", "time"])
def test_a_walker_after_a_pause(look: int | None, clock: Any) -> None:
    """Who walks on while nobody looks is where the time that passed puts them; counted in frames, one step on."""
    tracker = tracker_at(10, clock=clock)
    for number in range(20):
        tracker.update(seen(12.0 * number, look), time=number / 10)
    missed = tracker.update(Detections.empty(), time=2.7)
    where = float(missed.boxes[0, 0])
    assert where == pytest.approx(12 * (27 if clock == "time" else 20), abs=4)
    again = tracker.update(seen(12.0 * 28, look), time=2.8)
    assert again.ids.tolist() == ([1] if clock == "time" and look == 0 else [])


def test_people_seen_rarely_are_confirmed() -> None:
    """Twice a second, a walker has left the box of half a second ago; boxes grow with the time that passed."""
    steps = [(0.5 * number, 40.0 * number) for number in range(8)]
    assert iou(xyxy_to_tlwh(person(0)), xyxy_to_tlwh(person(40)))[0, 0] == 0
    by_time, by_frames = tracker_at(10), Tracker()
    assert by_time.update(seen(0), time=0.0).ids.tolist() == []
    found = [by_time.update(seen(x), time=time).ids.tolist() for time, x in steps[1:]]
    assert found == [[], *[[1]] * 6]
    assert all(len(by_frames.update(seen(x))) == 0 for _, x in steps)


def test_skipping_frames_and_coasting_over_them_is_the_same() -> None:
    """The detector on every third frame, or only every third frame read."""
    coasting, skipping = tracker_at(25, max_age="0.5s"), tracker_at(25, max_age="0.5s")
    crowd, coasted, skipped = Crowd(5), [], []
    for number in range(60):
        if number % 3:
            coasting.coast(time=number / 25)
            continue
        detections = crowd.at(number / 25)
        coasted.append(coasting.update(detections, time=number / 25))
        skipped.append(skipping.update(detections, time=number / 25))
    assert [tracks.ids.tolist() for tracks in coasted] == [tracks.ids.tolist() for tracks in skipped]
    for one, other in zip(coasted, skipped, strict=True):
        np.testing.assert_allclose(one.boxes, other.boxes, rtol=1e-3, atol=0.5)
    assert max(len(tracks) for tracks in coasted) >= 4


@settings(max_examples=15, deadline=None)
@given(st.floats(0.2, 3), st.floats(1, 30), st.floats(0.1, 3), st.sampled_from(["frames", "time"]))
def test_a_track_lives_until_its_seconds_have_passed(age: float, fps: float, absence: float, clock: Any) -> None:
    """Whatever the frame rate, and whether or not frames came meanwhile."""
    if abs(absence - age) < 0.01:
        absence += 0.02
    for watched in (True, False):
        tracker = tracker_at(fps, max_age=f"{age:.3f}s", n_init=1, clock=clock)
        tracker.update(seen(100), time=0.0)
        for time in np.arange(1 / fps, absence - 1e-6, 1 / fps) if watched else ():
            tracker.update(Detections.empty(), time=float(time))
        assert (tracker.update(seen(100), time=absence).ids.tolist() == [1]) == (absence < age)


def test_a_number_stays_frames_that_were_looked_at() -> None:
    for gap, expected in [(2, [1]), (3, [2])]:
        tracker = tracker_at(10, max_age=2, n_init=1)
        tracker.update(seen(100), time=0.0)
        for missed in range(1, gap):
            tracker.update(Detections.empty(), time=0.3 * missed)
            tracker.coast(time=0.3 * missed + 0.1)
        assert tracker.update(seen(100), time=0.3 * gap).ids.tolist() == expected


@pytest.mark.parametrize("fps", [2.0, 10.0, 30.0])
def test_confirmed_after_so_many_seconds_on_end(fps: float) -> None:
    """Never by a single detection."""
    tracker = tracker_at(fps, n_init="0.2s")
    first = next(n for n in range(20) if len(tracker.update(seen(100), time=n / fps)))
    assert first == max(1, round(0.2 * fps))


def test_who_returns_within_seconds_gets_the_old_id() -> None:
    for reentry, expected in [("2s", 1), ("1s", 2)]:
        tracker = tracker_at(10, max_age="0.5s", n_init=2, reentry_age=reentry)
        for time in (0.0, 0.1, 0.2, 0.3):
            tracker.update(seen(100), time=time)
        tracker.update(Detections.empty(), time=1.0)
        tracker.update(seen(400), time=2.4)
        assert tracker.update(seen(400), time=2.5).ids.tolist() == [expected]


def test_overlap_may_continue_for_seconds() -> None:
    for overlap_age, expected in [("0.5s", [1]), ("0.2s", [])]:
        tracker = tracker_at(10, overlap_age=overlap_age)
        for number in range(5):
            tracker.update(seen(100, None), time=number / 10)
        tracker.update(Detections.empty(), time=0.6)
        tracker.update(Detections.empty(), time=0.7)
        assert tracker.update(seen(100, None), time=0.8).ids.tolist() == expected


def test_seconds_without_times_need_the_rate() -> None:
    tracker = tracker_at(10, max_age="0.5s", n_init=1)
    tracker.update(seen(100))
    for _ in range(4):
        tracker.update(Detections.empty())
    assert tracker.update(seen(100)).ids.tolist() == [1]
    with pytest.raises(ValueError, match="`tracker.max_age` is in seconds: tell the time .* `tracker.nominal_fps`"):
        Tracker(TrackerSettings(max_age="0.5s")).update(seen(100))


@pytest.mark.parametrize(
    ("time", "message"),
    [
        (2.0, "later than that of the frame before, 2 s, got 2 s"),
        (1.9, "later than .* 2 s, got 1.9 s"),
        (float("nan"), "finite number of seconds, got nan"),
        (float("inf"), "finite number of seconds, got inf"),
        (datetime(2026, 1, 1), "time must be a number of seconds, got datetime.datetime"),
        ("soon", "time must be a number of seconds, got 'soon'"),
        (None, "of every frame or of none; the last one was at 2 s"),
    ],
)
def test_times_that_are_refused_change_nothing(time: Any, message: str) -> None:
    tracker = tracker_at(10, n_init=1)
    tracker.update(seen(100), time=2.0)
    for call in (lambda: tracker.update(seen(100), time=time), lambda: tracker.coast(time=time)):
        with pytest.raises(ValueError, match=message):
            call()
    assert tracker.update(seen(100), time=2.1).ids.tolist() == [1]
    tracker.reset()
    tracker.update(seen(100))
    with pytest.raises(ValueError, match=r"of every frame or of none; it was not told before 3 s"):
        tracker.update(seen(100), time=3.0)


def test_no_step_goes_on_for_ever() -> None:
    """After a stream was lost for an hour nobody is an hour's walk away."""
    tracker = tracker_at(25)
    for number in range(10):
        tracker.update(seen(5.0 * number), time=number / 25)
    gone = tracker.update(Detections.empty(), time=3600.0)
    assert np.abs(gone.boxes).max() < 1000


def test_steps_of_slow_sources() -> None:
    """Half a second is more than one frame of the paper, whatever the source calls a frame."""
    assert [TrackerSettings().at_rate(fps).nominal_fps for fps in (2, 5, 7, 10, 25)] == [16, 15, 7, 10, 25]
    assert TrackerSettings().at_rate(5e-324).nominal_fps == 15
    assert TrackerSettings(nominal_fps=3).at_rate(2).nominal_fps == 3
    clock = FrameClock(TrackerSettings().at_rate(2))
    assert [clock.advance(time, looked=True) for time in (0.0, 0.5, 1.0)] == [1, 8, 8]


@pytest.mark.real_data
@pytest.mark.parametrize("sequence", ["MOT17-05-FRCNN", "KITTI-17"])
def test_time_is_frames_on_real_sequences(shared_data: Path, sequence: str) -> None:
    folder = shared_data / "mot" / sequence
    file = next(path for path in sorted((folder / "det").iterdir()) if path.suffix in (".npz", ".txt"))
    stored, info = StoredDetections.load(file, conf=0.3), read_seqinfo(folder)
    frames = [stored.detections(index) for index in range(min(info.length, 150))]
    by_time = tracker_at(info.fps)
    told = [by_time.update(frame, time=number / info.fps) for number, frame in enumerate(frames)]
    assert rows(told) == rows(map(Tracker().update, frames))
