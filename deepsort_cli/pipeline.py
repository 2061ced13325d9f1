"""From a source to written tracks: source → detector → embedder → tracker → sinks.

    reader thread       worker threads                  this thread        writer thread
    decode frames  ──▶  find objects, embed crops  ──▶  track, in order ──▶ text, crops, drawing, encoding

Several frames are perceived at once, one by each worker with single-threaded networks: small networks gain little from
many threads each, but frames are independent. Short queues join the threads, so memory does not grow; frames stay in
order. An error in any thread ends the run in this one; whatever ends it, sinks are closed and leave usable files.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Generic, Literal, TypeVar

import cv2

from deepsort_cli.core import Detections, Frame, InputError, Tracks
from deepsort_cli.core.files import check_output_file, check_output_folder
from deepsort_cli.perception.classes import COCO_NAMES, select_classes
from deepsort_cli.perception.detectors import Detector, open_detector
from deepsort_cli.perception.embedders import Embedder, open_embedder, resolve_model
from deepsort_cli.perception.runtime import available_cpus
from deepsort_cli.perception.settings import DetectorSettings, EmbedderSettings, RuntimeSettings
from deepsort_cli.perception.stored import StoredDetections
from deepsort_cli.tracking import Tracker, TrackerSettings
from deepsort_cli.video.overlay import Overlay
from deepsort_cli.video.settings import DemoSettings, OutputSettings, SourceSettings
from deepsort_cli.video.sinks import (
    CropSink,
    CsvSink,
    DisplaySink,
    GroundTruthSink,
    JsonlSink,
    MotSink,
    Sink,
    VideoSink,
    output_path,
    remove_old_crops,
    unique_names,
)
from deepsort_cli.video.sources import BlankSource, Source, open_source

S = TypeVar("S")
T = TypeVar("T")
AnySink = TypeVar("AnySink", bound=Sink)

READ_AHEAD = 4
WRITE_BEHIND = 8
MOST_WORKERS = 8
LIVE_WORKERS = 2
POLL_SECONDS = 0.2

Ending = Literal["end", "quit", "interrupted"]


@dataclass
class Progress:
    """How far a run is; one object, updated after every frame.

    Attributes:
        source: name of the source.
        total: frames to come in all, None for cameras.
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
    output: OutputSettings | None = None,
    use_model_threshold: bool = False,
    observer: Observer | None = None,
) -> list[Summary]:
    """Track every source, one after the other, each with fresh ids and its own outputs.

    Args:
        sources: what `open_source` understands; may be empty with `detections`.
        detections: stored detections to use instead of a detector; only with a single source.
        use_model_threshold: take `max_cosine_distance` from the embedder's metadata where it has one.
        source, demo, detector, reid, runtime, tracker, output: settings of the parts.
        observer: is told about progress.

    Raises:
        InputError: something asked for cannot be used; nothing was written.
        RunError: a source or an output failed while running; finished parts are kept.
        KeyboardInterrupt: after everything was closed properly.
    """
    settings = _Settings(
        source or SourceSettings(),
        demo or DemoSettings(),
        detector or DetectorSettings(),
        reid or EmbedderSettings(),
        runtime or RuntimeSettings(),
        tracker or TrackerSettings(),
        output or OutputSettings(),
    )
    observer = observer or Observer()
    stored = None
    if detections is not None:
        stored = _load_detections(detections, settings.detector)
        if len(sources) > 1:
            raise InputError(f"--detections {detections}: belongs to one source, but {len(sources)} are given.")
    elif not sources:
        raise InputError(
            "--source is missing: give a video, a folder of images, a camera number, a URL, or demo. "
            "For example: deepsort track --source demo --save demo.mp4"
        )
    parts = _open_parts(settings, stored, use_model_threshold)

    # Everything is opened or checked before the first frame of the first source is worked on.
    opened: list[Source] = []
    with contextlib.ExitStack() as stack:
        for spec in sources or (None,):
            opened.append(stack.enter_context(_open(spec, detections, stored, settings, parts, observer)))
        names = unique_names([item.name for item in opened])
        plans = [_Outputs.plan(settings.output, name, len(opened) > 1) for name in names]
        for item, spec, plan in zip(opened, sources or [""], plans, strict=True):
            plan.check(item, Path(spec) if spec else None, settings.output.overwrite)
        if parts.embedder is None and not parts.stored_features:
            observer.note("no Re-ID model: tracking by motion and overlap (name one with --reid MODEL.onnx)")
        summaries = []
        for item, name, plan in zip(opened, names, plans, strict=True):
            with item:
                summary = _track_source(item, name, plan, settings, parts, observer)
            summaries.append(summary)
            observer.finished(summary)
            if summary.ending == "interrupted":
                raise KeyboardInterrupt
            if summary.ending == "quit":
                break
    return summaries


