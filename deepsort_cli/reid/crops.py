"""Training images: decoded once and kept in memory where they fit, augmented with torchvision.transforms.v2."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter
from torchvision.transforms import v2

from deepsort_cli.core.children import killed_with_program
from deepsort_cli.core.cpus import can_start_processes, free_shared_memory
from deepsort_cli.core.images import read_image
from deepsort_cli.core.preprocess import Float32Array, Preprocess
from deepsort_cli.core.signals import leave_endings_to_parent, unreachable_by_endings
from deepsort_cli.core.types import Image, IntArray
from deepsort_cli.reid.distributed import Ranks
from deepsort_cli.reid.sampler import seed_of
from deepsort_cli.reid.settings import AugmentSettings

DECODE_AHEAD = 256
"""Images decoded between two looks at the memory they take."""

WORKER_START = "fork" if sys.platform == "linux" else None
"""How loader processes start; None: the system's own way."""

PREFETCH = 4
"""Batches that each loader process prepares ahead."""


class Crops(Sequence[Image]):
    """BGR crops of a list of files: `crops[i]` decodes file i, or takes it from memory after `cache`.

    Args:
        files: N image files.
        preprocess: of the model; what is larger than its input is kept in memory at input size.
    """

    def __init__(self, files: Sequence[Path], preprocess: Preprocess):
        self.files = files
        self.preprocess = preprocess
        self.pixels: Tensor | None = None
        self.starts: IntArray = np.empty(0, dtype=np.int64)
        self.shapes: IntArray = np.empty((0, 2), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i):  # type: ignore[no-untyped-def]  # Sequence wants overloads
        if isinstance(i, slice):
            return [self[k] for k in range(*i.indices(len(self)))]
        if self.pixels is None:
            return read_image(self.files[i])
        height, width = self.shapes[i].tolist()
        return self.pixels[self.starts[i] : self.starts[i] + height * width * 3].view(height, width, 3).numpy()

    def cache(self, limit: int, on_progress: Callable[[int], None] | None = None) -> int:
        """Decode all files into memory, unless they take more than `limit` bytes.

        Returns:
            Bytes kept; 0 if they did not fit.

        Raises:
            InputError: a file cannot be read.
        """
        kept: list[Image] = []
        size = 0
        with ThreadPoolExecutor(max_workers=4) as pool:
            for start in range(0, len(self), DECODE_AHEAD):
                kept += pool.map(self._small, self.files[start : start + DECODE_AHEAD])
                size += sum(crop.nbytes for crop in kept[start:])
                if size > limit:
                    return 0
                if on_progress is not None:
                    on_progress(len(kept))
        self.shapes = np.array([crop.shape[:2] for crop in kept], dtype=np.int64).reshape(-1, 2)
        ends = np.cumsum(self.shapes.prod(axis=1) * 3)
        self.starts = np.concatenate([[0], ends[:-1]])
        flat = np.concatenate([crop.reshape(-1) for crop in kept]) if kept else np.empty(0, dtype=np.uint8)
        self.pixels = torch.from_numpy(flat)
        if WORKER_START != "fork":  # forked loader processes see this memory as it is; others would get copies
            self.pixels = self.pixels.share_memory_()  # type: ignore[no-untyped-call]
        return size

    def _small(self, file: Path) -> Image:
        crop = read_image(file)
        if crop.shape[0] * crop.shape[1] > self.preprocess.height * self.preprocess.width:
            crop = self.preprocess.resize_crops([crop])[0]
        return crop


def half_size(preprocess: Preprocess) -> Preprocess:
    """The same at half the input height and width."""
    return preprocess.model_copy(update={"height": preprocess.height // 2, "width": preprocess.width // 2})


def build_augmentation(settings: AugmentSettings, preprocess: Preprocess) -> v2.Compose:
    """uint8 (3, H, W) of input size → normalised float32 (3, H, W), changed at random.

    Order and strengths follow Luo et al. 2019. Erasing comes after normalising, so that its 0 is the mean colour.
    """
    steps: list[torch.nn.Module] = []
    if settings.flip:
        steps.append(v2.RandomHorizontalFlip(settings.flip))
    padding = settings.padding(preprocess.height)
    if padding:
        steps.append(v2.RandomCrop((preprocess.height, preprocess.width), padding=padding))
    if settings.jitter:
        jitter = v2.ColorJitter(settings.brightness, settings.contrast, settings.saturation, settings.hue)
        steps.append(v2.RandomApply([jitter], settings.jitter))
    if settings.grayscale:
        steps.append(v2.RandomGrayscale(settings.grayscale))
    steps += [v2.ToDtype(torch.float32, scale=True), v2.Normalize(preprocess.mean, preprocess.std, inplace=True)]
    if settings.erase:
        steps.append(v2.RandomErasing(settings.erase, settings.erase_area, settings.erase_ratio, value=0, inplace=True))
    return v2.Compose(steps)


class TrainingImages(Dataset[tuple[Tensor, int]]):
    """Augmented images with their class, at the input size or half of it.

    An index is (image, seed, half): the seed alone decides the augmentation.
    """

    def __init__(self, crops: Crops, classes: IntArray, augment: AugmentSettings):
        self.crops = crops
        self.classes = classes
        half = half_size(crops.preprocess)
        half_padding = augment.padding(crops.preprocess.height) // 2
        self.sizes = (
            (crops.preprocess, build_augmentation(augment, crops.preprocess)),
            (half, build_augmentation(augment.model_copy(update={"pad": half_padding}), half)),
        )

    def __len__(self) -> int:
        return len(self.crops)

    def __getitem__(self, index: tuple[int, int, bool]) -> tuple[Tensor, int]:
        i, seed, half = index
        preprocess, augment = self.sizes[half]
        crop = preprocess.resize_crops([self.crops[i]])[0]
        if preprocess.channel_order == "RGB":
            crop = crop[..., ::-1]
        image = torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1)))
        torch.default_generator.manual_seed(seed)
        return augment(image), int(self.classes[i])


