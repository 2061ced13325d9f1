"""From a source to written tracks: source → detector → embedder → tracker → sinks.

    reader thread       worker threads                  this thread        writer thread
    decode frames  ──▶  find objects, embed crops, ──▶  track, in order ──▶ text, crops, drawing, encoding
                        measure camera motion

Several frames are perceived at once, one by each worker with single-threaded networks: small networks gain little from
many threads each, but frames are independent. Short queues join the threads, so memory does not grow; frames stay in
order. An error in any thread ends the run in this one; whatever ends it, sinks are closed and leave usable files.

Camera motion needs two frames: each carries a small picture of the one before it. Where embeddings are computed only on
demand (`TrackerSettings.refresh_every`), the tracker asks for them, so that happens in this thread.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from deepsort_cli.core import Detections, Frame, InputError
from deepsort_cli.core.box_tables import (
    NORMALISED,
    BoxTable,
    check_unique_ids,
    looks_normalised,
    marked_to_count,
    read_boxes,
)
from deepsort_cli.core.cpus import available_cpus
from deepsort_cli.core.mot import Comparison
from deepsort_cli.core.regions import Counts, check_inside, parse_lines, parse_zones
from deepsort_cli.core.streams import Ahead, Behind, InParallel, clock, timed
from deepsort_cli.core.truth_files import find_truth
from deepsort_cli.core.types import FloatArray, IntArray, Tracks
from deepsort_cli.perception.camera_motion import CameraMotion, GreyImage
from deepsort_cli.perception.catalogue import DEFAULT_DETECTOR, default_detector, find
from deepsort_cli.perception.classes import COCO_NAMES, select_classes
from deepsort_cli.perception.detectors import Detector, open_detector
from deepsort_cli.perception.detectors.tally import Tally
from deepsort_cli.perception.embedders import Embedder, Features, open_embedder
from deepsort_cli.perception.fate import Fate
from deepsort_cli.perception.settings import (
    CameraMotionSettings,
    DetectorSettings,
    EmbedderSettings,
    RuntimeSettings,
)
from deepsort_cli.perception.stored import StoredDetections
from deepsort_cli.tracking import Tracker, TrackerSettings
from deepsort_cli.tracking.counting import RegionCounter
from deepsort_cli.tracking.refinement import refine
from deepsort_cli.tracking.settings import CountingSettings, RefinementSettings
from deepsort_cli.video.outputs import Outputs, Refine
from deepsort_cli.video.settings import DemoSettings, OutputSettings, SourceSettings
from deepsort_cli.video.sinks import STDOUT, unique_names
from deepsort_cli.video.sources import BlankSource, Source, open_source
from deepsort_cli.video.whole_run import ComparisonSink

READ_AHEAD = 4
WRITE_BEHIND = 8
MOST_WORKERS = 8
LIVE_WORKERS = 2

WEAK_DETECTOR = (
    "no detector is named, and the built-in hog finds few people in crowds or far away. One that finds far more "
    "({size}, {licence}): deepsort models download {name}"
)
NO_IMAGES = "{}: no images, so the camera's motion is not compensated (name them with --source)."

NOTHING_KEPT = (
    "the tracks will not be kept, only summed up at the end: no output is asked for. "
    "For example: --save out.mp4, --save-txt out.txt, --save-csv out.csv"
)

Ending = Literal["end", "quit", "interrupted"]


@dataclass
class Progress:
    """How far a run is; one object, updated after every frame.

    Attributes:
        source: name of the source.
        total: frames to come in all, often an estimate; None for cameras, and once more came.
        frames: frames tracked so far.
        tracks: people reported so far (distinct ids).
        present: tracks in the last frame.
        fps: frames per second lately.
    """

    source: str
    total: int | None
    frames: int = 0
    tracks: int = 0
    present: int = 0
    fps: float = 0.0


@dataclass(frozen=True)
class Summary:
    """What came of one source.

    Attributes:
        source, kind: name and kind of the source.
        frames: frames tracked.
        tracks: distinct ids reported.
        rows: track boxes reported over all frames.
        seconds: wall-clock time from the first frame asked for to the last file closed.
        stage_ms: average milliseconds per frame that each stage worked; stages overlap, and several frames are
            detected and embedded at once.
        outputs: files and folders written.
        ending: the source ended, the user quit the window, or Ctrl-C.
        detector, embedder: what was used; embedder is None without appearance.
        max_cosine_distance: the appearance threshold in force.
        frames_detected: frames the detector looked at; all of them unless `DetectorSettings.interval` says otherwise.
        embedded, embeddings_skipped: how many detections were embedded, and how many need not be because
            `TrackerSettings.refresh_every` is on.
        camera_motions: frames whose camera motion could be measured; None where it is not compensated.
        counts: the final counts of lines and zones, None where there are none.
        comparison: the written tracks beside the ground truth of the same frames, where it was asked for.
        fate: what became of the detections.
    """

    source: str
    kind: str
    frames: int
    tracks: int
    rows: int
    seconds: float
    stage_ms: dict[str, float]
    outputs: list[Path]
    ending: Ending
    detector: str
    embedder: str | None
    max_cosine_distance: float
    frames_detected: int
    embedded: int
    embeddings_skipped: int
    camera_motions: int | None
    counts: Counts | None = None
    comparison: Comparison | None = None
    fate: Fate | None = None

    @property
    def fps(self) -> float:
        return self.frames / self.seconds if self.seconds > 0 else 0.0


@dataclass
class Observer:
    """What a run tells its caller; the command line shows it.

    Attributes:
        started: called when a source is open, before its first frame.
        advanced: called after every frame.
        finished: called with the outcome of a source.
        note: takes facts worth a line.
        warn: takes warnings.
    """

    started: Callable[[Progress], None] = lambda progress: None
    advanced: Callable[[Progress], None] = lambda progress: None
    finished: Callable[[Summary], None] = lambda summary: None
    note: Callable[[str], None] = lambda message: None
    warn: Callable[[str], None] = lambda message: None


def track(
    sources: Sequence[str],
    *,
    detections: Path | None = None,
    source: SourceSettings | None = None,
    demo: DemoSettings | None = None,
    detector: DetectorSettings | None = None,
    reid: EmbedderSettings | None = None,
    runtime: RuntimeSettings | None = None,
    tracker: TrackerSettings | None = None,
    camera_motion: CameraMotionSettings | None = None,
    output: OutputSettings | None = None,
    refinement: RefinementSettings | None = None,
    counting: CountingSettings | None = None,
    compare: bool = False,
    ground_truth: Path | None = None,
    observer: Observer | None = None,
) -> list[Summary]:
    """Track every source, one after the other, each with fresh ids and its own outputs.

    Args:
        sources: what `open_source` understands; may be empty with `detections`.
        detections: stored detections to use instead of a detector; only with a single source.
        source, demo, detector, reid, runtime, tracker, camera_motion, output, refinement, counting: settings of the
            parts. What `tracker` leaves open comes from the embedder and the detector. With `tracker.low_score`, that
            is the detector's lowest confidence, in place of its own.
        compare: keep each source's results and ground truth in its summary, for scoring.
        ground_truth: ground truth for `compare` where a source has none of its own: a file, a sequence folder, or a
            folder of sequence folders named like the sources.
        observer: is told about progress.

    Raises:
        InputError: something asked for cannot be used; nothing was written.
        RunError: a source or an output failed while running; finished parts are kept.
        KeyboardInterrupt: after everything was closed properly.
    """
    observer = observer or Observer()
    detector = detector or DetectorSettings()
    settings = _Settings(
        source or SourceSettings(),
        demo or DemoSettings(),
        _usual(detector) if detections is None else detector,
        reid or EmbedderSettings(),
        runtime or RuntimeSettings(),
        tracker or TrackerSettings(),
        camera_motion or CameraMotionSettings(),
        output or OutputSettings(),
        refinement or RefinementSettings(),
        counting or CountingSettings(),
    )
    counter = _Counting(settings.counting)
    stored = None
    if detections is not None:
        stored = _load_detections(detections, settings)
        for note in stored.notes:
            observer.warn(note)
        if len(sources) > 1:
            raise InputError(f"--detections {detections}: belongs to one source, but {len(sources)} are given.")
    elif not sources:
        raise InputError(
            "no source is given: write a video, a folder of images, a camera number, a URL, or demo. "
            "For example: deepsort track demo --save demo.mp4"
        )
    parts = _open_parts(settings, stored, observer.warn)

    # Everything is opened or checked before the first frame of the first source is worked on.
    opened: list[Source] = []
    with contextlib.ExitStack() as stack:
        for spec in sources or (None,):
            opened.append(stack.enter_context(_open(spec, detections, stored, settings, parts, observer)))
        names = unique_names([item.name for item in opened])
        plans = [Outputs.plan(settings.output, name, len(opened) > 1) for name in names]
        _check_stdout(plans)
        for item, spec, plan in zip(opened, sources or [""], plans, strict=True):
            plan.check(item, Path(spec) if spec else None, settings.output, observer.note)
            counter.check(item)
        if plans[0].keeps_nothing and not settings.output.display and not compare:
            observer.note(NOTHING_KEPT)
        truths = [
            _ground_truth(item, name, ground_truth, len(opened) > 1) if compare else None
            for item, name in zip(opened, names, strict=True)
        ]
        if stored is not None:
            known = opened[0] if opened[0].width else opened[0].sequence or opened[0]  # of pictures that are not read
            misplaced = stored.misplaced(known.width, known.height)
            if misplaced is not None:
                observer.warn(f"--detections {detections}: {misplaced}")
        if settings.refinement.wanted:
            _tell_what_is_refined(settings.output, compare, observer)
        better = find(DEFAULT_DETECTOR)
        if detections is None and settings.detector.model_path is None and better is not None:
            observer.note(WEAK_DETECTOR.format(size=better.megabytes, licence=better.licence, name=better.name))
        if parts.embedder is None and not parts.stored_features:
            observer.note("no Re-ID model: tracking by motion and overlap (name one with --reid MODEL.onnx)")
        if parts.workers > 1:  # the workers use the cores, OpenCV's own threads would be in their way
            stack.callback(cv2.setNumThreads, cv2.getNumThreads())
            cv2.setNumThreads(1)
        summaries = []
        for item, name, plan, truth in zip(opened, names, plans, truths, strict=True):
            rows = None if truth is None else truth.values
            comparison = ComparisonSink(name, rows, item.ground_truth) if compare else None
            with item:
                parts.tally.reset()
                summary = _track_source(item, name, plan, settings, parts, counter, comparison, observer)
            if truth is not None and summary.comparison is not None:
                told = replace(summary.comparison, truth_path=truth.path, truth_form=truth.form)
                summary = replace(summary, comparison=told)
            summaries.append(summary)
            observer.finished(summary)
            if summary.ending == "interrupted":
                raise KeyboardInterrupt
            if summary.ending == "quit":
                break
    return summaries


def _usual(detector: DetectorSettings) -> DetectorSettings:
    """Where no detector is named, the catalogue's if its file is at hand; without it, none is named still."""
    name = default_detector() if detector.model_path is None else None
    return detector if name is None else detector.model_copy(update={"model_path": name})


