"""From image files to embeddings with any Re-ID model: ONNX through ONNX Runtime, checkpoints through PyTorch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.embedder_metadata import EmbedderMetadata
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.extras import install
from deepsort_cli.core.files import file_sha256
from deepsort_cli.core.images import read_image
from deepsort_cli.core.model_files import model_kind
from deepsort_cli.core.preprocess import Preprocess
from deepsort_cli.core.types import Image
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.evaluation.ranking import normalised
from deepsort_cli.perception.settings import EmbedderReading, EmbedderSettings, RuntimeSettings
from deepsort_cli.workflows.evaluation_data import Learned

Features = npt.NDArray[np.float32]
STATES = {
    "untrained": "the weights are untrained: it was exported from the random numbers at the start of a training",
    "interrupted": "it was exported from a training that was not finished",
}
"""What the metadata of an exported model says of its training, in words."""
READERS = 2
"""Threads that read, decode and resize; one network keeps fewer busy than that."""
AHEAD = 4
"""Batches that may wait for the network."""


@dataclass(frozen=True)
class Extractor:
    """A Re-ID model ready to use.

    Attributes:
        path: the model file.
        embed: (N, height, width, 3) uint8 BGR crops → (N, D) float32 unit-length embeddings.
        preprocess: how crops are resized for it.
        embedding_size: D.
        sha256: of the file.
        origin: who says what the input is to be.
        remarks: what to know before using it, sentences without a full stop: untrained, not finished, ….
        facts: what else the file says: architecture, training_state, threshold, training_data, metrics, license.
        learned: whom it learned from, where the file says so.
    """

    path: Path
    embed: Callable[[Image], Features]
    preprocess: Preprocess
    embedding_size: int
    sha256: str
    origin: str = ""
    remarks: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    learned: Learned | None = None


def describe(path: Path) -> dict[str, Any]:
    """What a Re-ID model is, ONNX or checkpoint, as plain data.

    Raises:
        InputError: as `open_extractor`.
    """
    found = open_extractor(path, RuntimeSettings(device="cpu"), batch_size=2)
    return {
        "path": str(path),
        "bytes": path.stat().st_size,
        "sha256": found.sha256,
        **found.facts,
        "embedding_size": found.embedding_size,
        "input": {**found.preprocess.model_dump(mode="json"), "origin": found.origin},
        "remarks": list(found.remarks),
    }


def open_extractor(
    path: Path, runtime: RuntimeSettings | None = None, batch_size: int = 32, reading: EmbedderReading | None = None
) -> Extractor:
    """Open a Re-ID model: an ONNX file, or a checkpoint of any program. Only those need PyTorch.

    Args:
        reading: how an ONNX file is read where it does not say; None: as by default. A checkpoint says it itself.

    Raises:
        InputError: the file is no usable Re-ID model, PyTorch is missing, or the device is.
    """
    runtime, reading = runtime or RuntimeSettings(), reading or EmbedderReading()
    kind = model_kind(path, "a Re-ID model (ONNX or a PyTorch checkpoint)")
    if kind not in ("onnx", "unknown"):
        found = _open_checkpoint(path, runtime, batch_size)
        if reading == EmbedderReading():
            return found
        unused = "it is read as checkpoints are; what `reid` says is of ONNX models"
        return replace(found, remarks=(*found.remarks, unused))

    from deepsort_cli.perception.embedders import open_embedder

    try:
        settings = EmbedderSettings(model_path=str(path), batch_size=batch_size, **reading.model_dump())
        embedder = open_embedder(settings, runtime)
    except InputError as error:
        if kind == "onnx" or "not a valid ONNX" not in str(error):
            raise
        raise InputError(
            f"{path}: neither an ONNX model nor a PyTorch checkpoint, or damaged. Copy or download it again."
        ) from None
    if embedder is None:
        raise InputError(f"{path}: no model. Give a Re-ID .onnx file or a .pth checkpoint.")
    metadata = embedder.metadata

    def embed(crops: Image) -> Features:
        return embedder.embed_crops(list(crops))

    state = metadata.training_state
    remarks = (STATES[state],) if state in STATES else ()
    names = ("architecture", "training_state", "threshold", "training_data", "metrics", "license")
    facts = {"format": "ONNX", **{name: getattr(metadata, name) for name in names}}
    sha256 = file_sha256(path)
    origin = _origin(metadata)
    given = [f"reid.{name}" for name in ("scale", "mean", "std", "color") if getattr(reading, name) is not None]
    if given:
        origin += f", but for {', '.join(given)} of the settings"
    learned = Learned(metadata.training_fingerprint) if metadata.training_fingerprint else None
    return Extractor(path, embed, metadata.preprocess, embedder.embedding_size, sha256, origin, remarks, facts, learned)


def _origin(metadata: EmbedderMetadata) -> str:
    """Who says what the input of an ONNX model is; its height and width may be its graph's."""
    said = {"mean", "std", "channel_order"} & metadata.model_fields_set
    if len(said) == 3:
        return "from the model's metadata"
    missing = ", ".join(name.replace("_", " ") for name in ("mean", "std", "channel_order") if name not in said)
    return f"{missing} are assumed, the file does not say"


