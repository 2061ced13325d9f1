"""Embeddings of image files, in order, whatever the batch size."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.preprocess import Preprocess
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.perception.settings import EmbedderReading, RuntimeSettings
from deepsort_cli.workflows import extraction
from deepsort_cli.workflows.extraction import Extractor, extract, open_extractor


def manifest(folder: Path, count: int) -> Manifest:
    """Images of one grey each: image i has the value 10 · i."""
    names = tuple(f"{i:03d}.png" for i in range(count))
    for i, name in enumerate(names):
        Image.new("RGB", (8, 16), (10 * i, 10 * i, 10 * i)).save(folder / name)
    zeros = np.zeros(count, np.int64)
    return Manifest(folder, names, zeros, zeros, True, "")


def grey(size: int = 2) -> Extractor:
    """An extractor whose embedding is the mean value of the left and of the right half."""

    def embed(crops: np.ndarray) -> np.ndarray:
        left, right = crops[:, :, : crops.shape[2] // 2], crops[:, :, crops.shape[2] // 2 :]
        return np.stack([left.mean(axis=(1, 2, 3)), right.mean(axis=(1, 2, 3))], axis=1).astype(np.float32)

    return Extractor(Path("grey"), embed, Preprocess(height=16, width=8), size, "")


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_rows_follow_the_images(tmp_path: Path, batch_size: int) -> None:
    done: list[int] = []
    features = extract(manifest(tmp_path, 20), grey(), batch_size=batch_size, on_progress=done.append)
    assert_allclose(features[:, 0], 10 * np.arange(20))
    assert done == sorted(done)
    assert done[-1] == 20


def test_flip_averages_the_mirror_image(tmp_path: Path) -> None:
    pixels = np.zeros((16, 8, 3), np.uint8)
    pixels[:, :4] = 200
    images = manifest(tmp_path, 1)
    Image.fromarray(pixels).save(images.file(0))
    assert_allclose(extract(images, grey()), [[200, 0]])
    assert_allclose(extract(images, grey(), flip=True), np.full((1, 2), np.sqrt(0.5)), rtol=1e-6)


def test_reading_ahead_is_bounded_and_ends_with_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = manifest(tmp_path, 24)
    read, seen, lock = extraction.read_image, [0], threading.Lock()

    def counting(path: Path) -> np.ndarray:
        with lock:
            seen[0] += 1
        return read(path)

    monkeypatch.setattr(extraction, "read_image", counting)
    before = set(threading.enumerate())

    def stop(done: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(images, grey(), batch_size=2, on_progress=stop)
    assert seen[0] <= 2 * (2 + extraction.AHEAD)
    assert not set(threading.enumerate()) - before


def test_damaged_and_missing_images_are_named(tmp_path: Path) -> None:
    images = manifest(tmp_path, 3)
    images.file(1).write_bytes(images.file(1).read_bytes()[:40])
    with pytest.raises(InputError, match=r"001\.png: damaged"):
        extract(images, grey())
    images.file(1).unlink()
    with pytest.raises(InputError, match=r"001\.png: cannot be read"):
        extract(images, grey())


def test_onnx_model(colour_model: Path, market: Path) -> None:
    extractor = open_extractor(colour_model)
    assert extractor.embedding_size == 48
    assert len(extractor.sha256) == 64
    names = tuple(sorted(path.name for path in (market / "query").glob("*.png")))
    zeros = np.zeros(len(names), np.int64)
    images = Manifest(market / "query", names, zeros, zeros, True, "")
    features = extract(images, extractor, batch_size=5)
    assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)
    assert_allclose(features, extract(images, extractor, batch_size=32), atol=1e-6)


def test_settings_of_reading_win_over_the_file(colour_model: Path) -> None:
    extractor = open_extractor(colour_model, reading=EmbedderReading(mean=(0.5,), color="BGR"))
    assert (extractor.preprocess.mean, extractor.preprocess.channel_order) == ((0.5, 0.5, 0.5), "BGR")
    assert extractor.origin.endswith(", but for reid.mean, reid.color of the settings")
    with pytest.raises(InputError, match="`reid.output` other: it has no such output"):
        open_extractor(colour_model, reading=EmbedderReading(output="other"))


def test_checkpoint_on_another_device(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="checkpoints need PyTorch")
    (tmp_path / "x.pth").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(InputError, match="runs on cpu or cuda"):
        open_extractor(tmp_path / "x.pth", RuntimeSettings(device="openvino"))


def test_what_is_neither_is_not_called_a_broken_onnx_model(tmp_path: Path) -> None:
    (tmp_path / "best.pth").write_bytes(bytes(100))
    with pytest.raises(InputError, match=r"best\.pth: neither an ONNX model nor a PyTorch checkpoint"):
        open_extractor(tmp_path / "best.pth")


def test_threads_of_a_checkpoint_are_its_own(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from deepsort_cli.reid.checkpoint import CheckpointInfo, save_checkpoint

    info = CheckpointInfo("osnet_x0_25", 0, 32, "bnneck", Preprocess(height=32, width=16))
    save_checkpoint(tmp_path / "m.pth", info.build().state_dict(), info)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        random = torch.get_rng_state().tolist()
        extractor = open_extractor(tmp_path / "m.pth", RuntimeSettings(threads=1))
        extractor.embed(np.zeros((1, 32, 16, 3), np.uint8))
        assert torch.get_num_threads() == 2
        assert torch.get_rng_state().tolist() == random
    finally:
        torch.set_num_threads(before)