@dataclass(frozen=True)
class _Settings:
    source: SourceSettings
    demo: DemoSettings
    detector: DetectorSettings
    reid: EmbedderSettings
    runtime: RuntimeSettings
    tracker: TrackerSettings
    camera_motion: CameraMotionSettings
    output: OutputSettings
    refinement: RefinementSettings
    counting: CountingSettings

    def detects_from(self, *, stored: bool) -> float:
        """Lowest confidence the detector has to report."""
        low = self.tracker.low_score
        return self.detector.lowest_confidence(stored=stored) if low is None else low

    @property
    def refine(self) -> Refine | None:
        return (lambda table: refine(table, self.refinement)) if self.refinement.wanted else None


class _Counting:
    """The lines and zones of a run, read once, and fresh counts for every source."""

    def __init__(self, settings: CountingSettings) -> None:
        self._lines, self._zones = parse_lines(settings.lines), parse_zones(settings.zones)
        self._margin = settings.margin

    def check(self, source: Source) -> None:
        if source.width and source.height:  # unknown where no pixels are read
            check_inside(self._lines, self._zones, source.width, source.height, source.name)

    def start(self) -> RegionCounter | None:
        return RegionCounter(self._lines, self._zones, self._margin) if self._lines or self._zones else None


@dataclass(frozen=True)
class _Look:
    """A frame to be perceived.

    Attributes:
        frame: the frame.
        detects: whether the detector's turn has come.
        before, now: small pictures of the previous frame and this one, where camera motion is to be measured.
    """

    frame: Frame
    detects: bool
    before: GreyImage | None
    now: GreyImage | None


