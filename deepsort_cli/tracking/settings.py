"""Settings of the tracker."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, field_validator, model_validator

from deepsort_cli.core.durations import seconds_of
from deepsort_cli.core.settings import CommaFloats, Settings
from deepsort_cli.tracking.ages import FramesOrSeconds, FramesOrSecondsOrNone, FramesOrSecondsOrUnset

CANONICAL_COSINE_DISTANCE = 0.2
"""Largest cosine distance of the paper's own network, where neither the user nor the Re-ID model says otherwise."""
PER_THRESHOLD = 1.25
"""The usual distance between people, as a multiple of the largest cosine distance at which a look matches a track."""
LEAST_DISTANCE = 1e-6
"""The least between people: what was measured may be rounded to 0, and distances are divided by it."""
NOBODY_ALIKE = "`{}`: `tracker.max_cosine_distance` is 0, so that nobody looks like anybody. Raise it, or set `{}`."
START_SCORE = 0.7
"""Score from which a track begins, where that has to be sure and nothing is known of the detector."""
FULL_SCORE = 0.5
"""Lowest score of a full detection where neither the user nor a detector says otherwise."""

PER_CAMERA = 2.0
"""The largest distance between the means of a person's looks in two cameras, as a multiple of that at which a look
matches a track of the same camera; measured on CUHK03, see docs/ACROSS.md."""
UNLIKE_STRANGERS = 0.9
"""That distance as a part of the one between people who are seen at once and yet look alike."""
CAUTION = 0.5
"""It as a part of the largest, as long as nothing is known of how alike people look here."""
UNRIVALLED = 0.6
"""Who is nearer than this part of the distance of the next person may be as far away as the largest allows."""
SAME = PER_THRESHOLD / PER_CAMERA
"""The largest distance within one camera, as a part of that between two."""
LEAST_LIMIT = 0.25
"""The least that it shrinks to because others look alike, as a part of the largest."""
USUAL_LOOKS = 5
"""Of a track, after which its person is decided."""
SURE_ALIKE, SURE_UNLIKE = 0.9, 1.6
"""The distances at which a single look is enough to say that it is somebody, or nobody known; parts of the largest."""

SLOWEST, USUAL = 7.0, 15.0
TIME_LAPSE = 1e-6
"""Frames per second: sources slower than the first are given a nominal rate, the multiple of theirs that reaches the
second, or the second itself where they are no faster than the third."""


def _one_or_many(value: Any) -> Any:
    """A single region may stand without brackets, and its numbers may be a list."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list | tuple):
        if value and all(_is_number(item) for item in value):
            value = [value]
        return [",".join(map(str, item)) if isinstance(item, list | tuple) else item for item in value]
    return value


def _is_number(value: Any) -> bool:
    """A number, also as text; a region has several."""
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _distance_or_auto(value: Any) -> Any:
    """Checks a distance here, so that what is wrong with it is said once and not for each alternative."""
    if value is None or value == "auto":
        return value
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if number != number:
        raise ValueError("must be a number from 0 to 2, or auto")
    if not 0 <= number <= 2:
        raise ValueError(f"must be {'at least 0' if number < 0 else 'at most 2'}")
    return number


DistanceOrAuto = Annotated[Literal["auto"] | float | None, BeforeValidator(_distance_or_auto)]
"""A cosine distance, or to be measured while tracking."""


def _score_or_auto(value: Any) -> Any:
    """As `_distance_or_auto`, for a score of any size."""
    if value is None or value == "auto":
        return value
    if isinstance(value, bool) or not _is_number(value) or not math.isfinite(float(value)):
        raise ValueError("must be a number, or auto")
    return float(value)


ScoreOrAuto = Annotated[Literal["auto"] | float | None, BeforeValidator(_score_or_auto)]
"""A detector's score, or the one that suits the detector."""

Regions = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]
"""Lines or zones as text, `[name=]x1,y1,x2,y2,…`; `core.regions` reads it."""


def _groups(value: Any) -> Any:
    """One group may stand without brackets, and its numbers may be a list."""
    values = [value] if isinstance(value, str | int) else value
    if not isinstance(values, list | tuple):
        return value
    if values and all(isinstance(item, int) for item in values):
        values = [values]
    return [",".join(map(str, item)) if isinstance(item, list | tuple) else str(item) for item in values]


