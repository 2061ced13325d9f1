"""What is said to those who find nothing."""

from __future__ import annotations

import json

import pytest

from deepsort_cli.perception.detectors.tally import DetectionCounts
from deepsort_cli.perception.fate import Fate


def fate(unusable: int = 0, begun: int = 0, unconfirmed: int = 0, beyond: int = 0, **counts: object) -> Fate:
    given = {"frames": 10, "best_score": 0.2, **counts}
    return Fate(DetectionCounts(**given), 0.3, True, unusable, begun, unconfirmed, 3, beyond)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "line", "remedy"),
    [
        (fate(), "0 found in 10 frames", "count from 1"),
        (fate(found=7, below_conf=7), "7 below `detector.conf`=0.3", "at most 0.20: lower `detector.conf`"),
        (
            fate(found=7, below_conf=7, best_score=0.0),
            "7 below `detector.conf`=0.3",
            "no confidence (column 7) is above 0",
        ),
        (fate(frames=2, found=2, kept=2, begun=1, unconfirmed=1), "1 of 1 track never", "only 2 frames were looked at"),
        (fate(frames=1, found=2, kept=2, begun=1, unconfirmed=1), "2 found in 1 frame,", "only 1 frame was looked at"),
        (fate(found=7, other_class=7, classes={"car": 7}), "7 of other classes (car 7)", "`detector.classes` car"),
        (
            fate(found=7, below_conf_other_class=7),
            "of other classes and below `detector.conf`",
            "set `detector.classes` or lower `detector.conf`",
        ),
        (fate(found=7, outside=7), "7 outside the picture", "in pixels of this source"),
        (fate(found=7, broken=7), "7 with boxes that are no numbers", "in float32"),
        (fate(found=7, kept=7, unusable=7), "7 without area", "width and height in pixels"),
        (fate(beyond=7), "7 in frames behind the last one", "frames that the source does not have"),
        (fate(found=7, kept=7, begun=4, unconfirmed=4), "4 of 4 tracks never confirmed (seen in 3", "`tracker.n_init`"),
        (fate(frames=0), "0 found in 0 frames", "no frame"),
    ],
)
def test_where_detections_went_and_what_to_do(what: Fate, line: str, remedy: str) -> None:
    assert line in "\n".join(what.lines())
    assert remedy in what.remedy()
    json.dumps(what.as_json())


def test_nothing_sure_enough_to_begin_a_track() -> None:
    counts = DetectionCounts(frames=10, found=7, kept=7, best_score=0.65)
    unsure = Fate(counts, 0.3, False, 0, 0, 0, 3, held_back=7, start_score=0.7)
    assert "7 began no track: below `tracker.start_score`=0.7" in unsure.lines()
    assert "scores 0.65: lower `tracker.start_score`" in unsure.remedy()
    assert unsure.as_json()["held_back"] == 7


def test_a_detector_that_sees_nothing() -> None:
    blind = Fate(DetectionCounts(frames=4), 0.5, False, 0, 0, 0, 3)
    assert "`detector.imgsz`" in blind.remedy()
    built_in = Fate(DetectionCounts(frames=4), 0.5, False, 0, 0, 0, 3, last_resort=True)
    assert "`detector.model_path`=yolox_nano" in built_in.remedy()
    assert "`detector.imgsz`" not in built_in.remedy(), "it takes none"


def test_reasons_that_did_not_occur_are_left_out() -> None:
    assert fate(found=3, kept=3, best_score=0.9).lines() == [
        "3 found in 10 frames, the best of a wanted class scores 0.90"
    ]
