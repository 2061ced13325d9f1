"""A run over all its sources: checked when it is made, tracked when somebody iterates over it."""

from __future__ import annotations

import atexit
import contextlib
import os
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from deepsort_cli.core import Frame, InputError, Tracks
from deepsort_cli.core.events import Listener, LoggingListener
from deepsort_cli.core.regions import Counts
from deepsort_cli.evaluation.mot_score import Scoring, score_comparisons
from deepsort_cli.evaluation.official_scorer import require_trackeval
from deepsort_cli.settings.keywords import from_keywords, with_sources
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.video.outputs import asked_for
from deepsort_cli.video.sinks import STDOUT, ComparisonSink, RowsSink, unique_names
from deepsort_cli.video.sources import Source
from deepsort_cli.workflows.track.across import Across
from deepsort_cli.workflows.track.checks import check_looks, check_people, files_read, refuse_archive, tell
from deepsort_cli.workflows.track.events import Summary
from deepsort_cli.workflows.track.iteration import Iteration, opencv_single_threaded
from deepsort_cli.workflows.track.one_source import OneSource, Task
from deepsort_cli.workflows.track.opening import open_all
from deepsort_cli.workflows.track.parts import Functions, Parts, open_parts
from deepsort_cli.workflows.track.planning import Regions, plan_outputs
from deepsort_cli.workflows.track.serve import Show, open_show
from deepsort_cli.workflows.track.sources import (
    ground_truth,
    tell_misplaced,
    tell_person_crops,
    tell_short_lives,
    wanted_sources,
)
from deepsort_cli.workflows.track.together import Together

FOREIGN_FEATURES = (
    "the detector's answers bring features, and those were used. `tracker.max_cosine_distance` was that of {}, which "
    "need not suit them: set it, or `reid.model_path`=none to do without features"
)

LAST_FRAME_SECONDS = 5.0
"""How long the end of the program waits for the frame that is under way in a thread that nobody else waits for."""
STAY_SECONDS = 0.5
"""Sleep is cut into pieces of this length: everywhere Ctrl-C ends it soon."""

Model = str | PathLike[str] | BaseModel | dict[str, Any] | Callable[..., Any] | None
"""What `detector` and `reid` may be: a name or path, settings, or a function."""


def track(
    *sources: Any, listener: Listener | None = None, detector: Model = None, reid: Model = None, **keywords: Any
) -> Run:
    """Track people, or whatever the detector finds: `deepsort track`, lazily.

    Everything is opened and checked now; frames are read, and outputs written, when you iterate or call `finish`:

        run = deepsort.track("street.mp4", detector="yolox_nano", save="out.mp4")
        for frame, tracks in run:
            print(frame.index, frame.time, tracks.ids, tracks.boxes)
        print(run.summary)

    Args:
        sources: videos, folders, MOTChallenge sequences, camera numbers, URLs, or `demo`; or one list of them. Several
            have ids and outputs of their own. Cameras and streams are tracked all at once, recordings `jobs` at a time
            (None: as many as there are cores, and one where a function is given); what they give is the same as alone.
        listener: is told what happens: `Progress` and `Summary`, notes and warnings. None: those go to the logger
            `deepsort`.
        detector: a model's name or path, settings, or a function from a (H, W, 3) uint8 BGR image to `Detections`, an
            (N, 4) to (N, 6) array (x1 y1 x2 y2, score, class), supervision `Detections` or Ultralytics `Results`.
        reid: a model's name or path, `"none"`, settings, or a function from an image and (N, 4) boxes to (N, D)
            features. Functions are asked for one frame after the other, from a thread of their own.
        keywords: the flags of `deepsort track` with underscores (`max_frames=60`, `save_txt="out.txt"`), and its
            sections (`tracker={"n_init": 2}` or `tracker=TrackerSettings(n_init=2)`).

    Returns:
        The run: an iterable of `Frame` and `Tracks`.

    Raises:
        InputError: something asked for cannot be used; nothing was written.
        RunError: a model cannot be fetched.
    """
    functions = Functions(_function(detector), _function(reid))
    for word, given, function in (("detector", detector, functions.detect), ("reid", reid, functions.embed)):
        if given is not None and function is None:
            keywords[word] = given
    settings = from_keywords(TrackSettings, with_sources(sources, keywords, cameras=True))
    return run_track(settings, listener or LoggingListener(), functions, keep_rows=True)


