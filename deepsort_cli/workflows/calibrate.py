"""`deepsort calibrate`: the appearance threshold for one's own camera and Re-ID model, without labels."""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from deepsort_cli.core.embedder_metadata import EmbedderMetadata
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener, LoggingListener
from deepsort_cli.core.extras import install
from deepsort_cli.core.files import at_home, atomic_open, atomic_path, check_output_file, file_sha256, is_file
from deepsort_cli.core.recording import Recording
from deepsort_cli.evaluation.bootstrap import Interval
from deepsort_cli.evaluation.figures import distance
from deepsort_cli.evaluation.looks import FPR, Looks, Memory, compare_looks
from deepsort_cli.perception.embedders import resolve_model
from deepsort_cli.settings.calibrate import CalibrateSettings
from deepsort_cli.settings.keywords import from_keywords, with_sources
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.video.settings import OutputSettings
from deepsort_cli.video.sources import pictures_of
from deepsort_cli.workflows.recorded import is_stored, load_stored, watch

UNSURE = 0.15
"""Width of the interval from which it is worth a word."""
FEW_KNOWN = 0.6
"""Share of the looks of one person that a good threshold accepts at least."""


@dataclass(frozen=True)
class Calibration:
    """What came of a calibration.

    Attributes:
        threshold: the `max_cosine_distance` measured, with its 95 % interval.
        accepted: share of the comparisons of one person with their own memory that it accepts.
        looks: the comparisons.
        model: name of the Re-ID model; None where unknown.
        own: the threshold that the model brings; None where it brings none.
        sources: names of what it was measured on.
        outputs: files written.
    """

    threshold: Interval
    accepted: float
    looks: Looks
    model: str | None
    own: float | None
    sources: tuple[str, ...]
    outputs: tuple[Path, ...]


def calibrate(*sources: Any, listener: Listener | None = None, **keywords: Any) -> Calibration:
    """Measure the appearance threshold on sources of one's own, as `deepsort calibrate` does.

    Args:
        sources: videos, folders, …, or recordings of such; or one list of them.
        listener: told how far it is, and what speaks against the result; None: the logger `deepsort` is.
        keywords: the command's flags with underscores: `reid=`, `preset=`, `output=`, `plot=`.

    Raises:
        InputError: something given cannot be used, or too little was seen to measure anything.
        RunError: a source failed, or an output cannot be written.
    """
    settings = from_keywords(CalibrateSettings, with_sources(sources, keywords, cameras=True))
    return run_calibrate(settings, listener or LoggingListener())


def run_calibrate(settings: CalibrateSettings, listener: Listener) -> Calibration:
    """What `calibrate` does, with the settings of `deepsort calibrate`.

    Raises:
        InputError, RunError: see `calibrate`.
    """
    _check(settings)
    recordings = [_recording(source, settings, listener) for source in settings.source]
    origins = [recording.origin for recording in recordings]
    for source, recording in zip(settings.source, recordings, strict=True):
        if recording.detections.features is None:
            raise InputError(f"`source` {source}: recorded without embeddings. Record it with a Re-ID model.")
    models = {origin.embedder_sha256 or origin.embedder for origin in origins}
    if len(models) > 1:
        raise InputError(f"`source`: recorded with {len(models)} Re-ID models; give recordings of one.")
    memory = Memory(settings.tracker.nn_budget, settings.tracker.ema_alpha)
    looks = together([compare_looks(recording, memory) for recording in recordings])
    names = tuple(origin.source for origin in origins)
    if looks.lacking is not None:
        raise InputError(
            f"`source` {', '.join(map(str, settings.source))}: too little to measure: {looks.lacking}. Give a longer "
            "or a calmer piece, in which people walk apart from each other."
        )
    threshold = rounded(looks.threshold())
    accepted = looks.curve().at_threshold(threshold.value)[0]
    own = origins[0].threshold
    if threshold.high - threshold.low > UNSURE:
        listener.warn(
            f"the threshold is known roughly only, between {threshold.low:.3f} and {threshold.high:.3f}: watch longer."
        )
    if accepted < FEW_KNOWN:
        listener.warn(
            f"at this threshold a person is known again in {100 * accepted:.0f} % of the cases only: this Re-ID model "
            "tells people apart badly here."
        )
    done = Calibration(threshold, accepted, looks, origins[0].embedder, own, names, ())
    return _write(done, settings, origins[0].embedder_sha256)


def together(parts: Sequence[Looks]) -> Looks:
    """The comparisons of several recordings as one."""
    starts = np.cumsum([0, *(len(part.same) for part in parts[:-1])])
    return Looks(
        same=np.concatenate([part.same for part in parts]),
        different=np.concatenate([part.different for part in parts]),
        couples=np.concatenate([part.couples + start for part, start in zip(parts, starts, strict=True)]),
        edges=parts[0].edges,
    )


def rounded(found: Interval) -> Interval:
    """To the three digits that a threshold is written with."""
    return Interval(*(distance(value, 3) or value for value in (found.value, found.low, found.high)))


