"""From what the user names to pieces: each source is watched once, and its ground truth is found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepsort_cli.core.box_tables import NORMALISED, check_unique_ids, looks_normalised, marked_to_count, read_boxes
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.files import at_home, atomic_open, check_output_folder, file_sha256
from deepsort_cli.core.mot import Comparison
from deepsort_cli.core.recording import Recording
from deepsort_cli.core.truth_files import find_truth
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.settings.tune import TuneSettings
from deepsort_cli.video.settings import OutputSettings, SourceSettings
from deepsort_cli.video.sinks import unique_names
from deepsort_cli.video.sources import is_demo
from deepsort_cli.workflows.recorded import LOWEST, is_stored, load_stored, watch
from deepsort_cli.workflows.track.parts import usual
from deepsort_cli.workflows.tune.pieces import Piece

PICTURES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Named:
    """A source as it was named, or found in a folder of sequences.

    Attributes:
        source: what to watch or to load.
        truth: its own ground truth; None where it has none, or tells it frame by frame (demo).
        sequence: name of the sequence's folder that it lies in; empty where it lies in none.
    """

    source: str
    truth: Path | None
    sequence: str = ""

    def known_as(self, names: Collection[str]) -> str:
        """Which of these names is meant by it: the sequence's, else its file's, which may be none of them."""
        return self.sequence if self.sequence in names else Path(self.source.rstrip("/")).stem


def open_pieces(settings: TuneSettings, folder: Path, listener: Listener) -> list[Piece]:
    """All sequences, watched and with their ground truth.

    Raises:
        InputError: a source or its ground truth cannot be used.
        RunError: a source failed.
        KeyboardInterrupt: what was watched to its end until then is kept.
    """
    found = [named for source in settings.source for named in _named(source)]
    if not found:
        raise InputError(
            "no source is given: name a video, a MOT sequence or a folder of these, or a recording (.npz)."
        )
    truths = _truths(found, settings.gt)
    check_output_folder(folder, key="output_dir")
    watched = [_recorded(named.source, settings, folder, listener) for named in found]
    names = unique_names([recording.origin.source for recording, _ in watched])
    pieces = []
    for name, named, truth, (recording, scene) in zip(names, found, truths, watched, strict=True):
        path = truth or scene
        compared = None if path is None else _comparison(name, path, recording, named.source)
        pieces.append(Piece(name, recording, compared))
    return pieces


def _named(source: str) -> Iterator[Named]:
    """The sources behind one that was named: itself, or the sequences of a folder."""
    path = at_home(source)
    if is_stored(source):
        folders = [folder for folder in path.resolve().parents[:2] if (folder / "seqinfo.ini").is_file()]
        yield Named(source, _own_truth(folders[0]), folders[0].name) if folders else Named(source, None)
    elif not path.is_dir():
        yield Named(source, None)
    elif (path / "seqinfo.ini").is_file():
        yield Named(_best_of(path), _own_truth(path), path.resolve().name)
    else:
        sequences = sorted(folder for folder in path.iterdir() if (folder / "seqinfo.ini").is_file())
        if not sequences:
            yield Named(source, None)
        for folder in sequences:
            yield Named(_best_of(folder), _own_truth(folder), folder.name)


def _own_truth(folder: Path) -> Path | None:
    path = folder / "gt" / "gt.txt"
    return path if path.is_file() else None


def _best_of(folder: Path) -> str:
    """What to take of a sequence's folder: its pictures, or without these the detections that come with it."""
    pictures = folder / "img1"
    if pictures.is_dir() and any(file.suffix.lower() in PICTURES for file in pictures.iterdir()):
        return str(folder)
    stored = [*sorted((folder / "det").glob("*.npz")), folder / "det" / "det.txt"]
    return next((str(file) for file in stored if file.is_file()), str(folder))


