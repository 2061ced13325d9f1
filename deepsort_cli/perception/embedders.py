"""Appearance embedders: callables from an image and boxes to unit-length features."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.counted import counted
from deepsort_cli.core.embedder_metadata import PREFIX, EmbedderMetadata
from deepsort_cli.core.errors import DeepsortError, InputError, RunError
from deepsort_cli.core.looks import measured
from deepsort_cli.core.types import FloatArray, Image
from deepsort_cli.perception.bundled import bundled_model, model_file
from deepsort_cli.perception.features import as_rows, choose_output, faults, probe_crops
from deepsort_cli.perception.model_names import located
from deepsort_cli.perception.runtime import Session, open_session
from deepsort_cli.perception.settings import EmbedderSettings, RuntimeSettings, normalisation

Features = npt.NDArray[np.float32]

USUAL_SIZES = ((384, 128), (224, 224), (128, 64), (256, 256), (384, 192), (160, 64))
"""(height, width) of crops beside 256×128 that Re-ID models are made for."""


def open_embedder(
    settings: EmbedderSettings | None = None,
    runtime: RuntimeSettings | None = None,
    warn: Callable[[str], None] = lambda message: None,
) -> Embedder | None:
    """The embedder the settings name; None where tracking goes by motion and overlap only.

    Args:
        warn: takes what speaks against the model, though it can be used.

    Raises:
        InputError: the model cannot be used.
    """
    settings = settings or EmbedderSettings()
    path = resolve_model(settings)
    return None if path is None else Embedder(open_session(path, runtime), settings, warn)


def resolve_model(settings: EmbedderSettings) -> Path | None:
    """The model file the settings name; without one the bundled model.

    Raises:
        InputError: there is no such model.
        RunError: the bundled model is damaged, or a model of the catalogue cannot be fetched.
    """
    name = settings.model_path
    if name is None:
        return bundled_model()
    if name.lower() in ("none", ""):
        return None
    found = model_file(name)
    return found if found.is_file() else located(name, "reid")


class Embedder:
    """A Re-ID model: crops in, unit-length embeddings out. May be called from several threads at once.

    Attributes:
        name: the model's file name.
        file: the model's file.
        metadata: what the model says about itself, completed from its graph.
        embedding_size: length of an embedding.
        threshold: recommended max_cosine_distance, or None where the model does not say.
        device: where the network runs, for example cpu.

    Raises:
        InputError: the model is no embedder, or its metadata makes no sense.
    """

    def __init__(
        self,
        session: Session,
        settings: EmbedderSettings | None = None,
        warn: Callable[[str], None] = lambda message: None,
    ) -> None:
        settings = settings or EmbedderSettings()
        self.name = session.path.name
        self.file: Path | None = session.path
        self.device = session.device
        self._session = session
        batch, _, height, width = session.input_shape
        self._fixed_batch = batch or (settings.batch_size if session.compiles_shapes else None)
        self._batch_size = batch or settings.batch_size
        try:
            metadata = EmbedderMetadata.from_props(session.metadata)
            # The graph knows best: it accepts no other size than its own.
            size = {"height": height or metadata.height, "width": width or metadata.width}
            metadata = metadata.model_copy(update=size | _normalisation(metadata, settings, session.takes_bytes))
            # One run shows the real outputs, and warms the network up. Two crops, because some exports fix the batch.
            count = min(2, self._batch_size)
            fixed = height is not None or width is not None or f"{PREFIX}height" in session.metadata
            metadata, outputs = self._first_run(metadata, count, fixed=fixed)
            crops = probe_crops(metadata.height, metadata.width)
            self._output = choose_output(session.output_names, outputs, count, settings.output, metadata.embedding_size)
            output = np.concatenate([self._forward(crops[i : i + count]) for i in range(0, 2, count)])
            fault = faults(self.name, session.output_names[self._output], output)
        except DeepsortError as error:
            raise InputError(f"{session.path}: {error}") from None
        if fault is not None:
            warn(fault)
        self._warn, self.told = warn, threading.Event()
        self.embedding_size = int(output.shape[1])
        self.metadata = metadata.model_copy(update={"embedding_size": self.embedding_size})
        self.threshold = metadata.threshold

    def __call__(self, image: Image, boxes: FloatArray) -> Features:
        """Embeddings of boxes in one image.

        Args:
            image: (H, W, 3) uint8 BGR.
            boxes: (N, 4) x1 y1 x2 y2 in pixels.

        Returns:
            (N, D) float32, unit length. Rows of boxes that cover nothing of the image are NaN: appearance unknown.
        """
        crops, visible = self._preprocess.crop(image, boxes)
        if visible.all():
            return self._embed(crops)
        features = np.full((len(crops), self.embedding_size), np.nan, dtype=np.float32)
        features[visible] = self._embed(crops[visible])
        return features

    def embed_crops(self, crops: Sequence[Image]) -> Features:
        """(N, D) float32 unit-length embeddings of BGR crops of any size."""
        return self._embed(self._preprocess.resize_crops(crops))

    def _embed(self, crops: Image) -> Features:
        if len(crops) == 0:
            return np.empty((0, self.embedding_size), dtype=np.float32)
        parts = [self._forward(crops[i : i + self._batch_size]) for i in range(0, len(crops), self._batch_size)]
        features = parts[0] if len(parts) == 1 else np.concatenate(parts)
        features, lengths = measured(features)
        norms = lengths[:, None]
        # A zero embedding has no direction, nor has one that is no number: NaN, appearance unknown.
        finite = np.isfinite(norms)
        if not finite.all():
            self._tell_broken(int(np.count_nonzero(~finite)), len(crops))
        unit: Features = np.divide(features, norms, out=np.full_like(features, np.nan), where=(norms > 0) & finite)
        return unit

    def _tell_broken(self, broken: int, count: int) -> None:
        """Say once that the network gives no numbers for some crops."""
        if not self.told.is_set():
            self.told.set()
            self._warn(
                f"{self.name}: {broken} of {counted(count, 'crop')} came out as no numbers (NaN or infinite), and more "
                "may: their appearance is unknown. The model is broken, or overflows in half precision: export it "
                "again, in float32."
            )

    def _first_run(
        self, metadata: EmbedderMetadata, count: int, *, fixed: bool
    ) -> tuple[EmbedderMetadata, list[Features]]:
        """The metadata with a size that the model can be run at, and its outputs for `count` crops of it.

        Models that say that they take any size may hold one inside: where the usual one fails, others are tried.

        Raises:
            RunError: it fails at all of them, as at the first.
        """
        sizes = [(metadata.height, metadata.width), *(() if fixed else USUAL_SIZES)]
        first: RunError | None = None
        for height, width in sizes:
            metadata = metadata.model_copy(update={"height": height, "width": width})
            self._preprocess = metadata.preprocess
            try:
                return metadata, self._run(probe_crops(height, width)[:count])
            except RunError as error:
                first = first or error
        raise first or RunError("no input size to run it at")

    def _forward(self, crops: Image) -> Features:
        """Raw embeddings of at most one batch."""
        rows = as_rows(self._run(crops)[self._output], len(crops))
        if rows is None:
            raise RunError(f"{self._session.path}: gave no embedding for each of {counted(len(crops), 'crop')}.")
        return rows

    def _run(self, crops: Image) -> list[Features]:
        """All outputs for at most one batch; a network that should keep to one shape gets zeros to fill it."""
        count = len(crops)
        batch = self._preprocess.batch(crops)
        if self._fixed_batch is not None and count < self._fixed_batch:
            batch = np.concatenate([batch, np.zeros((self._fixed_batch - count, *batch.shape[1:]), dtype=np.float32)])
        return self._session.run(batch)


def _normalisation(metadata: EmbedderMetadata, settings: EmbedderSettings, takes_bytes: bool) -> dict[str, object]:
    """Mean, deviation (of pixels in 0-1) and channel order, where the settings or the input's type overrule the model.

    Raises:
        InputError: a mean, deviation or scale is given for a model that takes whole numbers.
    """
    given = [name for name in ("scale", "mean", "std") if getattr(settings, name) is not None]
    order: dict[str, object] = {} if settings.color is None else {"channel_order": settings.color}
    if takes_bytes:
        if given:
            raise InputError(
                f"`reid.{given[0]}`: it takes pixels as bytes (uint8) and normalises inside. Leave them out."
            )
        return order | {"mean": (0.0,) * 3, "std": (1 / 255,) * 3}
    if not given:
        return order
    usual = tuple(255 * value for value in metadata.mean), tuple(255 * value for value in metadata.std)
    mean, std = normalisation(settings.scale, settings.mean, settings.std, usual)
    return order | {"mean": tuple(value / 255 for value in mean), "std": tuple(value / 255 for value in std)}
