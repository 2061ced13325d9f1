"""Several cameras as one sequence, for scores of ids that hold in all of them.

The sequence has the frames of the first camera, then those of the second, and so on, as multi-camera benchmarks score
(Ristani et al. 2016, DukeMTMC's "multi-camera IDF1"; the same is usual for HOTA): a box matches boxes of its own frame
only, and identities are matched once, over all frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from deepsort_cli.core.box_tables import BoxTable, read_boxes
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.track_tables import is_track_table, read_tracks
from deepsort_cli.core.types import FloatArray
from deepsort_cli.evaluation.official_scorer import Job


@dataclass(frozen=True)
class Camera:
    """One camera: its name, its files as they were read, and what of them counts."""

    name: str
    truth: BoxTable
    found: BoxTable
    job: Job


def read_results(path: Path) -> BoxTable:
    """Results of one camera whose ids hold in all cameras; an id below 0 is somebody of this camera only.

    Raises:
        InputError: it cannot be read, or is JSON Lines or CSV that does not say who is who.
    """
    if not is_track_table(path):
        return read_boxes(path)
    table = read_tracks(path)
    if table.people is None and len(table):
        raise InputError(
            f"{path}: no `person` in it, so nobody knows who is who in other cameras. Track all of them together with "
            "`across.enabled`, or let deepsort refine find out."
        )
    people = table.ids if table.people is None else table.people
    return table.boxes(np.where(people >= 0, people, -1 - table.ids))


def undecided_rows(found: BoxTable) -> int:
    """How many rows are of somebody of this camera only."""
    own = np.array([one < 0 for one in found.ids], bool)
    return int(own[found.values[:, 1].astype(np.int64)].sum()) if len(found) else 0


def one_sequence(name: str, cameras: Sequence[Camera]) -> Job:
    """The sequence of all their frames.

    Raises:
        InputError: different rules say what counts in them.
    """
    rules = {camera.job.rule.name: camera for camera in cameras}
    if len(rules) > 1:
        named = "; ".join(f"{rule} in {camera.truth.path}" for rule, camera in rules.items())
        raise InputError(f"cameras are scored by different rules: {named}. Choose with `benchmark` or `gt_class`.")
    truth_ids: dict[object, int] = {}
    found_ids: dict[object, int] = {}
    truths, results, shift = [], [], 0
    for place, camera in enumerate(cameras):
        truth, found = camera.job.truth.copy(), camera.job.results[:, :6].copy()
        truth[:, 1] = _everywhere(truth[:, 1], camera.truth.ids, place, truth_ids)
        found[:, 1] = _everywhere(found[:, 1], camera.found.ids, place, found_ids)
        last = max(truth[:, 0].max(initial=0), found[:, 0].max(initial=0))
        truth[:, 0] += shift
        found[:, 0] += shift
        shift += last
        truths.append(truth)
        results.append(found)
    job = cameras[0].job
    return replace(job, name=name, truth=np.concatenate(truths), results=np.concatenate(results))


def _everywhere(positions: FloatArray, ids: Sequence[int], place: int, known: dict[object, int]) -> FloatArray:
    """Numbers that are the same for the same id in all cameras, by the positions of ids in one.

    An id below 0, and a position beyond them, which stands for a row to be ignored, is of this camera only.
    """
    numbers = np.empty(len(positions))
    for position in np.unique(positions).tolist():
        one = ids[int(position)] if position < len(ids) else None
        key = one if one is not None and one >= 0 else (place, position)
        numbers[positions == position] = known.setdefault(key, len(known))
    return numbers