Groups = Annotated[tuple[str, ...], BeforeValidator(_groups)]
"""Numbers of sources, `1,2`, or `all`; `people.places` reads them."""


def _seconds_by_pair(value: Any) -> Any:
    """Refuses times that are none, so that it is said once and not for each alternative."""
    found = value.values() if isinstance(value, dict) else [value]
    for seconds in found:
        if isinstance(seconds, bool) or not _is_number(seconds) or not 0 <= float(seconds) < math.inf:
            raise ValueError("must be seconds, at least 0, or such by pair of sources, as in {1,2: 30}")
    return {str(key): float(seconds) for key, seconds in value.items()} if isinstance(value, dict) else float(value)


class WithoutLooksSettings(Settings):
    """What else holds where no look was ever known: no Re-ID model, and no features with the detections.

    Overlap then has to do what appearance does otherwise. What is None is as with looks.
    """

    overlap_age: FramesOrSecondsOrUnset = Field(
        None,
        description="All confirmed tracks lost up to this choose by overlap together, before tentative ones: frames, "
        "or seconds as in 3s; null: as in the paper.",
    )
    max_iou_distance: float | None = Field(
        None,
        ge=0.0,
        le=1.0,
        description="Largest 1 − IoU at which these may match; null: max_iou_distance.",
    )
    n_init: FramesOrSecondsOrUnset = Field(None, description="Detections that confirm a track; null: n_init.")

    @property
    def seconds(self) -> list[str]:
        """The settings that are given in seconds, not in frames."""
        return [name for name in ("overlap_age", "n_init") if isinstance(getattr(self, name), str)]


