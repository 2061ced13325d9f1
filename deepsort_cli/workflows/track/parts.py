"""The opened parts of a run: detector, embedder, camera motion, and the tracker's settings with nothing left open."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from deepsort_cli.core import Frame, InputError
from deepsort_cli.core.cpus import available_cpus
from deepsort_cli.core.events import Listener
from deepsort_cli.core.files import file_sha256
from deepsort_cli.perception.camera_motion import CameraMotion
from deepsort_cli.perception.catalogue import default_detector
from deepsort_cli.perception.classes import COCO_NAMES
from deepsort_cli.perception.detectors import Detector, HogDetector, OnnxDetector, open_detector
from deepsort_cli.perception.embedders import Embedder, open_embedder
from deepsort_cli.perception.functions import Detect, Embed, FunctionDetector, FunctionEmbedder
from deepsort_cli.perception.settings import DetectorSettings, RuntimeSettings
from deepsort_cli.perception.stored import StoredDetections
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.tracking import TrackerSettings

MOST_WORKERS = 8
_MODELS = ("detector", "detector_sha256", "embedder", "embedder_sha256", "threshold")
EMBEDS_ALL = "all detections are embedded, as they are recorded: `tracker.refresh_every` is left out of this run"
HEEDED: dict[type[Detector], tuple[str, ...]] = {
    StoredDetections: ("conf", "iou", "classes"),
    HogDetector: (
        "model_path",
        "conf",
        "iou",
        "classes",
        "max_det",
        "agnostic_nms",
        "interval",
        "hog_stride",
        "hog_scale",
    ),
    OnnxDetector: tuple(name for name in DetectorSettings.model_fields if not name.startswith("hog_")),
}
"""Settings of detectors that change something, by kind; functions refuse what they do not heed."""
KINDS = {
    StoredDetections: "detections are stored (`detections`)",
    HogDetector: "the detector is hog, no network",
    OnnxDetector: "the detector is not hog",
}
OTHER_STRIDE = (
    "`detections` {}: the camera's motion was recorded between frames of which `input.stride` leaves out some, so it "
    "is not compensated"
)


@dataclass(frozen=True)
class Functions:
    """Functions of the caller in place of models.

    Attributes:
        detect: a (H, W, 3) uint8 BGR image → what `Detections.of` takes.
        embed: such an image and (N, 4) boxes x1 y1 x2 y2 → (N, D) features.
    """

    detect: Detect | None = None
    embed: Embed | None = None


@dataclass(frozen=True)
class Parts:
    """What all sources of a run and all threads share.

    Attributes:
        detector: live, stored, or a function.
        embedder: None: tracking goes without one.
        own_features: the detections' own features are used where they bring some, since no embedder is named.
        camera: None: the camera's motion is not measured.
        recorded_motion: it is taken from the recording.
        tracker: settings of the tracker, with nothing left open.
        interval: the detector looks at every so many frames.
        workers: how many frames are perceived at once.
    """

    detector: Detector
    embedder: Embedder | FunctionEmbedder | None
    own_features: bool
    camera: CameraMotion | None
    recorded_motion: bool
    tracker: TrackerSettings
    interval: int
    workers: int

    @property
    def stored(self) -> StoredDetections | None:
        return self.detector if isinstance(self.detector, StoredDetections) else None

    @property
    def reads_pixels(self) -> bool:
        return self.stored is None or self.embedder is not None

    @property
    def brings_features(self) -> bool:
        """Detections come with features, and those are used; of a function, as far as known by now."""
        return self.own_features and self.detector.has_features

    @property
    def embeds_on_demand(self) -> bool:
        return self.embedder is not None and self.tracker.refresh_every is not None

    def looks_at(self, position: int, frame: Frame) -> bool:
        """Whether the detector looks at a frame, the `position`-th of the source."""
        return position % self.interval == 0 and (self.stored is None or self.stored.looked(frame.index))

    def tell_anew(self) -> None:
        """Have networks whose numbers are none say so again, in another run."""
        for part in (self.detector, self.embedder):
            if isinstance(part, OnnxDetector | Embedder):
                part.told.clear()

    @property
    def facts(self) -> dict[str, Any]:
        """What a recording says of these parts; see `core.recording.Origin`."""
        detector, embedder = self.detector, self.embedder
        low = self.tracker.low_score
        facts: dict[str, Any] = {"detector": detector.name, "conf": float(max(detector.conf, 0.0))}
        facts["full_conf"] = facts["conf"] if low is None else self.tracker.full_score
        if detector.file is not None:
            facts["detector_sha256"] = file_sha256(detector.file)
        if embedder is not None and not self.brings_features:
            facts |= {"embedder": embedder.name, "threshold": embedder.threshold}
            if embedder.file is not None:
                facts["embedder_sha256"] = file_sha256(embedder.file)
        before = None if self.stored is None else self.stored.recording
        if before is not None:  # a part of a recording is recorded again
            same = ("detector", "detector_sha256") if embedder is not None else _MODELS
            facts |= before.origin.model_dump(include=set(same))
        if self.camera is not None:
            facts["camera_motion"] = self.camera.method
        elif self.recorded_motion and before is not None:
            facts["camera_motion"] = before.origin.camera_motion
        return facts

    @property
    def appearance(self) -> str | None:
        """Where features come from; None where there are none."""
        if self.brings_features:
            if self.stored is not None and self.stored.recording is not None and self.stored.recording.origin.embedder:
                return f"recorded features of {self.stored.recording.origin.embedder}"
            return "stored features" if self.detector.stored else f"features of {self.detector.name}"
        return None if self.embedder is None else self.embedder.name


def open_parts(settings: TrackSettings, functions: Functions, listener: Listener, *, cpus: int | None = None) -> Parts:
    """Open what the settings name, or take the functions.

    Args:
        cpus: to share the work among; None: all that this program may use.

    Raises:
        InputError: something cannot be used, or settings do not go together.
        RunError: a model of the catalogue cannot be fetched.
    """
    lock = threading.Lock()
    in_turn = functions.detect is not None or functions.embed is not None
    cpus = cpus or available_cpus()
    workers = 1 if in_turn else max(1, min(MOST_WORKERS, cpus // max(1, settings.runtime.threads)))
    runtime = settings.runtime.model_copy(update={"threads": settings.runtime.threads or max(1, cpus // workers)})

    detector = _open_detector(settings, functions.detect, runtime, listener, lock)
    _tell_unheard(settings, detector, listener)
    named = settings.reid.model_path is not None or functions.embed is not None
    embedder: Embedder | FunctionEmbedder | None = None
    if functions.embed is not None:
        embedder = FunctionEmbedder(functions.embed, lock)
    elif named or not detector.stored:  # what is stored is replayed as it is, often without images
        embedder = open_embedder(settings.reid, runtime, listener.warn)
    method = settings.camera_motion.method
    stored = detector if isinstance(detector, StoredDetections) else None
    recorded = stored is not None and method != "none" and stored.method == method
    if recorded and stored is not None and stored.leaves_out(settings.input.start, settings.input.stride):
        listener.warn(OTHER_STRIDE.format(settings.detections))
        method, recorded = "none", False
    return Parts(
        detector=detector,
        embedder=embedder,
        own_features=not named,
        camera=CameraMotion(settings.camera_motion) if method != "none" and not recorded else None,
        recorded_motion=recorded,
        tracker=_filled(settings, detector, embedder, listener),
        interval=1 if detector.stored else settings.detector.interval,
        workers=workers,
    )


def _open_detector(
    settings: TrackSettings, function: Detect | None, runtime: RuntimeSettings, listener: Listener, lock: threading.Lock
) -> Detector:
    """The detector; with `tracker.low_score`, that is its lowest confidence, in place of its own."""
    wanted, low = settings.detector, settings.tracker.low_score
    if settings.detections is not None:
        if function is not None:
            raise InputError("`detections` and a detector: give one of them.")
        return _load(settings, listener)
    if function is not None:
        return FunctionDetector(function, wanted if low is None else wanted.model_copy(update={"conf": low}), lock)
    wanted = usual(wanted)
    conf = wanted.lowest_confidence() if low is None else low
    return open_detector(wanted.model_copy(update={"conf": conf}), runtime, listener.warn)


def _tell_unheard(settings: TrackSettings, detector: Detector, listener: Listener) -> None:
    """Say which settings of the detector change nothing with this kind of it; those of a preset are nobody's wish."""
    kind = next((kind for kind in HEEDED if isinstance(detector, kind)), None)
    if kind is None:
        return
    usual, preset = DetectorSettings(), settings.presets[settings.preset]
    for name in DetectorSettings.model_fields:
        value = getattr(settings.detector, name)
        if name not in HEEDED[kind] and value not in (getattr(usual, name), preset.get(f"detector.{name}")):
            listener.warn(f"`detector.{name}` changes nothing, as {KINDS[kind]}.")