def _function(given: Model) -> Callable[..., Any] | None:
    """What was given, if it is a function."""
    return given if callable(given) and not isinstance(given, BaseModel | PathLike) else None


def run_track(
    settings: TrackSettings,
    listener: Listener,
    functions: Functions | None = None,
    *,
    keep_rows: bool = False,
    parts: Parts | None = None,
) -> Run:
    """Open and check everything that a run needs; nothing is written.

    Args:
        settings: of everything. What `tracker` leaves open comes from embedder and detector.
        listener: is told `Progress` and `Summary`, notes and warnings.
        functions: in place of a detector and an embedder.
        keep_rows: so that `Run.table` can be asked for.
        parts: opened before, for the same models and tracker, one run after the other; None: they are opened now.

    Raises:
        InputError: something asked for cannot be used; nothing was written.
        RunError: a model cannot be fetched.
    """
    refuse_archive(settings)
    with contextlib.ExitStack() as stack, contextlib.ExitStack() as shown:
        if overruled := settings.overruled():
            listener.note(f"preset {settings.preset}, except {', '.join(overruled)}")
        wants_scores = settings.score or settings.gt is not None
        if wants_scores:
            require_trackeval()
        wanted = wanted_sources(settings)
        parts = parts or open_parts(settings, functions or Functions(), listener)
        check_looks(settings, parts)
        sources = [stack.enter_context(source) for source in open_all(wanted, settings, parts, listener)]
        names = unique_names([source.name for source in sources])
        outputs = plan_outputs(settings, sources, names, parts, listener)
        inputs = files_read(settings, parts, sources)
        check_people(settings, outputs, inputs)
        regions = Regions(settings.counting)
        for source, plan in zip(sources, outputs, strict=True):
            plan.check(inputs)
            regions.check(source)
        truths = [
            ground_truth(source, name, settings.gt, len(sources) > 1) if wants_scores else None
            for source, name in zip(sources, names, strict=True)
        ]
        tell_misplaced(settings.detections, parts.stored, sources[0], listener)
        tell_short_lives(parts, sources, listener)
        tell_person_crops(sources, listener)
        tell(settings, parts, outputs, listener, kept=keep_rows or wants_scores)
        show = open_show(settings, sources, names, parts, regions.both, listener)
        if show is not None:
            shown.callback(show.close)
            listener = show.listener(listener)
        tasks = [
            Task(
                name=name,
                source=source,
                outputs=plan,
                counter=regions.start(),
                comparison=ComparisonSink(
                    name, None if truth is None else truth.values, source.ground_truth, across=settings.across.enabled
                )
                if wants_scores
                else None,
                truth=truth,
                rows=RowsSink() if keep_rows and not _is_endless(source) else None,
                watch=None if show is None else show.sink(position),
            )
            for position, (name, source, plan, truth) in enumerate(zip(names, sources, outputs, truths, strict=True))
        ]
        across = Across(settings, sources, names, parts, listener, stack) if settings.across.wanted else None
        if across is not None and show is not None and show.album is not None:
            show.album.admits = across.admits
        recorded = sum(not source.is_live for source in sources)
        if recorded > 1 and across is None:
            at_once = min(recorded, settings.jobs or parts.workers)
            listener.note(f"{recorded} recordings are tracked, {at_once} of them at once (`jobs`)")
        shown.pop_all()  # it is the run's from now on
        return Run(tasks, parts, settings, listener, stack.pop_all(), across, show)