@dataclass(frozen=True)
class _Settings:
    source: SourceSettings
    demo: DemoSettings
    detector: DetectorSettings
    reid: EmbedderSettings
    runtime: RuntimeSettings
    tracker: TrackerSettings
    output: OutputSettings


@dataclass(frozen=True)
class _Parts:
    """The opened detector (or stored detections) and embedder, shared by all sources and threads."""

    detect: Callable[[Frame], Detections]
    detector_name: str
    class_names: dict[int, str]
    embedder: Embedder | None
    stored_features: bool
    reads_pixels: bool
    workers: int
    tracker: TrackerSettings

    def perceive(self, frame: Frame) -> _Perceived:
        """Detections with their features."""
        begin = time.perf_counter()
        found = self.detect(frame)
        middle = time.perf_counter()
        if self.embedder is not None and frame.image is not None:
            found = found.with_features(self.embedder(frame.image, found.boxes))
        elif not self.stored_features:
            found = found.with_features(None)
        return _Perceived(frame, found, middle - begin, time.perf_counter() - middle)


@dataclass(frozen=True)
class _Perceived:
    """What was seen in a frame, and the seconds it took."""

    frame: Frame
    detections: Detections
    detect_seconds: float
    embed_seconds: float


def _load_detections(path: Path, settings: DetectorSettings) -> StoredDetections:
    wanted = select_classes(COCO_NAMES, settings.classes) if settings.classes else None
    return StoredDetections.load(path, conf=settings.conf, iou=settings.iou, classes=wanted)


