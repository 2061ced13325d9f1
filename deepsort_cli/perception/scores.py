"""What a detector's scores mean to a tracker: from which on a track begins, and from which on it continues.

The same number means different things to different detectors, so those that are known carry a pair of their own.
Nothing is imported here: settings ask for it.
"""

from __future__ import annotations

from typing import NamedTuple


class ScorePair(NamedTuple):
    """Scores of one detector.

    Attributes:
        start: a track begins only with a detection scored at least this, where beginnings have to be sure
            (`tracker.start_score` auto).
        keep: lowest score of a detection at all (`detector.conf`).
        measured: on what it was chosen; empty where it was not.
    """

    start: float
    keep: float
    measured: str = ""


USUAL = ScorePair(start=0.7, keep=0.3)
"""Of detectors without a pair of their own, of stored detections and of functions."""
HOG = "hog"
OWN = {
    HOG: ScorePair(0.5, 0.4, "TUD-Campus, TUD-Stadtmitte and 300 frames of vtest.avi"),
    "yolox_nano": ScorePair(0.7, 0.3, "vtest.avi, TUD-Campus, TUD-Stadtmitte, still and shaking, two demo scenes"),
}
"""By name of the model."""


def scores_of(model: str | None) -> ScorePair:
    """The pair of a detector by its name, as `detector.model_path` has it; of all others the usual one."""
    return OWN.get((model or HOG).lower(), USUAL)
