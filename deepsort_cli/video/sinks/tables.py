"""Text: MOTChallenge rows, JSON Lines, CSV, ground truth; into files or to standard output."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from deepsort_cli.core.boxes import xyxy_to_tlwh
from deepsort_cli.core.csv_cells import guarded
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.mot import format_rows
from deepsort_cli.core.regions import Counts
from deepsort_cli.core.types import FloatArray, Frame, Tracks
from deepsort_cli.video.scene import GroundTruth
from deepsort_cli.video.sinks.base import ClassNames, Job, Output, Say, Sink, TemporaryFile, write_error
from deepsort_cli.video.sinks.carried import CarriedAsJson

STDOUT = Path("-")
"""The path that means standard output."""


class Lines(ABC):
    """Takes whole lines. The header comes before the first of them, and not at all where none comes."""

    def __init__(self, header: str) -> None:
        self._header = header

    def append(self, lines: str) -> None:
        self._write((self._header + lines).encode())
        self._header = ""

    @abstractmethod
    def _write(self, data: bytes) -> None: ...

    @abstractmethod
    def close(self) -> None:
        """Finish. Can be called again."""


def open_lines(path: Path, header: str = "", *, in_place: bool = False) -> Lines:
    """Where lines for `path` go: a file that appears when it is closed, or at once; or standard output for `-`."""
    return _StdoutLines(header) if path == STDOUT else _FileLines(path, header, in_place)


class _StdoutLines(Lines):
    """Every frame is passed on at once, for programs that read along."""

    def _write(self, data: bytes) -> None:
        try:
            # UTF-8 as in files, whatever the terminal's encoding is; a stream without bytes is one of Python's own.
            if (binary := getattr(sys.stdout, "buffer", None)) is not None:
                binary.write(data)
                binary.flush()
            else:
                sys.stdout.write(data.decode())
        except BrokenPipeError:  # its reader has left, which is no fault
            raise
        except OSError as error:
            raise write_error(Path("standard output"), error) from None

    def close(self) -> None:
        """Standard output is not ours to close."""


class _FileLines(Lines):
    """Appends whole lines to a temporary file that takes its final name on `close`, if anything was ever appended."""

    def __init__(self, path: Path, header: str, in_place: bool) -> None:
        super().__init__(header)
        self.path = path
        self._file = TemporaryFile(path, in_place=in_place)
        # Unbuffered: one system call per frame, and after a failure it is known what reached the file.
        self._stream = self._file.stream
        self._complete = 0
        self._used = False

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._stream.write(rest) :]
        except OSError as error:
            self._stream.truncate(self._complete)
            self._stream.seek(self._complete)
            raise write_error(self.path, error) from None
        self._complete += len(data)
        self._used = True

    def close(self) -> None:
        if self._stream.closed:
            return
        if self._used:
            self._file.publish()
        else:
            self._file.remove()


class MotSink(Sink):
    """MOTChallenge results: `frame,id,left,top,width,height,1,-1,-1,-1`, frames and ids from 1."""

    def __init__(self, path: Path, *, in_place: bool = False) -> None:
        self._file = open_lines(path, in_place=in_place)

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        self._file.append(format_rows(frame.index + 1, tracks.ids, xyxy_to_tlwh(tracks.boxes)))

    def close(self) -> None:
        self._file.close()


class JsonlSink(Sink):
    """One JSON object per frame, also for frames without tracks.

    Keys: `frame` (from 1), `time` (seconds) and `tracks`, a list of `id`, `box` ([x1, y1, x2, y2] in pixels), `score`
    (null where unknown), `class_id`, `class` and `time_since_update`. Where people are told apart also `person` (null
    as long as that is undecided), and where some have names `name` (null where unknown). Where detections carry
    anything along (`Detections.data`) also `data`, an object with a value per name, null where the track has no
    detection in this frame: masks as COCO's `{"size": [height, width], "counts": …}`, everything else as lists and
    numbers. Where people are counted also `counts`, those of all lines and zones after the frame.
    """

    def __init__(
        self,
        path: Path,
        class_names: ClassNames | None = None,
        warn: Say = lambda message: None,
        *,
        in_place: bool = False,
    ) -> None:
        """Prepare; `warn` is told what cannot be written as JSON."""
        self._file = open_lines(path, in_place=in_place)
        self._names = {} if class_names is None else class_names
        self._carried = CarriedAsJson(warn)

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        listed: list[dict[str, Any]] = [
            {
                "id": track_id,
                **known,
                "box": [round(value, 2) for value in box],
                "score": round(score, 4) if math.isfinite(score) else None,
                "class_id": class_id,
                "class": self._names.get(class_id, str(class_id)),
                "time_since_update": age,
            }
            for (track_id, box, score, class_id, age), known in zip(track_rows(tracks), who(tracks), strict=True)
        ]
        if tracks.data:
            for row, carried in zip(listed, self._carried(tracks), strict=True):
                row["data"] = carried
        record = {"frame": frame.index + 1, "time": round(frame.time, 4), "tracks": listed}
        if counts is not None:
            record["counts"] = counts.as_json()
        self._file.append(json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n")

    def close(self) -> None:
        self._file.close()


class CsvSink(Sink):
    """A table with one row per track and frame, with a header.

    After `id` come `person`, where people are told apart, and `name`, where some have one; empty where unknown.
    """

    COLUMNS = ("frame", "time", "id", "x1", "y1", "x2", "y2", "score", "class_id", "class", "time_since_update")

    def __init__(self, path: Path, class_names: ClassNames | None = None, *, in_place: bool = False) -> None:
        self._file = open_lines(path, in_place=in_place)
        self._names = {} if class_names is None else class_names
        self._known: list[str] | None = None
        """The columns of people; None before the header."""

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if self._known is None:
            self._known = people_columns(tracks)
            after = self.COLUMNS.index("id") + 1
            writer.writerow([*self.COLUMNS[:after], *self._known, *self.COLUMNS[after:]])
        writer.writerows(
            (
                frame.index + 1,
                f"{frame.time:.4f}",
                track_id,
                *(guarded(known.get(column)) for column in self._known),
                *(f"{value:.2f}" for value in box),
                f"{score:.4f}" if math.isfinite(score) else "",
                class_id,
                guarded(self._names.get(class_id, str(class_id))),
                age,
            )
            for (track_id, box, score, class_id, age), known in zip(track_rows(tracks), who(tracks), strict=True)
        )
        self._file.append(text.getvalue())

    def close(self) -> None:
        self._file.close()


class GroundTruthSink(Sink):
    """Ground truth of the frames it is shown: `frame,id,left,top,width,height,1,1,visibility`.

    Column 7 is 0, which tells scorers to leave the row out, where nothing of the figure can be seen.
    """

    def __init__(
        self, path: Path, ground_truth: Callable[[int], GroundTruth | None], *, in_place: bool = False
    ) -> None:
        self._file = open_lines(path, in_place=in_place)
        self._ground_truth = ground_truth

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        truth = self._ground_truth(frame.index)
        if truth is None:
            return
        self._file.append(
            "".join(
                f"{frame:.0f},{i:.0f},{x:.2f},{y:.2f},{w:.2f},{h:.2f},{valid:.0f},{class_id:.0f},{seen:.4f}\n"
                for frame, i, x, y, w, h, valid, class_id, seen in ground_truth_rows(frame.index, truth).tolist()
            )
        )

    def close(self) -> None:
        self._file.close()


def ground_truth_rows(index: int, truth: GroundTruth) -> FloatArray:
    """(N, 9) ground truth of the frame with this 0-based index as MOTChallenge has it, rounded as it is written."""
    rows = np.empty((len(truth.ids), 9))
    rows[:, 0] = index + 1
    rows[:, 1] = truth.ids
    rows[:, 2:6] = np.round(xyxy_to_tlwh(truth.boxes), 2)
    rows[:, 6] = truth.visibility > 0
    rows[:, 7] = 1
    rows[:, 8] = np.round(truth.visibility, 4)
    return rows


def track_rows(tracks: Tracks) -> Iterator[tuple[int, list[float], float, int, int]]:
    """Id, box, score, class and age of every track as plain Python values."""
    return zip(
        tracks.ids.tolist(),
        tracks.boxes.tolist(),
        tracks.scores.tolist(),
        tracks.class_ids.tolist(),
        tracks.time_since_update.tolist(),
        strict=True,
    )


def who(tracks: Tracks) -> list[dict[str, int | str | None]]:
    """Of every track `person`, where people are told apart, and `name`, where some have one; None where unknown."""
    if tracks.people is None:
        return [{}] * len(tracks)
    people = [person if person > 0 else None for person in tracks.people.tolist()]
    if tracks.names is None:
        return [{"person": person} for person in people]
    names = [name or None for name in tracks.names.tolist()]
    return [{"person": person, "name": name} for person, name in zip(people, names, strict=True)]


def people_columns(tracks: Tracks) -> list[str]:
    """What `who` gives of such tracks."""
    known = {"person": tracks.people, "name": tracks.names}
    return [name for name, values in known.items() if values is not None]


def _check_ground_truth(job: Job) -> None:
    if job.source.kind != "demo":
        raise InputError(f"`{job.output.key}`: only the demo scene knows its ground truth (`source` demo).")


OUTPUTS = (
    Output("save_txt", "tables", lambda job: MotSink(job.path, in_place=job.part), lines=True, grows=True),
    Output(
        "save_jsonl",
        "tables",
        lambda job: JsonlSink(job.path, job.class_names, job.warn, in_place=job.part),
        lines=True,
        grows=True,
    ),
    Output(
        "save_csv",
        "tables",
        lambda job: CsvSink(job.path, job.class_names, in_place=job.part),
        lines=True,
        grows=True,
    ),
    Output(
        "save_gt",
        "frames",
        lambda job: GroundTruthSink(job.path, job.source.ground_truth, in_place=job.part),
        check=_check_ground_truth,
        lines=True,
        grows=True,
    ),
)