class Run:
    """Tracking of one or several sources, done while somebody iterates over it, once.

    `for frame, tracks in run` gives every `Frame` and the `Tracks` reported in it, which are those that outputs get:
    matched in this frame, unless `output.emit` says otherwise. Frames of several sources come by turns, those of one
    in their order; `frame.source` says whose it is. Image and tracks are yours to change; `Frame.image` is
    None where neither a model nor an output needs pixels, as with stored detections. Leaving the loop, by its
    end, `break`, an error or Ctrl-C, closes all outputs, which then hold the frames until there. A `with` block around
    it closes what is open, too, also where nobody iterated; and so does the end of the program.

    Meanwhile OpenCV runs with one thread, where several frames are perceived at once.

    Attributes:
        source: name of the source of the last frame given.
        counts: of its lines and zones after that frame; None where there are none.
        summaries: what came of each source that was tracked, in the order in which they were given.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        parts: Parts,
        settings: TrackSettings,
        listener: Listener,
        opened: contextlib.ExitStack,
        across: Across | None = None,
        show: Show | None = None,
    ) -> None:
        """Take what `run_track` has opened and checked; `opened` closes it, but for `show`."""
        self._tasks = tasks
        self._parts = parts
        self._settings = settings
        self._listener = listener
        self._show = show
        self._across = across
        self._close_show = weakref.finalize(self, _nothing if show is None else show.close)
        self._close_sources = weakref.finalize(self, opened.close)
        self._close_show.atexit = self._close_sources.atexit = False  # not before the iteration has ended
        _open_runs.add(self)
        self._iteration: weakref.ref[Iteration] | None = None  # weak: a loop that is left must be able to end it
        self._scoring: Scoring | None = None
        self._folder = _working_folder()
        self._together = Together(
            tasks,
            parts,
            settings,
            listener,
            at_once=len(tasks) if across is not None else settings.jobs or parts.workers,
            told=self._tell_summary,
            across=across,
        )
        self.summaries: list[Summary] = []

    def __iter__(self) -> Iterator[tuple[Frame, Tracks]]:
        return self._start(shared=True)

    def finish(self) -> Run:
        """Track everything that there is, where that is not done yet, and return this run.

        Raises:
            RunError: a source or an output failed; what is written is kept, and other sources are finished first.
            KeyboardInterrupt: after everything was closed properly.
        """
        if not self._is_finished:
            deque(self._start(shared=False), maxlen=0)
        return self

    def close(self) -> None:
        """End the iteration where there is one, closing all outputs, and close all sources. Can be called again.

        Also from another thread and in a signal handler: where a frame is under way there, this returns at once, and
        the loop over the run ends after that frame, as if there were no more; by then everything is closed.
        """
        iteration = None if self._iteration is None else self._iteration()
        if iteration is not None and not iteration.close():
            return
        self._close_sources()
        self._close_show()

    @property
    def page(self) -> str | None:
        """The address to open in a browser, its token included; None without `serve`.

        The page is there from the first frame until the run is closed, or left before its end; in Python until then
        nothing else refers to the run.
        """
        return None if self._show is None or self._show.serving is None else self._show.serving.link

    def stay(self) -> None:
        """Keep the page on view, where there is one, until Ctrl-C, which is the end of it and no error."""
        if self.page is None or not self._close_show.alive or any(one.ending != "end" for one in self.summaries):
            return
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(STAY_SECONDS)
        self._close_show()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_endless(self) -> bool:
        """Whether nobody knows when a source ends."""
        return any(_is_endless(task.source) for task in self._tasks)

    @property
    def source(self) -> str:
        current = self._together.current
        return self._tasks[0].name if current is None else current.task.name

    @property
    def counts(self) -> Counts | None:
        current = self._together.current
        return None if current is None else current.follower.counts

    @property
    def summary(self) -> Summary:
        """What came of the only source.

        Raises:
            InputError: there are several, see `summaries`; or the run has not ended yet, or not well.
        """
        if len(self._tasks) > 1:
            raise InputError(f"the run has {len(self._tasks)} sources: ask for its summaries.")
        if not self.summaries:
            raise InputError("the run has no summary yet: iterate over it, or call finish().")
        return self.summaries[0]

    def table(self) -> npt.NDArray[np.void]:
        """All rows of all sources tracked.

        Returns:
            (N,) structured array with the fields `source` (its position in `summaries`), `frame` (from 1), `time`
            (seconds), `id`, `x1`, `y1`, `x2`, `y2` (pixels), `score`, `class_id` and `time_since_update`, in the order
            of the frames; refined, where that is wanted, as in text outputs. With `across` also `person` after `id`, −1
            as long as undecided, and where people are enrolled `name`.

        Raises:
            InputError: the run has not ended yet; or a camera or stream without `input.max_frames`, which may go on
                for ever, so that its rows are not kept.
        """
        if self._close_sources.alive:
            raise InputError("the run has no table yet: iterate over it to its end, or call finish().")
        if any(task.rows is None for task in self._tasks):
            raise InputError(
                "rows of this run are not kept in memory, because it may go on for ever. Set `input.max_frames`, or "
                "write them into a file: `output.save_csv`."
            )
        places = {summary.source: place for place, summary in enumerate(self.summaries)}
        tables: list[npt.NDArray[np.void]] = []
        for task in self._tasks:
            assert task.rows is not None
            tables.append(task.rows.table())
            tables[-1]["source"] = places.get(task.name, 0)
        # A source that ended before its first frame does not know whether people are told apart.
        filled = [table for table in tables if len(table)]
        return np.concatenate(filled or [max(tables, key=lambda table: len(table.dtype.names or ()))])

    @property
    def scoring(self) -> Scoring | None:
        """The tracks against ground truth, by the official scorer; None without `score` and `gt`.

        Raises:
            InputError: nothing was tracked yet.
        """
        comparisons = [summary.comparison for summary in self.summaries if summary.comparison is not None]
        if self._scoring is None and any(task.comparison is not None for task in self._tasks):
            if not comparisons:
                raise InputError("the run has no scores yet: iterate over it, or call finish().")
            self._scoring = score_comparisons(comparisons, across=self._settings.across.enabled)
        return self._scoring

    @property
    def _is_finished(self) -> bool:
        """Whether every source was tracked to its end."""
        endings = [summary.ending for summary in self.summaries]
        return len(endings) == len(self._tasks) and set(endings) == {"end"}

    def _start(self, *, shared: bool) -> Iterator[tuple[Frame, Tracks]]:
        if self._iteration is not None or not self._close_sources.alive:
            raise InputError("a run can be iterated over once. Call track again for another.")
        self._check_folder()
        iteration = Iteration(self._iterate(shared), self._together.leave)
        self._iteration = weakref.ref(iteration)
        return iteration

    def _check_folder(self) -> None:
        """What was checked is what is written.

        Raises:
            InputError: an output names a file in the working folder, which is another one now.
        """
        here = _working_folder()
        if here == self._folder:
            return
        for output in asked_for(self._settings.output):
            path = Path(getattr(self._settings.output, output.field))
            if not path.is_absolute() and path != STDOUT:
                raise InputError(
                    f"`{output.key}` {path}: the working folder was {self._folder} when this was checked, and is "
                    f"{here} now. Give the whole path."
                )

    def _iterate(self, shared: bool) -> Generator[tuple[Frame, Tracks], None, None]:
        with contextlib.ExitStack() as stack:
            stack.callback(self._close_sources)
            if self._show is not None:
                stack.push(self._left)
                self._show.start(self._listener)
            if self._across is not None:
                stack.callback(self._across.register.finish)
            if self._parts.workers > 1:  # the workers use the cores, OpenCV's own threads would be in their way
                stack.enter_context(opencv_single_threaded())
            yield from self._together.frames(shared=shared)

    def _left(self, kind: type[BaseException] | None, *_: object) -> None:
        """After the last frame the page stays; whatever ends the run before ends the page."""
        if kind is not None or self._together.is_left:
            self._close_show()
        elif self._show is not None:
            self._show.end()

    def _tell_summary(self, one: OneSource, summary: Summary) -> None:
        parts = one.parts
        foreign = parts.brings_features and not parts.detector.stored and parts.embedder is not None
        if foreign and self._settings.tracker.max_cosine_distance is None and not self.summaries:
            self._listener.warn(FOREIGN_FEATURES.format(parts.embedder.name))  # type: ignore[union-attr]
        order = {task.name: position for position, task in enumerate(self._tasks)}
        self.summaries.append(summary)
        self.summaries.sort(key=lambda one: order[one.source])
        self._listener.happened(summary)
        for remark in summary.warnings():
            self._listener.warn(remark)
        for remark in summary.remarks():
            self._listener.note(remark)


_open_runs: weakref.WeakSet[Run] = weakref.WeakSet()


def _close_runs() -> None:
    """At the end of the program, close what is open, as long as its threads are there: later, nothing could be."""
    runs = list(_open_runs)
    with contextlib.ExitStack() as stack:  # whatever happens meanwhile, all are closed
        for run in runs:
            stack.callback(run.close)
    until = time.monotonic() + LAST_FRAME_SECONDS
    while any(run._close_sources.alive for run in runs) and time.monotonic() < until:
        time.sleep(0.05)


atexit.register(_close_runs)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_open_runs.clear)  # they are the parent's


def _working_folder() -> Path | None:
    """None where it was deleted."""
    try:
        return Path.cwd()
    except OSError:
        return None


def _nothing() -> None:
    """There is no page to close."""


def _is_endless(source: Source) -> bool:
    """Nobody knows when it ends, so that rows might fill the memory."""
    return source.is_live and source.settings.max_frames is None
