"""What of an archive is to be done, and what is there already: decided before anything is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import is_same_file
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.video.outputs import asked_for, to_stdout
from deepsort_cli.workflows.archive.fingerprints import Footprint, footprint, is_unchanged, settings_that_matter
from deepsort_cli.workflows.archive.index import PAGE, TABLE
from deepsort_cli.workflows.archive.records import RESERVED, Folder, Record
from deepsort_cli.workflows.archive.videos import Video

MOST_REASONS = 3


@dataclass(frozen=True)
class Item:
    """A video and what is to become of it.

    Attributes:
        number: its place in the list of all.
        video: what it is.
        done: its results are there; they are skipped.
        reason: why it is done, or is to be.
        size: bytes of its files.
        record: of its results, where they are done.
        replaces: another video, still there, whose results lie where those of this one go; empty where none do.
    """

    number: int
    video: Video
    done: bool
    reason: str
    size: int
    record: Record | None = None
    replaces: str = ""


def check_settings(settings: TrackSettings) -> None:
    """Refuse what an archive cannot have.

    Raises:
        InputError: naming the setting, and what to do instead.
    """
    output = settings.output
    if settings.detections is not None:
        raise InputError("`detections` belongs to one source, and an archive has many. Track it without an archive.")
    if settings.score or settings.gt is not None:
        raise InputError(
            "`score`: an archive is not scored as it is made. Write `output.save_txt`=tracks.txt, and score those: "
            "deepsort score"
        )
    if settings.across.wanted:
        raise InputError(
            f"`{settings.across.asked_by}`: an archive tracks every video for itself, in any order, and nobody is "
            "known from one to the other. Track those of the same place together, without `archive.output_dir`."
        )
    if output.display:
        raise InputError("`output.display`: videos of an archive are tracked several at once, without a window.")
    for key, value in {"serve.address": settings.serve.address, "serve.events": settings.serve.events}.items():
        if value is not None:
            raise InputError(f"`{key}`: an archive is not shown while it is made. Leave it out, or track sources.")
    if rows := to_stdout(output):
        raise InputError(f"`{rows[0]}` -: an archive writes files. Give a file name; every video's folder gets one.")
    taken: dict[PurePath, str] = {}
    for kind in asked_for(output):
        path: Path = getattr(output, kind.field)
        name = f"`{kind.key}` {path}"
        if path.is_absolute() or path.drive or ".." in path.parts or path == Path():
            raise InputError(
                f"{name}: with `archive.output_dir` an output names the file within each video's folder; write only "
                f"that: `{kind.key}`={path.name or 'file'}"
            )
        if {path.parts[0], str(path)} & RESERVED:
            raise InputError(f"{name}: an archive writes a file of this name itself. Choose another.")
        if path in taken:
            raise InputError(f"{name}: {taken[path]} writes the same file.")
        taken[path] = f"`{kind.key}`"


def plan(
    videos: Sequence[Video],
    settings: TrackSettings,
    models: Mapping[str, str],
    folder: Folder,
    progress: Callable[[int, int], None],
) -> list[Item]:
    """Decide about every video.

    Args:
        models: as `models_of` gives them.
        progress: takes how many were looked at, and the number of all.

    Raises:
        InputError: something that is not the archive's lies where results would go.
    """
    outputs = [getattr(settings.output, kind.field).as_posix() for kind in asked_for(settings.output)]
    found = []
    for number, video in enumerate(videos):
        found.append(_decide(number, video, settings, models, folder))
        progress(number + 1, len(videos))
        if not settings.output.overwrite and not found[-1].done:
            _check_way(folder, video.place, outputs)
    return found


def _decide(number: int, video: Video, settings: TrackSettings, models: Mapping[str, str], folder: Folder) -> Item:
    try:
        now = footprint(video)
    except OSError as error:
        return Item(number, video, False, f"cannot be read ({error.strerror or error})", 0)
    record = folder.record(video.place)
    if record is None:
        return Item(number, video, False, "new", now.size)
    try:
        why = _why_not(record, video, now, settings, models, folder)
    except OSError as error:
        return Item(number, video, False, f"cannot be read ({error.strerror or error})", now.size)
    if why is not None:
        other = _another(record, video)
        return Item(number, video, False, f"{why}: it was {other}" if other else why, now.size, replaces=other)
    if record["fingerprint"].get("stamp") != now.stamp and not settings.archive.dry_run:
        # Compared by content; with the new times, the next run need not read it again.
        record = record | {"fingerprint": record["fingerprint"] | {"stamp": now.stamp}}
        folder.write_record(video.place, record)
    return Item(number, video, True, "done before", now.size, record)


def _another(record: Record, video: Video) -> str:
    """The source of a record, where that is another video, which is there as well; else nothing."""
    source = record.get("source")
    if not isinstance(source, str) or source == video.source or not os.path.lexists(source):
        return ""
    return "" if is_same_file(Path(source), Path(video.source)) else source


def _why_not(
    record: Record,
    video: Video,
    now: Footprint,
    settings: TrackSettings,
    models: Mapping[str, str],
    folder: Folder,
) -> str | None:
    """Why results do not count; None where they do.

    Raises:
        OSError: the source cannot be read.
    """
    if settings.output.overwrite:
        return "redone, as asked"
    if not record.get("finished"):
        return "results were left unfinished"
    before = record.get("settings"), record.get("models"), record.get("fingerprint")
    if not all(isinstance(value, dict) for value in before):
        return "results of unknown origin"
    # What the settings did not know when the results were made was as it is by default.
    known = settings_that_matter(TrackSettings(), video.kind) | record["settings"]
    wanted = settings_that_matter(settings, video.kind)
    changed = [
        f"`{key}`={value} (was {known.get(key)})" for key, value in sorted(wanted.items()) if known.get(key) != value
    ]
    changed += [f"`{key}`" for key, value in models.items() if record["models"].get(key) != value]
    if changed:
        more = f", and {len(changed) - MOST_REASONS} more" if len(changed) > MOST_REASONS else ""
        return f"changed: {', '.join(changed[:MOST_REASONS])}{more}"
    if not is_unchanged(video, now, record["fingerprint"]):
        return "the source changed"
    missing = [name for name in record.get("outputs", []) if not (folder.results(video.place) / name).exists()]
    return f"results are missing: {', '.join(missing[:MOST_REASONS])}" if missing else None


def _check_way(folder: Folder, place: str, outputs: Sequence[str]) -> None:
    way = folder.in_the_way(place, outputs)
    if way is not None:
        raise InputError(
            f"`archive.output_dir`: {way} exists and is not this archive's. Set `output.overwrite`=true to replace it, "
            "or choose another folder."
        )


def check_index(folder: Folder, *, overwrite: bool) -> None:
    """Refuse to replace an index that is somebody else's.

    Raises:
        InputError: there is one.
    """
    if folder.hidden.is_dir() or overwrite:
        return
    for name in (PAGE, TABLE):
        if (folder.path / name).exists():
            raise InputError(
                f"`archive.output_dir`: {folder.path / name} exists and is not this archive's. Set "
                "`output.overwrite`=true to replace it, or choose another folder."
            )
