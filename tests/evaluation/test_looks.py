"""Tracklets without doubt, and what follows from them about looks, on scenes whose truth is known."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from deepsort_cli.core.recording import Origin, Recording, RecordingWriter, read_recording
from deepsort_cli.core.types import Detections, Frame
from deepsort_cli.evaluation.looks import Memory, compare_looks
from deepsort_cli.evaluation.tracklets import find_tracklets

FPS = 10.0
Walk = tuple[float, float, float, float]
"""Where somebody is in frame 0 (left, top), and the way of a frame."""


def scene(
    walks: list[Walk],
    frames: int = 60,
    *,
    noise: float = 0.3,
    score: float = 0.9,
    seed: int = 0,
    hidden: tuple[int, int] = (0, 0),
    pause: float = 0.0,
) -> tuple[Recording, np.ndarray]:
    """People of 30×80 pixels who walk straight, and whom each detection is of.

    Args:
        noise: spread of looks around a person's own, as the length of the noise; the looks of two people are at random.
        hidden: from which frame to before which the first one is not seen.
        pause: seconds that pass additionally before frame 30.
    """
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(len(walks), 64))
    own /= np.linalg.norm(own, axis=1, keepdims=True)
    writer = RecordingWriter(Path(), Origin(fps=FPS))
    people = []
    for index in range(frames):
        present = [i for i in range(len(walks)) if i or not hidden[0] <= index < hidden[1]]
        corner = np.array([[walks[i][0] + index * walks[i][2], walks[i][1] + index * walks[i][3]] for i in present])
        boxes = np.hstack([corner, corner + np.array([30, 80])]) + rng.normal(0, 0.5, (len(present), 4))
        looks = own[present] + rng.normal(0, noise / 8, (len(present), 64))
        found = Detections(boxes, np.full(len(present), score), None, looks.astype(np.float32))
        writer.add(Frame(index, None, index / FPS + (pause if index >= 30 else 0)), found, None)
        people += present
    stream = io.BytesIO()
    writer.write(stream)
    writer.close()
    with np.load(io.BytesIO(stream.getvalue())) as archive:
        return read_recording(Path("scene.npz"), dict(archive)), np.array(people)


APART = [(100.0 * i, 50.0, 1.0, 0.0) for i in range(6)]
CROSSING = [(0.0, 50.0, 6.0, 0.0), (360.0, 50.0, -6.0, 0.0)]


def test_people_apart_are_one_tracklet_each() -> None:
    recording, people = scene(APART)
    found = find_tracklets(recording)
    assert [len(one) for one in found] == [60] * 6
    assert all(len(set(people[one.rows])) == 1 for one in found)


def test_a_tracklet_ends_where_people_meet_and_is_never_of_two() -> None:
    recording, people = scene(CROSSING)
    found = find_tracklets(recording)
    assert len(found) == 4
    assert all(len(set(people[one.rows])) == 1 for one in found)
    meeting = [abs((0 + 6 * index) - (360 - 6 * index)) < 20 for index in range(60)]
    assert not any(meeting[frame] for one in found for frame in one.frames)


@pytest.mark.parametrize("change", [{"hidden": (20, 23)}, {"pause": 2.0}, {"score": 0.4}], ids=str)
def test_gaps_cuts_and_doubtful_detections_end_tracklets(change: dict) -> None:
    recording, _ = scene(APART[:2], **change)
    lengths = sorted(len(one) for one in find_tracklets(recording))
    assert lengths == {"hidden": [20, 37, 60], "pause": [30] * 4, "score": []}[next(iter(change))]


@pytest.mark.parametrize("memory", [Memory(), Memory(ema=0.9), Memory(budget=5), Memory(budget=None)], ids=str)
def test_the_threshold_accepts_one_in_a_hundred_of_the_others(memory: Memory) -> None:
    looks = compare_looks(scene([*APART, *((x, 250.0, -1.0, 0.0) for x, *_ in APART)])[0], memory)
    assert looks.lacking is None
    assert (looks.tracklets, len(looks.couples)) == (12, 132)
    found = looks.threshold()
    below = np.cumsum(looks.different.sum(axis=0)) / looks.num_different
    assert below[int(found.value * 500) - 1] == pytest.approx(0.01, abs=0.005)
    assert found.low <= found.value <= found.high
    assert looks.curve().at_threshold(found.value)[0] == 1.0


def test_the_distance_is_that_of_the_tracker() -> None:
    """The nearest of the last looks, or the running mean, of those that are half a second old or older."""
    recording, people = scene(APART[:2], frames=30)
    looks = recording.detections.features / np.linalg.norm(recording.detections.features, axis=1, keepdims=True)
    mine, other = looks[people == 0], looks[people == 1]
    expected = [1 - (mine[: t - 4] @ mine[t]).max() for t in range(7, 30)]
    compared = compare_looks(recording, Memory())
    counts = np.histogram(expected, compared.edges)[0]
    np.testing.assert_array_equal(compared.same[0], counts)
    mean = mine[0]
    for look in mine[1:]:
        mean = 0.9 * mean + 0.1 * look
        mean /= np.linalg.norm(mean)
    against = 1 - other @ mean
    inside = compare_looks(recording, Memory(ema=0.9)).different[0] @ compared.edges[:-1] / 12
    assert inside == pytest.approx(against.mean(), abs=0.05)


def test_too_little_is_said() -> None:
    assert "2 people followed without doubt for more than 0.5 s, 5 are needed" in str(
        compare_looks(scene(APART[:2])[0], Memory()).lacking
    )
    assert "1 person followed" in str(compare_looks(scene(APART[:1])[0], Memory()).lacking)
    alone = [(10.0, 50.0, 1.0, 0.0)]
    assert "0 people followed" in str(compare_looks(scene(alone, frames=4)[0], Memory()).lacking)
    recording, _ = scene(APART, noise=float("nan"))
    assert "0 people followed" in str(compare_looks(recording, Memory()).lacking)
