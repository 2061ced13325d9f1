"""What tracks looked like: a record of appearance features that stays small, and the file it is kept in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.archives import read_archive
from deepsort_cli.core.box_tables import LAST_FRAME
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import atomic_open, look
from deepsort_cli.core.recording import KEY as RECORDING
from deepsort_cli.core.types import FloatArray, IntArray

Features = npt.NDArray[np.float32]

MOST_PER_TRACK = 128
"""Looks kept of one track."""
MOST = 200_000
"""Looks kept of all tracks: 200 MB at 512 dimensions."""
SHORTEST, LONGEST = 1e-12, 1e18
"""Lengths that are measured in single precision without losing digits."""
ENROLLED = ""
"""The camera of looks that come from enrolled pictures."""


def measured(features: Features) -> tuple[Features, Features]:
    """(N, D) features with their (N,) lengths, to scale them to unit length.

    Rows whose squares are too large or too small for their type are scaled before: their direction is what counts.
    Zero, NaN and infinite ones stay.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        lengths = np.linalg.norm(features, axis=1)
        odd = np.flatnonzero(~((lengths >= SHORTEST) & (lengths <= LONGEST)))
        peaks = np.abs(features[odd]).max(axis=1, initial=0)
    sound = np.isfinite(peaks) & (peaks > 0)
    if sound.any():
        features, rows = features.copy(), odd[sound]
        features[rows] /= peaks[sound, None]
        lengths[rows] = np.linalg.norm(features[rows], axis=1)
    return features, lengths


def normalise(features: Features) -> tuple[Features, npt.NDArray[np.bool_]]:
    """Scale (N, D) features to unit length.

    Returns:
        The unit features, and an (N,) mask of the usable ones: finite, and not of length zero.
    """
    features, norms = measured(features)
    usable = np.isfinite(norms) & (norms > 0)
    if usable.all():
        return features / norms[:, None], usable
    unit = np.zeros_like(features)
    unit[usable] = features[usable] / norms[usable, None]
    return unit, usable


@dataclass(slots=True)
class _Kept:
    """Every `step`-th look of one track."""

    step: int = 1
    seen: int = 0
    about: list[FloatArray] = field(default_factory=list)
    features: list[npt.NDArray[np.float16]] = field(default_factory=list)

    def thin(self) -> int:
        """Forget every second look; returns how many those were."""
        before = len(self.about)
        self.about, self.features, self.step = self.about[::2], self.features[::2], 2 * self.step
        return before - len(self.about)


class LookRecord:
    """Looks of all tracks of a run, evenly spaced over each track, in memory that does not grow for ever.

    All looks of a track are kept until there are 128; from then on every second, every fourth, … Where all tracks
    together have more than 200,000, those with the most looks are thinned out further.
    """

    def __init__(self, most_per_track: int = MOST_PER_TRACK, most: int = MOST) -> None:
        self._tracks: dict[int, _Kept] = {}
        self._most_per_track = most_per_track
        self._most = most
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, ids: IntArray, about: FloatArray, features: Features) -> None:
        """Add the looks of T tracks in one frame; frames come in order.

        Args:
            ids: (T,) the tracks.
            about: (T, P) numbers to keep with each look.
            features: (T, D); one that is not finite or of length zero is unknown, and left out.
        """
        unit, usable = normalise(features)
        small = unit.astype(np.float16)
        for i in np.flatnonzero(usable).tolist():
            track = self._tracks.setdefault(int(ids[i]), _Kept())
            if track.seen % track.step == 0:
                track.about.append(about[i])
                track.features.append(small[i])
                self._count += 1
                if len(track.about) > self._most_per_track:
                    self._count -= track.thin()
            track.seen += 1
        while self._count > self._most and self._most_per_track > 1:
            self._most_per_track //= 2
            for track in self._tracks.values():
                while len(track.about) > self._most_per_track:
                    self._count -= track.thin()

    def table(self) -> tuple[FloatArray, Features]:
        """All looks kept: (K, P) what is known about each, and (K, D) features; in the order of the first number."""
        about = [one for track in self._tracks.values() for one in track.about]
        if not about:
            return np.empty((0, 0)), np.empty((0, 0), np.float32)
        numbers = np.array(about, dtype=np.float64)
        features = np.array([one for track in self._tracks.values() for one in track.features], dtype=np.float32)
        order = np.lexsort(numbers.T[::-1])
        return numbers[order], features[order]


def are_looks(arrays: Mapping[str, npt.NDArray[np.generic]]) -> bool:
    """Whether the arrays of an archive are looks of tracks, not detections, which are kept under the same names."""
    if not {"det", "features"} <= set(arrays):
        return False
    if {"person", "max_cosine_distance", "fps"} & set(arrays):
        return True
    table, small = arrays["det"], arrays["features"].dtype == np.float16
    if not small or table.dtype.kind not in "fiu" or table.ndim != 2 or table.shape[1] != 7 or not len(table):
        return False
    return bool((table[:, 1].astype(np.float64) >= 0).all())


