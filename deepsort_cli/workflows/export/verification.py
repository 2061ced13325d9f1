"""The proof that an exported file computes what the network does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepsort_cli.core.embedder_metadata import EmbedderMetadata
from deepsort_cli.core.errors import DeepsortError, InputError, RunError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.preprocess import Float32Array, Preprocess
from deepsort_cli.core.types import Image
from deepsort_cli.perception.embedders import Embedder
from deepsort_cli.perception.runtime import open_session
from deepsort_cli.perception.settings import EmbedderSettings, RuntimeSettings
from deepsort_cli.reid.backbones import Backbone
from deepsort_cli.reid.extract import extract_features

BATCHES = (1, 2, 7, 32)
"""Numbers of crops at once with which a file is verified."""
MAX_DIFFERENCE = 1e-5
MIN_COSINE = 0.99999
CPU = RuntimeSettings(device="cpu")
"""Where files are verified: the device everybody has, and the one that computes in full float32."""


@dataclass(frozen=True)
class Check:
    """The exported float32 graph against PyTorch, at one batch size.

    Attributes:
        batch: crops at once.
        difference: largest absolute difference of two values.
        cosine: smallest cosine between two embeddings of a crop.
        length: largest difference of an embedding's length from 1, as the graph gives it.
    """

    batch: int
    difference: float
    cosine: float
    length: float

    @property
    def passed(self) -> bool:
        # Written so that NaN fails.
        return self.difference <= MAX_DIFFERENCE and self.cosine >= MIN_COSINE and self.length <= MAX_DIFFERENCE


def verify(
    path: Path,
    model: Backbone,
    preprocess: Preprocess,
    crops: Sequence[Image],
    listener: Listener | None = None,
) -> list[Check]:
    """Compare an ONNX embedder with PyTorch on the same crops, each preprocessed as its own side says.

    Args:
        preprocess: of the PyTorch model; the ONNX side reads its own from the file.
        listener: told of every `Check` as it is done, by `happened`.

    Raises:
        RunError: they differ by more than rounding, or the file does not run.
    """
    checks = []
    crops = crops[: max(BATCHES)]
    for batch in BATCHES:
        wanted = extract_features(model, crops, preprocess, batch_size=batch)
        embedder = open_exported(path, batch)
        try:
            got = embedder.embed_crops(crops)
        except DeepsortError as error:
            raise RunError(f"the exported file fails at batch {batch}: {error}") from error
        check = Check(batch, *_compare(got, wanted), _length_error(path, embedder.metadata, crops[:batch]))
        checks.append(check)
        if listener is not None:
            listener.happened(check)
    wrong = [check for check in checks if not check.passed]
    if wrong:
        shown = ", ".join(
            f"batch {c.batch}: difference {c.difference:.1e}, cosine {c.cosine:.6f}, length off by {c.length:.1e}"
            for c in wrong
        )
        raise RunError(
            f"verification failed, no file was written. ONNX Runtime and PyTorch disagree ({shown}; allowed "
            f"{MAX_DIFFERENCE:g} and {MIN_COSINE}). Try `export.simplify`=false or another `export.opset`; "
            "if the weights hold huge or "
            "NaN values, no export can be exact."
        )
    return checks


def open_exported(path: Path, batch: int = 32) -> Embedder:
    """The exported file, as the tracker opens it.

    Raises:
        RunError: it cannot be used.
    """
    try:
        return Embedder(open_session(path, CPU), EmbedderSettings(batch_size=batch))
    except InputError as error:  # our own file, so no fault of the user's
        raise RunError(f"the exported file cannot be used: {error}") from error


def _compare(got: Float32Array, wanted: Float32Array) -> tuple[float, float]:
    """Largest absolute difference, and smallest cosine between rows of unit length."""
    if got.shape != wanted.shape:
        raise RunError(f"the exported file gives embeddings {got.shape}, PyTorch {wanted.shape}.")
    cosines = np.sum(got.astype(np.float64) * wanted, axis=1)
    return float(np.abs(got - wanted).max()), float(cosines.min())


def _length_error(path: Path, metadata: EmbedderMetadata, crops: Sequence[Image]) -> float:
    """How far the graph's own embeddings are from length 1."""
    session = open_session(path, CPU)
    size = session.input_shape[0]
    if size is not None:
        crops = [crops[i % len(crops)] for i in range(size)]
    preprocess = metadata.preprocess
    [embeddings] = session.run(preprocess.batch(preprocess.resize_crops(crops)))
    return float(np.abs(np.linalg.norm(embeddings.astype(np.float64), axis=1) - 1).max())
