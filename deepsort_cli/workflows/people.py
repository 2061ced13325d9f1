"""`deepsort people` as a library call: who is in a file of people; to export, forget and rename them."""

from __future__ import annotations

import csv
import difflib
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

import numpy as np

from deepsort_cli.core.counted import counted
from deepsort_cli.core.csv_cells import guarded
from deepsort_cli.core.durations import seconds_of
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener, LoggingListener
from deepsort_cli.core.files import atomic_open, check_output_folder, look
from deepsort_cli.core.people_file import People, Person, clean_name, locked
from deepsort_cli.settings.keywords import from_keywords
from deepsort_cli.settings.people import PeopleSettings

Action = Literal["list", "export", "forget", "rename"]
LONGEST_FILE_NAME = 60
TABLE, FEATURES, PICTURES = "people.csv", "features.npz", "pictures"
"""What an export is made of."""


@dataclass(frozen=True)
class PeopleDone:
    """What came of a call.

    Attributes:
        action: what was done.
        people: those it was done to, as plain data.
        left: how many people are in the file now.
        model: the Re-ID model that made the features.
        updated: when a run or a call last wrote the file, ISO 8601; None for never.
        written: files that were exported.
    """

    action: Action
    people: tuple[dict[str, Any], ...]
    left: int
    model: str
    updated: str | None
    written: tuple[Path, ...] = ()


def people(
    file: Path | str | None = None,
    action: Action = "list",
    who: Sequence[str | int] | str | int = (),
    *,
    listener: Listener | None = None,
    **keywords: Any,
) -> PeopleDone:
    """List, export, forget or rename the people that a run with `people_file=` keeps, as `deepsort people` does.

    Args:
        file: the file of people.
        action: `list`, `export`, `forget` or `rename`.
        who: people by number or name; none: all, except to forget. Of `rename`, a person and the new name.
        listener: told what happens; None: remarks go to the logger `deepsort`.
        keywords: the command's flags with underscores: `older_than="7d"`, `unnamed=True`, `output=`.

    Returns:
        The people it was about, and what is left.

    Raises:
        InputError: something given cannot be used; nothing was changed.
        RunError: the file cannot be written.
    """
    if file is not None:
        keywords["file"] = file
    keywords |= {"action": action, "who": who if isinstance(who, str | int) else list(who)}
    return run_people(from_keywords(PeopleSettings, keywords), listener or LoggingListener())


def run_people(settings: PeopleSettings, listener: Listener) -> PeopleDone:
    """What `people` does, with the settings of `deepsort people`.

    Raises:
        InputError, RunError: see `people`.
    """
    path = settings.file
    if path is None:
        raise InputError("`file` is missing. Name the file of people that a run with `across.people` keeps.")
    _refuse_unheard(settings)
    if settings.action in ("list", "export"):
        found = People.load(path, key="")
        chosen = _chosen(found, settings, path)
        written = _export(chosen, settings) if settings.action == "export" else ()
        for file in written:
            listener.note(f"wrote {file}")
        return _done(settings.action, chosen, found, written)
    if look(path, key="file") is None:
        People.load(path, key="")  # says that there is none; a lock would be left behind
    with locked(path, key="", warn=listener.warn):
        found = People.load(path, key="")
        changed, about = (_forget if settings.action == "forget" else _rename)(found, settings, path)
        changed.save(path)
    done = _done(settings.action, about, changed)
    if settings.action == "forget":
        listener.note(f"{path}: forgot {counted(len(about), 'person', 'people')}, {done.left:,} left")
    return done


def _refuse_unheard(settings: PeopleSettings) -> None:
    """What is given but of no effect."""
    if settings.action == "rename" and (settings.older_than is not None or settings.unnamed):
        raise InputError("rename: one person has to be named, by number or name.")
    if settings.action != "export" and settings.output is not None:
        raise InputError(f"`output` {settings.output}: only export writes files.")


def _chosen(found: People, settings: PeopleSettings, path: Path) -> list[Person]:
    """The people meant; all where nobody is named."""
    named = [_person(found, who, path) for who in settings.who]
    chosen = [one for one in found.people if not named or one in named]
    if settings.unnamed:
        chosen = [one for one in chosen if not one.name]
    if settings.older_than is not None:
        before = time.time() - seconds_of(settings.older_than)
        chosen = [one for one in chosen if 0 < one.last < before]  # who was never seen may still come
    return chosen


def _person(found: People, who: str, path: Path) -> Person:
    """The person of a number or name.

    Raises:
        InputError: there is none, or number and name mean two.
    """
    meant = {one.number: one for one in found.people if one.name == who or str(one.number) == who.lstrip("#")}
    if len(meant) == 1:
        return next(iter(meant.values()))
    if meant:
        other = next(number for number, one in meant.items() if one.name == who)
        raise InputError(
            f"{path}: {who} is the number of one person and the name of another: say #{who} for person {who}, "
            f"or #{other} for the one called so."
        )
    names = [one.name for one in found.people if one.name]
    near = difflib.get_close_matches(who, names, n=1, cutoff=0.6)
    hint = f"Did you mean {near[0]}?" if near else f"See: deepsort people list {path}"
    raise InputError(f"{path}: nobody of the number or name {who!r}. {hint}")


