"""One source from its first frame to its closed outputs: the threads around perceiving, following and writing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from deepsort_cli.core import Frame, Tracks
from deepsort_cli.core.box_tables import BoxTable
from deepsort_cli.core.events import Listener
from deepsort_cli.core.mot import Comparison
from deepsort_cli.core.regions import Counts
from deepsort_cli.core.streams import Ahead, Behind, InParallel, timed
from deepsort_cli.evaluation.looks import Memory
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.tracking.counting import RegionCounter
from deepsort_cli.tracking.refinement import refine
from deepsort_cli.video.outputs import Outputs, Sinks, needs_pixels
from deepsort_cli.video.sinks import ComparisonSink, RowsSink, Sink
from deepsort_cli.video.sources import Source
from deepsort_cli.workflows.track.auto_threshold import AutoThreshold
from deepsort_cli.workflows.track.events import Ending, Progress, Summary
from deepsort_cli.workflows.track.follow import Follower
from deepsort_cli.workflows.track.parts import Parts
from deepsort_cli.workflows.track.perceive import Glance, Perceived, glances, perceive

READ_AHEAD = 4
WRITE_BEHIND = 8
LIVE_WORKERS = 2

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
    """

    name: str
    source: Source
    outputs: Outputs
    counter: RegionCounter | None
    comparison: ComparisonSink | None
    truth: BoxTable | None
    rows: RowsSink | None


class OneSource:
    """A source being tracked.

    Attributes:
        summary: what came of it; None before its outputs are closed, and after an error.
        follower: its tracker.
    """

    def __init__(self, task: Task, parts: Parts, settings: TrackSettings, listener: Listener) -> None:
        self._task = task
        self._parts = parts
        self._settings = settings
        self._listener = listener
        matched_only = settings.output.emit == "matched"
        self.follower = Follower(parts, task.counter, fps=task.source.fps, matched_only=matched_only)
        if settings.tracker.max_cosine_distance == "auto":
            memory = Memory(parts.tracker.nn_budget, parts.tracker.ema_alpha)
            self.follower.auto = AutoThreshold(memory, self.follower.threshold, listener.note, listener.warn)
        self.summary: Summary | None = None

    def frames(self, *, shared: bool) -> Iterator[tuple[Frame, Tracks]]:
        """Track frame by frame. Leaving the iteration, however that happens, closes all outputs.

        Args:
            shared: whoever iterates may draw into images and change the arrays of tracks: outputs get copies.
        """
        task, last_frame = self._task, 0
        ending: Ending = "end"
        self._parts.detector.tally.reset()
        self._listener.happened(self._progress(0))
        begin = time.perf_counter()
        sinks = self._open_sinks()
        with task.source, sinks, contextlib.ExitStack() as stack:
            write = self._writer(sinks, stack, shared)
            try:
                for seen in self._perceived(stack):
                    tracks = self.follower(seen)
                    last_frame = seen.frame.index + self._settings.input.stride
                    sinks.see(seen.frame, seen.detections, seen.motion)
                    write(seen.frame, tracks)
                    self._listener.happened(self._progress(len(tracks)))
                    yield seen.frame, tracks
                    if sinks.display is not None and sinks.display.stopped:
                        ending = "quit"
                        break
            except KeyboardInterrupt:
                ending = "interrupted"
            except GeneratorExit:
                ending = "stopped"
        if self.follower.auto is not None:
            self.follower.auto.finish()
        whole = ending == "end" and self._settings.input.max_frames is None
        elapsed = time.perf_counter() - begin
        self.summary = self._summary(ending, elapsed, sinks.seconds, last_frame if whole else None)

    def _open_sinks(self) -> Sinks:
        task, refinement = self._task, self._settings.refinement
        extra: Sequence[Sink] = [sink for sink in (task.comparison, task.rows) if sink is not None]
        refined = (lambda table: refine(table, refinement)) if refinement.wanted else None
        return task.outputs.open(refine=refined, extra=extra)

    def _writer(self, sinks: Sinks, stack: contextlib.ExitStack, shared: bool) -> Callable[[Frame, Tracks], None]:
        """What takes every frame and its tracks to the outputs."""
        output, put = self._settings.output, sinks.write
        if sinks.display is None:  # a window must be served by the main thread; without one, writing has its own
            put = stack.enter_context(Behind(sinks.write, WRITE_BEHIND)).put
        copies = shared and needs_pixels(output)

        def write(frame: Frame, tracks: Tracks) -> None:
            if shared:
                tracks = tracks.copy()
            if copies and frame.image is not None:
                frame = Frame(frame.index, frame.image.copy(), frame.time)
            put((frame, tracks, self.follower.counts, self.follower.fps if output.show_fps else None))

        return write

    def _perceived(self, stack: contextlib.ExitStack) -> Iterable[Perceived]:
        """What is seen in the frames, in their order, from threads that `stack` ends."""
        parts, source = self._parts, self._task.source
        look = partial(perceive, parts)
        seen: Iterable[Glance] = timed(glances(parts, source), self.follower.seconds, "read")
        if source.is_live:  # cameras and streams have a reading thread of their own; few frames in flight, no delay
            return stack.enter_context(InParallel(look, seen, min(parts.workers, LIVE_WORKERS), waiting=0))
        seen = stack.enter_context(Ahead(seen, READ_AHEAD))
        stack.callback(source.stop)  # a pipe may be silent for ever, and leaving `Ahead` waits for its thread
        # Frames between detections cost the workers nothing, and embedding on demand keeps this thread busy: enough
        # frames have to wait for the workers not to run dry meanwhile.
        bursts = parts.interval > 1 or parts.embeds_on_demand
        waiting = 2 * parts.workers * parts.interval if bursts else 1
        return stack.enter_context(InParallel(look, seen, parts.workers, waiting))

    def _progress(self, present: int) -> Progress:
        follower, total = self.follower, self._task.source.frame_count
        if total is not None and follower.frames > total:
            total = None  # it was an estimate, and too low
        return Progress(self._task.name, total, follower.frames, len(follower.ids), present, follower.fps)

    def _summary(self, ending: Ending, elapsed: float, writing: dict[str, float], last_frame: int | None) -> Summary:
        task, parts, follower = self._task, self._parts, self.follower
        count = max(follower.frames, 1)
        stages = {**follower.seconds, **writing}
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
            counts=follower.counts,
            comparison=self._comparison(),
            fate=follower.fate(last_frame),
        )

    def _comparison(self) -> Comparison | None:
        task = self._task
        if task.comparison is None:
            return None
        found = task.comparison.comparison()
        return found if task.truth is None else replace(found, truth_path=task.truth.path, truth_form=task.truth.form)
