"""Non-maximum suppression."""

from __future__ import annotations

import numpy as np

from deepsort_cli.core.types import FloatArray, IntArray


def nms(boxes: FloatArray, scores: FloatArray, class_ids: IntArray | None, iou_threshold: float) -> IntArray:
    """Greedy non-maximum suppression within each class.

    Args:
        boxes: (N, 4) x1 y1 x2 y2.
        scores: (N,) confidences.
        class_ids: (N,) classes; boxes of different classes never suppress each other. None: all boxes do.
        iou_threshold: a box is dropped when its IoU with a better kept one is above this.

    Returns:
        int64 positions of the boxes kept, by descending score; ties keep the order given.
    """
    order = np.argsort(-scores, kind="stable")
    x1, y1, x2, y2 = boxes[order].T
    areas = np.maximum(x2 - x1, 0.0) * np.maximum(y2 - y1, 0.0)
    classes = np.zeros(len(order), dtype=np.int64) if class_ids is None else class_ids[order]
    remaining = np.arange(len(order))
    kept = []
    while len(remaining):
        best, rest = remaining[0], remaining[1:]
        kept.append(best)
        width = np.minimum(x2[best], x2[rest]) - np.maximum(x1[best], x1[rest])
        height = np.minimum(y2[best], y2[rest]) - np.maximum(y1[best], y1[rest])
        overlap = np.maximum(width, 0.0) * np.maximum(height, 0.0)
        # Multiplied out, so that boxes without area divide nothing.
        suppressed = overlap > iou_threshold * (areas[best] + areas[rest] - overlap)
        remaining = rest[~(suppressed & (classes[rest] == classes[best]))]
    return order[np.asarray(kept, dtype=np.int64)]
