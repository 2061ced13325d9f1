"""People known by name: their pictures read, embedded as crops of the run are, and compared with each other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepsort_cli.core.counted import counted
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.files import file_sha256, printable
from deepsort_cli.core.images import UnreadableImage, decode_image, read_file
from deepsort_cli.core.looks import Features, normalise
from deepsort_cli.core.people_file import FeatureModel
from deepsort_cli.core.types import Image
from deepsort_cli.data.known import KnownListing, described, list_known
from deepsort_cli.evaluation.enrolment import STRANGERS, Enrolment, calibrate
from deepsort_cli.perception.embedders import Embedder, open_embedder
from deepsort_cli.perception.functions import FunctionEmbedder
from deepsort_cli.perception.settings import EmbedderSettings, RuntimeSettings
from deepsort_cli.workflows.track.parts import Parts
from deepsort_cli.workflows.track.portraits import portrait

BATCH, BATCH_BYTES = 32, 50_000_000
"""Pictures embedded at once: so many, or fewer large ones."""
SHOWN = 5
"""People who look alike, and pictures in the wrong folder, that are named one by one."""
STAGE = "reading known people"
NO_FACES = (
    "people are told by their clothes and build, not by their faces: names hold for hours, not for days, and whoever "
    "dresses alike may get one. Where people are named, laws on personal data apply"
)

EmbedCrops = Callable[[list[Image]], Features]


@dataclass(frozen=True)
class Enrolled:
    """People who are known by name.

    Attributes:
        found: what is known of all of them together, and of those who were known before.
        names: who is in the folder.
        features: (n, D) of unit length for each.
        portraits: a small JPEG of each.
    """

    found: Enrolment
    names: tuple[str, ...]
    features: tuple[Features, ...]
    portraits: tuple[bytes, ...]


@dataclass(frozen=True)
class Appearance:
    """What makes the features of a run.

    Attributes:
        embed: BGR crops of any size → (N, D) features.
        model: which it is.
    """

    embed: EmbedCrops
    model: FeatureModel


def appearance_of(parts: Parts, reid: EmbedderSettings, runtime: RuntimeSettings, *, key: str) -> Appearance:
    """What makes features as those of the run are made.

    Args:
        key: the setting that needs them, for messages.

    Raises:
        InputError: the run has none, or it is not known what made them.
    """
    if not parts.brings_features:
        if parts.embedder is None:
            raise InputError(
                f"`{key}`: no appearance to go by, as there is no Re-ID model. Give one: `reid.model_path`=MODEL.onnx."
            )
        return Appearance(_embedding(parts.embedder), feature_model(parts, key=key))
    model = feature_model(parts, key=key)
    embedder = open_embedder(reid, runtime)
    if embedder is None or embedder.file is None or file_sha256(embedder.file) != model.sha256:
        raise InputError(
            f"`{key}`: the detections bring features of {model}, and the pictures of known people need that model as "
            "well. Name it, and give the source that was recorded: `reid.model_path`=MODEL.onnx `source`=VIDEO."
        )
    return Appearance(_embedding(embedder), model)


def feature_model(parts: Parts, *, key: str) -> FeatureModel:
    """Which model makes the features of a run.

    Raises:
        InputError: nothing does, or nobody knows what did.
    """
    embedder = parts.embedder
    if parts.brings_features:
        origin = None if parts.stored is None or parts.stored.recording is None else parts.stored.recording.origin
        if origin is None or origin.embedder is None:
            raise InputError(
                f"`{key}`: the detections bring features, and nobody knows of which model. Name one to use instead: "
                "`reid.model_path`=MODEL.onnx."
            )
        return FeatureModel(name=origin.embedder, sha256=origin.embedder_sha256)
    if embedder is None:
        raise InputError(
            f"`{key}`: no appearance to go by, as there is no Re-ID model. Give one: `reid.model_path`=MODEL.onnx."
        )
    if isinstance(embedder, FunctionEmbedder) or embedder.file is None:
        return FeatureModel(name=embedder.name)
    return FeatureModel(name=embedder.name, sha256=file_sha256(embedder.file), preprocess=embedder.metadata.preprocess)


def _embedding(embedder: Embedder | FunctionEmbedder) -> EmbedCrops:
    if isinstance(embedder, Embedder):
        return embedder.embed_crops
    function = embedder

    def embed(crops: list[Image]) -> Features:
        whole = [np.array([[0.0, 0.0, crop.shape[1], crop.shape[0]]]) for crop in crops]
        return np.concatenate([function(crop, box) for crop, box in zip(crops, whole, strict=True)])

    return embed


def enrol(
    root: Path,
    embed: EmbedCrops,
    usual: float,
    listener: Listener,
    *,
    also: Mapping[str, Features] | None = None,
    key: str = "across.known",
) -> Enrolled:
    """Read and embed the people of a folder, and find how near one has to be to be one of them.

    What is not used, and who looks too much like somebody else, is told the listener as warnings.

    Args:
        root: holds a folder with pictures for each person.
        embed: BGR crops → features.
        usual: the threshold of the Re-ID model.
        also: looks of people known from elsewhere, by name; where the folder has one of them, its pictures count.
        key: the setting the folder was given with, for messages.

    Raises:
        InputError: no such folder, or nobody in it can be used.
    """
    listing = list_known(root, key=key)
    for remark in listing.remarks():
        listener.warn(f"`{key}` {root}: {remark}")
    reading = _Reading(listing, f"`{key}` {root}", listener)
    people = reading.people(embed)
    if not people:
        raise InputError(f"`{key}` {root}: no picture can be used. Give whole pictures of one person each.")
    names = tuple(people)
    everybody = {**(also or {}), **{name: people[name].features for name in names}}
    found = calibrate(tuple(everybody), list(everybody.values()), usual)
    _tell(root, found, people, listener, key)
    features, portraits = zip(*((people[name].features, people[name].portrait) for name in names), strict=True)
    return Enrolled(found, names, features, portraits)


@dataclass(frozen=True)
class _Read:
    """The usable pictures of one person."""

    paths: tuple[str, ...]
    features: Features
    portrait: bytes


class _Reading:
    """Reads the pictures of a listing, and says which cannot be used."""

    def __init__(self, listing: KnownListing, where: str, listener: Listener) -> None:
        self._listing, self._where, self._listener = listing, where, listener
        self._total = sum(len(person.pictures) for person in listing.people)
        self._done = 0
        self._wide: list[str] = []
        self._twice: list[str] = []

    def people(self, embed: EmbedCrops) -> dict[str, _Read]:
        """Those with a usable picture, by name."""
        shared = self._shared()
        found = {}
        for person in self._listing.people:
            read = self._person([path for path in person.pictures if path not in shared], embed)
            if read is None:
                self._listener.warn(
                    f"{self._where}: {person.name} is left out, as no picture of {printable(person.folder)} can be "
                    "used. Give other pictures."
                )
            else:
                found[person.name] = read
        if self._twice:
            self._listener.note(f"{self._where}: {described(self._twice)}: the same pictures again, used once.")
        if self._wide:
            self._listener.warn(
                f"{self._where}: {described(self._wide)}: wider than high. Known people are given as crops, one "
                "person from head to foot: cut them out (`output.save_crops` does that for tracks)."
            )
        self._listener.progress(STAGE, self._total, self._total)
        return found

    def _shared(self) -> set[str]:
        """Pictures that lie in the folders of two people: nobody knows whose they are."""
        owners: dict[str, tuple[str, str]] = {}
        shared: dict[str, str] = {}
        for person in self._listing.people:
            for path in person.pictures:
                try:
                    digest = hashlib.sha256(read_file(self._listing.root / path)).hexdigest()
                except (OSError, OverflowError):
                    continue  # said when it is to be used
                name, first = owners.setdefault(digest, (person.name, path))
                if name != person.name:
                    shared[first], shared[path] = path, first
        if shared:
            pairs = sorted({tuple(sorted(pair)) for pair in shared.items()})
            shown = described([f"{one} and {other}" for one, other in pairs])
            self._listener.warn(
                f"{self._where}: {shown}: the same picture for two people, used for neither. Leave it in the folder "
                "of the right one."
            )
        return set(shared)

    def _person(self, paths: list[str], embed: EmbedCrops) -> _Read | None:
        used: list[str] = []
        parts: list[Features] = []
        small = b""
        for batch in self._batches(paths):
            unit, usable = normalise(embed([image for _, image in batch]))
            parts.append(unit[usable].astype(np.float32))
            used += [path for (path, _), known in zip(batch, usable.tolist(), strict=True) if known]
            small = small or next(
                (portrait(image) for (_, image), known in zip(batch, usable, strict=True) if known), b""
            )
        return _Read(tuple(used), np.concatenate(parts), small) if used else None

    def _batches(self, paths: list[str]) -> Iterator[list[tuple[str, Image]]]:
        """The pictures that can be read, each once, a few at a time."""
        seen: set[str] = set()
        batch: list[tuple[str, Image]] = []
        for path in paths:
            self._listener.progress(STAGE, self._done, self._total)
            self._done += 1
            image = self._image(path, seen)
            if image is not None:
                batch.append((path, image))
            if len(batch) == BATCH or sum(image.size for _, image in batch) > BATCH_BYTES:
                yield batch
                batch = []
        if batch:
            yield batch

    def _image(self, path: str, seen: set[str]) -> Image | None:
        try:
            data = read_file(self._listing.root / path)
            digest = hashlib.sha256(data).hexdigest()
            if digest in seen:
                self._twice.append(path)
                return None
            seen.add(digest)
            image = decode_image(data)
        except OverflowError as problem:
            reason = f"{problem} are too large for a picture"
        except OSError as problem:
            reason = f"cannot be read ({problem.strerror or problem})"
        except UnreadableImage as problem:
            reason = str(problem)
        else:
            if image.shape[1] > image.shape[0]:
                self._wide.append(path)
            return image
        self._listener.warn(f"{self._where}: {printable(path)} is not used: {reason}. Replace or remove it.")
        return None


def _tell(root: Path, found: Enrolment, people: dict[str, _Read], listener: Listener, key: str) -> None:
    """What came of it: how many, how near, how sure, and who looks too much like whom."""
    listener.note(f"{summary(found)} {expected(found)}")
    listener.note(NO_FACES)
    if found.strangers is not None and found.strangers > 3 * STRANGERS:
        listener.warn(
            f"`{key}` {root}: these people look so alike to the Re-ID model that no distance keeps strangers out. Do "
            "not trust the names."
        )
    single = [name for name, read in people.items() if len(read.features) == 1]
    if single:
        listener.warn(
            f"`{key}` {root}: {described(single)}: one picture only, which shows one side and one light. Give three or "
            "more, from different sides."
        )
    for one in found.alike[:SHOWN]:
        listener.warn(
            f"{one.first} and {one.second} look alike (distance {one.distance:.2f}, people are told apart from "
            f"{found.threshold:g} on): their names will be mixed up."
        )
    if len(found.alike) > SHOWN:
        listener.warn(f"{counted(len(found.alike) - SHOWN, 'more pair')} of known people look alike.")
    for mistake in [one for one in found.misplaced if one.name in people][:SHOWN]:
        listener.warn(
            f"`{key}` {root}: {printable(people[mistake.name].paths[mistake.picture])} looks more like {mistake.other} "
            f"({mistake.other_distance:.2f}) than like the other pictures of {mistake.name} ({mistake.distance:.2f}). "
            "Is it in the right folder?"
        )


def summary(found: Enrolment) -> str:
    """How many people there are, and how near one has to be: a sentence or two."""
    who = counted(len(found.names), "known person", "known people")
    pictures = counted(sum(found.pictures), "picture")
    if found.calibrated:
        how = f"found from their pictures; the model's own is {found.usual:g}"
    elif len(found.names) < 3:
        how = "the model's own, as so few people say nothing about strangers"
    else:
        how = "the model's own, as their pictures do not differ"
    return f"{who}, {pictures}: a track within a distance of {found.threshold:g} gets a name ({how})."


def expected(found: Enrolment) -> str:
    """How often names will be wrong or missing, as far as the pictures tell."""
    if found.strangers is None:
        wrong = "How many strangers will get a name cannot be said."
    else:
        about = "Less than 1 %" if 0 < found.strangers < 0.01 else f"About {_percent(found.strangers)}"
        wrong = f"{about} of strangers will get one."
    if found.missed is None:
        return f"{wrong} How many known people will be missed cannot be said: nobody has two pictures."
    return (
        f"{wrong} {_percent(found.missed)} of {counted(found.compared, 'picture')} are further than that from the "
        "others of their person; other cameras and another light will miss more."
    )


def _percent(share: float) -> str:
    return "less than 1 %" if 0 < share < 0.01 else f"{100 * share:.0f} %"
