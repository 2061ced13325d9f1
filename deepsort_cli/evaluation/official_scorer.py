"""TrackEval, the official scorer, fed with tables that are already read."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deepsort_cli.core.box_tables import KITTI_TYPES
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.extras import install
from deepsort_cli.core.types import FloatArray
from deepsort_cli.evaluation.mot_rules import Rule

_SEQUENCE, _TRACKER = "sequence", "tracker"
_DONT_CARE = KITTI_TYPES.index("dontcare") + 1


@dataclass(frozen=True)
class Job:
    """One sequence for the scorer.

    Attributes:
        name: for messages.
        truth: (M, ≥ 9) rows as `mot_rules.count_truth` makes them.
        results: (N, ≥ 6) rows: frame, id, left, top, width, height.
        rule: what counts.
    """

    name: str
    truth: FloatArray
    results: FloatArray
    rule: Rule


def require_trackeval() -> None:
    """Make sure that the scorer is installed, without importing it.

    Raises:
        InputError: it is not; the message says how to get it.
    """
    if importlib.util.find_spec("trackeval") is None:
        raise InputError(f"scoring needs the TrackEval package. Get it: {install('score')}")


class OfficialScorer:
    """HOTA, CLEAR MOT and identity metrics of sequences, and of all together."""

    def __init__(self) -> None:
        """Raises InputError if TrackEval is not installed."""
        require_trackeval()
        import trackeval

        quiet = {"PRINT_CONFIG": False}
        self._metrics = [trackeval.metrics.HOTA(), trackeval.metrics.CLEAR(quiet), trackeval.metrics.Identity(quiet)]
        self._results: dict[str, dict[str, Any]] = {metric.get_name(): {} for metric in self._metrics}

    def evaluate(self, job: Job) -> Mapping[str, Mapping[str, Any]]:
        """The metrics' own results by their names.

        Raises:
            InputError: the scorer refuses the tables.
        """
        import trackeval

        try:
            data = _preprocessed(job)
            for metric in self._metrics:
                self._results[metric.get_name()][job.name] = metric.eval_sequence(data)
        except trackeval.utils.TrackEvalException as error:
            raise InputError(f"{job.name}: the official scorer refuses it: {error}") from None
        return {name: one[job.name] for name, one in self._results.items()}

    def combined(self) -> Mapping[str, Mapping[str, Any]]:
        """The results of all sequences evaluated so far, together."""
        return {
            metric.get_name(): metric.combine_sequences(self._results[metric.get_name()]) for metric in self._metrics
        }


def _preprocessed(job: Job) -> Any:
    """The scorer's data of a sequence: its own datasets do everything but read files.

    Only frames with boxes are counted: empty ones change no score, and frame numbers may be large.
    """
    import trackeval

    times = np.unique(np.concatenate([job.truth[:, 0], job.results[:, 0]]))
    count = max(len(times), 1)
    kitti = job.rule.kitti is not None
    dataset_class = trackeval.datasets.Kitti2DBox if kitti else trackeval.datasets.MotChallenge2DBox
    raw = _raw_kitti(job, times, count) if kitti else _raw_mot(job, times, count)

    class InMemory(dataset_class):  # type: ignore[misc, valid-type]
        def _load_raw_file(self, tracker: str, seq: str, is_gt: bool) -> dict[str, Any]:
            return {**raw["truth" if is_gt else "results"], "num_timesteps": count, "seq": seq}

    with tempfile.TemporaryDirectory() as folder:
        dataset = InMemory(_config(Path(folder), job.rule, count))
        loaded = dataset.get_raw_seq_data(_TRACKER, _SEQUENCE)
    return dataset.get_preprocessed_seq_data(loaded, job.rule.kitti or "pedestrian")


def _config(folder: Path, rule: Rule, count: int) -> dict[str, Any]:
    """The scorer's settings, and the empty files whose presence it checks."""
    results = folder / "results" / _TRACKER / "data" / f"{_SEQUENCE}.txt"
    truth = folder / "gt" / _SEQUENCE / "gt" / "gt.txt"
    config: dict[str, Any] = {
        "PRINT_CONFIG": False,
        "GT_FOLDER": str(folder / "gt"),
        "TRACKERS_FOLDER": str(folder / "results"),
        "TRACKERS_TO_EVAL": [_TRACKER],
    }
    if rule.kitti is not None:
        truth = folder / "gt" / "label_02" / f"{_SEQUENCE}.txt"
    for path in (results, truth):
        path.parent.mkdir(parents=True)
        path.touch()
    if rule.kitti is not None:
        (folder / "gt" / "evaluate_tracking.seqmap.training").write_text(f"{_SEQUENCE} empty 000000 {count:06d}\n")
        return {**config, "CLASSES_TO_EVAL": [rule.kitti]}
    return {
        **config,
        "BENCHMARK": rule.benchmark,
        "DO_PREPROC": rule.benchmark != "MOT15",
        "SKIP_SPLIT_FOL": True,
        "SEQ_INFO": {_SEQUENCE: count},
    }


def _raw_mot(job: Job, times: FloatArray, count: int) -> dict[str, dict[str, Any]]:
    truth = _by_frame(job.truth, times, count)
    results = _by_frame(job.results, times, count)
    return {
        "truth": {
            "gt_ids": [rows[:, 1].astype(int) for rows in truth],
            "gt_classes": [rows[:, 7].astype(int) for rows in truth],
            "gt_dets": [rows[:, 2:6] for rows in truth],
            "gt_crowd_ignore_regions": [np.empty((0, 4))] * count,
            "gt_extras": [{"zero_marked": rows[:, 6].astype(int)} for rows in truth],
        },
        "results": _raw_results([rows[:, 2:6] for rows in results], results, 1),
    }


def _raw_kitti(job: Job, times: FloatArray, count: int) -> dict[str, dict[str, Any]]:
    ignored = job.truth[:, 7] == _DONT_CARE
    truth = _by_frame(job.truth[~ignored], times, count)
    regions = _by_frame(job.truth[ignored], times, count)
    results = _by_frame(job.results, times, count)
    assert job.rule.kitti is not None
    return {
        "truth": {
            "gt_ids": [rows[:, 1].astype(int) for rows in truth],
            "gt_classes": [rows[:, 7].astype(int) for rows in truth],
            "gt_dets": [_corners(rows) for rows in truth],
            "gt_crowd_ignore_regions": [_corners(rows) for rows in regions],
            "gt_extras": [
                {"truncation": rows[:, 8].astype(int), "occlusion": rows[:, 9].astype(int)} for rows in truth
            ],
        },
        "results": _raw_results([_corners(rows) for rows in results], results, KITTI_TYPES.index(job.rule.kitti) + 1),
    }


def _raw_results(boxes: Sequence[FloatArray], results: Sequence[FloatArray], class_id: int) -> dict[str, Any]:
    return {
        "tracker_ids": [rows[:, 1].astype(int) for rows in results],
        "tracker_classes": [np.full(len(rows), class_id) for rows in results],
        "tracker_dets": list(boxes),
        "tracker_confidences": [np.ones(len(rows)) for rows in results],
    }


def _corners(rows: FloatArray) -> FloatArray:
    return np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]], axis=1)


def _by_frame(rows: FloatArray, times: FloatArray, count: int) -> list[FloatArray]:
    """The rows of each of `times`, in their order; one empty table where there are no times."""
    ordered = rows[np.argsort(rows[:, 0], kind="stable")]
    ends = np.searchsorted(ordered[:, 0], times, side="right")
    return np.split(ordered, ends[:-1]) if len(times) else [ordered] * count