class TrackerSettings(Settings):
    """Parameters of DeepSORT, with the defaults of Wojke et al. 2017, and later ideas, all off by default.

    What is None depends on other parts: `filled` takes it from them; a tracker on its own uses the canonical values.
    """

    max_cosine_distance: DistanceOrAuto = Field(
        None,
        description="Largest cosine distance at which an appearance may match, or auto: measured on the first minute; "
        "null: the model's own, else 0.2.",
    )
    nn_budget: int | None = Field(100, ge=1, description="Appearance features kept per track, newest first; null: all.")
    max_iou_distance: float = Field(0.7, ge=0.0, le=1.0, description="Largest 1 − IoU at which boxes may match.")
    max_age: FramesOrSeconds = Field(
        30,
        description="How long a confirmed track survives without a detection: frames looked at, or seconds as in 1.2s.",
    )
    n_init: FramesOrSeconds = Field(
        3,
        description="Detections that confirm a track, the first one included; or seconds it is seen on end: 0.1s.",
    )
    n_init_near: FramesOrSecondsOrUnset = Field(
        None,
        description="At least so many, or so long, where the new track overlaps a confirmed one (max_iou_distance): it "
        "may be the same person; null: n_init.",
    )
    confirm_first: bool = Field(
        False, description="Confirm tracks that begin in the first frame at once: who is there did not just come in."
    )
    clock: Literal["frames", "time"] | None = Field(
        None,
        description="Predict tracks by one step a frame, as in the paper, or by the time that passed between frames; "
        "null: frames.",
    )
    nominal_fps: float | None = Field(
        None,
        gt=0,
        le=1000,
        description="Frames per second at which the motion noise of one frame is the paper's; null: the source's.",
    )
    gating: bool = Field(True, description="Refuse appearance matches that the motion model finds implausible.")

    motion_weight: float = Field(
        0.0, ge=0.0, le=1.0, description="λ: how much motion ranks admissible matches beside appearance; 0: not at all."
    )
    nsa: bool = Field(
        False,
        description="Follow confident detections more closely: measurement noise times 1 − score, 0.1 at least (NSA).",
    )
    ema_alpha: float | None = Field(
        None,
        ge=0.0,
        lt=1.0,
        description="Weight of the past in one running mean of appearance per track, in place of the gallery; "
        "null: gallery.",
    )
    start_score: ScoreOrAuto = Field(
        None,
        description="A track begins only with a detection scored at least this; auto: what suits the detector, as far "
        "as known, else 0.7; null: with any full one.",
    )
    low_score: float | None = Field(
        None,
        description="Detections scored from here to high_score may continue tracks by overlap, no more; null: off.",
    )
    high_score: float | None = Field(
        None, description="With low_score: lowest score of a full detection; null: the detector's conf."
    )
    low_iou_distance: float = Field(
        0.5, ge=0.0, le=1.0, description="Largest 1 − IoU at which a low-scored box may continue a track."
    )
    overlap_age: FramesOrSeconds = Field(
        1,
        description="How long a lost track may still continue by overlap where looks are unknown: frames, or seconds "
        "as in 0.5s; 1: paper.",
    )
    without_looks: WithoutLooksSettings = Field(
        WithoutLooksSettings(), description="What else holds where no look was ever known."
    )
    box: Literal["kalman", "detection"] = Field(
        "kalman", description="Box reported of a track seen in this frame: the filter's, or its detection's own."
    )
    per_class: bool = Field(False, description="Match detections with tracks of their own class only.")
    dense_ids: bool = Field(
        False,
        description="Number tracks when they are confirmed: 1, 2, 3, … The original numbers all that begin.",
    )
    reentry_age: FramesOrSecondsOrNone = Field(
        0,
        description="How long a deleted track may get its id back by appearance: frames, or seconds as in 12s; 0: off.",
    )
    reentry_distance: float | None = Field(
        None, ge=0.0, le=2.0, description="Largest cosine distance for that; null: half of max_cosine_distance."
    )
    refresh_every: int | None = Field(
        None,
        ge=1,
        description="Embed only where appearance can decide, and each track again after so many frames; null: always.",
    )

    @property
    def appearance_threshold(self) -> float:
        """The `max_cosine_distance` in force."""
        known = self.max_cosine_distance
        return CANONICAL_COSINE_DISTANCE if known is None or known == "auto" else known

    @property
    def seconds(self) -> list[str]:
        """The settings that are given in seconds, not in frames."""
        inner = [f"without_looks.{name}" for name in self.without_looks.seconds]
        return [name for name in _AGES if isinstance(getattr(self, name), str)] + inner

    @property
    def needs_time(self) -> bool:
        """Whether a tracker with these settings should be told the time of every frame."""
        return self.clock == "time" or bool(self.seconds)

    def at_rate(self, fps: float) -> TrackerSettings:
        """These settings for a source of so many frames per second, unless they name a rate themselves.

        A frame of a source slower than any in MOTChallenge lasts several nominal ones: the noise of one frame does not
        reach as far as people walk in half a second.
        """
        if self.nominal_fps is not None:
            return self
        nominal = fps if fps >= SLOWEST else fps * math.ceil(USUAL / fps) if fps > TIME_LAPSE else USUAL
        return self.model_copy(update={"nominal_fps": nominal})

    @property
    def full_score(self) -> float:
        """The `high_score` in force."""
        return FULL_SCORE if self.high_score is None else self.high_score

    @property
    def least_start(self) -> float | None:
        """The `start_score` in force; None: any."""
        return START_SCORE if self.start_score == "auto" else self.start_score

    def filled(self, conf: float, threshold: float | None, start: float = START_SCORE) -> TrackerSettings:
        """These settings with nothing left open.

        Args:
            conf: the detector's lowest confidence of a full detection.
            threshold: the Re-ID model's own `max_cosine_distance`, None where it has none.
            start: the score from which this detector's detections are sure enough to begin a track.

        Raises:
            ValueError: `low_score` is not below the lowest score of a full detection.
        """
        values = self.model_dump()
        values["clock"] = self.clock or "frames"
        if self.max_cosine_distance in (None, "auto"):
            values["max_cosine_distance"] = CANONICAL_COSINE_DISTANCE if threshold is None else threshold
        if self.start_score == "auto":
            values["start_score"] = start
        if self.high_score is None:
            values["high_score"] = conf
            if self.low_score is not None and self.low_score >= conf:
                raise ValueError(
                    f"`tracker.low_score` {self.low_score:g} must be below the detector's conf {conf:g}. "
                    "Lower it, or leave it out"
                )
        return TrackerSettings(**values)

    @model_validator(mode="after")
    def _check_scores(self) -> TrackerSettings:
        if self.low_score is not None and self.high_score is not None and self.low_score >= self.high_score:
            raise ValueError(
                f"`tracker.low_score` {self.low_score:g} must be below `tracker.high_score` {self.high_score:g}"
            )
        return self


