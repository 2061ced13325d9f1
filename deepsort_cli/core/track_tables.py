"""Tracks as `output.save_jsonl` and `output.save_csv` write them, read again; and copies that say who everybody is."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from deepsort_cli.core.box_tables import LAST_FRAME, BoxTable
from deepsort_cli.core.csv_cells import guarded, unguarded
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import atomic_open
from deepsort_cli.core.types import FloatArray, IntArray

SUFFIXES = (".jsonl", ".csv")
UNDECIDED = -1
_COLUMNS = ("frame", "time", "id", "x1", "y1", "x2", "y2")
_TEXTS = ("name", "class")


@dataclass(frozen=True)
class TrackTable:
    """The N rows of such a file, in its order.

    Attributes:
        path: the file.
        frames: (N,) int64, from 1.
        times: (N,) seconds.
        ids: (N,) int64, of the tracks of this source.
        tlwh: (N, 4) left, top, width, height in pixels.
        people: (N,) int64, the person of each row, the same in all sources; −1 where undecided; None where the file
            does not tell.
        names: (N,) of those people; empty where unknown.
        classes: (N,) what the detector took each for, by name; empty where the file does not tell.
        lines: (N,) number of each row's line in the file, from 1.
    """

    path: Path
    frames: IntArray
    times: FloatArray
    ids: IntArray
    tlwh: FloatArray
    people: IntArray | None
    names: Sequence[str]
    classes: Sequence[str]
    lines: IntArray

    def __len__(self) -> int:
        return len(self.frames)

    def boxes(self, ids: IntArray) -> BoxTable:
        """The rows as a table of boxes with these (N,) ids."""
        distinct, position = np.unique(ids, return_inverse=True)
        values = np.column_stack([self.frames, position.reshape(-1), self.tlwh, np.ones(len(self))])
        return BoxTable(self.path, "mot", values, tuple(map(int, distinct.tolist())), self.lines)


def is_track_table(path: Path) -> bool:
    """Whether a file has the ending of one."""
    return path.suffix.lower() in SUFFIXES


def read_tracks(path: Path) -> TrackTable:
    """Read JSON Lines or CSV, by the file's ending.

    Raises:
        InputError: naming file and line: it cannot be read, or is not of `deepsort track`.
    """
    rows = _Rows(path)
    reader = _jsonl_rows if path.suffix.lower() == ".jsonl" else _csv_rows
    try:
        for number, record in reader(path):
            rows.add(number, record)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read ({error}).") from None
    return rows.table()


def write_people(table: TrackTable, output: Path, people: IntArray, names: Sequence[str]) -> None:
    """Copy a file, with these people in place of its own.

    Args:
        people: (N,) int64, −1 for undecided.
        names: (N,) of them; where all are empty, the copy has none.

    Raises:
        RunError: the copy cannot be written.
    """
    named = any(names)
    known = [
        {"person": None if person < 0 else person, **({"name": name or None} if named else {})}
        for person, name in zip(people.tolist(), names, strict=True)
    ]
    copy = _copy_jsonl if table.path.suffix.lower() == ".jsonl" else _copy_csv
    copy(table.path, output, known)


def _copy_jsonl(path: Path, output: Path, known: list[dict[str, Any]]) -> None:
    rest = iter(known)
    with path.open(encoding="utf-8-sig") as lines, atomic_open(output, follow=True) as stream:
        for line in lines:
            if not line.strip():
                continue
            record = json.loads(line)
            for i, track in enumerate(record["tracks"]):
                others = {key: value for key, value in track.items() if key not in ("id", "person", "name")}
                record["tracks"][i] = {"id": track["id"], **next(rest), **others}
            stream.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")


def _copy_csv(path: Path, output: Path, known: list[dict[str, Any]]) -> None:
    with path.open(encoding="utf-8-sig", newline="") as lines, atomic_open(output, newline="", follow=True) as stream:
        reader = csv.DictReader(lines)
        others = [name for name in reader.fieldnames or () if name not in ("person", "name")]
        after = others.index("id") + 1
        new = list(known[0]) if known else ["person"]
        writer = csv.DictWriter(stream, [*others[:after], *new, *others[after:]], lineterminator="\n")
        writer.writeheader()
        for row, one in zip(reader, known, strict=True):
            own = {name: guarded(value) for name, value in one.items()}
            writer.writerow({name: row[name] for name in others} | own)


@dataclass
class _Rows:
    """Collects rows and checks them."""

    path: Path
    numbers: list[tuple[int, int, int]] = field(default_factory=list)
    """Frame, id and line."""
    places: list[tuple[float, ...]] = field(default_factory=list)
    """Time, and x1 y1 x2 y2."""
    people: list[int | None] = field(default_factory=list)
    """None where the row does not tell."""
    names: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)

    def add(self, line: int, record: dict[str, Any]) -> None:
        try:
            frame, track = _whole(record["frame"]), _whole(record["id"])
            place = tuple(float(record[name]) for name in _COLUMNS if name not in ("frame", "id"))
            person = None if "person" not in record else UNDECIDED
            if record.get("person") not in (None, ""):
                person = _whole(record["person"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            what = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise InputError(f"{self.path}, line {line}: {what}. {_REMEDY}") from None
        sound = np.isfinite(place).all() and 1 <= frame <= LAST_FRAME and place[3] >= place[1] and place[4] >= place[2]
        if not sound:
            raise InputError(
                f"{self.path}, line {line}: frame {frame}, time {place[0]:g}, box {list(place[1:])}; frames count from "
                "1, and boxes are x1, y1, x2, y2."
            )
        self.numbers.append((frame, track, line))
        self.places.append(place)
        self.people.append(person)
        self.names.append(str(record.get("name") or ""))
        self.classes.append(str(record.get("class", record.get("class_id", ""))))

    def table(self) -> TrackTable:
        numbers = np.array(self.numbers, np.int64).reshape(-1, 3)
        places = np.array(self.places, np.float64).reshape(-1, 5)
        self._check_unique(numbers)
        told = [person for person in self.people if person is not None]
        if told and len(told) < len(self.people):
            line = numbers[self.people.index(None), 2]
            raise InputError(f"{self.path}, line {line}: no person, but other lines have one. {_REMEDY}")
        return TrackTable(
            path=self.path,
            frames=numbers[:, 0],
            times=places[:, 0],
            ids=numbers[:, 1],
            tlwh=np.column_stack([places[:, 1:3], places[:, 3:5] - places[:, 1:3]]),
            people=None if len(told) < len(self.people) else np.array(told, np.int64),
            names=self.names,
            classes=self.classes,
            lines=numbers[:, 2],
        )

    def _check_unique(self, numbers: IntArray) -> None:
        keys, first = np.unique(numbers[:, :2], axis=0, return_index=True)
        if len(keys) < len(numbers):
            again = int(np.setdiff1d(np.arange(len(numbers)), first)[0])
            frame, track, line = numbers[again]
            raise InputError(f"{self.path}, line {line}: id {track} occurs twice in frame {frame}.")


_REMEDY = "`output.save_jsonl` and `output.save_csv` of deepsort track write such files."


def _whole(value: Any) -> int:
    """A whole number, of JSON or as text."""
    number = int(value) if isinstance(value, str) else value
    if not isinstance(number, int) or isinstance(number, bool) or abs(number) >= 2**63:
        raise ValueError(f"{str(value)[:40]!r} is no whole number")
    return number


def _jsonl_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
                tracks, about = record["tracks"], {"frame": record["frame"], "time": record["time"]}
                rows = [about | track | dict(zip(_COLUMNS[3:], track["box"], strict=True)) for track in tracks]
            except json.JSONDecodeError as error:
                raise InputError(f"{path}, line {number}: no JSON ({error.msg}). {_REMEDY}") from None
            except (KeyError, TypeError, ValueError, RecursionError):
                raise InputError(
                    f"{path}, line {number}: expected frame, time, and tracks with id and box. {_REMEDY}"
                ) from None
            for row in rows:
                yield number, row


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise InputError(f"{path}, line 1: no column {', '.join(missing)}. {_REMEDY}")
        for row in reader:
            if None in row or None in row.values():
                raise InputError(f"{path}, line {reader.line_num}: not as many columns as the header.")
            yield reader.line_num, {name: unguarded(value) if name in _TEXTS else value for name, value in row.items()}