def _forget(found: People, settings: PeopleSettings, path: Path) -> tuple[People, list[Person]]:
    if not settings.who and settings.older_than is None and not settings.unnamed:
        raise InputError("forget: whom? Give numbers or names, or `older_than`=7d, or `unnamed`=true.")
    gone = _chosen(found, settings, path)
    return found.without([one.number for one in gone]), gone


def _rename(found: People, settings: PeopleSettings, path: Path) -> tuple[People, list[Person]]:
    if len(settings.who) != 2:
        raise InputError("rename: give a person, by number or name, and the new name. An empty one takes it away.")
    person, name = _person(found, settings.who[0], path), settings.who[1]
    if name.strip():
        try:
            name = clean_name(name)
        except ValueError as error:
            raise InputError(f"rename: {error}.") from None
    else:
        name = ""
    other = next((one for one in found.people if name and one.name == name and one is not person), None)
    if other is not None:
        raise InputError(f"{path}: person {other.number} is called {name} already. Choose another name.")
    changed = found.renamed(person.number, name)
    return changed, [one for one in changed.people if one.number == person.number]


def _done(action: Action, about: Sequence[Person], left: People, written: Sequence[Path] = ()) -> PeopleDone:
    updated = _moment(left.updated)
    return PeopleDone(action, tuple(map(_described, about)), len(left), str(left.model), updated, tuple(written))


def _described(person: Person) -> dict[str, Any]:
    """What is known of a person, as plain data."""
    return {
        "person": person.number,
        "name": person.name,
        "first": _moment(person.first),
        "last": _moment(person.last),
        "tracks": person.tracks,
        "cameras": list(person.seen_by),
        "looks": len(person.features),
        "enrolled": person.enrolled,
        "picture": bool(person.picture),
    }


def _moment(seconds: float) -> str | None:
    """ISO 8601, in UTC; None for never."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds") if seconds else None


def _export(chosen: Sequence[Person], settings: PeopleSettings) -> tuple[Path, ...]:
    """Write table, features and pictures of people into a folder.

    Raises:
        InputError: no folder is named, it cannot be written, or it is not empty.
        RunError: the disk is full.
    """
    folder = settings.output
    if folder is None:
        raise InputError("`output` is missing. Name the folder to export into, for example `output`=exported.")
    check_output_folder(folder, key="output")
    if any(folder.iterdir()) and not settings.overwrite:
        raise InputError(
            f"`output` {folder}: the folder is not empty. Set `overwrite`=true to replace an earlier export, or choose "
            "another folder."
        )
    _remove_earlier(folder)
    written = [folder / TABLE, folder / FEATURES]
    with atomic_open(written[0], newline="") as stream:
        rows = [_described(one) for one in chosen]
        table = csv.writer(stream)
        table.writerow(["person", "name", "first", "last", "tracks", "cameras", "looks", "enrolled", "picture"])
        for row, one in zip(rows, chosen, strict=True):
            picture = f"{PICTURES}/{_file_name(one)}" if one.picture else ""
            cameras = json.dumps(row["cameras"], ensure_ascii=False)
            table.writerow([*(guarded(value) for value in {**row, "cameras": cameras, "picture": picture}.values())])
    with atomic_open(written[1], "wb") as stream:
        size = max((one.features.shape[1] for one in chosen), default=0)
        np.savez(
            stream,
            person=np.repeat([one.number for one in chosen], [len(one.features) for one in chosen]).astype(np.int64),
            camera=np.array([camera for one in chosen for camera in one.cameras], np.str_),
            features=np.concatenate([np.empty((0, size), np.float32), *(one.features for one in chosen)])
            if size
            else np.empty((0, 0), np.float32),
        )
    for one in chosen:
        if one.picture:
            written.append(folder / PICTURES / _file_name(one))
            with atomic_open(written[-1], "wb") as stream:
                stream.write(one.picture)
    return tuple(written)


def _remove_earlier(folder: Path) -> None:
    """Delete pictures of an earlier export, some of whom may have been forgotten since, and nothing else."""
    for old in (folder / PICTURES).glob("[0-9]*.jpg") if (folder / PICTURES).is_dir() else ():
        if re.match(r"\d{5,}(_|\.jpg$)", old.name):
            old.unlink()


def _file_name(person: Person) -> str:
    """A picture's name, which no name of a person can lead elsewhere."""
    safe = re.sub(r"[^\w-]+", "_", person.name).strip("_")[:LONGEST_FILE_NAME]
    return f"{person.number:05d}{f'_{safe}' if safe else ''}.jpg"
