"""Sinks that need the whole run: refined tracks, a summary and a timeline of all tracks, a comparison for scoring.

They write when they are closed, also after Ctrl-C or an error, about the frames that came until then.
"""

from __future__ import annotations

import contextlib
import csv
import math
from abc import abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np

from deepsort_cli.core.boxes import tlwh_to_xyxy, xyxy_to_tlwh
from deepsort_cli.core.files import atomic_path
from deepsort_cli.core.mot import Comparison
from deepsort_cli.core.regions import Counts
from deepsort_cli.core.types import FloatArray, Frame, Tracks
from deepsort_cli.video.colours import colour_of
from deepsort_cli.video.demo import GroundTruth
from deepsort_cli.video.sinks import ClassNames, Sink, ground_truth_rows, write_error

TIMELINE_SUFFIXES = (".png", ".svg", ".pdf")


class RefinedSink(Sink):
    """Holds tracks back until the end, has them refined, and then gives them to other sinks frame by frame.

    Rows filled in by the refinement have no score, no detection, and `time_since_update` counted from the track's last
    row before them.
    """

    def __init__(self, refine: Callable[[FloatArray], FloatArray], sinks: Sequence[Sink]) -> None:
        """Prepare.

        Args:
            refine: takes and gives (N, 7) rows `frame, id, left, top, width, height, x`; frames count what was tracked
                from 1, rows filled in have the x of the row before their gap.
            sinks: take frames without images; closed with this one.
        """
        self._refine = refine
        self._sinks = sinks
        self._frames: list[tuple[Frame, Tracks, Counts | None]] = []
        self._closed = False

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        self._frames.append((Frame(frame.index, None, frame.time), tracks, counts))

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        with contextlib.ExitStack() as stack:  # closes every sink, also when refining or one of them fails
            for sink in self._sinks:
                stack.callback(sink.close)
            if self._frames:
                for (frame, _, counts), tracks in zip(self._frames, self._refined(), strict=True):
                    for sink in self._sinks:
                        sink.write(frame, tracks, counts)

    def _refined(self) -> list[Tracks]:
        given = [tracks for _, tracks, _ in self._frames]
        everything = Tracks(
            *(
                np.concatenate([getattr(tracks, name) for tracks in given])
                for name in ("ids", "boxes", "scores", "class_ids", "time_since_update", "detection_index")
            )
        )
        numbers = np.repeat(np.arange(1, len(given) + 1), [len(tracks) for tracks in given])
        rows = np.arange(len(everything))
        table = np.column_stack([numbers, everything.ids, xyxy_to_tlwh(everything.boxes), rows])
        refined = self._refine(table)
        origin = refined[:, 6].astype(np.int64)
        late = refined[:, 0].astype(np.int64) - numbers[origin]
        all_tracks = Tracks(
            ids=refined[:, 1].astype(np.int64),
            boxes=tlwh_to_xyxy(refined[:, 2:6]),
            scores=np.where(late > 0, np.nan, everything.scores[origin]),
            class_ids=everything.class_ids[origin],
            time_since_update=everything.time_since_update[origin] + late,
            detection_index=np.where(late > 0, -1, everything.detection_index[origin]),
        )
        ends = np.searchsorted(refined[:, 0], np.arange(1, len(given) + 2))
        return [all_tracks[first:last] for first, last in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]


@dataclass
class _Life:
    """One track from its first to its last frame."""

    first_frame: int
    first_time: float
    first_foot: tuple[float, float]
    last_frame: int = 0
    last_time: float = 0.0
    last_foot: tuple[float, float] = (0.0, 0.0)
    frames: int = 0
    matched: int = 0
    distance: float = 0.0
    score_sum: float = 0.0
    scores: int = 0
    classes: Counter[int] = field(default_factory=Counter)
    spans: list[tuple[float, float]] = field(default_factory=list)
    """Seconds from when to when it was there without a gap: until the next frame came, which did not show it."""
    last_number: int = -1


