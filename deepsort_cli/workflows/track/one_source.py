"""One source from its first frame to its closed outputs: the threads around perceiving, following and writing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from deepsort_cli.core import Frame, Tracks
from deepsort_cli.core.box_tables import BoxTable
from deepsort_cli.core.counted import counted
from deepsort_cli.core.events import Listener
from deepsort_cli.core.looks import Features
from deepsort_cli.core.mot import Comparison
from deepsort_cli.core.regions import Counts
from deepsort_cli.core.streams import Behind, clock, timed
from deepsort_cli.core.turns import FairPool, Lane
from deepsort_cli.core.types import FloatArray, IntArray
from deepsort_cli.evaluation.looks import Memory
from deepsort_cli.serving.events import GONE_SECONDS
from deepsort_cli.serving.hub import HubSink
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.tracking.counting import RegionCounter
from deepsort_cli.tracking.linking import Known, Linking, link
from deepsort_cli.tracking.refinement import ALL_TOO_SHORT, longest_track, refine
from deepsort_cli.video.outputs import Outputs, Sinks, needs_pixels
from deepsort_cli.video.sinks import ComparisonSink, RowsSink, Sink
from deepsort_cli.video.sources import Source
from deepsort_cli.workflows.track.across import Across
from deepsort_cli.workflows.track.auto_threshold import AutoThreshold
from deepsort_cli.workflows.track.events import Ending, Live, Progress, Summary
from deepsort_cli.workflows.track.follow import Follower
from deepsort_cli.workflows.track.latency import Latencies
from deepsort_cli.workflows.track.parts import Parts
from deepsort_cli.workflows.track.perceive import Glance, Perceived, glances, perceive

READ_AHEAD = 4
WRITE_BEHIND = 8
WRITE_BEHIND_EACH = 3
"""Frames that wait to be written: of the only source, and of each of several, whose pictures all lie in memory."""
LIVE_IN_FLIGHT = 2
SILENT_SECONDS = 1.0

Written = tuple[Frame, Tracks, Counts | None, float | None]


@dataclass(frozen=True)
class Task:
    """A source, opened and checked, and what is to become of it.

    Attributes:
        name: of the source, unique in the run.
        source: the frames.
        outputs: what is written.
        counter: of lines and zones; None without.
        comparison: keeps the tracks beside the ground truth, for scoring; None where that is not wanted.
        truth: the table of ground truth behind `comparison`, where it is a file.
        rows: keeps all rows; None where nobody may ask for them.
        watch: shows the frames in a browser; None where nobody may look.
    """

    name: str
    source: Source
    outputs: Outputs
    counter: RegionCounter | None
    comparison: ComparisonSink | None
    truth: BoxTable | None
    rows: RowsSink | None
    watch: HubSink | None = None


class OneSource:
    """A source being tracked, one frame whenever `step` is called.

    Attributes:
        task: the source, and what is to become of it.
        parts: those of the run, with a detector that counts for this source alone.
        lane: what is seen in its frames, once it has started.
        follower: its tracker.
    """

    lane: Lane[Glance, Perceived]

    def __init__(
        self, task: Task, parts: Parts, settings: TrackSettings, listener: Listener, across: Across | None = None
    ) -> None:
        self.task = task
        self._across = across
        self._people: set[int] = set()
        keeps = settings.refinement.link or settings.output.save_looks is not None
        self._keeps_looks = keeps or task.watch is not None
        self.parts = replace(parts, detector=parts.detector.fresh())
        self._settings = settings
        self._listener = listener
        self.follower = Follower(
            self.parts,
            task.counter,
            fps=task.source.fps,
            matched_only=settings.output.emit == "matched",
            with_looks=self._keeps_looks or across is not None,
            margin=settings.counting.margin,
        )
        if settings.tracker.max_cosine_distance == "auto":
            memory = Memory(self.parts.tracker.nn_budget, self.parts.tracker.ema_alpha)
            self.follower.auto = AutoThreshold(memory, self.follower.threshold, listener.note, listener.warn)
        self._linking: Linking | None = None
        self._refined: int | None = None
        self._latencies = Latencies()
        self._opened = contextlib.ExitStack()
        self._sinks: Sinks | None = None
        self._last_frame = self._present = 0
        self._begin = self._stepped = time.perf_counter()

    def start(self, pool: FairPool[Glance, Perceived], *, shared: bool, alone: bool) -> None:
        """Open all outputs, and let the workers begin.

        Args:
            shared: whoever gets the frames may draw into images and change the arrays of tracks: outputs get copies.
            alone: there is no other source.
        """
        self._listener.happened(self._progress(0))
        self._begin = self._stepped = time.perf_counter()
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.task.source)
            self._sinks = stack.enter_context(self._open_sinks())
            if self.task.watch is not None:
                self.task.watch.shared = bool(self._sinks.pictures)
            put, has_room = self._writer(stack, self._sinks, pool, WRITE_BEHIND if alone else WRITE_BEHIND_EACH)
            self._write = self._giving(put, shared)
            self.lane = self._open_lane(stack, pool, has_room)
            self._opened = stack.pop_all()

    def step(self) -> tuple[Frame, Tracks] | None:
        """The next frame and its tracks, when the pool has named the lane; None at the end.

        Raises:
            DeepsortError: the source, a model or an output failed.
        """
        seen = self.lane.take()
        if seen is None:
            return None
        assert self._sinks is not None
        regions = None if self.task.watch is None else self.task.watch.take_regions()
        if regions is not None:
            self.follower.count_at(*regions)
        tracks = self._known(seen.frame, self.follower(seen))
        self._last_frame = seen.frame.index + self._settings.input.stride
        self._sinks.see(seen.frame, seen.detections, seen.motion)
        self._write(seen.frame, tracks)
        if seen.frame.arrived is not None:
            self._latencies.add(time.monotonic() - seen.frame.arrived)
        self._present, self._stepped = len(tracks), time.perf_counter()
        self._listener.happened(self._progress(len(tracks)))
        return seen.frame, tracks

    def _known(self, frame: Frame, tracks: Tracks) -> Tracks:
        """The tracks, with the people they are where that is asked for."""
        if self._across is None:
            return tracks
        with clock(self.follower.seconds, "people"):
            tracks = self._across(frame, tracks, self.follower.threshold)
        if tracks.people is not None:
            self._people.update(tracks.people[tracks.people > 0].tolist())
        return tracks if self._keeps_looks else tracks.with_features(None)

    def tick(self) -> None:
        """Say how it is, where no frame has come for a while."""
        silent, present = time.perf_counter() - self._stepped, self._present
        if not self.task.source.is_live or silent <= SILENT_SECONDS:
            return
        if silent > GONE_SECONDS and not self.task.source.connected:
            present = 0
            if self.task.watch is not None:
                self.task.watch.lose()
        self._listener.happened(replace(self._progress(present), fps=0.0))

    @property
    def quits(self) -> bool:
        """The user has closed its window."""
        return self._sinks is not None and self._sinks.display is not None and self._sinks.display.stopped

    def finish(self, error: BaseException | None = None) -> None:
        """Close all outputs, which then hold every frame until here.

        Args:
            error: what ended it, if that was one.

        Raises:
            DeepsortError: an output could not be finished.
        """
        if error is None:
            self._opened.close()
            if self.follower.auto is not None:
                self.follower.auto.finish()
        else:
            self._opened.__exit__(type(error), error, error.__traceback__)

    def _open_sinks(self) -> Sinks:
        task, refinement = self.task, self._settings.refinement
        extra: Sequence[Sink] = [sink for sink in (task.comparison, task.rows) if sink is not None]
        watching = [] if task.watch is None else [task.watch]
        outputs = replace(task.outputs, threshold=lambda: self.follower.threshold)
        if not refinement.wanted:
            return outputs.open(extra=extra, watching=watching)
        link = self._link if refinement.link else None
        return outputs.open(refine=self._refine, link=link, extra=extra, watching=watching)

    def _refine(self, table: FloatArray) -> FloatArray:
        """The rows of tables, refined."""
        settings = self._settings.refinement
        refined = refine(table, settings)
        before, self._refined = (len(np.unique(rows[:, 1])) for rows in (table, refined))
        name, least, longest = self.task.name, settings.min_length, longest_track(table)
        if longest < least:
            self._listener.warn(f"{name}: {ALL_TOO_SHORT.format(least)}")
        if before > self._refined:
            dropped = f"{name}: dropped {before - self._refined:,} of {counted(before, 'track')}"
            known = f" (the longest in {longest:,.0f})" if longest < least else ""
            self._listener.note(f"{dropped}, in fewer than {least:,} frames{known}")
        return refined

    def _link(
        self, table: FloatArray, seconds: FloatArray, classes: IntArray, rows: IntArray, looks: Features
    ) -> IntArray:
        """The ids of people; see `RefinedSink`."""
        name, options = self.task.name, self._settings.refinement.link_options(self.follower.threshold)
        ids, self._linking = link(table, Known(seconds, rows, looks, classes), options)
        self._listener.note(f"{name}: {self._linking}")
        if not len(rows) and len(table):
            self._listener.warn(f"{name}: nothing was linked, as of no track is known what it looked like.")
        return ids

    def _writer(
        self, stack: contextlib.ExitStack, sinks: Sinks, pool: FairPool[Glance, Perceived], behind: int
    ) -> tuple[Callable[[Written], None], Callable[[], bool]]:
        """What takes frames to the outputs, and whether it would do so at once."""
        if sinks.display is not None:  # a window must be served by the main thread; else writing has its own
            return sinks.write, lambda: True
        writer = stack.enter_context(Behind(sinks.write, behind, pool.nudge))
        return writer.put, writer.has_room

    def _giving(self, put: Callable[[Written], None], shared: bool) -> Callable[[Frame, Tracks], None]:
        """What gives every frame and its tracks to the outputs."""
        output = self._settings.output
        copies = shared and (needs_pixels(output) or self.task.watch is not None)

        def write(frame: Frame, tracks: Tracks) -> None:
            if shared:
                tracks = tracks.copy()
            if copies and frame.image is not None:
                frame = replace(frame, image=frame.image.copy())
            put((frame, tracks, self.follower.counts, self.follower.fps if output.show_fps else None))

        return write

    def _open_lane(
        self, stack: contextlib.ExitStack, pool: FairPool[Glance, Perceived], has_room: Callable[[], bool]
    ) -> Lane[Glance, Perceived]:
        """What is seen in the frames, in their order; `stack` ends it."""
        parts, source = self.parts, self.task.source
        named = (replace(frame, source=self.task.name) for frame in source)
        seen = timed(glances(parts, named), self.follower.seconds, "read")
        look = partial(perceive, parts)
        # Frames between detections cost the workers nothing, and embedding on demand keeps this thread busy: enough
        # frames have to wait for the workers not to run dry meanwhile.
        bursts = parts.interval > 1 or parts.embeds_on_demand
        waiting = 2 * parts.workers * parts.interval if bursts else 1
        if source.is_live:  # it has a reading thread of its own; few frames under way, no delay
            lane = pool.open(look, seen, in_flight=LIVE_IN_FLIGHT, arrival=source.wait, takes=has_room)
        else:
            lane = pool.open(look, seen, in_flight=parts.workers + waiting, ahead=READ_AHEAD, takes=has_room)
        stack.callback(lane.close)
        stack.callback(source.stop)  # a pipe or a camera may be silent for ever, and closing waits for the thread
        return lane

    def _progress(self, present: int) -> Progress:
        follower, total = self.follower, self.task.source.frame_count
        if total is not None and follower.frames > total:
            total = None  # it was an estimate, and too low
        live = self._live(self._latencies.lately)
        people = None if self._across is None else len(self._people)
        return Progress(self.task.name, total, follower.frames, len(follower.ids), present, follower.fps, live, people)

    def _live(self, latency: Callable[[float], float | None]) -> Live | None:
        source = self.task.source
        if not source.is_live:
            return None
        return Live(latency(0.5), latency(0.95), source.skipped, source.reconnects, source.connected)

    def summary(self, ending: Ending, error: BaseException | None = None) -> Summary:
        """What came of it, after `finish`."""
        # A recording ends where its detections do.
        whole = ending == "end" and self._settings.input.max_frames is None and self.task.source.kind != "recording"
        elapsed = time.perf_counter() - self._begin
        task, parts, follower = self.task, self.parts, self.follower
        count = max(follower.frames, 1)
        stages = {**follower.seconds, **({} if self._sinks is None else self._sinks.seconds)}
        embedded, skipped = follower.embedded
        return Summary(
            source=task.name,
            kind=task.source.kind,
            frames=follower.frames,
            tracks=len(follower.ids),
            rows=follower.rows,
            seconds=elapsed,
            stage_ms={stage: 1e3 * value / count for stage, value in stages.items() if value > 0},
            outputs=task.outputs.written,
            ending=ending,
            detector=parts.detector.name,
            embedder=parts.appearance,
            max_cosine_distance=follower.threshold,
            frames_detected=follower.detected,
            embedded=embedded,
            embeddings_skipped=skipped,
            camera_motions=follower.measured,
            by_time=parts.tracker.clock == "time",
            counts=follower.counts,
            comparison=self._comparison() if error is None else None,
            fate=follower.fate(self._last_frame if whole else None),
            present=self._present,
            live=self._live(self._latencies.overall),
            error=None if error is None else str(error),
            linking=self._linking,
            people=None if self._across is None else len(self._people),
            refined=self._refined,
        )

    def _comparison(self) -> Comparison | None:
        task = self.task
        if task.comparison is None:
            return None
        found = task.comparison.comparison()
        return found if task.truth is None else replace(found, truth_path=task.truth.path, truth_form=task.truth.form)
