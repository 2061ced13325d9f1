"""Recordings: what is written comes back, and what is no recording is refused by name."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.recording import Origin, RecordingWriter, read_recording, taken
from deepsort_cli.core.types import Detections, Frame

PATH = Path("seen.npz")


def found(count: int, features: bool = True) -> Detections:
    boxes = np.cumsum(np.full((count, 4), 1 / 3), axis=1) + np.arange(count)[:, None]
    looks = np.arange(3 * count, dtype=np.float32).reshape(count, 3) if features else None
    return Detections(boxes, np.linspace(0.1, 0.9, count), np.arange(count) * 2, looks)


def written(*seen: Detections | None, **origin: Any) -> dict[str, np.ndarray]:
    """The arrays of a recording of every second frame, in which this was seen."""
    writer = RecordingWriter(Path(), Origin(stride=2, **origin), {0: "person", 2: "car", 9: "never seen"})
    motion = np.array([[1.0, 0.0, 5.0], [0.0, 1.0, 0.5]])
    for position, detections in enumerate(seen):
        writer.add(Frame(2 * position, None, position / 7), detections, motion if position % 2 else None)
    stream = io.BytesIO()
    writer.write(stream)
    writer.close()
    with np.load(io.BytesIO(stream.getvalue()), allow_pickle=False) as archive:
        return dict(archive)


def test_what_was_seen_comes_back_bit_by_bit() -> None:
    seen = [found(2), None, found(0), found(3)]
    recording = read_recording(PATH, written(*seen, source="street", camera_motion="flow", threshold=0.25))
    assert (recording.origin.source, recording.origin.threshold) == ("street", 0.25)
    assert recording.origin.class_names == {0: "person", 2: "car"}
    assert recording.frames.tolist() == [0, 2, 4, 6]
    assert recording.looked.tolist() == [True, False, True, True]
    np.testing.assert_array_equal(recording.times, np.arange(4) / 7)
    for position, one in enumerate(seen):
        back, expected = recording.at(2 * position), one or Detections.empty()
        np.testing.assert_array_equal(back.boxes, expected.boxes)
        np.testing.assert_array_equal(back.scores, expected.scores)
        np.testing.assert_array_equal(back.class_ids, expected.class_ids)
        if len(back):
            np.testing.assert_array_equal(back.features, expected.features)
    assert recording.motions is not None
    assert np.isnan(recording.motions[0]).all()
    assert recording.motions[3, 0, 2] == 5


def test_whatever_a_function_gave_can_be_read_again() -> None:
    odd = found(4)
    boxes, scores, looks = odd.boxes.copy(), odd.scores.copy(), odd.features.copy()
    boxes[0, 2], boxes[1, 0], scores[2], looks[2, 1] = np.nan, -np.inf, np.inf, np.inf
    recording = read_recording(PATH, written(Detections(boxes, scores, odd.class_ids, looks), found(1)))
    back = recording.at(0)
    np.testing.assert_array_equal(back.boxes, boxes[2:])
    assert back.scores[0] > 1e300
    assert np.isnan(back.features).tolist() == [[False, True, False], [False] * 3]
    np.testing.assert_array_equal(recording.at(2).features, found(1).features)


def test_some_of_its_frames_are_a_recording_too() -> None:
    recording = read_recording(PATH, written(*[found(k) for k in (2, 1, 0, 3, 1, 2, 1)], camera_motion="flow"))
    assert recording.motions is not None
    turn = np.array([[0.0, -1, 2], [1, 0, 7]])
    motions = np.stack([np.array([[1.0, 0, 10.0 * k], [0, 1, 0]]) for k in range(7)])
    motions[2] = turn
    recording = replace(recording, motions=motions)
    some = taken(recording, 2, 4, 2)  # frames 2 and 6 of 0, 2, 4, …, 12
    assert (some.frames.tolist(), some.frame.tolist()) == ([2, 6], [2, 6, 6, 6])
    assert some.motions is not None
    assert np.isnan(some.motions[0]).all()
    np.testing.assert_array_equal(some.motions[1], turn + np.array([[0, 0, 30], [0, 0, 0]]))  # 2 to 4, then 4 to 6
    np.testing.assert_array_equal(some.at(6).boxes, recording.at(6).boxes)
    assert taken(recording, 0, 1, None, fps=2.0).times.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert taken(recording, 0, 1, None, fps=2.0).origin.fps == 2
    for same in (taken(recording, 0, 1, None), taken(recording, 0, 2, 7)):
        np.testing.assert_array_equal(same.motions, motions)
        np.testing.assert_array_equal(same.detections.features, recording.detections.features)
    assert len(taken(recording, 1, 2, None)) == 0


def test_features_that_begin_late_are_unknown_before() -> None:
    recording = read_recording(PATH, written(found(2, features=False), found(1), found(1, features=False)))
    known = np.isfinite(recording.detections.features).all(axis=1)
    assert known.tolist() == [False, False, True, False]
    assert read_recording(PATH, written(found(2, features=False))).detections.features is None


def test_a_part_has_its_own_frames_only() -> None:
    part = read_recording(PATH, written(found(2), found(1), found(3), camera_motion="ecc")).part(1, 3)
    assert (part.frames.tolist(), len(part.detections), len(part.at(0)), len(part.at(4))) == ([2, 4], 4, 0, 3)
    assert part.motions is not None
    assert np.isnan(part.motions[0]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": None}, "without the array `boxes`"),
        ({"boxes": np.zeros((4, 4))}, r"`boxes` has shape \(4, 4\), expected \(3, 4\)"),
        ({"scores": np.array([0.1, np.nan, 0.2])}, "`scores` has NaN"),
        ({"scores": np.array(["a", "b", "c"])}, "`scores` holds <U1, expected numbers"),
        ({"features": np.full((3, 2), np.inf, np.float32)}, "`features` has infinite"),
        ({"features": np.zeros((2, 2), np.float32)}, "`features` has shape"),
        ({"frame_index": np.array([0, 0])}, "`frame_index` must ascend"),
        ({"frame_index": np.array([-2, 2])}, "`frame_index` must ascend"),
        ({"frame": np.array([0, 1, 2])}, "`frame` must ascend, and hold"),
        ({"frame_motion": np.zeros((2, 3))}, "`frame_motion` has shape"),
        ({"frame_motion": np.array([[[1, 0.5, 0], [0, 1, 0.0]]] * 2)}, "`frame_motion` must hold shifts, rotations"),
        ({"recording": np.array("{")}, "not valid JSON"),
        ({"recording": np.array("[" * 100_000)}, "not valid JSON"),
        ({"recording": np.array(3)}, "not one JSON text"),
        ({"recording": np.array("[]")}, "not a JSON object"),
        ({"recording": np.array('{"version": 2}')}, "format 2; this program reads up to 1"),
        ({"recording": np.array('{"version": 1, "fps": -3}')}, "says fps, which must be above 0. Record anew"),
        ({"recording": np.array('{"version": 1, "width": "x"}')}, "says width, which must be a whole number"),
        ({"recording": np.array('{"version": 1, "new": 1}')}, "says new, which is not known here"),
    ],
)
def test_damage_is_named(change: dict[str, Any], message: str) -> None:
    arrays = {**written(found(2), found(1)), **change}
    with pytest.raises(InputError, match=message) as caught:
        read_recording(PATH, {name: array for name, array in arrays.items() if array is not None})
    assert "`detections` seen.npz" in str(caught.value)