class _Lives:
    """All tracks of a run, gathered frame by frame; memory grows with tracks and gaps, not with frames."""

    def __init__(self) -> None:
        self.of: dict[int, _Life] = {}
        self.frames = 0
        self.end = 0.0
        self._present: list[int] = []
        self._steps: deque[float] = deque(maxlen=15)

    def add(self, frame: Frame, tracks: Tracks) -> None:
        if self.frames:
            self._steps.append(frame.time - self.end)
            self._prolong(frame.time)
        number, self.frames, self.end = self.frames, self.frames + 1, frame.time
        self._present = tracks.ids.tolist()
        for i, (left, _, right, bottom) in enumerate(tracks.boxes.tolist()):
            track_id, foot = int(tracks.ids[i]), ((left + right) / 2, bottom)
            life = self.of.get(track_id)
            if life is None:
                life = self.of[track_id] = _Life(frame.index + 1, frame.time, foot, last_foot=foot)
            if life.last_number == number - 1 and life.spans:
                life.spans[-1] = (life.spans[-1][0], frame.time)
            else:
                life.spans.append((frame.time, frame.time))
            life.last_number = number
            life.distance += math.dist(life.last_foot, foot)
            life.last_frame, life.last_time, life.last_foot = frame.index + 1, frame.time, foot
            life.frames += 1
            matched = bool(tracks.detection_index[i] >= 0)
            life.matched += matched
            life.classes[int(tracks.class_ids[i])] += 1
            if matched and math.isfinite(tracks.scores[i]):
                life.score_sum += float(tracks.scores[i])
                life.scores += 1

    def finish(self, frame_seconds: float) -> None:
        """Let the last frame last as long as those before it; `frame_seconds` where there is none."""
        usual = median(self._steps) if self._steps else 0.0
        self.end += usual if usual > 0 else frame_seconds
        self._prolong(self.end)

    def _prolong(self, until: float) -> None:
        """Those of the last frame were there until now."""
        for track_id in self._present:
            spans = self.of[track_id].spans
            spans[-1] = (spans[-1][0], until)


