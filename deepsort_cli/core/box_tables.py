"""Reads text tables of boxes: MOTChallenge detections, results and ground truth, and KITTI's tracking labels.

One reader for tracking, refinement and scoring, so that all of them take the same files. Ids are whole numbers of any
size and never pass through a float.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.types import FloatArray, IntArray

MIN_COLUMNS = 6
MAX_COLUMNS = 10
ROW_FORMAT = "frame,id,left,top,width,height,confidence,…"

LAST_FRAME = 10_000_000
"""No video has more frames: four days and a half at 25 frames per second."""

KITTI_TYPES = ("car", "van", "truck", "pedestrian", "person", "cyclist", "tram", "misc", "dontcare")
"""Types of KITTI in the order of the numbers, from 1, that its official scorer gives them."""

_EXACT = 2**53
"""From here on floats skip whole numbers."""

_HEADER = (
    {"frame", "frameid", "frameno", "framenumber", "frameindex", "t"},
    {"id", "trackid", "objectid", "targetid", "personid"},
    {"left", "x", "bbleft", "bboxleft", "xmin", "x1", "boxleft"},
    {"top", "y", "bbtop", "bboxtop", "ymin", "y1", "boxtop"},
    {"width", "w", "bbwidth", "bboxwidth", "boxwidth"},
    {"height", "h", "bbheight", "bboxheight", "boxheight"},
)
"""Names of the first six columns in a header line, without blanks, dots and underscores."""

Form = Literal["mot", "kitti"]


@dataclass(frozen=True, slots=True)
class BoxTable:
    """The rows of a text file of boxes, in the file's order.

    Attributes:
        path: the file.
        form: `mot`, or `kitti` for KITTI's tracking labels and results.
        values: (N, C) float64. Columns 1 to 6 are frame (from 1), position of the id in `ids`, left, top, width, height
            in pixels. Then as in the file for `mot`, up to column 10; for `kitti` confidence (1 where the file has
            none), number of the type (see `KITTI_TYPES`), truncation and occlusion.
        ids: the K distinct ids in ascending order, exactly as in the file.
        lines: (N,) number of each row's line in the file, from 1.
    """

    path: Path
    form: Form
    values: FloatArray
    ids: tuple[int, ...]
    lines: IntArray

    def __len__(self) -> int:
        return len(self.values)

    def where(self, row: int | np.integer) -> str:
        """File and line of a row, for messages."""
        return f"{self.path}, line {self.lines[row]}"

    def with_ids(self) -> FloatArray:
        """The values with the file's ids in column 2, as floats: exact up to 2⁵³."""
        values = self.values.copy()
        if len(values):
            values[:, 1] = np.array([float(one) for one in self.ids])[values[:, 1].astype(np.int64)]
        return values


def read_boxes(path: Path, *, min_columns: int = MIN_COLUMNS, max_columns: int = MAX_COLUMNS) -> BoxTable:
    """Read a text table of boxes.

    MOTChallenge rows have 6 to 10 columns, separated by commas, semicolons, blanks or tabs; a byte order mark, Windows
    line ends, empty lines, lines that begin with `#`, one header line with the columns' names in this order, and one
    separator at the end of rows do no harm. Rows of KITTI's tracking benchmark are recognised by their 17 or 18 columns
    with a type in the third.

    Args:
        path: the file.
        min_columns, max_columns: how many columns MOTChallenge rows may have.

    Raises:
        InputError: naming file and line: unreadable, rows of a wrong or varying number of columns, a value that is
            no finite number, a frame that is no whole number from 1 or beyond any video, an id that is no whole
            number, or a negative width or height.
    """
    numbered = _lines(path, _decode(path))
    if not numbered:
        return BoxTable(path, "mot", np.empty((0, min_columns)), (), np.empty(0, np.int64))
    lines = np.array([number for number, _ in numbered])
    texts = [text for _, text in numbered]
    if _is_kitti(texts[0]):
        values, ids = _kitti(path, numbered)
        return _coded(path, "kitti", values, ids, lines)
    separator = _separator(texts[0])
    if separator is not None:
        texts = [text.removesuffix(separator).rstrip() for text in texts]
    try:
        values = np.loadtxt(texts, delimiter=separator, ndmin=2, comments=None)
    except ValueError:
        values = np.empty((0, 0))
    sound = len(values) == len(texts) and min_columns <= values.shape[1] <= max_columns and bool(_sound(values).all())
    exact: list[int | None] | None = None
    if sound and np.abs(values[:, 1]).max() >= _EXACT:
        exact = [_whole(_cells(text, separator)[1]) for text in texts]
        sound = None not in exact
    if not sound:
        _explain(path, list(zip(lines.tolist(), texts, strict=True)), separator, min_columns, max_columns)
    return _coded(path, "mot", np.asarray(values, dtype=np.float64), exact, lines)


