"""The sources of a run, opened and checked before the first frame of any is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deepsort_cli.core import InputError
from deepsort_cli.core.box_tables import (
    NORMALISED,
    BoxTable,
    check_unique_ids,
    looks_normalised,
    marked_to_count,
    read_boxes,
)
from deepsort_cli.core.events import Listener
from deepsort_cli.core.recording import check_times
from deepsort_cli.core.truth_files import find_truth
from deepsort_cli.data.layouts import FLAT_NAMES, recognise
from deepsort_cli.perception.stored import StoredDetections
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.tracking.ages import Age
from deepsort_cli.video.outputs import needs_pixels
from deepsort_cli.video.sources import BlankSource, RecordedSource, Source, open_source
from deepsort_cli.video.sources.video import STDIN
from deepsort_cli.workflows.track.parts import Parts

NO_IMAGES = "{}: no images, so the camera's motion is not compensated (name them with `source`)."
HIGHEST_CROP = 640
"""Pixels; higher pictures are no crops of people that somebody would train with."""


def wanted_sources(settings: TrackSettings) -> tuple[str | None, ...]:
    """What to open; None is whatever the stored detections belong to.

    Raises:
        InputError: there is none, several where detections of one are stored, or standard input several times.
    """
    if settings.detections is None and not settings.source:
        raise InputError(
            "no source is given: write a video, a folder of images, a camera number, a URL, or demo. "
            "For example: deepsort track demo"
        )
    if settings.detections is not None and len(settings.source) > 1:
        raise InputError(
            f"`detections` {settings.detections}: belongs to one source, but {len(settings.source)} are given."
        )
    if settings.source.count(STDIN) > 1:
        raise InputError("`source` -: standard input can be read by one source only, but is given several times.")
    return settings.source or (None,)


def open_one(spec: str | None, settings: TrackSettings, parts: Parts, listener: Listener) -> Source:
    """Open a source, with its images only where a part or an output needs them.

    Raises:
        InputError: it cannot be used.
    """
    needed = parts.reads_pixels or needs_pixels(settings.output)
    pixels = needed or settings.serve.address is not None
    where = spec if spec is not None else _sequence_of(settings.detections)
    if where is None:
        return _blank(settings, parts, needed, listener)
    frame_count = parts.stored.last_frame if parts.stored is not None and spec is not None else None

    def opened(pixels: bool) -> Source:
        return open_source(
            where, settings.input, settings.demo, pixels=pixels, frame_count=frame_count, warn=listener.warn
        )

    if parts.camera is None or pixels:
        return opened(pixels)
    try:
        return opened(True)
    except InputError:
        source = opened(False)  # says what is wrong if it is not only the images
        listener.warn(NO_IMAGES.format(source.name))
        return source


def _sequence_of(detections: Path | None) -> str | None:
    """The MOTChallenge sequence that a file of detections lies in."""
    parents = () if detections is None else detections.parents[:2]
    return next((str(folder) for folder in parents if (folder / "seqinfo.ini").is_file()), None)


def _blank(settings: TrackSettings, parts: Parts, pixels: bool, listener: Listener) -> Source:
    """Frames without images, as many as there are stored detections for."""
    path, stored = settings.detections, parts.stored
    assert path is not None
    assert stored is not None
    if pixels:
        raise InputError(
            "`source` is missing: a Re-ID model, video, crops, a heat map or a window need the frames' images."
        )
    if stored.last_frame == 0 and stored.recording is None:
        raise InputError(f"`detections` {path}: holds no detection, and no `source` says how long to run.")
    if parts.camera is not None:
        listener.warn(NO_IMAGES.format(path.stem))
    if stored.recording is not None:
        if settings.input.fps is None:
            check_times(path, stored.recording)
        return RecordedSource(path.stem, stored.recording, settings.input)
    return BlankSource(path.stem, stored.last_frame, settings.input)


def tell_misplaced(path: Path | None, stored: StoredDetections | None, source: Source, listener: Listener) -> None:
    """Say what seems wrong with stored boxes for pictures of this size."""
    if stored is None:
        return
    known = source if source.width else source.sequence or source  # of pictures that are not read
    origin = None if stored.recording is None else stored.recording.origin
    if origin is not None and source.kind != "recording":
        was, now = (
            f"{width}×{height}" for width, height in ((origin.width, origin.height), (known.width, known.height))
        )
        if origin.width and known.width and was != now:
            listener.warn(
                f"`detections` {path}: recorded of {origin.source}, in pictures of {was}, but those of {source.name} "
                f"are of {now}: boxes do not fit. Give the source that was recorded."
            )
            return
        if origin.source and origin.source != source.name:
            listener.warn(
                f"`detections` {path}: recorded of {origin.source}, and taken for {source.name} now. Where that is "
                "another video, its people are not where the boxes are."
            )
    misplaced = stored.misplaced(known.width, known.height)
    if misplaced is not None:
        listener.warn(f"`detections` {path}: {misplaced}")


def tell_short_lives(parts: Parts, sources: Sequence[Source], listener: Listener) -> None:
    """Say where no track lives until the detector looks again."""
    age = Age.of(parts.tracker.max_age)
    for source in sources:
        apart = parts.interval / source.output_fps
        if age.in_seconds and age.longest < apart and source.frame_count != 1:
            listener.warn(
                f"{source.name}: `tracker.max_age` {parts.tracker.max_age} is shorter than the {apart:.3g} s between "
                "two frames that are looked at, so no track outlives one. Raise it, or look more often "
                "(`input.stride`, `detector.interval`)."
            )


def tell_person_crops(sources: Sequence[Source], listener: Listener) -> None:
    """Say which sources seem to be folders of a Re-ID dataset: small upright pictures whose names say who is shown."""
    for source in sources:
        upright = 0 < 1.2 * source.width <= source.height
        if source.kind != "images" or not upright or source.height > HIGHEST_CROP:
            continue
        names = [path.name for path in source.files]
        layout = recognise(names)
        people = [label.pid for name in names if (label := layout.label(name))]
        told_apart = layout.name in FLAT_NAMES and len(people) >= 0.9 * len(names)
        if told_apart and 1 < len(set(people)) < len(people):  # frame numbers would be as many as there are pictures
            listener.warn(
                f"{source.name}: looks like a Re-ID dataset, each picture a crop of one person ({names[0]}, "
                f"{source.width}×{source.height}), but is tracked as the frames of one video. Such folders are for "
                "deepsort scan, train and eval."
            )


def ground_truth(source: Source, name: str, given: Path | None, many: bool) -> BoxTable | None:
    """The ground truth of a source, read before any work is done; None where the source knows it frame by frame.

    Args:
        given: ground truth for sources without their own: a file, a sequence folder, or a folder of sequence folders
            named like the sources.
        many: there are several sources.

    Raises:
        InputError: there is none, or nothing in it counts.
    """
    path = source.ground_truth_file
    if given is not None:
        path = _named(given, name, many)
    elif source.kind == "demo":
        return None
    if path is None:
        raise InputError(
            f"`score`: {name} has no ground truth. It comes with demo and MOTChallenge sequences (gt/gt.txt); "
            "for other sources name it with `gt`=FILE."
        )
    table = read_boxes(path)
    if not len(marked_to_count(table)):
        why = "column 7 is 0 in every row, which marks rows to be ignored; write 1 there" if len(table) else "no row"
        raise InputError(f"{path}: nothing in it counts ({why}), so there is nothing to score.")
    check_unique_ids(table, marked_to_count(table))
    if looks_normalised(table.values[:, 2:6]):
        raise InputError(f"{path}: {NORMALISED}")
    return table


def _named(given: Path, name: str, many: bool) -> Path:
    """The file for the source of this name in what `gt` names."""
    files = find_truth(given)
    named = next((one for one in files if one.name == name), None)
    if named is None and len(files) > 1:
        raise InputError(f"`gt` {given}: holds {len(files)} sequences, but none called {name}.")
    if many and named is None:
        raise InputError(
            f"`gt` {given}: belongs to one source, but several are given. Give a folder with {name}/gt/gt.txt."
        )
    return (named or files[0]).path
