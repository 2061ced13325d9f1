"""Training images: the same from memory, from files and from any number of processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from deepsort_cli.core.preprocess import Preprocess  # noqa: E402
from deepsort_cli.core.signals import ENDINGS  # noqa: E402
from deepsort_cli.reid import crops as crops_module  # noqa: E402
from deepsort_cli.reid.crops import Crops, EpochBatches, TrainingImages, build_augmentation, build_loader  # noqa: E402
from deepsort_cli.reid.distributed import Ranks  # noqa: E402
from deepsort_cli.reid.settings import AugmentSettings  # noqa: E402

SIZE = Preprocess(height=48, width=24)
OFF = AugmentSettings(flip=0, pad=0, erase=0, jitter=0)


@pytest.fixture
def files(people: Path) -> list[Path]:
    return sorted(people.glob("*.png"))[:24]


def test_memory_holds_what_files_hold(files: list[Path]) -> None:
    from_files, from_memory = Crops(files, Preprocess()), Crops(files, Preprocess())
    done: list[int] = []
    assert from_memory.cache(1 << 20, done.append) == 24 * 64 * 32 * 3
    assert done[-1] == 24
    assert all(np.array_equal(a, b) for a, b in zip(from_files, from_memory, strict=True))
    assert len(from_memory[3:7]) == 4


def test_crops_above_input_size_are_kept_small(files: list[Path]) -> None:
    small = Preprocess(height=32, width=16)
    crops = Crops(files, small)
    assert crops.cache(1 << 20) == 24 * 32 * 16 * 3
    assert np.array_equal(crops[0], small.resize_crops([Crops(files, small)[0]])[0])


def test_what_does_not_fit_is_not_kept(files: list[Path]) -> None:
    crops = Crops(files, Preprocess())
    assert crops.cache(1000) == 0
    assert crops[0].shape == (64, 32, 3)


def test_without_augmentation_the_input_is_that_of_inference(files: list[Path]) -> None:
    crops = Crops(files, SIZE)
    image, label = TrainingImages(crops, np.arange(24), OFF)[(5, 0, False)]
    expected = SIZE.batch(SIZE.resize_crops([crops[5]]))[0]
    np.testing.assert_allclose(image.numpy(), expected, atol=1e-5)
    assert label == 5


def loaded(files: list[Path], workers: int, ranks: Ranks = Ranks(), start: int = 0) -> list:  # noqa: B008
    images = TrainingImages(Crops(files, SIZE), np.arange(24), AugmentSettings(jitter=0.5))
    batches = EpochBatches()
    batches.set(np.arange(24).reshape(3, 8), seed=1, epoch=2, start=start, ranks=ranks)
    found = []
    with contextlib.closing(build_loader(images, batches, workers, pin=False)) as loader:
        for batch in loader:
            found.append(batch)
            for worker in multiprocessing.active_children():  # service managers stop all processes of a service at once
                worker.terminate()
    return found


def test_workers_interruptions_and_processes_change_nothing(files: list[Path]) -> None:
    alone = loaded(files, workers=0)
    assert len(alone) == 3
    for (image, label), (other_image, other_label) in zip(alone, loaded(files, workers=2), strict=True):
        assert torch.equal(image, other_image)
        assert torch.equal(label, other_label)
    assert torch.equal(loaded(files, workers=0, start=2)[0][0], alone[2][0])
    halves = [loaded(files, workers=0, ranks=Ranks(rank, 2, rank)) for rank in (0, 1)]
    assert torch.equal(torch.cat([half[1][0] for half in halves]), alone[1][0])


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_what_stops_a_service_reaches_no_worker_that_still_starts(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = loaded(files, workers=0)
    start = crops_module._start_worker

    def start_late(number: int) -> None:
        time.sleep(number)  # the first one's batch is there while the second one starts
        start(number)

    monkeypatch.setattr(crops_module, "_start_worker", start_late)
    for (image, _), (other, _) in zip(alone, loaded(files, workers=2), strict=True):
        assert torch.equal(image, other)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []).isdisjoint(ENDINGS), "the training itself hears them"


def test_closing_ends_the_workers_that_a_traceback_keeps(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """They heed no SIGTERM; a program ends only when its processes have."""
    monkeypatch.setattr(torch.utils.data._utils, "MP_STATUS_CHECK_INTERVAL", 0.2)
    start = crops_module._start_worker

    def start_stuck(number: int) -> None:
        start(number)
        time.sleep(3600 * number)

    monkeypatch.setattr(crops_module, "_start_worker", start_stuck)
    images = TrainingImages(Crops(files, SIZE), np.arange(24), OFF)
    batches = EpochBatches()
    batches.set(np.arange(24).reshape(3, 8), seed=1, epoch=2, start=0, ranks=Ranks())
    with contextlib.closing(build_loader(images, batches, 2, pin=False)) as loader:
        source = iter(loader)
        next(source)
        first, _ = sorted(multiprocessing.active_children(), key=lambda process: process.pid or 0)
        with pytest.raises(RuntimeError, match="DataLoader worker") as held:
            first.kill()
            list(source)
        assert multiprocessing.active_children()
    assert multiprocessing.active_children() == []
    assert held.tb is not None
    loader.close()  # once more is no harm


def test_seed_decides_the_augmentation(files: list[Path]) -> None:
    images = TrainingImages(Crops(files, SIZE), np.arange(24), AugmentSettings())
    assert torch.equal(images[(0, 7, False)][0], images[(0, 7, False)][0])
    distinct = {images[(0, seed, False)][0].sum().item() for seed in range(8)}
    assert len(distinct) == 8


def test_half_size_is_the_same_picture_smaller(files: list[Path]) -> None:
    crops = Crops(files, SIZE)
    crops.cache(10**7)  # kept at the full size
    images = TrainingImages(crops, np.arange(24), OFF)
    (whole, _), (half, label) = images[(5, 0, False)], images[(5, 0, True)]
    assert (whole.shape, half.shape, label) == ((3, 48, 24), (3, 24, 12), 5)
    assert (torch.nn.functional.avg_pool2d(whole[None], 2)[0] - half).abs().mean() < 0.1


def test_erased_pixels_have_the_mean_colour() -> None:
    augment = build_augmentation(AugmentSettings(flip=0, pad=0, erase=1, erase_area=(0.2, 0.3)), SIZE)
    torch.manual_seed(0)
    image = augment(torch.full((3, 48, 24), 255, dtype=torch.uint8))
    erased = (image == 0).all(dim=0)
    assert 0.15 < erased.float().mean() < 0.35
    assert (image[:, ~erased] > 1).all()  # white, far from the mean


def test_padded_crop_keeps_the_size() -> None:
    augment = build_augmentation(AugmentSettings(flip=0, erase=0, pad=10), SIZE)
    shapes = {tuple(augment(torch.zeros(3, 48, 24, dtype=torch.uint8)).shape) for _ in range(5)}
    assert shapes == {(3, 48, 24)}


def loader_said(files: list[Path], workers: int) -> tuple[list, list[str], int]:
    said: list[str] = []
    batches = EpochBatches()
    batches.set(np.arange(24).reshape(3, 8), seed=1, epoch=2, start=0, ranks=Ranks())
    images = TrainingImages(Crops(files, SIZE), np.arange(24), AugmentSettings(jitter=0.5))
    with contextlib.closing(
        build_loader(images, batches, workers, pin=False, batch_size=8, note=said.append)
    ) as loader:
        return list(loader), said, loader.workers


def test_small_shared_memory_changes_the_way_not_the_batches(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = loaded(files, workers=0)
    monkeypatch.setattr("deepsort_cli.reid.crops.free_shared_memory", lambda: 64e3)
    batches, said, workers = loader_said(files, workers=2)
    assert workers == 2
    assert len(said) == 1
    assert "--shm-size" in said[0]
    for (image, label), (other_image, other_label) in zip(alone, batches, strict=True):
        assert torch.equal(image, other_image)
        assert torch.equal(label, other_label)


def test_where_processes_cannot_be_started_there_are_none(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepsort_cli.reid.crops.can_start_processes", lambda: False)
    batches, said, workers = loader_said(files, workers=2)
    assert (workers, len(batches)) == (0, 3)
    assert "`training.workers`=0" in said[0]


def test_enough_shared_memory_needs_no_word(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepsort_cli.reid.crops.free_shared_memory", lambda: 1e12)
    assert loader_said(files, workers=0)[1] == []


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no /dev/shm")
def test_decoded_crops_take_no_shared_memory(files: list[Path]) -> None:
    before = set(Path("/dev/shm").iterdir())
    crops = Crops(files, SIZE)
    assert crops.cache(10**7) > 0
    assert crops.pixels is not None
    assert not crops.pixels.is_shared()
    assert not {path for path in set(Path("/dev/shm").iterdir()) - before if f"_{os.getpid()}_" in path.name}
