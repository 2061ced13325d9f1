"""Appearance embedders: callables from an image and boxes to unit-length features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.embedder_metadata import EmbedderMetadata
from deepsort_cli.core.errors import DeepsortError, InputError
from deepsort_cli.core.types import FloatArray, Image
from deepsort_cli.perception.bundled import bundled_model, model_file
from deepsort_cli.perception.catalogue import located
from deepsort_cli.perception.runtime import Session, open_session
from deepsort_cli.perception.settings import EmbedderSettings, RuntimeSettings

Features = npt.NDArray[np.float32]


def open_embedder(settings: EmbedderSettings | None = None, runtime: RuntimeSettings | None = None) -> Embedder | None:
    """The embedder the settings name; None where tracking goes by motion and overlap only.

    Raises:
        InputError: the model cannot be used.
    """
    settings = settings or EmbedderSettings()
    path = resolve_model(settings)
    return None if path is None else Embedder(open_session(path, runtime), settings.batch_size)


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
    return found if found.exists() else located(name, "reid")


class Embedder:
    """A Re-ID model: crops in, unit-length embeddings out. May be called from several threads at once.

    Attributes:
        name: the model's file name.
        metadata: what the model says about itself, completed from its graph.
        feature_size: length of an embedding.
        threshold: recommended max_cosine_distance, or None where the model does not say.
        device: where the network runs, for example cpu.

    Raises:
        InputError: the model is no embedder, or its metadata makes no sense.
    """

    def __init__(self, session: Session, batch_size: int = 32) -> None:
        self.name = session.path.name
        self.device = session.device
        self._session = session
        batch, _, height, width = session.input_shape
        self._fixed_batch = batch or (batch_size if session.compiles_shapes else None)
        self._batch_size = batch or batch_size
        try:
            metadata = EmbedderMetadata.from_props(session.metadata)
            # The graph knows best: it accepts no other size than its own.
            size = {"height": height or metadata.height, "width": width or metadata.width}
            metadata = metadata.model_copy(update=size)
            self._preprocess = metadata.preprocess
            # One run shows the real output, and warms the network up. Two crops, because some exports fix the batch.
            count = min(2, self._batch_size)
            output = self._forward(np.zeros((count, metadata.height, metadata.width, 3), dtype=np.uint8))
        except DeepsortError as error:
            raise InputError(f"{session.path}: {error}") from None
        if output.ndim != 2 or len(output) != count or output.shape[1] < 2:
            raise InputError(
                f"{session.path}: its output {output.shape} is not one embedding per crop, ({count}, D). "
                f"Give a Re-ID model exported without its classifier; a detector belongs to --detector."
            )
        self.feature_size = int(output.shape[1])
        self.metadata = metadata.model_copy(update={"embedding_size": self.feature_size})
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
        features = np.full((len(crops), self.feature_size), np.nan, dtype=np.float32)
        features[visible] = self._embed(crops[visible])
        return features

    def embed_crops(self, crops: Sequence[Image]) -> Features:
        """(N, D) float32 unit-length embeddings of BGR crops of any size."""
        return self._embed(self._preprocess.resize_crops(crops))

    def _embed(self, crops: Image) -> Features:
        if len(crops) == 0:
            return np.empty((0, self.feature_size), dtype=np.float32)
        parts = [self._forward(crops[i : i + self._batch_size]) for i in range(0, len(crops), self._batch_size)]
        features = parts[0] if len(parts) == 1 else np.concatenate(parts)
        norms = np.linalg.norm(features, axis=1, keepdims=True)
        # A zero embedding has no direction: NaN, appearance unknown.
        unit: Features = np.divide(features, norms, out=np.full_like(features, np.nan), where=norms > 0)
        return unit

    def _forward(self, crops: Image) -> Features:
        """Raw outputs of at most one batch; a model of fixed batch gets zeros to fill it."""
        count = len(crops)
        batch = self._preprocess.batch(crops)
        if self._fixed_batch is not None and count < self._fixed_batch:
            batch = np.concatenate([batch, np.zeros((self._fixed_batch - count, *batch.shape[1:]), dtype=np.float32)])
        outputs = self._session.run(batch)
        # Some exports give feature maps beside the embedding.
        output = next((candidate for candidate in outputs if candidate.ndim == 2), outputs[0])
        if output.ndim == 4 and output.shape[2:] == (1, 1):
            output = output[:, :, 0, 0]  # straight from global pooling
        return output[:count]
