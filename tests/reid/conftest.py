"""Generated people for training tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def make_people(folder: Path, identities: int, per_camera: int = 4, cameras: int = 2, seed: int = 0) -> Path:
    """Write crops of people that clothing tells apart, whatever camera tints and shifts the picture.

    Names follow Market-1501: `0001_c1_f0000000.png`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    tints = rng.uniform(0.85, 1.15, (cameras, 3))
    backgrounds = rng.integers(0, 256, (cameras, 3))
    for pid in range(1, identities + 1):
        shirt, trousers, stripe = rng.integers(0, 256, (3, 3))
        for camera in range(cameras):
            for shot in range(per_camera):
                picture = np.empty((64, 32, 3))
                picture[:] = backgrounds[camera]
                dx, dy = rng.integers(-3, 4, 2)
                picture[8 + dy : 34 + dy, 8 + dx : 24 + dx] = shirt
                picture[14 + dy : 18 + dy, 8 + dx : 24 + dx] = stripe
                picture[34 + dy : 60 + dy, 10 + dx : 22 + dx] = trousers
                picture = picture * tints[camera] + rng.normal(0, 8, picture.shape)
                name = f"{pid:04d}_c{camera + 1}_f{shot:07d}.png"
                Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(folder / name)
    return folder


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 people, two cameras, three shots each; tests must not write into it."""
    return make_people(tmp_path_factory.mktemp("people"), 16, per_camera=3)