def check_unique_ids(table: BoxTable, rows: IntArray | None = None) -> None:
    """Refuse a table in which an id occurs twice in a frame; KITTI's regions without an id are left alone.

    Args:
        table: the table.
        rows: (K,) positions of the rows to look at; None: all.

    Raises:
        InputError: naming file and line.
    """
    rows = np.arange(len(table)) if rows is None else rows
    if table.form == "kitti":
        rows = rows[table.values[rows, 7] != KITTI_TYPES.index("dontcare") + 1]
    keys, first, inverse = np.unique(table.values[rows, :2], axis=0, return_index=True, return_inverse=True)
    again = np.flatnonzero(first[inverse.reshape(-1)] != np.arange(len(rows)))
    if not len(again) or not len(keys):
        return
    row = rows[again[0]]
    earlier = rows[first[inverse.reshape(-1)[again[0]]]]
    frame, position = table.values[row, :2]
    one = table.ids[int(position)]
    remedy = "An id may have one box in a frame; remove one of the rows."
    if one == -1:
        remedy = "−1 stands for no id: these are detections, not tracks."
    raise InputError(
        f"{table.where(row)}: id {one} occurs twice in frame {frame:g} (first in line {table.lines[earlier]}). {remedy}"
    )


def marked_to_count(table: BoxTable) -> IntArray:
    """(K,) positions of the rows of ground truth whose column 7 is not 0, which marks what is to be ignored."""
    if table.form == "kitti" or table.values.shape[1] < 7:
        return np.arange(len(table))
    return np.flatnonzero(table.values[:, 6])


def looks_normalised(tlwh: FloatArray) -> bool:
    """Whether (N, 4) boxes left, top, width, height are parts of the picture's size (0 to 1) and not pixels."""
    if not len(tlwh):
        return False
    beyond = 0.5  # boxes may reach over the picture's border
    return bool((tlwh >= -beyond).all() and (tlwh <= 1 + beyond).all() and (tlwh[:, 2:] <= 1 + beyond).all())


NORMALISED = (
    "all boxes lie within 0 and 1: these are parts of the picture, not pixels. Multiply left and width by the "
    "picture's width, top and height by its height."
)


