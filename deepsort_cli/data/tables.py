"""Datasets whose images are named in a table: a CSV of one's own, or MSMT17's list files."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import printable
from deepsort_cli.core.images import is_image_name
from deepsort_cli.data.layouts import FLAT_NAMES, Label, camera_in_name, part_role
from deepsort_cli.data.naming import ZERO_PERSON, Names, camera_number, number_name

LISTS = {
    "list_train.txt": "train",
    "list_val.txt": "val",
    "list_query.txt": "query",
    "list_gallery.txt": "gallery",
    "list_test.txt": "gallery",
}
"""MSMT17's lists (`path identity` in each line) and the parts they stand for."""

MOST_BYTES = 500_000_000
COLUMNS = ("path", "pid", "camid", "split")


class Entry(NamedTuple):
    """One image of a table: relative to the dataset, who it shows, and what it is for."""

    path: str
    label: Label
    role: str


class Table(NamedTuple):
    """The images of a dataset as a table names them.

    Attributes:
        layout: `csv` or `lists`.
        entries: one for each image.
        digest: of the table's text, which says who is who.
        people: pid → name of those who became numbers by their names.
    """

    layout: str
    entries: tuple[Entry, ...]
    digest: str
    people: dict[int, str]


def is_table(root: Path) -> bool:
    """Whether a dataset is a CSV file."""
    return root.suffix.lower() in (".csv", ".tsv") and not root.is_dir()


def read_csv(file: Path) -> Table:
    """The images that a CSV names: columns path and pid, and where known camid and split.

    Paths are relative to the CSV's folder. A pid or camid that is no number becomes one by its name; a split is called
    as a part would be (train, query, gallery, test, val) or left empty.

    Raises:
        InputError: it cannot be read, lacks a column, or a line does not make sense.
    """
    data = _read(file)
    text = _text(data)
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    fields = [(name or "").strip().lower() for name in reader.fieldnames or ()]
    missing = [name for name in COLUMNS[:2] if name not in fields]
    if missing:
        raise InputError(
            f"{file}: no column {' and no '.join(missing)} in its first line ({printable(head[:80])}). Expected the "
            "columns path and pid, and where known camid and split."
        )
    twice = sorted({name for name in COLUMNS if fields.count(name) > 1})
    if twice:
        raise InputError(f"{file}: column {' and '.join(twice)} more than once in its first line. Keep the right one.")
    reader.fieldnames = fields
    entries: dict[str, Entry] = {}
    people, cameras = Names("people"), Names("cameras")
    called: dict[int, str] = {}
    try:
        for row in reader:
            where = f"{file}, line {reader.line_num}"
            entry = _csv_entry(row, where)
            name, pid = _whole(row["pid"]), entry.label.pid
            people.add(name, pid, where)
            if pid > ZERO_PERSON:
                called[pid] = name
            if entry.label.camera is not None:
                cameras.add(_whole(row["camid"]), entry.label.camera, where)
            if entry.path in entries and entries[entry.path] != entry:
                raise InputError(
                    f"{file}, line {reader.line_num}: {printable(entry.path)} was already named otherwise."
                )
            entries[entry.path] = entry
    except csv.Error as error:
        raise InputError(f"{file}, line {reader.line_num}: no CSV ({error}).") from None
    if not entries:
        raise InputError(f"{file}: names no image; below the first line, one a line is expected.")
    return Table("csv", tuple(entries.values()), _digest(data), called)


