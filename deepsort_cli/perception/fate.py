"""What became of a run's detections: for those who find nothing in the results."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from deepsort_cli.core.counted import counted
from deepsort_cli.perception.detectors.tally import DetectionCounts

FAR = "without area, or more than ten million pixels away"
"""What the tracker ignores."""


@dataclass(frozen=True)
class Fate:
    """From what a detector saw to tracks.

    Attributes:
        counts: of the detector, or of stored detections.
        conf: the lowest confidence that counted as a detection.
        stored: detections came from a file.
        function: they came from a function of the user's.
        unusable: detections without area, out of all reach or with boxes that are no numbers, ignored by the tracker.
        begun, unconfirmed: tracks begun, and those of them that were not seen in enough frames on end to be reported.
        n_init: in how many frames on end that is, or for how many seconds, as in 0.5s.
        beyond: stored detections of frames behind the last one of the source.
        last_resort: the detector was the built-in hog.
        held_back: detections that matched no track and were not sure enough to begin one.
        start_score: the score from which they are; None: any.
    """

    counts: DetectionCounts
    conf: float
    stored: bool
    unusable: int
    begun: int
    unconfirmed: int
    n_init: int | str
    beyond: int = 0
    last_resort: bool = False
    function: bool = False
    held_back: int = 0
    start_score: float | None = None

    @property
    def _enough(self) -> str:
        """How long a track must be seen to be reported."""
        if isinstance(self.n_init, int):
            return f"in {counted(self.n_init, 'frame')} on end"
        return f"for {self.n_init} on end"

    def lines(self) -> list[str]:
        """What was found, and where it went: one line for each reason that occurred."""
        counts = self.counts
        found = f"{counts.found:,} found in {counted(counts.frames, 'frame')}"
        if counts.found and counts.best_score:
            found += f", the best of a wanted class scores {counts.best_score:.2f}"
        classes = list(counts.classes.items())
        others = ", ".join(f"{name} {number:,}" for name, number in classes[:5]) + (", …" if len(classes) > 5 else "")
        reasons = (
            (counts.below_conf, f"below `detector.conf`={self.conf:g}"),
            (counts.other_class, f"of other classes ({others})"),
            (counts.below_conf_other_class, "of other classes and below `detector.conf`"),
            (counts.broken, "with boxes that are no numbers"),
            (counts.suppressed, "dropped by NMS: they overlap a better one"),
            (counts.over_limit, "beyond `detector.max_det`"),
            (counts.outside, "outside the picture"),
            (self.unusable, FAR if self.stored else f"{FAR}, or boxes that are no numbers"),
            (self.beyond, "in frames behind the last one of the source"),
            (self.held_back, f"began no track: below `tracker.start_score`={self.start_score}"),
        )
        lines = [found] + [f"{number:,} {reason}" for number, reason in reasons if number]
        if self.unconfirmed:
            begun = counted(self.begun, "track")
            lines.append(f"{self.unconfirmed:,} of {begun} never confirmed (seen {self._enough})")
        return lines

    def remedy(self) -> str:
        """The most likely reason why there are no tracks, and what to do about it."""
        counts = self.counts
        if not counts.frames:
            return "no frame was looked at." if not self.stored else "the source has no frame."
        if not counts.found and not self.beyond:
            if self.stored:
                return "the file has no detection in these frames. Is it of this source, and does it count from 1?"
            if self.last_resort:
                return (
                    "hog found nothing at all: it knows upright people seen nearly whole. A real detector finds far "
                    f"more: `detector.model_path`=yolox_nano; or lower `detector.conf`={self.conf:g}."
                )
            if self.function:
                return "the function given as detector found nothing at all."
            return (
                "the detector found nothing at all. Is something to be seen that it knows? Small objects need a larger "
                "`detector.imgsz`; other detectors are named with `detector.model_path`."
            )
        if self.held_back and not self.begun:
            return (
                f"nothing scores at least `tracker.start_score`={self.start_score:g}, with which a track begins; the "
                f"best of a wanted class scores {counts.best_score:.2f}: lower `tracker.start_score`, or null for any."
            )
        if self.unconfirmed and isinstance(self.n_init, int) and counts.frames < self.n_init:
            return (
                f"only {counted(counts.frames, 'frame was', 'frames were')} looked at, and tracks are confirmed when "
                f"seen in {self.n_init} on "
                "end: look at more (`input.max_frames`, `input.stride`), or lower `tracker.n_init`."
            )
        if self.unconfirmed and counts.kept > self.unusable:
            return (
                f"objects were found, but none overlapped {self._enough}. Lower "
                "`tracker.n_init`, raise "
                "`tracker.max_iou_distance`, or detect and keep more frames (`input.stride`, `detector.interval`, "
                "`input.max_frames`)."
            )
        causes = {
            "conf": counts.below_conf,
            "class": counts.other_class,
            "beyond": self.beyond,
            "area": self.unusable,
            "both": counts.below_conf_other_class,
            "outside": counts.outside,
            "broken": counts.broken,
        }
        low = (
            f"everything scores below `detector.conf`={self.conf:g}, at most {counts.best_score:.2f}: lower "
            "`detector.conf`."
        )
        if self.stored and counts.best_score <= 0:
            low = (
                "no confidence (column 7) is above 0. Bring them into 0 to 1, or write −1 in every row if there are "
                "none."
            )
        wanted = ",".join(list(counts.classes)[:5])
        return {
            "conf": low,
            "class": f"other classes were found, not those asked for: `detector.classes` {wanted}.",
            "beyond": "the detections are of frames that the source does not have. Is the file of this source?",
            "area": self.no_area(),
            "both": f"everything is of other classes and below `detector.conf`={self.conf:g}: set `detector.classes` "
            "or lower `detector.conf`.",
            "outside": "the boxes lie outside the picture. Are they in pixels of this source?",
            "broken": "the boxes are no numbers: the model is broken, or overflows in half precision. Export it "
            "again, in float32.",
        }[max(causes, key=lambda name: causes[name])]

    def no_area(self) -> str:
        """What is wrong with boxes that cannot be used."""
        if self.stored:
            return f"the boxes are {FAR}. Columns 3 to 6 are left, top, width and height in pixels."
        return f"the boxes are {FAR}, or no numbers. Expected are x1 y1 x2 y2 in pixels, x1 < x2 and y1 < y2."

    def as_json(self) -> dict[str, Any]:
        """All numbers, for `--json`."""
        counts = asdict(self.counts)
        counts["classes"] = dict(self.counts.classes)
        counts.pop("frames")
        return {
            **counts,
            "best_score": round(self.counts.best_score, 4),
            "unusable": self.unusable,
            "behind_the_end": self.beyond,
            "tracks_begun": self.begun,
            "tracks_unconfirmed": self.unconfirmed,
            "held_back": self.held_back,
        }