def extract(
    images: Manifest,
    extractor: Extractor,
    *,
    batch_size: int = 32,
    flip: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> Features:
    """Embeddings of all images of a dataset, (N, D) float32 of unit length, in its order.

    Args:
        flip: average the embeddings of each image and its mirror image.
        on_progress: called with the number of images done.

    Raises:
        InputError: an image cannot be read.
    """

    def read(i: int) -> Image:
        return read_image(images.file(i))

    return embed_all(len(images), read, extractor, batch_size=batch_size, flip=flip, on_progress=on_progress)


def embed_all(
    count: int,
    read: Callable[[int], Image],
    extractor: Extractor,
    *,
    batch_size: int = 32,
    flip: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> Features:
    """Embeddings of `count` images, as `extract` says.

    Images are read ahead in threads and only their resized crops are kept, a few batches at a time.

    Args:
        read: image i as (H, W, 3) uint8 BGR; called in threads.
    """
    features = np.empty((count, extractor.embedding_size), dtype=np.float32)
    for part, crops in _read_ahead(count, read, extractor.preprocess, batch_size):
        found = extractor.embed(crops)
        if flip:
            found = found + extractor.embed(np.ascontiguousarray(crops[:, :, ::-1]))
            found = normalised(found)
        features[part] = found
        if on_progress is not None:
            on_progress(part.stop)
    return features


def _read_ahead(
    count: int, read: Callable[[int], Image], preprocess: Preprocess, batch_size: int
) -> Iterator[tuple[slice, Image]]:
    """Batches of resized crops, in order, decoded while earlier ones are used."""

    def resized(part: slice) -> Image:
        crops = np.empty((part.stop - part.start, preprocess.height, preprocess.width, 3), dtype=np.uint8)
        for row, i in enumerate(range(part.start, part.stop)):
            crops[row] = preprocess.resize_crops([read(i)])[0]
        return crops

    parts = deque(slice(start, min(start + batch_size, count)) for start in range(0, count, batch_size))
    waiting: deque[tuple[slice, Future[Image]]] = deque()
    pool = ThreadPoolExecutor(READERS, thread_name_prefix="read")
    try:
        while parts or waiting:
            while parts and len(waiting) < AHEAD:
                part = parts.popleft()
                waiting.append((part, pool.submit(resized, part)))
            part, future = waiting.popleft()
            yield part, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _open_checkpoint(path: Path, runtime: RuntimeSettings, batch_size: int) -> Extractor:
    try:
        import torch
    except ImportError:
        raise InputError(
            f"{path}: a PyTorch checkpoint needs PyTorch. Get it: {install('train')}. Or give an exported .onnx "
            "model, which does not."
        ) from None

    from deepsort_cli.reid.checkpoint import load_model
    from deepsort_cli.reid.extract import extract_features
    from deepsort_cli.reid.untrained import is_untrained, model_remarks

    name, _, index = runtime.device.partition(":")
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(
            f"`runtime.device` {runtime.device}: a checkpoint runs on cpu or cuda. Export it to ONNX for others."
        )
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError(
            f"`runtime.device` {runtime.device}: PyTorch finds no CUDA device here. Use `runtime.device`=cpu."
        )
    device = f"cuda:{index or 0}" if name == "cuda" or (name == "auto" and torch.cuda.is_available()) else "cpu"
    model, info = load_model(path, device)
    model = model.to(memory_format=torch.channels_last)  # a third faster on CPUs, much of it in depthwise convolutions

    def embed(crops: Image) -> Features:
        before = torch.get_num_threads()
        torch.set_num_threads(runtime.threads or before)
        try:
            return extract_features(model, list(crops), info.preprocess, batch_size=batch_size, device=device)
        finally:
            torch.set_num_threads(before)

    origin = "from the checkpoint" if info.source == "deepsort" else f"assumed, as {info.source} has it"
    facts = {
        "format": f"checkpoint ({info.source})",
        "architecture": info.name,
        "training_state": "untrained" if is_untrained(model, info) else info.status if info.planned_epochs else "",
        "threshold": info.metrics.get("threshold"),
        "training_data": "",
        "metrics": {name: value for name, value in info.metrics.items() if name != "threshold"},
        "license": "",
        "validation_identities": info.validation.get("identities"),
    }
    remarks, sha256 = model_remarks(model, info), file_sha256(path)
    # After epoch 0 the weights are those of the start, which knows nobody of them.
    learned = Learned(info.fingerprint, info.pids) if info.epoch and info.fingerprint else None
    return Extractor(path, embed, info.preprocess, model.embedding_size, sha256, origin, remarks, facts, learned)
