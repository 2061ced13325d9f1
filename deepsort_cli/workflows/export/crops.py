"""The crops an export is verified, calibrated and measured with: real ones where some are given, else generated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepsort_cli.core.counted import counted
from deepsort_cli.core.events import Listener
from deepsort_cli.core.images import read_image
from deepsort_cli.core.preprocess import Float32Array, Preprocess
from deepsort_cli.core.types import Image
from deepsort_cli.data.loading import load_manifest
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.data.roots import check_root
from deepsort_cli.evaluation.protocol import EvaluationData, prepare
from deepsort_cli.evaluation.settings import EvaluationDataSettings
from deepsort_cli.reid.settings import ExportSettings
from deepsort_cli.workflows.evaluation_data import load_query_and_gallery
from deepsort_cli.workflows.export.verification import BATCHES


@dataclass(frozen=True)
class ExportCrops:
    """What is at hand to try the file on.

    Attributes:
        crops: (h, w, 3) uint8 BGR pictures, at least as many as the largest batch.
        origin: where they are from, in words.
        real: whether they are pictures somebody gave.
        evaluated: query and gallery to measure mAP on, where both were given.
    """

    crops: list[Image]
    origin: str
    real: bool
    evaluated: EvaluationData | None


def collect_crops(data: EvaluationDataSettings, settings: ExportSettings, listener: Listener) -> ExportCrops:
    """Real crops where a query was given, else generated ones.

    Raises:
        InputError: the data cannot be used.
    """
    images, evaluated = _real_images(data, listener, settings.ignore_camera)
    wanted = settings.calibration_crops if settings.int8 else max(BATCHES)
    if images is None:
        crops = generated_crops(wanted)
        return ExportCrops(crops, f"{len(crops)} generated crops", False, None)
    crops = _read_crops(images, wanted)
    return ExportCrops(crops, f"{counted(len(crops), 'crop')} of {images.root}", True, evaluated)


def generated_crops(count: int, seed: int = 0) -> list[Image]:
    """(h, w, 3) uint8 BGR pictures of the sizes of person crops: smooth patches of colour with grain."""
    import cv2

    rng = np.random.default_rng(seed)
    crops = []
    for _ in range(count):
        height = int(rng.integers(48, 320))
        patches = rng.uniform(0, 255, (8, 4, 3)).astype(np.float32)
        picture = cv2.resize(patches, (max(16, height * 2 // 5), height), interpolation=cv2.INTER_LINEAR)
        grain = rng.normal(0, 8, picture.shape)
        crops.append(np.clip(picture + grain, 0, 255).astype(np.uint8))
    return crops


def _real_images(
    data: EvaluationDataSettings, listener: Listener, ignore_camera: bool
) -> tuple[Manifest | None, EvaluationData | None]:
    """The images to take crops from, and the data to measure mAP on, where they were given."""
    if data.root is None and data.gallery is None and data.query is not None:
        check_root(data.query)
        scan = data.scan.model_copy(update={"drop_small": False})
        return load_manifest(data.query, scan, notify=listener.note), None
    if data.root is None and data.gallery is None:
        return None, None
    query, gallery = load_query_and_gallery(data, listener, ignore_camera=ignore_camera)
    images = prepare(query, gallery, ignore_camera=ignore_camera, key="export.ignore_camera")
    return images.query, images


def _read_crops(images: Manifest, count: int) -> list[Image]:
    """`count` images spread over a dataset; all of them, again and again, where there are fewer than a batch."""
    count = max(*BATCHES, min(count, len(images)))
    chosen = np.linspace(0, len(images) - 1, count).round().astype(int)
    return [read_image(images.file(int(i))) for i in chosen]


def calibration_batches(crops: Sequence[Image], preprocess: Preprocess, batch: int | None) -> list[Float32Array]:
    """All crops as preprocessed batches of one size; the first ones again to fill the last."""
    size = batch or 16
    crops = list(crops[: max(size, len(crops) // size * size)])
    crops += crops[: -len(crops) % size]
    return [preprocess.batch(preprocess.resize_crops(crops[i : i + size])) for i in range(0, len(crops), size)]