@dataclass(frozen=True)
class _Perceived:
    """What was seen in a frame, and the seconds it took. `detections` is None where the detector did not look."""

    frame: Frame
    detections: Detections | None
    motion: FloatArray | None
    detect_seconds: float
    embed_seconds: float
    camera_seconds: float


@dataclass(frozen=True)
class _Parts:
    """The opened detector (or stored detections), embedder and camera motion, shared by all sources and threads."""

    detect: Callable[[Frame], Detections]
    detector_name: str
    class_names: dict[int, str]
    embedder: Embedder | None
    camera: CameraMotion | None
    stored_features: bool
    tally: Tally
    stored: StoredDetections | None
    conf: float
    reads_pixels: bool
    workers: int
    interval: int
    tracker: TrackerSettings

    @property
    def embeds_on_demand(self) -> bool:
        return self.embedder is not None and self.tracker.refresh_every is not None

    def looks(self, frames: Iterable[Frame]) -> Iterator[_Look]:
        """The frames, in order, with what is to be done with each."""
        before = None
        for position, frame in enumerate(frames):
            now = self.camera.shrink(frame.image) if self.camera is not None and frame.image is not None else None
            yield _Look(frame, position % self.interval == 0, before, now)
            before = now

    def perceive(self, look: _Look) -> _Perceived:
        """Detections, with their features unless those are computed on demand, and camera motion."""
        times = [time.perf_counter()]
        frame, found = look.frame, self.detect(look.frame) if look.detects else None
        times.append(time.perf_counter())
        if found is not None and not self.stored_features:
            found = found.with_features(None if self.embeds_on_demand else self._features(frame, found))
        times.append(time.perf_counter())
        motion = None
        if self.camera is not None and frame.image is not None and look.before is not None and look.now is not None:
            boxes = None if found is None else found.boxes
            motion = self.camera(look.before, look.now, frame.image.shape[:2], boxes)
        times.append(time.perf_counter())
        return _Perceived(frame, found, motion, *np.diff(times).tolist())

    def _features(self, frame: Frame, found: Detections) -> Features | None:
        """(N, D) features; NaN, unknown, for the low-scored detections, whose appearance is never looked at."""
        if self.embedder is None or frame.image is None:
            return None
        if self.tracker.low_score is None:
            return self.embedder(frame.image, found.boxes)
        full = found.scores >= self.tracker.full_score
        features = np.full((len(found), self.embedder.feature_size), np.nan, dtype=np.float32)
        features[full] = self.embedder(frame.image, found.boxes[full])
        return features

    def follow(self, tracker: Tracker, item: _Perceived, seconds: dict[str, float]) -> Tracks:
        """Track one frame; adds the time that takes to `seconds`."""
        embedding = {"embed": 0.0}

        def embed(positions: IntArray) -> Features:
            assert self.embedder is not None
            assert item.frame.image is not None
            assert item.detections is not None
            with clock(embedding, "embed"):
                return self.embedder(item.frame.image, item.detections.boxes[positions])

        with clock(seconds, "track"):
            if item.detections is None:
                tracks = tracker.coast(item.motion)
            else:
                tracks = tracker.update(item.detections, item.motion, embed if self.embeds_on_demand else None)
        seconds["track"] -= embedding["embed"]
        seconds["embed"] += embedding["embed"]
        return tracks


