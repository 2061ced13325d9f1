"""Evaluations of made-up embeddings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepsort_cli.data.manifest import Manifest
from deepsort_cli.evaluation.evaluate import Evaluation, evaluate
from deepsort_cli.evaluation.protocol import prepare
from deepsort_cli.evaluation.settings import EvaluationSettings

MakeManifest = Callable[..., Manifest]


def _manifest(
    pids: object, camids: object, *, root: Path | str = "data", has_cameras: bool = True, prefix: str = "image"
) -> Manifest:
    pids, camids = np.asarray(pids, np.int64), np.asarray(camids, np.int64)
    names = tuple(f"{prefix}{i:05d}.png" for i in range(len(pids)))
    return Manifest(Path(root), names, pids, camids, has_cameras, "f" * 40)


@pytest.fixture
def make_manifest() -> MakeManifest:
    """A manifest from person and camera ids: make_manifest(pids, camids, root=…, has_cameras=…)."""
    return _manifest


@pytest.fixture
def make_evaluation(tmp_path: Path) -> Callable[..., Evaluation]:
    """An evaluation of people as random directions plus noise, two cameras; image files exist where asked for."""

    def make(
        identities: int = 12, noise: float = 0.9, seed: int = 0, files: bool = False, **options: object
    ) -> Evaluation:
        rng = np.random.default_rng(seed)
        centres = rng.normal(size=(identities, 16))
        q_pids, q_cams = np.repeat(np.arange(1, identities + 1), 2), np.tile([1, 2], identities)
        g_pids, g_cams = np.repeat(np.arange(1, identities + 1), 4), np.tile([1, 1, 2, 2], identities)
        query = _manifest(q_pids, q_cams, root=tmp_path / "query")
        gallery = _manifest(g_pids, g_cams, root=tmp_path / "gallery")
        if files:
            for images in (query, gallery):
                images.root.mkdir(exist_ok=True)
                for i in range(len(images)):
                    colour = tuple(int(x) for x in 128 + 60 * np.tanh(centres[images.pids[i] - 1, :3]))
                    Image.new("RGB", (16, 32), colour).save(images.file(i))
        features = [
            (centres[x.pids - 1] + noise * rng.normal(size=(len(x), 16))).astype(np.float32) for x in (query, gallery)
        ]
        return evaluate(prepare(query, gallery), *features, EvaluationSettings(**options))

    return make
