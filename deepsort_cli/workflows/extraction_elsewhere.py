"""Embeddings computed on a cluster. Pictures and model travel there, so the machines need not share any files.

A task is a few batches of pictures, as many in each as there would be on one machine, so that embeddings are the same.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deepsort_cli.core.counted import counted
from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.files import file_sha256
from deepsort_cli.core.images import image_bytes, image_of
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.perception.settings import EmbedderReading, RuntimeSettings
from deepsort_cli.settings.evaluate import EvalSettings
from deepsort_cli.workflows.extraction import Extractor, Features, embed_all, open_extractor
from deepsort_cli.workflows.workers import Cluster, Do, OnCluster, Stopped, Tell, settle_device

CHUNK = 256
"""Pictures in a task, about."""

Embed = Callable[[Manifest, Callable[[int], None]], Features]
"""Images, and who is told how many are done → their embeddings, in their order."""


def check_cluster(settings: EvalSettings, listener: Listener) -> EvalSettings:
    """Make sure that Ray is there, where a cluster is asked for, and settle on a device.

    Raises:
        InputError: it is not installed, or nobody answers at the address.
    """
    if settings.cluster is None:
        return settings
    Cluster(settings.cluster).check()
    return settings.model_copy(update={"runtime": settle_device(settings.runtime, listener)})


@contextlib.contextmanager
def embedding(extractor: Extractor, settings: EvalSettings, listener: Listener, name: str) -> Iterator[Embed | None]:
    """What embeds images on the cluster that the settings name; None where they name none.

    Args:
        name: of the model, for the listener.
    """
    if settings.cluster is None:
        yield None
        return
    runtime, batch_size = settings.runtime, settings.extraction.batch_size
    recipe = Embedding(
        extractor.path.absolute(),
        extractor.sha256,
        extractor.path.read_bytes(),
        runtime.model_copy(update={"threads": runtime.threads or 1}),
        settings.reid,
        batch_size,
        flip=settings.extraction.flip_test,
    )
    cluster = Cluster(settings.cluster, device=runtime.device)
    by_node: Counter[str] = Counter()
    with OnCluster(cluster, recipe, note=listener.note, sent=_packed, patience=0) as workers:

        def embed(images: Manifest, on_progress: Callable[[int], None]) -> Features:
            features = np.empty((len(images), extractor.embedding_size), dtype=np.float32)
            done = 0
            for ended in workers.share(_chunks(images, batch_size)):
                part: slice = ended.task.part
                if ended.lost:
                    raise RunError(f"{images.file(part.start)} and those after it: {ended.lost}")
                features[part] = ended.result
                count = part.stop - part.start
                done += count
                by_node[ended.node] += count
                on_progress(done)
                listener.progress(f"{name} on {ended.node}", by_node[ended.node], None)
            return features

        yield embed
    for node, count in sorted(by_node.items()):
        listener.note(f"{node}: {counted(count, 'picture')} embedded")


@dataclass(frozen=True)
class Chunk:
    """Pictures that are embedded together.

    Attributes:
        images: all of a set.
        part: which of them.
    """

    images: Manifest
    part: slice


def _chunks(images: Manifest, batch_size: int) -> deque[Chunk]:
    size = batch_size * max(1, CHUNK // batch_size)
    starts = range(0, len(images), size)
    return deque(Chunk(images, slice(start, min(start + size, len(images)))) for start in starts)


def _packed(chunk: Chunk) -> list[tuple[str, bytes]]:
    """Names and contents of the files.

    Raises:
        InputError: one cannot be read.
    """
    files = map(chunk.images.file, range(chunk.part.start, chunk.part.stop))
    return [(str(file), image_bytes(file)) for file in files]


@dataclass(frozen=True)
class Embedding:
    """How a worker is made that embeds pictures.

    Attributes:
        path, sha256, content: of the model; a machine that has the same file at the same path takes its own.
        runtime, reading: how it is run and read.
        batch_size: pictures given to the model at once.
        flip: average the embeddings of each image and its mirror image.
    """

    path: Path
    sha256: str
    content: bytes
    runtime: RuntimeSettings
    reading: EmbedderReading
    batch_size: int
    flip: bool

    def open(self) -> Do:
        """Open the model.

        Raises:
            InputError: it cannot be used there: PyTorch is missing for a checkpoint, perhaps, or the device is.
        """
        extractor = self._extractor()

        def embed(files: list[tuple[str, bytes]], tell: Tell, stopped: Stopped) -> Any:
            def read(i: int) -> Any:
                name, content = files[i]
                return image_of(content, name)

            return embed_all(len(files), read, extractor, batch_size=self.batch_size, flip=self.flip)

        return embed

    def _extractor(self) -> Extractor:
        if self.path.is_file() and file_sha256(self.path) == self.sha256:
            return open_extractor(self.path, self.runtime, self.batch_size, self.reading)
        with tempfile.TemporaryDirectory(prefix="deepsort-") as folder:
            copy = Path(folder) / self.path.name
            copy.write_bytes(self.content)
            try:
                return open_extractor(copy, self.runtime, self.batch_size, self.reading)
            except InputError as error:
                raise InputError(str(error).replace(str(copy), str(self.path))) from None