@dataclass(frozen=True)
class Looks:
    """Looks of tracks, as in a file of `output.save_looks`.

    Attributes:
        table: (K, 7) frame (from 1), id of the track, left, top, width, height, score; in ascending order of frame.
        features: (K, D) float32 appearance features.
        max_cosine_distance: the appearance threshold that suits them; None where nobody said.
        fps: frames per second of the source; None where nobody said.
        person: (K,) int64 the person of each look, the same in all sources of a run, −1 where undecided; None where
            people were not told apart.
        place: what the source looks at, where that is known: sources of equal places see the same.
    """

    table: FloatArray
    features: Features
    max_cosine_distance: float | None = None
    fps: float | None = None
    person: IntArray | None = None
    place: str | None = None

    def save(self, path: Path) -> None:
        """Write them as `.npz`: `det`, `features` (float16), `person`, and what else is known, as single values.

        Raises:
            RunError: the disk is full or read-only, or the folder cannot be written.
        """
        known: dict[str, Any] = {"max_cosine_distance": self.max_cosine_distance, "fps": self.fps}
        known |= {"person": self.person, "place": self.place}
        with atomic_open(path, "wb", follow=True) as stream:
            np.savez(
                stream,
                det=self.table,
                features=self.features.astype(np.float16),
                **{name: value for name, value in known.items() if value is not None},
            )

    @classmethod
    def load(cls, path: Path, *, key: str) -> Looks:
        """Read such a file.

        Args:
            key: the setting the path was given with, for messages.

        Raises:
            InputError: naming the file: it is missing, no such archive, or holds what cannot be looks.
        """
        if look(path, key=key) is None or not path.is_file():
            raise InputError(f"`{key}` {path}: no such file. `output.save_looks` writes one while tracking.")
        arrays = read_archive(path, f"`{key}` {path}", " `output.save_looks` writes one while tracking.")
        if RECORDING in arrays:
            raise InputError(
                f"`{key}` {path}: a recording of detections (`output.save_detections`), which knows no tracks. "
                "`output.save_looks` writes what tracks looked like."
            )
        return cls._checked(arrays, f"`{key}` {path}")

    @classmethod
    def _checked(cls, arrays: dict[str, npt.NDArray[np.generic]], where: str) -> Looks:
        for name, columns, shape in (("det", 6, "(K, 7)"), ("features", 1, "(K, D)")):
            array = arrays.get(name)
            if array is None or array.ndim != 2 or array.dtype.kind not in "fiu" or array.shape[1] < columns:
                found = "nothing of that name" if array is None else f"{array.dtype} of shape {array.shape}"
                raise InputError(f"{where}: expected numbers `{name}` of shape {shape}; found {found}.")
        table, features = arrays["det"].astype(np.float64), arrays["features"].astype(np.float32)
        if len(table) != len(features):
            raise InputError(f"{where}: {len(table)} rows of `det`, but {len(features)} of `features`.")
        if not (np.isfinite(table).all() and np.isfinite(features).all()):
            raise InputError(f"{where}: NaN or infinite values.")
        frames, ids = table[:, 0], table[:, 1]
        odd = (frames < 1) | (frames > LAST_FRAME) | (frames != np.floor(frames)) | (ids != np.floor(ids))
        if odd.any():
            row = int(odd.argmax())
            raise InputError(
                f"{where}, row {row} (from 0) of `det`: frame {frames[row]:g}, id {ids[row]:g}; frames are whole "
                "numbers from 1, ids whole numbers."
            )
        if (ids < 0).all() and len(table):
            raise InputError(
                f"{where}: no ids in column 2 of `det`, so these are detections. `output.save_looks` writes looks of "
                "tracks."
            )
        known: dict[str, Any] = {}
        person = arrays.get("person")
        if person is not None:
            if person.shape != (len(table),) or person.dtype.kind not in "iu":
                found = f"{person.dtype} of shape {person.shape}"
                raise InputError(f"{where}: expected whole numbers `person` of shape ({len(table)},); found {found}.")
            known["person"] = person.astype(np.int64)
        place = arrays.get("place")
        if place is not None:
            if place.shape != () or place.dtype.kind != "U":
                raise InputError(f"{where}: expected one text `place`; found {place.dtype} of shape {place.shape}.")
            known["place"] = str(place)
        for name in ("max_cosine_distance", "fps"):
            value = arrays.get(name)
            if value is not None:
                number = float(value.reshape(-1)[0]) if value.size == 1 and value.dtype.kind in "fiu" else np.nan
                if not 0 <= number < np.inf or (name == "fps" and number == 0):
                    raise InputError(f"{where}: `{name}` must be one number{' above 0' if name == 'fps' else ''}.")
                known[name] = number
        return cls(table, features, **known)