def read_lists(root: Path, names: Sequence[str], files: Sequence[str]) -> Table | None:
    """The images that MSMT17's list files name; None where a dataset has none.

    Args:
        root: the dataset.
        names: names of the files directly in it.
        files: paths of all files of the dataset, to find where the lists' paths start.

    Raises:
        InputError: a list cannot be read, a line is no `path identity`, or two do not agree about an image.
    """
    lists = [name for name in names if name in LISTS]
    if not any(LISTS[name] in ("train", "query") for name in lists):
        return None
    known = set(files)
    folders = sorted({path.partition("/")[0] for path in files if "/" in path})
    entries: dict[str, Entry] = {}
    digest = hashlib.sha1(usedforsecurity=False)
    for name in lists:
        data = _read(root / name)
        digest.update(data)
        role = LISTS[name]
        sides = ("train", "val") if role in ("train", "val") else ("gallery", "query")
        starts = ["", *(f"{folder}/" for folder in folders if part_role(folder) in sides)]
        for number, line in enumerate(data.decode("utf-8", errors="surrogateescape").splitlines(), start=1):
            if not line.strip():
                continue
            path, _, identity = line.strip().rpartition(" ")
            if not re.fullmatch(r"[0-9]{1,9}", identity) or not path:
                raise InputError(f"{root / name}, line {number}: {printable(line[:80])!r} is no `path identity`.")
            path = _inside(path, f"{root / name}, line {number}")
            place = next((start + path for start in starts if start + path in known), starts[-1] + path)
            entry = Entry(place, _list_label(path, int(identity)), role)
            if entries.setdefault(place, entry) != entry:
                raise InputError(
                    f"{root / name}, line {number}: {printable(path)} was already named otherwise, here or in another "
                    "list. Leave it in one list, under one identity."
                )
    return Table("lists", tuple(entries.values()), digest.hexdigest(), {})


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise InputError(f"{file}: larger than {MOST_BYTES // 1_000_000} MB. Split the dataset.")
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror or error}).") from None


def _text(data: bytes) -> str:
    """The text of a table: UTF-8, or UTF-16 as spreadsheets save "Unicode text"."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    return data.decode("utf-8-sig", errors="surrogateescape")


def _csv_entry(row: dict[str, str | None], where: str) -> Entry:
    if None in row or None in (row["path"], row["pid"]):
        raise InputError(f"{where}: as many values as columns expected.")
    path = _inside((row["path"] or "").strip(), where, anywhere=True)
    pid = _whole(row["pid"])
    if not pid:
        raise InputError(f"{where}: pid is empty. Use -1 for junk and 0 for distractors.")
    number = int(pid) if re.fullmatch(r"-1|\d{1,9}", pid, re.ASCII) else number_name(pid)
    camera = _whole(row.get("camid"))
    split = (row.get("split") or "").strip()
    role = part_role(split) if split else ""
    if split and not role:
        raise InputError(f"{where}: split {printable(split[:40])!r}: expected train, val, query, gallery or test.")
    return Entry(path, Label(number, camera_number(camera or None)), role)


def _whole(value: str | None) -> str:
    """A cell without spaces, and without the .0 that tables get when a column with gaps is saved as numbers."""
    text = (value or "").strip()
    return text.partition(".")[0] if re.fullmatch(r"-?[0-9]+\.0+", text) else text


def _list_label(path: str, identity: int) -> Label:
    """Who a list's image shows: by its name where that is MSMT17's, else by the list."""
    name = path.rpartition("/")[2]
    match = FLAT_NAMES["msmt17"].match(name)
    pid = int(match["pid"]) if match else identity
    return Label(pid or ZERO_PERSON, camera_in_name(name))


def _inside(path: str, where: str, *, anywhere: bool = False) -> str:
    """The path with forward slashes, one way to write it; it must name an image.

    Where it really leads is checked when the file is looked up.
    """
    plain = path.replace("\\", "/") if os.sep == "\\" or "/" not in path else path
    normal = os.path.normpath(plain).replace(os.sep, "/") if plain else ""
    if not normal:
        raise InputError(f"{where}: path is empty.")
    if "\0" in normal:
        raise InputError(f"{where}: {printable(path[:80])} holds a zero byte, which no file name does.")
    if not anywhere and normal.startswith(("../", "/")):
        raise InputError(f"{where}: {printable(path[:80])} leaves the dataset.")
    if not is_image_name(normal):
        raise InputError(f"{where}: {printable(path[:80])} is not named like an image.")
    return normal


def _digest(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()