_AGES = ("max_age", "n_init", "n_init_near", "overlap_age", "reentry_age")


class LinkOptions(NamedTuple):
    """What `linking.link` goes by.

    Attributes:
        distance: cosine distance at which looks alone tell people apart.
        max_gap: seconds after which nobody is recognised any more.
    """

    distance: float
    max_gap: float


class RefinementSettings(Settings):
    """What is done to finished tracks, when the whole sequence is known."""

    interpolate: Literal["linear", "gaussian"] | None = Field(
        None, description="Fill gaps in tracks: linear, or gaussian, which also smooths the boxes; null: not at all."
    )
    max_gap: int = Field(20, ge=1, description="Longest gap to fill, in missing frames.")
    min_length: int = Field(1, ge=1, description="Drop tracks with boxes in fewer frames than this.")
    link: bool = Field(
        False, description="Join the tracks of one person by looks, time and motion; split tracks of two people."
    )
    link_distance: float | None = Field(
        None,
        gt=0.0,
        le=2.0,
        description="Cosine distance at which looks alone tell people apart; null: 1.25 × max_cosine_distance.",
    )
    link_gap: float = Field(8.0, gt=0.0, description="Seconds after which nobody is recognised any more.")

    @property
    def wanted(self) -> bool:
        """Whether anything is to be done at all."""
        return self.link or self.interpolate is not None or self.min_length > 1

    @property
    def unheard(self) -> str | None:
        """What is set but of no effect, as what it belongs to is not wanted; None where there is nothing of that."""
        asked = {"link": self.link, "interpolate": self.interpolate is not None}
        for name, master, how in (
            ("link_distance", "link", "true"),
            ("link_gap", "link", "true"),
            ("max_gap", "interpolate", "linear"),
        ):
            if not asked[master] and getattr(self, name) != type(self).model_fields[name].default:
                return (
                    f"`refinement.{name}`={getattr(self, name)} changes nothing, as `refinement.{master}` is not asked "
                    f"for: set `refinement.{master}`={how}."
                )
        return None

    def link_options(self, threshold: float) -> LinkOptions:
        """What linking goes by, where `threshold` is the `max_cosine_distance` of the looks."""
        distance = max(PER_THRESHOLD * threshold, LEAST_DISTANCE) if self.link_distance is None else self.link_distance
        return LinkOptions(distance, self.link_gap)


class CountingSettings(Settings):
    """Lines and zones in the picture where people are counted by where they stand."""

    lines: Regions = Field(
        (), description="Count who crosses the line x1,y1,x2,y2 in pixels, or name=x1,y1,x2,y2; repeat for several."
    )
    zones: Regions = Field(
        (),
        description="Count who is inside x1,y1,x2,y2,x3,y3,… around a zone, or name=x1,y1,…; repeat for several.",
    )
    margin: float = Field(
        0.05,
        ge=0.0,
        le=1.0,
        description="How far beyond a line or border, in box heights, a step across becomes certain.",
    )


class PeopleRule(NamedTuple):
    """How alike two sets of looks must be to be one person's; cosine distances between their means.

    Attributes:
        same: the largest within one camera.
        across: the largest between two cameras.
        enrolled: the largest between a camera and enrolled looks.
        looks: how many looks of a track decide in any case.
        adapts: whether people who are seen at once, so that they are different, lower the first two.
    """

    same: float
    across: float
    enrolled: float
    looks: int
    adapts: bool = True

    def limits(self, camera: str, other: str, strangers: float | None = None) -> tuple[float, float]:
        """The largest distance between looks of two cameras, and the largest where there is no rival.

        Args:
            camera, other: in any order; the empty name is that of enrolled looks.
            strangers: what people who are different leave of it; None as long as nobody knows.
        """
        if not camera or not other:
            return self.enrolled, self.enrolled
        most = self.same if camera == other else self.across
        if not self.adapts:
            return most, most
        if strangers is None:
            return CAUTION * most, most
        return max(min(most, strangers), LEAST_LIMIT * most), most

    def sure(self, looks: int) -> tuple[float, float]:
        """The distances, as parts of the limit, up to which so many looks are somebody, and from which nobody known."""
        missing = max(self.looks - looks, 0) / max(self.looks - 1, 1)
        return 1 + (SURE_ALIKE - 1) * missing, 1 + (SURE_UNLIKE - 1) * missing


