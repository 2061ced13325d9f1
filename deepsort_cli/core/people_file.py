"""People kept between runs: who they are, what they looked like, and the one file that holds it all.

It is a NumPy archive (`.npz`) without Python objects. Its arrays, for P people, K looks of D numbers and B bytes of
pictures:

| array | shape, type | meaning |
|---|---|---|
| `people` | text | JSON: version, the model that made the features, names, times; see `Header` |
| `look_person` | (K,) int64 | number of the person of a look |
| `look_camera` | (K,) int64 | which of the header's cameras saw it; −1: an enrolled picture |
| `features` | (K, D) float16 | appearance, of unit length |
| `pictures` | (B,) uint8 | one small JPEG per person, one behind the other |
| `picture_end` | (P,) int64 | where in `pictures` the picture of each person of the header ends |
"""

from __future__ import annotations

import contextlib
import json
import unicodedata
import zipfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from deepsort_cli.core.archives import read_archive
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.faults import first_fault
from deepsort_cli.core.files import atomic_open, check_output_folder, held, look, printable, remove_abandoned
from deepsort_cli.core.images import sniff
from deepsort_cli.core.looks import ENROLLED, Features, normalise
from deepsort_cli.core.preprocess import Preprocess
from deepsort_cli.core.settings import Settings

KEY = "people"
"""The array that makes an archive a file of people."""
VERSION = 1
MOST_PEOPLE = 100_000
MOST_LOOKS = 500_000
"""Looks of all people: half a gigabyte at 512 dimensions."""
MOST_PICTURE_BYTES = 64_000
"""Size of one picture."""
MOST_BYTES = 1_500_000_000
"""Size of the file, packed or unpacked."""
LONGEST_NAME = 200
"""Characters of a name."""
_ARRAYS = {
    "look_person": ("iu", 1),
    "look_camera": ("i", 1),
    "features": ("f", 2),
    "pictures": ("u", 1),
    "picture_end": ("iu", 1),
}


class FeatureModel(Settings):
    """What made features: only those of the same model, shown the same way, can be compared."""

    name: str = Field("", description="Name of the Re-ID model.")
    sha256: str = Field("", description="SHA-256 of its file; empty where it is no file.")
    preprocess: Preprocess | None = Field(None, description="How crops are shown to it; null: unknown.")

    def __str__(self) -> str:
        return f"{self.name or 'an unknown model'}{f' (SHA-256 {self.sha256[:12]}…)' if self.sha256 else ''}"

    def difference(self, other: FeatureModel) -> str | None:
        """What keeps features of both from being compared, as a phrase; None where nothing is known to."""
        if (self.sha256, "" if self.sha256 else self.name) != (other.sha256, "" if other.sha256 else other.name):
            return "another model"
        shown = (self.preprocess, other.preprocess)
        return None if None in shown or shown[0] == shown[1] else "the same model, shown pictures in another way"


class PersonEntry(Settings):
    """What is known of a person beside looks and picture."""

    person: int = Field(ge=1, description="Number, the same in every run.")
    name: str = Field("", max_length=LONGEST_NAME, description="Name; empty: unknown.")
    first: float = Field(0.0, ge=0, le=1e11, description="When the person was first seen, in seconds since 1970 (UTC).")
    last: float = Field(0.0, ge=0, le=1e11, description="When last.")
    tracks: int = Field(0, ge=0, description="Tracks that were this person.")


class Header(Settings):
    """The JSON text of the file."""

    version: int = Field(VERSION, ge=1, description="Version of this format.")
    model: FeatureModel = Field(FeatureModel(), description="What made the features.")
    updated: float = Field(0.0, ge=0, le=1e11, description="When the file was written, in seconds since 1970 (UTC).")
    next_person: int = Field(1, ge=1, description="Number of the next new person; those forgotten are not given again.")
    cameras: tuple[str, ...] = Field((), description="Names of cameras.")
    people: tuple[PersonEntry, ...] = Field((), description="The people, in ascending order of their numbers.")


@dataclass(frozen=True)
class Person:
    """A person of a file.

    Attributes:
        number: the person's, from 1, the same in every run.
        name: empty where unknown.
        first, last: seconds since 1970 (UTC) when a run first and last saw the person; 0 for never.
        tracks: how many tracks were this person.
        features: (K, D) float32 looks of unit length.
        cameras: the camera of each look; `ENROLLED` of enrolled pictures.
        picture: a small JPEG; empty without.
    """

    number: int
    name: str = ""
    first: float = 0.0
    last: float = 0.0
    tracks: int = 0
    features: Features = field(default_factory=lambda: np.empty((0, 0), np.float32))
    cameras: tuple[str, ...] = ()
    picture: bytes = b""

    @property
    def enrolled(self) -> int:
        """How many looks come from enrolled pictures."""
        return self.cameras.count(ENROLLED)

    @property
    def seen_by(self) -> tuple[str, ...]:
        """The cameras that saw the person, by name."""
        return tuple(sorted(set(self.cameras) - {ENROLLED}))

    def __str__(self) -> str:
        return f"{self.number} ({self.name})" if self.name else str(self.number)


