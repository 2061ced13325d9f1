"""What an exported file costs and gives: the loss of lower precision, retrieval figures, milliseconds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from deepsort_cli.core.cpus import available_cpus
from deepsort_cli.core.errors import RunError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.preprocess import Preprocess
from deepsort_cli.core.types import Image
from deepsort_cli.evaluation.evaluate import Evaluation
from deepsort_cli.evaluation.health import fault_of
from deepsort_cli.evaluation.protocol import EvaluationData
from deepsort_cli.evaluation.settings import EvaluationSettings, ExtractionSettings
from deepsort_cli.reid.backbones import Backbone
from deepsort_cli.reid.extract import extract_features
from deepsort_cli.workflows.evaluate import evaluate_model
from deepsort_cli.workflows.export.verification import open_exported
from deepsort_cli.workflows.extraction import Extractor

TIMED_BATCHES = (1, 8, 32)
TIMED_SECONDS = 1.0
"""How long each of the two programs is timed per batch size."""


@dataclass(frozen=True)
class LostPrecision:
    """What lower precision costs.

    Attributes:
        mean_cosine, min_cosine: between the embeddings of a crop before and after.
        crops: how many were compared.
        mAP_before, mAP_after: fractions; None without a query and a gallery.
    """

    mean_cosine: float
    min_cosine: float
    crops: int
    mAP_before: float | None = None
    mAP_after: float | None = None


@dataclass(frozen=True)
class Timing:
    """Median milliseconds per batch, preprocessing included: the exported file and PyTorch, measured in turns."""

    batch: int
    onnx: float
    pytorch: float


def measure_loss(path: Path, model: Backbone, preprocess: Preprocess, crops: Sequence[Image]) -> LostPrecision:
    """What lower precision changes in the embeddings of the same crops.

    Raises:
        RunError: the embeddings say nothing any more.
    """
    wanted = extract_features(model, crops, preprocess)
    got = open_exported(path).embed_crops(crops)
    fault = fault_of(got)
    if fault is not None:
        raise RunError(
            f"at this precision the model is broken: {fault}. No file was written. Export without `export.half` and "
            "`export.int8`."
        )
    cosines = np.sum(got.astype(np.float64) * wanted, axis=1)
    return LostPrecision(float(cosines.mean()), float(cosines.min()), len(crops))


def measure(path: Path, images: EvaluationData, listener: Listener) -> Evaluation:
    """The exported file on query and gallery, as `deepsort eval` would; without intervals."""
    embedder = open_exported(path)
    extractor = Extractor(
        path,
        lambda crops: embedder.embed_crops(list(crops)),
        embedder.metadata.preprocess,
        embedder.embedding_size,
        "",
    )
    return evaluate_model(extractor, images, EvaluationSettings(bootstrap=0), ExtractionSettings(), listener, path.stem)


def benchmark(
    path: Path, model: Backbone, preprocess: Preprocess, crops: Sequence[Image], fixed: int | None
) -> list[Timing]:
    """The file beside PyTorch, at the batch size it is made for or at some."""
    threads = torch.get_num_threads()
    torch.set_num_threads(available_cpus())  # as many as ONNX Runtime takes
    try:
        timings = []
        for batch in (fixed,) if fixed else TIMED_BATCHES:
            part = [crops[i % len(crops)] for i in range(batch)]
            embedder = open_exported(path, batch)
            onnx, pytorch = _in_turns(
                lambda embedder=embedder, part=part: embedder.embed_crops(part),  # type: ignore[misc]
                lambda part=part, batch=batch: extract_features(model, part, preprocess, batch_size=batch),  # type: ignore[misc]
            )
            timings.append(Timing(batch, onnx, pytorch))
        return timings
    finally:
        torch.set_num_threads(threads)


def _in_turns(*programs: Callable[[], object]) -> list[float]:
    """Median milliseconds of each program; run in turns, so that other load on the machine hits all alike."""
    for program in programs:
        program()
    taken: list[list[float]] = [[] for _ in programs]
    while sum(map(sum, taken)) < TIMED_SECONDS * len(programs) or len(taken[0]) < 5:
        for program, seconds in zip(programs, taken, strict=True):
            begin = time.perf_counter()
            program()
            seconds.append(time.perf_counter() - begin)
    return [1000 * statistics.median(seconds) for seconds in taken]