class _LivesSink(Sink):
    """Gathers all tracks and writes about them when closed; nothing where there was no frame."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lives: _Lives | None = _Lives()

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        assert self._lives is not None
        self._lives.add(frame, tracks)

    def close(self) -> None:
        lives, self._lives = self._lives, None
        if lives is None or not lives.frames:
            return
        try:
            with atomic_path(self._path) as temporary:
                self._finish(temporary, lives)
        except OSError as error:
            raise write_error(self._path, error) from None

    @abstractmethod
    def _finish(self, path: Path, lives: _Lives) -> None:
        """Write the whole file."""


class SummarySink(_LivesSink):
    """A CSV table with one row per track.

    Columns: `id`; `class_id` and `class` it had most often; `first_frame`, `last_frame` (from 1); `first_second`,
    `last_second` and `duration`, the seconds between them; `frames` it was reported in, `matched` those with a
    detection of its own; `distance`, the way of the middle of its lower edge in pixels, and `displacement`, from where
    it began to where it ended in a straight line; `mean_score` of its detections.
    """

    COLUMNS = (
        "id", "class_id", "class", "first_frame", "last_frame", "first_second", "last_second", "duration", "frames",
        "matched", "distance", "displacement", "mean_score",
    )  # fmt: skip

    def __init__(self, path: Path, class_names: ClassNames | None = None) -> None:
        super().__init__(path)
        self._names = class_names or {}

    def _finish(self, path: Path, lives: _Lives) -> None:
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(self.COLUMNS)
            writer.writerows(self._row(track_id, life) for track_id, life in sorted(lives.of.items()))

    def _row(self, track_id: int, life: _Life) -> tuple[object, ...]:
        class_id = life.classes.most_common(1)[0][0]
        return (
            track_id,
            class_id,
            self._names.get(class_id, str(class_id)),
            life.first_frame,
            life.last_frame,
            f"{life.first_time:.3f}",
            f"{life.last_time:.3f}",
            f"{life.last_time - life.first_time:.3f}",
            life.frames,
            life.matched,
            f"{life.distance:.1f}",
            f"{math.dist(life.first_foot, life.last_foot):.1f}",
            f"{life.score_sum / life.scores:.4f}" if life.scores else "",
        )


class TimelineSink(_LivesSink):
    """A picture with a bar for every track over time, interrupted where it was not seen."""

    def __init__(self, path: Path, title: str, fps: float) -> None:
        super().__init__(path)
        self._title = title
        self._frame_seconds = 1 / fps

    def _finish(self, path: Path, lives: _Lives) -> None:
        lives.finish(self._frame_seconds)
        _draw_timeline(path, self._title, lives)


def _draw_timeline(path: Path, title: str, lives: _Lives) -> None:
    """Tracks from top to bottom in the order they appeared, in the colours they have in the video."""
    from matplotlib.figure import Figure  # takes half a second, and most runs draw no timeline
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    tracks = sorted(lives.of.items(), key=lambda item: (item[1].first_time, item[0]))
    inches_a_bar = min(0.2, 40 / max(len(tracks), 1))
    figure = Figure(figsize=(10, 1.2 + inches_a_bar * max(len(tracks), 4)), layout="constrained", dpi=110)
    axes = figure.add_subplot()
    for row, (track_id, life) in enumerate(tracks):
        bars = [(begin, end - begin) for begin, end in life.spans]
        blue, green, red = colour_of(track_id)
        axes.broken_barh(bars, (row - 0.4, 0.8), facecolors=(red / 255, green / 255, blue / 255), linewidth=0)
    every = math.ceil(0.13 / inches_a_bar)  # numbers would overlap on bars thinner than that
    axes.set_yticks(range(0, len(tracks), every), [str(track_id) for track_id, _ in tracks[::every]], fontsize=8)
    axes.set_ylim(max(len(tracks), 1) - 0.3, -0.7)
    axes.set_xlim(min(0.0, lives.end), max(0.0, lives.end))
    axes.xaxis.set_major_locator(MaxNLocator(12, steps=[1, 2, 3, 6, 10] if lives.end >= 60 else None))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _clock(value) if lives.end >= 60 else f"{value:g}"))
    axes.set_xlabel("time" if lives.end >= 60 else "seconds")
    axes.set_ylabel("track")
    axes.set_title(f"{title}: {len(tracks)} tracks", loc="left", fontsize=11)
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    for edge in ("top", "right", "left"):
        axes.spines[edge].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.savefig(path)


def _clock(seconds: float) -> str:
    """Minutes and seconds, with hours where there are any: 1:05, 2:00:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class ComparisonSink(Sink):
    """Keeps result rows as they are written to text, beside the ground truth of the same frames."""

    def __init__(
        self, name: str, ground_truth: FloatArray | None, truth_of: Callable[[int], GroundTruth | None]
    ) -> None:
        """Prepare.

        Args:
            ground_truth: the ground truth of the whole sequence, (M, ≥ 7) rows; None to ask `truth_of`.
            truth_of: exact ground truth by frame index.
        """
        self._name = name
        self._table = ground_truth
        self._truth_of = truth_of
        self._frames: list[int] = []
        self._results: list[FloatArray] = []
        self._truths: list[FloatArray] = []

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        number = frame.index + 1
        self._frames.append(number)
        rows = np.full((len(tracks), 10), -1.0)
        rows[:, 0], rows[:, 1] = number, tracks.ids
        rows[:, 2:6] = np.round(xyxy_to_tlwh(tracks.boxes), 2)
        rows[:, 6] = 1
        self._results.append(rows)
        truth = self._truth_of(frame.index) if self._table is None else None
        if truth is not None:
            self._truths.append(ground_truth_rows(frame.index, truth))

    def close(self) -> None:
        """Nothing to finish: `comparison` holds what came."""

    def comparison(self) -> Comparison:
        truth = self._table
        if truth is None:
            truth = np.concatenate([np.empty((0, 9)), *self._truths])
        tracked = np.isin(truth[:, 0], self._frames)
        return Comparison(
            name=self._name,
            results=np.concatenate([np.empty((0, 10)), *self._results]),
            ground_truth=truth[tracked],
            left_out=len(np.unique(truth[~tracked, 0])),
        )