def _open_parts(settings: _Settings, stored: StoredDetections | None, use_model_threshold: bool) -> _Parts:
    named = settings.reid.model_path is not None
    stored_features = stored is not None and stored.has_features and not named
    wants_model = not stored_features and resolve_model(settings.reid) is not None
    cpus = available_cpus()
    workers = max(1, min(MOST_WORKERS, cpus // max(1, settings.runtime.threads)))
    runtime = settings.runtime.model_copy(update={"threads": settings.runtime.threads or max(1, cpus // workers)})

    detector = open_detector(settings.detector, runtime) if stored is None else None
    embedder = open_embedder(settings.reid, runtime) if wants_model else None
    tracker = settings.tracker
    if use_model_threshold and embedder is not None and embedder.threshold is not None:
        tracker = tracker.model_copy(update={"max_cosine_distance": embedder.threshold})
    return _Parts(
        detect=_live(detector) if detector is not None else _replayed(stored),
        detector_name=detector.name if detector is not None else "stored detections",
        class_names=detector.class_names if detector is not None else COCO_NAMES,
        embedder=embedder,
        stored_features=stored_features,
        reads_pixels=detector is not None or embedder is not None,
        workers=workers,
        tracker=tracker,
    )


def _live(detector: Detector) -> Callable[[Frame], Detections]:
    def detect(frame: Frame) -> Detections:
        assert frame.image is not None
        return detector(frame.image)

    return detect


def _replayed(stored: StoredDetections | None) -> Callable[[Frame], Detections]:
    assert stored is not None
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
    if spec is not None:
        frame_count = stored.last_frame if stored is not None else None
        return open_source(
            spec, settings.source, settings.demo, pixels=pixels, frame_count=frame_count, warn=observer.warn
        )
    assert detections is not None
    assert stored is not None
    folder = next((parent for parent in detections.parents[:2] if (parent / "seqinfo.ini").is_file()), None)
    if folder is not None:
        return open_source(str(folder), settings.source, settings.demo, pixels=pixels, warn=observer.warn)
    if pixels:
        raise InputError("--source is missing: a Re-ID model, video, crops or a window need the frames' images.")
    if stored.last_frame == 0:
        raise InputError(f"--detections {detections}: holds no detection, and no --source says how long to run.")
    return BlankSource(detections.stem, stored.last_frame, settings.source)


@dataclass(frozen=True)
class _Outputs:
    """Where the results of one source go."""

    video: Path | None
    txt: Path | None
    jsonl: Path | None
    csv: Path | None
    ground_truth: Path | None
    crops: Path | None

    @classmethod
    def plan(cls, output: OutputSettings, name: str, many: bool) -> _Outputs:
        def place(path: Path | None) -> Path | None:
            return None if path is None else output_path(path, name, many)

        return cls(
            place(output.save_video),
            place(output.save_txt),
            place(output.save_jsonl),
            place(output.save_csv),
            place(output.save_gt),
            place(output.save_crops),
        )

    def files(self) -> dict[str, Path]:
        named = {
            "--save": self.video,
            "--save-txt": self.txt,
            "--save-jsonl": self.jsonl,
            "--save-csv": self.csv,
            "--save-gt": self.ground_truth,
        }
        return {option: path for option, path in named.items() if path is not None}

    def check(self, source: Source, place: Path | None, overwrite: bool) -> None:
        """Refuse outputs that cannot be written, that exist, or that are the source itself."""
        seen: dict[Path, str] = {}
        for option, path in self.files().items():
            if path.resolve() in seen:
                raise InputError(f"{option} {path}: {seen[path.resolve()]} writes the same file.")
            seen[path.resolve()] = option
            if place is not None and path.exists() and place.exists() and path.samefile(place):
                raise InputError(f"{option} {path}: this is the source itself. Choose another name.")
            check_output_file(path, overwrite=overwrite, option=option)
        if self.crops is not None:
            check_output_folder(self.crops, option=f"--save-crops {self.crops}")
            if any(self.crops.iterdir()):
                if not overwrite:
                    raise InputError(
                        f"--save-crops {self.crops}: the folder is not empty. Pass --overwrite to replace earlier "
                        "crops, or choose another folder."
                    )
                remove_old_crops(self.crops)
        if self.ground_truth is not None and source.kind != "demo":
            raise InputError("--save-gt: only the demo scene knows its ground truth (--source demo).")

    def open(
        self, source: Source, output: OutputSettings, names: dict[int, str], warn: Callable[[str], None]
    ) -> _Sinks:
        with contextlib.ExitStack() as opened:  # if one cannot be opened, those before it are closed

            def add(sink: AnySink) -> AnySink:
                opened.callback(sink.close)
                return sink

            display = add(DisplaySink(f"deepsort: {source.name}")) if output.display else None
            data: list[Sink] = []
            pictures: list[Sink] = [] if display is None else [display]
            if self.video is not None:
                video = VideoSink(
                    self.video,
                    source.output_fps,
                    codec=output.codec,
                    crf=output.crf,
                    preset=output.preset,
                    real_time=source.is_live,
                    warn=warn,
                )
                pictures.append(add(video))
            if self.txt is not None:
                data.append(add(MotSink(self.txt)))
            if self.jsonl is not None:
                data.append(add(JsonlSink(self.jsonl, names)))
            if self.csv is not None:
                data.append(add(CsvSink(self.csv, names)))
            if self.ground_truth is not None:
                data.append(add(GroundTruthSink(self.ground_truth, source.ground_truth)))
            if self.crops is not None:
                data.append(add(CropSink(self.crops)))
            opened.pop_all()
            return _Sinks(data, pictures, display, Overlay(output, names))


@dataclass
class _Sinks:
    """All sinks of one source. Data sinks see the clean frame, picture sinks the annotated one."""

    data: list[Sink]
    pictures: list[Sink]
    display: DisplaySink | None
    overlay: Overlay
    seconds: dict[str, float] = field(default_factory=lambda: {"write": 0.0, "draw": 0.0, "encode": 0.0})

    def write(self, frame: Frame, tracks: Tracks, fps: float | None) -> None:
        with _clock(self.seconds, "write"):
            for sink in self.data:
                sink.write(frame, tracks)
        if self.pictures and frame.image is not None:
            with _clock(self.seconds, "draw"):
                image = self.overlay.draw(frame.image, tracks, fps=fps)
            with _clock(self.seconds, "encode"):
                for sink in self.pictures:
                    sink.write(Frame(frame.index, image, frame.time), tracks)

    def close(self) -> None:
        """Close every sink, also when one of them fails; the first failure is raised at the end."""
        with contextlib.ExitStack() as stack:
            for sink in (*self.data, *self.pictures):
                stack.callback(sink.close)

    def __enter__(self) -> _Sinks:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _track_source(
    source: Source, name: str, plan: _Outputs, settings: _Settings, parts: _Parts, observer: Observer
) -> Summary:
    output = settings.output
    progress = Progress(name, source.frame_count)
    observer.started(progress)
    seconds = {"read": 0.0, "detect": 0.0, "embed": 0.0, "track": 0.0}
    tracker = Tracker(parts.tracker)
    meter = _Meter()
    ids: set[int] = set()
    rows = 0
    ending: Ending = "end"

    begin = time.perf_counter()
    sinks = plan.open(source, output, parts.class_names, observer.warn)
    with sinks, contextlib.ExitStack() as stack:
        # A window must be served by the main thread; without one, writing has a thread of its own.
        threaded = sinks.display is None
        writer = stack.enter_context(_Writer(sinks)) if threaded else None
        try:
            frames: Iterable[Frame] = _timed(source, seconds, "read")
            if source.is_live:  # cameras and streams have a reading thread of their own; few frames in flight, no delay
                workers = min(parts.workers, LIVE_WORKERS)
                seen = stack.enter_context(_InParallel(parts.perceive, frames, workers, waiting=0))
                stack.callback(source.close)
            else:
                frames = stack.enter_context(_Ahead(frames, READ_AHEAD))
                seen = stack.enter_context(_InParallel(parts.perceive, frames, parts.workers, waiting=1))
            for item in seen:
                frame = item.frame
                seconds["detect"] += item.detect_seconds
                seconds["embed"] += item.embed_seconds
                with _clock(seconds, "track"):
                    tracks = tracker.update(item.detections)
                if output.emit == "matched":
                    tracks = tracks[tracks.time_since_update == 0]
                ids.update(tracks.ids.tolist())
                rows += len(tracks)
                progress.fps = meter.tick()
                shown_fps = progress.fps if output.show_fps else None
                if writer is not None:
                    writer.put(frame, tracks, shown_fps)
                else:
                    sinks.write(frame, tracks, shown_fps)
                progress.frames += 1
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
    outputs = [path for path in (*plan.files().values(), plan.crops) if path is not None and path.exists()]
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
        max_cosine_distance=parts.tracker.max_cosine_distance,
    )


class _Ahead(Generic[T]):
    """Runs an iterator in a thread, at most `depth` items ahead of whoever iterates over this.

    Errors in the thread are raised here, after the items before them. Leaving the `with` block stops the thread.
    """

    def __init__(self, items: Iterable[T], depth: int) -> None:
        self._items = items
        self._queue: queue.Queue[tuple[bool, T | BaseException | None]] = queue.Queue(depth)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> _Ahead[T]:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        while self._thread.is_alive():
            with contextlib.suppress(queue.Empty):
                self._queue.get_nowait()
            self._thread.join(POLL_SECONDS / 10)

    def __iter__(self) -> Iterator[T]:
        while True:
            try:
                is_item, value = self._queue.get(timeout=POLL_SECONDS)
            except queue.Empty:
                if self._stop.is_set():
                    return
                continue
            if is_item:
                yield value  # type: ignore[misc]
            elif value is None:
                return
            else:
                raise value  # type: ignore[misc]

    def _run(self) -> None:
        try:
            for item in self._items:
                if not self._put((True, item)):
                    return
            self._put((False, None))
        except BaseException as error:  # handed to the consumer, whatever it is
            self._put((False, error))

    def _put(self, item: tuple[bool, T | BaseException | None]) -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=POLL_SECONDS)
            except queue.Full:
                continue
            return True
        return False


class _InParallel(Generic[S, T]):
    """`map(function, items)` with several threads, results in order.

    At most `workers` items are worked on and `waiting` more are ready for the next free thread. An error is raised here
    at its item's turn. OpenCV's own threads are off meanwhile: the workers use the cores.
    """

    def __init__(self, function: Callable[[S], T], items: Iterable[S], workers: int, waiting: int) -> None:
        self._function = function
        self._items = items
        self._in_flight = workers + waiting
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="perceive")

    def __enter__(self) -> _InParallel[S, T]:
        self._opencv_threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        cv2.setNumThreads(self._opencv_threads)

    def __iter__(self) -> Iterator[T]:
        pending: deque[Future[T]] = deque()
        items = iter(self._items)
        failure: Exception | None = None
        while True:
            try:
                item = next(items)
            except StopIteration:
                break
            except Exception as error:  # what came before it is finished first
                failure = error
                break
            pending.append(self._pool.submit(self._function, item))
            if len(pending) >= self._in_flight:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
        if failure is not None:
            raise failure


class _Writer:
    """Feeds sinks from a thread. A failure of a sink is raised by the next `put`, or on leaving the `with` block."""

    def __init__(self, sinks: _Sinks) -> None:
        self._sinks = sinks
        self._queue: queue.Queue[tuple[Frame, Tracks, float | None] | None] = queue.Queue(WRITE_BEHIND)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> _Writer:
        self._thread.start()
        return self

    def put(self, frame: Frame, tracks: Tracks, fps: float | None) -> None:
        while self._error is None:
            try:
                self._queue.put((frame, tracks, fps), timeout=POLL_SECONDS)
            except queue.Full:
                continue
            return
        raise self._error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._error is None and self._thread.is_alive():
            try:
                self._queue.put(None, timeout=POLL_SECONDS)
            except queue.Full:
                continue
            break
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error

    def _run(self) -> None:
        try:
            while (item := self._queue.get()) is not None:
                self._sinks.write(*item)
        except BaseException as error:  # handed to the thread that puts
            self._error = error


class _Meter:
    """Frames per second over the last moments."""

    def __init__(self, window: int = 30) -> None:
        self._times: list[float] = []
        self._window = window

    def tick(self) -> float:
        self._times = [*self._times[-self._window :], time.perf_counter()]
        span = self._times[-1] - self._times[0]
        return (len(self._times) - 1) / span if span > 0 else 0.0


@contextlib.contextmanager
def _clock(seconds: dict[str, float], stage: str) -> Iterator[None]:
    begin = time.perf_counter()
    try:
        yield
    finally:
        seconds[stage] += time.perf_counter() - begin


def _timed(items: Iterable[T], seconds: dict[str, float], stage: str) -> Iterator[T]:
    """The same items; the time spent waiting for each is added to `seconds[stage]`."""
    iterator = iter(items)
    while True:
        with _clock(seconds, stage):
            item = next(iterator, None)
        if item is None:
            return
        yield item