@dataclass(frozen=True)
class People:
    """What a file holds.

    Attributes:
        model: what made the features.
        people: in ascending order of their numbers.
        next_number: the first number that nobody has had.
        updated: seconds since 1970 (UTC) when the file was written.
    """

    model: FeatureModel
    people: tuple[Person, ...] = ()
    next_number: int = 1
    updated: float = 0.0

    def __len__(self) -> int:
        return len(self.people)

    def without(self, numbers: Collection[int]) -> People:
        """The same without these people; their numbers are not given again."""
        return replace(self, people=tuple(one for one in self.people if one.number not in numbers))

    def renamed(self, number: int, name: str) -> People:
        """The same, with another name for a person; empty: none."""
        return replace(
            self, people=tuple(replace(one, name=name) if one.number == number else one for one in self.people)
        )

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all; nobody but its owner can read a new one.

        Raises:
            RunError: the disk is full or read-only, or the folder cannot be written.
            ValueError: there is more than a file may hold.
        """
        if len(self.people) > MOST_PEOPLE or sum(len(one.features) for one in self.people) > MOST_LOOKS:
            raise ValueError(f"more than {MOST_PEOPLE:,} people, or {MOST_LOOKS:,} looks")
        cameras = sorted({camera for one in self.people for camera in one.cameras} - {ENROLLED})
        place = {ENROLLED: -1} | {camera: number for number, camera in enumerate(cameras)}
        header = Header(
            model=self.model,
            updated=self.updated,
            next_person=self.next_number,
            cameras=tuple(cameras),
            people=tuple(
                PersonEntry(person=one.number, name=one.name, first=one.first, last=one.last, tracks=one.tracks)
                for one in self.people
            ),
        )
        size = max((one.features.shape[1] for one in self.people), default=0)
        looks = [one.features for one in self.people if len(one.features)]
        arrays: dict[str, npt.NDArray[Any]] = {
            KEY: np.array(header.model_dump_json()),
            "look_person": np.repeat(
                np.array([one.number for one in self.people], np.int64), [len(one.features) for one in self.people]
            ),
            "look_camera": np.array([place[camera] for one in self.people for camera in one.cameras], np.int64),
            "features": np.concatenate([np.empty((0, size), np.float32), *looks]).astype(np.float16),
            "pictures": np.frombuffer(b"".join(one.picture for one in self.people), np.uint8),
            "picture_end": np.cumsum([len(one.picture) for one in self.people], dtype=np.int64),
        }
        with atomic_open(path, "wb", private=True, follow=True) as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type, unused-ignore]

    @classmethod
    def load(cls, path: Path, *, key: str) -> People:
        """Read such a file.

        Args:
            key: the setting the path was given with, for messages; empty: none.

        Raises:
            InputError: naming the file: it is missing, no such archive, too large, of a newer version, or holds what
                makes no sense.
        """
        where = f"`{key}` {path}" if key else str(path)
        remedy = " `across.people` of a run writes such files."
        if look(path, key=key) is None or not path.is_file():
            what = "a folder, not a file" if path.is_dir() else "no such file"
            raise InputError(f"{where}: {what}.{remedy}")
        _check_size(path, where)
        arrays = read_archive(path, where, remedy)
        if KEY not in arrays:
            raise InputError(f"{where}: a NumPy archive, but not of people.{remedy}")
        return _Reader(where, arrays).people()


@contextlib.contextmanager
def locked(path: Path, *, key: str, warn: Callable[[str], None]) -> Iterator[None]:
    """Nobody else changes the file of people at `path` while the block runs.

    What runs that were killed left beside it goes, as it may hold people who were forgotten meanwhile.

    Raises:
        InputError: another program is at work on it, or its folder cannot be written.
    """
    where = f"`{key}` {path}" if key else str(path)
    path = path.resolve()  # by whatever name it goes, it is one file
    check_output_folder(path.parent, key=key or "file")
    with contextlib.ExitStack() as stack:
        try:
            sure = stack.enter_context(held(path.with_name(f".{path.name}.lock")))
        except BlockingIOError:
            raise InputError(
                f"{where}: another run is at work on this file, and would undo what is done to it now. Wait for its "
                "end, or name another file."
            ) from None
        except OSError as error:
            raise InputError(f"{where}: cannot be locked ({error.strerror or error}). Choose another folder.") from None
        if not sure:
            warn(f"{where}: this file system cannot lock files. Let no two runs use it at a time.")
        remove_abandoned(path)
        yield


def clean_name(name: str) -> str:
    """A name as it is kept and shown: composed characters, no odd spaces, what cannot be shown escaped.

    Raises:
        ValueError: it is empty or too long, in words.
    """
    cleaned = printable(" ".join(unicodedata.normalize("NFC", name).split()))
    if not cleaned:
        raise ValueError("a name needs at least one character")
    if len(cleaned) > LONGEST_NAME:
        raise ValueError(f"a name has at most {LONGEST_NAME} characters, this one {len(cleaned)}")
    return cleaned


def _check_size(path: Path, where: str) -> None:
    """Refuse what would fill the memory, before anything is unpacked."""
    limit = f"at most {MOST_BYTES / 1e6:,.0f} MB"
    size = path.stat().st_size
    if zipfile.is_zipfile(path):
        with contextlib.suppress(zipfile.BadZipFile, OSError, ValueError), zipfile.ZipFile(path) as archive:
            size = max(size, sum(member.file_size for member in archive.infolist()))
    if size > MOST_BYTES:
        raise InputError(f"{where}: {size / 1e6:,.0f} MB, which is too large for a file of people ({limit}).")


@dataclass(frozen=True)
class _Reader:
    """Checks the arrays of an opened file."""

    where: str
    arrays: dict[str, npt.NDArray[Any]]

    def people(self) -> People:
        header = self._header()
        for name, (kinds, dimensions) in _ARRAYS.items():
            array = self.arrays.get(name)
            if array is None or array.ndim != dimensions or array.dtype.kind not in kinds:
                found = "is missing" if array is None else f"is {array.dtype} of shape {array.shape}"
                raise self._fault(f"the array `{name}` {found}")
        owner, camera = (self.arrays[name].astype(np.int64) for name in ("look_person", "look_camera"))
        features = self._features(len(owner), len(camera))
        numbers = [entry.person for entry in header.people]
        if numbers != sorted(set(numbers)) or (numbers and numbers[-1] >= header.next_person):
            raise self._fault("its people are not in ascending order of their numbers")
        if len(numbers) > MOST_PEOPLE or not np.isin(owner, numbers).all() or (np.diff(owner) < 0).any():
            raise self._fault("looks of people who are not in it")
        if ((camera < -1) | (camera >= len(header.cameras))).any():
            raise self._fault("looks of cameras that are not in it")
        named = (*map(printable, header.cameras), ENROLLED)
        pictures = self._pictures(len(numbers))
        bounds = np.searchsorted(owner, [*numbers, np.iinfo(np.int64).max])
        people = []
        for i, entry in enumerate(header.people):
            rows = slice(bounds[i], bounds[i + 1])
            seen = tuple(named[place] for place in camera[rows].tolist())
            about = entry.model_dump(exclude={"person", "name"})
            people.append(
                Person(
                    entry.person,
                    printable(entry.name),
                    **about,
                    features=features[rows],
                    cameras=seen,
                    picture=pictures[i],
                )
            )
        return People(header.model, tuple(people), header.next_person, header.updated)

    def _header(self) -> Header:
        array = self.arrays[KEY]
        if array.shape != () or array.dtype.kind != "U":
            raise self._fault(f"the array `{KEY}` is not one JSON text")
        try:
            values = json.loads(str(array))
        except (ValueError, RecursionError):
            raise self._fault(f"the array `{KEY}` is not valid JSON") from None
        version = values.get("version") if isinstance(values, dict) else None
        if not isinstance(version, int):
            raise self._fault(f"the array `{KEY}` is not a JSON object with a version")
        if version > VERSION:
            raise InputError(
                f"{self.where}: a file of people of format {version}; this program reads up to {VERSION}. Update it."
            )
        try:
            return Header(**values)
        except ValidationError as error:
            key, fault = first_fault(error, Header)
            raise self._fault(f"says {key}, which {fault}") from None

    def _features(self, owners: int, cameras: int) -> Features:
        features = self.arrays["features"]
        if not len(features) == owners == cameras or len(features) > MOST_LOOKS:
            raise self._fault("its looks and those whom they are of differ in number, or are too many")
        unit, usable = normalise(features.astype(np.float32))
        if not usable.all():
            raise self._fault("`features` that are not numbers, or zero")
        return unit

    def _pictures(self, count: int) -> list[bytes]:
        data, ends = self.arrays["pictures"], self.arrays["picture_end"].astype(np.int64)
        sizes = np.diff(ends, prepend=0)
        if len(ends) != count or (sizes < 0).any() or (sizes > MOST_PICTURE_BYTES).any() or sizes.sum() != len(data):
            raise self._fault("its pictures do not fit its people")
        content = data.astype(np.uint8).tobytes()
        pictures = [content[end - size : end] for end, size in zip(ends.tolist(), sizes.tolist(), strict=True)]
        if any(picture and sniff(picture) != "JPEG" for picture in pictures):
            raise self._fault("its pictures are not all JPEG")
        return pictures

    def _fault(self, what: str) -> InputError:
        return InputError(f"{self.where}: damaged: {what}. Restore a copy, or begin a new file.")
