"""Appearance features of person crops with a PyTorch model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from deepsort_cli.core.errors import RunError
from deepsort_cli.core.images import read_image
from deepsort_cli.core.preprocess import Float32Array, Preprocess
from deepsort_cli.core.types import Image
from deepsort_cli.reid.backbones import Backbone


def extract_features(
    model: Backbone,
    images: Sequence[str | Path | Image],
    preprocess: Preprocess,
    *,
    batch_size: int = 64,
    device: str | torch.device = "cpu",
    on_batch: Callable[[int], None] | None = None,
) -> Float32Array:
    """Unit-length features of crops, preprocessed as the ONNX embedder does.

    Args:
        model: left in eval mode on `device`.
        images: N files or (h, w, 3) uint8 BGR arrays of any size.
        preprocess: of the model, see `CheckpointInfo.preprocess`.
        on_batch: called with the number of images done after each batch.

    Returns:
        (N, D) float32, rows in the order of `images`.

    Raises:
        InputError: a file cannot be read as an image.
        RunError: out of memory.
    """
    model.to(device).eval()
    features = np.empty((len(images), model.embedding_size), dtype=np.float32)
    for start in range(0, len(images), batch_size):
        part = images[start : start + batch_size]
        crops = preprocess.resize_crops([read_image(item) if isinstance(item, str | Path) else item for item in part])
        # Channels innermost is faster on CPUs too, and the layout of the input decides for the whole network.
        batch = torch.from_numpy(preprocess.batch(crops)).to(device, memory_format=torch.channels_last)
        try:
            with torch.inference_mode():
                output = torch.nn.functional.normalize(model(batch), dim=1)
        except torch.OutOfMemoryError:
            raise RunError(f"out of memory on {device} with batches of {batch_size}. Choose a smaller one.") from None
        features[start : start + len(part)] = output.float().cpu().numpy()
        if on_batch is not None:
            on_batch(start + len(part))
    return features
