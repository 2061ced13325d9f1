"""Refinement of finished tracks: fill gaps, smooth boxes, drop short tracks.

Works on tables, (N, C ≥ 6) float64 rows `frame, id, left, top, width, height, …` as in MOTChallenge results.

References: linear filling as in ByteTrack (Zhang et al. 2022), Gaussian-smoothed interpolation as in StrongSORT (Du et
al. 2023, section 3.4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from deepsort_cli.core.box_tables import NORMALISED, check_unique_ids, looks_normalised, read_boxes
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import atomic_open, check_output_file
from deepsort_cli.core.types import FloatArray
from deepsort_cli.tracking.evidence import Evidence
from deepsort_cli.tracking.linking import Linking, link
from deepsort_cli.tracking.settings import RefinementSettings

BOX = slice(2, 6)
"""Columns of left, top, width, height."""

TAU = 10.0
"""StrongSORT's smoothing parameter, in frames."""

NOISE = 1e-10
"""Variance of the noise on a box, relative to that of the motion; the reference's value."""

ALL_TOO_SHORT = "`refinement.min_length`={}: no track has boxes in so many frames, so all are dropped. Set less."


@dataclass
class KnownPerson:
    """Somebody in the tracks of several cameras.

    Attributes:
        person: from 1, the same in all of them.
        name: empty where unknown.
        first, last: when they were seen, in seconds.
        tracks: their ids, by camera.
    """

    person: int
    name: str
    first: float
    last: float
    tracks: dict[str, list[int]]


@dataclass(frozen=True)
class Gathering:
    """Who is who in the tracks of several cameras.

    Attributes:
        undecided: how many tracks are of nobody knows whom.
        people: everybody, in the order in which they were first seen.
        outputs: the copies that say so.
    """

    undecided: int
    people: list[KnownPerson]
    outputs: list[str]


@dataclass(frozen=True)
class Refinement:
    """What came of a refined file: tracks and rows read, tracks dropped, rows filled in, rows written.

    With linking, tracks are dropped afterwards, and `linking` says what came of it; `across` says who is who in several
    files.
    """

    tracks: int
    rows: int
    dropped_tracks: int
    filled_rows: int
    written_rows: int
    linking: Linking | None = None
    across: Gathering | None = None


def refine_file(
    results: Path,
    output: Path,
    settings: RefinementSettings,
    evidence: Evidence | None = None,
    *,
    overwrite: bool = False,
    warn: Callable[[str], None] = lambda _: None,
) -> Refinement:
    """Refine a MOTChallenge result file into another one; with `overwrite` it may be the same.

    Args:
        evidence: what linking goes by; needed for it.
        warn: told when no track is long enough to be kept.

    Raises:
        InputError: it cannot be read, an id occurs twice in a frame, nothing is asked for, `output` exists, or the
            looks are not of these tracks.
    """
    if not settings.wanted:
        raise InputError(
            "nothing to do. Give `refinement.interpolate`=linear, `refinement.interpolate`=gaussian, "
            "`refinement.min_length`=N or `refinement.link`=true."
        )
    boxes = read_boxes(results)
    check_unique_ids(boxes)
    table = boxes.values
    if boxes.form != "mot":
        raise InputError(f"{results}: rows of KITTI. Only MOTChallenge text can be refined.")
    if looks_normalised(table[:, 2:6]):
        raise InputError(f"{results}: {NORMALISED}")
    looks = [] if evidence is None else [("looks", evidence.path)]
    check_output_file(output, overwrite=overwrite, key="output", inputs=looks)
    ids, linking = boxes.ids, None
    if settings.link:
        if evidence is None:
            raise ValueError("linking needs evidence")
        table = table.copy()
        table[:, 1], linking = link(table, evidence.of(boxes), evidence.options)
        new = int(table[:, 1].max(initial=-1)) + 1 - len(ids)
        ids = (*ids, *range(ids[-1] + 1, ids[-1] + 1 + new)) if new > 0 else ids
    if longest_track(table) < settings.min_length:
        warn(ALL_TOO_SHORT.format(settings.min_length))
    kept = drop_short(table, settings.min_length)
    refined = refine(table, settings)
    columns = table.shape[1]
    form = ",".join(["%d", "%d", *["%.2f"] * 4, *["%.15g"] * (columns - 6)])
    with atomic_open(output, follow=True) as stream:
        for frame, position, *rest in refined.tolist():
            stream.write(form % (frame, ids[int(position)], *rest) + "\n")
    return Refinement(
        tracks=len(boxes.ids),
        rows=len(table),
        dropped_tracks=len(np.unique(table[:, 1])) - len(np.unique(kept[:, 1])),
        filled_rows=len(refined) - len(kept),
        written_rows=len(refined),
        linking=linking,
    )


