"""The MOTChallenge text formats: detection, ground truth and result tables, and `seqinfo.ini`.

A row is `frame,id,left,top,width,height,confidence[,class or x,visibility or y,z]`; frames and ids count from 1.
"""

from __future__ import annotations

import configparser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.types import FloatArray, IntArray

MIN_COLUMNS = 6
MAX_COLUMNS = 10
DEFAULT_FPS = 25.0


@dataclass(frozen=True, slots=True)
class SequenceInfo:
    """What `seqinfo.ini` says of a MOTChallenge sequence.

    Attributes:
        name: the sequence's name.
        image_folder: folder of the frames, relative to the sequence folder.
        fps: frames per second; 25 where the file does not say.
        length: number of frames.
        width, height: frame size in pixels; 0 where the file does not say.
    """

    name: str
    image_folder: str
    fps: float
    length: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """The results of one sequence and its ground truth, for scoring.

    Attributes:
        name: the sequence's name.
        results: (N, 10) result rows.
        ground_truth: (M, 7 to 10) ground truth rows of the same frames.
        left_out: how many frames with ground truth are left out, because they were not tracked.
    """

    name: str
    results: FloatArray
    ground_truth: FloatArray
    left_out: int = 0


def read_seqinfo(folder: Path) -> SequenceInfo:
    """Read `seqinfo.ini` of a sequence folder.

    Raises:
        InputError: it is missing, malformed, lacks `seqLength`, or its `imDir` points out of the folder.
    """
    path = folder / "seqinfo.ini"
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"))
        section = parser["Sequence"]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. A MOTChallenge sequence folder has one.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}).") from None
    except (configparser.Error, KeyError):
        raise InputError(f"{path}: not a seqinfo.ini; expected a [Sequence] section with key=value lines.") from None

    def number(key: str, default: float | None) -> float:
        text = section.get(key)
        if text is None and default is not None:
            return default
        try:
            value = float(text or "")
        except ValueError:
            value = float("nan")
        # 0 is allowed where it is the default too: it means "unknown".
        if not np.isfinite(value) or value < 0 or (value == 0 and default != 0):
            given = f"{key}={text}" if text is not None else f"no {key}"
            raise InputError(f"{path}: {given}; expected a positive number.")
        return value

    image_folder = section.get("imDir", "img1").strip() or "img1"
    parts = PurePosixPath(image_folder.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or ":" in image_folder:
        raise InputError(f"{path}: imDir={image_folder} points outside the sequence folder.")
    return SequenceInfo(
        name=section.get("name", folder.resolve().name).strip(),
        image_folder=str(parts),
        fps=number("frameRate", DEFAULT_FPS),
        length=int(number("seqLength", None)),
        width=int(number("imWidth", 0)),
        height=int(number("imHeight", 0)),
    )


def read_table(path: Path, *, min_columns: int = MIN_COLUMNS, max_columns: int = MAX_COLUMNS) -> FloatArray:
    """Read a MOTChallenge text table; values are separated by commas or by blanks, empty lines are skipped.

    Returns:
        (N, C) float64, the rows in the file's order; (0, `min_columns`) for an empty file.

    Raises:
        InputError: naming file and line: unreadable, rows of a wrong or varying number of columns, a value that is
            no finite number, or a frame that is no whole number from 1.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file; expected MOTChallenge rows {_ROW_FORMAT}.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from None
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return np.empty((0, min_columns))
    try:
        table = np.loadtxt(lines, delimiter="," if "," in lines[0] else None, ndmin=2, comments=None)
    except ValueError:
        table = np.empty((0, 0))
    fits = len(table) == len(lines) and min_columns <= table.shape[1] <= max_columns
    if not fits or not _rows_are_sound(table).all():
        _explain(path, text, min_columns, max_columns)
    return np.asarray(table, dtype=np.float64)


def check_unique(path: Path, table: FloatArray) -> None:
    """Refuse a table read from `path` in which an id occurs twice in a frame.

    Raises:
        InputError: naming file and line.
    """
    _, first, counts = np.unique(table[:, :2], axis=0, return_index=True, return_counts=True)
    if (counts > 1).any():
        row = int(first[counts > 1].min())
        frame, track_id = table[row, :2]
        raise InputError(f"{path}, line {line_of_row(path, row)}: id {track_id:g} occurs twice in frame {frame:g}.")


def line_of_row(path: Path, row: int) -> int:
    """The line (from 1) of a table file that holds its `row`-th row (from 0), for messages."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return [number for number, line in enumerate(lines, 1) if line.strip()][row]


def format_row(frame: int, track_id: int, tlwh: Sequence[float] | FloatArray, score: float = 1) -> str:
    """One result row as official MOTChallenge scorers accept it, without a line end.

    Args:
        frame: frame number, from 1.
        track_id: from 1.
        tlwh: left, top, width, height in pixels; written with 2 decimals.
        score: confidence, column 7.
    """
    left, top, width, height = tlwh
    return f"{frame},{track_id},{left:.2f},{top:.2f},{width:.2f},{height:.2f},{score:g},-1,-1,-1"


def format_rows(frame: int, ids: IntArray, tlwh: FloatArray) -> str:
    """The result rows of one frame as text; every row ends in a newline."""
    return "".join(f"{format_row(frame, int(i), box)}\n" for i, box in zip(ids, tlwh.tolist(), strict=True))


_ROW_FORMAT = "frame,id,left,top,width,height,confidence,…"


def _rows_are_sound(table: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    frames = table[:, 0]
    sound = np.isfinite(table).all(axis=1) & (frames >= 1) & (frames == np.floor(frames))
    return np.asarray(sound)


def _explain(path: Path, text: str, min_columns: int, max_columns: int) -> None:
    """Raise an InputError for the first faulty line."""
    expected = 0
    comma = "," in text
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        cells = [cell.strip() for cell in (line.split(",") if comma else line.split())]
        values = []
        for column, cell in enumerate(cells, 1):
            try:
                values.append(float(cell))
            except ValueError:
                raise InputError(
                    f"{where}, column {column}: {cell[:40]!r} is not a number; expected rows {_ROW_FORMAT}."
                ) from None
        if not min_columns <= len(cells) <= max_columns:
            raise InputError(f"{where}: {len(cells)} columns, expected {min_columns} to {max_columns}: {_ROW_FORMAT}.")
        expected = expected or len(cells)
        if len(cells) != expected:
            raise InputError(f"{where}: {len(cells)} columns, but the rows above have {expected}.")
        for column, value in enumerate(values, 1):
            if not np.isfinite(value):
                raise InputError(f"{where}, column {column}: {cells[column - 1]} is not a finite number.")
        if values[0] < 1 or values[0] != int(values[0]):
            raise InputError(f"{where}: frame {cells[0]}; frames are whole numbers and start at 1.")
    raise InputError(f"{path}: not a table of MOTChallenge rows {_ROW_FORMAT}.")