def usual(detector: DetectorSettings) -> DetectorSettings:
    """Where no detector is named, the catalogue's if its file is at hand; without it, none is named still."""
    name = default_detector() if detector.model_path is None else None
    return detector if name is None else detector.model_copy(update={"model_path": name})


def _load(settings: TrackSettings, listener: Listener) -> StoredDetections:
    detector, low = settings.detector, settings.tracker.low_score
    assert settings.detections is not None
    stored = StoredDetections.load(
        settings.detections,
        conf=detector.conf if low is None else low,
        usual=detector.lowest_confidence(stored=True),
        iou=detector.iou,
        class_names=COCO_NAMES,
    )
    if detector.classes:
        stored.choose(detector.classes)
    for note in stored.notes:
        listener.warn(note)
    return stored


def _filled(
    settings: TrackSettings, detector: Detector, embedder: Embedder | FunctionEmbedder | None, listener: Listener
) -> TrackerSettings:
    """The tracker's settings, with what they leave open from detector and embedder."""
    tracker = settings.tracker
    if settings.output.save_detections is not None and tracker.refresh_every is not None:
        listener.note(EMBEDS_ALL)
        tracker = tracker.model_copy(update={"refresh_every": None})
    threshold = None if embedder is None else embedder.threshold
    if embedder is None and isinstance(detector, StoredDetections):
        threshold = detector.threshold
    known = isinstance(detector, StoredDetections | FunctionDetector)
    wanted = settings.detector if known else usual(settings.detector)
    conf, scores = wanted.lowest_confidence(stored=known), wanted.scores(stored=known)
    if isinstance(detector, StoredDetections):
        scores = detector.scores
    if isinstance(detector, StoredDetections) and wanted.conf is None and detector.full_conf is not None:
        conf = detector.full_conf
    try:
        return tracker.filled(conf, threshold, scores.start)
    except ValueError as error:
        raise InputError(f"tracker.{error}.") from None
