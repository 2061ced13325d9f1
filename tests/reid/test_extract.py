"""Features of crops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
cv2 = pytest.importorskip("cv2")

from deepsort_cli.core.preprocess import Preprocess  # noqa: E402
from deepsort_cli.reid.backbones.osnet import OSNet  # noqa: E402
from deepsort_cli.reid.extract import extract_features  # noqa: E402

PREPROCESS = Preprocess(height=64, width=32)


@pytest.fixture
def crops() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (40 + 7 * i, 20 + 3 * i, 3), dtype=np.uint8) for i in range(5)]


def test_files_and_arrays_give_the_same_unit_features(tmp_path: Path, crops: list[np.ndarray]) -> None:
    files = [tmp_path / f"{i}é.png" for i in range(len(crops))]
    for file, crop in zip(files, crops, strict=True):
        file.write_bytes(cv2.imencode(".png", crop)[1].tobytes())
    model, seen = OSNet("osnet_x0_25"), []
    from_files = extract_features(model, files, PREPROCESS, batch_size=2, on_batch=seen.append)
    from_arrays = extract_features(model, crops, PREPROCESS, batch_size=5)
    assert from_files.shape == (5, 512)
    assert from_files.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(from_files, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(from_files, from_arrays, atol=1e-5)
    assert seen == [2, 4, 5]


def test_channels_reach_the_model_in_rgb_order() -> None:
    class Mean(torch.nn.Module):
        embedding_size = 3

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.mean(dim=(2, 3))

    red = np.zeros((10, 10, 3), dtype=np.uint8)
    red[..., 2] = 255
    plain = Preprocess(height=8, width=8, mean=(0, 0, 0), std=(1, 1, 1))
    np.testing.assert_allclose(extract_features(Mean(), [red], plain), [[1, 0, 0]], atol=1e-6)


def test_no_images_no_features() -> None:
    assert extract_features(OSNet("osnet_x0_25"), [], PREPROCESS).shape == (0, 512)


def test_a_black_output_is_not_divided_by_zero() -> None:
    class Zero(torch.nn.Module):
        embedding_size = 2

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.zeros(len(images), 2)

    assert np.array_equal(extract_features(Zero(), [np.zeros((4, 4, 3), np.uint8)], PREPROCESS), [[0, 0]])


@pytest.mark.real_data
def test_public_model_tells_people_apart_across_cameras(shared_data: Path) -> None:
    """Mean cosine similarity of one person in two cameras against different persons, 60 people of CUHK03."""
    from deepsort_cli.reid.checkpoint import load_model

    model, info = load_model(shared_data / "models" / "osnet_x0_25_msmt17.pth")
    queries = sorted((shared_data / "reid/cuhk03/query").glob("*.jpg"))[:120]
    first = [path for path in queries if "_c1_" in path.name]
    second = [path for path in queries if "_c2_" in path.name]
    people = sorted({p.name[:4] for p in first} & {p.name[:4] for p in second})
    a, b = (
        extract_features(model, [next(p for p in part if p.name[:4] == person) for person in people], info.preprocess)
        for part in (first, second)
    )
    similarity = a @ b.T
    same = np.diag(similarity).mean()
    other = similarity[~np.eye(len(people), dtype=bool)].mean()
    assert len(people) > 20
    assert same > other + 0.1