class EpochBatches:
    """The indices of one epoch for a DataLoader: image positions with their augmentation seeds and size.

    A seed depends on the run's seed, the epoch and the place in the batch of all processes, so neither the number of
    workers nor that of processes nor an interruption changes what is drawn.

    """

    def __init__(self) -> None:
        self.batches: IntArray = np.empty((0, 0), dtype=np.int64)
        self.seed = self.epoch = self.start = 0
        self.columns = slice(0)
        self.half = False

    def set(self, batches: IntArray, seed: int, epoch: int, start: int, ranks: Ranks, half: bool = False) -> None:
        """Choose what to deliver next.

        Args:
            batches: (steps, images) of all processes; each computes its columns, which hold whole identities.
            start: first step to deliver.
            half: images at half the input size.
        """
        self.half = half
        self.batches, self.seed, self.epoch, self.start = batches, seed, epoch, start
        share = batches.shape[1] // ranks.world
        self.columns = slice(ranks.rank * share, (ranks.rank + 1) * share)

    def __len__(self) -> int:
        return len(self.batches) - self.start

    def __iter__(self) -> Iterator[list[tuple[int, int, bool]]]:
        for step, batch in enumerate(self.batches[self.start :], self.start):
            rng = np.random.default_rng(seed_of(self.seed, self.epoch, step))
            seeds = rng.integers(0, 2**62, size=len(batch))[self.columns]
            yield [(i, s, self.half) for i, s in zip(batch[self.columns].tolist(), seeds.tolist(), strict=True)]


class Loader:
    """Batches from a DataLoader, which may have been packed into plain arrays on the way; see `build_loader`.

    To be closed when done with: what holds its iterator after an error (a traceback) would keep the worker processes,
    which heed no SIGTERM, and this program would wait for them for ever when it ends.
    """

    def __init__(self, loader: DataLoader[tuple[Tensor, int]], pin: bool):
        self.loader = loader
        self.pin = pin
        self._batches: Any = None

    @property
    def workers(self) -> int:
        return self.loader.num_workers

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        with unreachable_by_endings():  # starts the worker processes
            self._batches = iter(self.loader)
            for process in getattr(self._batches, "_workers", ()):  # none where there are no workers
                killed_with_program(process)
        try:
            for images, classes in self._batches:
                if isinstance(images, np.ndarray):
                    images, classes = torch.from_numpy(images), torch.from_numpy(classes)
                    if self.pin:
                        images, classes = images.pin_memory(), classes.pin_memory()
                yield images, classes
        except (ConnectionError, EOFError) as error:  # heard before PyTorch knows of the death, and says so
            raise RuntimeError(f"DataLoader worker is gone: {error}") from error

    def close(self) -> None:
        """End the worker processes."""
        batches, self._batches, self.loader._iterator = self._batches, None, None
        if isinstance(batches, _MultiProcessingDataLoaderIter):
            with contextlib.suppress(RuntimeError):  # tells again of a worker's death
                batches._shutdown_workers()  # PyTorch has no public way before the iterator is forgotten
            for process in batches._workers:
                process.kill()  # stuck, say in a queue that another one died in
                process.join()


def build_loader(
    images: TrainingImages,
    batches: EpochBatches,
    workers: int,
    pin: bool,
    *,
    batch_size: int = 0,
    note: Callable[[str], None] | None = None,
) -> Loader:
    """A loader that walks through `batches`; worker processes live as long as it does.

    PyTorch's workers hand over batches in /dev/shm, which is small in containers; a process that writes more than it
    holds is killed. Batches that might not fit there go through pipes instead, which costs a copy.

    Args:
        batch_size: images per step of all processes.
        note: told where this machine leaves no choice.
    """
    say = note or (lambda text: None)
    if workers and not can_start_processes():
        say(
            "Loader processes cannot work together here (/dev/shm cannot be written, or this process is a worker "
            "itself): `training.workers`=0 is used."
        )
        workers = 0
    size = images.crops.preprocess
    needed = batch_size * 3 * size.height * size.width * 4 * (PREFETCH * workers + 2)
    free = free_shared_memory()
    piped = workers > 0 and needed > free / 2
    if piped:
        say(
            f"/dev/shm has {free / 2**20:.0f} MB left, so loader processes send their batches through pipes, which is "
            f"slower. For containers (docker run): --shm-size {max(1, round(2 * needed / 2**30))}g."
        )
    loader = DataLoader(
        images,
        batch_sampler=batches,
        num_workers=workers,
        pin_memory=pin and not piped,
        persistent_workers=workers > 0,
        prefetch_factor=PREFETCH if workers else None,
        worker_init_fn=_start_worker,
        collate_fn=_as_arrays if piped else None,
        multiprocessing_context=WORKER_START if workers else None,
    )
    return Loader(loader, pin)


def _as_arrays(items: list[tuple[Tensor, int]]) -> tuple[Float32Array, IntArray]:
    return np.stack([image.numpy() for image, _ in items]), np.array([number for _, number in items], dtype=np.int64)


def _start_worker(_: int) -> None:
    import cv2

    leave_endings_to_parent()  # the training itself decides when to stop
    cv2.setNumThreads(0)