def _truths(found: Sequence[Named], given: Sequence[Path]) -> list[Path | None]:
    """The ground truth of each source: that given for it, else its own.

    Raises:
        InputError: what is given does not fit the sources.
    """
    if not given:
        return [named.truth for named in found]
    if len(given) == len(found):
        return [_only(path) for path in given]
    if len(given) > 1:
        raise InputError(f"`gt`: {len(given)} are given for {len(found)} sources. Give one for each, in their order.")
    files = {one.name: one.path for one in find_truth(given[0])}
    names = [named.known_as(files) for named in found]
    lacking = next(
        (named.sequence or name for named, name in zip(found, names, strict=True) if name not in files), None
    )
    if lacking is not None:
        raise InputError(f"`gt` {given[0]}: holds no ground truth called {lacking}; it has {', '.join(files)}.")
    return [files[name] for name in names]


def _only(path: Path) -> Path:
    files = find_truth(path)
    if len(files) > 1:
        raise InputError(f"`gt` {path}: holds {len(files)} sequences, and belongs to one source. Name one file.")
    return files[0].path


def _recorded(source: str, settings: TuneSettings, folder: Path, listener: Listener) -> tuple[Recording, Path | None]:
    """The recording of a source, and the truth of a generated scene; watched once, then taken from the folder."""
    if is_stored(source):
        return load_stored(source, settings.input, settings.detector.classes), None
    key = _key(source, settings)
    place = folder / "recordings" / f"{Path(source).stem or 'source'}-{key}"
    done, path, scene = place.with_suffix(".json"), place.with_suffix(".npz"), place.with_suffix(".txt")
    truth = scene if is_demo(source) else None
    if done.is_file() and path.is_file():
        return load_stored(str(path), SourceSettings()), truth
    recording = watch(_watching(source, settings, path, truth), listener)
    with atomic_open(done) as stream:  # it was watched to its end
        json.dump({"source": source, "frames": len(recording)}, stream)
    return recording, truth


def _watching(source: str, settings: TuneSettings, path: Path, truth: Path | None) -> TrackSettings:
    """Everything is recorded that any settings may want: low scores, all embeddings, the camera's motion."""
    method = settings.camera_motion.method
    motion = settings.camera_motion.model_copy(update={"method": "flow" if method == "none" else method})
    return TrackSettings(
        source=(source,),
        input=settings.input,
        demo=settings.demo,
        detector=settings.detector.model_copy(update={"conf": LOWEST, "interval": 1}),
        reid=settings.reid,
        camera_motion=motion,
        runtime=settings.runtime,
        output=OutputSettings(save_detections=path, save_gt=truth, overwrite=True),
    )


def _key(source: str, settings: TuneSettings) -> str:
    """Tells recordings of the same source with other models or frames apart."""
    sections = {name: getattr(settings, name).model_dump(mode="json") for name in ("input", "demo", "detector", "reid")}
    sections["detector"].pop("conf")
    sections["detector"]["model_path"] = usual(settings.detector).model_path  # may have been fetched since
    path = at_home(source)
    file = [path.stat().st_size, path.stat().st_mtime_ns] if path.is_file() else []
    models = [name for name in (settings.detector.model_path, settings.reid.model_path) if name]
    sums = [file_sha256(Path(name)) for name in models if Path(name).is_file()]
    motion = settings.camera_motion.method
    text = json.dumps([source, str(path.resolve()), file, sections, sums, motion], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _comparison(name: str, path: Path, recording: Recording, source: str) -> Comparison:
    """The ground truth of the frames recorded.

    Raises:
        InputError: it cannot be read, or nothing in these frames counts.
    """
    table = read_boxes(path)
    check_unique_ids(table, marked_to_count(table))
    if looks_normalised(table.values[:, 2:6]):
        raise InputError(f"`gt` {path}: {NORMALISED}")
    there = np.isin(table.values[:, 0], recording.frames + 1)
    if not there[marked_to_count(table)].any():
        raise InputError(f"`gt` {path}: nothing in it counts in the frames of {source}. Is it of this source?")
    return Comparison(name, np.empty((0, 10)), table.values[there], 0, path, table.form)
