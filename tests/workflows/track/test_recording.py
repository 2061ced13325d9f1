"""A run is recorded, and tracking the recording gives its rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import deepsort_cli as deepsort
from deepsort_cli.core import InputError
from deepsort_cli.core.events import Listener
from deepsort_cli.video.settings import SourceSettings
from deepsort_cli.workflows.recorded import load_stored

SCENE = {"width": 320, "height": 240, "people": 4, "frames": 40}


class Said(Listener):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, message: str) -> None:
        self.lines.append(message)

    warn = note


def shaky(image: np.ndarray) -> np.ndarray:
    """Boxes that follow from the picture alone, with a part of them missing: columns of what is not floor."""
    means = image.reshape(-1, 20, 16, 3).mean(axis=(0, 2))
    strange = np.abs(means - np.median(means, axis=0)).sum(axis=1)
    best = np.sort(np.argsort(-strange, kind="stable")[:6])
    left = 16.0 * best + strange[best] % 3
    return np.stack([left, 60 + left / 9, left + 15.5, 180 + left / 9, 0.2 + strange[best] % 0.75], axis=1)


def looks(image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    crops = [image[60:180, int(x1) : int(x1) + 15] for x1 in boxes[:, 0]]
    return np.array([crop.mean(axis=(0, 1)) - 90 for crop in crops], np.float32)


def rows(*sources: str, **keywords: Any) -> tuple[np.ndarray, deepsort.Summary]:
    run = deepsort.track(*sources, **keywords).finish()
    return run.table(), run.summary


def same(first: np.ndarray, second: np.ndarray) -> bool:
    return len(first) > 20 and all(np.array_equal(first[name], second[name]) for name in first.dtype.names)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"preset": "strong"},
        {"start": 4, "stride": 3},
        {"detect_every": 2, "low_score": 0.25},
        {"preset": "fast", "conf": 0.5},
    ],
    ids=str,
)
def test_a_recording_gives_the_rows_of_the_run(tmp_path: Path, settings: dict[str, Any]) -> None:
    path, settings = tmp_path / "seen.npz", {"demo": SCENE, "n_init": 1, **settings}
    live, summary = rows("demo", detector=shaky, reid=looks, save_detections=path, **settings)
    again, replayed = rows(detections=path, **{**settings, "stride": 1})
    if "stride" in settings:  # a third of the frames is all there is, so the tracker goes on from one to the next
        assert replayed.frames == summary.frames
    assert same(live, again)
    assert (replayed.kind, replayed.camera_motions) == ("recording", summary.camera_motions)


def test_low_detections_and_other_settings_can_be_tried_on_one_recording(tmp_path: Path) -> None:
    path = tmp_path / "seen.npz"
    rows("demo", detector=shaky, reid=looks, conf=0.2, demo=SCENE, save_detections=path)
    for settings in ({"conf": 0.6}, {"conf": 0.6, "low_score": 0.3}, {"max_cosine_distance": 0.01}):
        live, _ = rows("demo", detector=shaky, reid=looks, demo=SCENE, n_init=1, **{"conf": 0.2, **settings})
        again, _ = rows(detections=path, n_init=1, **{"conf": 0.2, **settings})
        assert same(live, again), settings


def test_what_a_recording_cannot_give_is_said(tmp_path: Path) -> None:
    path, listener = tmp_path / "seen.npz", Said()
    rows("demo", detector=shaky, reid=looks, preset="fast", conf=0.5, camera_motion="flow", demo=SCENE,
         save_detections=path, listener=listener)  # fmt: skip
    assert any("all detections are embedded" in line for line in listener.lines)
    rows(detections=path, conf=0.1, stride=2, camera_motion="flow", listener=listener)
    assert any("recorded from a score of 0.5" in line for line in listener.lines)
    assert any("camera's motion was recorded between frames" in line for line in listener.lines)
    every_third = tmp_path / "third.npz"
    rows("demo", detector=shaky, reid=looks, camera_motion="flow", demo=SCENE, stride=3, save_detections=every_third)
    for given, compensated in (({}, True), ({"stride": 3}, True), ({"start": 6}, True), ({"stride": 2}, False)):
        _, summary = rows(detections=every_third, camera_motion="flow", **given)
        assert (summary.camera_motions is not None) == compensated, given
        assert summary.fate.beyond == 0, given
    with pytest.raises(InputError, match=r"`input.stride` 3: none of these frames from 1 .*recorded.* `input.start`=3"):
        deepsort.track(detections=every_third, stride=3, start=1)
    with pytest.raises(InputError, match=r"ends in \.npz\. Try .*rows\.npz"):
        deepsort.track("demo", save_detections=tmp_path / "rows.txt")
    with pytest.raises(InputError, match="frames' images"):
        deepsort.track(detections=path, save=tmp_path / "out.mp4")


def test_an_interrupted_run_leaves_a_whole_recording(tmp_path: Path) -> None:
    path = tmp_path / "seen.npz"
    for frame, _ in deepsort.track("demo", detector=shaky, reid=looks, demo=SCENE, save_detections=path):
        if frame.index == 9:
            break
    _, summary = rows(detections=path)
    assert summary.frames == 10
    assert list(tmp_path.iterdir()) == [path]


def test_times_that_stand_still_are_refused_where_frames_go_by_them(tmp_path: Path) -> None:
    path, still, settings = tmp_path / "seen.npz", tmp_path / "still.npz", {"demo": SCENE, "n_init": 1}
    live, _ = rows("demo", detector=shaky, reid=looks, save_detections=path, **settings)
    with np.load(path) as arrays:
        np.savez(still, **{**arrays, "frame_time": np.zeros_like(arrays["frame_time"])})
    with pytest.raises(InputError, match=r"`detections` .*still.npz: the array `frame_time` must ascend.*`input.fps`"):
        deepsort.track(detections=still)
    with pytest.raises(InputError, match=r"`source` .*still.npz: the array `frame_time` must ascend"):
        load_stored(str(still), SourceSettings())
    assert len(load_stored(str(still), SourceSettings(fps=15)).times) == SCENE["frames"]
    for sources, given in ((("demo",), {}), ((), {"input": {"fps": 15}})):  # a source, or the user, knows better
        again, _ = rows(*sources, detections=still, **settings, **given)
        assert len(live) == len(again) > 20
        assert all(np.array_equal(live[name], again[name]) for name in live.dtype.names if name != "time")


def test_the_recording_of_another_source_is_noticed(tmp_path: Path) -> None:
    path, said = tmp_path / "seen.npz", Said()
    small = {**SCENE, "frames": 4}
    rows("demo", detector=shaky, reid=looks, demo=small, save_detections=path)
    deepsort.track("demo", detections=path, demo=small, listener=said).close()
    deepsort.track(detections=path, listener=said).close()
    assert not any("recorded of" in line for line in said.lines)
    deepsort.track("demo", detections=path, demo={**small, "width": 400}, listener=said).close()
    assert "recorded of demo, in pictures of 320×240, but those of demo are of 400×240" in said.lines[-1]
    (tmp_path / "other").mkdir()
    for i in range(2):
        cv2.imwrite(str(tmp_path / "other" / f"{i}.png"), np.zeros((240, 320, 3), np.uint8))
    deepsort.track(tmp_path / "other", detections=path, listener=said).close()
    assert any("recorded of demo, and taken for other now" in line for line in said.lines)