def _load_detections(path: Path, settings: _Settings) -> StoredDetections:
    detector = settings.detector
    wanted = select_classes(COCO_NAMES, detector.classes) if detector.classes else None
    conf = settings.detects_from(stored=True)
    return StoredDetections.load(path, conf=conf, iou=detector.iou, classes=wanted, class_names=COCO_NAMES)


def _open_parts(settings: _Settings, stored: StoredDetections | None, warn: Callable[[str], None]) -> _Parts:
    named = settings.reid.model_path is not None
    stored_features = stored is not None and stored.has_features and not named
    # Stored detections are replayed as they are, and often without images; a model that is named embeds them anew.
    wants_model = named or stored is None
    cpus = available_cpus()
    workers = max(1, min(MOST_WORKERS, cpus // max(1, settings.runtime.threads)))
    runtime = settings.runtime.model_copy(update={"threads": settings.runtime.threads or max(1, cpus // workers)})

    wanted = settings.detector.model_copy(update={"conf": settings.detects_from(stored=False)})
    detector = open_detector(wanted, runtime, warn) if stored is None else None
    embedder = open_embedder(settings.reid, runtime, warn) if wants_model else None
    conf = settings.detector.lowest_confidence(stored=stored is not None)
    try:
        tracker = settings.tracker.filled(conf, None if embedder is None else embedder.threshold)
    except ValueError as error:
        raise InputError(f"tracker.{error}.") from None
    if detector is not None:
        detect, tally = _live(detector), detector.tally
    else:
        assert stored is not None
        detect, tally = _replayed(stored), stored.tally
    return _Parts(
        detect=detect,
        detector_name=detector.name if detector is not None else "stored detections",
        class_names=detector.class_names if detector is not None else COCO_NAMES,
        embedder=embedder,
        camera=CameraMotion(settings.camera_motion) if settings.camera_motion.method != "none" else None,
        stored_features=stored_features,
        tally=tally,
        stored=stored,
        conf=settings.detects_from(stored=stored is not None),
        reads_pixels=detector is not None or embedder is not None,
        workers=workers,
        interval=settings.detector.interval if detector is not None else 1,  # stored detections cost nothing
        tracker=tracker,
    )


def _live(detector: Detector) -> Callable[[Frame], Detections]:
    def detect(frame: Frame) -> Detections:
        assert frame.image is not None
        return detector(frame.image)

    return detect


def _replayed(stored: StoredDetections) -> Callable[[Frame], Detections]:
    return lambda frame: stored.detections(frame.index)


def _open(
    spec: str | None,
    detections: Path | None,
    stored: StoredDetections | None,
    settings: _Settings,
    parts: _Parts,
    observer: Observer,
) -> Source:
    output = settings.output
    pixels = parts.reads_pixels or output.display or output.save_video is not None or output.save_crops is not None
    folder = None
    if spec is None:
        assert detections is not None
        folder = next((parent for parent in detections.parents[:2] if (parent / "seqinfo.ini").is_file()), None)
    where = str(folder) if folder is not None else spec
    if where is not None:
        frame_count = stored.last_frame if stored is not None and spec is not None else None

        def opened(pixels: bool) -> Source:
            return open_source(
                where, settings.source, settings.demo, pixels=pixels, frame_count=frame_count, warn=observer.warn
            )

        if parts.camera is None or pixels:
            return opened(pixels)
        try:
            return opened(True)
        except InputError:
            source = opened(False)  # says what is wrong if it is not only the images
            observer.warn(NO_IMAGES.format(source.name))
            return source
    assert detections is not None
    assert stored is not None
    if pixels:
        raise InputError("--source is missing: a Re-ID model, video, crops or a window need the frames' images.")
    if stored.last_frame == 0:
        raise InputError(f"--detections {detections}: holds no detection, and no --source says how long to run.")
    if parts.camera is not None:
        observer.warn(NO_IMAGES.format(detections.stem))
    return BlankSource(detections.stem, stored.last_frame, settings.source)


def _check_stdout(plans: Sequence[Outputs]) -> None:
    options = plans[0].to_stdout()
    if options and len(plans) > 1:
        raise InputError(f"{options[0]} -: rows of {len(plans)} sources would mix. Give a file name, or one source.")


def _tell_what_is_refined(output: OutputSettings, compare: bool, observer: Observer) -> None:
    tables = (output.save_txt, output.save_jsonl, output.save_csv, output.save_summary, output.save_timeline)
    if not compare and all(path is None for path in tables):
        observer.warn(
            "refinement changes text outputs only, and none is asked for: --save-txt, --save-csv, --save-jsonl, …"
        )
    else:
        observer.note(
            "text outputs get refined tracks at the end; pictures, counts and the table below are of the run itself"
        )


def _ground_truth(source: Source, name: str, given: Path | None, many: bool) -> BoxTable | None:
    """The ground truth of a source, read before any work is done; None where the source knows it frame by frame."""
    path = source.ground_truth_file
    if given is not None:
        files = find_truth(given)
        named = next((one for one in files if one.name == name), None)
        if named is None and len(files) > 1:
            raise InputError(f"--gt {given}: holds {len(files)} sequences, but none called {name}.")
        if many and named is None:
            raise InputError(
                f"--gt {given}: belongs to one source, but several are given. Give a folder with {name}/gt/gt.txt."
            )
        path = (named or files[0]).path
    elif source.kind == "demo":
        return None
    if path is None:
        raise InputError(
            f"--score: {name} has no ground truth. It comes with demo and MOTChallenge sequences (gt/gt.txt); "
            "for other sources name it with --gt FILE."
        )
    table = read_boxes(path)
    if not len(marked_to_count(table)):
        why = "column 7 is 0 in every row, which marks rows to be ignored; write 1 there" if len(table) else "no row"
        raise InputError(f"{path}: nothing in it counts ({why}), so there is nothing to score.")
    check_unique_ids(table, marked_to_count(table))
    if looks_normalised(table.values[:, 2:6]):
        raise InputError(f"{path}: {NORMALISED}")
    return table


def _track_source(
    source: Source,
    name: str,
    plan: Outputs,
    settings: _Settings,
    parts: _Parts,
    counting: _Counting,
    comparison: ComparisonSink | None,
    observer: Observer,
) -> Summary:
    output = settings.output
    progress = Progress(name, source.frame_count)
    observer.started(progress)
    seconds = {"read": 0.0, "detect": 0.0, "embed": 0.0, "camera": 0.0, "track": 0.0}
    tracker = Tracker(parts.tracker)
    counter = counting.start()
    counts: Counts | None = None
    meter = _Meter()
    ids: set[int] = set()
    rows = detected = last_frame = 0
    measured: int | None = None
    ending: Ending = "end"

    begin = time.perf_counter()
    sinks = plan.open(
        source,
        output,
        parts.class_names,
        observer.warn,
        observer.note,
        refine=settings.refine,
        comparison=comparison,
    )
    with sinks, contextlib.ExitStack() as stack:
        # A window must be served by the main thread; without one, writing has a thread of its own.
        threaded = sinks.display is None
        writer = stack.enter_context(Behind(sinks.write, WRITE_BEHIND)) if threaded else None
        try:
            looks: Iterable[_Look] = timed(parts.looks(source), seconds, "read")
            if source.is_live:  # cameras and streams have a reading thread of their own; few frames in flight, no delay
                workers = min(parts.workers, LIVE_WORKERS)
                seen = stack.enter_context(InParallel(parts.perceive, looks, workers, waiting=0))
            else:
                looks = stack.enter_context(Ahead(looks, READ_AHEAD))
                stack.callback(source.stop)  # a pipe may be silent for ever, and leaving `Ahead` waits for its thread
                # Frames between detections cost the workers nothing, and embedding on demand keeps this thread busy:
                # enough frames have to wait for the workers not to run dry meanwhile.
                bursts = parts.interval > 1 or parts.embeds_on_demand
                waiting = 2 * parts.workers * parts.interval if bursts else 1
                seen = stack.enter_context(InParallel(parts.perceive, looks, parts.workers, waiting))
            for item in seen:
                frame, last_frame = item.frame, item.frame.index + settings.source.stride
                seconds["detect"] += item.detect_seconds
                seconds["embed"] += item.embed_seconds
                detected += item.detections is not None
                if parts.camera is not None and frame.image is not None:
                    seconds["camera"] += item.camera_seconds
                    measured = (measured or 0) + (item.motion is not None)
                tracks = parts.follow(tracker, item, seconds)
                if output.emit == "matched":
                    tracks = tracks[tracks.time_since_update == 0]
                if counter is not None:
                    counts = counter.update(tracks)
                ids.update(tracks.ids.tolist())
                rows += len(tracks)
                progress.fps = meter.tick()
                written = (frame, tracks, counts, progress.fps if output.show_fps else None)
                if writer is not None:
                    writer.put(written)
                else:
                    sinks.write(written)
                progress.frames += 1
                if progress.total is not None and progress.frames > progress.total:
                    progress.total = None  # it was an estimate, and too low
                progress.tracks = len(ids)
                progress.present = len(tracks)
                observer.advanced(progress)
                if sinks.display is not None and sinks.display.stopped:
                    ending = "quit"
                    break
        except KeyboardInterrupt:
            ending = "interrupted"
    elapsed = time.perf_counter() - begin
    stages = {**seconds, **sinks.seconds}
    count = max(progress.frames, 1)
    outputs = [path for path in (*plan.files().values(), plan.crops) if path not in (None, STDOUT) and path.exists()]
    return Summary(
        source=name,
        kind=source.kind,
        frames=progress.frames,
        tracks=len(ids),
        rows=rows,
        seconds=elapsed,
        stage_ms={stage: 1e3 * value / count for stage, value in stages.items() if value > 0},
        outputs=outputs,
        ending=ending,
        detector=parts.detector_name,
        embedder=parts.embedder.name if parts.embedder else "stored features" if parts.stored_features else None,
        max_cosine_distance=parts.tracker.appearance_threshold,
        frames_detected=detected,
        embedded=tracker.embedded if parts.embeds_on_demand else tracker.seen if parts.embedder is not None else 0,
        embeddings_skipped=tracker.seen - tracker.embedded if parts.embeds_on_demand else 0,
        camera_motions=measured,
        counts=counts,
        comparison=comparison.comparison() if comparison is not None else None,
        fate=_fate(parts, tracker, last_frame if ending == "end" and settings.source.max_frames is None else None),
    )


def _fate(parts: _Parts, tracker: Tracker, last_frame: int | None) -> Fate:
    """What became of the detections; `last_frame` is the source's last one, from 1, None where it was not reached."""
    stored = parts.stored
    return Fate(
        counts=parts.tally.counts,
        conf=parts.conf,
        stored=stored is not None,
        unusable=tracker.unusable,
        begun=tracker.begun,
        unconfirmed=tracker.unconfirmed,
        n_init=parts.tracker.n_init,
        beyond=0 if stored is None or last_frame is None else stored.after(last_frame),
        last_resort=stored is None and parts.detector_name == "hog",
    )


class _Meter:
    """Frames per second over the last moments."""

    def __init__(self, window: int = 30) -> None:
        self._times: list[float] = []
        self._window = window

    def tick(self) -> float:
        self._times = [*self._times[-self._window :], time.perf_counter()]
        span = self._times[-1] - self._times[0]
        return (len(self._times) - 1) / span if span > 0 else 0.0
