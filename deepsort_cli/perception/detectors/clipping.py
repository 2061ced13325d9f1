"""The last step of every detector: boxes cut at the image's edge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deepsort_cli.core.types import Detections, Image


def clipped(found: Detections, image: Image) -> Detections:
    """Detections with boxes cut at the image's edge; those with nothing left inside go."""
    height, width = image.shape[:2]
    boxes = np.clip(found.boxes, 0.0, (width, height, width, height))
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return replace(found, boxes=boxes)[inside]
