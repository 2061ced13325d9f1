"""`deepsort models` as library calls: what comes with the package, what can be fetched, what the cache holds."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.events import Listener, LoggingListener
from deepsort_cli.perception.bundled import BundledModel, bundled_models
from deepsort_cli.perception.catalogue import CATALOGUE, CatalogueModel
from deepsort_cli.perception.embedders import Embedder
from deepsort_cli.perception.runtime import open_session
from deepsort_cli.perception.settings import RuntimeSettings
from deepsort_cli.workflows.extraction import describe

Known = BundledModel | CatalogueModel


@dataclass(frozen=True)
class Fetched:
    """A model that is in the cache now, and whether it had to be fetched for that."""

    name: str
    path: Path
    fetched: bool


def models(
    name: str | Path | None = None, *, download: Sequence[str] = (), listener: Listener | None = None
) -> list[dict[str, Any]]:
    """Models as plain data: all that are known by name, or one, or what a model file is, as `deepsort models` shows.

    Args:
        name: of a model, or a file, an ONNX embedder or a checkpoint; None: all that are known.
        download: names to fetch into the cache first; what is there is left alone.
        listener: told how far a transfer is; None: remarks go to the logger `deepsort`.

    Raises:
        InputError: no model of this name, or nothing to fetch.
        RunError: a model cannot be fetched.
    """
    for _ in fetch(download, listener or LoggingListener()):
        pass
    if name is None:
        return [describe_known(model) for model in known_models()]
    return [describe(Path(name)) if Path(name).is_file() else describe_known(known(str(name)))]


def fetch(names: Sequence[str], listener: Listener) -> Iterator[Fetched]:
    """Fetch models into the cache one by one, checked by their SHA-256; what is there already is left alone.

    Raises:
        InputError, RunError: see `models`; a wrong name before anything is fetched.
    """
    wanted = [fetchable(name) for name in names]
    for model in wanted:
        held = model.cached() is not None

        def progress(done: int, total: int | None, model: CatalogueModel = model) -> None:
            listener.progress(model.name, done, total)

        path = model.obtain(listener.note, progress)
        listener.note(f"{model.name}: {'already in the cache' if held else 'fetched'}: {path}")
        yield Fetched(model.name, path, not held)


def place(name: str) -> Path:
    """The file of a model.

    Raises:
        InputError: no model of this name.
        RunError: it is not in the cache.
    """
    model = known(name)
    found = model.cached() if isinstance(model, CatalogueModel) else model.checked()
    if found is None:
        raise RunError(f"{name} is not in the cache. Get it with: deepsort models download {name}")
    return found


def add(name: str, file: Path, listener: Listener) -> Path:
    """Put a file brought by hand into the cache, if it is the published one.

    Raises:
        InputError: it is not, or nothing can be kept under this name.
    """
    path = fetchable(name).add(file)
    listener.note(f"{name}: in the cache: {path}")
    return path


def remove(names: Sequence[str], listener: Listener) -> list[tuple[CatalogueModel, bool]]:
    """Delete models from the cache; each with whether it was there.

    Raises:
        InputError: no such model, or a file cannot be deleted.
    """
    removed = []
    for model in [fetchable(name) for name in names]:
        there = model.path.exists()
        try:
            model.path.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"{model.path}: cannot be deleted ({error.strerror or error}).") from None
        listener.note(f"{model.name}: {'deleted' if there else 'is not in the cache'}: {model.path}")
        removed.append((model, there))
    return removed


def known_models() -> list[Known]:
    """All models that have a name, the bundled ones first."""
    return [*bundled_models(), *CATALOGUE]


def known(name: str) -> Known:
    """The bundled or fetchable model of this name.

    Raises:
        InputError: there is none; the message names the nearest.
    """
    models = known_models()
    found = next((model for model in models if model.name == name), None)
    if found is None:
        names = [model.name for model in models]
        near = difflib.get_close_matches(name, names, n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise InputError(f"{name}: no model of this name.{meant} Known: {', '.join(names)}.")
    return found


def fetchable(name: str) -> CatalogueModel:
    """The model of this name, where it is one to fetch.

    Raises:
        InputError: there is none, or it comes with the package.
    """
    model = known(name)
    if not isinstance(model, CatalogueModel):
        raise InputError(f"{name}: comes with the package; there is nothing to fetch or to delete.")
    return model


def describe_known(model: Known) -> dict[str, Any]:
    """What is known of a model, as plain data."""
    return _catalogued(model) if isinstance(model, CatalogueModel) else _bundled(model)


def _bundled(model: BundledModel) -> dict[str, Any]:
    path = model.checked()
    metadata = Embedder(open_session(path, RuntimeSettings(device="cpu"))).metadata
    return {
        "name": model.name,
        "task": "reid",
        "state": "bundled",
        "path": str(path),
        "bytes": path.stat().st_size,
        "sha256": model.sha256,
        "architecture": metadata.architecture,
        "embedding_size": metadata.embedding_size,
        "input": [metadata.height, metadata.width],
        "threshold": metadata.threshold,
        "training_data": metadata.training_data,
        "metrics": metadata.metrics,
        "license": metadata.license,
    }


def _catalogued(model: CatalogueModel) -> dict[str, Any]:
    held = model.cached()
    return {
        "name": model.name,
        "task": model.task,
        "state": "fetchable" if held is None else "cached",
        "path": None if held is None else str(held),
        "bytes": model.bytes,
        "sha256": model.sha256,
        "title": model.title,
        "input": model.input,
        "url": model.url,
        "license": model.licence,
        "license_source": model.licence_source,
        "checked": model.checked,
        "figures": model.figures,
        "start_score": None if model.scores is None else model.scores.start,
        "conf": None if model.scores is None else model.scores.keep,
    }
