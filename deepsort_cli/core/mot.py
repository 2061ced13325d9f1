"""The MOTChallenge text formats: detection, ground truth and result tables, and `seqinfo.ini`.

A row is `frame,id,left,top,width,height,confidence[,class or x,visibility or y,z]`; frames and ids count from 1.
"""

from __future__ import annotations

import configparser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from deepsort_cli.core.box_tables import MIN_COLUMNS, Form, read_boxes
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.types import FloatArray, IntArray

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
        truth_path: the file the ground truth is from; None where it is exact knowledge of a generated scene.
        truth_form: what its columns mean, as in `box_tables.BoxTable`.
    """

    name: str
    results: FloatArray
    ground_truth: FloatArray
    left_out: int = 0
    truth_path: Path | None = None
    truth_form: Form = "mot"


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


def read_table(path: Path, *, min_columns: int = MIN_COLUMNS) -> FloatArray:
    """The rows of a MOTChallenge text table as (N, C) float64, (0, `min_columns`) for an empty file.

    `box_tables.read_boxes` reads them; use that where ids may be larger than 2⁵³ or lines are to be named.

    Raises:
        InputError: as `read_boxes`.
    """
    return read_boxes(path, min_columns=min_columns).with_ids()


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