def refine(table: FloatArray, settings: RefinementSettings) -> FloatArray:
    """Drop tracks with too few rows, then fill gaps and smooth as the settings say.

    Args:
        table: (N, C ≥ 6) rows in any order, an id at most once in a frame.

    Returns:
        (M, C) rows in ascending order of frame, then id. A filled row has the columns after the box of the row
        before its gap. Ids stay as they are.
    """
    if settings.min_length > 1:
        table = drop_short(table, settings.min_length)
    if settings.interpolate is not None:
        table = interpolate(table, settings.interpolate, settings.max_gap)
    return table[np.lexsort((table[:, 1], table[:, 0]))]


def drop_short(table: FloatArray, min_length: int) -> FloatArray:
    """The rows of tracks that have at least `min_length` rows."""
    _, track, counts = np.unique(table[:, 1], return_inverse=True, return_counts=True)
    return table[counts[track] >= min_length]


def longest_track(table: FloatArray) -> float:
    """The most rows that a track has; infinity where there are no tracks."""
    counts = np.unique(table[:, 1], return_counts=True)[1]
    return float(counts.max()) if len(counts) else np.inf


def interpolate(table: FloatArray, method: Literal["linear", "gaussian"], max_gap: int = 20) -> FloatArray:
    """Fill gaps of at most `max_gap` missing frames in each track; `gaussian` also smooths all boxes.

    Returns:
        (M, C) rows ordered by id, then frame.
    """
    refine_track: Callable[[FloatArray], FloatArray] = _smooth if method == "gaussian" else lambda track: track
    table = table[np.lexsort((table[:, 0], table[:, 1]))]
    starts = np.flatnonzero(np.diff(table[:, 1])) + 1
    return np.concatenate([refine_track(_fill(track, max_gap)) for track in np.split(table, starts)])


def _fill(track: FloatArray, max_gap: int) -> FloatArray:
    """One track, (N, C) rows in order of frame, with boxes on straight lines in its gaps of up to `max_gap` frames."""
    missing = np.diff(track[:, 0]).astype(np.int64) - 1
    missing[missing > max_gap] = 0
    if not missing.any():
        return track
    before = np.repeat(np.arange(len(missing)), missing)  # for each new row, the row before its gap
    step = np.concatenate([np.arange(1, count + 1) for count in missing])
    filled = track[before]
    filled[:, 0] += step
    part = (step / (missing[before] + 1))[:, None]
    filled[:, BOX] += part * (track[before + 1, BOX] - track[before, BOX])
    both = np.concatenate([track, filled])
    return both[np.argsort(both[:, 0], kind="stable")]


def _smooth(track: FloatArray) -> FloatArray:
    """One track with each box coordinate replaced by the mean of a Gaussian process over time that is fitted to it.

    The kernel exp(−Δ² / 2s²) has the length scale s = τ·ln(τ³ / N) frames, within 1/τ and τ²: the longer a track of N
    rows, the less it is smoothed. From about τ³ = 1000 rows on, s is a tenth of a frame and nothing changes.
    """
    count = len(track)
    scale = np.clip(TAU * np.log(TAU**3 / count), 1 / TAU, TAU**2) if count else 0.0
    if count < 2 or scale <= 1 / TAU:
        return track
    apart = (track[:, None, 0] - track[None, :, 0]) / scale
    kernel = np.exp(-0.5 * apart**2)
    mean = track[:, BOX].mean(axis=0)
    noisy = kernel + NOISE * np.eye(count)
    boxes = mean + kernel @ cho_solve(cho_factor(noisy, lower=True), track[:, BOX] - mean)
    smooth = track.copy()
    # A curve through positive sizes may still swing below them.
    boxes[:, 2:] = np.maximum(boxes[:, 2:], track[:, 4:6].min(axis=0))
    smooth[:, BOX] = boxes
    return smooth
