"""By what results are known to be those of a video, of settings and of models."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import at_home, file_sha256
from deepsort_cli.perception.bundled import bundled_models
from deepsort_cli.perception.catalogue import find
from deepsort_cli.perception.model_names import no_such_model
from deepsort_cli.perception.settings import DetectorSettings, EmbedderSettings
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.workflows.archive.videos import Video
from deepsort_cli.workflows.track.parts import usual

NO_MATTER = (
    "source", "preset", "jobs", "archive", "runtime", "detector.model_path", "reid.model_path", "output.overwrite",
    "output.display", "input.newest", "input.reconnect_attempts", "input.reconnect_delay", "input.timeout", "serve",
    "across",
)  # fmt: skip
"""Keys and sections that change nothing about the results of a video, or are told apart by more than their words."""


@dataclass(frozen=True)
class Footprint:
    """What identifies the files of a source.

    Attributes:
        size: bytes in all.
        stamp: of their names, sizes and times of change; equal stamps are equal files, as `make` and `rsync` take it.
        content: SHA-256 of names and contents; empty where it was not computed.
    """

    size: int
    stamp: str
    content: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def footprint(video: Video) -> Footprint:
    """The footprint of a source's files as they are now, without reading them.

    Raises:
        OSError: one of them is not there any more.
    """
    size, digest = 0, hashlib.sha256()
    for path in video.files():
        status = path.stat()
        size += status.st_size
        digest.update(os.fsencode(f"{path.name}\0{status.st_size}\0{status.st_mtime_ns}\n"))
    return Footprint(size, digest.hexdigest())


def content(video: Video) -> str:
    """SHA-256 over the names and contents of a source's files, in hexadecimal.

    Raises:
        OSError: one of them cannot be read.
    """
    digest = hashlib.sha256()
    for path in video.files():
        digest.update(os.fsencode(f"{path.name}\0{file_sha256(path)}\n"))
    return digest.hexdigest()


def is_unchanged(video: Video, now: Footprint, recorded: Mapping[str, Any]) -> bool:
    """Whether a source's files are those of a record: by size and time of change, else by what is in them.

    Raises:
        OSError: they cannot be read.
    """
    if recorded.get("stamp") == now.stamp:
        return True
    return recorded.get("size") == now.size and recorded.get("content") == content(video)


def settings_that_matter(settings: TrackSettings, kind: str) -> dict[str, Any]:
    """Every setting that may change the results of a source, by dotted key, as JSON values.

    Args:
        kind: of the source; the demo's settings matter for the demo only.
    """
    left_out = NO_MATTER if kind == "demo" else (*NO_MATTER, "demo")
    return {
        key: value
        for key, value in _flat(settings.model_dump(mode="json"))
        if not any(key == name or key.startswith(f"{name}.") for name in left_out)
    }


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found = []
    for key, value in values.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{key}.")
        else:
            found.append((prefix + key, value))
    return found


def models_of(settings: TrackSettings) -> dict[str, str]:
    """Settings key of a model → SHA-256 of its file in hexadecimal; `hog` and `none` by name.

    Raises:
        InputError: there is no such model.
    """
    return {"detector.model_path": _detector(settings.detector), "reid.model_path": _embedder(settings.reid)}


def _detector(settings: DetectorSettings) -> str:
    chosen = usual(settings)
    if chosen.model_path is None or chosen.is_hog:
        return "hog"
    name = chosen.model_path
    path = at_home(name)
    if path.is_file():
        return file_sha256(path)
    model = find(name)
    if model is None:
        raise InputError(no_such_model(name, "detector"))
    return model.sha256


def _embedder(settings: EmbedderSettings) -> str:
    name = settings.model_path
    bundled = bundled_models()
    if name is None:
        return bundled[0].sha256 if bundled else "none"
    if name.lower() in ("none", ""):
        return "none"
    path = at_home(name)
    if path.is_file():
        return file_sha256(path)
    model = next((model for model in bundled if model.name == name), None) or find(name)
    if model is None:
        raise InputError(no_such_model(name, "reid"))
    return model.sha256