def _decode(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from None
    if re.match(rb"(\xff\xfe|\xfe\xff)|([\x20-\x7e]\0){3}|(\0[\x20-\x7e]){3}", data):
        raise InputError(
            f"{path}: this is UTF-16 text, as Windows PowerShell's > writes it. Save it as UTF-8: "
            f"Get-Content {path.name} | Set-Content -Encoding utf8 new.txt"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # remarks in another encoding do no harm
    if re.search(r"[\0-\x08\x0e-\x1f]", text):
        raise InputError(f"{path}: not a text file; expected MOTChallenge rows {ROW_FORMAT}.")
    return text


def _lines(path: Path, text: str) -> list[tuple[int, str]]:
    """Numbered lines that hold rows."""
    # Not splitlines, which knows further line ends, such as one that is an ellipsis in Windows' encoding.
    numbered = [(number, line.strip()) for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1)]
    numbered = [(number, line) for number, line in numbered if line and not line.startswith("#")]
    if numbered and not _is_kitti(numbered[0][1]):
        number, line = numbered[0]
        separator = _separator(line)
        cells = [cell.strip('"') for cell in _cells(line.removesuffix(separator or "\n"), separator)]
        if all(_named(cell) for cell in cells):
            _check_header(f"{path}, line {number}", cells)
            return numbered[1:]
    return numbered


def _named(cell: str) -> bool:
    return re.fullmatch(r"[A-Za-z_][\w .()\[\]-]*", cell) is not None and not _is_number(cell)


def _check_header(where: str, cells: list[str]) -> None:
    for column, (cell, names) in enumerate(zip(cells, _HEADER, strict=False), 1):
        if re.sub(r"[\W_]", "", cell.lower()) not in names:
            remedy = "Bring the columns into this order"
            if {"time", "track", "id"} & set(cells):
                remedy += "; files of `output.save_csv` are for spreadsheets, `output.save_txt` writes this format"
            raise InputError(f"{where}, column {column}: {cell[:40]!r} in a header; expected {ROW_FORMAT}. {remedy}.")
    if len(cells) < MIN_COLUMNS:
        raise InputError(f"{where}: a header of {len(cells)} columns; expected {ROW_FORMAT}.")


def _separator(line: str) -> str | None:
    """What separates the columns; None: blanks and tabs."""
    if ";" in line:
        return ";"
    return "," if "," in line else None


def _cells(line: str, separator: str | None) -> list[str]:
    return [cell.strip() for cell in line.split(separator)]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _whole(text: str) -> int | None:
    """The whole number a text stands for, exactly; None where it stands for none, or has more than 40 digits."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite() or number.adjusted() > 40 or number != number.to_integral_value():
        return None
    return int(number)


def _coded(path: Path, form: Form, values: FloatArray, exact: Sequence[int | None] | None, lines: IntArray) -> BoxTable:
    """The table with ids replaced by their positions; `exact` has the ids where floats cannot hold them."""
    if exact is None:
        distinct, position = np.unique(values[:, 1], return_inverse=True)
        ids = tuple(int(one) for one in distinct.tolist())
    else:
        ids = tuple(sorted({one for one in exact if one is not None}))
        place = {one: number for number, one in enumerate(ids)}
        position = np.array([place[one] for one in exact if one is not None])
    values[:, 1] = position.reshape(-1)
    return BoxTable(path, form, values, ids, lines)


def _sound(values: FloatArray) -> npt.NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        sound = np.isfinite(values).all(axis=1)
        frames, ids = values[:, 0], values[:, 1]
        sound &= (frames >= 1) & (frames == np.floor(frames)) & (frames <= LAST_FRAME)
        sound &= (ids == np.floor(ids)) & (values[:, 4] >= 0) & (values[:, 5] >= 0)
    return np.asarray(sound, dtype=np.bool_)


def _explain(
    path: Path, numbered: list[tuple[int, str]], separator: str | None, min_columns: int, max_columns: int
) -> None:
    """Raise an InputError for the first faulty line."""
    expected = 0
    for number, line in numbered:
        where = f"{path}, line {number}"
        if line.startswith("{"):
            raise InputError(
                f"{where}: this is JSON; expected rows {ROW_FORMAT}. `output.save_txt` writes this format, and scores "
                "and refinement `across` cameras read JSON Lines."
            )
        cells = _cells(line, separator)
        for column, cell in enumerate(cells, 1):
            if not _is_number(cell):
                raise InputError(
                    f"{where}, column {column}: {_no_number(cell, separator)}; expected rows {ROW_FORMAT}."
                )
        if not min_columns <= len(cells) <= max_columns:
            raise InputError(f"{where}: {len(cells)} columns, expected {min_columns} to {max_columns}: {ROW_FORMAT}.")
        expected = expected or len(cells)
        if len(cells) != expected:
            raise InputError(f"{where}: {len(cells)} columns, but the rows above have {expected}.")
        for column, cell in enumerate(cells, 1):
            if not np.isfinite(float(cell)):
                raise InputError(f"{where}, column {column}: {cell[:40]} is not a finite number.")
        _explain_values(where, path, cells, separator)
    raise InputError(f"{path}: not a table of MOTChallenge rows {ROW_FORMAT}.")


def _no_number(cell: str, separator: str | None) -> str:
    text = f"{cell[:40]!r} is not a number"
    if separator == ";" and re.fullmatch(r"[+-]?\d+,\d+", cell):
        text += " (write decimal points, not commas)"
    return text


def _explain_values(where: str, path: Path, cells: list[str], separator: str | None) -> None:
    frame = float(cells[0])
    if frame < 1 or frame != int(frame):
        remedy = ""
        if frame == 0:
            given = "" if separator is None else f"-F'{separator}' -v OFS='{separator}' "
            remedy = f" Where a file counts from 0, add 1 to all: awk {given}'{{$1+=1}}1' {path.name} > new.txt"
        raise InputError(f"{where}: frame {cells[0]}; frames are whole numbers and start at 1.{remedy}")
    if frame > LAST_FRAME:
        raise InputError(
            f"{where}: frame {frame:.0f} is beyond any video (more than {LAST_FRAME:,} frames). "
            "Column 1 is the number of the frame, from 1, not a time."
        )
    if _whole(cells[1]) is None:
        raise InputError(
            f"{where}: id {cells[1][:60]} is no whole number of at most 40 digits. Column 2 is the track's id, "
            "−1 where there is none."
        )
    for column, name in ((4, "width"), (5, "height")):
        if float(cells[column]) < 0:
            raise InputError(
                f"{where}: {name} {cells[column]} is negative. Columns 3 to 6 are left, top, width and height."
            )


def _is_kitti(line: str) -> bool:
    cells = line.split()
    return len(cells) > MAX_COLUMNS and "," not in line and re.fullmatch(r"[A-Za-z_]+", cells[2]) is not None


def _kitti(path: Path, numbered: list[tuple[int, str]]) -> tuple[FloatArray, list[int]]:
    """Rows `frame id type truncated occluded alpha left top right bottom …`, 17 or, with a score, 18 columns."""
    rows, ids = [], []
    for number, line in numbered:
        where, cells = f"{path}, line {number}", line.split()
        if len(cells) not in (17, 18):
            raise InputError(f"{where}: {len(cells)} columns; rows of KITTI's tracking benchmark have 17 or 18.")
        kind = cells[2].lower().partition("_")[0]  # Person_sitting, Person
        for column in (*range(2), *range(3, len(cells))):
            if not _is_number(cells[column]) or not np.isfinite(float(cells[column])):
                raise InputError(f"{where}, column {column + 1}: {cells[column][:40]!r} is not a finite number.")
        frame, track = _whole(cells[0]), _whole(cells[1])
        if frame is None or not 0 <= frame < LAST_FRAME:
            raise InputError(f"{where}: frame {cells[0][:60]}; KITTI's frames are whole numbers and start at 0.")
        if track is None:
            raise InputError(f"{where}: id {cells[1][:60]} is no whole number.")
        left, top, right, bottom = map(float, cells[6:10])
        if right < left or bottom < top:
            raise InputError(
                f"{where}: a box that ends before it begins; columns 7 to 10 are left, top, right, bottom."
            )
        code = KITTI_TYPES.index(kind if kind in KITTI_TYPES else "misc") + 1
        score = float(cells[17]) if len(cells) == 18 else 1.0
        rows.append(
            (frame + 1, 0, left, top, right - left, bottom - top, score, code, float(cells[3]), float(cells[4]))
        )
        ids.append(track)
    return np.array(rows, dtype=np.float64), ids
