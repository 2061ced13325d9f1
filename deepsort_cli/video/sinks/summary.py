"""A table with one row per track, written at the end of a run."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from deepsort_cli.core.csv_cells import guarded
from deepsort_cli.video.sinks.base import ClassNames, Output
from deepsort_cli.video.sinks.lives import Life, Lives, LivesSink


class SummarySink(LivesSink):
    """A CSV table with one row per track.

    Columns: `id`; where people are told apart `person`, and where some have names `name`; `class_id` and `class` it had
    most often; `first_frame`, `last_frame` (from 1); `first_second`, `last_second` and `duration`, the seconds between
    them; `frames` it was reported in, `matched` those with a detection of its own; `distance`, the way of the middle of
    its lower edge in pixels, and `displacement`, from where it began to where it ended in a straight line; `mean_score`
    of its detections.
    """

    COLUMNS = (
        "id", "class_id", "class", "first_frame", "last_frame", "first_second", "last_second", "duration", "frames",
        "matched", "distance", "displacement", "mean_score",
    )  # fmt: skip

    def __init__(self, path: Path, class_names: ClassNames | None = None) -> None:
        super().__init__(path)
        self._names = {} if class_names is None else class_names

    def _finish(self, path: Path, lives: Lives) -> None:
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow([self.COLUMNS[0], *lives.columns, *self.COLUMNS[1:]])
            writer.writerows(self._row(track_id, life, lives.columns) for track_id, life in sorted(lives.of.items()))

    def _row(self, track_id: int, life: Life, known: Sequence[str]) -> tuple[object, ...]:
        class_id = life.classes.most_common(1)[0][0]
        return (
            track_id,
            *(guarded(life.known.get(column)) for column in known),
            class_id,
            guarded(self._names.get(class_id, str(class_id))),
            life.first_frame,
            life.last_frame,
            f"{life.first_time:.3f}",
            f"{life.last_time:.3f}",
            f"{life.last_time - life.first_time:.3f}",
            life.frames,
            life.matched,
            f"{life.distance:.1f}",
            f"{math.dist(life.first_foot, life.last_foot):.1f}",
            f"{life.score_sum / life.scores:.4f}" if life.scores else "",
        )


OUTPUTS = (Output("save_summary", "tables", lambda job: SummarySink(job.path, job.class_names)),)