def recording_settings(settings: CalibrateSettings, source: str, path: Path) -> TrackSettings:
    """How a source is watched: all that is sure or nearly so is recorded."""
    return TrackSettings(
        source=(source,),
        input=settings.input,
        demo=settings.demo,
        detector=settings.detector,
        reid=settings.reid,
        runtime=settings.runtime,
        output=OutputSettings(save_detections=path),
    )


def _recording(source: str, settings: CalibrateSettings, listener: Listener) -> Recording:
    if is_stored(source):
        return load_stored(source, settings.input, settings.detector.classes)
    with tempfile.TemporaryDirectory() as folder:
        return watch(recording_settings(settings, source, Path(folder) / "seen.npz"), listener)


def _check(settings: CalibrateSettings) -> None:
    """Refuse, before anything is watched, what cannot become a result."""
    if not settings.source:
        raise InputError("no source is given: name a video of your camera, or a recording of one (.npz).")
    if (settings.reid.model_path or "").lower() == "none":
        raise InputError("`reid.model_path` none: there is nothing to calibrate without a Re-ID model.")
    for key, suffixes in (("output", (".yaml", ".yml", ".onnx")), ("plot", (".png",))):
        path = getattr(settings, key)
        if path is None:
            continue
        if path.suffix.lower() not in suffixes:
            raise InputError(f"`{key}` {path}: the name must end in {' or '.join(suffixes)}.")
        read = _files_read(settings) if is_file(path) else []
        check_output_file(path, overwrite=settings.overwrite, key=key, inputs=read)
    if _writes_model(settings) and importlib.util.find_spec("onnx") is None:
        raise InputError(f"writing into a model needs the onnx package. Get it: {install('tune')}")


def _writes_model(settings: CalibrateSettings) -> bool:
    return settings.output is not None and settings.output.suffix.lower() == ".onnx"


def _files_read(settings: CalibrateSettings) -> list[tuple[str, Path]]:
    """Files that no output may take the place of."""
    model = resolve_model(settings.reid) if _writes_model(settings) else None
    own = [] if model is None else [("reid.model_path", model)]
    files = [file for source in settings.source for file in (at_home(source), *pictures_of(source))]
    return [*own, *(("source", file) for file in files)]


def _write(done: Calibration, settings: CalibrateSettings, sha256: str) -> Calibration:
    written = []
    if settings.output is not None:
        if settings.output.suffix.lower() == ".onnx":
            _write_model(settings.output, done, settings, sha256)
        else:
            write_settings(settings.output, done, settings)
        written.append(settings.output)
    if settings.plot is not None:
        from deepsort_cli.evaluation.looks_plot import draw_looks

        picture = draw_looks(done.looks, done.threshold, ", ".join(done.sources))
        with atomic_open(settings.plot, "wb", follow=True) as stream:
            stream.write(picture)
        written.append(settings.plot)
    return Calibration(**{**done.__dict__, "outputs": tuple(written)})


def origin_of(done: Calibration) -> str:
    """In one line, how the threshold was found."""
    return (
        f"measured without labels on {', '.join(done.sources)}: {100 * FPR:g} % of {done.looks.num_different:,} "
        f"comparisons of people seen at once accepted, 95 % interval {done.threshold.low:g} to {done.threshold.high:g}"
    )


def write_settings(path: Path, done: Calibration, settings: CalibrateSettings) -> None:
    """A YAML file for `--config` of `deepsort track`: the threshold, and the memory that it is of."""
    preset, usual = settings.preset, from_keywords(CalibrateSettings, {"preset": settings.preset}).tracker
    values: dict[str, Any] = {"preset": preset} if preset != "deepsort" else {}
    memory = {name: getattr(settings.tracker, name) for name in ("nn_budget", "ema_alpha")}
    given = {name: value for name, value in memory.items() if value != getattr(usual, name)}
    values["tracker"] = {"max_cosine_distance": done.threshold.value} | given
    with atomic_open(path, follow=True) as stream:
        stream.write(f"# {origin_of(done)}\n")
        yaml.safe_dump(values, stream, sort_keys=False)


def _write_model(path: Path, done: Calibration, settings: CalibrateSettings, sha256: str) -> None:
    """A copy of the model that brings the threshold."""
    model = resolve_model(settings.reid)
    assert model is not None
    if file_sha256(model) != sha256:
        other = f"with another model ({done.model})" if sha256 else f"without saying with which model ({done.model})"
        raise InputError(
            f"`output` {path}: the source was recorded {other}, not with {model}, so the threshold is not of this one. "
            "Name its model with `reid.model_path`, or write settings: `output`=calibrated.yaml."
        )
    onnx = importlib.import_module("onnx")
    graph = onnx.load(str(model))
    props = {prop.key: prop.value for prop in graph.metadata_props}
    changes = {"threshold": done.threshold.value, "threshold_source": origin_of(done)}
    metadata = EmbedderMetadata.from_props(props).model_copy(update=changes)
    ours = {f"deepsort.{name}": metadata.to_props()[f"deepsort.{name}"] for name in changes}
    onnx.helper.set_model_props(graph, dict(sorted((props | ours).items())))
    with atomic_path(path, follow=True) as temporary:
        onnx.save(graph, str(temporary))
