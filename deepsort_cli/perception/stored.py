"""Detections computed earlier, replayed from a file instead of running a detector."""

from __future__ import annotations

import stat
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.archives import read_archive, refusing_damaged
from deepsort_cli.core.box_tables import LAST_FRAME, NORMALISED, ROW_FORMAT, BoxTable, looks_normalised, read_boxes
from deepsort_cli.core.boxes import tlwh_to_xyxy
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import look
from deepsort_cli.core.looks import are_looks
from deepsort_cli.core.people_file import KEY as PEOPLE
from deepsort_cli.core.recording import KEY, Recording, read_recording
from deepsort_cli.core.types import Detections, FloatArray, Frame, IntArray
from deepsort_cli.perception.classes import COCO_NAMES, select_classes
from deepsort_cli.perception.detectors.base import Detector
from deepsort_cli.perception.detectors.selection import Selection
from deepsort_cli.perception.detectors.tally import Tally
from deepsort_cli.perception.scores import USUAL, ScorePair, scores_of

_ARRAY_COLUMNS = "frame, id, left, top, width, height, confidence"


class StoredDetections(Detector):
    """The detections of a whole source, by frame.

    Use `load` for files. The order of a frame's detections is the file's own.

    Attributes:
        last_frame: number of the last frame that has a detection, from 1; 0 when there is none.
        has_features: whether an appearance embedding is stored with every detection.
        embedding_size: its length D; 0 without features.
        tally: what became of the detections of the frames asked for.
        notes: what was assumed when the file was read.
        recording: what else was recorded with them, where the file is one; see `core.recording`.
    """

    name = "stored detections"
    stored = True

    def __init__(
        self,
        frames: IntArray,
        detections: Detections,
        *,
        conf: float | None = None,
        iou: float | None = None,
        classes: Collection[int] | None = None,
        class_names: Mapping[int, str] | None = None,
    ) -> None:
        """Store N detections.

        Args:
            frames: (N,) frame numbers from 1, ascending.
            detections: the N detections of all frames.
            conf: keep scores of at least this much; None keeps all.
            iou: drop a box that overlaps a better one of its class and frame by more; None or 1 keeps all.
            classes: class ids to keep; None keeps all.
            class_names: name by class id, for the tally.
        """
        self.last_frame = int(frames[-1]) if len(frames) else 0
        self.has_features = detections.features is not None
        self.embedding_size = 0 if detections.features is None else detections.features.shape[1]
        self.notes: list[str] = []
        self.recording: Recording | None = None
        self.class_names = class_names or {}
        self.tally = Tally(0.0, self.class_names)
        self._frames = frames
        self._detections = detections
        self._select = Selection(conf, iou, classes)
        self._iou = iou
        self.conf = self._select.conf

    def choose(self, classes: Sequence[str]) -> None:
        """Keep some classes only.

        Args:
            classes: names or numbers, as `classes.select_classes` takes them. Names are those of the recording; where
                it has none for a class, COCO's.

        Raises:
            InputError: there is no such class.
        """
        own = {} if self.recording is None else self.recording.origin.class_names
        called = {name.lower() for name in own.values()}
        usual = {number: name for number, name in COCO_NAMES.items() if name not in called}
        present = {number: f"class {number}" for number in np.unique(self._detections.class_ids).tolist()}
        self._select = Selection(self.conf, self._iou, select_classes({**present, **usual, **own}, classes))

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        conf: float | None = None,
        usual: float | None = None,
        iou: float | None = None,
        classes: Collection[int] | None = None,
        class_names: Mapping[int, str] | None = None,
    ) -> StoredDetections:
        """Read a detections file; filters as in the constructor. `usual` is the `conf` of files that are no recording
        and so have none of their own, where none is given.

        `.npy` is an array of 7 + D columns (frame, id, left, top, width, height, confidence, features) or of 10 + D
        columns (three more before the features, as the original DeepSORT stores them); `.npz` is a recording
        (`core.recording`), or holds `det`, (N, 7) or (N, 10), and `features`, (N, D); any other file is a MOTChallenge
        text table (`core.box_tables.read_boxes`). Column 8 is the class where it holds whole numbers from 0. Where
        column 7 is −1 in every row there are no confidences: all detections get 1, and `notes` says so.

        Raises:
            InputError: naming the file and the line or row: it is missing or of another format, has a wrong number of
                columns, values that are no finite numbers, a frame beyond any video, an id that is no whole number, a
                negative width or height, boxes that are no pixels but parts of the picture, frames out of order, or
                the same box twice in a frame.
        """
        path = Path(path)
        found, suffix = look(path, key="detections"), path.suffix.lower()
        if found is None or stat.S_ISDIR(found.st_mode):
            what = "no such file" if found is None else "this is a folder, not a detections file"
            raise InputError(f"`detections` {path}: {what}.")
        if suffix in (".npy", ".npz") and not stat.S_ISREG(found.st_mode):
            raise InputError(f"`detections` {path}: a pipe or device; only text can be read from one.")
        text, given = None, conf
        conf = usual if conf is None else conf
        if suffix == ".npy":
            table, features = _split_columns(path, _load_npy(path))
        elif suffix == ".npz":
            content = _load_npz(path)
            if isinstance(content, Recording):
                names = {**(class_names or {}), **content.origin.class_names}
                return cls.of(content, conf=given, iou=iou, classes=classes, class_names=names)
            table, features = content
        else:
            text = read_boxes(path, min_columns=7)
            if text.form != "mot":
                raise InputError(
                    f"`detections` {path}: rows of KITTI's labels; expected MOTChallenge rows {ROW_FORMAT}."
                )
            table, features = text.values, None
        _check_rows(path, table, features, text)
        scores = table[:, 6]
        unrated = len(scores) > 0 and bool((scores == -1).all())
        if unrated:
            scores = np.ones(len(scores))
        detections = Detections(tlwh_to_xyxy(table[:, 2:6]), scores, _class_ids(table), features)
        frames = table[:, 0].astype(np.int64)
        stored = cls(frames, detections, conf=conf, iou=iou, classes=classes, class_names=class_names)
        if unrated:
            stored.notes.append(
                f"{path}: no confidences (column 7 is −1 in every row), so `detector.conf` drops nothing."
            )
        elif (scores == -1).any() and (scores >= 0).any():
            without = int(np.count_nonzero(scores == -1))
            stored.notes.append(
                f"{path}: {without:,} of {len(scores):,} rows have no confidence (column 7 is −1); as others have one, "
                "these are below any `detector.conf`."
            )
        if scores.max(initial=0.0) > 1 and conf is not None:
            stored.notes.append(
                f"{path}: confidences (column 7) reach {scores.max():g}, and `detector.conf`={conf:g} is meant for 0 "
                "to 1. Divide them by 100 where they are percent."
            )
        return stored

    @classmethod
    def of(
        cls,
        recording: Recording,
        *,
        conf: float | None = None,
        iou: float | None = None,
        classes: Collection[int] | None = None,
        class_names: Mapping[int, str] | None = None,
    ) -> StoredDetections:
        """The detections of a recording; filters as in the constructor, `conf` None as in the run recorded."""
        own = recording.origin.full_conf if conf is None else conf
        stored = cls(
            recording.frame + 1, recording.detections, conf=own, iou=iou, classes=classes, class_names=class_names
        )
        stored.recording = recording
        if conf is not None and conf < recording.origin.conf:
            stored.notes.append(
                f"recorded from a score of {recording.origin.conf:g} on, so a lower `detector.conf`={conf:g} finds no "
                "more."
            )
        return stored

    @property
    def full_conf(self) -> float | None:
        """Lowest score of a full detection in the run that was recorded; None where unknown."""
        return None if self.recording is None else self.recording.origin.full_conf

    @property
    def scores(self) -> ScorePair:
        """What its scores mean, as far as it is known which detector gave them."""
        name = "" if self.recording is None else Path(self.recording.origin.detector).stem
        return scores_of(name) if name else USUAL

    @property
    def threshold(self) -> float | None:
        """The `max_cosine_distance` of the Re-ID model that the features are of; None where unknown."""
        return None if self.recording is None else self.recording.origin.threshold

    @property
    def method(self) -> str | None:
        """How the camera's motion was measured that the file holds; None where it holds none."""
        return None if self.recording is None else self.recording.origin.camera_motion

    def looked(self, frame_index: int) -> bool:
        """Whether a detector looked at this frame; at one that was not recorded, it did not."""
        position = self._position(frame_index)
        return self.recording is None or (position is not None and bool(self.recording.looked[position]))

    def leaves_out(self, start: int, stride: int) -> bool:
        """Whether tracking every so many frames from `start` on leaves out frames that were recorded."""
        if self.recording is None:
            return False
        later = self.recording.frames[self.recording.frames >= start]
        return bool(((later - start) % stride != 0).any())

    def motion(self, frame_index: int) -> FloatArray | None:
        """(2, 3) motion of the camera to this frame from the recorded one before; None where unknown."""
        position = self._position(frame_index)
        if self.recording is None or self.recording.motions is None or position is None:
            return None
        motion = self.recording.motions[position]
        return motion if np.isfinite(motion).all() else None

    def _position(self, frame_index: int) -> int | None:
        if self.recording is None:
            return None
        frames = self.recording.frames
        position = int(np.searchsorted(frames, frame_index))
        return position if position < len(frames) and frames[position] == frame_index else None

    def __len__(self) -> int:
        """How many detections are left after the confidence and class filters."""
        return int(np.count_nonzero((self._detections.scores >= self.conf) & self.chosen(self._detections.class_ids)))

    def chosen(self, class_ids: IntArray) -> npt.NDArray[np.bool_]:
        """(N,) whether each is a class to keep."""
        wanted = self._select.wanted
        return np.ones(len(class_ids), bool) if wanted is None else np.isin(class_ids, list(wanted))

    def after(self, frame: int) -> int:
        """How many detections the file has in frames behind this one, counted from 1."""
        return len(self._frames) - int(np.searchsorted(self._frames, frame, side="right"))

    def misplaced(self, width: int, height: int) -> str | None:
        """What seems wrong with boxes for pictures of this size in pixels; None where nothing does, or for size 0."""
        boxes = self._detections.boxes
        if not len(boxes) or not width or not height:
            return None
        left, top, right, bottom = boxes.T
        beyond = (right > 1.25 * width) | (bottom > 1.25 * height) | (right < 0) | (bottom < 0)
        share, size = float(beyond.mean()), f"{width}×{height}"
        if share > 0.2 and bool(((right - left >= left) & (bottom - top >= top) & (left > 0)).all()):
            return (
                f"{100 * share:.0f} % of the boxes reach far beyond the picture of {size}, and columns 5 and 6 are "
                "never less than 3 and 4: are they right and bottom? Width and height are expected."
            )
        if share > 0.5:
            return (
                f"{100 * share:.0f} % of the boxes reach far beyond the picture of {size}: is the file of this source, "
                "and of pictures of this size?"
            )
        largest = float(boxes.max())
        if 50 < largest <= 100.5 and min(width, height) >= 200:
            return f"no box reaches beyond 100, in pictures of {size}: are these percent? Pixels are expected."
        return None

    def detect(self, frame: Frame) -> Detections:
        return self.detections(frame.index)

    def detections(self, frame_index: int) -> Detections:
        """The detections of a frame by its 0-based index: boxes x1 y1 x2 y2; none for a frame not in the file."""
        first, last = np.searchsorted(self._frames, [frame_index + 1, frame_index + 2])
        return self._select(self._detections[first:last], self.tally)