class CamerasSettings(Settings):
    """What is known about cameras that the same people walk past."""

    enabled: bool = Field(
        False, description="Say which person each track is, the same in all sources: by looks, time and place."
    )
    distance: float | None = Field(
        None,
        gt=0.0,
        le=2.0,
        description="Largest cosine distance between the mean looks of one person in two cameras; null: 2 × "
        "max_cosine_distance, and less where people look alike.",
    )
    overlap: Groups = Field(
        (),
        description="Sources that see the same place, so that a person may be in both at once: 1,2 counted from 1 in "
        "the order given, or all; repeat for several places.",
    )
    min_seconds: Annotated[float | dict[str, float], BeforeValidator(_seconds_by_pair)] = Field(
        0.0,
        description="Least time from one source to another: for all that do not overlap, or by pair, as in {1,2: 30}.",
    )
    starts: CommaFloats = Field(
        (), description="When each recording began, in seconds on one clock; empty: all at the same moment."
    )

    @property
    def unheard(self) -> str | None:
        """What is set but of no effect, as people are not asked for; None where there is nothing of that."""
        if self.enabled:
            return None
        changed = [
            name
            for name, field in type(self).model_fields.items()
            if name != "enabled" and getattr(self, name) != field.default
        ]
        if not changed:
            return None
        return (
            f"`across.{changed[0]}` changes nothing, as `across.enabled` is not asked for: set `across.enabled`=true."
        )

    def rule(self, threshold: float) -> PeopleRule:
        """What people are told apart by, where `threshold` is the `max_cosine_distance` of the looks."""
        if self.distance is not None:
            return PeopleRule(min(SAME * self.distance, 2.0), self.distance, self.distance, USUAL_LOOKS, adapts=False)
        across = min(max(PER_CAMERA * threshold, LEAST_DISTANCE), 2.0)
        return PeopleRule(SAME * across, across, across, USUAL_LOOKS)


class AcrossSettings(CamerasSettings):
    """People known across all sources of a run."""

    looks: int = Field(
        USUAL_LOOKS, ge=1, description="Looks of a track, 0.2 s apart, after which its person is decided."
    )
    known: Path | None = Field(
        None,
        description="Folder of known people, NAME/*.jpg: tracks that look like one get the name.",
        json_schema_extra={"metavar": "DIR"},
    )
    known_distance: float | None = Field(
        None,
        gt=0.0,
        le=2.0,
        description="Largest cosine distance to a known person's pictures; null: found from all of these.",
    )
    people: Path | None = Field(
        None,
        description="File of people, .npz, read at the start and written by the run: who comes again in a later run "
        "keeps the number and the name.",
    )
    keep: str | None = Field(
        None,
        description="Forget people of that file whom no run has seen for so long: 12h, 7d; null: nobody.",
    )

    @field_validator("keep")
    @classmethod
    def _check_keep(cls, value: str | None) -> str | None:
        if value is not None:
            seconds_of(value)
        return value

    @property
    def wanted(self) -> bool:
        """Whether people are told apart at all: across sources, by name, or from run to run."""
        return self.enabled or self.known is not None or self.people is not None

    @property
    def asked_by(self) -> str:
        """The key of what asks for people, where anything does."""
        return "across.known" if self.known else "across.people" if self.people else "across.enabled"

    @property
    def unheard(self) -> str | None:
        """What is set but of no effect, as people are not asked for; None where there is nothing of that."""
        if self.wanted:
            alone = {"known_distance": self.known is None and self.people is None, "keep": self.people is None}
            unused = next((name for name, lacks in alone.items() if lacks and getattr(self, name) is not None), None)
            master = {"known_distance": "across.known", "keep": "across.people"}
            return None if unused is None else f"`across.{unused}` changes nothing without `{master[unused]}`."
        return super().unheard

    def rule(self, threshold: float) -> PeopleRule:
        """What people are told apart by, where `threshold` is the `max_cosine_distance` of the looks."""
        return super().rule(threshold)._replace(looks=self.looks)