def _load_npy(path: Path) -> npt.NDArray[np.generic]:
    with refusing_damaged(f"`detections` {path}", "array"):
        array = np.load(path, allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise InputError(f"`detections` {path}: a .npz archive under the name .npy; rename it.")
    return array


def _load_npz(path: Path) -> Recording | tuple[FloatArray, npt.NDArray[np.float32] | None]:
    archive = read_archive(path, f"`detections` {path}")
    if KEY in archive:
        return read_recording(path, archive)
    if are_looks(archive):
        raise InputError(
            f"`detections` {path}: looks of tracks (`output.save_looks`), a few for each, not what a detector found. "
            "`output.save_detections` records that."
        )
    if PEOPLE in archive:
        raise InputError(
            f"`detections` {path}: people kept between runs, not what a detector found. "
            "`output.save_detections` records that."
        )
    if "det" not in archive:
        found = ", ".join(archive) or "nothing"
        raise InputError(f"`detections` {path}: no array `det` inside (found {found}).")
    table, features = _split_columns(path, archive["det"])
    if "features" in archive:
        if features is not None:
            raise InputError(f"`detections` {path}: features both in `det` and in `features`; keep one.")
        features = _as_numbers(path, archive["features"], np.float32, "`features`")
    if features is not None and (features.ndim != 2 or len(features) != len(table)):
        raise InputError(f"`detections` {path}: `features` has shape {features.shape}, expected ({len(table)}, D).")
    return table, features


def _split_columns(path: Path, array: npt.NDArray[np.generic]) -> tuple[FloatArray, npt.NDArray[np.float32] | None]:
    """Split rows into the (N, 7 or 10) table and the (N, D) features behind it."""
    if array.ndim != 2 or array.shape[1] < 7 or array.shape[1] in (8, 9):
        raise InputError(
            f"`detections` {path}: an array of shape {array.shape}; expected (N, 7 + D) or (N, 10 + D): "
            f"{_ARRAY_COLUMNS}, [three columns of −1,] features."
        )
    numbers = _as_numbers(path, array, np.float64, "the array")
    # Columns 9 and 10 of a MOTChallenge detection are −1; no feature is that for every detection.
    width = 10 if array.shape[1] >= 10 and bool((numbers[:, 8:10] == -1).all()) else 7
    features = numbers[:, width:].astype(np.float32) if array.shape[1] > width else None
    return numbers[:, :width], features


def _as_numbers(path: Path, array: npt.NDArray[np.generic], dtype: type, what: str) -> npt.NDArray[Any]:
    if array.dtype.kind not in "fiu":
        raise InputError(f"`detections` {path}: {what} holds {array.dtype}, expected numbers.")
    return np.asarray(array, dtype=dtype)


def _class_ids(table: FloatArray) -> IntArray:
    """Column 8 where it is a class: whole numbers, −1 for none. MOTChallenge 2015 keeps world coordinates there."""
    none = np.zeros(len(table), dtype=np.int64)
    if table.shape[1] < 8:
        return none
    column = table[:, 7]
    if (column < -1).any() or (column != np.floor(column)).any() or (column > 1e6).any():
        return none
    return np.maximum(column, 0).astype(np.int64)


def _check_rows(path: Path, table: FloatArray, features: npt.NDArray[np.float32] | None, text: BoxTable | None) -> None:
    """Refuse what cannot be tracked; `text` is the table as it was read, None where rows are from an array."""
    is_text = text is not None

    def where(row: int | np.integer) -> str:
        return f"line {text.lines[row]}" if text is not None else f"row {int(row)} (from 0)"

    faults = ~np.isfinite(table).all(axis=1)
    if features is not None:
        faults |= ~np.isfinite(features).all(axis=1)
    if faults.any():
        raise InputError(f"`detections` {path}, {where(faults.argmax())}: NaN or infinite values.")
    frames = table[:, 0]
    for faults, what in (
        ((frames < 1) | (frames != np.floor(frames)), "frame {0:g}; frames are whole numbers and start at 1."),
        (frames > LAST_FRAME, f"frame {{0:.0f}} is beyond any video (more than {LAST_FRAME:,} frames)."),
        (table[:, 1] != np.floor(table[:, 1]), "id {1:g} is no whole number; write −1 where there is none."),
        ((table[:, 4:6] < 0).any(axis=1), "width {4:g}, height {5:g}: sizes cannot be negative."),
    ):
        if faults.any():
            row = int(faults.argmax())
            raise InputError(f"`detections` {path}, {where(row)}: {what.format(*table[row])}")
    if looks_normalised(table[:, 2:6]):
        raise InputError(f"`detections` {path}: {NORMALISED}")
    backwards = np.flatnonzero(np.diff(frames) < 0)
    if len(backwards):
        row = int(backwards[0]) + 1
        remedy = f"Sort it by frame: sort -s -t, -k1,1n {path.name}" if is_text else "Sort its rows by frame."
        raise InputError(
            f"`detections` {path}, {where(row)}: frames are out of order "
            f"({frames[row]:g} after {frames[row - 1]:g}). {remedy}"
        )
    key = table[:, [0, 2, 3, 4, 5] + ([7] if table.shape[1] > 7 else [])]
    _, first, inverse = np.unique(key, axis=0, return_index=True, return_inverse=True)
    again = np.flatnonzero(first[inverse.reshape(-1)] != np.arange(len(key)))
    if len(again):
        row = int(again[0])
        earlier = int(first[inverse.reshape(-1)[row]])
        raise InputError(
            f"`detections` {path}, {where(row)}: the same box as in {where(earlier)} (frame {frames[row]:g}). "
            "Remove duplicate rows."
        )
